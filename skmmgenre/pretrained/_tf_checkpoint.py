"""Read the arrays of a TensorFlow V2 checkpoint with numpy only.

The index is a LevelDB table: blocks of sorted entries whose keys share prefixes, and a footer with
the position of the index block. Each value is a protocol buffer with the type, shape and position
of an array in the data file. All sizes and offsets are checked against the files before they are
used, and nothing is executed.
"""

import math

import numpy as np

_FOOTER = 48  # bytes; two handles of at most 20, and the magic number
_MAGIC = 0xDB4775248B80FB57
_TRAILER = 5  # bytes after a block: compression type and checksum
_FLOAT = 1  # TensorFlow's number of float32
_MOST_DIMENSIONS = 8
_DTYPE, _SHAPE, _SHARD, _OFFSET, _SIZE = 1, 2, 3, 4, 5  # fields of an entry


def read_checkpoint(index, data, wanted=lambda name: True):
    """Read the arrays of a checkpoint.

    Parameters
    ----------
    index : bytes
        Content of the file ".index".
    data : bytes
        Content of the file ".data-00000-of-00001".
    wanted : callable, default=all arrays
        Function of the name of an array that returns whether to read it.

    Returns
    -------
    arrays : dict of str to ndarray of float32
        Copies of the arrays, sorted by name.

    Raises
    ------
    ValueError
        If a file is truncated, not a checkpoint or inconsistent, or if an array is not float32.
    """
    arrays = {}
    for key, value in _entries_of_table(index):
        if not key:  # header of the checkpoint
            continue
        try:
            name = key.decode()
        except UnicodeDecodeError:
            raise _broken("a name that is not text") from None
        if wanted(name):
            arrays[name] = _array(name, value, data)
    return arrays


def _array(name, value, data):
    entry = _message(value)
    if _number(entry, _DTYPE) != _FLOAT:
        raise _broken(f"{name!r} with a type other than float32")
    if _number(entry, _SHARD) != 0:
        raise _broken(f"{name!r} in a different data file")
    dimensions = _message(_text(entry, _SHAPE)).get(2, [])
    shape = [_number(_message(d), 1) if isinstance(d, bytes) else -1 for d in dimensions]
    offset, size = _number(entry, _OFFSET), _number(entry, _SIZE)
    if len(shape) > _MOST_DIMENSIONS or min(shape, default=0) < 0 or 4 * math.prod(shape) != size:
        raise _broken(f"{name!r} with a shape that does not match its size")
    if offset + size > len(data):
        raise ValueError(
            f"the data file of the checkpoint is truncated: {name!r} ends at byte "
            f"{offset + size:,} of {len(data):,}"
        )
    values = np.frombuffer(data, dtype="<f4", count=size // 4, offset=offset)
    return values.reshape(shape).astype(np.float32)


# ---- the table --------------------------------------------------------------------------


def _entries_of_table(table):
    """Yield key and value of each entry of a LevelDB table, in order."""
    footer = table[-_FOOTER:]
    if len(footer) < _FOOTER or int.from_bytes(footer[-8:], "little") != _MAGIC:
        raise ValueError("the index of the checkpoint is truncated, or is not a checkpoint index")
    position = 0
    for _ in range(2):  # the meta-index block, which is not needed, then the index block
        offset, position = _varint(footer, position)
        size, position = _varint(footer, position)
    for _, handle in _entries_of_block(_block(table, offset, size)):
        start, after = _varint(handle, 0)
        yield from _entries_of_block(_block(table, start, _varint(handle, after)[0]))


def _block(table, offset, size):
    if offset + size + _TRAILER > len(table) - _FOOTER:
        raise _broken("a block that ends after the end of the file")
    if table[offset + size] != 0:
        raise _broken("a compressed block, which is not supported")
    return table[offset : offset + size]


def _entries_of_block(block):
    """Yield key and value of each entry of a block."""
    # A block ends with the positions of entries that share no prefix, which are only needed to
    # seek, and their number.
    n_restarts = int.from_bytes(block[-4:], "little")
    end = len(block) - 4 - 4 * n_restarts
    if len(block) < 4 or end < 0:
        raise _broken("a block without an end")
    position, key = 0, b""
    while position < end:
        shared, position = _varint(block, position)
        own, position = _varint(block, position)
        n_value, position = _varint(block, position)
        if shared > len(key) or position + own + n_value > end:
            raise _broken("an entry that ends after its block")
        key = key[:shared] + block[position : position + own]
        position += own
        yield key, block[position : position + n_value]
        position += n_value


# ---- protocol buffers -------------------------------------------------------------------


def _message(data):
    """Parse a message into a dict of field number to list of values (int or bytes)."""
    fields, position = {}, 0
    while position < len(data):
        tag, position = _varint(data, position)
        kind = tag & 7
        if kind == 0:
            value, position = _varint(data, position)
        else:
            if kind == 2:
                size, position = _varint(data, position)
            elif kind in (1, 5):
                size = 8 if kind == 1 else 4
            else:
                raise _broken("a field of unknown type")
            if position + size > len(data):
                raise _broken("a field that ends after its message")
            value = data[position : position + size]
            position += size
        fields.setdefault(tag >> 3, []).append(value)
    return fields


def _number(fields, field):
    """Return a number of a message; 0 if it is absent, which is how protocol buffers encode 0."""
    value = fields.get(field, [0])[-1]
    if not isinstance(value, int):
        raise _broken("text instead of a number")
    return value


def _text(fields, field):
    value = fields.get(field, [b""])[-1]
    if not isinstance(value, bytes):
        raise _broken("a number instead of a message")
    return value


def _varint(data, position):
    """Decode a varint (seven bits per byte); return it and the position after it."""
    number = 0
    for shift in range(0, 70, 7):
        if position >= len(data):
            raise _broken("a truncated number")
        byte = data[position]
        position += 1
        number |= (byte & 127) << shift
        if byte < 128:
            return number, position
    raise _broken("a number that is too long")


def _broken(what):
    return ValueError(f"the index of the checkpoint is damaged: it contains {what}")
