"""Scores of labels, checked."""

import numpy as np


def score_matrix(Y_score, name):
    """Return scores as a float array of shape (n, n_labels) without NaN."""
    scores = np.asarray(Y_score, dtype=float)
    if scores.ndim == 1:
        scores = scores[:, None]
    if scores.ndim != 2 or not scores.size:
        raise ValueError(
            f"{name} must have one row an item and one column a label, got shape {scores.shape}."
        )
    if np.isnan(scores).any():
        row, label = np.argwhere(np.isnan(scores))[0]
        raise ValueError(f"{name} is NaN in row {row}, column {label}.")
    return scores
