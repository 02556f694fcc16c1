import numpy as np
import pandas as pd
import pytest

from skmmgenre.metrics import group_codes


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
        ([["a", "b"], ["c", "d"]], "row 0 holds a list"),
    ],
)
def test_no_column(groups, message):
    with pytest.raises(ValueError, match=message):
        group_codes(groups)


def test_a_table_of_one_column_is_a_column():
    np.testing.assert_array_equal(group_codes(pd.DataFrame({"artist": ["a", "b", "a"]})), [0, 1, 0])
