"""What a cell is, and what an error calls it."""

import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, clone

from skmmgenre.utils import (
    BadItem,
    ErrorsMixin,
    as_cells,
    describe_cell,
    first_few,
    is_missing,
    refuse_repeated_columns,
)


@pytest.mark.parametrize(
    "cell",
    [
        None,
        "",
        np.nan,
        np.float32("nan"),
        pd.NA,
        pd.NaT,
        [],
        ["", None],
        (np.nan,),
        np.array([None, ""], dtype=object),
    ],
)
def test_missing(cell):
    assert is_missing(cell)


@pytest.mark.parametrize(
    "cell", ["a", 0, 0.0, ["a", None], Path("a"), np.zeros(3), np.array([np.nan]), b"a"]
)
def test_not_missing(cell):
    assert not is_missing(cell)


@pytest.mark.parametrize(
    "column",
    [
        ["a", None],
        ("a", None),
        np.array(["a", None], dtype=object),
        np.array([["a"], [None]], dtype=object),
        pd.Series(["a", None], dtype=object, index=[7, 3]),
        pd.DataFrame({"x": ["a", None]}, dtype=object),
    ],
)
def test_one_column_of_any_kind(column):
    assert as_cells(column) == ["a", None]


def test_rows_of_numbers_are_items():
    cells = as_cells(np.zeros((3, 5)))
    assert [cell.shape for cell in cells] == [(5,)] * 3


@pytest.mark.parametrize(
    ("column", "message"),
    [
        ([], "0 rows"),
        (pd.DataFrame({"x": []}), "0 rows"),
        (pd.DataFrame(index=[0, 1]), "without columns"),
        ("a.mp3", r"single value.*\['a.mp3'\]"),
        (np.array("a"), "0-D"),
        (pd.DataFrame([["a", "b"]], columns=["x", "y"]), r"2 columns.*X\['x'\]"),
        (pd.DataFrame([["a", "b"]], columns=["x", "x"]), "twice.*duplicated"),
        (np.array([["a", "b"]]), r"shape \(1, 2\)"),
    ],
)
def test_not_a_column(column, message):
    with pytest.raises(ValueError, match=message):
        as_cells(column, noun="track")


def test_description_keeps_the_name_of_the_file():
    name = describe_cell(Path("folder" * 100) / "song.mp3")
    assert len(name) <= 202 and name.endswith("song.mp3'")
    assert describe_cell(b"x" * 300).count("...") == 1
    assert describe_cell(np.zeros(3)) == "array of shape (3,), dtype float64"
    assert describe_cell(["a", "b"]) == "list of 2"
    assert describe_cell(3) == "int object"


def test_repeated_names_are_told():
    table = pd.DataFrame(np.eye(3), columns=["a", "b", "a"])
    with pytest.raises(ValueError, match=r"The table has duplicate columns: \['a'\]. Rename"):
        refuse_repeated_columns(table, "The table")


@pytest.mark.parametrize("X", [np.eye(2), [[1]], pd.DataFrame(np.eye(2))])
def test_others_are_let_through(X):
    refuse_repeated_columns(X)


def test_first_few():
    assert first_few(["a"]) == "a" and first_few([]) == ""
    assert first_few("abc") == "a, b, c" and first_few("abcd") == "a, b, c, ..."
    assert first_few(np.arange(5003), 2, count=True) == "0, 1, and 5,001 more"
    assert (
        first_few(pd.Index(["a", "b"]), 1, count=True, name=repr, separator="; ")
        == "'a'; and 1 more"
    )
    shown = []
    first_few(range(100), name=lambda item: shown.append(item) or "")
    assert shown == [0, 1, 2]


def test_bad_item_crosses_processes():
    error = pickle.loads(pickle.dumps(BadItem("reason", "Way out.")))
    assert (error.reason, error.remedy, str(error)) == ("reason", "Way out.", "reason. Way out.")


class _Estimator(ErrorsMixin, BaseEstimator):
    pass


def test_errors_are_left_out_of_the_state():
    estimator = _Estimator()
    assert list(estimator.errors_.columns) == ["row", "item", "reason", "remedy"]
    assert len(estimator.errors_) == 0
    estimator._errors = [{"row": 1, "item": "x", "reason": "r", "remedy": "w"}]
    assert len(estimator.errors_) == 1
    assert len(pickle.loads(pickle.dumps(estimator)).errors_) == 0
    assert len(clone(estimator).errors_) == 0
