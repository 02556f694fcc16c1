"""What kind of file a sound file is, and how long the tags in front of its sound are."""

from typing import NamedTuple

from ._view import size_of


class Container(NamedTuple):
    """A kind of file that PyAV is to decode."""

    name: str
    demuxer: str  # ffmpeg's name; naming it keeps ffmpeg from trying those that open other files
    place: int
    mark: bytes


_CONTAINERS = (
    Container("MP4 (m4a: AAC or Apple Lossless)", "mov", 4, b"ftyp"),
    # MPEG-4 and MPEG-2, without and with a checksum; the bits of an MP3's layer are other.
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
_SIGNATURE = 26  # bytes: a FLAC declares its length up to there
# What ffmpeg writes to a pipe. libsndfile (1.2.2) cannot read it to its end.
_STREAMED_FLAC = Container("FLAC that declares no length", "flac", 0, b"fLaC")


def length_of_id3(file, start=0):
    """Return where the ID3v2 tags end that stand in front of the sound.

    Parameters
    ----------
    file : binary file
        Is left at any place.
    start : int, default=0
        Where the tags begin, in bytes.

    Returns
    -------
    end : int
        `start` if there are none.
    """
    length = start
    while True:
        file.seek(length)
        head = file.read(10)
        if len(head) < 10 or not head.startswith(b"ID3") or (size := size_of_id3(head)) is None:
            return length
        length += size + 10 * bool(head[5] & 0x10)  # and a footer


def size_of_id3(head):
    """Return how many bytes an ID3v2 tag has.

    Parameters
    ----------
    head : bytes
        The ten with which it begins.

    Returns
    -------
    size : int or None
        With these bytes and without a footer; None if they declare no size.
    """
    size = 0
    for byte in head[6:10]:  # seven bits each
        if byte > 127:
            return None
        size = size << 7 | byte
    return 10 + size


def signature_of(file):
    """Read the first bytes of a file, behind its tags: they tell its kind.

    Parameters
    ----------
    file : binary file
        Is left at any place.

    Returns
    -------
    signature : bytes
        26 of them; fewer of a file that ends there.
    """
    file.seek(length_of_id3(file))
    return file.read(_SIGNATURE)


def container_of(signature):
    """Tell what kind of a file that PyAV is to decode a file is.

    Parameters
    ----------
    signature : bytes
        See `signature_of`.

    Returns
    -------
    container : Container or None
    """
    if signature.startswith(_STREAMED_FLAC.mark) and len(signature) == _SIGNATURE:
        n_frames = int.from_bytes(signature[18:], "big") & (1 << 36) - 1
        return None if n_frames else _STREAMED_FLAC
    return next((c for c in _CONTAINERS if signature[c.place :].startswith(c.mark)), None)


def is_cut_short(file, container):
    """Tell whether a file has fewer bytes than it declares.

    Parameters
    ----------
    file : binary file
        Is left at any place.
    container : Container

    Returns
    -------
    is_cut_short : bool or None
        None if it declares none, or where is not known.
    """
    n_bytes = None
    length = size_of(file)
    file.seek(0)
    start = file.read(_START)
    if container.demuxer == "asf" and (at := start.find(_ASF_PROPERTIES)) >= 0:
        n_bytes = int.from_bytes(start[at + 40 : at + 48], "little")
    elif container.demuxer == "matroska" and 0 <= (at := start.find(_SEGMENT)) < len(start) - 12:
        # A number says by the zeros in front how many bytes it has; only ones are unknown.
        n_more = 8 - start[at + 4].bit_length()
        end = at + 5 + n_more
        most = (1 << 7 * (n_more + 1)) - 1
        n_content = int.from_bytes(start[at + 4 : end], "big") & most
        n_bytes = end + n_content if n_content < most else None
    return length < n_bytes if n_bytes else None
