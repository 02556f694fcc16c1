"""Read the chunks of a WAV file, for files whose header libsndfile cannot use."""

import struct

from ._view import View, size_of

_MOST_CHUNKS = 1000
_MOST_SIZE = 0xFFFFF000  # largest size of the samples in bytes that a header can declare
_MOST_FORMAT = 1 << 12  # largest size of the format chunk in bytes; 40 is usual


def plain_wav(file):
    """Return a view of a WAV file that only has its format and its samples.

    It can be read even if another chunk is malformed, or if the program that wrote the file stopped
    before it filled in the sizes: samples with a declared size of 0 extend to the end of the file,
    unless other chunks follow.

    Parameters
    ----------
    file : seekable binary file

    Returns
    -------
    view : View or None
        None if the file is not WAV, or has no format or no samples.
    """
    chunks = {}
    for name, start, size in _chunks(file):
        chunks.setdefault(name, (start, size))
    if b"fmt " not in chunks or b"data" not in chunks:
        return None
    start, size = chunks[b"fmt "]
    file.seek(start)
    described = file.read(min(size, _MOST_FORMAT))
    start, size = chunks[b"data"]
    length = size_of(file) - start
    if size == 0 and not _chunks_follow(file, start):
        size = length
    if size == 0:
        return None
    return View(file, start, start + size, wav_header(described, size))


def wav_header(described, size):
    """Return the header of a WAV file.

    Parameters
    ----------
    described : bytes
        Content of the format chunk.
    size : int
        Size of the samples in bytes.

    Returns
    -------
    header : bytes
    """
    size = min(size, _MOST_SIZE)
    head = b"WAVE" + _chunk(b"fmt ", described) + b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", len(head) + size) + head


def samples_of_wav(file):
    """Return a view of the samples of a WAV file.

    Parameters
    ----------
    file : seekable binary file

    Returns
    -------
    view : View or None
        None if there is no chunk of samples.
    """
    for name, start, size in _chunks(file):
        if name == b"data":
            return View(file, start, start + size)
    return None


def _chunks(file):
    """Yield the name, the position of the content and the declared size of each chunk."""
    file.seek(0)
    head = file.read(12)
    if head[:4] != b"RIFF" or head[8:] != b"WAVE":
        return
    yield from _chunks_from(file, 12)


def _chunks_from(file, place):
    for _ in range(_MOST_CHUNKS):
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        size = int.from_bytes(head[4:], "little")
        yield head[:4], place + 8, size
        place += 8 + size + size % 2


def _chunks_follow(file, place):
    """Return whether the rest of a file consists of named chunks that fit into it."""
    length = size_of(file)
    end = place
    for name, start, size in _chunks_from(file, place):
        if not (name.isascii() and name.decode().isprintable()) or start + size > length:
            return False
        end = start + size
    # A byte that pads the last chunk to an even size belongs to no chunk.
    return end >= length - 1


def _chunk(name, content):
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
