"""True and predicted labels as 0/1 matrices over one set of labels."""

import numpy as np
import pandas as pd
from scipy import sparse


def label_matrices(named, labels=None):
    """Turn several columns of labels, or indicator matrices, into matrices of the same columns.

    Parameters
    ----------
    named : dict
        The name of each argument (for errors) and its labels: all 1-D, one label a row, or
        all indicator matrices (ndarray, DataFrame or sparse) of the same shape.
    labels : array-like, optional
        All labels, in the order wanted. By default those that occur (in any argument), sorted;
        of indicator matrices the columns.

    Returns
    -------
    matrices : list of csr_array of float64, shape (n, n_labels)
    labels : Index

    Raises
    ------
    ValueError
        If shapes differ, a label is missing or not among `labels`, an entry is neither 0 nor
        1, or there is no row.
    """
    columns = {name: _as_array(name, y) for name, y in named.items()}
    (first, shape), *others = [(name, y.shape) for name, y in columns.items()]
    for name, other in others:
        if other != shape:
            raise ValueError(
                f"{first} has shape {shape}, {name} has {other}. Pass the same rows to both, "
                "and labels or indicator matrices to both."
            )
    if not shape[0]:
        raise ValueError(f"{first} has 0 rows.")
    if len(shape) == 1:
        return _from_columns(columns, labels)
    if labels is None:
        frames = [y for y in named.values() if isinstance(y, pd.DataFrame)]
        labels = frames[0].columns if frames else range(shape[1])
    labels = _as_labels(labels)
    if len(labels) != shape[1]:
        raise ValueError(f"labels has {len(labels)} names, {first} has {shape[1]} columns.")
    for name, y in named.items():
        if isinstance(y, pd.DataFrame) and list(y.columns) != list(labels):
            raise ValueError(
                f"The columns of {name} are not the labels {list(labels)[:5]}... in this order. "
                f"Reorder them: {name}[labels]."
            )
    # From `named`: a DataFrame's error names the label.
    return [indicator_matrix(y, name) for name, y in named.items()], labels


def _as_array(name, y):
    if sparse.issparse(y):
        return y
    if not hasattr(y, "ndim"):
        y = pd.Series(list(y)) if not np.ndim(y[0] if len(y) else 0) else np.asarray(y)
    if y.ndim == 2 and y.shape[1] == 1 and not isinstance(y, pd.DataFrame):
        y = y[:, 0]
    if y.ndim not in (1, 2):
        raise ValueError(f"{name} has {y.ndim} dimensions; pass labels or an indicator matrix.")
    return y


def _as_labels(labels):
    labels = pd.Index(labels)
    if not labels.is_unique:
        raise ValueError(f"labels holds {labels[labels.duplicated()][0]!r} twice.")
    return labels


def _from_columns(columns, labels):
    columns = {name: pd.Series(np.asarray(y)) for name, y in columns.items()}
    for name, y in columns.items():
        if y.isna().any():
            raise ValueError(
                f"{name} has no label in row {int(np.argmax(y.isna()))}. Leave such rows out."
            )
    if labels is None:
        occurring = pd.concat(list(columns.values())).unique()
        try:
            labels = sorted(occurring)
        except TypeError:
            raise ValueError("Labels of several types cannot be sorted: pass labels=.") from None
    labels = _as_labels(labels)
    matrices = []
    for name, y in columns.items():
        codes = labels.get_indexer(y)
        if (codes < 0).any():
            row = int(np.argmax(codes < 0))
            raise ValueError(f"{name} holds {y[row]!r} in row {row}, which is not in labels.")
        n = len(codes)
        matrices.append(
            sparse.csr_array((np.ones(n), (np.arange(n), codes)), shape=(n, len(labels)))
        )
    return matrices, labels


def indicator_matrix(y, name="y"):
    """Read an indicator matrix, whatever form it comes in.

    Parameters
    ----------
    y : array-like of shape (n, n_labels)
        0 and 1 (or booleans): ndarray, DataFrame, sparse or nested lists.
    name : str
        What the argument is called, for the error.

    Returns
    -------
    matrix : csr_array of float64, shape (n, n_labels)
        Without explicit zeros. It is never made dense on the way.

    Raises
    ------
    ValueError
        If an entry is neither 0 nor 1; the first one is named.
    """
    labels = y.columns if isinstance(y, pd.DataFrame) else None
    if sparse.issparse(y):
        matrix = sparse.csr_array(y)
        bad = ~np.isin(matrix.data, (0, 1))
        if bad.any():
            place = int(np.argmax(bad))
            row = int(np.searchsorted(matrix.indptr, place, side="right")) - 1
            _refuse(name, matrix.data[place], row, matrix.indices[place], labels)
    else:
        values = np.asarray(y)
        if values.ndim != 2:
            raise ValueError(
                f"{name} must be an indicator matrix with one row an item and one column a "
                f"label, got shape {values.shape}."
            )
        if values.dtype.kind not in "biuf":  # pandas' nullable types, or None among numbers
            values = np.where(pd.isna(values), np.nan, values.astype(object))
            bad = np.vectorize(lambda entry: entry not in (0, 1), otypes=[bool])(values)
        else:
            bad = (values != 0) & (values != 1)
        if bad.any():
            row, column = np.argwhere(bad)[0]
            _refuse(name, values[row, column], row, column, labels)
        matrix = sparse.csr_array(values.astype(bool))
    matrix = matrix.astype(np.float64)
    matrix.eliminate_zeros()
    return matrix


def _refuse(name, entry, row, column, labels):
    entry = entry.item() if isinstance(entry, np.generic) else entry
    where = f"row {row}, " + (
        f"column {column}" if labels is None else f"label {labels.tolist()[column]!r}"
    )
    if pd.isna(entry):
        raise ValueError(f"{name} is NaN in {where}. Leave such rows out, or write 0.")
    raise ValueError(
        f"{name} must be an indicator matrix of 0 and 1, got {entry!r} in {where}. Scores must "
        "be cut first, for example by the model's predict."
    )
