"""Precision, recall and F1 of every genre (Table 3 of the paper)."""

import numpy as np
import pandas as pd

from ._label_matrices import label_matrices
from ._ranking_figures import auc_by_label, average_precision_by_label
from ._score_matrix import row_weights, truth_and_scores


def genre_scores(y_true, y_pred, labels=None, *, y_score=None):
    """Precision, recall and F1 of every genre, and their plain mean.

    The macro F1 is the mean of the genres' F1 (not the F1 of the mean precision and recall),
    over all `labels`; a figure whose denominator is 0 is 0. These are the figures of Tables 2
    and 3 of Oramas et al. (2018).

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,) or (n, n_labels)
        One label a row, or indicator matrices (ndarray, DataFrame or sparse). The table has
        the column names of a DataFrame.
    labels : array-like, optional
        The labels to score, in this order: pass the ``classes_`` of the model, so that a genre
        that is absent from a test set counts. By default those in `y_true` or `y_pred`,
        sorted; of indicator matrices all columns.
    y_score : array-like of shape (n, n_labels), optional
        Scores of the labels, in the order of `labels`. The table then has two more columns.

    Returns
    -------
    scores : DataFrame
        One row a genre and a last row "macro"; columns precision, recall and f1 in [0, 1] and
        support (rows that truly have the genre; for "macro" all rows). With `y_score` also
        auc and average_precision, NaN for a genre without a positive or a negative and left
        out of the macro figures, as in `macro_auc_score`.
        ``scores.attrs["accuracy"]`` is the share of rows that are wholly right.

    Raises
    ------
    ValueError
        If shapes differ, a label is missing or not in `labels`, there is no row, an indicator
        holds other values than 0 and 1, a score is NaN, or a genre is called "macro".

    Examples
    --------
    >>> from skmmgenre.metrics import genre_scores
    >>> scores = genre_scores(["Jazz", "Jazz", "Rock", "Rock"], ["Jazz", "Rock", "Rock", "Rock"])
    >>> scores.round(2)
           precision  recall    f1  support
    Jazz        1.00    0.50  0.67        2
    Rock        0.67    1.00  0.80        2
    macro       0.83    0.75  0.73        4
    >>> scores.attrs["accuracy"]
    0.75
    """
    (true, pred), labels = label_matrices({"y_true": y_true, "y_pred": y_pred}, labels)
    if "macro" in labels:
        raise ValueError(
            "A genre is called 'macro', which is the name of the row of means: rename the genre."
        )
    support = np.asarray(true.sum(axis=0)).ravel()
    figures = precision_recall_f1(
        np.asarray(true.multiply(pred).sum(axis=0)).ravel(),
        np.asarray(pred.sum(axis=0)).ravel(),
        support,
    )
    if isinstance(y_score, pd.DataFrame) and list(y_score.columns) != list(labels):
        raise ValueError(
            f"The columns of y_score are not the labels {list(labels)[:5]}... in this order. "
            "Reorder them, or pass an array."
        )
    scores = pd.DataFrame(
        dict(zip(("precision", "recall", "f1"), figures, strict=True)), index=labels
    )
    scores["support"] = support.astype(int)
    if y_score is not None:
        truth, y_score = truth_and_scores(true, y_score, ("y_true", "y_score"))
        weight = row_weights(None, len(truth))
        scores["auc"] = auc_by_label(truth, y_score, weight)[0]
        scores["average_precision"] = average_precision_by_label(truth, y_score, weight)[0]
    macro = scores.mean()
    macro["support"] = true.shape[0]
    scores.loc["macro"] = macro
    scores["support"] = scores["support"].astype(int)
    scores.attrs["accuracy"] = float(right_rows(true, pred).mean())
    return scores


def precision_recall_f1(hits, predicted, true):
    """Figures from counts of any (equal) shape; 0 where the denominator is 0."""
    return [
        np.divide(top, bottom, out=np.zeros_like(top, dtype=float), where=bottom > 0)
        for top, bottom in ((hits, predicted), (hits, true), (2 * hits, predicted + true))
    ]


def right_rows(true, pred):
    """1.0 for every row whose labels are all right."""
    wrong = abs(true - pred)
    return (np.asarray(wrong.sum(axis=1)).ravel() == 0).astype(float)
