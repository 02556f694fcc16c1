"""How many of the genres a model ever names."""

from numbers import Integral

import numpy as np

from ._score_matrix import score_matrix


def aggregated_diversity_score(Y_score, k):
    """Share of all labels that are among the `k` best of at least one item (ADiv@k).

    It does not look at the truth: random scores reach 1. Read it beside a figure of accuracy.

    Parameters
    ----------
    Y_score : array-like of shape (n, n_labels)
        Scores, the larger the likelier. Of equal scores the label of higher index is better.
    k : int
        Labels taken of each item, from 1 to n_labels.

    Returns
    -------
    score : float
        In (0, 1], at most ``min(1, k * n / n_labels)``; never falls as `k` grows.

    Raises
    ------
    ValueError
        If `k` is out of range or a score is NaN.

    Examples
    --------
    >>> from skmmgenre.metrics import aggregated_diversity_score
    >>> aggregated_diversity_score([[0.9, 0.1, 0.3, 0.2], [0.8, 0.2, 0.1, 0.4]], k=2)
    0.75
    """
    scores = score_matrix(Y_score, "Y_score")
    n_labels = scores.shape[1]
    if not isinstance(k, Integral) or not 1 <= k <= n_labels:
        raise ValueError(
            f"k must be an integer from 1 to the number of labels, {n_labels}; got {k!r}."
        )
    best = np.argsort(scores, axis=1, kind="stable")[:, n_labels - k :]
    return len(np.unique(best)) / n_labels
