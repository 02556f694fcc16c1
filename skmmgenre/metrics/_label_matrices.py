"""True and predicted labels as 0/1 matrices over one set of labels."""

import numpy as np
import pandas as pd
from scipy import sparse

from ..utils import read_labels


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
    read = {name: read_labels(y, name, keep_sparse=True) for name, y in named.items()}
    (first, shape), *others = [(name, y.values.shape) for name, y in read.items()]
    for name, other in others:
        if other != shape:
            raise ValueError(
                f"{first} has shape {shape}, {name} has {other}. Pass the same rows to both, "
                "and labels or indicator matrices to both."
            )
    if not shape[0]:
        raise ValueError(f"{first} has 0 rows.")
    if not read[first].several:
        return _from_columns(read, labels)
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
    return [y.incidence for y in read.values()], labels


def _as_labels(labels):
    labels = pd.Index(labels)
    if not labels.is_unique:
        raise ValueError(f"labels holds {labels[labels.duplicated()][0]!r} twice.")
    return labels


def _from_columns(read, labels):
    columns = {name: pd.Series(y.values) for name, y in read.items()}
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
