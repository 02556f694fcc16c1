"""Reading y: one genre a row, or an indicator matrix of several."""

import warnings

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.exceptions import DataConversionWarning
from sklearn.utils.multiclass import check_classification_targets

from ...metrics import plain_labels, read_indicator


def read_labels(y):
    """Read y as a column of labels, or as an indicator matrix with names.

    Parameters
    ----------
    y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
        An indicator may be an ndarray, a DataFrame (its column names are the labels) or a
        sparse matrix.

    Returns
    -------
    y : ndarray of shape (n_rows,) or int8 ndarray of shape (n_rows, n_labels)
    names : ndarray or None
        The labels of an indicator.

    Raises
    ------
    ValueError
        If y holds NaN, labels that cannot be sorted, or indicators other than 0 and 1.
    """
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None: "
            "pass one genre a row, or an indicator matrix."
        )
    if sparse.issparse(y) or (isinstance(y, pd.DataFrame) and y.shape[1] > 1):
        return read_indicator(y)
    labels = plain_labels(y)
    if labels.ndim == 2 and labels.shape[1] > 1:
        return read_indicator(labels)
    if labels.ndim == 2 and labels.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change "
            "the shape of y to (n_samples,), for example using ravel().",
            DataConversionWarning,
            stacklevel=4,
        )
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(f"y must be 1-D or an indicator matrix, got shape {labels.shape}.")
    _refuse_missing(labels)
    check_classification_targets(labels)
    return labels, None


def _refuse_missing(labels):
    if labels.dtype.kind == "f" and np.isinf(labels).any():
        raise ValueError("Input y contains infinity or a value too large for dtype('float64').")
    bad = pd.isna(labels)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"Input y contains NaN: the first is in row {row}, {int(bad.sum())} in all. "
            "Drop the rows without a genre before fit."
        )
