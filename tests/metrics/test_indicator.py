"""Indicator matrices as they come in; also tested where metrics and networks read them."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from skmmgenre.metrics import read_indicator

INDICATOR = np.array([[1, 0, 1], [0, 1, 0], [0, 0, 0]])


@pytest.mark.parametrize("make", [sparse.csr_array, sparse.csc_matrix, sparse.coo_array])
@pytest.mark.parametrize("dtype", [bool, np.int8, np.int64, np.float32])
def test_sparse_stays_sparse_on_request(make, dtype):
    matrix, names = read_indicator(make(INDICATOR.astype(dtype)), keep_sparse=True)
    assert isinstance(matrix, sparse.csr_array) and matrix.dtype == np.int8
    np.testing.assert_array_equal(matrix.toarray(), INDICATOR)
    assert names.tolist() == [0, 1, 2]
    dense, _ = read_indicator(make(INDICATOR.astype(dtype)))
    np.testing.assert_array_equal(dense, INDICATOR)
    assert type(dense) is np.ndarray


def test_explicit_zeros_are_no_labels():
    Y = sparse.csr_array((np.array([1.0, 0.0]), ([0, 1], [1, 0])), shape=(2, 2))
    matrix, _ = read_indicator(Y, keep_sparse=True)
    assert matrix.nnz == 1
    assert Y.nnz == 2  # what was passed is left as it is


def test_one_column_is_an_indicator_here():
    matrix, names = read_indicator(pd.DataFrame({"Jazz": [1, 0]}))
    assert matrix.tolist() == [[1], [0]] and names.tolist() == ["Jazz"]


def test_entries_given_twice_are_not_counted_as_one():
    Y = sparse.coo_array((np.ones(3), ([0, 2, 2], [1, 0, 0])), shape=(3, 2))
    with pytest.raises(ValueError, match="got 2.0 in row 2, column 0"):
        read_indicator(Y, keep_sparse=True)
    rows = sparse.csr_array((np.ones(2), [1, 1], [0, 0, 2]), shape=(2, 2))
    with pytest.raises(ValueError, match="got 2.0 in row 1, column 1"):
        read_indicator(rows)
    assert rows.nnz == 2


@pytest.mark.parametrize(
    ("Y", "message"),
    [
        (sparse.csr_array([[0, 0], [1, 3]]), "got 3 in row 1, column 1"),
        (sparse.csc_array([[0, 0.5], [1, 0]]), "got 0.5 in row 0, column 1. Write 1"),
        (sparse.csr_array([[0, 0], [1, np.nan]]), "truth is NaN in row 1, column 1. Leave"),
        (sparse.csr_array([[1j, 0]]), "got 1j in row 0, column 0"),
        ([1, 0, 1], r"truth must be .* one column a label, got shape \(3,\)"),
        ([[-1, 0]], "got -1 in row 0, column 0"),
        ([[0, None]], "truth is NaN in row 0, column 1"),
        ([["0", "1"]], "got '0' in row 0, column 0. For lists of genres use .*MultiLabel"),
        (pd.DataFrame([[0, 1], [7, 0]], columns=["a", "b"]), "got 7 in row 1, label 'a'"),
        (pd.DataFrame({"a": [0, 1], "b": pd.array([1, None], "Int8")}), "NaN in row 1, label 'b'"),
        (pd.DataFrame({"a": [["Jazz"]], "b": [0]}), "got .'Jazz'. in row 0, label 'a'"),
        (pd.DataFrame([["x", "y"]], columns=["a", "b"]), "got 'x' in row 0, label 'a'"),
        (pd.DataFrame(np.eye(2), columns=["a", 1]), "truth.columns mixes types"),
        (pd.DataFrame(np.eye(2), columns=[["a", "a"], ["b", "c"]]), "columns of 2 levels.*Join"),
        (pd.DataFrame(np.eye(2), columns=["a", "a"]), r"truth has duplicate columns: \['a'\]"),
    ],
)
def test_the_error_names_argument_row_and_label(Y, message):
    with pytest.raises(ValueError, match=message):
        read_indicator(Y, "truth")
