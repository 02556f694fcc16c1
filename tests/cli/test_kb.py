import json

import pytest

from skmmgenre.cli import main

_LABEL = "<http://www.w3.org/2000/01/rdf-schema#label>"


@pytest.fixture
def dumps(tmp_path):
    """Labels in two files, as people get them by language or by part."""
    for name, title in (("a", "Miles Davis"), ("b", "Nina Simone")):
        line = f'<http://dbpedia.org/resource/{title.replace(" ", "_")}> {_LABEL} "{title}"@en .\n'
        (tmp_path / f"{name}.nt").write_text(line)
    return tmp_path


@pytest.mark.parametrize(
    "files",
    [["--labels", "a.nt", "b.nt"], ["--labels", "a.nt", "--labels", "b.nt"]],
    ids=["behind one option", "an option each"],
)
def test_several_files(dumps, monkeypatch, capsys, files):
    monkeypatch.chdir(dumps)
    assert main(["kb", "build", "music.kb", *files, "--quiet"]) == 0
    assert "built in" in capsys.readouterr().out
    assert main(["kb", "info", "music.kb", "--json"]) == 0
    info = json.loads(capsys.readouterr().out)
    assert info["entities"] == 2
    assert [source["name"] for source in info["sources"]] == ["a.nt", "b.nt"]


@pytest.mark.parametrize(
    "words, told",
    [
        (["build", "out.kb"], "no dump is given"),
        (["build", "out.kb", "--labels", "a.nt", "--predicate", "x"], "is not NAME=TEXT"),
        (["info", "absent.kb"], "absent.kb"),
    ],
    ids=" ".join,
)
def test_told_in_one_line(dumps, monkeypatch, capsys, words, told):
    monkeypatch.chdir(dumps)
    assert main(["kb", *words]) == 1
    error = capsys.readouterr().err
    assert error.startswith("skmmgenre kb: ") and told in error and error.count("\n") == 1
