"""Which columns belong to which modality."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from skmmgenre.fusion import _blocks
from skmmgenre.fusion._blocks import (
    find_blocks,
    l2_normalize,
    missing_in_block,
    vectors_of_block,
    vectors_of_blocks,
)


def found(*args):
    return {block: columns.tolist() for block, columns in find_blocks(*args).items()}


def test_prefixes_need_not_stand_side_by_side():
    names = ["text__a", "audio__cnn__1", "text__b", "audio__2"]
    assert found("auto", 4, names) == {"text": [0, 2], "audio": [1, 3]}


def test_a_bare_array_is_one_block():
    assert found("auto", 3, None) == {"all": [0, 1, 2]}
    assert found("auto", 2, ["a", "b"]) == {"all": [0, 1]}


@given(st.lists(st.integers(1, 5), min_size=1, max_size=5))
def test_sizes_share_out_all_columns_in_order(sizes):
    blocks = {f"block {i}": size for i, size in enumerate(sizes)}
    columns = found(blocks, sum(sizes))
    assert {block: len(part) for block, part in columns.items()} == blocks
    assert sum(columns.values(), []) == list(range(sum(sizes)))


@pytest.mark.parametrize(
    ("blocks", "n_features", "names", "message"),
    [
        ({"audio": 3}, 4, None, "adds up to 3 columns, but X has 4"),
        ({"audio": 0, "text": 4}, 4, None, "number of columns"),
        ({"audio": 1.5}, 4, None, "number of columns"),
        ({}, 4, None, "number of columns"),
        ("auto", 2, ["audio__a", "b"], "'b' has no prefix .*audio__b"),
        ("auto", 2, ["audio__a", "__b"], "'__b' has no prefix"),
        ("auto", 3, ["audio__a", "audio__b"], "2 column names .*X has 3 columns.*blocks={name"),
    ],
)
def test_bad_blocks(blocks, n_features, names, message):
    with pytest.raises(ValueError, match=message):
        find_blocks(blocks, n_features, names)


def test_missing_is_nan_throughout():
    X = np.array([[1.0, np.nan, np.nan], [np.nan, 2.0, 3.0]])
    assert missing_in_block(X, [1, 2], "text").tolist() == [True, False]
    X[1, 2] = np.nan
    with pytest.raises(ValueError, match="NaN in part of block 'text', first in row 1"):
        missing_in_block(X, [1, 2], "text")


def test_l2_normalize_known_answer():
    assert l2_normalize([[3, 4], [0, 0], [-2, 0]]).tolist() == [
        [np.float32(0.6), np.float32(0.8)],
        [0, 0],
        [-1, 0],
    ]


def test_l2_normalize_of_a_row_is_that_row_of_all():
    X = np.random.default_rng(0).normal(size=(700, 300)).astype(np.float32)
    whole = l2_normalize(np.asfortranarray(X))
    alone = np.vstack([l2_normalize(X[row : row + 1]) for row in range(len(X))])
    np.testing.assert_array_equal(whole, alone)
    np.testing.assert_allclose(np.linalg.norm(whole, axis=1), 1, rtol=1e-6)


def test_a_block_of_zeros_is_missing():
    X = np.array([[0, 0, 1], [np.nan, np.nan, 0], [0, 2, 0], [-0.0, 0, 0]])
    assert missing_in_block(X, [0, 1], "a").tolist() == [True, True, False, True]
    assert missing_in_block(X, [0, 1], "a", zeros=False).tolist() == [False, True, False, False]
    with pytest.raises(ValueError, match="NaN in part of block 'a', first in row 0"):
        missing_in_block(np.array([[np.nan, 0]]), [0, 1], "a")


def sparse_rows(dense, dtype=np.float64):
    """The same numbers as CSR: out of order, 0 written out, one in two parts."""
    rows = [np.flatnonzero(row)[::-1] for row in dense]
    values = [row[columns] for row, columns in zip(dense, rows, strict=True)]
    rows = [np.r_[columns, 0, 1, 1] for columns in rows]
    values = [np.r_[part, 0, 0.5, -0.5] for part in values]
    starts = np.cumsum([0, *map(len, rows)])
    parts = np.concatenate(values).astype(dtype), np.concatenate(rows), starts
    return sparse.csr_array(parts, shape=dense.shape)


numbers = st.sampled_from([0.0, 0.0, -0.0, np.nan, 1.5, 3e-7, 1e30]) | st.floats(-9, 9, width=16)


@given(arrays(np.float64, (7, 5), elements=numbers), st.booleans(), st.booleans())
def test_a_sparse_block_is_the_dense_one(X, zeros, normalize):
    columns = [3, 0, 4]
    X[1], X[2] = np.nan, 0
    X[np.isnan(X[:, columns]).any(axis=1) & ~np.isnan(X[:, columns]).all(axis=1)] = 1
    stored = sparse_rows(X)
    before = stored.data.copy(), stored.indices.copy()
    missing = missing_in_block(X, columns, "a", zeros=zeros)
    np.testing.assert_array_equal(missing_in_block(stored, columns, "a", zeros=zeros), missing)
    dense = vectors_of_block(X, columns, missing, normalize=normalize)
    found = vectors_of_block(stored, columns, missing, normalize=normalize)
    assert sparse.issparse(found) and found.dtype == np.float32 and found.data.all()
    np.testing.assert_array_equal(found.toarray(), dense)
    for now, then in zip((stored.data, stored.indices), before, strict=True):
        np.testing.assert_array_equal(now, then)


def test_norms_of_long_sparse_rows_are_those_of_dense_ones(monkeypatch):
    monkeypatch.setattr(_blocks, "_VALUES_AT_ONCE", 10_000)
    rng = np.random.default_rng(0)
    X = rng.lognormal(sigma=3, size=(600, 3000)) * (rng.random((600, 3000)) < 0.05)
    blocks = {"a": np.arange(0, 3000, 2).tolist(), "b": np.arange(1, 3000, 2).tolist()}
    missing = {block: missing_in_block(X, columns, block) for block, columns in blocks.items()}
    dense = vectors_of_blocks(X, blocks, missing)
    for kind in (sparse.csr_array, sparse.csr_matrix):
        found = vectors_of_blocks(kind(X), blocks, missing)
        np.testing.assert_array_equal(found.toarray(), dense)
    np.testing.assert_allclose(np.linalg.norm(dense, axis=1), np.sqrt(2), rtol=1e-5)


@pytest.mark.parametrize("kind", [sparse.csr_array, sparse.csr_matrix])
def test_part_of_a_sparse_block_is_nan(kind):
    X = np.array([[0, 0, 1], [0, np.nan, 5], [np.nan, np.nan, 0]])
    with pytest.raises(ValueError, match="NaN in part of block 'words', first in row 1"):
        missing_in_block(kind(X), [0, 1], "words")
    assert missing_in_block(kind(X[[0, 2]]), [0, 1], "words").tolist() == [True, True]
