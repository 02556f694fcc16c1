"""The tasks whose answer is known: what they hold, what is left out, what misses."""

import evaluate_known_tasks as known
import numpy as np
import pandas as pd
import pytest


@pytest.mark.parametrize("task", list(known.TASKS))
@pytest.mark.parametrize("n_genres", [2, 5, 15])
def test_both_sides_get_the_same_rows(task, n_genres):
    """And a row of the second is a mean of the first's."""
    make, _, _ = known.TASKS[task]
    y = np.arange(30) % n_genres
    X, given = make(y, n_genres, np.random.default_rng(0))
    assert X.shape[0] == given.shape[0] == 30
    if task == "one_bin":
        assert X.shape == (30, 96, 130) and given.shape == (30, 96)
        means = np.array([given[y == genre].mean(axis=0) for genre in range(n_genres)])
        assert list(means.argmax(axis=1)) == [6 * genre + 3 for genre in range(n_genres)]
    if task == "one_word":
        assert (np.diff(X.indptr) <= 60).all() and np.diff(X.indptr).mean() > 57
        np.testing.assert_allclose(X.multiply(X).sum(axis=1), 1)


def test_a_cell(capsys):
    answer = known.run_cell("one_hot", 30, 2, 0)
    assert answer["ours"] == answer["plain"] == 1
    assert capsys.readouterr().out.startswith("one_hot, 30 rows, 2 genres, seed 0: 1.000")


def test_a_genre_without_a_training_row():
    """30 rows of 15 genres drawn at random seldom have them all."""
    assert known.run_cell("one_hot", 16, 15, 0) is None


def test_what_misses():
    cells = [(task, 30, 2, seed) for task in "abc" for seed in range(2)]
    answers = [
        *({"ours": 0.9, "plain": 0.95, "seconds": 1}, {"ours": 1.0, "plain": 0.97, "seconds": 1}),
        *({"ours": 0.9, "plain": 0.95, "seconds": 1}, None),
        *({"ours": 0.5, "plain": 0.9, "seconds": 1}, {"ours": 0.5, "plain": 0.9, "seconds": 3}),
    ]
    lines = known.tabulate(cells, answers)
    assert list(lines["verdict"]) == ["holds", "misses", ""]
    assert list(lines["seeds"]) == [2, 1, 2] and lines["seconds"][2] == 2
    assert lines["difference"][0] == pytest.approx(-0.01)
    pd.testing.assert_series_equal(lines["ours"] - lines["plain"], lines["difference"],
                                   check_names=False)  # fmt: skip
