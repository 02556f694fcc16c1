"""Which columns belong to which modality."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from skmmgenre.fusion._blocks import find_blocks, l2_normalize, missing_in_block


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
        ({"audio": 3}, 4, None, "adds up to 3 columns, X has 4"),
        ({"audio": 0, "text": 4}, 4, None, "number of columns"),
        ({"audio": 1.5}, 4, None, "number of columns"),
        ({}, 4, None, "number of columns"),
        ("auto", 2, ["audio__a", "b"], "'b' has no prefix .*audio__b"),
        ("auto", 2, ["audio__a", "__b"], "'__b' has no prefix"),
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
