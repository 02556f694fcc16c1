"""Indicator matrices of 0 and 1, checked, and the names of their columns."""

import numpy as np
import pandas as pd
from scipy import sparse


def read_indicator(Y, *, keep_sparse=False):
    """Read which row has which labels.

    Parameters
    ----------
    Y : array-like of shape (n_rows, n_labels)
        0 and 1 as ndarray, lists, DataFrame (its column names are the labels) or sparse matrix.
    keep_sparse : bool, default=False
        Answer sparse for sparse; else a sparse `Y` is made dense.

    Returns
    -------
    matrix : ndarray of int8, or csr_array of int8 without explicit zeros
    names : ndarray of shape (n_labels,)
        The labels; without a DataFrame 0, 1, ...

    Raises
    ------
    ValueError
        If `Y` is not 2-D, names a label twice, or holds anything but 0 and 1: the error names
        the row and the label.
    """
    if sparse.issparse(Y):
        names = np.arange(Y.shape[1])
        matrix = _read_sparse(Y, names)
        return (matrix if keep_sparse else matrix.toarray()), names
    if isinstance(Y, pd.DataFrame):
        if Y.columns.has_duplicates:
            names = list(Y.columns[Y.columns.duplicated()].unique())
            raise ValueError(f"y has duplicate columns: {names}. Name every label once.")
        return _read_dense(Y.to_numpy(), plain_labels(Y.columns))
    values = plain_labels(Y)
    if values.ndim != 2:
        raise ValueError(
            f"An indicator matrix y must be 2-D, one column a label; got shape {values.shape}. "
            "For one genre a row pass pandas.get_dummies(y)."
        )
    return _read_dense(values, np.arange(values.shape[1]))


def plain_labels(y):
    """A numpy array of numbers or of strings; one with missing labels stays one of objects."""
    # numpy would turn the NaN of ["Jazz", nan] into the label "nan", so objects first.
    labels = np.array(y, dtype=object) if isinstance(y, (list, tuple)) else np.asarray(y)
    if labels.dtype.kind not in "OT":
        return labels
    labels = labels.astype(object)
    if not labels.size:
        return labels.astype(float)
    if any(isinstance(label, (list, tuple, set, np.ndarray)) for label in labels.flat):
        raise ValueError(
            "y holds a list of genres in a row. Several genres are passed as an indicator "
            "matrix: use sklearn.preprocessing.MultiLabelBinarizer."
        )
    if pd.isna(labels).any():
        return labels
    is_string = [isinstance(label, str) for label in labels.flat]
    if all(is_string):
        return labels.astype(str)
    if any(is_string):
        kinds = sorted({type(label).__name__ for label in labels.flat})
        raise ValueError(f"y mixes types that cannot be sorted: {kinds}. Make all genres strings.")
    return np.array(labels.tolist())


def _read_dense(values, names):
    if values.dtype.kind == "O":  # pandas' nullable types, or None among numbers
        try:
            values = np.where(pd.isna(values), np.nan, values).astype(float)
        except (TypeError, ValueError):
            pass  # told below
    _refuse_other_types(values)
    bad = ~np.isin(values, (0, 1))
    if bad.any():
        missing = np.isnan(values.astype(float))
        row, column = np.argwhere(missing if missing.any() else bad)[0]
        _refuse(values[row, column], row, names[column])
    return values.astype(np.int8), names


def _read_sparse(Y, names):
    _refuse_other_types(Y)
    matrix = sparse.csr_array(Y)
    if not matrix.has_canonical_format:
        # Entries given twice are summed, so that they are refused rather than counted as one.
        matrix = matrix.copy()  # it may share its arrays with Y
        matrix.sum_duplicates()
    good = np.isin(matrix.data, (0, 1))
    if not good.all():
        missing = np.isnan(matrix.data.astype(float))
        entry = int(np.argmax(missing if missing.any() else ~good))
        row = int(np.searchsorted(matrix.indptr, entry, side="right")) - 1
        _refuse(matrix.data[entry], row, names[matrix.indices[entry]])
    matrix = matrix.astype(np.int8)
    if not matrix.data.all():
        matrix.eliminate_zeros()
    return matrix


def _refuse_other_types(values):
    if values.dtype.kind not in "biuf":
        raise ValueError(
            f"An indicator matrix y must hold 0 and 1, got dtype {values.dtype}. "
            "Use sklearn.preprocessing.MultiLabelBinarizer for lists of genres."
        )


def _refuse(value, row, name):
    name = getattr(name, "item", lambda: name)()
    if np.isnan(float(value)):
        raise ValueError(f"Input y contains NaN: the first is in row {row}, label {name!r}.")
    raise ValueError(
        f"An indicator matrix y must hold 0 and 1, got {value.item()!r} in row {row}, "
        f"label {name!r}."
    )
