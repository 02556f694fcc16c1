"""Weights of musicnn's shapes, drawn at random, and checkpoints as TensorFlow writes them."""

import struct

import numpy as np

from skmmgenre.audio._musicnn import SHAPES


def musicnn_arrays(seed=0):
    """Random arrays with which activations stay near 1; some batch norms have a scale below 0."""
    rng = np.random.default_rng(seed)
    arrays = {}
    for name, shape in SHAPES.items():
        if name.endswith("kernel"):
            values = rng.normal(size=shape) / np.sqrt(np.prod(shape[:-1]))
        elif name.endswith("variance"):
            values = rng.uniform(0.5, 2, shape)
        else:
            values = rng.normal(size=shape)
        arrays[name] = values.astype(np.float32)
    return arrays


def write_checkpoint(arrays, *, block_entries=7, **changed):
    """Return index and data of a TensorFlow V2 checkpoint.

    The index has blocks of some entries, in which keys share prefixes. `changed` replaces fields of
    every entry: dtype, shard, size, offset.
    """
    data, entries = b"", [(b"", b"\x08\x01")]  # one file of data
    for name in sorted(arrays):
        array = np.ascontiguousarray(arrays[name], dtype="<f4")
        fields = {"dtype": 1, "shard": 0, "offset": len(data), "size": array.nbytes} | changed
        dims = b"".join(_field(2, _field(1, n)) for n in array.shape)
        value = _field(1, fields["dtype"]) + _field(2, dims) + _field(3, fields["shard"])
        value += _field(4, fields["offset"]) + _field(5, fields["size"]) + b"\x35\1\2\3\4"
        entries.append((name.encode(), value))
        data += array.tobytes()
    index, handles = b"", []
    for start in range(0, len(entries), block_entries):
        some = entries[start : start + block_entries]
        index, handle = _append_block(index, some)
        handles.append((some[-1][0], handle))
    index, about = _append_block(index, [])
    index, of_blocks = _append_block(index, handles)
    footer = (about + of_blocks).ljust(40, b"\0") + struct.pack("<Q", 0xDB4775248B80FB57)
    return index + footer, data


def _append_block(index, entries):
    block, last = b"", b""
    for key, value in entries:
        shared = next((k for k in range(len(last)) if last[: k + 1] != key[: k + 1]), len(last))
        own = key[shared:]
        block += _varint(shared) + _varint(len(own)) + _varint(len(value)) + own + value
        last = key
    block += struct.pack("<II", 0, 1)  # one place where a key begins anew
    return index + block + b"\0crc.", _varint(len(index)) + _varint(len(block))


def _field(number, value):
    if isinstance(value, bytes):
        return _varint(number << 3 | 2) + _varint(len(value)) + value
    return _varint(number << 3) + _varint(value)


def _varint(number):
    out = b""
    while number > 127:
        out += bytes([number & 127 | 128])
        number >>= 7
    return out + bytes([number])
