"""How right the best labels of an item are."""

from ._ranking_figures import ndcg_at_k, precision_at_k
from ._score_matrix import row_weights, truth_and_scores
from ._top_k import top_k_labels


def precision_at_k_score(Y_true, Y_score, k, *, sample_weight=None):
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


def ndcg_at_k_score(Y_true, Y_score, k, *, sample_weight=None):
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


def _score(figure, Y_true, Y_score, k, sample_weight):
    truth, scores = truth_and_scores(Y_true, Y_score)
    weight = row_weights(sample_weight, len(truth))
    return float(figure(truth, top_k_labels(scores, k), weight)[0])
