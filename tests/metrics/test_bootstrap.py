from functools import partial
from itertools import product

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from slow_cases import few_fast

from skmmgenre.metrics import (
    aggregated_diversity_score,
    bootstrap_interval,
    correct_diversity_score,
    macro_auc_score,
    macro_average_precision_score,
    ndcg_at_k_score,
    precision_at_k_score,
)

LABELS = [0, 1, 2, 3]
SKLEARN = {
    "f1": lambda t, p: f1_score(t, p, labels=LABELS, average="macro", zero_division=0),
    "precision": lambda t, p: precision_score(
        t, p, labels=LABELS, average="macro", zero_division=0
    ),
    "recall": lambda t, p: recall_score(t, p, labels=LABELS, average="macro", zero_division=0),
    "accuracy": accuracy_score,
}


def small_table(seed=0, n=45, n_artists=9):
    rng = np.random.default_rng(seed)
    y = rng.integers(0, 4, n)
    pred = np.where(rng.random(n) < 0.6, y, rng.integers(0, 4, n))
    other = np.where(rng.random(n) < 0.4, y, rng.integers(0, 4, n))
    return y, pred, other, rng.integers(0, n_artists, n), rng.integers(0, 3, n)


def by_plain_loop(metric, y, pred, other, artists, runs, n_resamples, seed):
    """Rows of drawn artists are copied; nothing is weighted."""

    def statistic(rows):
        differences = []
        for run in np.unique(runs[rows]):
            here = rows[runs[rows] == run]
            difference = metric(y[here], pred[here])
            if other is not None:
                difference -= metric(y[here], other[here])
            differences.append(difference)
        return np.mean(differences)

    # group_codes numbers artists as they appear, so draw in that order
    order = pd.unique(pd.Series(artists))
    rng = np.random.default_rng(seed)
    statistics = []
    for drawn in rng.integers(0, len(order), (n_resamples, len(order))):
        rows = [np.flatnonzero(artists == order[artist]) for artist in drawn]
        statistics.append(statistic(np.concatenate(rows)))
    return statistic(np.arange(len(y))), *np.quantile(statistics, (0.025, 0.975))


@pytest.mark.parametrize(
    ("metric", "paired"),
    few_fast(list(product(SKLEARN, [True, False])), ("f1", True), ("recall", False)),
)
def test_it_is_the_plain_loop(metric, paired):
    y, pred, other, artists, runs = small_table()
    other = other if paired else None
    expected = by_plain_loop(SKLEARN[metric], y, pred, other, artists, runs, 60, seed=3)
    interval = bootstrap_interval(
        y,
        pred,
        other,
        metric=metric,
        groups=artists,
        runs=runs,
        labels=LABELS,
        n_resamples=60,
        random_state=3,
    )
    np.testing.assert_allclose(interval, expected, atol=1e-12)
    assert interval._fields == ("estimate", "low", "high")


def test_a_callable_answers_as_the_name():
    y, pred, other, artists, runs = small_table(1)
    kwargs = {"groups": artists, "runs": runs, "n_resamples": 40}

    def accuracy(y_true, y_pred, sample_weight):
        return np.average(y_true == y_pred, weights=sample_weight)

    np.testing.assert_allclose(
        bootstrap_interval(y, pred, other, metric=accuracy, **kwargs),
        bootstrap_interval(y, pred, other, metric="accuracy", **kwargs),
    )


def test_several_labels():
    rng = np.random.default_rng(0)
    Y, pred = rng.integers(0, 2, (2, 30, 4))
    interval = bootstrap_interval(Y, pred, n_resamples=50)
    assert interval.estimate == pytest.approx(f1_score(Y, pred, average="macro"))
    assert interval.low < interval.estimate < interval.high
    table = bootstrap_interval(pd.DataFrame(Y), pd.DataFrame(pred), n_resamples=50)
    assert table == interval


@pytest.mark.parametrize("metric", list(SKLEARN))
def test_the_same_predictions_differ_by_nothing(metric):
    y, pred, _, artists, runs = small_table()
    interval = bootstrap_interval(y, pred, pred, metric=metric, groups=artists, runs=runs)
    assert interval == (0, 0, 0)


def test_the_order_of_rows_of_an_artist_and_the_chunks_do_not_matter(monkeypatch):
    y, pred, other, artists, runs = small_table()
    whole = bootstrap_interval(y, pred, other, groups=artists, n_resamples=100)
    monkeypatch.setattr("skmmgenre.metrics._bootstrap._CHUNK", 100)
    chunked = bootstrap_interval(y, pred, other, groups=artists, n_resamples=100)
    np.testing.assert_allclose(chunked, whole)


def test_the_draws_are_what_the_interval_is_taken_from():
    y, pred, other, artists, runs = small_table()
    asked = {"groups": artists, "runs": runs, "n_resamples": 100}
    interval, draws = bootstrap_interval(y, pred, other, return_draws=True, **asked)
    assert draws.shape == (100,)
    np.testing.assert_allclose(interval[1:], np.quantile(draws, (0.025, 0.975)))
    assert interval == bootstrap_interval(y, pred, other, **asked)


def test_halves_draw_every_artist_once_at_most():
    artists = np.array(["a", "b", "c", "d"])
    drawn = []

    def note(_, names):
        drawn.append("".join(sorted(names)))
        return 0.0

    bootstrap_interval(np.ones(4), artists, metric=note, groups=artists, replace=False)
    assert set(drawn[1:]) == {"ab", "ac", "ad", "bc", "bd", "cd"}  # the first are all rows


def test_halves_vary_as_resamples_do():
    rng = np.random.default_rng(0)
    y, pred = np.ones(400), (rng.random(400) < 0.7).astype(float)
    asked = {"metric": "accuracy", "groups": np.arange(400) // 2, "return_draws": True}
    spread = [
        np.std(bootstrap_interval(y, pred, replace=replace, **asked)[1])
        for replace in (True, False)
    ]
    assert spread[1] == pytest.approx(spread[0], rel=0.07)


def test_aggregated_diversity_of_halves():
    """With replacement the interval lies below the statistic; halves give that of halves."""
    rng = np.random.default_rng(0)
    Y, scores = rng.integers(0, 2, (60, 200)), rng.random((60, 200))
    estimate, _, high = bootstrap_interval(Y, scores, metric="diversity@3")
    assert estimate == pytest.approx(aggregated_diversity_score(scores, 3)) and high < estimate
    halves = bootstrap_interval(Y, scores, metric="diversity@3", replace=False)
    some = [rng.permutation(60)[:30] for _ in range(500)]
    expected = np.mean([aggregated_diversity_score(scores[rows], 3) for rows in some])
    assert halves.estimate == pytest.approx(expected, abs=0.005)
    assert halves.low < halves.estimate < halves.high


def test_coverage_over_artists():
    """Artists are right or wrong as a whole, so an interval over rows would be far too short."""
    rng = np.random.default_rng(0)
    n_trials, n_artists, n_rows = 120, 60, 10
    artists = np.repeat(np.arange(n_artists), n_rows)
    covered = {"artists": 0, "rows": 0}
    for trial in range(n_trials):
        y = rng.integers(0, 2, n_artists).repeat(n_rows)
        right = (rng.random(n_artists) < 0.7).repeat(n_rows)
        pred = np.where(right, y, 1 - y)
        for name, groups in (("artists", artists), ("rows", None)):
            interval = bootstrap_interval(
                y, pred, metric="accuracy", groups=groups, n_resamples=200, random_state=trial
            )
            covered[name] += interval.low <= 0.7 <= interval.high
    assert 0.88 <= covered["artists"] / n_trials <= 0.99
    assert covered["rows"] / n_trials < 0.7


def test_stacked_runs_of_one_artist_are_drawn_together():
    """Three copies of a run must not look like three times the data."""
    y, pred, _, artists, _ = small_table()
    once = bootstrap_interval(y, pred, groups=artists, random_state=1)
    thrice = bootstrap_interval(
        np.tile(y, 3),
        np.tile(pred, 3),
        groups=np.tile(artists, 3),
        runs=np.repeat([0, 1, 2], len(y)),
        random_state=1,
    )
    np.testing.assert_allclose(thrice, once)


@pytest.mark.slow
def test_coverage_over_seeds():
    """A seed that is good is good for all artists: an interval without seeds is far too short."""
    rng = np.random.default_rng(0)
    n_trials, n_seeds, n_artists = 100, 12, 50
    seeds, artists = np.divmod(np.arange(n_seeds * n_artists), n_artists)
    covered = {"seeds": 0, "artists": 0}
    for trial in range(n_trials):
        share = np.clip(rng.normal(0.6, 0.1, n_seeds), 0, 1)[seeds]
        y = rng.integers(0, 2, len(seeds))
        pred = np.where(rng.random(len(seeds)) < share, y, 1 - y)
        for name, given in (("seeds", seeds), ("artists", None)):
            interval = bootstrap_interval(
                y,
                pred,
                metric="accuracy",
                groups=artists,
                runs=seeds,
                seeds=given,
                n_resamples=200,
                random_state=trial,
            )
            covered[name] += interval.low <= 0.6 <= interval.high
    assert 0.85 <= covered["seeds"] / n_trials
    assert covered["artists"] / n_trials < 0.75


@pytest.mark.parametrize("random_state", range(4))
@pytest.mark.parametrize("metric", ["f1", "accuracy", accuracy_score])
def test_seeds_are_drawn_as_in_the_plain_loop(metric, random_state):
    """Two folds of each of two seeds: with a draw of one seed alone its folds count alone."""
    y, pred, other, artists, _ = small_table()
    folds = np.arange(len(y)) % 4
    found = bootstrap_interval(
        y,
        pred,
        other,
        metric=metric,
        groups=artists,
        runs=folds,
        seeds=folds // 2,
        n_resamples=1,
        random_state=random_state,
    )
    rng = np.random.default_rng(random_state)
    drawn = np.bincount(rng.integers(0, 2, 2), minlength=2)
    names = pd.factorize(artists)[0]
    times = np.bincount(rng.integers(0, 9, 9), minlength=9)[names]
    statistics = []
    for fold in range(4):
        rows = np.repeat(np.arange(len(y)), np.where(folds == fold, times, 0))
        name = metric if isinstance(metric, str) else "accuracy"
        of_fold = [SKLEARN[name](y[rows], answer[rows]) for answer in (pred, other)]
        statistics += [of_fold[0] - of_fold[1]] * drawn[fold // 2]
    np.testing.assert_allclose(found.low, np.mean(statistics))


@pytest.mark.parametrize(
    "change, message",
    [
        ({"seeds": [0] * 3}, "seeds has 3 rows"),
        ({"seeds": [0] * 45}, "the same seed"),
        ({"seeds": [0, 1, 1] * 15, "runs": [0] * 45}, "several seeds"),
        ({"groups": ["a"] * 44}, "groups has 44 rows, X has 45"),
        ({"groups": ["a"] * 45}, "the same artist"),
        ({"runs": [0] * 3}, "runs has 3 rows"),
        ({"metric": "auc"}, "metric must be"),
        ({"n_resamples": 0}, "n_resamples"),
        ({"confidence_level": 95}, "confidence_level"),
        ({"labels": [0, 1]}, "not in labels"),
        ({"y_other": [0, 1]}, "y_other has"),
        ({"y_other": [0, 1], "metric": accuracy_score}, "y_other has"),
    ],
)
def test_bad_input(change, message):
    y, pred, _, artists, _ = small_table()
    arguments = {"y_true": y, "y_pred": pred, "groups": artists} | change
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(**arguments)


# ---- statistics of scores ----------------------------------------------------------------------

OF_SCORES = {
    "macro_auc": macro_auc_score,
    "macro_average_precision": macro_average_precision_score,
    "precision@2": partial(precision_at_k_score, k=2),
    "ndcg@2": partial(ndcg_at_k_score, k=2),
    "diversity@1": lambda Y, scores: aggregated_diversity_score(scores, 1),
    "correct_diversity@1": partial(correct_diversity_score, k=1),
}


def scored_table(seed=0, n=45, n_artists=9):
    rng = np.random.default_rng(seed)
    Y = (rng.random((n, 5)) < [0.05, 0.1, 0.3, 0.5, 0.9]).astype(int)
    one, other = (np.round(rng.normal(size=Y.shape) + Y * gain) for gain in (1.5, 0.5))
    return Y, one, other, rng.integers(0, n_artists, n), rng.integers(0, 2, n)


@pytest.mark.parametrize("name", OF_SCORES)
@pytest.mark.parametrize("paired", [True, False])
def test_scores_as_in_the_plain_loop(name, paired):
    Y, one, other, artists, runs = scored_table()
    other = other if paired else None
    expected = by_plain_loop(OF_SCORES[name], Y, one, other, artists, runs, 40, seed=3)
    settings = {"groups": artists, "runs": runs, "n_resamples": 40, "random_state": 3}
    found = bootstrap_interval(Y, one, other, metric=name, **settings)
    np.testing.assert_allclose(found, expected, atol=1e-12)
    table = bootstrap_interval(pd.DataFrame(Y), pd.DataFrame(one), other, metric=name, **settings)
    assert table == found
    # A callable answers the same, whether or not it takes weights.
    function = OF_SCORES[name]
    plain = bootstrap_interval(Y, one, other, metric=lambda Y, S: function(Y, S), **settings)
    np.testing.assert_allclose(plain, expected, atol=1e-12)
    np.testing.assert_allclose(
        bootstrap_interval(Y, one, other, metric=function, **settings), expected, atol=1e-12
    )


def test_a_resample_without_a_label_leaves_it_out():
    Y = np.array([[1, 1], [0, 1], [1, 0], [0, 0], [0, 0], [1, 0]])
    Y[2:, 1] = 0  # only two artists have the second label
    scores = np.arange(12).reshape(6, 2)
    interval = bootstrap_interval(Y, scores, metric="macro_auc", n_resamples=200)
    assert np.isfinite(interval).all()


@pytest.mark.parametrize(
    "change, message",
    [
        ({"metric": "precision@9"}, "from 1 to"),
        ({"metric": "precision@"}, "metric must be"),
        ({"metric": None}, "metric must be"),
        ({"y_other": np.zeros((45, 3))}, "y_other has"),
        ({"y_other": np.full((45, 5), np.nan)}, "y_other is NaN"),
        ({"y_true": np.full((45, 5), 2)}, "got 2 in row 0"),
    ],
)
def test_bad_scores(change, message):
    Y, one, _, artists, _ = scored_table()
    arguments = {"y_true": Y, "y_pred": one, "metric": "macro_auc", "groups": artists} | change
    with pytest.raises(ValueError, match=message):
        bootstrap_interval(**arguments)
