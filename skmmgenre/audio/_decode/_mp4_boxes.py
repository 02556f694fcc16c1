"""Check the number of packets declared by an MP4 file, for which ffmpeg allocates memory."""

from ._view import size_of

_WITH_BOXES = {b"moov", b"trak", b"mdia", b"minf", b"stbl", b"moof", b"traf"}
_MOST_BOXES = 1_000_000
_LEAST_PACKET = 4  # bytes
_OF_EACH = 0xF00  # flags of a run of packets that lists at least four bytes for each packet


def declares_too_many_packets(file):
    """Return whether an MP4 file declares more packets than fit into its size.

    Parameters
    ----------
    file : seekable binary file
        Left at any position.

    Returns
    -------
    declares_too_many : bool
    """
    length = size_of(file)
    n_in_runs = 0
    for name, start in _boxes(file, length):
        if name not in (b"stsz", b"trun"):
            continue
        file.seek(start)
        head = file.read(12)
        first, second = (int.from_bytes(head[at : at + 4], "big") for at in (4, 8))
        # With individual packet sizes, the list is limited by the size of the file.
        if name == b"stsz" and first * second > length:
            return True
        # Without a field per packet, a run takes the same space for any number of packets.
        if name == b"trun" and not int.from_bytes(head[1:4], "big") & _OF_EACH:
            n_in_runs += first
    return n_in_runs > length // _LEAST_PACKET


def _boxes(file, length):
    """Yield the name and the position of the content of every box, including nested boxes."""
    place = 0
    for _ in range(_MOST_BOXES):
        if place > length - 8:  # a declared size may exceed the file
            return
        file.seek(place)
        head = file.read(16)
        size, name, start = int.from_bytes(head[:4], "big"), head[4:8], place + 8
        if size == 1:
            size, start = int.from_bytes(head[8:], "big"), place + 16
        yield name, start
        # Boxes that contain others are entered. A box of size 0 extends to the end of the file; the
        # size of a damaged one must not point back into its header.
        place = start if name in _WITH_BOXES else max(start, place + size) if size else length
