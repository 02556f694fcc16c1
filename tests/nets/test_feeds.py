"""What networks are fed with."""

import mmap
import os
import time

import numpy as np
import pytest
import torch
from scipy import sparse

from skmmgenre.audio import AudioCNN
from skmmgenre.nets import ArrayFeed, release_pages
from skmmgenre.nets._feeds import read_batches
from skmmgenre.text import TextMLP

CPU = torch.device("cpu")


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16"])
def test_batches_are_float32_whatever_the_array(dtype):
    X = np.arange(24).reshape(4, 3, 2).astype(dtype)
    feed = ArrayFeed(X, np.zeros(4, dtype=bool))
    assert len(feed) == 4 and feed.sample_shape == (3, 2)
    batch = feed.batch(np.array([2, 0]))
    assert batch.dtype == np.float32 and batch.flags.c_contiguous
    np.testing.assert_array_equal(batch, X[[2, 0]])


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix])
def test_batches_of_a_sparse_matrix_are_sparse(kind):
    X = kind(np.diag([1.0, 2.0, 3.0]))
    feed = ArrayFeed(X, np.zeros(3, dtype=bool))
    batch = feed.batch(np.array([2, 1]))
    assert sparse.issparse(batch) and batch.dtype == np.float32
    np.testing.assert_array_equal(batch.toarray(), [[0, 0, 3], [0, 2, 0]])


@pytest.fixture(scope="module")
def patches():
    rng = np.random.default_rng(0)
    X = rng.normal(-40, 10, size=(24, 96, 130)).astype(np.float32)
    X[5] = np.nan
    return X, np.arange(24) % 2


def test_memory_mapped_patches_give_the_same_bits(patches, tmp_path):
    X, y = patches
    np.save(tmp_path / "patches.npy", X)
    mapped = np.load(tmp_path / "patches.npy", mmap_mode="r")
    params = {"architecture": "4x96", "width": (4, 4, 4, 4), "max_epochs": 2, "batch_size": 8}
    fitted = [
        AudioCNN(**params, validation_fraction=0, random_state=0).fit(data, y)
        for data in (X, mapped)
    ]
    np.testing.assert_array_equal(fitted[0].transform(X), fitted[1].transform(mapped))
    np.testing.assert_array_equal(fitted[0].predict_proba(X), fitted[1].predict_proba(X))
    assert not any(isinstance(value, np.memmap) for value in vars(fitted[1]).values())


def test_sparse_and_dense_learn_the_same():
    X = sparse.random_array((40, 30), density=0.3, rng=np.random.default_rng(0), format="csr")
    y = np.arange(40) % 2
    params = {"hidden_units": (8,), "max_epochs": 3, "validation_fraction": 0, "random_state": 0}
    dense, thin = TextMLP(**params).fit(X.toarray(), y), TextMLP(**params).fit(X, y)
    np.testing.assert_allclose(dense.transform(X.toarray()), thin.transform(X), rtol=1e-6)
    for other in (X.tocsc(), X.tocoo(), sparse.csr_matrix(X)):
        np.testing.assert_array_equal(thin.transform(other), thin.transform(X))


def resident_megabytes():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * mmap.PAGESIZE / 1e6


@pytest.mark.skipif(not os.path.exists("/proc/self/statm"), reason="reads /proc, of Linux")
@pytest.mark.parametrize("kind", ["the file", "a part of it", "read again and again"])
def test_no_page_of_a_mapped_file_stays_in_memory(tmp_path, kind):
    shape = (4000, 100, 100)
    file = np.lib.format.open_memmap(tmp_path / "patches.npy", "w+", np.float32, shape)
    file[:] = 1
    file.flush()
    release_pages(file)
    del file
    X = np.load(tmp_path / "patches.npy", mmap_mode="r")
    X = X[100:3900, :, 10:] if kind == "a part of it" else X
    feed = ArrayFeed(X, np.zeros(len(X), dtype=bool))
    assert feed.reads_files
    before = peak = resident_megabytes()
    rows = np.random.default_rng(0).permutation(len(X))
    for _ in range(3 if kind == "read again and again" else 1):
        for start in range(0, len(X), 50):
            assert feed.batch(rows[start : start + 50]).all()
            peak = max(peak, resident_megabytes())
    assert peak - before < 20  # of 160


def test_what_was_written_to_a_private_map_stays(tmp_path):
    np.save(tmp_path / "x.npy", np.zeros((10, 5), dtype=np.float32))
    X = np.load(tmp_path / "x.npy", mmap_mode="c")
    X[3] = 7  # in memory only: its page must not be let go
    feed = ArrayFeed(X, np.zeros(10, dtype=bool))
    assert feed.batch(np.array([3])).tolist() == [[7] * 5]
    assert feed.batch(np.array([3])).tolist() == [[7] * 5]


class Slow:
    """A feed that tells when it is read."""

    def __init__(self, reads_files=True):
        self.reads_files = reads_files
        self.log = []

    def batch(self, rows, epoch=None):
        if rows[0] == 99:
            raise OSError("the disk is gone")
        self.log.append(f"read {rows[0]}")
        return rows * 10


@pytest.mark.parametrize(("reads_files", "device"), [(True, "cpu"), (False, "cuda")])
def test_the_next_batch_is_read_while_one_is_worked_on(reads_files, device):
    feed = Slow(reads_files)
    chunks = [np.array([k]) for k in range(4)]
    found = []
    for rows, batch in read_batches(feed, chunks, device=torch.device(device)):
        found.append((int(rows[0]), int(batch[0])))
        for _ in range(200):  # as long as the work may take
            if rows[0] == 3 or f"read {rows[0] + 1}" in feed.log:
                break
            time.sleep(0.01)
        feed.log.append(f"worked on {rows[0]}")
    assert found == [(0, 0), (1, 10), (2, 20), (3, 30)]
    assert feed.log == [
        "read 0", "read 1", "worked on 0", "read 2", "worked on 1", "read 3", "worked on 2",
        "worked on 3",
    ]  # fmt: skip


def test_the_processor_does_one_thing_at_a_time():
    feed = Slow(reads_files=False)
    for rows, _ in read_batches(feed, [np.array([k]) for k in range(2)], device=CPU):
        feed.log.append(f"worked on {rows[0]}")
    assert feed.log == ["read 0", "worked on 0", "read 1", "worked on 1"]


def test_what_fails_while_reading_ahead_is_raised_in_its_turn():
    seen = []
    with pytest.raises(OSError, match="the disk is gone"):
        chunks = [np.array([0]), np.array([99]), np.array([2])]
        for rows, _ in read_batches(Slow(), chunks, device=CPU):
            seen.append(int(rows[0]))
    assert seen == [0]


def test_nothing_to_read():
    assert list(read_batches(Slow(), [], device=CPU)) == []
