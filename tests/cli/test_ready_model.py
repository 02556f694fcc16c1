"""Genres without training, `--model musicnn`: predict, tag, and the table of tags."""

import json
import os
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
import soundfile
from odd_folder import write_sound, write_tags

from skmmgenre.cli import main
from skmmgenre.cli._model_answers import ModelAnswers
from skmmgenre.compose import load_ready_model
from skmmgenre.compose._ready_model import _GENRES

OURS = "Loud: {tags: [rock, metal], threshold: 0.0}\nSoft: jazz\n"


@pytest.fixture
def home(musicnn_home, monkeypatch):
    monkeypatch.setenv("SKMMGENRE_DATA", str(musicnn_home))


@pytest.fixture
def music(tmp_path):
    """Three songs, one of them with a genre, one that is too short, and one of silence."""
    folder = tmp_path / "music"
    folder.mkdir()
    for row, name in enumerate(("a.flac", "b.ogg", "c.mp3")):
        write_sound(folder / name, "Jazz", row, duration=4)
    write_tags(folder / "c.mp3", genre="Jazz")
    write_sound(folder / "short.flac", "Jazz", 3, duration=2)
    soundfile.write(folder / "silence.flac", np.zeros(5 * 16_000), 16_000)
    return folder


@pytest.fixture
def ours(tmp_path):
    path = tmp_path / "tags.yaml"
    path.write_text(OURS)
    return str(path)


def told(capsys, *words):
    assert main([*map(str, words), "--json", "--quiet"]) == 0
    return json.loads(capsys.readouterr().out)


def test_predict_says_what_the_model_says(home, music, capsys):
    said = told(capsys, "predict", "--model", "musicnn", music, "--top", 25)
    by_name = {item["item"].rpartition("/")[2]: item for item in said}
    model = load_ready_model("musicnn")
    table = pd.DataFrame({"audio": [str(music / "a.flac"), str(music / "b.ogg")]})
    for name, scores in zip(["a.flac", "b.ogg"], model.predict_proba(table), strict=True):
        assert by_name[name]["scores"] == pytest.approx(
            dict(zip(model.classes_, scores, strict=True)), abs=1e-6
        )
    for name in ("short.flac", "silence.flac"):
        assert by_name[name]["genres"] == [] and by_name[name]["scores"] == {}
    assert told(capsys, "predict", "--model", "musicnn", music, "--top", 25, "--jobs", 1) == said


def test_tag_writes_and_computes_nothing_twice(home, music, ours, tmp_path, monkeypatch, capsys):
    asked, compute = [], ModelAnswers._compute

    def note(self, music, rows):
        asked.append(len(rows))
        return compute(self, music, rows)

    monkeypatch.setattr(ModelAnswers, "_compute", note)
    cache = ("--cache", tmp_path / "c.sqlite")
    words = ["tag", "--model", "musicnn", music, *cache]
    told(capsys, *words)
    assert asked == [4]  # all but the one that has a genre
    dry = told(capsys, *words, "--tags", ours)["files"]  # another table, other answers
    assert asked == [4, 4]
    actions = {file["file"].rpartition("/")[2]: file["action"] for file in dry}
    assert actions == {
        "a.flac": "write",
        "b.ogg": "write",
        "c.mp3": "keep",
        "short.flac": "skip",
        "silence.flac": "skip",
    }
    written = told(capsys, *words, "--tags", ours, "--write")["files"]
    assert written == dry and asked == [4, 4, 2]  # what cannot be heard is reported again
    assert all("Loud" in file["genres"] for file in written if file["action"] == "write")
    assert main(["tag", "--undo", str(music), "--quiet"]) == 0


@pytest.mark.slow
def test_known_answers_are_told_without_torch(home, music, tmp_path):
    for name in ("short.flac", "silence.flac"):
        (music / name).unlink()
    code = "import sys; from skmmgenre.cli import main; code = main(sys.argv[1:]); "
    code += "print('torch' in sys.modules, code)"
    words = [sys.executable, "-c", code, "tag", "--model", "musicnn", str(music), "--quiet"]
    words += ["--cache", str(tmp_path / "c.sqlite")]
    runs = [subprocess.run(words, capture_output=True, text=True) for _ in range(2)]
    *first, of_first = runs[0].stdout.splitlines()
    *second, of_second = runs[1].stdout.splitlines()
    assert (of_first, of_second) == ("True 0", "False 0"), runs[1].stderr
    assert first == second


def test_tag_names_the_best_genre_and_its_threshold(home, music, tmp_path, capsys):
    (tmp_path / "strict.yaml").write_text("Loud: {tags: [rock, metal], threshold: 0.99}\n")
    words = ["tag", "--model", "musicnn", music, "--tags", tmp_path / "strict.yaml", "--no-cache"]
    of_name = {os.path.basename(file["file"]): file for file in told(capsys, *words)["files"]}
    reason = of_name["a.flac"]["reason"]
    assert reason.startswith("no genre reaches its threshold: the best is Loud with 0.")
    assert reason.endswith(" of 0.99")


def test_names_of_genres(home, music, ours, tmp_path, capsys):
    names = tmp_path / "names.yaml"
    names.write_text("genres: [Rock, Polka]\naliases: {Loud: Rock}\n")
    words = ["predict", "--model", "musicnn", str(music / "a.flac"), "--tags", ours]
    assert main([*words, "--genres", str(names), "--json", "--quiet"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)[0]["genres"] == ["Rock"]
    assert "--genres: the model does not predict 'Polka'\n" in err


class TestTheTable:
    def test_what_is_printed_is_what_is_read(self, tmp_path, capsys):
        assert main(["info", "--model", "musicnn"]) == 0
        text = capsys.readouterr().out
        assert "# musicnn: 29 MB, licence ISC, not fetched yet.\n" in text
        table = told_info(capsys)
        assert {genre: held["tags"] for genre, held in table.items()} == _GENRES
        path = tmp_path / "tags.yaml"
        path.write_text(text)
        assert told_info(capsys, "--tags", str(path)) == table

    def test_a_table_of_ones_own(self, ours, capsys):
        assert told_info(capsys, "--tags", ours) == {
            "Loud": {"tags": ["rock", "metal"], "threshold": 0.0},
            "Soft": {"tags": ["jazz"], "threshold": 0.158},
        }

    @pytest.mark.parametrize(
        ("text", "why"),
        [
            ("[Jazz]", "is not a mapping of genres"),
            (
                "Jazz: {tags: [jazz], treshold: 0.3}",
                "'Jazz' has the unknown key 'treshold'. Allowed keys: tags, threshold.",
            ),
            ("Jazz: {tag: jazz}", "'Jazz' has the unknown key 'tag'. Allowed keys: tags, "),
            ("Jazz: {threshold: 0.3}", "'Jazz' has no list of tags"),
            ("Jazz: 3", "'Jazz' has no list of tags"),
            ("Jazz: {tags: jazz, threshold: 2}", "must be a number from 0 to 1"),
            ("1990: [90s]", "1990 is not text"),
            ("Jazz: [", "is not valid YAML"),
            ("Jazz: [bebop]", "'Jazz' has the unknown tag 'bebop'. Available tags: rock, pop"),
        ],
    )
    def test_what_is_wrong_with_it(self, tmp_path, capsys, text, why):
        path = tmp_path / "tags.yaml"
        path.write_text(text)
        assert main(["info", "--model", "musicnn", "--tags", str(path)]) in (1, 2)
        assert why in capsys.readouterr().err


def told_info(capsys, *words):
    assert main(["info", "--model", "musicnn", *words, "--json"]) == 0
    return json.loads(capsys.readouterr().out)


@pytest.mark.parametrize("words", [["predict"], ["tag"]], ids=" ".join)
def test_without_a_network(words, music, capsys):
    """It says what it fetches before it does, and how to get it in another way."""
    assert main([*words, "--model", "musicnn", str(music), "--quiet"]) == 1
    first, second = capsys.readouterr().err.splitlines()
    assert first == "Fetching the weights of musicnn once, with pip: 29 MB, licence ISC."
    assert second.startswith(f"skmmgenre {words[0]}: musicnn could not be downloaded")
    assert "--from musicnn-0.1.0-py3-none-any.whl" in second


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["tag", "m", ".", "--model", "musicnn"], "--model replaces MODEL"),
        (["tag", ".", "--model", "vggish"], "is not 'musicnn'"),
        (["tag", "--undo", "--model", "musicnn", "."], "--undo takes only FOLDER"),
        (["info"], "Pass either MODEL or --model musicnn"),
        (["info", "m", "--model", "musicnn"], "Pass either MODEL or --model musicnn"),
    ],
    ids=" ".join,
)
def test_wrong_arguments(capsys, words, why):
    assert main(words) == 2
    assert why in capsys.readouterr().err


def test_tags_are_for_a_ready_model(ours, model, music, capsys):
    assert main(["predict", model, str(music), "--tags", ours]) == 2
    assert "--tags needs --model musicnn" in capsys.readouterr().err
