"""The commands about knowledge bases."""

import json
import subprocess
import sys

import pytest

from skmmgenre.cli import main
from skmmgenre.text import KnowledgeBase


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """Small dumps as tables, in the working directory."""
    monkeypatch.chdir(tmp_path)
    tables = {
        "labels.tsv": "Miles_Davis\tMiles Davis\nABBA\tABBA\n",
        "more.tsv": "Queen_(band)\tQueen (band)\n",
        "redirects.tsv": "Prince_of_Darkness\tMiles_Davis\n",
        "facts.tsv": (
            "ABBA\trecordLabel\tPolar Music\nABBA\tgenre\tPop\nQueen_(band)\tplays\tRock\n"
        ),
        "links.tsv": "x\tABBA\ny\tABBA\n",
    }
    for name, content in tables.items():
        (tmp_path / name).write_text(content)
    return tmp_path


def build(*arguments):
    return main(["kb", "build", "music.kb", *arguments, "--quiet"])


def test_build(folder, capsys):
    code = build(
        *["--labels", "labels.tsv", "more.tsv", "--redirects", "redirects.tsv"],
        *["--categories", "facts.tsv", "--links", "links.tsv"],
        *["--predicate", "recordLabel=record label", "--predicate", "plays="],
    )
    told = capsys.readouterr()
    assert code == 0 and not told.err
    lines = {" ".join(line.split()) for line in told.out.splitlines()}
    assert {"entities 3", "category links 2", "links 2", "labels more.tsv"} <= lines
    assert "skipped: categories with other predicates, 1" in lines
    kb = KnowledgeBase.open("music.kb")
    assert kb.candidates("prince of darkness") == [("Miles_Davis", 1.0)]
    assert kb.categories("ABBA") == ("record label: Polar Music",)
    assert kb.categories("Queen_(band)") == ("Rock",)


def test_an_option_for_each_file(folder, capsys):
    assert build("--labels", "labels.tsv", "--labels", "more.tsv") == 0
    assert len(KnowledgeBase.open("music.kb").info()["sources"]) == 2


def test_info(folder, capsys):
    build("--labels", "labels.tsv")
    capsys.readouterr()
    assert main(["kb", "info", str(folder / "music.kb")]) == 0
    told = capsys.readouterr().out
    assert told.startswith("music.kb\n") and str(folder) not in told
    assert main(["kb", "info", "music.kb", "--json"]) == 0
    assert json.loads(capsys.readouterr().out) == KnowledgeBase.open("music.kb").info()


def test_progress_goes_to_standard_error(folder):
    done = subprocess.run(
        [sys.executable, "-m", "skmmgenre", "kb", "build", "music.kb", "--labels", "labels.tsv"],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert "Traceback" not in done.stderr and "entities" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        ([], "no dump was given"),
        (["--labels", "absent.tsv"], "absent.tsv"),
        (["--labels", "labels.tsv", "--predicate", "recordLabel"], "is not NAME=TEXT"),
        (["--labels", "labels.tsv", "--predicate", "=label"], "is not NAME=TEXT"),
        (["--categories", "facts.tsv", "--predicate", "no=thing"], "['no'] do not occur"),
    ],
)
def test_what_cannot_be_built(folder, capsys, arguments, told):
    assert build(*arguments) == 1
    error = capsys.readouterr().err
    assert error.startswith("skmmgenre kb: ") and told in error
    assert not (folder / "music.kb").exists()


@pytest.mark.parametrize("name", ["absent.kb", "labels.tsv", "."])
def test_what_is_no_knowledge_base(folder, capsys, name):
    assert main(["kb", "info", name]) == 1
    assert capsys.readouterr().err.startswith("skmmgenre kb: ")


def test_a_damaged_file(folder, capsys):
    build("--labels", "labels.tsv")
    content = bytearray((folder / "music.kb").read_bytes())
    content[content.find(b"ABBA") + 1] ^= 1
    (folder / "music.kb").write_bytes(content)
    assert main(["kb", "info", "music.kb"]) == 1
    assert "the checksum of entities does not match" in capsys.readouterr().err


@pytest.mark.parametrize("arguments", [["kb"], ["kb", "build"], ["kb", "info"], ["kb", "burn"]])
def test_bad_arguments(capsys, arguments):
    assert main(arguments) == 2
    assert "Usage: skmmgenre kb" in capsys.readouterr().err


def test_help(capsys):
    assert main(["kb", "build", "--help"]) == 0
    told = capsys.readouterr().out
    for words in ("--labels", "--redirects", "--categories", "--links", "--predicate", "Example:"):
        assert words in told


def test_predicates(folder):
    """What stands before a category is behind the last "="; without the option all are read."""
    (folder / "facts.tsv").write_text("ABBA\ta\tPop\nABBA\thttp://x/y?z=1\tPolar\n")
    words = ["--labels", "labels.tsv", "--categories", "facts.tsv"]
    assert build(*words) == 0
    assert KnowledgeBase.open("music.kb").categories("ABBA") == ("Polar", "Pop")
    assert build(*words, "--predicate", "a=b", "--predicate", "http://x/y?z=1=c d") == 0
    assert KnowledgeBase.open("music.kb").categories("ABBA") == ("b: Pop", "c d: Polar")
