"""The file of a model: what is opened, and where one can be written."""

import json
import os
import shlex
import shutil

import numpy as np
import pandas as pd
import pytest
import soundfile
from obey_rights import run_obeying
from tiny_models import save_bert

import skmmgenre
from skmmgenre.cli import main
from skmmgenre.cli._model import answer, load_model, vectors_of
from skmmgenre.cli._model_source import find_model
from skmmgenre.text import TextMLP


@pytest.mark.parametrize(
    "words, told",
    [
        (["train", "t.csv", "-o", "absent/m"], "there is no folder 'absent'"),
        (["train", "t.csv", "-o", "."], "'.' is a folder"),
        (["predict", "absent", "."], "there is no model file 'absent'"),
        (["info", "t.csv"], "t.csv"),
        (["evaluate", "t.csv", "t.csv"], "t.csv"),
    ],
    ids=" ".join,
)
def test_told_in_one_line(tmp_path, monkeypatch, capsys, words, told):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "t.csv").write_text("text,genre\nslow,Jazz\nloud,Rock\n")
    assert main(words) == 1
    error = capsys.readouterr().err
    assert error.startswith(f"skmmgenre {words[0]}: ") and told in error
    assert error.count("\n") == 1 and not (tmp_path / "m").exists()


@pytest.mark.slow
def test_a_model_that_may_not_be_written_is_told_before_training(tmp_path):
    (tmp_path / "t.csv").write_text("text,genre\nslow,Jazz\nloud,Rock\n")
    (tmp_path / "shut").mkdir()
    (tmp_path / "shut").chmod(0o555)
    done = run_obeying("train", "t.csv", "-o", "shut/m", cwd=tmp_path)
    assert done.returncode == 1 and done.stderr.count("\n") == 1  # no progress of a training
    assert "the model 'shut/m' cannot be written (Permission denied)" in done.stderr


def test_parameters_are_set_as_load_sets_them(albums, small_model, tmp_path):
    """In the constructors' copies and the fitted ones; what no step has is not asked for."""
    model = small_model(audio=None, image=None, text__max_epochs=1, fusion__max_epochs=1)
    model.fit(albums.table, albums.y, groups=albums.groups)
    path = str(tmp_path / "m.skmmgenre")
    skmmgenre.save(model, path, card={"by": "us"})
    loaded, card = load_model(path, on_error="missing", n_jobs=2, verbose=0, cache=None)
    front = loaded["modalities"]
    for branches in (front.transformers, front.transformers_):
        truncate = branches[0][1]["truncate"]
        assert (truncate.on_error, truncate.n_jobs) == ("missing", 2)
    assert card["by"] == "us"


def test_a_file_of_something_else(tmp_path, capsys):
    """A part of a model is none that goes from a table of music to genres."""
    mlp = TextMLP(hidden_units=(4,), max_epochs=1, validation_fraction=0, random_state=0)
    skmmgenre.save(mlp.fit(np.eye(4), ["Jazz", "Rock"] * 2), tmp_path / "mlp")
    (tmp_path / "t.csv").write_text("text,genre\nslow,Jazz\n")
    for words in (["info"], ["predict", str(tmp_path / "t.csv")]):
        assert main([words[0], str(tmp_path / "mlp"), *words[1:]]) == 1
        error = capsys.readouterr().err
        assert "contains a TextMLP, which does not predict genres" in error
        assert error.count("\n") == 1


def test_items_whose_vectors_say_nothing_have_no_genre(albums, small_model):
    model = small_model(audio=None, image=None, text__max_epochs=1, fusion__max_epochs=1)
    model.fit(albums.table, albums.y, groups=albums.groups)
    vectors = vectors_of(model, albums.table)[0].copy()
    vectors.iloc[0] = np.nan
    vectors.iloc[1] = 0
    vectors.iloc[2, : vectors.shape[1] // 2] = 0
    answers = answer(model, vectors)
    assert answers.empty[:3].tolist() == [True, True, False]
    assert answers.genres(1) == [] and answers.best(1, 3) == {} and answers.genres(2)


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("left out")  # with a space, as folders of users have
    save_bert(folder / "bert")
    words = {"Dub": "bass echo", "Metal": "loud guitar"}
    rows = [(f"a{i // 2}", g, f"{words[g]} {i}") for i in range(24) for g in words]
    table = pd.DataFrame(rows, columns=["artist", "genre", "text"])
    table.to_csv(folder / "t.csv", index=False)
    others = table.assign(artist="b" + table["artist"], text="a " + table["text"])
    others.to_csv(folder / "others.csv", index=False)
    return folder


@pytest.fixture(scope="module")
def trained(folder):
    """The model, and what `train` writes on standard error, where `--json` does not read it."""
    model = str(folder / "m.skmmgenre")
    with pytest.MonkeyPatch.context() as patch:
        told = []

        def echo(text="", err=False):
            if err:
                told.append(text)

        patch.setattr("click.echo", echo)
        bert = f"text_model={folder / 'bert'}"
        words = ["train", str(folder / "t.csv"), "-o", model, "--set", bert, "--quiet"]
        assert main(words) == 0
    return model, "\n".join(told)


class TestParametersThatAreNotInTheFile:
    """`train` tells which they are, and each command that reads a model takes them."""

    def test_train_tells_the_option(self, folder, trained):
        expected = f"report: --set TextEmbedder.model='{folder / 'bert'}'"
        assert expected in trained[1]

    def test_info_lists_them(self, trained, capsys):
        assert main(["info", trained[0]]) == 0
        assert "needs       --set TextEmbedder.model=..." in capsys.readouterr().out
        assert main(["info", trained[0], "--json"]) == 0
        assert "TextEmbedder.model" in json.loads(capsys.readouterr().out)["left_out"]

    @pytest.mark.filterwarnings("ignore:.* was saved without TextEmbedder.model")
    def test_an_error_names_the_option(self, folder, trained, capsys):
        assert main(["predict", trained[0], str(folder / "t.csv"), "--quiet"]) == 1
        assert "or as --set TextEmbedder.model=... on the command line" in capsys.readouterr().err

    @pytest.mark.parametrize("command", ["predict", "evaluate", "report"])
    def test_each_command_takes_them(self, folder, trained, command, tmp_path):
        bert = f"TextEmbedder.model={folder / 'bert'}"
        output = ["-o", str(tmp_path / "r.html")] if command == "report" else []
        others = str(folder / "others.csv")
        assert main([command, trained[0], others, "--set", bert, "--quiet", *output]) == 0

    def test_tag_takes_them(self, folder, trained, tmp_path, capsys):
        soundfile.write(tmp_path / "song.flac", np.zeros(8000), 8000)
        (tmp_path / "song.txt").write_text("bass echo 7")
        bert = f"TextEmbedder.model={folder / 'bert'}"
        words = ["tag", trained[0], str(tmp_path), "--set", bert, "--no-cache", "--quiet"]
        assert main(words) == 0
        assert "song.flac: gets Dub" in capsys.readouterr().out

    def test_answers_of_tag_are_stored_by_them(self, folder, trained, tmp_path):
        """The same files in another folder have the same answers, other files have others."""
        store = str(tmp_path / "s.sqlite")
        for name in ("one", "two"):
            shutil.copytree(folder / "bert", tmp_path / name)

        def key(name):
            settings = {"TextEmbedder.model": str(tmp_path / name)}
            return find_model(trained[0], None, settings=settings).key(store)

        first = key("one")
        assert key("one") == key("two") == first != find_model(trained[0], None).key(store)
        os.utime(tmp_path / "one" / "config.json", (1, 1))
        assert len({first, key("one"), key("no folder")}) == 3

    def test_a_name_that_looks_like_a_number(self, folder, tmp_path, monkeypatch, capsys):
        shutil.copytree(folder / "bert", tmp_path / "2024")
        monkeypatch.chdir(tmp_path)
        table, bert = str(folder / "t.csv"), "text_model='2024'"
        assert main(["train", table, "-o", "m", "--set", bert, "--quiet", "--json"]) == 0
        out, err = capsys.readouterr()
        (option,) = shlex.split(err.partition("--set ")[2])
        assert json.loads(out)["items"] == 48
        assert main(["predict", "m", table, "--set", option, "--quiet"]) == 0

    @pytest.mark.parametrize(
        ("words", "told"),
        [
            (["predict", "MODEL", "t.csv", "--set", "bert"], "--set 'bert' is not NAME=VALUE"),
            (["predict", "MODEL", "t.csv", "--set", "modle=x"], "Unknown parameter 'modle'"),
            (["predict", "--model", "musicnn", "t.csv", "--set", "a=b"], "--set needs a MODEL"),
            (["tag", "--undo", ".", "--set", "a=b"], "--undo takes only FOLDER"),
        ],
    )
    def test_errors(self, folder, trained, monkeypatch, capsys, words, told):
        monkeypatch.chdir(folder)
        assert main([trained[0] if word == "MODEL" else word for word in words]) != 0
        assert told in capsys.readouterr().err
