"""Every example of the gallery runs, in a process of its own, without a warning of ours."""

import ast
import importlib
import os
import subprocess
import sys
from pathlib import Path

import pytest
from strict_python import WARNINGS_ARE_ERRORS

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
GALLERY = sorted(EXAMPLES.glob("plot_*.py"))


def test_the_gallery_is_there():
    assert len(GALLERY) == 9
    assert (EXAMPLES / "GALLERY_HEADER.rst").exists()


@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_names_that_it_imports_exist(path):
    for node in ast.parse(path.read_text(encoding="utf-8")).body:
        if isinstance(node, ast.ImportFrom) and node.module.startswith("skmmgenre"):
            room = importlib.import_module(node.module)
            assert all(hasattr(room, alias.name) for alias in node.names)


@pytest.mark.slow
@pytest.mark.parametrize("path", GALLERY, ids=lambda path: path.stem)
def test_it_runs(path, tmp_path):
    done = subprocess.run(
        [sys.executable, *WARNINGS_ARE_ERRORS, str(path)],
        capture_output=True,
        text=True,
        timeout=900,
        cwd=tmp_path,
        env={**os.environ, "MPLBACKEND": "Agg"},
    )
    assert done.returncode == 0, done.stderr
    assert not list(tmp_path.iterdir())
