"""Indicator matrices as they come in; dense ones are also tested where networks read them."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from skmmgenre.labels import read_indicator

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
    with pytest.raises(ValueError, match="got 2.0 in row 2, label 0"):
        read_indicator(Y, keep_sparse=True)
    rows = sparse.csr_array((np.ones(2), [1, 1], [0, 0, 2]), shape=(2, 2))
    with pytest.raises(ValueError, match="got 2.0 in row 1, label 1"):
        read_indicator(rows)
    assert rows.nnz == 2


@pytest.mark.parametrize(
    ("Y", "message"),
    [
        (sparse.csr_array([[0, 0], [1, 3]]), "got 3 in row 1, label 1"),
        (sparse.csc_array([[0, 0.5], [1, 0]]), "got 0.5 in row 0, label 1"),
        (sparse.csr_array([[2, 0], [0, np.nan]]), "NaN: the first is in row 1, label 1"),
        (sparse.csr_array([[1j, 0]]), "dtype complex128"),
        ([1, 0, 1], "must be 2-D, one column a label; got shape"),
        ([[-1, 0]], "got -1 in row 0, label 0"),
        (pd.DataFrame([[0, 1], [7, 0]], columns=["a", "b"]), "got 7 in row 1, label 'a'"),
        (pd.DataFrame([["x", "y"]], columns=["a", "b"]), "must hold 0 and 1, got dtype"),
        (pd.DataFrame(np.eye(2), columns=["a", "a"]), r"duplicate columns: \['a'\]"),
    ],
)
def test_the_error_names_row_and_label(Y, message):
    with pytest.raises(ValueError, match=message):
        read_indicator(Y)
