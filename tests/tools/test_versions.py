"""The report on the tests with the lowest and the newest versions."""

import subprocess
import sys
from pathlib import Path

import pytest
import versions

JUNIT = """<?xml version="1.0" encoding="utf-8"?>
<testsuites><testsuite name="pytest" errors="1" failures="2" skipped="3" tests="10"/></testsuites>
"""


def test_counts_of_a_run(tmp_path):
    (tmp_path / "results.xml").write_text(JUNIT)
    assert versions.counts(tmp_path / "results.xml") == {"passed": 4, "failed": 3, "skipped": 3}
    assert versions.counts(tmp_path / "absent.xml") == {}


def test_versions_of_this_environment():
    found = versions.versions_of(sys.executable)
    assert list(found) == ["python", *versions.PACKAGES]
    assert found["numpy"] == __import__("numpy").__version__
    assert found["python"] == sys.version.split()[0]


def test_the_table_has_a_column_for_each_environment():
    rows = [{"environment": "lowest", "result": "failed", "failed": 2}, {"environment": "newest"}]
    lines = versions.as_table(rows).splitlines()
    assert lines[0].split() == ["|", "environment", "|", "lowest", "|", "newest", "|"]
    assert lines[4].split() == ["|", "failed", "|", "2", "|", "|"]
    assert len(set(map(len, lines))) == 1


@pytest.mark.parametrize(("code", "status"), [("print(1)", 0), ("print(1); exit(3)", 3)])
def test_a_command_writes_to_its_log(tmp_path, monkeypatch, code, status):
    monkeypatch.setattr(versions, "REPORT", tmp_path)
    monkeypatch.setenv("PYTHONPATH", "elsewhere")
    code += "; import os; assert 'PYTHONPATH' not in os.environ" if not status else ""
    assert versions.logged("name", [sys.executable, "-c", code]) == status
    assert (tmp_path / "name.log").read_text() == "1\n"


def test_unknown_environments_are_named():
    command = [sys.executable, versions.__file__, "oldest"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 2 and "unknown: oldest; known: lowest" in done.stderr


def test_interpreters_of_uv_come_before_those_of_pyenv(tmp_path, monkeypatch):
    def write_program(name, test):
        path = tmp_path / name
        path.write_text(f"#!/bin/sh\n{test} && echo /of_{name}\n")
        path.chmod(0o755)
        return path

    monkeypatch.setattr(versions, "UV", write_program("uv", '[ "$4" = 3.12 ]'))
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    assert versions.interpreter("3.12") == Path("/of_uv")
    assert versions.interpreter("3.13") is None
    write_program("pyenv", '[ "$2" != 3.14 ]')
    assert versions.interpreter("3.12") == Path("/of_uv")
    assert versions.interpreter("3.13") == Path("/of_pyenv/bin/python")
    assert versions.interpreter("3.14") is None
