"""How well two views find each other, counted."""

import numpy as np
import pytest

from skmmgenre.fusion._retrieval import search, summarize


def test_ranks_by_hand():
    first = np.array([[1, 0], [0, 1], [1, 1]], dtype=np.float32)
    second = np.array([[2, 0], [1, 1], [0, 3]], dtype=np.float32)
    codes = np.tile(np.arange(3)[:, np.newaxis], 2)
    ranks, n_candidates = search(first, second, codes)
    # The second view of 1 is nearer to 2's first one, and that of 2 to 1's.
    assert ranks.tolist() == [1, 2, 2.5, 1, 2.5, 2]
    assert n_candidates.tolist() == [3] * 6


def test_equal_vectors_are_not_told_apart():
    """Tracks of an album share a cover: each of them is right."""
    first = np.array([[1, 0], [1, 0.1], [0, 1]], dtype=np.float32)
    second = np.array([[1, 0], [1, 0], [0, 1]], dtype=np.float32)
    ranks, n_candidates = search(first, second, np.array([[0, 0], [1, 0], [2, 1]]))
    assert ranks[:3].tolist() == [1, 1, 1] and n_candidates.tolist() == [2, 2, 3, 3, 3, 3]


@pytest.mark.parametrize("n", [1, 8, 101])
def test_a_space_of_one_point_is_at_chance(n):
    point = np.ones((n, 3), dtype=np.float32)
    codes = np.tile(np.arange(n)[:, np.newaxis], 2)
    found = summarize([search(point, 2 * point, codes)])
    assert found["median_rank"] == found["chance_median_rank"] == (n + 1) / 2
    assert found["chance_recall_at_1"] == pytest.approx(1 / n)
    assert found["chance_recall_at_10"] == pytest.approx(min(1, 10 / n))
    assert found["n_pairs"] == n and found["n_candidates"] == n


def test_chance_is_what_a_random_space_finds():
    rng = np.random.default_rng(0)
    found = []
    for n in (40, 60, 80):  # folds of several sizes
        spaces = rng.normal(size=(20, 2, n, 5))
        codes = np.tile(np.arange(n)[:, np.newaxis], 2)
        found += [search(*space, codes) for space in spaces]
    said = summarize(found)
    for name in ("recall_at_1", "recall_at_10", "median_rank"):
        assert said[name] == pytest.approx(said[f"chance_{name}"], rel=0.2), name
