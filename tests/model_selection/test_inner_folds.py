import warnings

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmmgenre.model_selection import inner_folds, read_folds

ARTISTS = np.repeat([f"artist {number}" for number in range(20)], 3)
GENRES = np.array(["Jazz", "Rap", "Rock", "Rap"])[np.arange(60) // 3 % 4]


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(25, 80), st.integers(3, 20), st.booleans())
def test_artists_are_whole_and_every_row_is_in_a_fold(seed, n, n_artists, several):
    rng = np.random.default_rng(seed)
    artists = np.r_[np.arange(n_artists), rng.integers(n_artists, size=n - n_artists)]
    y = (rng.random((n, 4)) < 0.4).astype(int) if several else rng.integers(3, size=n)
    folds = inner_folds(y, groups=artists)
    assert sorted(set(folds)) == [0, 1, 2]
    assert pd.Series(folds).groupby(artists).nunique().max() == 1
    np.testing.assert_array_equal(inner_folds(y, groups=artists), folds)


def test_genres_are_spread():
    folds = inner_folds(GENRES, groups=ARTISTS)
    counts = pd.crosstab(GENRES, folds)
    assert (counts > 0).all(axis=None)
    assert np.ptp(np.bincount(folds)) <= 3


@pytest.mark.parametrize(
    ("n_rows", "artists"), [(19, ARTISTS[:19]), (60, np.repeat(["a", "b"], 30))]
)
def test_too_few_rows_or_artists(n_rows, artists):
    with pytest.warns(UserWarning, match=f"{n_rows} rows of .* too few for inner folds"):
        assert inner_folds(GENRES[:n_rows], groups=artists) is None
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert inner_folds(GENRES[:n_rows], groups=artists, warn=False) is None
    if len(set(artists)) < 3:
        with pytest.raises(ValueError, match="artist"):
            inner_folds(GENRES[:n_rows], groups=artists, n_folds=3)


def test_without_artists():
    with pytest.warns(UserWarning, match="without regard to artists"):
        folds = inner_folds(GENRES)
    assert sorted(set(folds)) == [0, 1, 2]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        inner_folds(GENRES, groups=ARTISTS)


def test_the_number_of_folds():
    assert set(inner_folds(GENRES, groups=ARTISTS, n_folds=5)) == set(range(5))


def test_folds_that_are_given():
    held_out = np.array([False, False, True, False])
    assert read_folds([0, 1, 1, -1], held_out).tolist() == [0, 1, -1, -1]


@pytest.mark.parametrize(
    ("folds", "message"),
    [
        ([0, 1, 0], "3"),
        ([0.5, 1, 0, 1], "must be integers"),
        ([0, 1, -2, 1], "must be integers"),
        ([0, 0, 0, 0], "at least two"),
        ([-1, -1, -1, -1], "at least two"),
        ([0, 2, 0, 2], "without gaps"),
    ],
)
def test_folds_that_are_none(folds, message):
    with pytest.raises(ValueError, match=message):
        read_folds(folds, np.zeros(4, dtype=bool))
