"""Genres of annotators and of folders, in train, evaluate and report alike."""

import json

import pandas as pd
import pytest
from odd_folder import GENRES, write_sound, write_tags
from parsed_page import ParsedPage
from written_answers import write_answers

from skmmgenre.cli import main
from skmmgenre.cli._labelling import _remedy


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


class TestNoItemHasAGenre:
    """Aliases cannot help then: the error names the options that can."""

    @pytest.fixture
    def words(self, texts, tmp_path):
        report = ["report", texts, "-o", str(tmp_path / "r.html")]
        train = ["train", "-o", str(tmp_path / "m.skmmgenre")]
        return {"evaluate": ["evaluate", texts], "report": report, "train": train}

    @pytest.mark.parametrize("command", ["evaluate", "report", "train"])
    def test_in_a_folder(self, words, tmp_path, capsys, command):
        folder = tmp_path / "music"
        for seed, name in enumerate(["a.flac", "b.flac"]):
            write_sound(folder / name, GENRES[0], seed)
        write_tags(folder / "b.flac", genre="Other")
        assert main([*words[command], str(folder), "--quiet"]) == 1
        error = capsys.readouterr().err
        assert f"skmmgenre {command}: no item has a genre. Write genres into the tags" in error
        assert "--genres-from folders" in error and "--labels FILE" in error
        assert "'Other' is not a genre" in error and "alias" not in error
        assert "--with-tagged" not in error

    @pytest.mark.parametrize("command", ["evaluate", "report", "train"])
    def test_in_a_table(self, words, unlabelled, capsys, command):
        assert main([*words[command], unlabelled[0], "--quiet"]) == 1
        error = capsys.readouterr().err
        assert f"skmmgenre {command}: no item has a genre. Fill the column genres" in error
        assert "--labels FILE" in error and "folders" not in error and error.count("\n") == 1

    def test_but_those_that_tag_wrote(self, tmp_path):
        assert "--with-tagged" in _remedy(str(tmp_path), 1)

    def test_in_the_music_of_the_control(self, unlabelled, table, texts, capsys):
        assert main(["evaluate", texts, table, "--train", unlabelled[0], "--quiet"]) == 1
        assert "evaluate: --train: no item has a genre. Fill" in capsys.readouterr().err

    @pytest.mark.parametrize("command", ["evaluate", "train"])
    def test_in_the_list(self, words, table, tmp_path, capsys, command):
        (tmp_path / "names.yaml").write_text("genres: [Ska]")
        listed = ["--genres", str(tmp_path / "names.yaml")]
        assert main([*words[command], table, *listed, "--quiet"]) == 1
        assert "item has a genre. With --genres, check that" in capsys.readouterr().err

    def test_of_the_model(self, words, table, tmp_path, capsys):
        rows = pd.read_csv(table).assign(genres="Ska", artist="new")
        rows["text"] += " new"
        rows.to_csv(tmp_path / "ska.csv", index=False)
        assert main([*words["report"], str(tmp_path / "ska.csv"), "--quiet"]) == 1
        assert "'Rock']); they have ['Ska']." in capsys.readouterr().err
