"""What a model says of a folder with every oddity, of files and of tables."""

import json
import re

import pandas as pd
import pytest
from command_output import CONTROL, rows_of

import skmmgenre
from skmmgenre.cli import main


def test_predict_csv(odd, predicted):
    rows = rows_of(predicted.stdout)
    assert len(rows) == len(odd.files)
    assert not CONTROL.search(predicted.stdout) and "\x1b" not in predicted.stderr
    items = {row["item"] for row in rows}
    assert str(odd.odd["japanese"]) in items
    assert str(odd.odd["newline"]).replace("\n", "\\n") in items
    assert any("latin \\udce9" in item for item in items)
    silent = [row for row in rows if not row["genres"]]
    for row in silent:
        assert not any(row[name] for name in row if name != "item")
    assert [row["item"] for row in silent] == [str(odd.odd["truncated"])]
    for row in (row for row in rows if row not in silent):
        scores = {name: float(row[name]) for name in row if name not in ("item", "genres")}
        assert sum(scores.values()) == pytest.approx(1, abs=1e-4)
        assert row["genres"] == max(scores, key=scores.get)
    assert "constant-Q" in predicted.stderr and "text.mp3" not in predicted.stdout


def test_predict_json_says_the_same(odd, model, predicted, capsys):
    assert main(["predict", model, str(odd.path), "--json", "--quiet", "--top", "2"]) == 0
    told = json.loads(capsys.readouterr().out)
    rows = rows_of(predicted.stdout)
    assert [line["genres"] for line in told] == [list(filter(None, [r["genres"]])) for r in rows]
    assert {str(odd.odd["newline"]), str(odd.odd["not_utf8"])} <= {line["item"] for line in told}
    assert all(len(line["scores"]) == 2 * len(line["genres"]) for line in told)


def test_predict_table_fits(odd, model, monkeypatch, capsys):
    monkeypatch.chdir(odd.path)
    assert main(["predict", model, "odd", "--quiet"]) == 0
    told = capsys.readouterr().out
    assert not CONTROL.search(told)
    assert max(map(len, told.splitlines())) <= 80
    for words in ("odd/日本語の名前.m4a", "odd/two\\nlines.ogg", "score"):
        assert words in told


def test_predict_files(odd, model, predicted, capsys):
    known = {row["item"]: row["genres"] for row in rows_of(predicted.stdout)}
    paths = [str(odd.odd["japanese"]), str(odd.odd["slash"])]
    assert main(["predict", model, *paths, "--format", "csv", "--quiet"]) == 0
    rows = rows_of(capsys.readouterr().out)
    assert [row["item"] for row in rows] == paths
    assert [row["genres"] for row in rows] == [known[path] for path in paths]


def test_predict_folders_and_files(odd, model, predicted, tmp_path, capsys):
    known = {row["item"]: row["genres"] for row in rows_of(predicted.stdout)}
    folder, box = odd.path / "Artist 0", odd.path / "Box"
    table = tmp_path / "t.csv"
    table.write_text(f"id,audio,x\none,{odd.odd['slash']},1\n")
    words = [str(path) for path in (folder, odd.odd["slash"], odd.odd["japanese"], box, table)]
    assert main(["predict", model, *words, "--format", "csv", "--quiet"]) == 0
    rows = rows_of(capsys.readouterr().out)
    items = [row["item"] for row in rows]
    n = len([path for path in odd.files if folder in path.parents])
    discs = [str(odd.odd["disc_1"]), str(odd.odd["disc_2"])]
    assert n > 5 and items[n:] == [*words[1:3], *discs, "one"]
    assert [row["genres"] for row in rows[:-1]] == [known[item] for item in items[:-1]]


def test_predict_a_folder_and_what_cannot_be_read(odd, model, tmp_path, capsys):
    (tmp_path / "empty").mkdir()
    words = [str(odd.path / "Box"), "absent.mp3", str(tmp_path / "empty")]
    assert main(["predict", model, *words, "--json", "--quiet"]) == 1
    out, err = capsys.readouterr()
    assert len(json.loads(out)) == 2
    assert "absent.mp3': there is no such file" in err and "no sound file in" in err
    assert main(["predict", model, *words[1:], "--quiet"]) == 1
    assert capsys.readouterr().err.startswith("skmmgenre predict: nothing that was named can be")


def test_predict_a_file_that_is_not_there(odd, model, capsys):
    words = ["predict", model, str(odd.odd["slash"]), "absent.mp3", "--json", "--quiet"]
    assert main(words) == 1
    told = capsys.readouterr()
    assert "absent.mp3: there is no such file" in told.err
    assert len(json.loads(told.out)) == 1


def test_predict_with_names(odd, model, tmp_path, capsys):
    names = tmp_path / "names.yaml"
    names.write_text("genres: [Bop]\naliases: {jazz: Bop}\n")
    words = ["predict", model, str(odd.path), "--genres", str(names), "--json", "--quiet"]
    assert main(words) == 0
    genres = [line["genres"] for line in json.loads(capsys.readouterr().out)]
    assert ["Bop"] in genres and all(item in ([], ["Bop"]) for item in genres)


class TestSeveralGenres:
    """A table of texts, several genres an item."""

    def test_predict_a_table(self, table, texts, capsys):
        assert main(["predict", texts, table, "--json", "--quiet"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert [line["item"] for line in told] == [f"i{row}" for row in range(120)]
        model = skmmgenre.load(texts)
        for line, row in zip(told, model.predict(pd.read_csv(table)), strict=True):
            assert set(line["genres"]) == set(model.classes_[row == 1])
            scores = [line["scores"][genre] for genre in line["genres"]]
            assert scores == sorted(scores, reverse=True) and line["genres"]

    def test_nothing_to_tell_a_genre_by(self, texts, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "t.csv").write_text("audio,text\na.mp3,\nb.mp3,sax swing\nc.mp3,\n")
        assert main(["predict", texts, "t.csv", "--json", "--quiet"]) == 0
        out, err = capsys.readouterr()
        told = json.loads(out)
        assert [line["scores"] == {} for line in told] == [True, False, True]
        assert told[0]["genres"] == [] and told[1]["genres"]
        assert err.startswith("2 without a genre") and "that the model reads: text" in err
        assert main(["predict", texts, "t.csv", "--format", "csv", "--quiet"]) == 0
        row = rows_of(capsys.readouterr().out)[0]
        assert row.pop("item") == "a.mp3" and set(row.values()) == {""}
        assert main(["predict", texts, "t.csv", "--quiet"]) == 0
        assert re.search(r"a.mp3 +- +- +\n", capsys.readouterr().out)


@pytest.mark.parametrize("words, told", [(["predict", "m"], "Missing argument")], ids=" ".join)
def test_wrong_arguments(capsys, words, told):
    assert main(words) == 2
    assert told in capsys.readouterr().err
