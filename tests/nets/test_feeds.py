"""What networks are fed with."""

import numpy as np
import pytest
from scipy import sparse

from skmmgenre.audio import AudioCNN
from skmmgenre.nets import ArrayFeed
from skmmgenre.text import TextMLP


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64", "int16"])
def test_batches_are_float32_whatever_the_array(dtype):
    X = np.arange(24).reshape(4, 3, 2).astype(dtype)
    feed = ArrayFeed(X, np.zeros(4, dtype=bool))
    assert len(feed) == 4 and feed.sample_shape == (3, 2)
    batch = feed.batch(np.array([2, 0]))
    assert batch.dtype == np.float32 and batch.flags.c_contiguous
    np.testing.assert_array_equal(batch, X[[2, 0]])


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix])
def test_only_a_batch_of_a_sparse_matrix_is_made_dense(kind):
    X = kind(np.diag([1.0, 2.0, 3.0]))
    batch = ArrayFeed(X, np.zeros(3, dtype=bool)).batch(np.array([2, 1]))
    assert type(batch) is np.ndarray
    np.testing.assert_array_equal(batch, [[0, 0, 3], [0, 2, 0]])


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
