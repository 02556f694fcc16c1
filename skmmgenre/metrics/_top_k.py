"""The best labels of every row: the one way to rank labels in this package."""

from numbers import Integral

import numpy as np


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
