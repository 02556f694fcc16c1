"""Genres of annotators and of folders, in train, evaluate and report alike."""

import json

import pandas as pd
import pytest
from parsed_page import ParsedPage
from written_answers import write_answers

from skmmgenre.cli import main


@pytest.fixture
def unlabelled(table, tmp_path):
    """The table of the model without genres, and its first genres as labels of an annotator."""
    rows = pd.read_csv(table)
    first = rows["genres"].str.partition(";")[0]
    rows.drop(columns="genres").to_csv(tmp_path / "without.csv", index=False)
    rows.assign(genres=first).to_csv(tmp_path / "first.csv", index=False)
    answers = [("Ann", item, genre) for item, genre in zip(rows["id"], first, strict=True)]
    labels = write_answers(tmp_path / "labels.csv", *answers)
    return str(tmp_path / "without.csv"), labels, str(tmp_path / "first.csv")


def evaluate(capsys, *words):
    assert main(["evaluate", *words, "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    return json.loads(out), err


def test_evaluate_with_labels_is_evaluate_with_these_genres(unlabelled, texts, capsys):
    without, labels, first = unlabelled
    words = [texts, without, "--labels", labels, "--split", "test", "--train", without]
    found, err = evaluate(capsys, *words)
    assert err == "" and found.pop("labelled_by_annotators") == 120
    expected, _ = evaluate(capsys, texts, first, "--split", "test", "--train", first)
    assert found == expected and found["items"] == 30


def test_evaluate_on_a_part_that_is_labelled(unlabelled, table, texts, tmp_path, capsys):
    """The other items keep their genres, and those of --train need not be labelled."""
    path = write_answers(tmp_path / "some.csv", ("Ann", "i0", "Rock"), ("Ann", "gone", "Rock"))
    rows = pd.read_csv(table)
    rows.loc[rows["id"] == "i0", "genres"] = "Rock"
    rows.to_csv(tmp_path / "changed.csv", index=False)
    rows[rows["id"] != "i0"].to_csv(tmp_path / "others.csv", index=False)
    more = ["--train", str(tmp_path / "others.csv")]
    found, err = evaluate(capsys, texts, table, "--labels", path, *more)
    assert err.startswith("--labels: 1 labelled item not in the music\n")
    assert found.pop("labelled_by_annotators") == 1
    expected, _ = evaluate(capsys, texts, str(tmp_path / "changed.csv"), *more)
    assert found == expected


def test_report_with_labels(unlabelled, texts, tmp_path, capsys):
    without, labels, first = unlabelled
    pages = []
    for source, *words in ((without, "--labels", labels), (first,)):
        path = tmp_path / "r.html"
        words = ["report", texts, source, "--split", "test", "-o", str(path), *words, "--quiet"]
        assert main(words) == 0
        pages.append(ParsedPage(path.read_text(encoding="utf-8")).table("t-metrics"))
    assert pages[0] == pages[1]
    assert capsys.readouterr().err == ""


@pytest.mark.parametrize("command", ["train", "evaluate", "report"])
@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["--genres-from", "folders"], 2, "--genres-from folders needs a folder"),
        (["--labels", "{}/gone.csv"], 1, "gone.csv"),
        (["--labels", "{}/other.csv"], 1, "has none of the labelled items"),
    ],
)
def test_what_cannot_be_used(command, words, code, message, table, texts, tmp_path, capsys):
    write_answers(tmp_path / "other.csv", ("Ann", "gone", "Rock"))
    words = [word.format(tmp_path) for word in words]
    before = [command] if command == "train" else [command, texts]
    output = [] if command == "evaluate" else ["-o", str(tmp_path / "made")]
    assert main([*before, table, *words, *output, "--quiet"]) == code
    assert message in capsys.readouterr().err
    assert not (tmp_path / "made").exists()
