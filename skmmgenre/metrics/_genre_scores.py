"""Precision, recall and F1 of every genre (Table 3 of the paper)."""

import numpy as np
import pandas as pd

from ._label_matrices import label_matrices


def genre_scores(y_true, y_pred, labels=None):
    """Precision, recall and F1 of every genre, and their plain mean.

    The macro F1 is the mean of the genres' F1 (not the F1 of the mean precision and recall),
    over all `labels`; a figure whose denominator is 0 is 0. These are the figures of Tables 2
    and 3 of Oramas et al. (2018).

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,) or (n, n_labels)
        One label a row, or indicator matrices (ndarray, DataFrame or sparse).
    labels : array-like, optional
        The labels to score, in this order: pass the ``classes_`` of the model, so that a genre
        that is absent from a test set counts. By default those in `y_true` or `y_pred`, sorted.

    Returns
    -------
    scores : DataFrame
        One row a genre and a last row "macro"; columns precision, recall and f1 in [0, 1] and
        support (rows that truly have the genre; for "macro" all rows).
        ``scores.attrs["accuracy"]`` is the share of rows that are wholly right.

    Raises
    ------
    ValueError
        If shapes differ, a label is missing or not in `labels`, or there is no row.

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
    support = np.asarray(true.sum(axis=0)).ravel()
    figures = precision_recall_f1(
        np.asarray(true.multiply(pred).sum(axis=0)).ravel(),
        np.asarray(pred.sum(axis=0)).ravel(),
        support,
    )
    scores = pd.DataFrame(
        dict(zip(("precision", "recall", "f1"), figures, strict=True)), index=labels
    )
    scores["support"] = support.astype(int)
    scores.loc["macro"] = [*scores[["precision", "recall", "f1"]].mean(), true.shape[0]]
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
