"""Percentile bootstrap over artists."""

import inspect
from collections.abc import Callable
from numbers import Integral
from typing import Any, Literal, NamedTuple, overload

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.utils import gen_batches

from .._typing import Column, Float64Array, Genres
from ..utils import group_codes
from ._genre_scores import label_matrices, precision_recall_f1, right_rows
from ._ranking import (
    MACRO_METRICS,
    macro_auc_score,
    macro_average_precision_score,
    names_of_metrics,
    ranking_metric,
    truth_and_scores,
)


class BootstrapInterval(NamedTuple):
    """Metric, or difference of two metrics, with its interval; see `bootstrap_interval`.

    Parameters
    ----------
    estimate : float
        Metric of the given rows.
    low : float
        Lower end of the interval.
    high : float
        Upper end of the interval.

    Examples
    --------
    >>> from skmmgenre.metrics import BootstrapInterval
    >>> estimate, low, high = BootstrapInterval(0.62, 0.58, 0.66)
    >>> round(high - low, 2)
    0.08
    """

    estimate: float
    low: float
    high: float


_METRICS = ("f1", "precision", "recall", "accuracy")
# Callables with a fast implementation.
_NAMES = {macro_auc_score: "macro_auc", macro_average_precision_score: "macro_average_precision"}
# Maximum number of elements of each matrix for a chunk of resamples (32 MB).
_CHUNK = 4_000_000
# Keeps the cumulative weights of a label within the CPU cache.
_SCORES_WIDTH = 40


@overload
def bootstrap_interval(
    y_true: Genres,
    y_pred: Genres,
    y_other: Genres | None = None,
    *,
    metric: str | Callable[..., float] = "f1",
    groups: Column | None = None,
    runs: Column | None = None,
    seeds: Column | None = None,
    labels: Column | None = None,
    n_resamples: int = 2000,
    confidence_level: float = 0.95,
    replace: bool = True,
    return_draws: Literal[False] = False,
    random_state: int | np.random.Generator | None = 0,
) -> BootstrapInterval: ...
@overload
def bootstrap_interval(
    y_true: Genres,
    y_pred: Genres,
    y_other: Genres | None = None,
    *,
    return_draws: Literal[True],
    **parameters: Any,
) -> tuple[BootstrapInterval, Float64Array]: ...
def bootstrap_interval(
    y_true,
    y_pred,
    y_other=None,
    *,
    metric="f1",
    groups=None,
    runs=None,
    seeds=None,
    labels=None,
    n_resamples=2000,
    confidence_level=0.95,
    replace=True,
    return_draws=False,
    random_state=0,
):
    """Compute a confidence interval of a metric, or of the difference of two models, over artists.

    Artists are resampled with replacement, each with all its rows, because the rows of an artist
    are not independent. Two models are compared on the same resamples (paired).

    Parameters
    ----------
    y_true, y_pred : array-like of shape (n,) or (n, n_labels)
        Single-label columns or indicator matrices. For metrics of scores, `y_true` is an
        indicator matrix and `y_pred` contains the scores of its labels. For a callable `metric`,
        any arrays with n rows that it accepts.
    y_other : array-like like `y_pred`, optional
        Predictions (or scores) of a second model for the same rows. The statistic is then
        ``metric(y_true, y_pred) - metric(y_true, y_other)``.
    metric : str or callable, default="f1"
        Metric to compute. Metrics of predictions are "f1", "precision", "recall" (means over all
        `labels`, as in `genre_scores`) and "accuracy". Metrics of scores are "macro_auc",
        "macro_average_precision", "precision@k", "ndcg@k", "diversity@k" and
        "correct_diversity@k" with any number for k, such as "precision@3" (the columns of
        `ranking_scores`). A callable is called once per resample, which is slow: as
        ``metric(y_true, y_pred, sample_weight=...)`` if it accepts weights, otherwise with each
        row repeated as often as it was drawn.
    groups : array-like of shape (n,), optional
        Artist of each row. Rows with a missing artist are separate artists. By default every row
        is a separate artist.
    runs : array-like of shape (n,), optional
        Run (seed or fold) of each row, if the rows of several runs are stacked. The statistic is
        the mean over runs. Artists are drawn once for all runs, so that an artist tested in three
        runs is included in all three or in none.
    seeds : array-like of shape (n,), optional
        Seed with which the networks of a row were trained and its folds drawn; each run must have
        a single seed. Seeds are then resampled with replacement too, so that the interval also
        covers the variation of training. By default the models are taken as fixed.
    labels : array-like, optional
        All labels; pass the ``classes_`` of the model. By default the labels that occur.
    n_resamples : int, default=2000
        Number of resamples.
    confidence_level : float in (0, 1), default=0.95
        Fraction of the resampled values inside the interval.
    replace : bool, default=True
        Whether to resample with replacement. False draws half of the artists, each at most once.
        Use it for statistics that grow with the number of distinct items, such as "diversity@k":
        with replacement, about a third of the artists is not drawn and others count twice, which
        biases such a statistic and its interval downwards.
    return_draws : bool, default=False
        Whether to return the statistics of all resamples too, for example for a p-value.
    random_state : int, Generator or None, default=0
        Seed of the resampling.

    Returns
    -------
    interval : namedtuple (estimate, low, high) of floats
        Statistic of the given rows, and percentiles of the resampled statistics. Without
        replacement the estimate is the mean over the resamples, so that all three values refer to
        half of the artists.
    draws : ndarray of shape (n_resamples,)
        Statistics of the resamples, only if ``return_draws=True``. NaN if no run has an artist of
        the resample.

    Raises
    ------
    ValueError
        If lengths differ, there is only one artist or one seed, a run has several seeds, or a
        parameter is out of range.

    Notes
    -----
    Without `seeds`, the percentile bootstrap describes how the statistic of these trained models
    varies with the test artists, not with the training data or the seed. With `seeds`, artists and
    seeds are drawn independently. If a resample contains no artist of a run, that run is excluded
    from the mean of the resample.

    The mean over half of n artists, drawn without replacement, has the same variance as the mean
    over n artists drawn with replacement. Seeds are always drawn with replacement, because every
    run has its own statistic.

    Examples
    --------
    >>> from skmmgenre.metrics import bootstrap_interval
    >>> y_true = ["Jazz", "Rock"] * 20
    >>> y_pred = ["Jazz", "Rock"] * 15 + ["Rock", "Rock"] * 5
    >>> artists = [row // 2 for row in range(40)]
    >>> interval = bootstrap_interval(y_true, y_pred, metric="accuracy", groups=artists)
    >>> interval.estimate
    0.875
    >>> interval.low < 0.875 < interval.high
    True
    """
    if not isinstance(n_resamples, Integral) or n_resamples < 1:
        raise ValueError(f"n_resamples must be an integer above 0, got {n_resamples!r}.")
    if not 0 < confidence_level < 1:
        raise ValueError(f"confidence_level must be in (0, 1), got {confidence_level!r}.")
    if callable(metric):
        metric = _NAMES.get(metric, metric)
    elif metric not in _METRICS and ranking_metric(metric) is None:
        raise ValueError(
            f"metric must be one of {[*_METRICS, *names_of_metrics()]} or a callable, got "
            f"{metric!r}."
        )
    of_scores = ranking_metric(metric)
    answers = {"y_true": y_true, "y_pred": y_pred}
    if y_other is not None:
        answers["y_other"] = y_other
    if callable(metric):
        truth, *predictions = _arrays(answers)
    elif of_scores is not None:
        predictions = []
        for name in list(answers)[1:]:
            truth, scores = truth_and_scores(y_true, answers[name], ("y_true", name))
            predictions.append(scores)
    else:
        (truth, *predictions), _ = label_matrices(answers, labels)
    n = truth.shape[0]
    artists = np.arange(n) if groups is None else group_codes(groups, n)
    n_artists = artists.max() + 1
    if n_artists < 2:
        raise ValueError(
            "All rows have the same artist, so artists cannot be resampled. Pass rows of at least "
            "two artists."
        )
    run_codes = _codes(runs, n, "runs")
    if runs is None and seeds is not None:
        run_codes = _codes(seeds, n, "seeds")
    seed_of_run = None if seeds is None else _seed_of_run(_codes(seeds, n, "seeds"), run_codes)
    # `width` is the size of the largest matrix per resample; it limits the chunks below.
    if callable(metric):
        statistic = _callable_statistic(metric, truth, predictions, artists, run_codes)
        width = n_artists
    elif of_scores is not None:
        statistic = _scores_statistic(of_scores, truth, predictions, artists, run_codes)
        width = max(truth.shape) * (_SCORES_WIDTH if metric in MACRO_METRICS else 1)
    else:
        statistic, width = _counted_statistic(metric, truth, predictions, artists, run_codes)

    n_runs = run_codes.max() + 1
    # The given rows are the resample in which every artist and run is drawn once.
    estimate = statistic(np.ones((1, n_artists)), np.ones((1, n_runs)))[0]
    rng = np.random.default_rng(random_state)
    times_of_run = np.ones((n_resamples, n_runs))
    if seed_of_run is not None:
        # Seeds are drawn, and with a seed all of its runs.
        times_of_run = _draw(rng, n_resamples, seed_of_run.max() + 1)[:, seed_of_run]
    statistics = np.empty(n_resamples)
    for some in gen_batches(n_resamples, max(1, _CHUNK // max(n_artists, width))):
        draw = _draw if replace else _draw_half
        times = draw(rng, some.stop - some.start, n_artists)
        statistics[some] = statistic(times, times_of_run[some])
    if not replace:
        estimate = np.nanmean(statistics)
    tail = (1 - confidence_level) / 2
    low, high = np.nanquantile(statistics, (tail, 1 - tail))
    interval = BootstrapInterval(float(estimate), float(low), float(high))
    return (interval, statistics) if return_draws else interval


def _arrays(answers):
    arrays = [y if sparse.issparse(y) else np.asarray(y) for y in answers.values()]
    for name, y in zip(answers, arrays, strict=True):
        if y.shape[0] != arrays[0].shape[0]:
            raise ValueError(f"y_true has {arrays[0].shape[0]} rows, but {name} has {y.shape[0]}.")
    return arrays


def _codes(values, n, name):
    """Encode values as 0, 1, ...; None gives all 0."""
    if values is None:
        return np.zeros(n, dtype=int)
    if len(values) != n:
        raise ValueError(f"{name} has {len(values)} rows, but y_true has {n}.")
    return pd.factorize(np.asarray(values), use_na_sentinel=False)[0]


def _seed_of_run(seed_codes, run_codes):
    if not seed_codes.any():
        raise ValueError("All rows have the same seed, so seeds cannot be resampled. Omit seeds.")
    seed_of_run = np.empty(run_codes.max() + 1, dtype=int)
    seed_of_run[run_codes] = seed_codes
    if (seed_of_run[run_codes] != seed_codes).any():
        raise ValueError(
            "A run has rows with several seeds. Pass a separate run for each seed and fold."
        )
    return seed_of_run


def _draw(rng, n_draws, n):
    """Return how often each of n artists or seeds is drawn, as an array of shape (n_draws, n)."""
    drawn = rng.integers(0, n, size=(n_draws, n))
    # Each draw gets a range of numbers of its own, so that a single bincount counts all of them.
    drawn += np.arange(n_draws)[:, None] * n
    times = np.bincount(drawn.ravel(), minlength=n_draws * n)
    return times.reshape(n_draws, n).astype(float)


def _draw_half(rng, n_draws, n):
    """Return the same for a draw of half of them, each at most once."""
    order = rng.random((n_draws, n)).argsort(axis=1)
    # Each row of `order` is a permutation of 0, ..., n - 1, so exactly half of the artists (rounded
    # down) have a number below n // 2.
    return (order < n // 2).astype(float)


def _counted_statistic(metric, truth, predictions, artists, run_codes):
    """Return a function of the numbers of draws of artists and runs, based on counts of rows."""
    n, n_labels = truth.shape
    n_artists, n_runs = artists.max() + 1, run_codes.max() + 1

    # Metrics of predictions depend on counts only. The counts of a resample are the number of draws
    # of each artist times the artist's counts, so no rows need to be copied.
    def by_artist(per_row):
        # Columns: the labels of run 0, the labels of run 1, ...; scipy sums duplicate entries.
        per_row = sparse.coo_array(per_row)
        width = per_row.shape[1]
        rows, columns = per_row.coords
        coords = artists[rows], run_codes[rows] * width + columns
        shape = (n_artists, n_runs * width)
        return sparse.coo_array((per_row.data, coords), shape=shape).tocsc()

    rows_of = by_artist(np.ones((n, 1)))
    if metric == "accuracy":
        counts = [by_artist(right_rows(truth, pred)[:, None]) for pred in predictions]

        def one_model(times, right, n_rows):
            return np.divide(times @ right, n_rows, where=n_rows > 0, out=np.zeros_like(n_rows))

    else:
        which = ("precision", "recall", "f1").index(metric)
        true_of = by_artist(truth)
        counts = [(by_artist(truth.multiply(pred)), by_artist(pred)) for pred in predictions]

        def one_model(times, model_counts, n_rows):
            hits, predicted = (times @ count for count in model_counts)
            statistics = precision_recall_f1(hits, predicted, times @ true_of)[which]
            return statistics.reshape(len(times), n_runs, n_labels).mean(axis=2)

    def statistic(times, times_of_run):
        n_rows = times @ rows_of
        values = [one_model(times, model_counts, n_rows) for model_counts in counts]
        return _mean_over_runs(values, np.where(n_rows > 0, times_of_run, 0))

    return statistic, n_runs * n_labels


def _callable_statistic(metric, truth, predictions, artists, run_codes):
    weighted = _takes_weights(metric)

    def one_model(rows, times, pred):
        if weighted:
            return metric(truth[rows], pred[rows], sample_weight=times)
        rows = np.repeat(rows, times.astype(int))
        return metric(truth[rows], pred[rows])

    def one_run(rows, weight):
        return [
            [one_model(rows, times, pred) if times.any() else np.nan for times in weight]
            for pred in predictions
        ]

    return _by_runs(one_run, artists, run_codes)


def _takes_weights(metric):
    try:
        parameters = inspect.signature(metric).parameters.values()
    except ValueError:  # some builtins
        return False
    return any(p.name == "sample_weight" or p.kind is p.VAR_KEYWORD for p in parameters)


def _scores_statistic(of_scores, truth, predictions, artists, run_codes):
    def one_run(rows, weight):
        return [of_scores(truth[rows], scores[rows], weight) for scores in predictions]

    return _by_runs(one_run, artists, run_codes)


def _by_runs(one_run, artists, run_codes):
    """Return a function of the numbers of draws of artists and runs, based on the rows of runs."""
    runs = [np.flatnonzero(run_codes == run) for run in range(run_codes.max() + 1)]

    def statistic(times, times_of_run):
        weights = [times[:, artists[rows]] for rows in runs]
        values = [one_run(*pair) for pair in zip(runs, weights, strict=True)]
        values = np.moveaxis(np.array(values, dtype=float), 0, -1)  # model, draw, run
        n_rows = np.stack([weight.sum(axis=1) for weight in weights], axis=1)
        there = (n_rows > 0) & ~np.isnan(values).any(axis=0)
        return _mean_over_runs(values, np.where(there, times_of_run, 0))

    return statistic


def _mean_over_runs(values, weight):
    """Return the statistic, or the difference, of each draw; runs of weight 0 are ignored."""
    value = values[0] if len(values) == 1 else values[0] - values[1]
    # The value of a run of weight 0 may be NaN, and 0 * NaN is NaN.
    total = np.where(weight > 0, weight * value, 0).sum(axis=1)
    n_runs = weight.sum(axis=1)
    return np.divide(total, n_runs, where=n_runs > 0, out=np.full(len(total), np.nan))
