"""The command as somebody sees it in a terminal of 80 columns."""

import os
import re
import struct
import sys
from pathlib import Path

import pytest

from skmmgenre.cli._terminal import size_of

pty = pytest.importorskip("pty", reason="the system has no terminals of this kind")
pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.mark.parametrize(
    ("n_bytes", "shown"),
    [(37_691, "38 kB"), (99_999, "100 kB"), (100_000, "0.1 MB"), (25_300_000, "25.3 MB")],
)
def test_sizes(n_bytes, shown):
    assert size_of(n_bytes) == shown


def in_terminal(*words):
    """Exit code, and the lines that stay on the screen; a bar writes over its own line."""
    import fcntl
    import termios

    env = {**os.environ, "TERM": "xterm-256color"}
    env.pop("COLUMNS", None)
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
    process, terminal = pty.fork()
    if process == 0:
        os.execvpe(sys.executable, [sys.executable, "-m", "skmmgenre", *words], env)
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 80, 0, 0))
    told = b""
    while True:
        try:
            part = os.read(terminal, 1 << 16)
        except OSError:  # Linux says so at the end
            break
        if not part:
            break
        told += part
    os.close(terminal)
    code = os.waitstatus_to_exitcode(os.waitpid(process, 0)[1])
    lines = _ESCAPE.sub("", told.decode()).replace("\r\n", "\n").split("\n")
    lines = [line.rpartition("\r")[2].rstrip() for line in lines]
    assert all(line.isprintable() for line in lines)
    return code, lines


def test_answers_fit(model, odd):
    album = str(next(path for path in odd.files if "Album" in str(path)).parent)
    for words in (["info", model], ["predict", model, album], ["evaluate", model, album]):
        code, lines = in_terminal(*words)
        assert code == 0 and len(lines) > 3, lines
        assert [line for line in lines if len(line) > 80] == []


def test_help_fits():
    for part in ("train", "predict", "evaluate", "tag", "info", "demo", "kb", "cache"):
        code, lines = in_terminal(part, "--help")
        assert code == 0 and max(map(len, lines)) <= 80


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["predict", "nothing.skmmgenre", "."], 1, "there is no model file 'nothing.skmmgenre'"),
        (["train", "absent", "-o", "x.skmmgenre"], 1, "there is no folder or table 'absent'"),
        (["tag", "--undo", "absent"], 1, "absent"),
        (["predict", "MODEL", "absent.mp3", "--quiet"], 1, "there is no such file"),
        (["tag", "x.skmmgenre"], 2, "Pass MODEL and FOLDER"),
    ],
)
def test_errors(model, words, code, told):
    found, lines = in_terminal(*[model if word == "MODEL" else word for word in words])
    assert found == code and told in "\n".join(lines)
    assert not [line for line in lines if "Traceback" in line]
    if code == 1:
        assert len([line for line in lines if line]) == 1
        assert lines[0].startswith(f"skmmgenre {words[0]}: ")
