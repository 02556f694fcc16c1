"""Edit the genre frame of an ID3 tag, at the start of an MP3 or in a chunk of WAV or AIFF."""

import io
import struct
from bisect import bisect_left
from contextlib import suppress

from ...audio._decode import size_of_id3
from ...utils import BadItem
from ._edits import Edit

_LIMIT = 1 << 28  # largest size of a tag that its header can express
_UNSYNCHRONIZED, _EXTENDED, _FOOTER = 0x80, 0x40, 0x10
_CODECS = ("latin-1", "utf-16", "utf-16-be", "utf-8")
_V1_SIZE = 128
MAX_FRAMES = 10_000  # per tag; mutagen needs 30 microseconds per frame for each read
_ORDERS = {"WAV": "<", "AIFF": ">"}
_CHUNK_NAMES = {"WAV": (b"id3 ", b"ID3 "), "AIFF": (b"ID3 ",)}  # new chunks get the first name


def id3_edits(file, kind, genres, encoding=None):
    """Return the edits that set the genres in the ID3 tag of a file.

    Parameters
    ----------
    file : file object
    kind : {"MP3", "WAV", "AIFF"}
    genres : list of str or None
        None removes the genres.
    encoding : int or None, default=None
        ID3 number of the encoding of the frame. None chooses one that every reader supports.

    Returns
    -------
    edits : list of Edit

    Raises
    ------
    BadItem
        If the tag cannot be changed without loss.
    """
    if kind != "MP3":
        return _chunk_edits(file, kind, genres, encoding)
    tag = _mp3_tag(file)
    if not tag:
        return [Edit(0, 0, _new_tag(file, genres, encoding))] if genres else []
    return _tag_edits(tag, genres, encoding)


def refuse_many_frames(file, kind):
    """Raise BadItem if an ID3 tag has more frames than `MAX_FRAMES`.

    Parameters
    ----------
    file : file object
    kind : {"MP3", "WAV", "AIFF"}

    Raises
    ------
    BadItem
        If the tag has too many frames or is damaged.
    """
    if kind == "MP3":
        tag = _mp3_tag(file)
    else:
        chunk, _ = _tag_chunk(file, kind)
        tag = b"" if chunk is None else _bytes_of_chunk(file, chunk)
    if tag[:3] == b"ID3" and len(tag) >= 10:
        _read_body(tag)


def _mp3_tag(file):
    """Return the tag at the start of a file including its footer, or b"" if there is none."""
    size = file.seek(0, 2)
    file.seek(0)
    head = file.read(10)
    # The size counts the ten bytes of `head`, so ten more are read, which may be a footer.
    return head + file.read(min(_tag_size(head), size)) if head[:3] == b"ID3" else b""


def _new_tag(file, genres, encoding):
    """Return a new tag with genres and the values of an ID3v1 tag, as players read only one tag."""
    from mutagen import id3

    tags = id3.ID3()
    if file is not None:
        file.seek(max(0, file.seek(0, 2) - _V1_SIZE))
        # The zeros keep mutagen from taking the end of the sound for an ID3v2 tag.
        with suppress(id3.ID3NoHeaderError):
            tags = id3.ID3(io.BytesIO(bytes(_V1_SIZE) + file.read()))
    tags.setall("TCON", [id3.TCON(encoding=3 if encoding is None else encoding, text=genres)])
    new = io.BytesIO()
    tags.save(new, v1=0, padding=lambda info: 0)
    return new.getvalue()


def _tag_size(head):
    if (size := size_of_id3(head)) is None:
        raise BadItem("the size of its ID3 tag is damaged", "")
    return size


def _read_body(tag):
    """Return the body of a tag, and where it starts and ends; later bytes are ignored."""
    version, flags = tag[3], tag[5]
    if version not in (2, 3, 4):
        raise BadItem(f"ID3v2.{version} tags are not supported", "")
    # In ID3v2.2, this bit means compression.
    if version == 2 and flags & _EXTENDED:
        raise BadItem("compressed ID3v2.2 tags are not supported", "")
    end = _tag_size(tag)
    if end > len(tag):
        raise BadItem("its ID3 tag is longer than the file", "")
    start = 10 + _extended_size(tag) if flags & _EXTENDED else 10
    body = _Body(tag[start:end], version, bool(flags & _UNSYNCHRONIZED))
    if len(body.frames) > MAX_FRAMES:
        raise BadItem(f"its ID3 tag has more than {MAX_FRAMES:,} frames", "")
    return body, start, end


def _tag_edits(tag, genres, encoding):
    """Return the edits of the bytes of a tag."""
    body, start, end = _read_body(tag)
    version, flags = tag[3], tag[5]
    if flags & _EXTENDED and _has_checksum(tag):
        raise BadItem("its ID3 tag has a checksum, which a new genre would invalidate", "")
    # mutagen reads ID3v2.2 names, padded with a zero, in later versions, too.
    old = [f for f in body.frames if f.name in (b"TCON", b"TCO", b"TCO\0") and body.can_read(f)]
    new = body.frame(genres, encoding) if genres else b""
    # The new frame comes first: at the end, it could be inside a frame whose size is wrong.
    place = old[0].start if old else 0
    edits = [Edit(place, place, new)] if new else []
    edits += [Edit(frame.start, frame.end, b"") for frame in old]
    growth = sum(len(e.new) - (e.end - e.start) for e in edits)
    # An extended header may contain the size of the padding, and a tag with a footer has none.
    if not flags & _EXTENDED and not (version == 4 and flags & _FOOTER):
        # Padding absorbs the difference, so that the sound does not move.
        if growth < 0 and body.ends_in_padding:
            edits.append(Edit(end - start, end - start, bytes(-growth)))
            growth = 0
        elif 0 < growth <= body.n_padding:
            edits.append(Edit(end - start - growth, end - start, b""))
            growth = 0
    edits = [edit.shifted(start) for edit in edits]
    if growth:
        if end - 10 + growth >= _LIMIT:
            raise BadItem("its ID3 tag is too large for another frame", "")
        size = _synchsafe(end - 10 + growth)
        edits.insert(0, Edit(6, 10, size))
        # The footer repeats the size.
        if version == 4 and flags & _FOOTER and tag[end : end + 3] == b"3DI":
            edits.append(Edit(end + 6, end + 10, size))
    return edits


def _extended_size(tag):
    """Return the size of the extended header."""
    size = tag[10:14]
    if _is_frame_name(size):
        return 0
    # In ID3v2.4 the size has seven bits per byte and counts itself; in ID3v2.3 it does neither.
    n_bytes = _from_synchsafe(size) if tag[3] == 4 else 4 + int.from_bytes(size, "big")
    if n_bytes > len(tag) - 10:
        raise BadItem("the extended header of its ID3 tag is damaged", "")
    return n_bytes


def _has_checksum(tag):
    """Return whether an extended header announces a checksum."""
    if _is_frame_name(tag[10:14]):
        return False
    # After the size, ID3v2.4 has the number of flag bytes and the flags, ID3v2.3 only the flags.
    place, mark = (15, 0x20) if tag[3] == 4 else (14, 0x80)
    return bool(int.from_bytes(tag[place : place + 1], "big") & mark)


def _is_frame_name(data):
    """Return whether a frame follows, although the flag of an extended header is set."""
    return data.isalnum() and data.isupper()


class _Frame:
    def __init__(self, name, start, end):
        self.name, self.start, self.end = name, start, end


class _Body:
    """The frames of a tag, parsed like mutagen does.

    Parameters
    ----------
    raw : bytes
        From the first frame to the end of the padding.
    version : {2, 3, 4}
    unsynchronized : bool
        Whether zeros may be inserted after bytes of 255; sizes before ID3v2.4 do not count them.
    """

    def __init__(self, raw, version, unsynchronized):
        self.raw, self.version = raw, version
        self._stuffed = []  # positions of the removed zeros in the data without them
        self._data, self._is_stuffed = raw, False
        # Sizes in ID3v2.4 count inserted zeros, which can stay; `can_read` passes the flag on.
        self._flags = _UNSYNCHRONIZED if unsynchronized and version == 4 else 0
        if unsynchronized and version < 4:
            self._remove_zeros()
        sizes = [int] if version < 4 else [_from_synchsafe_int, int]
        walks = [self._walk(size) for size in sizes]
        # iTunes wrote plain sizes into ID3v2.4: use the interpretation that finds more frames.
        self._size_of = sizes[0]
        if version == 4 and _plausibility(walks[1], raw) > _plausibility(walks[0], raw):
            self._size_of = int
        frames, rest = walks[sizes.index(self._size_of)]
        self.frames = [_Frame(n, self._raw_place(s), self._raw_place(e)) for n, s, e in frames]
        padding = raw[self._raw_place(rest) :]
        # A last frame that is longer than the tag would swallow zeros that are added after it.
        overrun = bool(frames) and frames[-1][2] > len(self._data)
        self.ends_in_padding = not padding.strip(b"\0") and not overrun
        self.n_padding = len(padding) if self.ends_in_padding else 0

    def frame(self, genres, encoding):
        """Return a genre frame as bytes, encoded for this tag."""
        if encoding is None:
            # Encodings 2 and 3 exist only since ID3v2.4.
            ascii_only = all(text.isascii() for text in genres)
            encoding = 3 if self.version == 4 else 0 if ascii_only else 1
        elif self.version < 4 and encoding > 1:
            encoding = 1
        codec = _CODECS[encoding]
        end = b"\0\0" if encoding in (1, 2) else b"\0"
        text = end.join(genre.encode(codec) for genre in genres)
        data = bytes([encoding]) + text
        if self.version == 2:
            frame = b"TCO" + len(data).to_bytes(3, "big") + data
        else:
            plain = self.version == 3 or self._size_of is int
            size = struct.pack(">I", len(data)) if plain else _synchsafe(len(data))
            frame = b"TCON" + size + b"\0\0" + data
        return frame.replace(b"\xff", b"\xff\0") if self._is_stuffed else frame

    def can_read(self, frame):
        """Return whether mutagen can read a frame; other frames are not changed."""
        from mutagen import id3

        raw = self.raw[frame.start : frame.end]
        # A tag of this frame alone, so that the result does not depend on the other frames.
        head = b"ID3" + bytes([self.version, 0, self._flags]) + _synchsafe(len(raw))
        try:
            return "TCON" in id3.ID3(io.BytesIO(head + raw), translate=False)
        except (id3.error, ValueError, EOFError):
            return False

    def _remove_zeros(self):
        first, *others = self.raw.split(b"\xff")
        if any(not part or part[0] >= 0xE0 for part in others):
            return  # the flag is wrong
        parts = [first]
        place = len(first)
        for part in others:
            if part[0] == 0:
                self._stuffed.append(place)
                part = part[1:]
            parts.append(part)
            place += 1 + len(part)
        self._data, self._is_stuffed = b"\xff".join(parts), True
        self._flags = _UNSYNCHRONIZED

    def _raw_place(self, place):
        """Return the position in the tag for a position in the data without inserted zeros."""
        # A zero was removed after each of the noted bytes of 255 that lie before `place`.
        return min(place, len(self._data)) + bisect_left(self._stuffed, place)

    def _walk(self, size_of):
        """Return name, start and end of each frame, and the end of the last."""
        n_name, n_head = (3, 6) if self.version == 2 else (4, 10)
        frames, place = [], 0
        # One frame more than allowed is enough to refuse the tag.
        while place + n_head <= len(self._data) and len(frames) <= MAX_FRAMES:
            head = self._data[place : place + n_head]
            name = head[:n_name]
            if not name.strip(b"\0"):
                break
            size = int.from_bytes(head[n_name : n_name + (3 if self.version == 2 else 4)], "big")
            end = place + n_head + size_of(size)
            frames.append((name, place, end))
            place = end
        return frames, place


def _plausibility(walk, raw):
    """Return how plausible an interpretation is: number of known frames, then whether it fits."""
    from mutagen import id3

    frames, rest = walk
    known = sum(name.decode("latin-1") in id3.Frames for name, _, _ in frames)
    return known, rest <= len(raw)


def _synchsafe(number):
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def _from_synchsafe(data):
    return _from_synchsafe_int(int.from_bytes(data, "big"))


def _from_synchsafe_int(number):
    return sum((number >> 8 * i & 0x7F) << 7 * i for i in range(4))


def _chunk_edits(file, kind, genres, encoding):
    """Return the edits of the chunk with the tag, and of the sizes of the file and chunk."""
    order = _ORDERS[kind]
    chunk, root_end = _tag_chunk(file, kind)
    if chunk is not None:
        _, start, end = chunk
        tag = _bytes_of_chunk(file, chunk)
        if tag[:3] == b"ID3" and len(tag) >= 10:
            edits = [edit.shifted(start) for edit in _tag_edits(tag, genres, encoding)]
        elif tag.strip(b"\0"):
            raise BadItem("its ID3 chunk does not contain an ID3 tag", "")
        else:
            edits = [Edit(start, end, _new_tag(None, genres, encoding))] if genres else []
        size = end - start + sum(len(e.new) - (e.end - e.start) for e in edits)
        # A chunk of odd size is followed by a pad byte, which the size of the file counts but not
        # its own. The last chunk may lack it.
        old_end = min(end + (end - start) % 2, root_end)
        if size != end - start:
            edits.insert(0, Edit(start - 4, start, struct.pack(order + "I", size)))
            edits.append(Edit(end, old_end, bytes(size % 2)))
    elif genres:
        tag = _new_tag(None, genres, encoding)
        head = _CHUNK_NAMES[kind][0] + struct.pack(order + "I", len(tag))
        pad = bytes(root_end % 2)  # the last chunk may lack its padding
        edits = [Edit(root_end, root_end, pad + head + tag + bytes(len(tag) % 2))]
    else:
        edits = []
    growth = sum(len(e.new) - (e.end - e.start) for e in edits)
    if growth:
        size = root_end - 8 + growth
        if size >= 1 << 32:
            raise BadItem(f"a {kind} file cannot be larger than 4 GB", "")
        edits.insert(0, Edit(4, 8, struct.pack(order + "I", size)))
    return edits


def _tag_chunk(file, kind):
    """Return the chunk with the tag, or None, and where the last chunk ends."""
    chunks, root_end = _chunks(file, _ORDERS[kind])
    found = (chunk for chunk in chunks if chunk[0] in _CHUNK_NAMES[kind])
    return next(found, None), root_end


def _bytes_of_chunk(file, chunk):
    _, start, end = chunk
    file.seek(start)
    return file.read(end - start)


def _chunks(file, order):
    """Return name, start and end of the data of each chunk, and where the last ends."""
    size = file.seek(0, 2)
    file.seek(4)
    root_end = 8 + struct.unpack(order + "I", file.read(4))[0]
    chunks, place = [], 12
    while place < root_end:
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            raise _broken_chunks()
        start = place + 8
        end = start + struct.unpack(order + "I", head[4:])[0]
        chunks.append((head[:4], start, end))
        place = end + end % 2
        if end > min(size, root_end):
            raise _broken_chunks()
    if not chunks:
        raise _broken_chunks()
    return chunks, min(place, root_end, size)


def _broken_chunks():
    return BadItem("the sizes of its chunks are wrong, so writing a tag could damage the sound", "")
