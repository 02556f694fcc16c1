"""The command itself: its exit codes, and the list of its parts."""

import pytest
from command_output import run

import skmmgenre
from skmmgenre.cli import main


def test_as_a_module():
    done = run("--help")
    assert done.returncode == 0
    assert done.stdout.startswith("Usage: skmmgenre") and "demo" in done.stdout
    assert not done.stderr


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"skmmgenre {skmmgenre.__version__}\n"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [([], "Commands:"), (["play"], "No such command 'play'")],
    ids=" ".join,
)
def test_bad_arguments(capsys, arguments, message):
    assert main(arguments) == 2
    told = capsys.readouterr()
    assert message in told.err and "Usage: skmmgenre" in told.err
    assert not told.out
