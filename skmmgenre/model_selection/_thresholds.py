"""Decision thresholds that turn the label scores of a row into predicted labels.

`LabelThresholds` tunes them for any classifier. The networks tune their own thresholds on the
scores of unseen rows (`IndicatorTarget.decide`).
"""

import numpy as np

from ..metrics import top_k_labels


def tune_thresholds(truth, scores, find, *, min_positives):
    """Return a threshold for each label.

    Parameters
    ----------
    truth : ndarray of 0 and 1, shape (n_rows, n_labels)
    scores : ndarray of float, shape (n_rows, n_labels)
    find : callable
        Function ``find(truth, scores)`` that returns the threshold of one label, such as
        `best_f1_threshold`.
    min_positives : int
        Labels with fewer positive rows share one threshold, which is tuned on all of these labels
        together, or on all labels if these have too few positive rows together.

    Returns
    -------
    thresholds : ndarray of float64, shape (n_labels,)
    tuned : ndarray of bool, shape (n_labels,)
        Whether a label has its own threshold.
    """
    n_positives = truth.sum(axis=0)
    tuned = n_positives >= min_positives
    thresholds = np.empty(len(tuned))
    for label in np.flatnonzero(tuned):
        thresholds[label] = find(truth[:, label], scores[:, label])
    rare = ~tuned
    if rare.any():
        pool = rare if n_positives[rare].sum() >= min_positives else slice(None)
        thresholds[rare] = find(truth[:, pool].ravel(), scores[:, pool].ravel())
    return thresholds, tuned


def labels_above(scores, thresholds, *, at_least_one):
    """Return the indicator of the labels whose scores are above their thresholds.

    With `at_least_one`, a row without labels gets the label whose score is closest to its
    threshold from below. A label with threshold inf is still never predicted, unless all
    thresholds are inf.
    """
    labels = (scores > thresholds).astype(np.int64)
    if at_least_one:
        none = np.flatnonzero(~labels.any(axis=1))
        never = np.isposinf(thresholds).all()
        # A threshold of inf has a margin of -inf: its label is closest only if all are inf.
        margins = scores[none] - (0 if never else thresholds)
        labels[none, top_k_labels(margins, 1)[:, 0]] = 1
    return labels


def best_f1_threshold(truth, scores, *, inclusive=False, lowest=-np.inf):
    """Return the threshold that maximizes the F1 of a label.

    Parameters
    ----------
    truth : ndarray of bool or of 0 and 1, shape (n,)
    scores : ndarray of float, shape (n,)
    inclusive : bool, default=False
        Whether a score equal to the threshold counts as above it.
    lowest : float, default=-inf
        Lower bound of all scores, used as the score after the last one.

    Returns
    -------
    threshold : float
        Midpoint between two scores, or between the last score and `lowest`; inf if F1 is 0 for
        every threshold. If several thresholds have the same F1, the one that predicts fewer rows.
    """
    scores, right, predicted = _cuts(truth, scores)
    # `right` has the true positives of each cut; its last element is the number of positive rows.
    f1 = 2 * right / (predicted + right[-1])
    best = int(np.argmax(f1))
    return _below(scores, best, inclusive, lowest) if f1[best] > 0 else np.inf


def lowest_threshold_of_precision(truth, scores, precision):
    """Return the lowest threshold that reaches a precision, or inf if none does.

    Parameters
    ----------
    truth : ndarray of bool, shape (n,)
    scores : ndarray of float, shape (n,)
    precision : float in (0, 1]

    Returns
    -------
    threshold : float
        Midpoint between two scores; -inf if the precision is reached with all rows predicted.
    """
    scores, right, predicted = _cuts(truth, scores)
    reached = np.flatnonzero(right >= precision * predicted)
    return _below(scores, reached[-1]) if len(reached) else np.inf


def _cuts(truth, scores):
    """Return the distinct scores, descending, and the positives and rows with at least each."""
    order = np.argsort(-scores, kind="stable")
    scores = scores[order]
    # No threshold separates equal scores, so there are cuts only after the last of them.
    ends = np.flatnonzero(np.r_[scores[1:] != scores[:-1], True])
    return scores[ends], np.cumsum(truth[order])[ends], ends + 1


def _below(scores, cut, inclusive=False, lowest=-np.inf):
    last = cut == len(scores) - 1
    above, below = scores[cut], scores.dtype.type(lowest) if last else scores[cut + 1]
    middle = float(above + below) / 2
    # There is no midpoint between adjacent floats, or next to an infinite one.
    if inclusive:
        return middle if middle > below else float(above)
    return middle if middle < above else float(below)
