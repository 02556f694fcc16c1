"""How many of the genres a model ever names, and names rightly."""

import numpy as np

from ._ranking_figures import correct_diversity_at_k
from ._score_matrix import row_weights, score_matrix, truth_and_scores
from ._top_k import top_k_labels


def aggregated_diversity_score(Y_score, k, *, return_ceiling=False):
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


def correct_diversity_score(Y_true, Y_score, k):
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
    truth, scores = truth_and_scores(Y_true, Y_score)
    best = top_k_labels(scores, k)
    return float(correct_diversity_at_k(truth, best, row_weights(None, len(truth)))[0])
