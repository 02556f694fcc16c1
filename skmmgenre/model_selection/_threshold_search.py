"""The best threshold of one label."""

import numpy as np


def best_f1_threshold(truth, scores, *, inclusive=False, lowest=-np.inf):
    """Return the threshold above which the label is best predicted, by F1.

    Parameters
    ----------
    truth : ndarray of bool or of 0 and 1, shape (n,)
    scores : ndarray of float, shape (n,)
    inclusive : bool, default=False
        Whether a score equal to the threshold counts as above it.
    lowest : float, default=-inf
        What no score falls below; it stands for the score after the last.

    Returns
    -------
    threshold : float
        Midway between two scores, or between the last and `lowest`; inf if no row is best
        predicted. Of equal F1 the one that predicts fewer rows.
    """
    scores, right, predicted = _cuts(truth, scores)
    f1 = 2 * right / (predicted + right[-1])
    best = int(np.argmax(f1))
    return _below(scores, best, inclusive, lowest) if f1[best] > 0 else np.inf


def lowest_threshold_of_precision(truth, scores, precision):
    """Return the lowest threshold at which the precision is reached; inf if none reaches it.

    Parameters
    ----------
    truth : ndarray of bool, shape (n,)
    scores : ndarray of float, shape (n,)
    precision : float in (0, 1]

    Returns
    -------
    threshold : float
        Midway between two scores; -inf if all rows may be predicted.
    """
    scores, right, predicted = _cuts(truth, scores)
    reached = np.flatnonzero(right >= precision * predicted)
    return _below(scores, reached[-1]) if len(reached) else np.inf


def _cuts(truth, scores):
    """Distinct scores, descending; of the rows that have at least each, the right and all."""
    order = np.argsort(-scores, kind="stable")
    scores = scores[order]
    ends = np.flatnonzero(np.r_[scores[1:] != scores[:-1], True])
    return scores[ends], np.cumsum(truth[order])[ends], ends + 1


def _below(scores, cut, inclusive=False, lowest=-np.inf):
    last = cut == len(scores) - 1
    above, below = scores[cut], scores.dtype.type(lowest) if last else scores[cut + 1]
    middle = float(above + below) / 2
    # Between neighbouring floats, or beside an infinite one, there is no middle.
    if inclusive:
        return middle if middle > below else float(above)
    return middle if middle < above else float(below)
