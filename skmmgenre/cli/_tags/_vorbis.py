"""Edit genres in Vorbis comments, in a block of FLAC or a packet of Ogg."""

import struct
import zlib

from ...utils import BadItem
from ._edits import Edit, apply_edits

_KEY = b"genre"
_PADDING, _COMMENTS, _LAST = 1, 4, 0x80  # FLAC: types of blocks, and the flag of the last
_BLOCK_LIMIT = 1 << 24
# First bytes of the first packet and of the comment packet, for each codec in Ogg.
_OGG = {b"\x01vorbis": b"\x03vorbis", b"OpusHead": b"OpusTags", b"\x7fFLAC": b"\x04"}
_CONTINUED, _LAST_PAGE = 1, 4
_NO_POSITION = (1 << 64) - 1  # for pages on which no packet ends
_SWAPPED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def vorbis_edits(file, kind, genres, places=None, keys=None):
    """Return the edits that set the genres in the Vorbis comments of a file.

    Parameters
    ----------
    file : file object
    kind : {"FLAC", "Ogg"}
    genres : list of str or None
        None removes the genres.
    places : list of int, default=None
        Positions of the genres among all comments. None uses the position of the first old genre.
    keys : list of str, default=None
        Spelling of the key of each genre. None uses "genre".

    Returns
    -------
    edits : list of Edit

    Raises
    ------
    BadItem
        If the comments cannot be changed without loss.
    """
    genres = genres or []
    keys = ["genre"] * len(genres) if keys is None else keys
    new = [f"{key}={text}".encode() for key, text in zip(keys, genres, strict=True)]
    return (_flac_edits if kind == "FLAC" else _ogg_edits)(file, new, places)


def read_comments(file, kind):
    """Return all comments as bytes, "key=text", or None if there is no comment block."""
    if kind == "FLAC":
        blocks = _blocks(file)
        found = next((block for block in blocks if block[0] == _COMMENTS), None)
        if found is None:
            return None
        file.seek(found[1] + 4)
        data, start = file.read(found[2] - found[1] - 4), 0
    else:
        pages = _comment_pages(file)
        data = _packets(pages)[0]
        start = _start_of_comments(data)
    return [data[place + 4 : end] for place, end in _entries(data, start)[1]]


def is_genre(comment):
    """Return whether a comment is a genre."""
    key, equals, _ = comment.partition(b"=")
    return bool(equals) and key.lower() == _KEY


def _comment_edits(data, start, new, places):
    """Return the edits of data in which the comments begin at `start`."""
    count_place, entries = _entries(data, start)
    old, left = [], []
    for place, (begin, end) in enumerate(entries):
        if is_genre(data[begin + 4 : end]):
            old.append(place)
        else:
            left.append((begin, end))
    if places is None:
        first = old[0] if old else len(entries)
        places = range(first, first + len(new))
    edits = [Edit(*entries[place], b"") for place in old]
    end = entries[-1][1] if entries else count_place + 4
    for n_before, (place, text) in enumerate(zip(places, new, strict=True)):
        # The comment at `place` comes after `n_before` new ones and the old ones before it.
        after = place - n_before
        begin = left[after][0] if 0 <= after < len(left) else end
        edits.append(Edit(begin, begin, struct.pack("<I", len(text)) + text))
    edits.sort(key=lambda edit: edit[:2])
    if len(new) != len(old):
        count = struct.pack("<I", len(left) + len(new))
        edits.insert(0, Edit(count_place, count_place + 4, count))
    return edits


def _entries(data, start):
    """Return the position of the count, and start and end of each comment with its length field."""
    try:
        count_place = start + 4 + struct.unpack_from("<I", data, start)[0]
        (count,) = struct.unpack_from("<I", data, count_place)
        entries, place = [], count_place + 4
        # Each comment has at least the four bytes of its length.
        if count > len(data) // 4:
            raise _broken_comments()
        for _ in range(count):
            end = place + 4 + struct.unpack_from("<I", data, place)[0]
            entries.append((place, end))
            place = end
    except struct.error:
        raise _broken_comments() from None
    if place > len(data):
        raise _broken_comments()
    return count_place, entries


def _broken_comments():
    return BadItem("the lengths of its Vorbis comments are wrong", "")


def _flac_edits(file, new, places):
    blocks = _blocks(file)
    found = next((block for block in blocks if block[0] == _COMMENTS), None)
    if found is None:
        if not new:
            return []
        _, start, end, last = blocks[0]  # the stream info, which must come first
        data = struct.pack("<I", 0) * 2
        data = apply_edits(data, _comment_edits(data, 0, new, places))
        edits = [Edit(end, end, _block_head(_COMMENTS, last, len(data)) + data)]
        # The stream info, of type 0, is then no longer the last block.
        if last:
            edits.insert(0, Edit(start, start + 1, bytes([0])))
    else:
        _, start, end, last = found
        file.seek(start + 4)
        data = file.read(end - start - 4)
        edits = _comment_edits(data, 0, new, places)
        size = end - start - 4 + _growth(edits)
        edits = [edit.shifted(start + 4) for edit in edits]
        if size != end - start - 4:
            edits.insert(0, Edit(start, start + 4, _block_head(_COMMENTS, last, size)))
    growth = _growth(edits)
    # Padding absorbs the difference, so that the sound does not move.
    for kind, start, end, last in blocks:
        if growth and kind == _PADDING and 0 <= end - start - 4 - growth < _BLOCK_LIMIT:
            edits.append(Edit(start, start + 4, _block_head(kind, last, end - start - 4 - growth)))
            edits.append(
                Edit(end - growth, end, b"") if growth > 0 else Edit(end, end, bytes(-growth))
            )
            break
    edits.sort(key=lambda edit: edit[:2])
    return edits


def _blocks(file):
    """Return type, start, end and whether it is the last, for each block."""
    blocks, place, last = [], 4, False
    while not last:
        file.seek(place)
        head = file.read(4)
        if len(head) < 4:
            raise _broken_blocks()
        last = bool(head[0] & _LAST)
        end = place + 4 + int.from_bytes(head[1:], "big")
        blocks.append((head[0] & 0x7F, place, end, last))
        place = end
    file.seek(place)
    # If the sound does not begin where the blocks end, a size is wrong.
    if int.from_bytes(file.read(2), "big") & 0xFFFC != 0xFFF8:  # sync code of an audio frame
        raise _broken_blocks()
    return blocks


def _broken_blocks():
    return BadItem("the sizes of its blocks are wrong, so writing a tag could damage the sound", "")


def _block_head(kind, last, size):
    if size >= _BLOCK_LIMIT:
        raise BadItem("a FLAC block cannot be larger than 16 MB", "")
    return bytes([kind | (_LAST if last else 0)]) + size.to_bytes(3, "big")


def _growth(edits):
    return sum(len(edit.new) - (edit.end - edit.start) for edit in edits)


class _Page:
    """A page of Ogg: its header, and the segment lengths and bytes of its packets."""

    def __init__(self, file):
        self.start = file.tell()
        head = file.read(27)
        if len(head) < 27 or head[:5] != b"OggS\0":
            raise _broken_pages()
        self.flags = head[5]
        self.position, self.serial, self.sequence = struct.unpack("<QII", head[6:22])
        self.lengths = file.read(head[26])
        size = sum(self.lengths)
        self.data = file.read(size)
        if len(self.lengths) < head[26] or len(self.data) < size:
            raise _broken_pages()
        self.end = self.start + 27 + len(self.lengths) + size
        if head[22:26] != _checksum(head[:22] + bytes(4) + head[26:] + self.lengths + self.data):
            # A rewritten page would get a valid checksum, and players would no longer skip it.
            raise BadItem("an Ogg page is damaged: its checksum does not match", "")


def _page_bytes(flags, position, serial, sequence, lengths, data):
    head = struct.pack("<4sBBQIIIB", b"OggS", 0, flags, position, serial, sequence, 0, len(lengths))
    page = head + lengths + data
    return page[:22] + _checksum(page) + page[26:]


def _checksum(page):
    """Return the checksum of a page whose own is 0: zlib's CRC with the bits of bytes reversed."""
    checksum = ~zlib.crc32(page.translate(_SWAPPED), 0xFFFFFFFF) & 0xFFFFFFFF
    return checksum.to_bytes(4, "big").translate(_SWAPPED)


def _comment_pages(file):
    """Return the pages from the comments to the next page whose last packet is complete."""
    file.seek(0)
    # Later packets, such as the setup of Vorbis, may begin on the last page of the comments.
    begin, pages, has_begun = None, [], False
    while not pages or pages[-1].lengths[-1:] in (b"\xff", b""):
        page = _Page(file)
        if begin is None:
            begin = next((new for old, new in _OGG.items() if page.data.startswith(old)), None)
            serial = page.serial
        elif page.serial == serial:
            # In FLAC the first byte may also mark the last block; `_start_of_comments` checks it.
            # Pages without segments are valid, before the comments and between their pages.
            if not has_begun and page.lengths:
                if not page.data.startswith(begin) and begin != b"\x04":
                    raise _broken_pages()
                has_begun = True
            pages.append(page)
    return pages


def _packets(pages):
    lengths = b"".join(page.lengths for page in pages)
    data = b"".join(page.data for page in pages)
    packets, start, end = [], 0, 0
    for length in lengths:
        end += length
        if length < 255:
            packets.append(data[start:end])
            start = end
    return packets


def _start_of_comments(packet):
    if packet.startswith((b"\x03vorbis", b"OpusTags")):
        return 7 if packet[:1] == b"\x03" else 8
    if packet[:1] and packet[0] & 0x7F == _COMMENTS and len(packet) >= 4:
        return 4
    raise _broken_pages()


def _ogg_edits(file, new, places):
    pages = _comment_pages(file)
    packets = _packets(pages)
    start = _start_of_comments(packets[0])
    changed = _comment_edits(packets[0], start, new, places)
    if not changed:
        return []
    packet = apply_edits(packets[0], changed)
    # Its header contains the size of the block.
    if start == 4:  # a block of FLAC
        first = packet[0]
        packet = _block_head(first & 0x7F, first & _LAST, len(packet) - 4) + packet[4:]
    packets[0] = packet
    written = _new_pages(pages, packets)
    edits = [Edit(p.start, p.end, new) for p, new in zip(pages, written, strict=False)]
    if len(written) > len(pages):
        last = edits[-1]
        edits[-1] = last._replace(new=b"".join([last.new, *written[len(pages) :]]))
    edits += [Edit(page.start, page.end, b"") for page in pages[len(written) :]]
    # The number of a page is part of its checksum, so all later pages of the stream change.
    if len(written) != len(pages):
        edits += _renumbered(file, pages[-1], len(written) - len(pages))
    return edits


def _new_pages(pages, packets):
    """Return pages that contain packets, as many as before if possible."""
    # A packet is stored as segments of 255 bytes and a shorter one, which may be empty.
    lengths = b"".join(b"\xff" * (len(p) // 255) + bytes([len(p) % 255]) for p in packets)
    data = b"".join(packets)
    counts = [len(page.lengths) for page in pages]
    # If the last page has room, all others keep their number of segments.
    counts[-1] = len(lengths) - sum(counts[:-1])
    if not 1 <= counts[-1] <= 255:
        # As many pages as before if possible, so that later pages keep their numbers.
        n_pages = max(-(-len(lengths) // 255), min(len(pages), len(lengths)))
        counts = [len(lengths) // n_pages] * n_pages
        for page in range(len(lengths) % n_pages):
            counts[page] += 1
    written, place, byte, continued = [], 0, 0, False
    for number, count in enumerate(counts):
        part = lengths[place : place + count]
        n_bytes = sum(part)
        # Header pages keep their position, 0; pages on which no packet ends have none.
        ends = any(length < 255 for length in part)
        flags = pages[-1].flags & _LAST_PAGE if number == len(counts) - 1 else 0
        written.append(
            _page_bytes(
                flags | (_CONTINUED if continued else 0),
                pages[-1].position if ends else _NO_POSITION,
                pages[0].serial,
                (pages[0].sequence + number) % (1 << 32),
                part,
                data[byte : byte + n_bytes],
            )
        )
        if part:  # after a page without segments, the packet still continues
            continued = part[-1] == 255
        place, byte = place + count, byte + n_bytes
    return written


def _renumbered(file, last, shift):
    """Return the edits of the numbers and checksums of all pages after `last`."""
    edits, size = [], file.seek(0, 2)
    file.seek(last.end)
    while file.tell() < size:
        page = _Page(file)
        if page.serial == last.serial:
            sequence = (page.sequence + shift) % (1 << 32)
            new = _page_bytes(
                page.flags, page.position, page.serial, sequence, page.lengths, page.data
            )
            edits.append(Edit(page.start + 18, page.start + 26, new[18:26]))
    return edits


def _broken_pages():
    return BadItem("its Ogg pages are broken", "")
