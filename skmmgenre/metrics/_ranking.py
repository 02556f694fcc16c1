"""Metrics of label scores: how well the items of a label, and the labels of an item, are ranked.

Conventions
-----------
``Y_true`` is an indicator matrix of shape (n, n_labels), one row per item and one column per label.
``Y_score`` contains scores of the same shape, where larger means more likely: probabilities, logits
or cosine similarities. In the AUC, pairs with equal scores count half. Among the best labels of an
item (`top_k_labels`, which is used wherever this package ranks labels), the label with the higher
index ranks first if scores are equal.

Metrics
-------
* `macro_auc_score`: area under the ROC curve, averaged over labels (section 7.2, Table 6).
* `macro_average_precision_score`: average precision, averaged over labels.
* `precision_at_k_score`, `ndcg_at_k_score`: correctness of the best labels of an item.
* `aggregated_diversity_score`, `correct_diversity_score`: share of the labels that a model
  predicts, or predicts correctly, for at least one item.
* `remove_log_prior`: reduce the bias of scores towards common labels, as a baseline for diversity.
* `ranking_scores`: all metrics in one table (Table 6 of the paper).

Implementation
--------------
A metric is a function of the truth (bool, (n, n_labels)), the scores (float, (n, n_labels); for a
metric at k the k best labels of each row, (n, k)) and row weights (n_draws, n), and returns
(n_draws,) numbers. The score of a test set uses a single weighting of ones; the bootstrap uses the
number of times each row was drawn. Both share the same code.

References
----------
Oramas, Barbieri, Nieto, Serra: Multimodal deep learning for music genre classification, 2018.
Jarvelin, Kekalainen: Cumulated gain-based evaluation of IR techniques, 2002 (nDCG).
Adomavicius, Kwon: Improving aggregate recommendation diversity, 2012.
"""

import warnings
from collections.abc import Sequence
from functools import partial
from numbers import Integral
from typing import Any, Literal, overload

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.exceptions import UndefinedMetricWarning

from .._typing import Column, Float64Array, Matrix
from ..utils import as_pandas, plain_labels, read_indicator

# ---- validate ------------------------------------------------------------------------------------


def score_matrix(Y_score, name="Y_score"):
    """Return scores as a float array of shape (n, n_labels) without NaN."""
    Y_score = as_pandas(Y_score)
    if sparse.issparse(Y_score):
        Y_score = Y_score.toarray()
    if isinstance(Y_score, (pd.Series, pd.DataFrame)):  # NA is not a float
        scores = Y_score.to_numpy(dtype=float, na_value=np.nan)
    else:
        scores = np.asarray(Y_score, dtype=float)
    if scores.ndim == 1:
        scores = scores[:, None]
    if scores.ndim != 2 or not scores.size:
        raise ValueError(
            f"{name} must have one row per item and one column per label, got shape {scores.shape}."
        )
    missing = np.isnan(scores)
    if missing.any():
        row, column = np.argwhere(missing)[0]
        where = f"column {column}"
        if isinstance(Y_score, pd.DataFrame):
            where = f"label {Y_score.columns.tolist()[column]!r}"
        raise ValueError(f"{name} is NaN in row {row}, {where}. Remove such rows or columns.")
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
        If shapes differ, two DataFrames have different columns, `Y_true` contains values other
        than 0 and 1, or a score is NaN.
    """
    Y_true, Y_score = as_pandas(Y_true), as_pandas(Y_score)
    scores = score_matrix(Y_score, names[1])
    values = Y_true
    if not (sparse.issparse(values) or isinstance(values, pd.DataFrame)):
        values = plain_labels(values, names[0])
        values = values[:, None] if values.ndim == 1 else values
    truth, _ = read_indicator(values, names[0])
    if truth.shape != scores.shape:
        raise ValueError(
            f"{names[0]} has shape {truth.shape}, but {names[1]} has {scores.shape}. Both must "
            "have the same rows and labels; convert a column of labels to an indicator matrix."
        )
    if isinstance(Y_true, pd.DataFrame) and isinstance(Y_score, pd.DataFrame):
        if list(Y_true.columns) != list(Y_score.columns):
            raise ValueError(
                f"The columns of {names[1]} differ from those of {names[0]} in name or order. "
                f"Pass {names[1]}[{names[0]}.columns]."
            )
    return truth.astype(bool), scores


def row_weights(sample_weight, n):
    """Return weights of shape (1, n): ones, or `sample_weight` checked."""
    if sample_weight is None:
        return np.ones((1, n))
    weight = np.asarray(sample_weight, dtype=float)
    if weight.shape != (n,):
        raise ValueError(f"sample_weight has shape {weight.shape}, expected ({n},).")
    if not (np.isfinite(weight).all() and (weight >= 0).all() and weight.any()):
        raise ValueError("sample_weight must be finite, non-negative, and not all zero.")
    return weight[None]


# ---- metrics for many weightings of the rows at once ---------------------------------------------


def top_k_labels(scores, k):
    """Return the `k` best labels of every row, best first.

    If scores are equal, the label with the higher index ranks first, as in scikit-learn's
    `top_k_accuracy_score`. The first columns of the result for a larger `k` are the result for
    a smaller `k`.

    Parameters
    ----------
    scores : ndarray of float, shape (n, n_labels)
    k : int

    Returns
    -------
    labels : ndarray of int, shape (n, k)

    Raises
    ------
    ValueError
        If `k` is not an integer from 1 to n_labels.
    """
    n_labels = scores.shape[1]
    if not isinstance(k, Integral) or not 1 <= k <= n_labels:
        raise ValueError(
            f"k must be an integer from 1 to the number of labels ({n_labels}), got {k!r}."
        )
    # Reversed after a stable sort, so that of equal scores the last label comes first. argpartition
    # would choose among equal scores arbitrarily, and differently for another k.
    return np.argsort(scores, axis=1, kind="stable")[:, ::-1][:, :k]


def auc_by_label(truth, scores, weight):
    """Return the AUC, (n_draws, n_labels); NaN if there are no positive or no negative rows."""
    return _by_label(_area_under_roc, truth, scores, weight)


def average_precision_by_label(truth, scores, weight):
    """Return the average precision, (n_draws, n_labels); NaN as in `auc_by_label`."""
    return _by_label(_average_precision, truth, scores, weight)


def _by_label(metric, truth, scores, weight):
    values = np.full((truth.shape[1], len(weight)), np.nan)
    # One column per draw, so that each sum over rows is computed for all draws at once.
    by_row = np.ascontiguousarray(weight.T)
    total = by_row.sum(axis=0)
    for label in np.flatnonzero(truth.any(axis=0) & ~truth.all(axis=0)):
        # Any order of equal scores will do: sums are only read before and after all of them.
        order = np.argsort(scores[:, label])
        ordered = scores[order, label]
        # Both metrics are sums over the positive rows, of which most labels have few.
        positives = np.flatnonzero(truth[order, label])
        positive = by_row[order[positives]]
        n_positive = positive.sum(axis=0)
        both = (n_positive > 0) & (n_positive < total)
        # Total weight of the rows with a lower score than each positive row, and with at most its
        # score.
        at = ordered[positives]
        of_all = _below_and_up_to(by_row[order], ordered, at)
        of_positive = _below_and_up_to(positive, at, at)
        found = metric(positive, n_positive, total, of_positive, of_all)
        values[label, both] = found[both]
    return values.T


def _below_and_up_to(weight, ordered, at):
    sums = np.zeros((len(weight) + 1, weight.shape[1]))
    np.cumsum(weight, axis=0, out=sums[1:])
    return [sums[np.searchsorted(ordered, at, side)] for side in ("left", "right")]


def _area_under_roc(positive, n_positive, total, of_positive, of_all):
    # A negative row counts 1 if its score is lower, and 1/2 if it is equal.
    below, up_to = (every - those for every, those in zip(of_all, of_positive, strict=True))
    right = (positive * (below + up_to)).sum(axis=0) / 2
    return _ratio(right, n_positive * (total - n_positive))


def _average_precision(positive, n_positive, total, of_positive, of_all):
    # The precision among all rows that score at least as high as each positive row.
    precision = _ratio(n_positive - of_positive[0], total - of_all[0])
    return _ratio((positive * precision).sum(axis=0), n_positive)


def _ratio(top, bottom):
    return np.divide(top, bottom, out=np.zeros_like(top), where=bottom > 0)


def _mean_over_labels(by_label, truth, scores, weight):
    values = by_label(truth, scores, weight)
    judged = ~np.isnan(values)
    n_judged = judged.sum(axis=1)
    total = np.where(judged, values, 0).sum(axis=1)
    return np.where(n_judged > 0, _ratio(total, n_judged), np.nan)


def precision_at_k(truth, best, weight):
    """Return the mean over rows of the fraction of the k best labels that are correct."""
    return _mean_over_rows(_hits(truth, best).mean(axis=1), weight)


def ndcg_at_k(truth, best, weight):
    """Return the mean over rows of the normalized DCG of the k best labels."""
    k = best.shape[1]
    discount = 1 / np.log2(np.arange(2, k + 2))
    # The DCG of a ranking that begins with all labels of the item, looked up by their number.
    ideal = np.r_[0, np.cumsum(discount)][np.minimum(truth.sum(axis=1), k)]
    return _mean_over_rows(_ratio(_hits(truth, best) @ discount, ideal), weight)


def _hits(truth, best):
    return np.take_along_axis(truth, best, axis=1)


def _mean_over_rows(values, weight):
    total = weight.sum(axis=1)
    return np.where(total > 0, _ratio(weight @ values, total), np.nan)


def diversity_at_k(truth, best, weight):
    """Return the share of the labels among the k best of any row; only `truth.shape` is used."""
    return _share_of_labels(np.ones(best.shape, dtype=bool), best, truth.shape, weight)


def correct_diversity_at_k(truth, best, weight):
    """Return the share of the labels that are correctly among the k best of any row."""
    return _share_of_labels(_hits(truth, best), best, truth.shape, weight)


def _share_of_labels(counts, best, shape, weight):
    rows, places = np.nonzero(counts)
    named = sparse.csr_array((np.ones(len(rows)), (rows, best[rows, places])), shape=shape)
    # A label counts once, however many of the drawn rows have it.
    return ((weight @ named) > 0).mean(axis=1)


MACRO_METRICS = {
    "macro_auc": partial(_mean_over_labels, auc_by_label),
    "macro_average_precision": partial(_mean_over_labels, average_precision_by_label),
}
METRICS_AT_K = {
    "precision": precision_at_k,
    "ndcg": ndcg_at_k,
    "diversity": diversity_at_k,
    "correct_diversity": correct_diversity_at_k,
}


def ranking_metric(name):
    """Return the metric called "macro_auc", "precision@3", ..., or None if it is unknown.

    A k that is out of range raises an error when the metric is computed.
    """
    if not isinstance(name, str):
        return None
    if name in MACRO_METRICS:
        return MACRO_METRICS[name]
    base, _, k = name.partition("@")
    # isdigit alone also accepts superscripts, which int() does not.
    if base in METRICS_AT_K and k.isascii() and k.isdigit():
        return partial(_of_scores, METRICS_AT_K[base], int(k))
    return None


def _of_scores(metric_at_k, k, truth, scores, weight):
    return metric_at_k(truth, top_k_labels(scores, k), weight)


def names_of_metrics():
    """Return the names of the metrics, for error messages."""
    return [*MACRO_METRICS, *(f"{base}@k" for base in METRICS_AT_K)]


# ---- metric --------------------------------------------------------------------------------------


@overload
def macro_auc_score(
    Y_true: Matrix,
    Y_score: Matrix,
    *,
    sample_weight: Column | None = None,
    return_skipped: Literal[False] = False,
) -> float: ...
@overload
def macro_auc_score(
    Y_true: Matrix,
    Y_score: Matrix,
    *,
    sample_weight: Column | None = None,
    return_skipped: Literal[True],
) -> tuple[float, int]: ...
def macro_auc_score(
    Y_true: Matrix,
    Y_score: Matrix,
    *,
    sample_weight: Column | None = None,
    return_skipped: bool = False,
) -> float | tuple[float, int]:
    """Compute the mean area under the ROC curve over the labels for which it is defined.

    The ROC curve of a label is undefined if the test set has no positive or no negative rows.
    Such labels are excluded from the mean, whereas scikit-learn's macro average is NaN.

    Parameters
    ----------
    Y_true : array-like of shape (n, n_labels)
        Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
    Y_score : array-like of shape (n, n_labels)
        Scores, where larger means more likely: probabilities, logits or cosine similarities. Pairs
        of rows with equal scores count half.
    sample_weight : array-like of shape (n,), optional
        Non-negative weight of each item. By default all items have the same weight.
    return_skipped : bool, default=False
        Whether to return the number of excluded labels too.

    Returns
    -------
    score : float
        Score in [0, 1]; NaN, with a warning, if it is undefined for all labels.
    n_skipped : int
        Number of excluded labels, only if ``return_skipped=True``.

    Raises
    ------
    ValueError
        If shapes or names differ, `Y_true` contains values other than 0 and 1, or a score is NaN.

    See Also
    --------
    macro_average_precision_score : Metric of the top of each label's ranking.
    genre_scores : Metrics of each label.

    Examples
    --------
    >>> from skmmgenre.metrics import macro_auc_score
    >>> Y_true = [[1, 0, 0], [0, 1, 0], [1, 1, 0]]
    >>> Y_score = [[0.9, 0.2, 0.1], [0.3, 0.4, 0.1], [0.2, 0.8, 0.3]]
    >>> macro_auc_score(Y_true, Y_score, return_skipped=True)
    (0.75, 1)
    """
    return _macro_score(auc_by_label, "AUC", Y_true, Y_score, sample_weight, return_skipped)


def _macro_score(by_label, name, Y_true, Y_score, sample_weight, return_skipped):
    """Return the mean over the labels with a value and, on request, the number of the others."""
    truth, scores = truth_and_scores(Y_true, Y_score)
    values = by_label(truth, scores, row_weights(sample_weight, len(truth)))[0]
    judged = ~np.isnan(values)
    if not judged.any():
        warnings.warn(
            f"No label has both positive and negative rows, so the macro {name} is undefined.",
            UndefinedMetricWarning,
            stacklevel=3,
        )
    score = float(values[judged].mean()) if judged.any() else float("nan")
    return (score, int((~judged).sum())) if return_skipped else score


@overload
def macro_average_precision_score(
    Y_true: Matrix,
    Y_score: Matrix,
    *,
    sample_weight: Column | None = None,
    return_skipped: Literal[False] = False,
) -> float: ...
@overload
def macro_average_precision_score(
    Y_true: Matrix,
    Y_score: Matrix,
    *,
    sample_weight: Column | None = None,
    return_skipped: Literal[True],
) -> tuple[float, int]: ...
def macro_average_precision_score(
    Y_true: Matrix,
    Y_score: Matrix,
    *,
    sample_weight: Column | None = None,
    return_skipped: bool = False,
) -> float | tuple[float, int]:
    """Compute the mean average precision over the labels for which it is defined.

    The average precision of a label is the area under its precision-recall curve, computed as a
    step function (scikit-learn's `average_precision_score`). For random scores it equals the
    prevalence of the label, so unlike the AUC it measures how pure the top of a rare label's
    ranking is. The same labels are excluded as in `macro_auc_score`.

    Parameters
    ----------
    Y_true : array-like of shape (n, n_labels)
        Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
    Y_score : array-like of shape (n, n_labels)
        Scores, where larger means more likely. Rows with equal scores share one threshold.
    sample_weight : array-like of shape (n,), optional
        Non-negative weight of each item. By default all items have the same weight.
    return_skipped : bool, default=False
        Whether to return the number of excluded labels too.

    Returns
    -------
    score : float
        Score in [0, 1]; NaN, with a warning, if it is undefined for all labels.
    n_skipped : int
        Number of excluded labels, only if ``return_skipped=True``.

    Raises
    ------
    ValueError
        If shapes or names differ, `Y_true` contains values other than 0 and 1, or a score is NaN.

    Examples
    --------
    >>> from skmmgenre.metrics import macro_average_precision_score
    >>> Y_true = [[1, 0], [0, 1], [1, 1], [0, 0]]
    >>> Y_score = [[0.9, 0.2], [0.3, 0.4], [0.2, 0.8], [0.1, 0.5]]
    >>> round(macro_average_precision_score(Y_true, Y_score), 3)
    0.833
    """
    by_label, name = average_precision_by_label, "average precision"
    return _macro_score(by_label, name, Y_true, Y_score, sample_weight, return_skipped)


def precision_at_k_score(
    Y_true: Matrix, Y_score: Matrix, k: int, *, sample_weight: Column | None = None
) -> float:
    """Compute the fraction of the `k` best labels that are correct, averaged over items (P@k).

    Parameters
    ----------
    Y_true : array-like of shape (n, n_labels)
        Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
    Y_score : array-like of shape (n, n_labels)
        Scores, where larger means more likely. If scores are equal, the label with the higher
        index ranks first.
    k : int
        Number of best labels per item, from 1 to n_labels.
    sample_weight : array-like of shape (n,), optional
        Non-negative weight of each item. By default all items have the same weight.

    Returns
    -------
    score : float
        Score in [0, 1], at most the mean of ``min(k, labels of the item) / k``: an item with fewer
        than `k` labels cannot reach 1, and an item without labels has precision 0.

    Raises
    ------
    ValueError
        If `k` is out of range, shapes or names differ, `Y_true` contains values other than 0
        and 1, or a score is NaN.

    Examples
    --------
    >>> from skmmgenre.metrics import precision_at_k_score
    >>> Y_true = [[1, 1, 0], [0, 0, 1]]
    >>> Y_score = [[0.9, 0.8, 0.1], [0.2, 0.7, 0.5]]
    >>> [precision_at_k_score(Y_true, Y_score, k) for k in (1, 2)]
    [0.5, 0.75]
    """
    return _score(precision_at_k, Y_true, Y_score, k, sample_weight)


def ndcg_at_k_score(
    Y_true: Matrix, Y_score: Matrix, k: int, *, sample_weight: Column | None = None
) -> float:
    """Compute the normalized discounted cumulative gain at `k`, averaged over items.

    A correct label at rank r has gain ``1 / log2(r + 1)``; the sum is divided by that of an ideal
    ranking. Unlike precision at `k`, it rewards correct labels at the first ranks, and an item
    with fewer than `k` labels can reach 1.

    Parameters
    ----------
    Y_true : array-like of shape (n, n_labels)
        Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
    Y_score : array-like of shape (n, n_labels)
        Scores, where larger means more likely. If scores are equal, the label with the higher
        index ranks first (scikit-learn's `ndcg_score` averages over ties instead).
    k : int
        Number of best labels per item, from 1 to n_labels.
    sample_weight : array-like of shape (n,), optional
        Non-negative weight of each item. By default all items have the same weight.

    Returns
    -------
    score : float
        Score in [0, 1]; an item without labels has nDCG 0.

    Raises
    ------
    ValueError
        If `k` is out of range, shapes or names differ, `Y_true` contains values other than 0
        and 1, or a score is NaN.

    Examples
    --------
    >>> from skmmgenre.metrics import ndcg_at_k_score
    >>> round(ndcg_at_k_score([[1, 0, 0]], [[0.5, 0.9, 0.1]], k=2), 3)
    0.631
    """
    return _score(ndcg_at_k, Y_true, Y_score, k, sample_weight)


def _score(metric, Y_true, Y_score, k, sample_weight=None):
    truth, scores = truth_and_scores(Y_true, Y_score)
    weight = row_weights(sample_weight, len(truth))
    return float(metric(truth, top_k_labels(scores, k), weight)[0])


@overload
def aggregated_diversity_score(
    Y_score: Matrix, k: int, *, return_ceiling: Literal[False] = False
) -> float: ...
@overload
def aggregated_diversity_score(
    Y_score: Matrix, k: int, *, return_ceiling: Literal[True]
) -> tuple[float, float]: ...
def aggregated_diversity_score(
    Y_score: Matrix, k: int, *, return_ceiling: bool = False
) -> float | tuple[float, float]:
    """Compute the share of all labels that are among the `k` best of any item (ADiv@k).

    This metric does not use the true labels: random scores reach 1. Report it together with
    precision at `k`; `correct_diversity_score` counts only correct labels.

    Parameters
    ----------
    Y_score : array-like of shape (n, n_labels)
        Scores, where larger means more likely. If scores are equal, the label with the higher
        index ranks first.
    k : int
        Number of best labels per item, from 1 to n_labels.
    return_ceiling : bool, default=False
        Whether to return the largest value that is possible with this number of items too.

    Returns
    -------
    score : float
        Score in (0, 1]; it never decreases with `k`.
    ceiling : float
        ``min(1, k * n / n_labels)``, only if ``return_ceiling=True``.

    Raises
    ------
    ValueError
        If `k` is out of range or a score is NaN.

    Examples
    --------
    >>> from skmmgenre.metrics import aggregated_diversity_score
    >>> Y_score = [[0.9, 0.1, 0.3, 0.2], [0.8, 0.2, 0.1, 0.4]]
    >>> aggregated_diversity_score(Y_score, k=2)
    0.75
    >>> aggregated_diversity_score(Y_score, k=1, return_ceiling=True)
    (0.25, 0.5)
    """
    scores = score_matrix(Y_score)
    score = len(np.unique(top_k_labels(scores, k))) / scores.shape[1]
    return (score, diversity_ceiling(scores.shape, k)) if return_ceiling else score


def diversity_ceiling(shape, k):
    """Return the largest ADiv@k that scores of this shape can have."""
    n, n_labels = shape
    return min(1.0, k * n / n_labels)


def correct_diversity_score(Y_true: Matrix, Y_score: Matrix, k: int) -> float:
    """Compute the share of all labels that are correctly among the `k` best of any item.

    Unlike aggregated diversity, it cannot be increased by random predictions alone: a label counts
    only if it is among the `k` best of an item that has it.

    Parameters
    ----------
    Y_true : array-like of shape (n, n_labels)
        Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
    Y_score : array-like of shape (n, n_labels)
        Scores, where larger means more likely. If scores are equal, the label with the higher
        index ranks first.
    k : int
        Number of best labels per item, from 1 to n_labels.

    Returns
    -------
    score : float
        Score in [0, 1], at most `aggregated_diversity_score` and the share of labels that any item
        has; it never decreases with `k`.

    Raises
    ------
    ValueError
        If `k` is out of range, shapes or names differ, `Y_true` contains values other than 0
        and 1, or a score is NaN.

    Examples
    --------
    >>> from skmmgenre.metrics import correct_diversity_score
    >>> Y_true = [[1, 0, 0, 0], [1, 0, 1, 0]]
    >>> Y_score = [[0.9, 0.1, 0.3, 0.2], [0.8, 0.2, 0.1, 0.4]]
    >>> [correct_diversity_score(Y_true, Y_score, k) for k in (1, 4)]
    [0.25, 0.5]
    """
    return _score(correct_diversity_at_k, Y_true, Y_score, k)


def remove_log_prior(log_odds: Matrix, prior: Column, share: float = 0.5) -> Float64Array:
    """Subtract a share of the log prior of each label from its scores.

    A logistic model ranks common labels first because its log-odds include the log prior of the
    labels. Subtracting a constant from the column of a label does not change the order of the
    items, nor its AUC and average precision, but it puts rare labels among the best labels of more
    items: aggregated diversity increases, whatever the model has learned. Compare a model that
    claims diversity with this baseline.

    Parameters
    ----------
    log_odds : array-like of shape (n, n_labels)
        Logits: the `decision_function` of a model with target "logistic".
    prior : array-like of shape (n_labels,)
        Fraction of the training items that have each label, in [0, 1]. A prior of 0 is replaced by
        the smallest positive prior.
    share : float, default=0.5
        Share of the log prior to subtract; 0 does not change the scores.

    Returns
    -------
    scores : ndarray of float64, shape (n, n_labels)
        Log-odds minus `share` times the log prior of each label.

    Raises
    ------
    ValueError
        If the length of `prior` is not n_labels, or `prior` is not in [0, 1] or 0 for all labels.

    Examples
    --------
    >>> from skmmgenre.metrics import remove_log_prior
    >>> remove_log_prior([[0.5, -1.0]], prior=[0.6, 0.04]).round(2)
    array([[0.76, 0.61]])
    """
    scores = score_matrix(log_odds, "log_odds")
    prior = np.asarray(prior, dtype=float)
    if prior.shape != (scores.shape[1],):
        raise ValueError(f"prior has shape {prior.shape}, expected ({scores.shape[1]},).")
    if not ((prior >= 0) & (prior <= 1)).all():
        raise ValueError(
            "prior must be in [0, 1]. Pass the mean of the training labels, Y_train.mean(axis=0)."
        )
    if not prior.any():
        raise ValueError("prior is 0 for all labels. Pass the mean of the training labels.")
    return scores - share * np.log(np.maximum(prior, prior[prior > 0].min()))


# ---- evaluate ------------------------------------------------------------------------------------


def ranking_scores(
    Y_true: Matrix,
    Y_score: Matrix | dict[str, Any],
    ks: Sequence[int] = (1, 3, 5),
    *,
    prior: Column | None = None,
    log_odds: Sequence[str] = (),
    references: bool = True,
    random_state: int | np.random.Generator | None = 0,
) -> pd.DataFrame:
    """Compare multilabel models by ranking metrics of their scores.

    Parameters
    ----------
    Y_true : array-like of shape (n, n_labels)
        Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
    Y_score : array-like of shape (n, n_labels), or dict of str to such
        Scores of one model (called "scores" in the table), or of several models by name. If scores
        are equal, the label with the higher index ranks first.
    ks : sequence of int, default=(1, 3, 5)
        Numbers of best labels per item at which the metrics are computed.
    prior : array-like of shape (n_labels,), optional
        Fraction of the training items that have each label. Required by `log_odds`.
    log_odds : sequence of str, or True, default=()
        Models whose scores are log-odds; True means all. Each gets a second row with half of the
        log prior removed (see `remove_log_prior`).
    references : bool, default=True
        Whether to add the rows "random scores" (normal, drawn once) and "ceiling" (the largest
        value that any scores can reach; for the correct diversity, an upper bound).
    random_state : int, Generator or None, default=0
        Seed of the random scores.

    Returns
    -------
    metrics : DataFrame
        One row per model. The columns are macro_auc, macro_average_precision, and for each k
        precision@k, ndcg@k, diversity@k (ADiv@k) and correct_diversity@k, all in [0, 1]. The macro
        metrics are means over the labels with positive and negative rows (NaN if there are none);
        the number of other labels is ``metrics.attrs["n_skipped"]``.

    Raises
    ------
    ValueError
        If a k is out of range, shapes or names differ, `Y_true` contains values other than 0 and
        1, a score is NaN, or `log_odds` contains an unknown model or is passed without `prior`.

    Notes
    -----
    Aggregated diversity alone is not meaningful: random scores reach its maximum, and removing half
    of the log prior increases it at the same AUC. Compare it only at equal precision@k.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.metrics import ranking_scores
    >>> rng = np.random.default_rng(0)
    >>> prior = np.geomspace(0.6, 0.01, 8)
    >>> Y_true = rng.random((300, 8)) < prior
    >>> logits = rng.normal(size=(300, 8)) + Y_true + np.log(prior)
    >>> metrics = ranking_scores(Y_true, {"net": logits}, ks=(1,), prior=prior, log_odds=["net"])
    >>> metrics[["macro_auc", "precision@1", "diversity@1"]].round(2)
                                    macro_auc  precision@1  diversity@1
    net                                  0.74         0.63         0.75
    net, half of log prior removed       0.74         0.55         1.00
    random scores                        0.49         0.15         1.00
    ceiling                              1.00         0.83         1.00
    """
    models = dict(Y_score) if isinstance(Y_score, dict) else {"scores": Y_score}
    if not models:
        raise ValueError("Y_score is empty. Pass the scores of at least one model.")
    truth = None
    rows = {}
    with_log_odds = _names_of_log_odds(log_odds, models, prior)
    for name, model in models.items():
        label = "Y_score" if model is Y_score else f"Y_score[{name!r}]"
        truth, scores = truth_and_scores(Y_true, model, ("Y_true", label))
        rows[name] = _metrics(truth, scores, ks)
        if name in with_log_odds:
            corrected = remove_log_prior(scores, prior)
            rows[f"{name}, half of log prior removed"] = _metrics(truth, corrected, ks)
    if references:
        drawn = np.random.default_rng(random_state).normal(size=truth.shape)
        rows["random scores"] = _metrics(truth, drawn, ks)
        rows["ceiling"] = _ceilings(truth, ks)
    metrics = pd.DataFrame.from_dict(rows, orient="index")
    metrics.attrs["n_skipped"] = int((truth.all(axis=0) | ~truth.any(axis=0)).sum())
    return metrics


def _names_of_log_odds(log_odds, models, prior):
    names = list(models) if log_odds is True else list(log_odds)
    unknown = [name for name in names if name not in models]
    if unknown:
        raise ValueError(
            f"log_odds contains {unknown[0]!r}, which is not one of the models {list(models)}."
        )
    if names and prior is None:
        raise ValueError(
            "log_odds requires prior, the fraction of the training items that have each label. "
            "Pass prior=Y_train.mean(axis=0)."
        )
    return names


def _metrics(truth, scores, ks):
    weight = row_weights(None, len(truth))
    metrics = {name: metric(truth, scores, weight)[0] for name, metric in MACRO_METRICS.items()}
    best = {k: top_k_labels(scores, k) for k in ks}
    for name, metric in METRICS_AT_K.items():
        metrics |= {f"{name}@{k}": metric(truth, best[k], weight)[0] for k in ks}
    return metrics


def _ceilings(truth, ks):
    """Return the ceilings: the truth as scores reaches all of them except the diversities."""
    metrics = _metrics(truth, truth.astype(float), ks)
    for k in ks:
        ceiling = diversity_ceiling(truth.shape, k)
        metrics[f"diversity@{k}"] = ceiling
        metrics[f"correct_diversity@{k}"] = min(ceiling, truth.any(axis=0).mean())
    return metrics
