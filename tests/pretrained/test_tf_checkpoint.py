"""The reader of checkpoints, on tables that are written here."""

import struct

import numpy as np
import pytest
from made_weights import write_checkpoint

from skmmgenre.pretrained._tf_checkpoint import read_checkpoint

RNG = np.random.default_rng(0)
ARRAYS = {
    "conv2d/kernel": RNG.normal(size=(7, 3, 1, 5)).astype(np.float32),
    "conv2d/bias": RNG.normal(size=5).astype(np.float32),
    "conv2d_1/kernel": RNG.normal(size=(2, 300)).astype(np.float32),
    "global_step": np.float32(7),
    "nothing": np.zeros((0, 4), np.float32),
    **{f"dense_{k}/bias": RNG.normal(size=k + 1).astype(np.float32) for k in range(20)},
}


@pytest.mark.parametrize("block_entries", [1, 7, 100])
def test_arrays_are_read(block_entries):
    found = read_checkpoint(*write_checkpoint(ARRAYS, block_entries=block_entries))
    assert list(found) == sorted(ARRAYS)
    for name, array in found.items():
        assert array.dtype == np.float32 and array.flags.writeable
        np.testing.assert_array_equal(array, ARRAYS[name])


def test_what_is_not_wanted_is_not_looked_at():
    """It may be of another type, or lie where there are no data."""
    index, data = write_checkpoint(ARRAYS, dtype=9, offset=10**9)
    assert read_checkpoint(index, data, lambda name: False) == {}
    index, data = write_checkpoint(ARRAYS)
    assert list(read_checkpoint(index, data, "conv2d/bias".__eq__)) == ["conv2d/bias"]


def test_an_index_cut_anywhere_is_refused():
    index, data = write_checkpoint(ARRAYS)
    for n in range(len(index)):
        with pytest.raises(ValueError, match="the index of the checkpoint is"):
            read_checkpoint(index[:n], data)


def test_data_cut_anywhere_are_refused():
    index, data = write_checkpoint(ARRAYS)
    for n in range(0, len(data), 97):
        with pytest.raises(ValueError, match="the data file of the checkpoint is truncated"):
            read_checkpoint(index, data[:n])


def test_a_damaged_index_raises_nothing_but_value_errors():
    """Each byte becomes each of a few others; a name or a place may change unnoticed."""
    index, data = write_checkpoint({k: ARRAYS[k] for k in ("conv2d/kernel", "conv2d/bias")})
    refused = 0
    for place in range(len(index)):
        for byte in (0, 1, 127, 128, 255, index[place] ^ 1):
            changed = index[:place] + bytes([byte]) + index[place + 1 :]
            try:
                found = read_checkpoint(changed, data)
            except ValueError as error:
                assert "of the checkpoint" in str(error)
                refused += 1
            else:
                assert all(array.nbytes <= len(data) for array in found.values())
    assert refused > len(index)


@pytest.mark.parametrize(
    ("changed", "reason"),
    [
        ({"dtype": 9}, "a type other than float32"),
        ({"shard": 1}, "a different data file"),
        ({"size": 8}, "a shape that does not match its size"),
        ({"offset": 2**62}, "the data file of the checkpoint is truncated"),
    ],
)
def test_entries_that_cannot_be(changed, reason):
    with pytest.raises(ValueError, match=reason):
        read_checkpoint(*write_checkpoint({"a": np.ones(3)}, **changed))


@pytest.mark.parametrize("content", [b"", b"PK\3\4" * 100, bytes(200), b"\xff" * 200])
def test_a_file_of_another_kind(content):
    with pytest.raises(ValueError, match="truncated, or is not a checkpoint index"):
        read_checkpoint(content, b"")


def test_a_table_that_points_anywhere():
    """Handles in the footer lead behind the table, and to themselves."""
    magic = struct.pack("<Q", 0xDB4775248B80FB57)
    for handles in (b"\0\0\xff\xff\xff\xff\xff\xff\xff\xff\x7f\x05", b"\0\0\0\x40", b"\xff" * 40):
        with pytest.raises(ValueError, match="the index of the checkpoint is damaged"):
            read_checkpoint(bytes(100) + handles.ljust(40, b"\0") + magic, b"")


def test_a_compressed_block():
    index, data = write_checkpoint({"a": np.ones(3)})
    place = index.index(b"\0crc.")
    with pytest.raises(ValueError, match="a compressed block"):
        read_checkpoint(index[:place] + b"\1" + index[place + 1 :], data)
