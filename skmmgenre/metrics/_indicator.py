"""Indicator matrices of 0 and 1, checked, and the names of their columns."""

from numbers import Number

import numpy as np
import pandas as pd
from scipy import sparse

from ._plain_labels import plain_labels


def read_indicator(Y, name="y", *, keep_sparse=False):
    """Read which row has which labels.

    Parameters
    ----------
    Y : array-like of shape (n_rows, n_labels)
        0 and 1 (or booleans) as ndarray, nested lists, DataFrame (its column names are the
        labels) or sparse matrix.
    name : str
        What the argument is called, for the error.
    keep_sparse : bool, default=False
        Answer sparse for sparse, which is never made dense on the way; else a sparse `Y` is
        made dense.

    Returns
    -------
    matrix : ndarray of int8, or csr_array of int8 without explicit zeros
    names : ndarray of shape (n_labels,)
        The labels; without a DataFrame 0, 1, ...

    Raises
    ------
    ValueError
        If `Y` is not 2-D, names a label twice, or holds anything but 0 and 1: the error names
        the row and the label of the first such entry.
    """
    labels = None
    if sparse.issparse(Y):
        values = Y
    elif isinstance(Y, pd.DataFrame):
        if Y.columns.nlevels > 1:
            raise ValueError(
                f"{name} has columns of {Y.columns.nlevels} levels; a label has one name. Join "
                f"them, for example {name}.columns = ['/'.join(c) for c in {name}.columns]."
            )
        if Y.columns.has_duplicates:
            twice = list(Y.columns[Y.columns.duplicated()].unique())
            raise ValueError(f"{name} has duplicate columns: {twice}. Name every label once.")
        labels = plain_labels(Y.columns, f"{name}.columns")
        values = Y.to_numpy()
    else:
        values = plain_labels(Y, name)
    if values.ndim != 2:
        raise ValueError(
            f"{name} must be an indicator matrix with one row an item and one column a label, "
            f"got shape {values.shape}. For one genre a row pass pandas.get_dummies({name})."
        )
    names = np.arange(values.shape[1]) if labels is None else labels
    if not sparse.issparse(values):
        bad = _neither_0_nor_1(values)
        if bad.any():
            row, column = np.argwhere(bad)[0]
            _refuse(name, values[row, column], row, column, labels)
        return values.astype(bool).astype(np.int8), names
    matrix = _read_sparse(values, name)
    return (matrix if keep_sparse else matrix.toarray()), names


def _read_sparse(Y, name):
    matrix = sparse.csr_array(Y)
    if not matrix.has_canonical_format:
        # Entries given twice are summed, so that they are refused rather than counted as one.
        matrix = matrix.copy()  # it may share its arrays with Y
        matrix.sum_duplicates()
    bad = _neither_0_nor_1(matrix.data)
    if bad.any():
        entry = int(np.argmax(bad))
        row = int(np.searchsorted(matrix.indptr, entry, side="right")) - 1
        _refuse(name, matrix.data[entry], row, matrix.indices[entry])
    matrix = matrix.astype(bool).astype(np.int8)
    if not matrix.data.all():
        matrix.eliminate_zeros()
    return matrix


def _neither_0_nor_1(values):
    if values.dtype.kind in "biufc":
        return (values != 0) & (values != 1)
    # Strings, and objects: pandas' nullable types, or None among numbers.
    bad = [not (np.isscalar(entry) and entry in (0, 1)) for entry in values.flat]
    return np.array(bad, dtype=bool).reshape(values.shape)


def _refuse(name, entry, row, column, labels=None):
    entry = entry.item() if isinstance(entry, np.generic) else entry
    where = f"row {row}, " + (
        f"column {column}" if labels is None else f"label {labels.tolist()[column]!r}"
    )
    if pd.api.types.is_scalar(entry) and pd.isna(entry):
        raise ValueError(f"{name} is NaN in {where}. Leave such rows out, or write 0.")
    if isinstance(entry, Number):
        way_out = (
            "Write 1 where a row has the label, else 0; scores must be cut first, for example by "
            "the model's predict."
        )
    else:
        way_out = "For lists of genres use sklearn.preprocessing.MultiLabelBinarizer."
    raise ValueError(
        f"{name} must be an indicator matrix of 0 and 1, got {entry!r} in {where}. {way_out}"
    )
