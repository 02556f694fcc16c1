"""The script that prints Tables 2 and 3: its options, its tables, its pictures."""

import runpy
import subprocess
import sys
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "reproduce_single_label.py"
GENRES = ["Jazz", "Rap", "Rock"]


@pytest.fixture(scope="module")
def script():
    return runpy.run_path(str(SCRIPT))


@pytest.fixture(scope="module")
def predictions(script):
    """Two runs: sound is right about Jazz and Rap, covers about Jazz and Rock, together all."""
    true = np.array(GENRES * 8, dtype=object)
    audio = np.where(true == "Rock", "Rap", true)
    visual = np.where(true == "Rap", "Rock", true)
    answers = dict(zip(script["SETTINGS"].values(), (audio, visual, true), strict=True))
    return pd.DataFrame({"run": np.repeat([0, 1], 12), "true": true, **answers})


def test_table_3_by_hand(script, predictions):
    by_genre = script["scores_by_genre"](predictions, GENRES)
    assert by_genre.loc["Jazz"].tolist() == [1, 1, 1]
    assert by_genre.loc["Rap"].tolist() == pytest.approx([2 / 3, 0, 1])
    assert by_genre.loc["Rock"].tolist() == pytest.approx([0, 2 / 3, 1])
    text = script["table_3"](by_genre)
    expected = np.corrcoef([1, 2 / 3, 0], [1, 0, 2 / 3])[0, 1]
    assert f"over 3 genres: {expected:.2f} " in text
    average = next(line for line in text.splitlines() if line.startswith("Average"))
    assert average.split() == ["Average", "0.56", "0.56", "1.00"]


def test_a_correlation_that_does_not_exist(script):
    for audio in ([0.0, 0.0, 0.0], [0.0, 0.7, 0.0]):
        by_genre = pd.DataFrame({"Audio": audio, "Visual": [0, 1, 0.5], "A + V": 0.0})
        assert ": undefined " in script["table_3"](by_genre)


def test_table_2_stands_beside_the_paper(script):
    names = list(script["PAPER_TABLE_2"])
    figures = pd.DataFrame({"input": ["A + V"] * 9}, index=names)
    for figure in ("precision", "recall", "f1"):
        figures[figure], figures[f"{figure}_std"] = 0.25, 0.01
    text = script["table_2"](figures)
    line = next(line for line in text.splitlines() if " CNN_Audio + MM_Audio " in line)
    assert "0.250 ± 0.010" in line and line.endswith("0.346 ± 0.002")
    assert len({len(line) for line in text.splitlines()[4:]} - {len(text.splitlines()[4])}) == 1


def test_one_run_has_no_deviation(script):
    names = list(script["PAPER_TABLE_2"])
    figures = pd.DataFrame({"input": ["A + V"] * 9}, index=names)
    for figure in ("precision", "recall", "f1"):
        figures[figure], figures[f"{figure}_std"] = 0.25, np.nan
    text = script["table_2"](figures)
    assert "nan" not in text
    # The paper's columns stay below their head.
    head, *lines = text.splitlines()[4:]
    paper = [line[head.rindex("P ") :] for line in lines]
    assert paper == list(script["PAPER_TABLE_2"].values())


def test_figure_3_is_a_picture(script, predictions, tmp_path):
    script["write_confusion_matrices"](predictions, GENRES, tmp_path / "figure.png")
    assert (tmp_path / "figure.png").read_bytes().startswith(b"\x89PNG")


def test_the_table_is_read(script, tmp_path, capsys):
    rows = ["sound,cover,style,by,set", "a.ogg,,Rock,Nina,train", ",b.png,Rap,Otis,TEST"]
    rows += ["c.ogg,,,Otis,val"]
    (tmp_path / "music.csv").write_text("\n".join(rows))
    columns = ["--audio", "sound", "--genre", "style", "--artist", "by", "--split", "set"]
    options = script["read_options"]([str(tmp_path / "music.csv"), *columns])
    table, genres, artists, test = script["read_table"](options)
    assert table["sound"].isna().tolist() == [False, True]
    assert table["sound"][0] == str(tmp_path / "a.ogg")
    assert table["cover"].isna().tolist() == [True, False]
    assert table["cover"][1] == str(tmp_path / "b.png")
    assert (genres.tolist(), artists.tolist()) == (["Rock", "Rap"], ["Nina", "Otis"])
    assert test.tolist() == [False, True]
    assert "1 of 3 rows have no genre" in capsys.readouterr().out


def test_a_missing_column_is_named(script, tmp_path, capsys):
    (tmp_path / "music.csv").write_text("audio,genre\na.ogg,Rock\n")
    assert script["main"]([str(tmp_path / "music.csv")]) == 1
    message = capsys.readouterr().err
    assert "no column ['cover', 'artist']" in message and "--artist" in message


@pytest.mark.slow
def test_the_whole_script(tmp_path):
    command = [sys.executable, str(SCRIPT), "--demo", "--quick", "--output", str(tmp_path)]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "SYNTHETIC" in done.stdout and "Pearson correlation" in done.stdout
    assert len(pd.read_csv(tmp_path / "table_2.csv")) == 9
    assert len(pd.read_csv(tmp_path / "table_3.csv")) == 5
    assert (tmp_path / "figure_3.png").stat().st_size > 10_000
