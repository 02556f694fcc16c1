"""Edits of a file as positions and bytes, and compact information to undo them."""

import base64
import binascii
from typing import NamedTuple

_READ = 1 << 20  # bytes of a file to read at once
_BLOCK = 64  # length in bytes of the matches between old and new content


class Edit(NamedTuple):
    """Bytes that replace those from `start` to `end` of a file."""

    start: int
    end: int
    new: bytes

    def shifted(self, offset):
        """Return the edit moved by `offset` bytes."""
        return Edit(self.start + offset, self.end + offset, self.new)


def apply_edits(data, edits):
    """Apply edits to bytes; they must be in order and must not overlap."""
    parts, place = [], 0
    for start, end, new in edits:
        parts += [data[place:start], new]
        place = end
    return b"".join([*parts, data[place:]])


def with_edits(file, edits):
    """Yield the content of an open file with edits applied, in blocks."""
    place = 0
    for start, end, new in edits:
        yield from _blocks(file, place, start)
        yield new
        place = end
    yield from _blocks(file, place, file.seek(0, 2))


def same_content(blocks, path):
    """Return whether the content of a file equals blocks of bytes."""
    with open(path, "rb") as file:
        return all(file.read(len(block)) == block for block in blocks) and not file.read(1)


def undo_of(file, edits):
    """Return the information to undo edits, as JSON values.

    Parameters
    ----------
    file : file object
        The file before the edits.
    edits : list of Edit

    Returns
    -------
    undo : list of [int, int, list]
        Start and end in the new file, and the parts of the old bytes: a string contains bytes in
        base64; a pair of numbers is a range of bytes in the new file, relative to the start.
        Ranges avoid a copy of the covers inside a tag.
    """
    undo, shift = [], 0
    for start, end, new in edits:
        file.seek(start)
        old = file.read(end - start)
        # Undo starts from the new file, in which all edits before this one have shifted its place.
        undo.append([start + shift, start + shift + len(new), _parts(old, new)])
        shift += len(new) - len(old)
    return undo


def check_undo(undo):
    """Raise ValueError if a value is not what `undo_of` returns."""
    require(type(undo) is list, "undo is not a list")
    place = 0
    for edit in undo:
        require(type(edit) is list and len(edit) == 3, "undo contains something other than an edit")
        start, end, parts = edit
        require(
            _is_range(start, end) and start >= place, "undo has positions that are not in order"
        )
        require(type(parts) is list, "undo has parts that are not a list")
        for part in parts:
            if type(part) is str:
                _from_base64(part)
            else:
                is_pair = type(part) is list and len(part) == 2 and _is_range(*part)
                require(is_pair and part[1] <= end - start, "undo has a part of unknown kind")
        place = end


def edits_of(undo, file):
    """Return the edits that restore a file, from the output of `undo_of`.

    Parameters
    ----------
    undo : list
        Validated by `check_undo`.
    file : file object
        The file to restore.

    Returns
    -------
    edits : list of Edit or None
        None if the file is too short for the edits.
    """
    size = file.seek(0, 2)
    if undo and undo[-1][1] > size:
        return None
    # A forged list could repeat a range until the old bytes fill the memory.
    n_bytes = sum(len(p) if type(p) is str else p[1] - p[0] for edit in undo for p in edit[2])
    # Tagging only adds a few texts, so the old bytes are not much larger than the file.
    require(n_bytes <= 2 * (size + _READ), "undo contains more bytes than the file")
    edits = []
    for start, end, parts in undo:
        file.seek(start)
        new = file.read(end - start)
        pieces = [_from_base64(p) if type(p) is str else new[p[0] : p[1]] for p in parts]
        edits.append(Edit(start, end, b"".join(pieces)))
    return edits


def _blocks(file, start, end):
    while start < end:
        file.seek(start)
        block = file.read(min(_READ, end - start))
        if not block:
            raise OSError("the file became shorter while it was read")
        yield block
        start += len(block)


def _parts(old, new):
    """Return `old` as bytes in base64 and as ranges in `new`."""
    # As in rsync: blocks of `new` at multiples of _BLOCK are looked up at every position of `old`,
    # and each match is extended in both directions.
    places = {new[i : i + _BLOCK]: i for i in range(0, len(new) - _BLOCK + 1, _BLOCK)}
    parts, noted, place = [], 0, 0
    while place <= len(old) - _BLOCK:
        found = places.get(old[place : place + _BLOCK])
        if found is None:
            place += 1
            continue
        while place > noted and found > 0 and old[place - 1] == new[found - 1]:
            place, found = place - 1, found - 1
        if place > noted:
            parts.append(base64.b64encode(old[noted:place]).decode())
        # Views, because each match would otherwise copy the rest of the tag with its covers.
        n_alike = _n_alike(memoryview(old)[place:], memoryview(new)[found:])
        parts.append([found, found + n_alike])
        noted = place = place + n_alike
    if noted < len(old):
        parts.append(base64.b64encode(old[noted:]).decode())
    return parts


def _n_alike(one, other):
    """Return the length of the common prefix."""
    size, n_alike, step = min(len(one), len(other)), 0, 1 << 12
    # Slices first, as comparing single bytes is slow in Python.
    while n_alike + step <= size and one[n_alike:][:step] == other[n_alike:][:step]:
        n_alike += step
    while n_alike < size and one[n_alike] == other[n_alike]:
        n_alike += 1
    return n_alike


def _is_range(start, end):
    return type(start) is int and type(end) is int and 0 <= start <= end < 1 << 63


def _from_base64(text):
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        raise ValueError("undo has a part that is not valid base64") from error


def require(condition, message):
    """Raise ValueError with a message if a condition is not true."""
    if not condition:
        raise ValueError(message)
