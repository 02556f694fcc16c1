"""Compare the diversity of two scorers at equal precision."""

import numpy as np
from _claims import compare

from skmmgenre.metrics import remove_log_prior, top_k_labels

_SHARES = np.linspace(0, 2, 101)  # of the log prior


def diversity_at_equal_precision(truth, scores, log_odds, prior, *, k, groups, runs):
    """Return ADiv@k of scores minus ADiv@k of log-odds at the same precision.

    A share of the labels' log prior, up to twice the prior, is removed from the log-odds so that
    their precision@k is closest to that of the scores. It is chosen for every run and for every
    bootstrap resample.

    Parameters
    ----------
    truth : ndarray of shape (n, n_labels)
        0 and 1.
    scores, log_odds : ndarray of shape (n, n_labels)
    prior : dict of int to ndarray of shape (n_labels,)
        Share of the training items of each run that have each label.
    k : int
    groups, runs : array-like of shape (n,)

    Returns
    -------
    line : dict
        ``estimate``, ``low``, ``high`` and ``p`` of the difference for half of the
        artists, drawn without replacement, because fewer different albums have fewer labels; means
        over the runs of the ``share`` removed, and of both scorers' precision and diversity:
        ``precision``, ``precision_other``, ``diversity``, ``diversity_other``.
    """
    runs = np.asarray(runs)
    n, n_labels = truth.shape
    best = top_k_labels(scores, k)
    right = _share_right(truth, best)
    best_other = np.empty((len(_SHARES), n, k), dtype=int)
    for run in np.unique(runs):
        rows = runs == run
        for number, share in enumerate(_SHARES):
            corrected = remove_log_prior(log_odds[rows], prior[run], share)
            best_other[number, rows] = top_k_labels(corrected, k)
    right_other = np.array([_share_right(truth, labels) for labels in best_other])

    def choose(rows):
        precision = right_other[:, rows].mean(axis=1)
        peak = precision.argmax()  # below it, precision and diversity are lower
        gap = np.abs(precision[peak:] - right[rows].mean())
        nearest = np.flatnonzero(gap <= gap.min() + 1e-12)
        return peak + nearest[len(nearest) // 2]

    def diversity(labels):
        return len(np.unique(labels)) / n_labels

    def gain(rows, _):
        return diversity(best[rows]) - diversity(best_other[choose(rows), rows])

    everything = np.arange(n)
    compared = compare(
        everything, everything, metric=gain, groups=groups, runs=runs, seeds=runs, replace=False
    )
    of_runs = []
    for run in np.unique(runs):
        rows = np.flatnonzero(runs == run)
        number = choose(rows)
        of_runs.append(
            {
                "share": _SHARES[number],
                "precision": right[rows].mean(),
                "precision_other": right_other[number, rows].mean(),
                "diversity": diversity(best[rows]),
                "diversity_other": diversity(best_other[number, rows]),
            }
        )
    means = {name: np.mean([line[name] for line in of_runs]) for name in of_runs[0]}
    return {**means, **compared}


def _share_right(truth, best):
    return np.take_along_axis(truth, best, axis=1).mean(axis=1)
