"""The whole command, as processes of their own, on 300 files with every oddity."""

import json
import os
import random
import re
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest
from obey_rights import obey_rights
from odd_folder import write_odd_folder
from small_settings import settings
from sound_state import state_of

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[2]
_BROKEN = "empty text_named_mp3 noise_named_flac wma picture_named_mp3 loop_itself dangling".split()


class Command:
    """Runs `skmmgenre` as somebody without special rights."""

    def __init__(self, place):
        self.place = place
        paths = os.pathsep.join(filter(None, [str(ROOT), os.environ.get("PYTHONPATH")]))
        self._env = {**os.environ, "PYTHONPATH": paths, "COLUMNS": "80"}

    def start(self, *words, **kwargs):
        return subprocess.Popen(
            [sys.executable, "-m", "skmmgenre", *map(str, words)],
            cwd=self.place,
            env=self._env,
            preexec_fn=obey_rights,
            **kwargs,
        )

    def __call__(self, *words, code=0):
        process = self.start(*words, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        out, err = (part.decode() for part in process.communicate())
        assert process.returncode == code, err
        for told in (out, err):
            assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f-\x9f]", told)
        return out, err

    def killed(self, *words, delay, is_begun):
        """Kill it some time after it began to change files; tell whether it still ran."""
        process = self.start(*words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        while process.poll() is None and not is_begun():
            time.sleep(0.001)
        time.sleep(delay)
        process.send_signal(signal.SIGKILL)
        return process.wait() == -signal.SIGKILL


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    return tmp_path_factory.mktemp("odd")


@pytest.fixture(scope="module")
def command(place):
    return Command(place)


@pytest.fixture(scope="module")
def odd(place):
    odd = write_odd_folder(place / "music", 300)
    odd.genres.pop(odd.odd["unreadable"], None)
    return replace(odd, files=[path for path in odd.files if path != odd.odd["unreadable"]])


@pytest.fixture(scope="module")
def model(command, odd):
    words = ["--target", "softmax", "--modality", "audio", "--modality", "text", "--quiet"]
    words += settings("audio", "text", "fusion")
    out, _ = command("train", odd.path, "-o", "genres.skmmgenre", *words)
    assert out.startswith("genres.skmmgenre: ")
    return "genres.skmmgenre"


def test_predict(command, odd, model):
    out, err = command("predict", model, odd.path, "--format", "json", "--quiet")
    told = {line["item"]: line for line in json.loads(out)}
    assert set(map(str, odd.files)) <= told.keys() and len(told) >= 300 - 1
    assert not {str(odd.odd[name]) for name in (*_BROKEN, "unreadable", "pipe")} & told.keys()
    right = [
        told[str(path)]["genres"] == odd.genres[path]
        for path in odd.files
        if "Artist" in str(path) and len(odd.genres[path]) == 1
    ]
    assert sum(right) > 0.8 * len(right)
    for kind in ("csv", "table"):
        out, _ = command("predict", model, odd.path, "--format", kind, "--quiet")
        assert out.count("\n") >= 300
    _, err = command("predict", model, odd.odd["unreadable"], "--quiet", code=1)
    assert len(err.splitlines()) == 1 and "unreadable.mp3" in err


@pytest.fixture(scope="module")
def tag(command, odd, model):
    """Words of the command by which every file gets a genre that it had not."""
    out, _ = command("info", model, "--json")
    aliases = dict.fromkeys(json.loads(out)["genres"], "Polka")
    (command.place / "names.yaml").write_text(json.dumps({"aliases": aliases}))
    return ["tag", model, odd.path, "--replace", "--genres", "names.yaml", "--quiet"]


def test_tag_and_undo(command, odd, tag):
    before = state_of(odd.files)
    out, _ = command(*tag)
    assert "Nothing was written" in out and state_of(odd.files) == before

    out, _ = command(*tag, "--write", "--json")
    outcomes = json.loads(out)["files"]
    written = {o["file"] for o in outcomes if o["action"] == "write"}
    skipped = {o["file"] for o in outcomes if o["action"] == "skip"}
    assert skipped == {str(odd.odd["read_only"]), str(odd.odd["truncated"])}
    after = state_of(odd.files)
    changed = {str(path) for path in odd.files if after[path] != before[path]}
    assert changed == written and len(written) > 290
    assert [state[0] for state in after.values()] == [state[0] for state in before.values()]

    out, _ = command("tag", "--undo", odd.path, "--quiet")
    assert f"{len(written)} restored" in out
    assert state_of(odd.files) == before
    assert not list(odd.path.rglob(".skmmgenre*"))


def test_killed(command, odd, tag):
    """No file is damaged, and what was written can be undone."""
    before = state_of(odd.files)
    sounds = [state[0] for state in before.values()]
    backup = odd.path / ".skmmgenre_tags.jsonl"
    draw = random.Random(0)
    n_killed = 0
    for _ in range(5):
        size = backup.stat().st_size if backup.exists() else 0

        def is_begun(size=size):
            return backup.exists() and backup.stat().st_size > size

        n_killed += command.killed(*tag, "--write", delay=draw.uniform(0, 0.3), is_begun=is_begun)
        after = state_of(odd.files)
        assert [state[0] for state in after.values()] == sounds
    assert n_killed >= 2
    assert sum(after[path][1] != before[path][1] for path in odd.files) > 2
    n_killed = 0
    for _ in range(4):
        inodes = {path: path.stat().st_ino for path in odd.files}

        def is_begun(inodes=inodes):
            return any(path.stat().st_ino != inode for path, inode in inodes.items())

        if not backup.exists():
            break
        words = ["tag", "--undo", odd.path, "--quiet"]
        n_killed += command.killed(*words, delay=draw.uniform(0, 0.03), is_begun=is_begun)
        assert [state[0] for state in state_of(odd.files).values()] == sounds
    assert n_killed >= 1
    if backup.exists():
        command("tag", "--undo", odd.path, "--quiet")
    assert state_of(odd.files) == before
    assert not list(odd.path.rglob(".skmmgenre*"))
