"""train, predict, evaluate and info, on a folder with every oddity and on tables."""

import csv
import io
import json
import re
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from obey_rights import run_obeying
from sklearn.pipeline import Pipeline
from small_settings import settings

import skmmgenre
from skmmgenre.cli import main

CONTROL = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]")


@pytest.fixture(scope="module")
def predicted(odd, model):
    """What predict writes into a file, as CSV."""
    command = [sys.executable, "-m", "skmmgenre", "predict", model, str(odd.path)]
    done = subprocess.run([*command, "--format", "csv"], capture_output=True, encoding="utf-8")
    assert done.returncode == 0, done.stderr
    return done


def rows_of(text):
    return list(csv.DictReader(io.StringIO(text)))


def test_info(model, capsys):
    assert main(["info", model, "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["genres"] == sorted(info["card"]["items_by_genre"])
    assert info["modalities"] == {"audio": "audio", "text": "text"}
    assert info["networks"]["audio"] == {"type": "AudioCNN", "epochs": 3} | {
        "best_epoch": info["networks"]["audio"]["best_epoch"]
    }
    card = info["card"]
    assert card["items"] == sum(card["items_by_genre"].values())
    assert card["trained_on"] == "odd"
    assert main(["info", model]) == 0
    told = capsys.readouterr().out
    assert f"{card['items']} items" in told and "Reggae" in told
    assert max(map(len, told.splitlines())) <= 80


def test_info_of_a_network_in_a_nested_pipeline(albums, small_model, tmp_path, capsys):
    model = small_model(audio=None, image=None)
    ((name, road, column),) = model["modalities"].transformers
    nested = Pipeline([("inner", road)])
    model.set_params(modalities__transformers=[(name, nested, column)])
    model.fit(albums.table, albums.y, groups=albums.groups)
    skmmgenre.save(model, tmp_path / "m.skmmgenre")
    assert main(["info", str(tmp_path / "m.skmmgenre"), "--json"]) == 0
    networks = json.loads(capsys.readouterr().out)["networks"]
    kinds = {name: network["type"] for name, network in networks.items()}
    assert kinds == {"text": "TextMLP", "fusion": "FusionClassifier"}


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


def test_evaluate(odd, model, predicted, capsys):
    assert main(["evaluate", model, str(odd.path), "--json", "--quiet"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert list(told["figures"]) == ["audio", "text", "audio + text"]
    said = {row["item"]: row["genres"] for row in rows_of(predicted.stdout)}
    labelled = {path: genres[0] for path, genres in odd.genres.items() if genres}
    said[str(odd.odd["truncated"])] = "Jazz"  # which the model guesses where it has nothing
    right = [
        said[str(path).replace("\n", "\\n").replace("\udce9", "\\udce9")] == genre
        for path, genre in labelled.items()
    ]
    assert told["items"] == len(labelled)
    assert told["left_out"] == len(odd.files) - len(labelled)
    assert told["figures"]["audio + text"]["accuracy"] == pytest.approx(np.mean(right), abs=1e-6)
    assert main(["evaluate", model, str(odd.path), "--quiet"]) == 0
    table = capsys.readouterr().out
    assert max(map(len, table.splitlines())) <= 80 and not CONTROL.search(table)
    for words in ("audio + text", "accuracy", "Reggae"):
        assert words in table


class TestSeveralGenres:
    """A table of texts, several genres an item, with a published split."""

    @pytest.fixture(scope="class")
    @staticmethod
    def table(tmp_path_factory):
        rng = np.random.default_rng(0)
        words = {"Jazz": "sax swing", "Rock": "guitar loud", "Pop": "tune catchy", "Folk": "fiddle"}
        lines = []
        for row in range(120):
            genres = rng.choice(list(words), size=rng.integers(1, 3), replace=False)
            text = " ".join([*(words[genre] for genre in genres), *rng.choice(list("abcdef"), 4)])
            split = ("train", "train", "val", "test")[row // 5 % 4]
            genres = "; ".join(genres) + ("; Polka" if row == 0 else "")
            lines.append((f"i{row}", text, genres, f"artist {row // 5}", split, split == "val"))
        names = ["id", "text", "genres", "artist", "split", "validation"]
        path = tmp_path_factory.mktemp("table") / "albums.csv"
        pd.DataFrame(lines, columns=names).to_csv(path, index=False)
        return str(path)

    @pytest.fixture(scope="class")
    @staticmethod
    def texts(table, tmp_path_factory):
        path = str(tmp_path_factory.mktemp("model") / "texts.skmmgenre")
        words = ["train", table, "-o", path, "--min-items", "3", "--quiet"]
        more = ["--set", "text__max_epochs=25", "--set", "fusion__max_epochs=40"]
        assert main([*words, *settings("text", "fusion"), *more]) == 0
        return path

    def test_what_was_trained_on(self, texts, capsys):
        assert main(["info", texts, "--json"]) == 0
        info = json.loads(capsys.readouterr().out)
        assert info["several_genres"] and info["genres"] == ["Folk", "Jazz", "Pop", "Rock"]
        assert info["card"]["items"] == 90 and info["card"]["artists"] == 18
        left_out = {"without_genre": 0, "test_rows": 30, "rare_genres": ["Polka"]}
        assert info["card"]["left_out"] == left_out

    def test_evaluate_on_the_test_rows(self, table, texts, capsys):
        assert main(["evaluate", texts, table, "--split", "test", "--json", "--quiet"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert told["items"] == 30
        figures = told["figures"]["text"]
        assert {f"{name}@{k}" for name in ("precision", "diversity") for k in (1, 3)} <= set(
            figures
        )
        rows = pd.read_csv(table)
        test = rows[rows["split"] == "test"].reset_index(drop=True)
        fitted = skmmgenre.load(texts)
        test["audio"] = test["cover"] = None
        truth = np.array([[g in cell for g in fitted.classes_] for cell in test["genres"]])
        found = skmmgenre.metrics.macro_auc_score(truth, fitted.predict_proba(test))
        assert figures["macro_auc"] == pytest.approx(found, abs=1e-6)
        assert found > 0.9

    def test_genres_that_the_model_does_not_know(self, table, texts, capsys):
        assert main(["evaluate", texts, table, "--quiet"]) == 0
        told = capsys.readouterr().out
        assert "Unknown to the model: Polka." in told and "ADiv@1" in told
        assert max(map(len, told.splitlines())) <= 80

    def test_capitals_do_not_matter(self, table, texts, tmp_path, capsys):
        path = tmp_path / "t.csv"
        rows = pd.read_csv(table)
        rows.assign(genres=rows["genres"].str.upper()).to_csv(path, index=False)
        told = []
        for place in (table, path):
            assert main(["evaluate", texts, str(place), "--json", "--quiet"]) == 0
            told.append(json.loads(capsys.readouterr().out))
        assert told[1].pop("unknown_genres") == {"POLKA": 1}
        assert told[0].pop("unknown_genres") == {"Polka": 1} and told[0] == told[1]

    def test_aliases_are_kept_in_the_model(self, table, tmp_path, capsys):
        names = tmp_path / "names.yaml"
        names.write_text("aliases: {jazz: Bop}")
        path = str(tmp_path / "m.skmmgenre")
        words = ["train", table, "-o", path, "--genres", str(names), "--json", "--quiet"]
        small = [*settings("text", "fusion"), "--set", "text__max_epochs=1"]
        assert main([*words, *small]) == 0
        assert json.loads(capsys.readouterr().out)["aliases"] == {"jazz": "Bop"}
        assert main(["evaluate", path, table, "--json", "--quiet"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert "Bop" in told["genres"] and told["unknown_genres"] == {}

    def test_predict_a_table(self, table, texts, capsys):
        assert main(["predict", texts, table, "--json", "--quiet"]) == 0
        told = json.loads(capsys.readouterr().out)
        assert [line["item"] for line in told] == [f"i{row}" for row in range(120)]
        for line in told:
            assert line["genres"] == [g for g, score in line["scores"].items() if score > 0.5]

    def test_nothing_to_tell_a_genre_by(self, texts, tmp_path, monkeypatch, capsys):
        monkeypatch.chdir(tmp_path)
        (tmp_path / "t.csv").write_text("audio,text\na.mp3,\nb.mp3,sax swing\nc.mp3,\n")
        assert main(["predict", texts, "t.csv", "--json", "--quiet"]) == 0
        out, err = capsys.readouterr()
        told = json.loads(out)
        assert [line["scores"] == {} for line in told] == [True, False, True]
        assert told[0]["genres"] == [] and told[1]["genres"]
        assert err.startswith("2 without a genre") and "the model reads text" in err
        assert main(["predict", texts, "t.csv", "--format", "csv", "--quiet"]) == 0
        row = rows_of(capsys.readouterr().out)[0]
        assert row.pop("item") == "a.mp3" and set(row.values()) == {""}
        assert main(["predict", texts, "t.csv", "--quiet"]) == 0
        assert re.search(r"a.mp3 +- +- +\n", capsys.readouterr().out)

    def test_a_list_that_does_not_meet_the_music(self, table, texts, tmp_path, capsys):
        names = tmp_path / "names.yaml"
        names.write_text("genres: [Jaz, Rock, Pop, folk, Ska]")
        path = str(tmp_path / "m.skmmgenre")
        words = ["--genres", str(names), "--json", "--quiet"]
        small = [*settings("text", "fusion"), "--set", "text__max_epochs=1"]
        left_out = sum(
            set(cell.split("; ")) == {"Jazz"} or cell == "Jazz; Polka"
            for cell in pd.read_csv(table)["genres"]
        )
        told = f"--genres: left out {left_out} of 120 items"
        assert main(["train", table, "-o", path, *words, *small]) == 0
        err = capsys.readouterr().err
        assert "--genres: no item has 'Jaz', 'Ska'\n" in err and told in err
        assert main(["evaluate", texts, table, *words]) == 0
        err = capsys.readouterr().err
        assert "--genres: no item has 'Jaz', 'Ska'\n" in err and told in err
        assert main(["predict", texts, table, *words]) == 0
        assert capsys.readouterr().err == "--genres: the model does not know 'Jaz', 'Ska'\n"

    def test_held_out_figures(self, table, tmp_path, capsys):
        path = str(tmp_path / "m.skmmgenre")
        words = ["train", table, "-o", path, "--test-size", "0.3", "--target", "softmax"]
        words += ["--min-items", "3", *settings("text", "fusion"), "--quiet"]
        assert main(words) == 0
        told = capsys.readouterr().out
        assert main([*words, "--json"]) == 0
        card = json.loads(capsys.readouterr().out)
        held_out = card["held_out"]
        assert held_out["items"] + card["items"] == 90
        assert 0 <= held_out["figures"]["accuracy"] <= 1
        assert not card["several_genres"]
        for line in (
            "  left out: items of the table's test split: 30\n",
            "  left out: genres of too few items: Polka\n",
            f"On {held_out['items']} items kept from training:\n",
            f"  accuracy {held_out['figures']['accuracy']:23.3f}\n",
        ):
            assert line in told


@pytest.mark.parametrize(
    "words, told",
    [
        (["train", "absent", "-o", "m"], "no folder or table 'absent'"),
        (["train", "t.csv", "-o", "absent/m"], "there is no folder 'absent'"),
        (["train", "t.csv", "-o", "."], "'.' is a folder"),
        (["train", "t.csv", "-o", "m", "--set", "lr"], "--set 'lr' is not NAME=VALUE"),
        (["train", "absent", "-o", "m", "--set", "speed=1"], "--set: "),
        (["train", "absent", "-o", "m", "--set", "audio__epoch=1"], "did you mean 'max_epochs'"),
        (["train", "absent", "-o", "m", "--set", "audio__max_epochs=one"], "'max_epochs' param"),
        (["train", "absent", "-o", "m", "--set", "dropout=9"], "--set: The 'dropout' parameter"),
        (["train", "t.csv", "-o", "m", "--modality", "audio"], "no item has the modality 'audio'"),
        (["train", "one.csv", "-o", "m", "--quiet"], "one class only"),
        (["train", "none.csv", "-o", "m", "--quiet"], "no item to train on has a genre"),
        (["train", "t.csv", "-o", "m", "--min-items", "2"], "as --min-items asks; 2 items"),
        (["predict", "absent", "."], "there is no model 'absent'"),
        (["info", "t.csv"], "t.csv"),
        (["evaluate", "t.csv", "t.csv"], "t.csv"),
    ],
    ids=" ".join,
)
def test_told_in_one_line(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("text,genre\nslow,Jazz\nloud,Rock\n")
    (tmp_path / "one.csv").write_text("text,genre\nslow,Jazz\nloud,Jazz\n")
    (tmp_path / "none.csv").write_text("text,genre\nslow,\nloud,\n")
    assert main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"skmmgenre {words[0]}: ") and told in error
    assert error.count("\n") == 1 and not (tmp_path / "m").exists()


def test_a_model_that_may_not_be_written_is_told_before_training(tmp_path):
    (tmp_path / "t.csv").write_text("text,genre\nslow,Jazz\nloud,Rock\n")
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut").chmod(0o555)
    done = run_obeying("train", "t.csv", "-o", "shut/m", cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1  # no progress of a training
    assert "the model 'shut/m' cannot be written (Permission denied)" in done.stderr


@pytest.mark.parametrize(
    "words, told",
    [
        (["train", "t.csv"], "Missing option '-o'"),
        (["train", "t.csv", "-o", "m", "--target", "best"], "'best' is not one of"),
        (["train", "t.csv", "-o", "m", "--genres", "absent.yaml"], "absent.yaml"),
        (["train", "t.csv", "-o", "m", "--test-size", "1"], "is not in the range"),
        (["predict", "m"], "Missing argument"),
        (["tag", "m", ".", "--min-score", "70"], "is not in the range 0<=x<=1"),
        (["tag", "m"], "MODEL and FOLDER are needed"),
        (["tag", "--undo", "m", "."], "--undo takes FOLDER alone"),
    ],
    ids=" ".join,
)
def test_wrong_arguments(capsys, words, told):
    assert main(words) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize(
    "part",
    [
        *("train", "predict", "evaluate", "tag", "info", "demo"),
        *("kb", "kb build", "kb info", "cache", "cache info", "cache prune"),
    ],
)
def test_help_shows_an_example_in_80_columns(capsys, part):
    assert main([*part.split(), "--help"]) == 0
    told = capsys.readouterr().out
    assert f"Example:\n    skmmgenre {part}" in told
    assert max(map(len, told.splitlines())) <= 80


@pytest.mark.slow
def test_all_modalities(odd, tmp_path, capsys):
    path = str(tmp_path / "m.skmmgenre")
    images = {"depth": 18, "weights": None, "image_size": 32, "max_epochs": 1}
    more = [word for k, v in images.items() for word in ("--set", f"image__{k}={v}")]
    words = ["train", str(odd.path), "-o", path, "--by", "album", "--quiet", "--json"]
    assert main([*words, *settings("audio", "text", "fusion"), *more]) == 0
    assert json.loads(capsys.readouterr().out)["modalities"] == ["audio", "text", "image"]
    words = ["evaluate", path, str(odd.path), "--by", "album", "--quiet", "--json"]
    assert main(words) == 0
    assert len(json.loads(capsys.readouterr().out)["figures"]) == 7
