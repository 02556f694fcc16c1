"""librosa is imported, and its functions are compiled, by one process at a time."""

import os
import subprocess
import sys
import threading
from collections import Counter
from pathlib import Path

import librosa
import pytest
from filelock import FileLock

from skmmgenre.audio import _librosa
from skmmgenre.audio._librosa import import_librosa


def test_others_wait(tmp_path, monkeypatch):
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path))
    done = threading.Event()

    def import_it():
        assert import_librosa.__wrapped__() is librosa
        done.set()

    thread = threading.Thread(target=import_it)
    with FileLock(tmp_path / "skmmgenre.lock"):
        thread.start()
        assert not done.wait(0.5)
    thread.join()
    assert done.is_set()


def test_where_the_lock_lies(tmp_path, monkeypatch):
    """Beside the cache, or in a folder of the user where nobody may write there."""
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    beside = Path(librosa.__file__).parent / "__pycache__" / "skmmgenre.lock"
    assert Path(_librosa._lock_path()) == beside
    monkeypatch.setattr("os.access", lambda *_: False)
    assert Path(_librosa._lock_path()).name.startswith("skmmgenre_")


@pytest.mark.parametrize("reason", [PermissionError, NotImplementedError])
def test_without_a_lock_it_is_imported_all_the_same(monkeypatch, reason):
    def acquire(*_, **__):
        raise reason

    monkeypatch.setattr(_librosa.FileLock, "acquire", acquire)
    assert import_librosa.__wrapped__() is librosa


@pytest.mark.slow
def test_two_processes_compile_each_function_once(tmp_path):
    code = "from skmmgenre.audio._librosa import import_librosa; import_librosa()"
    env = os.environ | {"NUMBA_CACHE_DIR": str(tmp_path), "NUMBA_DEBUG_CACHE": "1"}
    started = [
        subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, env=env, text=True)
        for _ in range(2)
    ]
    printed = [process.communicate()[0] for process in started]
    assert [process.returncode for process in started] == [0, 0]
    saved = [line for line in "".join(printed).splitlines() if "data saved to" in line]
    assert saved and set(Counter(saved).values()) == {1}
    assert sum("data saved to" in one for one in printed) == 1  # the other one loaded all
