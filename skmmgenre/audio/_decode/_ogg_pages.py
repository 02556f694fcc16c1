"""Read the pages of an Ogg file: its chained streams and their declared length."""

import math
from dataclasses import dataclass

from ._containers import length_of_id3
from ._view import size_of

_BLOCK = 1 << 16  # bytes read at a time
_STEP = 1 << 12  # bytes that are searched at a time
_HEADER = 27  # bytes of a page before the sizes of its segments
_HEAD = 64  # bytes of a packet that describe a stream
_MOST_OF_A_PAGE = _HEADER + 255 + _HEAD  # most bytes of a page that are read
_FIRST, _LAST = 2, 4  # flags of a page
_NO_POSITION = (1 << 64) - 1  # position of a page on which no packet ends


@dataclass
class OggLink:
    """One of the chained streams of a file; most files have one."""

    start: int  # position in the file in bytes
    stop: int = 0
    most_per_packet: float = math.inf  # maximum number of frames of sound per packet
    position: int = -1  # number of frames up to the end of the last page
    n_frames_on_last_page: float = math.inf
    is_ended: bool = False  # whether the last page has the end-of-stream flag
    rises: bool = True  # whether the positions of pages never decrease
    fits: bool = True  # whether every page has enough packets for the frames that it declares

    def add(self, flags, position, n_packets):
        """Update the link with a page."""
        self.is_ended = bool(flags & _LAST)
        if position == _NO_POSITION:
            return
        # A stream may begin at any position, so its first page with sound cannot be checked.
        if self.position > 0:
            self.rises &= position >= self.position
            self.fits &= position - self.position <= n_packets * self.most_per_packet
            self.n_frames_on_last_page = position - self.position
        self.position = position


def ogg_links(file):
    """List the chained streams of an Ogg file.

    Multiplexed streams (sound and pictures) are one link, described by its first stream.

    Parameters
    ----------
    file : seekable binary file
        Left at any position.

    Returns
    -------
    links : list of OggLink
    """
    links, serial, in_headers = [], None, False
    for place, stop, header, body in _pages(file):
        flags, position = header[5], int.from_bytes(header[6:14], "little")
        # The first pages of multiplexed streams are adjacent; one that comes later starts another
        # link.
        if flags & _FIRST and not in_headers:
            links.append(OggLink(place, most_per_packet=_most_per_packet(body)))
            serial = header[14:18]
        in_headers = bool(flags & _FIRST)
        if not links:
            continue
        links[-1].stop = stop
        if header[14:18] == serial:
            segments = header[_HEADER:]
            # A segment of 255 bytes continues in the next one; every other segment ends a packet.
            links[-1].add(flags, position, n_packets=len(segments) - segments.count(255))
    return links


def _pages(file):
    """Yield the position of each page, its end, its header, and the first bytes after the header.

    Truncated pages, within which the next page starts, are skipped.
    """
    length, place = size_of(file), length_of_id3(file)
    begin, block, page = place, b"", None
    while place < length:
        at = place - begin
        if at + _MOST_OF_A_PAGE > len(block) and begin + len(block) < length:
            file.seek(place)
            begin, block, at = place, file.read(_BLOCK), 0
        # A page is yielded late, once it is known that no other page starts within it.
        if block[at : at + 4] == b"OggS":
            if page:
                yield page
            page = _page(block, at, place)
            place = page[1] if page else length
            continue
        # Bytes between pages, or a page that is shorter than declared.
        after = page[0] + len(page[2]) if page else place
        following = _find(file, b"OggS", after)
        if page and following >= page[1]:
            yield page
        page, place = None, following
    if page and page[1] <= length:
        yield page


def _page(block, at, place):
    """Return the page at a position of a file and a block, None if its header is truncated."""
    n_segments = block[at + 26] if at + 26 < len(block) else 0
    end = at + _HEADER + n_segments
    header = block[at:end]
    if len(header) < _HEADER or len(header) < end - at:
        return None
    return place, place + len(header) + sum(header[_HEADER:]), header, block[end : end + _HEAD]


def _find(file, mark, place):
    """Return the next position of a mark in a file, or the end of the file if there is none."""
    file.seek(place)
    kept = b""
    while block := file.read(_STEP):
        block = kept + block
        if (at := block.find(mark)) >= 0:
            return place + at
        kept = block[1 - len(mark) :]
        place += len(block) - len(kept)
    return place + len(kept)


def _most_per_packet(head):
    """Return the maximum number of frames per packet, from the first packet of a stream."""
    if head.startswith(b"\x01vorbis") and len(head) > 28:
        return 1 << (head[28] >> 4) >> 1  # half of a long block, which overlaps the next
    if head.startswith(b"OpusHead"):
        return 5760
    if head.startswith(b"\x7fFLAC"):
        return 65535
    return math.inf
