"""The chunks of a WAV file: read where libsndfile cannot use what its header declares."""

import struct

from ._view import View, size_of

_MOST_CHUNKS = 1000
_MOST_SIZE = 0xFFFFF000  # bytes of samples that a header can declare
_MOST_FORMAT = 1 << 12  # bytes of a chunk that describes the format: 40 are usual


def plain_wav(file):
    """Show a WAV file as its format and its samples alone.

    That is how it can be read if another chunk is malformed, or if its writer stopped before it
    could fill in the sizes: samples of which 0 bytes are declared reach to the end of the file,
    unless other chunks follow.

    Parameters
    ----------
    file : seekable binary file

    Returns
    -------
    view : View or None
        None if it is not a WAV file, or has no format or no samples.
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
        Content of the chunk that describes the format.
    size : int
        Bytes of the samples.

    Returns
    -------
    header : bytes
    """
    size = min(size, _MOST_SIZE)
    head = b"WAVE" + _chunk(b"fmt ", described) + b"data" + struct.pack("<I", size)
    return b"RIFF" + struct.pack("<I", len(head) + size) + head


def samples_of_wav(file):
    """Show the content of the chunk that holds the samples of a WAV file.

    Parameters
    ----------
    file : seekable binary file

    Returns
    -------
    view : View or None
        None if there is no such chunk.
    """
    for name, start, size in _chunks(file):
        if name == b"data":
            return View(file, start, start + size)
    return None


def _chunks(file):
    """Yield the name, the place of the content and the declared size of each chunk."""
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
    """Tell whether the rest of a file is chunks: they have names, and fit into it."""
    length = size_of(file)
    end = place
    for name, start, size in _chunks_from(file, place):
        if not (name.isascii() and name.decode().isprintable()) or start + size > length:
            return False
        end = start + size
    return end >= length - 1


def _chunk(name, content):
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)
