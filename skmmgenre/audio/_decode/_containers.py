"""Detect the container of an audio file and the length of the tags before its audio data."""

from typing import NamedTuple

from ._view import size_of


class Container(NamedTuple):
    """A file format that PyAV decodes."""

    name: str
    demuxer: str  # ffmpeg's name; without it, ffmpeg might try demuxers that open other files
    place: int
    mark: bytes


_CONTAINERS = (
    Container("MP4 (m4a: AAC or Apple Lossless)", "mov", 4, b"ftyp"),
    # MPEG-4 and MPEG-2, without and with a checksum; MP3 differs in the bits of the layer.
    Container("AAC", "aac", 0, b"\xff\xf1"),
    Container("AAC", "aac", 0, b"\xff\xf0"),
    Container("AAC", "aac", 0, b"\xff\xf9"),
    Container("AAC", "aac", 0, b"\xff\xf8"),
    Container("Windows Media (WMA)", "asf", 0, b"0&\xb2u\x8ef\xcf\x11"),
    Container("WebM or Matroska", "matroska", 0, b"\x1aE\xdf\xa3"),
    Container("Monkey's Audio (APE)", "ape", 0, b"MAC "),
)

_START = 1 << 16  # bytes in which a file declares its size
_ASF_PROPERTIES = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
_SEGMENT = b"\x18\x53\x80\x67"  # of Matroska
_SIGNATURE = 26  # bytes, up to the end of the length that a FLAC declares
# Written by ffmpeg to a pipe. libsndfile (1.2.2) cannot read it to its end.
_STREAMED_FLAC = Container("FLAC without a declared length", "flac", 0, b"fLaC")


def length_of_id3(file, start=0):
    """Return the end of the ID3v2 tags before the audio data.

    Parameters
    ----------
    file : binary file
        Left at any position.
    start : int, default=0
        Start of the tags in bytes.

    Returns
    -------
    end : int
        End of the tags in bytes; `start` if there are none.
    """
    length = start
    while True:
        file.seek(length)
        head = file.read(10)
        if len(head) < 10 or not head.startswith(b"ID3") or (size := size_of_id3(head)) is None:
            return length
        length += size + 10 * bool(head[5] & 0x10)  # with the footer, if any


def size_of_id3(head):
    """Return the size of an ID3v2 tag in bytes.

    Parameters
    ----------
    head : bytes
        First ten bytes of the tag.

    Returns
    -------
    size : int or None
        Size including these bytes, without a footer; None if they do not declare a valid size.
    """
    size = 0
    for byte in head[6:10]:  # seven bits each
        if byte > 127:
            return None
        size = size << 7 | byte
    return 10 + size


def signature_of(file):
    """Read the first bytes of a file after its tags, which identify the format.

    Parameters
    ----------
    file : binary file
        Left at any position.

    Returns
    -------
    signature : bytes
        26 bytes, or fewer if the file ends earlier.
    """
    file.seek(length_of_id3(file))
    return file.read(_SIGNATURE)


def container_of(signature):
    """Return the container of a file that PyAV decodes.

    Parameters
    ----------
    signature : bytes
        See `signature_of`.

    Returns
    -------
    container : Container or None
        None if libsndfile decodes the file.
    """
    if signature.startswith(_STREAMED_FLAC.mark) and len(signature) == _SIGNATURE:
        # The last 36 bits are the number of samples; 0 means unknown.
        n_frames = int.from_bytes(signature[18:], "big") & (1 << 36) - 1
        return None if n_frames else _STREAMED_FLAC
    return next((c for c in _CONTAINERS if signature[c.place :].startswith(c.mark)), None)


def is_cut_short(file, container):
    """Return whether a file has fewer bytes than it declares.

    Parameters
    ----------
    file : binary file
        Left at any position.
    container : Container

    Returns
    -------
    is_cut_short : bool or None
        None if the file does not declare its size, or in an unknown way.
    """
    n_bytes = None
    length = size_of(file)
    file.seek(0)
    start = file.read(_START)
    if container.demuxer == "asf" and (at := start.find(_ASF_PROPERTIES)) >= 0:
        # The size of the file follows the object's GUID (16 bytes), the object's size (8) and the
        # file's GUID (16).
        n_bytes = int.from_bytes(start[at + 40 : at + 48], "little")
    elif container.demuxer == "matroska" and 0 <= (at := start.find(_SEGMENT)) < len(start) - 12:
        # The leading zeros of a number give its length in bytes; all ones means unknown.
        n_more = 8 - start[at + 4].bit_length()
        end = at + 5 + n_more
        most = (1 << 7 * (n_more + 1)) - 1
        n_content = int.from_bytes(start[at + 4 : end], "big") & most
        n_bytes = end + n_content if n_content < most else None
    return length < n_bytes if n_bytes else None
