"""Results are small files that say what they were made by, and when they are out of date."""

import argparse
from pathlib import Path

import _results
import pandas as pd
import pytest
from _results import FOLDER, command_of, read_result, stale, verdict, write_result


@pytest.fixture
def project(tmp_path, monkeypatch):
    """A project of one evaluation and the data that it makes."""
    monkeypatch.setattr(_results, "ROOT", tmp_path)
    (tmp_path / "made").mkdir()
    (tmp_path / "evaluate.py").write_text('"""Evaluate."""\n\nwidth = 8  # small\n')
    (tmp_path / "made" / "data.py").write_text("def make():\n    return 1\n")
    return tmp_path


def write(project, frame=None, **changed):
    frame = pd.DataFrame({"model": ["a, b"], "f1": [0.12345678]}) if frame is None else frame
    made_by = {"command": "python evaluate.py", "settings": {"albums": 10, "sizes": (8, 8)}}
    made_by |= {"code": ["evaluate.py", "made"], "folder": project / "results"}
    return write_result(frame, "some", **made_by | changed)


def test_what_is_written_is_read(project):
    path = write(project, data="abc", seconds=12.6)
    frame, head = read_result(path)
    pd.testing.assert_frame_equal(frame, pd.DataFrame({"model": ["a, b"], "f1": [0.1235]}))
    assert head.pop("hash")
    assert head == {
        "command": "python evaluate.py",
        "settings": '{"albums": 10, "sizes": [8, 8]}',
        "code": "evaluate.py made",
        "data_hash": "abc",
        "seconds": "13",
    }


@pytest.mark.parametrize(
    "file, text",
    [
        ("evaluate.py", '"""Evaluate, and\n\nsay it."""\n# A comment.\n\nwidth = 8  # small\n'),
        ("made/data.py", 'def make():\n    """Make."""\n\n    return 1\n'),
    ],
)
def test_words_about_the_code_do_not_make_a_result_stale(project, file, text):
    path = write(project)
    (project / file).write_text(text)
    assert stale(path) is None


@pytest.mark.parametrize(
    "file, text",
    [
        ("evaluate.py", "width = 16\n"),
        ("made/data.py", "def make():\n    return 2\n"),
        ("made/data.py", "def make():\n        return 1\n"),
        ("made/more.py", "x = 1\n"),
    ],
)
def test_code_that_has_changed_makes_a_result_stale(project, file, text):
    path = write(project)
    assert stale(path) is None
    (project / file).write_text(text)
    assert "changed" in stale(path)


def test_settings_that_were_changed_in_the_file_make_it_stale(project):
    path = write(project)
    path.write_text(path.read_text().replace('"albums": 10', '"albums": 20'))
    assert "settings" in stale(path)


def test_code_that_is_gone_makes_a_result_stale(project):
    path = write(project)
    (project / "evaluate.py").unlink()
    assert stale(path) == "evaluate.py is gone"


def test_the_command_names_what_is_not_the_default():
    parser = argparse.ArgumentParser(prog="evaluate.py")
    parser.add_argument("table", type=Path)
    parser.add_argument("--albums", type=int, default=2000)
    parser.add_argument("--folds", type=int, nargs="+", default=[3, 5])
    parser.add_argument("--output", type=Path, default=Path("results"))
    given = ["some/table.csv", "--output", "elsewhere"]
    command = command_of(parser, parser.parse_args(given), positional=("table",))
    assert command == "python benchmarks/evaluate.py table.csv"
    arguments = parser.parse_args([*given, "--albums", "9", "--folds", "2", "4"])
    command = command_of(parser, arguments, positional=("table",))
    assert command == "python benchmarks/evaluate.py table.csv --albums 9 --folds 2 4"


@pytest.mark.parametrize("margin, near", [(0.02, "similar"), (None, "open")])
def test_verdicts(margin, near):
    asked = {(0.01, 0.3): "better", (-0.3, -0.01): "worse", (-0.3, 0.3): "open"}
    asked[-0.01, 0.01] = near
    assert {pair: verdict(*pair, margin=margin) for pair in asked} == asked


WRITTEN_BY_HAND = ("paper_", "looks")
RESULTS = sorted(path.name for path in FOLDER.glob("*.csv"))
RESULTS = [name for name in RESULTS if not name.startswith(WRITTEN_BY_HAND)]


@pytest.mark.parametrize("name", RESULTS)
def test_no_result_is_older_than_its_code(name):
    path = FOLDER / name
    assert stale(path) is None, f"run `{read_result(path)[1]['command']}` again"


@pytest.mark.parametrize("name", RESULTS)
def test_results_are_of_whole_runs(name):
    """Small runs go into other folders: `command_of` names what is not the default."""
    assert " --" not in read_result(FOLDER / name)[1]["command"]
