"""Metrics of scored labels: how well the items of a label, and the labels of an item, are ranked.

Conventions
-----------
``Y_true`` is an indicator matrix of shape (n, n_labels), one row per item and one column per label.
``Y_score`` holds scores of the same shape, the larger the likelier: probabilities, logits or cosine
similarities, used as they are. Of equal scores, the AUC counts half, and the best labels of an item
(`top_k_labels`, the one way to rank labels in this package) are those of higher index.

Metrics
-------
* `macro_auc_score`: area under the ROC curve, the mean over labels (section 7.2, Table 6).
* `macro_average_precision_score`: average precision, the mean over labels.
* `precision_at_k_score`, `ndcg_at_k_score`: how right the best labels of an item are.
* `aggregated_diversity_score`, `correct_diversity_score`: how many of the labels a model ever
  predicts, and predicts rightly.
* `remove_log_prior`: scores that favour common labels less, a control of diversity.
* `ranking_scores`: all of them in one table (Table 6 of the paper).

Implementation
--------------
A metric is a function of the truth (bool, (n, n_labels)), the scores (float, (n, n_labels); a
metric at k: the k best labels of each row, (n, k)) and weights of the rows (n_draws, n), and
returns (n_draws,) numbers. The score of a test set uses one weighting of ones; the bootstrap
uses how often each row was drawn. So both share one code.

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
    if isinstance(Y_score, (pd.Series, pd.DataFrame)):  # NA is no float
        scores = Y_score.to_numpy(dtype=float, na_value=np.nan)
    else:
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
    Y_true, Y_score = as_pandas(Y_true), as_pandas(Y_score)
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


# ---- metrics for many weightings of the rows at once ---------------------------------------------


def top_k_labels(scores, k):
    """Return the `k` best labels of every row, the best first.

    Of equal scores the label of higher index is better, as in scikit-learn's
    `top_k_accuracy_score`. The first columns of the answer for a larger `k` are the answer
    for a smaller one.

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
            f"k must be an integer from 1 to the number of labels, {n_labels}; got {k!r}."
        )
    return np.argsort(scores, axis=1, kind="stable")[:, ::-1][:, :k]


def auc_by_label(truth, scores, weight):
    """Area under the ROC curve, (n_draws, n_labels); NaN without a positive or a negative."""
    return _by_label(_area_under_roc, truth, scores, weight)


def average_precision_by_label(truth, scores, weight):
    """Average precision, (n_draws, n_labels); NaN without a positive or a negative."""
    return _by_label(_average_precision, truth, scores, weight)


def _by_label(metric, truth, scores, weight):
    values = np.full((truth.shape[1], len(weight)), np.nan)
    by_row = np.ascontiguousarray(weight.T)
    total = by_row.sum(axis=0)
    for label in np.flatnonzero(truth.any(axis=0) & ~truth.all(axis=0)):
        order = np.argsort(scores[:, label])
        ordered = scores[order, label]
        positives = np.flatnonzero(truth[order, label])
        positive = by_row[order[positives]]
        n_positive = positive.sum(axis=0)
        both = (n_positive > 0) & (n_positive < total)
        # Weight below each positive row's score, and up to it with the rows of equal score.
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
    # A negative row counts if it is below, and half if its score is equal.
    below, up_to = (every - those for every, those in zip(of_all, of_positive, strict=True))
    right = (positive * (below + up_to)).sum(axis=0) / 2
    return _ratio(right, n_positive * (total - n_positive))


def _average_precision(positive, n_positive, total, of_positive, of_all):
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
    """Mean over rows of the share of their k best labels that are right."""
    return _mean_over_rows(_hits(truth, best).mean(axis=1), weight)


def ndcg_at_k(truth, best, weight):
    """Mean over rows of the normalised discounted cumulative gain of their k best labels."""
    k = best.shape[1]
    discount = 1 / np.log2(np.arange(2, k + 2))
    ideal = np.r_[0, np.cumsum(discount)][np.minimum(truth.sum(axis=1), k)]
    return _mean_over_rows(_ratio(_hits(truth, best) @ discount, ideal), weight)


def _hits(truth, best):
    return np.take_along_axis(truth, best, axis=1)


def _mean_over_rows(values, weight):
    total = weight.sum(axis=1)
    return np.where(total > 0, _ratio(weight @ values, total), np.nan)


def diversity_at_k(truth, best, weight):
    """Share of the labels among the k best of some row; of `truth` only the shape counts."""
    return _share_of_labels(np.ones(best.shape, dtype=bool), best, truth.shape, weight)


def correct_diversity_at_k(truth, best, weight):
    """Share of the labels that are rightly among the k best of some row."""
    return _share_of_labels(_hits(truth, best), best, truth.shape, weight)


def _share_of_labels(counts, best, shape, weight):
    rows, places = np.nonzero(counts)
    named = sparse.csr_array((np.ones(len(rows)), (rows, best[rows, places])), shape=shape)
    return ((weight @ named) > 0).mean(axis=1)


MACRO_METRICS = {
    "macro_auc": partial(_mean_over_labels, auc_by_label),
    "macro_average_precision": partial(_mean_over_labels, average_precision_by_label),
}
FIGURES_AT_K = {
    "precision": precision_at_k,
    "ndcg": ndcg_at_k,
    "diversity": diversity_at_k,
    "correct_diversity": correct_diversity_at_k,
}


def ranking_metric(name):
    """Return the metric called "macro_auc", "precision@3", ..., or None if there is none.

    A k that is out of range is told when the metric is asked for.
    """
    if not isinstance(name, str):
        return None
    if name in MACRO_METRICS:
        return MACRO_METRICS[name]
    base, _, k = name.partition("@")
    if base in FIGURES_AT_K and k.isascii() and k.isdigit():
        return partial(_of_scores, FIGURES_AT_K[base], int(k))
    return None


def _of_scores(metric_at_k, k, truth, scores, weight):
    return metric_at_k(truth, top_k_labels(scores, k), weight)


def names_of_metrics():
    """Return the names of the metrics, for errors."""
    return [*MACRO_METRICS, *(f"{base}@k" for base in FIGURES_AT_K)]


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
    """Mean area under the ROC curve over the labels that have one.

    A label without a positive, or without a negative, in the test set has no ROC curve: it is
    left out of the mean, where scikit-learn's macro average is NaN.

    Parameters
    ----------
    Y_true : array-like of shape (n, n_labels)
        Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
    Y_score : array-like of shape (n, n_labels)
        Any scores, the larger the likelier: probabilities, logits or cosine similarities,
        which are used as they are. Rows of equal score count half.
    sample_weight : array-like of shape (n,), optional
        Weight of each item, 0 or more; by default all weigh the same.
    return_skipped : bool, default=False
        Also answer how many labels were left out.

    Returns
    -------
    score : float
        In [0, 1]; NaN, with a warning, if no label can be judged.
    n_skipped : int
        Only if `return_skipped`.

    Raises
    ------
    ValueError
        If shapes or names differ, `Y_true` holds other values than 0 and 1, or a score is NaN.

    See Also
    --------
    macro_average_precision_score : Looks at the top of each label's ranking.
    genre_scores : The metric of each label.

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
    """Return the mean over the labels that have a value, and maybe how many have none."""
    truth, scores = truth_and_scores(Y_true, Y_score)
    values = by_label(truth, scores, row_weights(sample_weight, len(truth)))[0]
    judged = ~np.isnan(values)
    if not judged.any():
        warnings.warn(
            f"No label has both a positive and a negative row, so the macro {name} is undefined.",
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
    """Mean average precision over the labels that have a positive and a negative.

    The average precision of a label is the area under its precision-recall curve, as steps
    (scikit-learn's `average_precision_score`). That of random scores is the label's share, so
    unlike the AUC it says how pure the top of a rare label's ranking is. The same labels are
    left out as by `macro_auc_score`.

    Parameters
    ----------
    Y_true : array-like of shape (n, n_labels)
        Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
    Y_score : array-like of shape (n, n_labels)
        Any scores, the larger the likelier. Rows of equal score are answered together.
    sample_weight : array-like of shape (n,), optional
        Weight of each item, 0 or more; by default all weigh the same.
    return_skipped : bool, default=False
        Also answer how many labels were left out.

    Returns
    -------
    score : float
        In [0, 1]; NaN, with a warning, if no label can be judged.
    n_skipped : int
        Only if `return_skipped`.

    Raises
    ------
    ValueError
        If shapes or names differ, `Y_true` holds other values than 0 and 1, or a score is NaN.

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
    """Share of the `k` best labels of an item that are right, the mean over items (P@k).

    Parameters
    ----------
    Y_true : array-like of shape (n, n_labels)
        Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
    Y_score : array-like of shape (n, n_labels)
        Scores, the larger the likelier. Of equal scores the label of higher index is better.
    k : int
        Labels taken of each item, from 1 to n_labels.
    sample_weight : array-like of shape (n,), optional
        Weight of each item, 0 or more; by default all weigh the same.

    Returns
    -------
    score : float
        In [0, 1], at most the mean of ``min(k, labels of the item) / k``: an item with fewer
        labels than `k` cannot reach 1, and an item without a label counts 0.

    Raises
    ------
    ValueError
        If `k` is out of range, shapes or names differ, `Y_true` holds other values than 0 and
        1, or a score is NaN.

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
    """Normalised discounted cumulative gain of an item's `k` best labels, the mean over items.

    A right label at rank r gains ``1 / log2(r + 1)``; the sum is divided by that of an ideal
    order. So unlike the precision at `k` it asks for right labels first, and an item with
    fewer labels than `k` can reach 1.

    Parameters
    ----------
    Y_true : array-like of shape (n, n_labels)
        Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
    Y_score : array-like of shape (n, n_labels)
        Scores, the larger the likelier. Of equal scores the label of higher index is better
        (scikit-learn's `ndcg_score` averages over the orders of equal scores instead).
    k : int
        Labels taken of each item, from 1 to n_labels.
    sample_weight : array-like of shape (n,), optional
        Weight of each item, 0 or more; by default all weigh the same.

    Returns
    -------
    score : float
        In [0, 1]; an item without a label counts 0.

    Raises
    ------
    ValueError
        If `k` is out of range, shapes or names differ, `Y_true` holds other values than 0 and
        1, or a score is NaN.

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
    """Share of all labels that are among the `k` best of at least one item (ADiv@k).

    It does not look at the truth: random scores reach 1. Read it beside the precision at `k`;
    `correct_diversity_score` counts only what is right.

    Parameters
    ----------
    Y_score : array-like of shape (n, n_labels)
        Scores, the larger the likelier. Of equal scores the label of higher index is better.
    k : int
        Labels taken of each item, from 1 to n_labels.
    return_ceiling : bool, default=False
        Also answer the largest value that so many items allow.

    Returns
    -------
    score : float
        In (0, 1]; never falls as `k` grows.
    ceiling : float
        ``min(1, k * n / n_labels)``; only if `return_ceiling`.

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
    """Share of all labels that are rightly among the `k` best of at least one item.

    Aggregated diversity that cannot be had by guessing wildly: a label counts once it is
    placed in the top `k` of an item that has it.

    Parameters
    ----------
    Y_true : array-like of shape (n, n_labels)
        Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
    Y_score : array-like of shape (n, n_labels)
        Scores, the larger the likelier. Of equal scores the label of higher index is better.
    k : int
        Labels taken of each item, from 1 to n_labels.

    Returns
    -------
    score : float
        In [0, 1], at most `aggregated_diversity_score` and the share of labels that some item
        has; never falls as `k` grows.

    Raises
    ------
    ValueError
        If `k` is out of range, shapes or names differ, `Y_true` holds other values than 0 and
        1, or a score is NaN.

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
    """Take a share of each label's log prior off its scores.

    A logistic scorer ranks common labels first because its log-odds hold the labels' log
    prior. Taking a constant off a label's column leaves the order of items within the label,
    and so its AUC and average precision, as they are, but lets rare labels into the top of
    more items: aggregated diversity rises, whatever the model knows. So a model that claims
    diversity is to be held against this.

    Parameters
    ----------
    log_odds : array-like of shape (n, n_labels)
        Logits: `decision_function` of a model with target "logistic".
    prior : array-like of shape (n_labels,)
        Share of the training items that have each label, in [0, 1]. A label nobody has counts
        as the rarest that somebody has.
    share : float, default=0.5
        How much of the log prior is taken off; 0 leaves the scores as they are.

    Returns
    -------
    scores : ndarray of float64, shape (n, n_labels)
        The log-odds less `share` times the log prior of each label.

    Raises
    ------
    ValueError
        If `prior` has another length, is not in [0, 1], or is 0 throughout.

    Examples
    --------
    >>> from skmmgenre.metrics import remove_log_prior
    >>> remove_log_prior([[0.5, -1.0]], prior=[0.6, 0.04]).round(2)
    array([[0.76, 0.61]])
    """
    scores = score_matrix(log_odds, "log_odds")
    prior = np.asarray(prior, dtype=float)
    if prior.shape != (scores.shape[1],):
        raise ValueError(f"prior has shape {prior.shape}, there are {scores.shape[1]} labels.")
    if not ((prior >= 0) & (prior <= 1)).all():
        raise ValueError(
            "prior must hold shares in [0, 1]: pass the mean of the training labels, "
            "Y_train.mean(axis=0)."
        )
    if not prior.any():
        raise ValueError("prior is 0 for all labels.")
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
    """Compare models of several genres at once by metrics of their scores.

    Parameters
    ----------
    Y_true : array-like of shape (n, n_labels)
        Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
    Y_score : array-like of shape (n, n_labels), or dict of str to such
        Scores of one model (called "scores" in the table), or of several by name. Of equal
        scores the label of higher index is better.
    ks : sequence of int
        How many labels of each item are looked at.
    prior : array-like of shape (n_labels,), optional
        Share of the training items that have each label.
    log_odds : sequence of str, or True
        The models whose scores are log-odds (True: all). Each gets a second row in which half
        of its log prior is removed (`remove_log_prior`); needs `prior`.
    references : bool, default=True
        Whether to add the rows "random scores" (normal, drawn once) and "ceiling" (the largest
        value that any scores could reach; of the correct diversity a bound).
    random_state : int, Generator or None, default=0
        Seed of the random scores.

    Returns
    -------
    metrics : DataFrame
        A row a model; columns macro_auc, macro_average_precision, and for each k precision@k,
        ndcg@k, diversity@k (ADiv@k) and correct_diversity@k, all in [0, 1]. The macro metrics
        are means over the labels that have a positive and a negative (NaN if none has); how
        many labels have not is ``metrics.attrs["n_skipped"]``.

    Raises
    ------
    ValueError
        If a k is out of range, shapes or names differ, `Y_true` holds other values than 0 and
        1, a score is NaN, or `log_odds` names no model or lacks `prior`.

    Notes
    -----
    Aggregated diversity alone proves little: random scores have all of it, and removing half
    of the log prior raises it at the same AUC. It is a gain at equal precision@k.

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
        raise ValueError("Y_score is empty: pass the scores of at least one model.")
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
        raise ValueError(f"log_odds names {unknown[0]!r}; the models are {list(models)}.")
    if names and prior is None:
        raise ValueError(
            "log_odds needs prior, the share of the training items that have each label: "
            "prior=Y_train.mean(axis=0)."
        )
    return names


def _metrics(truth, scores, ks):
    weight = row_weights(None, len(truth))
    metrics = {name: metric(truth, scores, weight)[0] for name, metric in MACRO_METRICS.items()}
    best = {k: top_k_labels(scores, k) for k in ks}
    for name, metric in FIGURES_AT_K.items():
        metrics |= {f"{name}@{k}": metric(truth, best[k], weight)[0] for k in ks}
    return metrics


def _ceilings(truth, ks):
    """The truth as its own scores reaches all but the diversities, which want spread."""
    metrics = _metrics(truth, truth.astype(float), ks)
    for k in ks:
        ceiling = diversity_ceiling(truth.shape, k)
        metrics[f"diversity@{k}"] = ceiling
        metrics[f"correct_diversity@{k}"] = min(ceiling, truth.any(axis=0).mean())
    return metrics
