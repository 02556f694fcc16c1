"""Edit the genre atoms of an MP4 file, and the offsets of the sound that depend on their size."""

import itertools
import struct

from ...utils import BadItem
from ._edits import Edit

_GENRE, _OLD_GENRE = b"\xa9gen", b"gnre"  # as text, and as ID3v1 number
_PATH = (b"moov", b"udta", b"meta", b"ilst")
# Atoms that contain atoms with genres or with offsets of the sound.
_TOP = {
    b"moov": {b"udta": {b"meta": {b"ilst": {}}}, b"trak": {b"mdia": {b"minf": {b"stbl": {}}}}},
    b"moof": {b"traf": {}},
}
_N_BEFORE = {b"meta": 4}  # bytes before the first child atom
_MAX_ATOMS = 200_000  # per file; a day of sound in fragments of 5 s has fewer
_IMPLICIT, _UTF8 = 0, 1  # data types of text
# A version, and the handler atom for the metadata list.
_META_HEAD = bytes(4) + struct.pack(">I4s8s8s9s", 33, b"hdlr", b"", b"mdirappl", b"")


class _Atom:
    def __init__(self, name, start, data, end, parts):
        self.name, self.start, self.data, self.end = name, start, data, end
        self.parts = parts

    def find(self, name):
        return next((part for part in self.parts if part.name == name), None)


def mp4_edits(file, genres):
    """Return the edits that set the genres of an MP4 file.

    Parameters
    ----------
    file : file object
    genres : list of str or None
        None removes the genres.

    Returns
    -------
    edits : list of Edit

    Raises
    ------
    BadItem
        If the atoms cannot be changed without loss.
    """
    size = file.seek(0, 2)
    top = _Atom(b"", 0, 0, size, _atoms(file, 0, size, itertools.count(1)))
    parents = [top]
    for name in _PATH:
        found = parents[-1].find(name)
        if found is None:
            break
        parents.append(found)
    missing = _PATH[len(parents) - 1 :]
    if missing and missing[0] == b"moov":
        raise BadItem("it has no moov atom", "")
    new = _genre_atom(genres) if genres else b""
    edits, free = [], None
    if not missing:
        ilst = parents[-1]
        old = [atom for atom in ilst.parts if _is_read(file, atom)]
        # The new atom replaces the old one in its position.
        place = old[0].start if old else ilst.end
        edits = [Edit(place, place, new)] if new else []
        edits += [Edit(atom.start, atom.end, b"") for atom in old]
        free = parents[-2].parts[parents[-2].parts.index(ilst) + 1 :][:1]
        free = free[0] if free and free[0].name == b"free" else None
    elif new:
        for name in reversed(missing):
            new = _atom(name, _META_HEAD + new if name == b"meta" else new)
        edits = [Edit(parents[-1].end, parents[-1].end, new)]
    growth = sum(len(e.new) - (e.end - e.start) for e in edits)
    if not growth:
        return edits
    # The free atom makes up for the growth: only the size of the list changes, no sound moves.
    if free is not None and _absorb(edits, free, growth):
        return _ordered(edits + _sizes(file, parents[-1:], growth))
    edits += _sizes(file, parents[1:], growth)
    return _ordered(edits + _places(file, top, edits[0].start, growth))


def _absorb(edits, free, growth):
    """Absorb the growth of the list in the free atom after it; return whether that is possible."""
    size = free.end - free.start - growth
    # An atom has a header of 8 bytes, so 1 to 7 bytes cannot be left over.
    if free.data - free.start != 8 or not (size == 0 or 8 <= size < 1 << 32):
        return False
    if size == 0:
        edits.append(Edit(free.start, free.end, b""))
        return True
    edits.append(Edit(free.start, free.start + 4, struct.pack(">I", size)))
    edits.append(
        Edit(free.end - growth, free.end, b"")
        if growth > 0
        else Edit(free.end, free.end, bytes(-growth))
    )
    return True


def _ordered(edits):
    return sorted(edits, key=lambda edit: edit[:2])


def _atoms(file, start, end, numbers, inside=_TOP):
    """Return the atoms between two positions, which they must fill exactly.

    Parameters
    ----------
    file : file object
    start, end : int
    numbers : iterator of int
        Counts the atoms of the file from 1.
    inside : dict of bytes to dict
        Names of atoms whose children are read, each with the same for its children.
    """
    atoms, place = [], start
    while place < end:
        file.seek(place)
        head = file.read(16)
        if len(head) < 8:
            if inside is _TOP:  # a few stray bytes after the last atom, which readers ignore
                break
            raise _broken()
        size, name, data = int.from_bytes(head[:4], "big"), head[4:8], place + 8
        # Size 0 means up to the end of the file; size 1, that one of 64 bits follows the name.
        if size == 0 and inside is _TOP:
            size = end - place
        elif size == 1:
            size, data = int.from_bytes(head[8:], "big"), place + 16
        if not data - place <= size <= end - place:
            raise _broken()
        if next(numbers) > _MAX_ATOMS:
            raise BadItem(f"it has more than {_MAX_ATOMS:,} atoms", "")
        parts = []
        if name in inside:
            inner = data + _N_BEFORE.get(name, 0)
            parts = _atoms(file, inner, place + size, numbers, inside[name])
        atoms.append(_Atom(name, place, data, place + size, parts))
        place += size
    return atoms


def _is_read(file, atom):
    """Return whether an atom is a readable genre; other atoms are not changed."""
    if atom.name == _OLD_GENRE:
        return True
    if atom.name != _GENRE:
        return False
    place = atom.data
    while place < atom.end:
        file.seek(place)
        head = file.read(16)
        if len(head) < 16 or head[4:8] != b"data":
            return False
        size, kind = int.from_bytes(head[:4], "big"), int.from_bytes(head[9:12], "big")
        if size < 16 or place + size > atom.end or kind not in (_IMPLICIT, _UTF8):
            return False
        place += size
    return True


def _genre_atom(genres):
    texts = [struct.pack(">II", _UTF8, 0) + text.encode() for text in genres]
    return _atom(_GENRE, b"".join(_atom(b"data", text) for text in texts))


def _atom(name, data):
    return struct.pack(">I4s", len(data) + 8, name) + data


def _sizes(file, atoms, growth):
    """Return the edits of the sizes of atoms that grow."""
    edits = []
    for atom in atoms:
        file.seek(atom.start)
        head = file.read(4)
        if head == bytes(4):  # size 0: the atom extends to the end of the file
            continue
        size = atom.end - atom.start + growth
        if atom.data - atom.start == 16:
            edits.append(Edit(atom.start + 8, atom.start + 16, struct.pack(">Q", size)))
        elif size < 1 << 32:
            edits.append(Edit(atom.start, atom.start + 4, struct.pack(">I", size)))
        else:
            raise BadItem("an atom cannot be larger than 4 GB", "")
    return edits


def _places(file, top, place, growth):
    """Return the edits of all offsets to data after the growing atom."""
    edits = []
    # Positions in these atoms may count from the start of the file.
    for atom in _all(top):
        if atom.name in (b"stco", b"co64"):
            edits += _offset_table(file, atom, place, growth)
        elif atom.name == b"tfhd":
            edits += _base_offset(file, atom, place, growth)
        elif atom.name in (b"saio", b"mfra"):
            raise BadItem(
                f"its {atom.name.decode()} atom contains offsets that cannot be updated", ""
            )
    return edits


def _all(atom):
    for part in atom.parts:
        yield part
        yield from _all(part)


def _offset_table(file, atom, place, growth):
    width, code = (4, "I") if atom.name == b"stco" else (8, "Q")
    file.seek(atom.data)
    data = file.read(atom.end - atom.data)
    count = int.from_bytes(data[4:8], "big")
    if len(data) < 8 or len(data) < 8 + width * count:
        raise _broken()
    offsets = struct.unpack_from(f">{count}{code}", data, 8)
    moved = [_moved(offset, place, growth) for offset in offsets]
    if max(moved, default=0) >= 1 << 8 * width:
        raise BadItem("the offsets of its sound would exceed 4 GB", "")
    start = atom.data + 8
    if moved == list(offsets):
        return []
    return [Edit(start, start + width * count, struct.pack(f">{count}{code}", *moved))]


def _base_offset(file, atom, place, growth):
    file.seek(atom.data)
    data = file.read(16)
    # This flag says that a position follows the number of the track.
    if len(data) < 16 or not data[3] & 1:
        return []
    (offset,) = struct.unpack(">Q", data[8:])
    moved = _moved(offset, place, growth)
    if moved == offset:
        return []
    return [Edit(atom.data + 8, atom.data + 16, struct.pack(">Q", moved))]


def _moved(offset, place, growth):
    """Return the new offset of sound after the atom at `place` has grown."""
    if offset < place:
        return offset
    # If the tags shrink, the offset lies in the bytes that are removed.
    if offset + growth < place:
        raise BadItem("an offset of its sound points into its tags", "")
    return offset + growth


def _broken():
    return BadItem("the sizes of its atoms are wrong, so writing a tag could damage the sound", "")
