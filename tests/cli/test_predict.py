"""What a model says of a folder with every oddity, of files and of tables."""

import json
import re

import numpy as np
import pandas as pd
import pytest
from command_output import CONTROL, rows_of

import skmmgenre
from skmmgenre.cli import main
from skmmgenre.compose import ReadyVectors, make_genre_classifier
from skmmgenre.datasets import load_music_folder


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
    assert "absent.mp3': there is no such file" in err and "no readable audio file in" in err
    assert main(["predict", model, *words[1:], "--quiet"]) == 1
    assert capsys.readouterr().err.startswith(
        "skmmgenre predict: none of the files and folders can be"
    )


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
        assert err.startswith("no prediction for 2 items") and "empty (text)" in err
        assert main(["predict", texts, "t.csv", "--format", "csv", "--quiet"]) == 0
        row = rows_of(capsys.readouterr().out)[0]
        assert row.pop("item") == "a.mp3" and set(row.values()) == {""}
        assert main(["predict", texts, "t.csv", "--quiet"]) == 0
        assert re.search(r"a.mp3 +- +- +\n", capsys.readouterr().out)


class TestVectors:
    """What encoders computed, as a table that is learned from again."""

    @pytest.fixture(scope="class")
    @staticmethod
    def written(odd, model, tmp_path_factory):
        path = tmp_path_factory.mktemp("vectors") / "vectors.parquet"
        words = ["predict", model, str(odd.path), "--json", "--quiet", "--vectors", str(path)]
        assert main(words) == 0
        return path

    def test_they_are_those_of_the_model(self, odd, model, written, tmp_path):
        table, fitted = pd.read_parquet(written), skmmgenre.load(model)
        fitted.set_params(on_error="missing")
        assert list(table.columns) == ["id", "genres", "artist", "audio", "text"]
        music = load_music_folder(str(odd.path), cover_directory=tmp_path)
        vectors = fitted["modalities"].transform(music.table)
        for name in ("audio", "text"):
            of_block = vectors.filter(like=f"{name}__").to_numpy()
            found = ReadyVectors().fit_transform(table[name])
            np.testing.assert_array_equal(found, of_block.astype(np.float32))
        silent = table["id"] == str(odd.odd["truncated"])
        assert table.loc[silent, "audio"].isna().all() and table["text"].isna().any()
        assert table["genres"].map(list).tolist() == music.table["genres"].tolist()
        assert table["artist"].dropna().tolist() == [a for a in music.groups if a]

    def test_fusion_of_them_predicts_the_same(self, model, written, capsys):
        table, fitted = pd.read_parquet(written).iloc[[0, 5, 10]], skmmgenre.load(model)
        ready = make_genre_classifier(image=None, audio_model="vectors", text_model="vectors")
        vectors = ready["modalities"].fit(pd.read_parquet(written)).transform(table)
        vectors.columns = fitted["modalities"].get_feature_names_out()
        scores = fitted["fusion"].predict_proba(vectors)
        assert main(["predict", model, *table["id"], "--json", "--quiet", "--top", "99"]) == 0
        told = json.loads(capsys.readouterr().out)
        for line, row in zip(told, scores, strict=True):
            expected = [line["scores"][genre] for genre in fitted.classes_]
            np.testing.assert_allclose(row, expected, atol=2e-6)

    def test_train_and_predict_from_them(self, written, tmp_path, capsys):
        path = str(tmp_path / "m.skmmgenre")
        words = ["train", str(written), "-o", path, "--target", "softmax", "--quiet", "--jobs", "2"]
        words += ["--set", "audio_model=vectors", "--set", "text_model=vectors"]
        assert main([*words, "--skip-unlabelled", "--set", "fusion__C=1.0"]) == 0
        assert "with audio + text" in capsys.readouterr().out
        fitted = skmmgenre.load(path)
        assert type(fitted["modalities"].named_transformers_["audio"]) is ReadyVectors
        assert main(["predict", path, str(written), "--json", "--quiet"]) == 0
        told = json.loads(capsys.readouterr().out)
        table = pd.read_parquet(written)
        assert [line["item"] for line in told] == table["id"].tolist()
        expected = fitted.predict(table)
        empty = table[["audio", "text"]].isna().all(axis=1)
        for line, genre, nothing in zip(told, expected, empty, strict=True):
            assert line["genres"] == ([] if nothing else [genre])

    @pytest.mark.parametrize("name", ["v.npy", "v.csv", "vectors"])
    def test_other_formats_are_refused_first(self, model, capsys, tmp_path, name):
        words = ["predict", model, "absent.mp3", "--vectors", str(tmp_path / name)]
        assert main(words) == 1
        assert "name a file that ends in .parquet" in capsys.readouterr().err
        assert not (tmp_path / name).exists()

    def test_no_folder(self, model, capsys):
        assert main(["predict", model, "absent.mp3", "--vectors", "no/such/v.parquet"]) == 1
        assert "there is no folder 'no/such' for the table of vec" in capsys.readouterr().err


@pytest.mark.parametrize("words, told", [(["predict", "m"], "Missing argument")], ids=" ".join)
def test_wrong_arguments(capsys, words, told):
    assert main(words) == 2
    assert told in capsys.readouterr().err
