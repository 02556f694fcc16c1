"""Scores of labels, checked, beside their truth."""

import numpy as np
import pandas as pd
from scipy import sparse

from ..utils import plain_labels, read_indicator


def score_matrix(Y_score, name="Y_score"):
    """Return scores as a float array of shape (n, n_labels) without NaN."""
    if sparse.issparse(Y_score):
        Y_score = Y_score.toarray()
    scores = np.asarray(Y_score, dtype=float)
    if scores.ndim == 1:
        scores = scores[:, None]
    if scores.ndim != 2 or not scores.size:
        raise ValueError(
            f"{name} must have one row an item and one column a label, got shape {scores.shape}."
        )
    missing = np.isnan(scores)
    if missing.any():
        row, column = np.argwhere(missing)[0]
        where = f"column {column}"
        if isinstance(Y_score, pd.DataFrame):
            where = f"label {Y_score.columns.tolist()[column]!r}"
        raise ValueError(f"{name} is NaN in row {row}, {where}.")
    return scores


def truth_and_scores(Y_true, Y_score, names=("Y_true", "Y_score")):
    """Check an indicator matrix and the scores of the same rows and labels.

    Returns
    -------
    truth : ndarray of bool, shape (n, n_labels)
    scores : ndarray of float64, shape (n, n_labels)

    Raises
    ------
    ValueError
        If shapes differ, two DataFrames have other columns, `Y_true` holds other values than 0
        and 1, or a score is NaN.
    """
    scores = score_matrix(Y_score, names[1])
    values = Y_true
    if not (sparse.issparse(values) or isinstance(values, pd.DataFrame)):
        values = plain_labels(values, names[0])
        values = values[:, None] if values.ndim == 1 else values
    truth, _ = read_indicator(values, names[0])
    if truth.shape != scores.shape:
        raise ValueError(
            f"{names[0]} has shape {truth.shape}, {names[1]} has {scores.shape}. Pass the same "
            "rows and labels to both; one column of labels must be made an indicator matrix."
        )
    if isinstance(Y_true, pd.DataFrame) and isinstance(Y_score, pd.DataFrame):
        if list(Y_true.columns) != list(Y_score.columns):
            raise ValueError(
                f"The columns of {names[1]} are not those of {names[0]} in the same order. "
                f"Reorder them: {names[1]}[{names[0]}.columns]."
            )
    return truth.astype(bool), scores


def row_weights(sample_weight, n):
    """Return weights of shape (1, n): ones, or `sample_weight` checked."""
    if sample_weight is None:
        return np.ones((1, n))
    weight = np.asarray(sample_weight, dtype=float)
    if weight.shape != (n,):
        raise ValueError(f"sample_weight has shape {weight.shape}, there are {n} rows.")
    if not (np.isfinite(weight).all() and (weight >= 0).all() and weight.any()):
        raise ValueError("sample_weight must be finite, not negative, and not all zero.")
    return weight[None]
