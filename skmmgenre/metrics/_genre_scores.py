"""Precision, recall and F1 of every genre (Table 3 of the paper).

True and predicted labels are first converted to indicator matrices over the same labels.
"""

import numpy as np
import pandas as pd
from scipy import sparse

from .._typing import Column, Genres, Matrix
from ..utils import as_pandas, read_labels
from ._ranking import auc_by_label, average_precision_by_label, row_weights, truth_and_scores


def label_matrices(named, labels=None):
    """Convert label columns or indicator matrices to indicator matrices with the same columns.

    Parameters
    ----------
    named : dict
        Name of each argument (for errors) and its labels: either all 1-D (single-label), or all
        indicator matrices (ndarray, DataFrame or sparse) of the same shape.
    labels : array-like, optional
        All labels, in the order of the columns. By default the labels that occur in any argument,
        sorted, or the columns of the indicator matrices.

    Returns
    -------
    matrices : list of csr_array of float64, shape (n, n_labels)
    labels : Index

    Raises
    ------
    ValueError
        If shapes differ, a label is missing or not among `labels`, an entry is neither 0 nor 1,
        or there are no rows.
    """
    named = {name: as_pandas(y) for name, y in named.items()}
    read = {name: read_labels(y, name, keep_sparse=True) for name, y in named.items()}
    (first, shape), *others = [(name, y.values.shape) for name, y in read.items()]
    for name, other in others:
        if other != shape:
            raise ValueError(
                f"{first} has shape {shape}, but {name} has {other}. Both must have the same rows, "
                "and both must be label columns or indicator matrices."
            )
    if not shape[0]:
        raise ValueError(f"{first} has 0 rows. Pass at least one row.")
    if not read[first].several:
        return _from_columns(read, labels)
    if labels is None:
        frames = [y for y in named.values() if isinstance(y, pd.DataFrame)]
        labels = frames[0].columns if frames else range(shape[1])
    labels = _as_labels(labels)
    if len(labels) != shape[1]:
        raise ValueError(f"labels has {len(labels)} names, but {first} has {shape[1]} columns.")
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
        raise ValueError(f"labels contains {labels[labels.duplicated()][0]!r} more than once.")
    return labels


def _from_columns(read, labels):
    columns = {name: pd.Series(y.values) for name, y in read.items()}
    if len({y.dtype.kind for y in columns.values()}) > 1:  # compare bool with numbers as 0 and 1
        columns = {name: y.astype(int) if y.dtype == bool else y for name, y in columns.items()}
    if labels is None:
        occurring = pd.concat(list(columns.values())).unique()
        try:
            labels = sorted(occurring)
        except TypeError:
            raise ValueError(
                "The genres have several types, which cannot be sorted. Convert them to str, or "
                "pass their order as labels=[...]."
            ) from None
    labels = _as_labels(labels)
    matrices = []
    for name, y in columns.items():
        codes = _positions(y, labels)
        if (codes < 0).any():
            row = int(np.argmax(codes < 0))
            raise ValueError(f"{name} contains {y[row]!r} in row {row}, which is not in labels.")
        n = len(codes)
        matrices.append(
            sparse.csr_array((np.ones(n), (np.arange(n), codes)), shape=(n, len(labels)))
        )
    return matrices, labels


def _positions(y, labels):
    """Return the position of each label, or -1; True equals 1, unlike in pandas."""
    if y.dtype.kind != labels.dtype.kind and "b" in (y.dtype.kind, labels.dtype.kind):
        y, labels = y.astype(object), labels.astype(object)
    return labels.get_indexer(y)


def genre_scores(
    y_true: Genres, y_pred: Genres, labels: Column | None = None, *, y_score: Matrix | None = None
) -> pd.DataFrame:
    """Compute precision, recall and F1 of every genre, and their unweighted means.

    The macro F1 is the mean of the F1 of the genres (not the F1 of the mean precision and
    recall) over all `labels`; a metric with a zero denominator is 0. These are the metrics of
    Tables 2 and 3 of Oramas et al. (2018).

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,) or (n, n_labels)
        Single-label columns or indicator matrices (ndarray, DataFrame or sparse). The column
        names of a DataFrame are the row names of the table.
    labels : array-like, optional
        Labels to score, in this order. Pass the ``classes_`` of the model, so that a genre that is
        absent from the test set is included. By default the labels in `y_true` or `y_pred`,
        sorted, or all columns of indicator matrices.
    y_score : array-like of shape (n, n_labels), optional
        Scores of the labels, in the order of `labels`. Adds the columns auc and average_precision.

    Returns
    -------
    scores : DataFrame
        One row per genre and a last row "macro". The columns are precision, recall and f1 in
        [0, 1], and support, the number of rows that have the genre (all rows for "macro"). With
        `y_score` there are also auc and average_precision; for a genre without positive or
        without negative rows they are NaN and excluded from the macro average, as in
        `macro_auc_score`. ``scores.attrs["accuracy"]`` is the fraction of rows in which all
        labels are correct.

    Raises
    ------
    ValueError
        If shapes differ, a label is missing or not in `labels`, there are no rows, an indicator
        matrix contains values other than 0 and 1, a score is NaN, or a genre is called "macro".

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
            "A genre is called 'macro', which is reserved for the row of means. Rename the genre."
        )
    hits, predicted, support = (part.sum(axis=0) for part in (true.multiply(pred), pred, true))
    metrics = precision_recall_f1(hits, predicted, support)
    y_score = as_pandas(y_score)
    if isinstance(y_score, pd.DataFrame) and list(y_score.columns) != list(labels):
        raise ValueError(
            f"The columns of y_score are not the labels {list(labels)[:5]}... in this order. "
            "Reorder them, or pass an array."
        )
    scores = pd.DataFrame(
        dict(zip(("precision", "recall", "f1"), metrics, strict=True)), index=labels
    )
    scores["support"] = support.astype(int)
    if y_score is not None:
        truth, y_score = truth_and_scores(true, y_score, ("y_true", "y_score"))
        weight = row_weights(None, len(truth))
        scores["auc"] = auc_by_label(truth, y_score, weight)[0]
        scores["average_precision"] = average_precision_by_label(truth, y_score, weight)[0]
    # The mean skips NaN, that is, genres whose AUC and average precision are undefined.
    macro = scores.mean()
    macro["support"] = true.shape[0]
    scores.loc["macro"] = macro
    # Adding the row of means has converted the column to float.
    scores["support"] = scores["support"].astype(int)
    scores.attrs["accuracy"] = float(right_rows(true, pred).mean())
    return scores


def precision_recall_f1(hits, predicted, true):
    """Compute precision, recall and F1 from counts of equal shape; 0 if a denominator is 0."""
    return [
        np.divide(top, bottom, out=np.zeros_like(top, dtype=float), where=bottom > 0)
        for top, bottom in ((hits, predicted), (hits, true), (2 * hits, predicted + true))
    ]


def right_rows(true, pred):
    """Return 1.0 for every row whose labels are all correct, otherwise 0.0."""
    wrong = abs(true - pred)
    return (np.asarray(wrong.sum(axis=1)).ravel() == 0).astype(float)
