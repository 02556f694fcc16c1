"""What a cell is, and what an error calls it."""

import io
import os
import pickle
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from other_tables import OTHER_LIBRARIES
from sklearn.base import BaseEstimator, clone

from skmmgenre.utils import (
    BadItem,
    BadType,
    ErrorsMixin,
    as_cells,
    as_pandas,
    describe_cell,
    file_in,
    first_few,
    is_missing,
    is_path,
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


LISTS = [["a", "b"], ["c"], None]


def pyarrow_columns():
    pa = pytest.importorskip("pyarrow")
    return pa.array, lambda cells: pa.chunked_array([cells[:1], cells[1:]])


def polars_columns():
    return [pytest.importorskip("polars").Series]


@pytest.mark.parametrize("columns", [pyarrow_columns, polars_columns])
class TestColumnsOfOtherLibraries:
    def test_strings(self, columns):
        for make in columns():
            first, second = as_cells(make(["a", None]))
            assert type(first) is str and first == "a"
            assert is_missing(second)

    def test_lists_of_strings_are_arrays(self, columns):
        for make in columns():
            *lists, missing = as_cells(make(LISTS))
            assert [cell.tolist() for cell in lists] == LISTS[:2]
            assert all(isinstance(cell, np.ndarray) and cell.dtype == object for cell in lists)
            assert is_missing(missing)

    def test_signals_are_arrays(self, columns):
        for make in columns():
            cells = as_cells(make([[0.5, 0.25], [1.0]]))
            assert [cell.dtype for cell in cells] == [np.float64] * 2
            assert [cell.tolist() for cell in cells] == [[0.5, 0.25], [1.0]]

    def test_lists_of_dicts_keep_the_names(self, columns):
        tracks = [{"bytes": b"a", "path": "a.wav"}]
        for make in columns():
            first, missing = as_cells(make([tracks, None]))
            assert isinstance(first, np.ndarray) and first.tolist() == tracks
            assert is_missing(missing)

    def test_content_of_files(self, columns, wave):
        content = wave.read_bytes()
        for make in columns():
            cells = as_cells(make([content, None]))
            assert cells == [content, None]
            cell, missing = as_cells(make([{"bytes": content, "path": "a.wav"}, None]))
            file, name = file_in(cell)
            assert file.read() == content and name == b"a.wav"
            assert is_missing(missing)


@pytest.mark.parametrize("library", ["pyarrow", "polars"])
class TestTablesOfOtherLibraries:
    @pytest.fixture
    def make(self, library):
        module = pytest.importorskip(library)
        return module.table if library == "pyarrow" else module.DataFrame

    def test_one_column(self, make):
        assert as_cells(make({"x": ["a", "b"]})) == ["a", "b"]

    def test_several_columns_are_refused(self, make):
        with pytest.raises(ValueError, match=r"one column of texts, got 2 .* X\['x'\]"):
            as_cells(make({"x": ["a"], "y": ["b"]}), noun="text")

    def test_as_pandas(self, make):
        table = as_pandas(make({"n": [1, 2], "is": [True, False], "x": [["a", "b"], []]}))
        assert table.columns.tolist() == ["n", "is", "x"]
        assert table.n.dtype == np.int64 and table["is"].dtype == bool
        assert [cell.tolist() for cell in table.x] == [["a", "b"], []]


def test_categories_of_other_libraries():
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    words = ["a", None, "b", "a"]
    for column in (pa.array(words).dictionary_encode(), pl.Series(words, dtype=pl.Categorical)):
        cells = as_cells(column)
        assert [None if is_missing(cell) else cell for cell in cells] == words


def test_lists_of_arrow_types_of_pandas_are_arrays():
    pa = pytest.importorskip("pyarrow")
    signals = [[0.5, 0.25], [1.0], None]
    column = pd.Series(signals, dtype=pd.ArrowDtype(pa.list_(pa.float32())))
    *cells, missing = as_cells(column)
    assert [cell.dtype for cell in cells] == [np.float32] * 2
    assert [cell.tolist() for cell in cells] == signals[:2]
    assert is_missing(missing)


def test_tables_of_unknown_libraries_are_refused():
    class Dataset:
        def to_pandas(self):
            raise AssertionError

    with pytest.raises(ValueError, match=r"got a Dataset of .*Pass X\.to_pandas\(\)"):
        as_cells(Dataset())


@pytest.mark.parametrize("convert", OTHER_LIBRARIES)
def test_repeated_columns_of_other_libraries(convert):
    refuse_repeated_columns(convert(pd.DataFrame({"a": [1], "b": [1]})))


def test_repeated_columns_of_pyarrow():
    pa = pytest.importorskip("pyarrow")
    table = pa.Table.from_arrays([pa.array([1]), pa.array([1])], names=["a", "a"])
    with pytest.raises(ValueError, match=r"duplicate columns: \['a'\]"):
        refuse_repeated_columns(table)


def test_polars_does_not_need_pyarrow(monkeypatch):
    pl = pytest.importorskip("polars")
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    assert as_cells(pl.Series(["a", "b"])) == ["a", "b"]
    assert [cell.tolist() for cell in as_cells(pl.Series(LISTS[:2]))] == LISTS[:2]


def test_a_lazy_table_is_refused():
    pl = pytest.importorskip("polars")
    with pytest.raises(ValueError, match=r"LazyFrame.*X\.collect\(\)"):
        as_cells(pl.LazyFrame({"x": ["a"]}))


def test_what_is_no_table_of_theirs_is_returned():
    for X in (pd.DataFrame({"x": [1]}), ["a"], np.zeros(3), None):
        assert as_pandas(X) is X


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
        (pd.DataFrame([["a", "b"]], columns=["x", "x"]), "repeated.*duplicated"),
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
    assert describe_cell(("a text",)) == "'a text'"
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


def _held(path):
    """A file's content in every form that is taken, and the name that comes with it."""
    content = path.read_bytes()
    named = io.BytesIO(content)
    named.name = str(path)
    return {
        "bytes": (content, b""),
        "bytearray": (bytearray(content), b""),
        "memoryview": (memoryview(content), b""),
        "BytesIO": (io.BytesIO(content), b""),
        "named BytesIO": (named, path.name.encode()),
        "dict": ({"bytes": content, "path": "x/" + path.name}, path.name.encode()),
        "dict without a name": ({"bytes": content, "path": None}, b""),
        "view with gaps": (memoryview(np.repeat(np.frombuffer(content, "u1"), 2))[::2], b""),
    }


@pytest.fixture
def wave(tmp_path):
    path = tmp_path / "a.wav"
    path.write_bytes(b"RIFF\0\0\0\0WAVE" + bytes(100))
    return path


def test_content_of_a_file_in_every_form(wave):
    for cell, name in _held(wave).values():
        (cell,) = as_cells([cell])
        for _ in range(2):  # it is there the second time, too
            file, found = file_in(cell)
            assert (file.read(), found) == (wave.read_bytes(), name)
        assert not is_path(cell) and "\\x" not in describe_cell(cell)


@pytest.mark.parametrize("form", [str, Path, os.fsencode, np.str_])
def test_paths_in_every_form(wave, form):
    path = form(str(wave))
    assert is_path(path) and file_in(path) == (path, b"a.wav")
    assert file_in({"bytes": None, "path": path}) == (path, b"a.wav")


def test_an_open_file_is_read_and_left_where_it_was(wave):
    with open(wave, "rb") as file:
        file.seek(7)
        (cell,) = as_cells([file])
        assert file.tell() == 7
    held, name = file_in(pickle.loads(pickle.dumps(cell)))
    assert (held.read(), name) == (wave.read_bytes(), b"a.wav")


@pytest.mark.parametrize("kind", ["closed", "text", "pipe"])
def test_an_open_file_that_cannot_be_read(wave, kind):
    if kind == "pipe":
        reading, writing = os.pipe()
        os.close(writing)
        file = open(reading, "rb")
    else:
        file = open(wave, **({"mode": "rb"} if kind == "closed" else {"encoding": "latin1"}))
    with file:
        if kind == "closed":
            file.close()
        with pytest.raises(BadType, match="cannot be read: it is closed.*BytesIO"):
            file_in(*as_cells([file]))


def test_the_bytes_of_a_dict_are_content_and_never_a_path(wave):
    file, name = file_in({"bytes": os.fsencode(wave), "path": None})
    assert (file.read(), name) == (os.fsencode(wave), b"")
    assert file_in({"bytes": b"", "path": str(wave)})[0].read() == b""


def test_content_that_is_closed():
    content = io.BytesIO(b"RIFF")
    content.close()
    with pytest.raises(BadType, match="cannot be read: it is closed"):
        file_in(content)


@pytest.mark.parametrize("url", ["https://x.org/a.mp3", "file:///a.mp3", "s3://x/a", b"http://x"])
def test_a_url_is_refused(url):
    with pytest.raises(BadType, match="it is a URL. Download"):
        file_in(url)


def test_a_home_folder_is_not_expanded():
    with pytest.raises(BadItem, match="no such file.*expanduser"):
        file_in("~/there/is/no/such.mp3")


@pytest.mark.parametrize("cell", [3, 2.5, np.zeros(3), ["a"], {"path": "a"}, {"array": [1.0]}])
def test_what_is_no_file(cell):
    assert file_in(cell) == (None, b"")


def test_an_empty_dict_of_a_file_is_missing():
    assert is_missing({"bytes": None, "path": None})
    assert not is_missing({"bytes": b"", "path": None}) and not is_missing({})
