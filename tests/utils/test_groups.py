"""The one reader of groups: the artist of each row."""

import numpy as np
import pandas as pd
import pytest

from skmmgenre.metrics import artist_names, group_codes
from skmmgenre.utils import read_groups


@pytest.mark.parametrize(
    "groups",
    [
        ["a", "b", None, "a", "", float("nan"), pd.NA],
        np.array(["a", "b", None, "a", "", np.nan, pd.NA], dtype=object),
        pd.Series(["a", "b", None, "a", "", None, None], index=range(10, 17)),
        pd.array([5, 7, None, 5, None, None, None], dtype="Int64"),
        [5.0, 7.0, np.nan, 5.0, np.nan, np.nan, np.nan],
    ],
)
def test_a_missing_artist_is_a_group_of_one(groups):
    codes = group_codes(groups)
    assert codes.dtype == np.int64
    np.testing.assert_array_equal(codes, [0, 1, 2, 0, 3, 4, 5])


def test_artists_of_other_libraries():
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    artists = ["a", "b", None, "a", "", None, None]
    for groups in (
        pa.array(artists),
        pa.chunked_array([artists]),
        pa.array(artists).dictionary_encode(),
        pa.table({"artist": artists}),
        pl.Series(artists),
        pl.Series(artists, dtype=pl.Categorical),
        pl.DataFrame({"artist": artists}),
    ):
        np.testing.assert_array_equal(group_codes(groups), [0, 1, 2, 0, 3, 4, 5])


def test_numbers_stay_integers_where_some_are_missing():
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    artists = [7, None, 7]
    for groups in (pa.array(artists), pa.chunked_array([artists]), pl.Series(artists)):
        assert read_groups(groups).names.tolist() == artists
        assert [type(name) for name in read_groups(groups).names] == [int, type(None), int]


def test_wrong_length_tells_both():
    with pytest.raises(ValueError, match="groups has 12 rows, X has 15"):
        group_codes(list("abcdefghijkl"), 15)
    with pytest.raises(ValueError, match="artists has 1 rows, X has 2"):
        group_codes(["a"], 2, name="artists")


@pytest.mark.parametrize(
    "groups, message",
    [
        ("artist", "must be a column"),
        (np.zeros((3, 2)), "shape"),
        (np.array(3), "0-D"),
        ([["a", "b"], ["c", "d"]], "row 0 is a list"),
    ],
)
def test_no_column(groups, message):
    with pytest.raises(ValueError, match=message):
        group_codes(groups)


def test_a_table_of_one_column_is_a_column():
    np.testing.assert_array_equal(group_codes(pd.DataFrame({"artist": ["a", "b", "a"]})), [0, 1, 0])


@pytest.mark.parametrize(
    "form",
    [list, np.array, pd.Series, pd.Index, pd.Categorical, lambda names: np.array(names)[:, None]],
)
def test_all_forms_are_read_alike(form):
    groups = read_groups(form(["a", "b", "a"]))
    assert groups.names.tolist() == ["a", "b", "a"] and groups.codes.tolist() == [0, 1, 0]
    assert read_groups(groups, 3) is groups
    with pytest.raises(ValueError, match="groups has 3 rows, X has 4"):
        read_groups(groups, 4)


def test_some_rows_are_numbered_as_if_they_were_all():
    groups = read_groups([None, "b", "a", "b", ""])
    assert groups.take([0, 3, 2]).codes.tolist() == group_codes(["", "b", "a"]).tolist()


@pytest.mark.parametrize("container", [list, pd.Series, np.array], ids=["list", "Series", "array"])
def test_missing_artists_are_called_after_their_row(container):
    artists = ["Nina", None, "Otis", "", "Nina", None]
    names = artist_names(container(artists), 6)
    assert list(names[[0, 2, 4]]) == ["Nina", "Otis", "Nina"]
    assert len(set(names)) == 5
    # The same partition of rows as their codes, in any subset of the rows.
    rows = [1, 3, 1, 0]
    assert list(names[rows]) == [names[1], names[3], names[1], "Nina"]
    codes, of_names = group_codes(artists), group_codes(names)
    same = codes[:, None] == codes
    np.testing.assert_array_equal(same, of_names[:, None] == of_names)


def test_names_that_differ_after_a_null_character():
    assert group_codes(["a\0b", "a\0c", "a", "a\0b"]).tolist() == [0, 1, 2, 0]


def test_no_artists_at_all():
    assert len(set(artist_names(None, 4))) == 4


def test_a_row_is_no_artist_called_like_its_number():
    assert artist_names(["1", None], 2)[1] != "1"


def test_wrong_length_of_names():
    with pytest.raises(ValueError, match="groups has 2 rows"):
        artist_names(["a", "b"], 3)
