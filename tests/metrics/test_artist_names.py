"""Rows without an artist are artists of their own, by name."""

import numpy as np
import pandas as pd
import pytest

from skmmgenre.metrics import artist_names, group_codes


@pytest.mark.parametrize("container", [list, pd.Series, np.array], ids=["list", "Series", "array"])
def test_missing_artists_are_called_after_their_row(container):
    artists = ["Nina", None, "Otis", "", "Nina", None]
    names = artist_names(container(artists), 6)
    assert list(names[[0, 2, 4]]) == ["Nina", "Otis", "Nina"]
    assert len(set(names)) == 5
    # The same partition of rows as their codes, in any subset of the rows.
    rows = [1, 3, 1, 0]
    assert list(names[rows]) == [names[1], names[3], names[1], "Nina"]
    codes, of_names = group_codes(artists), pd.factorize(names)[0]
    same = codes[:, None] == codes
    np.testing.assert_array_equal(same, of_names[:, None] == of_names)


def test_no_artists_at_all():
    assert len(set(artist_names(None, 4))) == 4


def test_a_row_is_no_artist_called_like_its_number():
    assert artist_names(["1", None], 2)[1] != "1"


def test_wrong_length():
    with pytest.raises(ValueError, match="groups has 2 rows"):
        artist_names(["a", "b"], 3)
