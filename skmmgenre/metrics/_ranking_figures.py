"""The figures of scored labels, each for many weightings of the rows at once.

A figure is a function of the truth (bool, (n, n_labels)), the scores (float, (n, n_labels); a
figure at k: the k best labels of each row, (n, k)) and weights of the rows (n_draws, n), and
answers (n_draws,) numbers. The figure of a test set uses one weighting of ones; the bootstrap
uses how often each row was drawn. So both are one code.
"""

from functools import partial

import numpy as np
from scipy import sparse

from ._top_k import top_k_labels


def auc_by_label(truth, scores, weight):
    """Area under the ROC curve, (n_draws, n_labels); NaN without a positive or a negative."""
    return _by_label(_area_under_roc, truth, scores, weight)


def average_precision_by_label(truth, scores, weight):
    """Average precision, (n_draws, n_labels); NaN without a positive or a negative."""
    return _by_label(_average_precision, truth, scores, weight)


def _by_label(figure, truth, scores, weight):
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
        found = figure(positive, n_positive, total, of_positive, of_all)
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


MACRO_FIGURES = {
    "macro_auc": partial(_mean_over_labels, auc_by_label),
    "macro_average_precision": partial(_mean_over_labels, average_precision_by_label),
}
FIGURES_AT_K = {
    "precision": precision_at_k,
    "ndcg": ndcg_at_k,
    "diversity": diversity_at_k,
    "correct_diversity": correct_diversity_at_k,
}


def ranking_figure(name):
    """Return the figure called "macro_auc", "precision@3", ..., or None if there is none.

    A k that is out of range is told when the figure is asked for.
    """
    if not isinstance(name, str):
        return None
    if name in MACRO_FIGURES:
        return MACRO_FIGURES[name]
    base, _, k = name.partition("@")
    if base in FIGURES_AT_K and k.isascii() and k.isdigit():
        return partial(_of_scores, FIGURES_AT_K[base], int(k))
    return None


def _of_scores(figure_at_k, k, truth, scores, weight):
    return figure_at_k(truth, top_k_labels(scores, k), weight)


def names_of_figures():
    """Return the names of the figures, for errors."""
    return [*MACRO_FIGURES, *(f"{base}@k" for base in FIGURES_AT_K)]
