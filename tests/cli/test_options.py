"""Options that several commands have."""

import pandas as pd
import pytest
from small_settings import settings

from skmmgenre.cli import main


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["demo", "--seed", "-1"], "must be at least 0"),
        (["demo", "--jobs", "0"], "must not be 0"),
        (["demo", "--jobs", "two"], "'two' is not a whole number"),
    ],
    ids=" ".join,
)
def test_bad_arguments(capsys, arguments, message):
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert message in told.err and "Usage: skmmgenre" in told.err
    assert not told.out


def test_a_list_that_is_not_there(capsys):
    assert main(["train", "t.csv", "-o", "m", "--genres", "absent.yaml"]) == 2
    assert "absent.yaml" in capsys.readouterr().err


@pytest.mark.parametrize(
    "part",
    [
        *("annotate", "train", "predict", "evaluate", "tag", "info", "demo"),
        *("kb", "kb build", "kb info", "cache", "cache info", "cache prune"),
    ],
)
def test_help_shows_an_example_in_80_columns(capsys, part):
    assert main([*part.split(), "--help"]) == 0
    told = capsys.readouterr().out
    assert f"Example:\n    skmmgenre {part}" in told
    assert max(map(len, told.splitlines())) <= 80


def test_a_list_that_does_not_meet_the_music(table, texts, tmp_path, capsys):
    """What is on one side only is told."""
    names = tmp_path / "names.yaml"
    names.write_text("genres: [Jaz, Rock, Pop, folk, Ska]")
    path = str(tmp_path / "m.skmmgenre")
    words = ["--genres", str(names), "--json", "--quiet"]
    small = [*settings("text", "fusion"), "--set", "text__max_epochs=1"]
    left_out = sum(
        set(cell.split("; ")) == {"Jazz"} or cell == "Jazz; Polka"
        for cell in pd.read_csv(table)["genres"]
    )
    told = f"--genres: skipped {left_out} of 120 items"
    assert main(["train", table, "-o", path, *words, *small]) == 0
    err = capsys.readouterr().err
    assert "--genres: no item has 'Jaz', 'Ska'\n" in err and told in err
    assert main(["evaluate", texts, table, *words]) == 0
    err = capsys.readouterr().err
    assert "--genres: no item has 'Jaz', 'Ska'\n" in err and told in err
    assert main(["predict", texts, table, *words]) == 0
    assert capsys.readouterr().err == "--genres: the model does not predict 'Jaz', 'Ska'\n"
