"""The loop over cells."""

import logging
import math
import re
from itertools import product

import joblib
import numpy as np
import pandas as pd
import pytest
from slow_cases import few_slow

from skmmgenre.audio import CQTExtractor
from skmmgenre.store import CellTransformer, FeatureStore, map_cells, settle_in_rounds
from skmmgenre.utils import BadItem, BadType, SetupError, calling_function


def _invert(cell):
    if cell == "import":
        raise ImportError("no such library")
    if cell < 0:
        raise BadItem("it is negative", "Give a positive number.")
    return 1 / cell


@pytest.mark.parametrize("n_jobs", [None, 1, 2])
def test_values_stand_at_their_rows(n_jobs):
    cells = [None, *range(1, 40), ""]
    values, errors = map_cells(math.sqrt, cells, n_jobs=n_jobs)
    assert values == [None, *(math.sqrt(k) for k in range(1, 40)), None]
    assert errors == []


def test_the_first_bad_row_is_raised():
    with pytest.raises(BadItem, match=r"Row 1: cannot use number int object: it is negative") as e:
        map_cells(_invert, [1, -1, 0], noun="number")
    assert "Give a positive number. Or pass on_error='missing'" in str(e.value)


def test_what_is_finished_together(tmp_path):
    """As a network does it; what is bad is not among it, what is stored is not finished again."""
    taken = []

    def doubled(values):
        taken.append(len(values))
        return [np.array([2 * value]) for value in values]

    def run(store=None):
        cells = [np.array([float(k)]) for k in [1, 2, 0, -1, *range(3, 90)]]
        values, errors = map_cells(_invert, cells, on_error="missing", finish=doubled, store=store)
        assert [error["row"] for error in errors] == [3]
        assert values[3] is None and len(values) == 91
        expected = [2.0, 1.0, np.inf, *(2 / k for k in range(3, 90))]
        np.testing.assert_array_equal(np.ravel([v for v in values if v is not None]), expected)

    with np.errstate(divide="ignore"):
        run()
        assert sum(taken) == 90 and max(taken) > 1
        run(FeatureStore(tmp_path / "store.sqlite", kind="doubled", settings={}))
        taken.clear()
        run(FeatureStore(tmp_path / "store.sqlite", kind="doubled", settings={}))
    assert not taken


def test_bad_rows_are_listed():
    values, errors = map_cells(_invert, [1, -1, None, 0], on_error="missing")
    assert values == [1, None, None, None]
    assert [error["row"] for error in errors] == [1, 3]
    assert errors[0]["remedy"] == "Give a positive number."
    assert errors[1]["reason"] == "ZeroDivisionError: division by zero"


def test_bad_rows_are_listed_by_workers():
    values, errors = map_cells(math.sqrt, [4, -1, None], on_error="missing", n_jobs=2)
    assert values == [2, None, None]
    assert errors[0]["row"] == 1 and errors[0]["reason"].startswith("ValueError")


def test_a_missing_library_is_not_the_fault_of_the_item():
    with pytest.raises(ImportError):
        map_cells(_invert, ["import"], on_error="missing")


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_what_takes_too_much_memory_is_set_aside_alone(n_jobs):
    def greedy(cell):
        if cell == "huge":
            raise MemoryError
        if cell == "deep":
            raise RecursionError("maximum recursion depth exceeded")
        return cell

    cells = ["small", "huge", "deep", "fine"]
    values, errors = map_cells(greedy, cells, on_error="missing", n_jobs=n_jobs)
    assert values == ["small", None, None, "fine"]
    assert [error["row"] for error in errors] == [1, 2]
    assert errors[0]["reason"] == "it needs more memory than is available"
    with pytest.raises(BadItem, match="Row 1: cannot use track 'huge': it needs more memory"):
        map_cells(greedy, cells, noun="track", n_jobs=n_jobs)


FAULTS = [TypeError, AttributeError, KeyError, AssertionError, NameError]


@pytest.mark.parametrize(
    ("n_jobs", "kind"),
    few_slow(list(product([None, 2], FAULTS)), *((2, fault) for fault in FAULTS[1:])),
)
def test_a_fault_of_the_program_is_none_of_a_cell(kind, n_jobs):
    def call_wrongly(cell):
        raise kind("of our own call")

    with pytest.raises(kind, match="of our own call") as error:
        map_cells(call_wrongly, ["a.mp3", "b.mp3"], on_error="missing", n_jobs=n_jobs)
    assert error.value.__notes__ == ["This error was raised for 'a.mp3'."]


@pytest.mark.parametrize("n_jobs", [None, 2])
def test_a_fault_of_a_user_s_function_is_none_of_a_cell(n_jobs):
    def call(cell):
        with calling_function():
            raise ValueError("of the function")

    with pytest.raises(ValueError, match=r"^of the function") as error:
        map_cells(call, ["a.mp3", "b.mp3"], on_error="missing", n_jobs=n_jobs)
    assert error.value.__notes__ == ["This error was raised for 'a.mp3'."]

    def refuse(cell):
        with calling_function():
            raise BadItem("refused") if cell == "a.mp3" else MemoryError

    _, errors = map_cells(refuse, ["a.mp3", "b.mp3"], on_error="missing", warn=False)
    assert [error["row"] for error in errors] == [0, 1]


def _typed(cell):
    if isinstance(cell, dict):
        raise BadType("expected a path, got dict", "Give paths.")
    if cell == "bad":
        raise BadItem("it is broken", "Get it again.")
    return cell


@pytest.mark.parametrize(
    ("cells", "told"),
    [
        (["bad", None, "bad"], "^2 of 2 tracks .* the first is row 0, 'bad': it is broken. Get"),
        ([{}, "fine", {}], "^2 of 3 tracks .* row 0, dict object: expected a path, got dict"),
        (["bad", {}, {}, *"fine" * 4], "^2 of 19 tracks .* row 1, dict object: expected"),
    ],
    ids=["all", "types", "types among others"],
)
def test_many_set_aside_are_warned_of(cells, told):
    with pytest.warns(UserWarning, match=told):
        map_cells(_typed, cells, noun="track", on_error="missing")


@pytest.mark.parametrize(
    "cells", [["bad"], [{}], ["bad", "bad", "fine"], [{}, {}, *"fine" * 5], [None]]
)
def test_few_set_aside_are_only_listed(cells):
    map_cells(_typed, cells, on_error="missing")


@pytest.mark.parametrize("on_error", ["raise", "missing"])
def test_values_of_nan_are_listed(on_error, caplog):
    """If they are faults, they are whatever `on_error` says; else they are values like others."""
    cells = [1.0, math.nan, None, -1.0, 4.0]
    settings = {"noun": "number", "on_error": on_error}
    fault = ("no root", "Give a positive number.")
    values, errors = map_cells(_root, cells, fault_of_nan=fault, **settings)
    np.testing.assert_array_equal(values[3:], [[math.nan] * 2, [2.0, math.nan]])
    assert [(error["row"], error["reason"], error["remedy"]) for error in errors] == [(3, *fault)]
    assert errors[0]["item"] == "float object"
    assert caplog.messages == ["Skipped number float object: no root"]
    assert map_cells(_root, cells, **settings)[1] == []


def _root(x):
    return np.array([x**0.5 if x >= 0 else math.nan, math.nan])


def test_values_of_nan_are_warned_of():
    with pytest.warns(UserWarning, match="^2 of 2 items .* row 0, float object: no root"):
        map_cells(_root, [-1.0, None, -2.0], fault_of_nan=("no root", ""))


class Roots(CellTransformer):
    """Learns nothing; a subclass of its own says what a cell holds."""

    _noun = "number"

    def __init__(self, *, on_error="raise", n_jobs=None, verbose=0):
        self.on_error = on_error
        self.n_jobs = n_jobs
        self.verbose = verbose

    def transform(self, X):
        return self._map(math.sqrt, X)


def test_transformers_learn_nothing():
    roots = Roots()
    assert roots.fit(["not a number"], "labels") is roots
    assert roots.transform([4.0]) == Roots().fit_transform([4.0]) == [2.0]
    with pytest.raises(ValueError, match="Expected one column of numbers, got 2 columns"):
        roots.fit(pd.DataFrame({"a": [1], "b": [2]}))
    with pytest.raises(ValueError, match="'on_error' parameter of Roots"):
        Roots(on_error="skip").fit([4.0])
    with pytest.raises(BadItem, match="Row 0: cannot use number float object"):
        roots.transform([-4.0])


def test_nothing_there():
    assert map_cells(_invert, [None]) == ([None], [])


def test_progress_goes_to_standard_error(capsys):
    map_cells(_invert, [1, 2, 3], verbose=1, description="inverting")
    out, err = capsys.readouterr()
    assert out == "" and "inverting" in err and "3/3" in err


def _needs_a_file(cell):
    raise SetupError("the list of names is not there")


@pytest.mark.parametrize("on_error", ["raise", "missing"])
def test_what_no_cell_is_to_blame_for(on_error):
    with pytest.raises(SetupError, match="^the list of names is not there$"):
        map_cells(_needs_a_file, [1, 2], on_error=on_error)


def _rounds_of(monkeypatch, seconds, n_rows):
    """Sizes of the rounds of one worker, whose clock goes on by `seconds` a round."""
    clock = iter([time for k in range(n_rows) for time in (10.0 * k, 10.0 * k + seconds)])
    with monkeypatch.context() as patches:
        patches.setattr("time.perf_counter", lambda: next(clock))
        sizes = [len(s) for s in settle_in_rounds(lambda rows: rows, [], range(n_rows), (32, 128))]
    assert sum(sizes) == n_rows
    return sizes


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [(0.4, [32, 80] + [128] * 6 + [120]), (0.001, [32] + [128] * 7 + [72]), (3.0, [32] * 31 + [8])],
    ids=["quick", "in no time", "slow"],
)
def test_rounds_grow_to_a_second(monkeypatch, seconds, expected):
    assert _rounds_of(monkeypatch, seconds, 1000) == expected


def test_what_is_found_does_not_make_rounds_grow(tmp_path):
    """A store that has all but the last rows: these are computed in a first, small round."""

    def compute(rows):
        computed.append(len(rows))
        return [(np.zeros(1), None)] * len(rows)

    computed, cells = [], [np.array([k]) for k in range(600)]
    for n_known in (480, 600):
        store = FeatureStore(tmp_path / "store", kind="test", settings={})
        assert sum(map(len, settle_in_rounds(compute, cells, range(n_known), (32, 128), store)))
    assert computed[-2:] == [32, 88]


def make_settled():
    """A function that workers can be sent: they cannot import this module."""

    def settled(_):
        """How many cells of 256 were settled before the last was computed."""
        values = [None] * 256
        map_cells(
            lambda cell: sum(value is not None for value in values),
            list(range(256)),
            n_jobs=8,
            values=values,
        )
        return values[-1]

    return settled


def test_rounds_are_of_the_workers_there_are(monkeypatch):
    """What is in work when all is stopped is lost: no more of it than is needed."""
    monkeypatch.setenv("OMP_NUM_THREADS", "1")
    monkeypatch.setattr("skmmgenre.store._loop._ROUND_GROWTH", 1)
    with joblib.parallel_config("threading"):
        assert make_settled()(0) == 0
        assert joblib.Parallel(2)(joblib.delayed(make_settled())(k) for k in range(2)) == [224, 224]


@pytest.mark.parametrize("n_jobs", [None, pytest.param(2, marks=pytest.mark.slow)])
def test_the_log_names_what_was_skipped(caplog, n_jobs):
    caplog.set_level(logging.INFO, logger="skmmgenre")
    settings = {"noun": "number", "n_jobs": n_jobs, "description": "Roots"}
    map_cells(math.sqrt, [4, None, -1, 9], on_error="missing", **settings)
    told = [(record.levelname, record.getMessage()) for record in caplog.records]
    reason = told[1][1].removeprefix("Skipped number int object: ValueError: ")
    assert told[1][0] == "WARNING" and reason in str(_error_of(math.sqrt, -1))
    assert told[0] == ("INFO", "Roots: started, 3 steps")
    assert re.fullmatch(r"Roots: done, 3 of 3 steps in \d+\.\d s \(1 skipped\)", told[2][1])
    caplog.clear()
    with pytest.raises(BadItem):
        map_cells(math.sqrt, [4, -1], **settings)
    assert [record.levelname for record in caplog.records] == ["INFO", "INFO"]
    assert "stopped by BadItem" in caplog.messages[-1]


def _error_of(function, cell):
    with pytest.raises(ValueError) as error:
        function(cell)
    return error.value


def test_the_log_names_files_as_they_were_given(caplog, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    CQTExtractor(on_error="missing").transform(["gone.wav"])
    assert "Skipped track 'gone.wav': there is no such file" in caplog.text
    assert str(tmp_path) not in caplog.text
