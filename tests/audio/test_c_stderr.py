"""Silence what C libraries write to standard error."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest

from skmmgenre.audio._c_stderr import _streams, can_quiet_c_stderr, quiet_c_stderr

pytestmark = pytest.mark.skipif(
    not can_quiet_c_stderr(), reason="the C library has no variable stderr that could be set"
)

_SCRIPT = """
import ctypes, subprocess, sys
from skmmgenre.audio._c_stderr import quiet_c_stderr

perror = ctypes.CDLL(None).perror
perror(b"C before")
with quiet_c_stderr():
    perror(b"C meanwhile")
    print("Python meanwhile", file=sys.stderr, flush=True)
    script = "import ctypes; ctypes.CDLL(None).perror(b'child meanwhile')"
    subprocess.run([sys.executable, "-c", script])
perror(b"C after")
"""


def test_only_what_c_code_prints_meanwhile_is_lost():
    script = subprocess.run([sys.executable, "-c", _SCRIPT], capture_output=True, text=True)
    assert script.returncode == 0
    said = [line.partition(":")[0] for line in script.stderr.splitlines()]
    assert said == ["C before", "Python meanwhile", "child meanwhile", "C after"]


def test_it_is_put_back_after_an_error_and_after_many_threads():
    variable, usual, nowhere = _streams()
    with pytest.raises(KeyError), quiet_c_stderr():
        assert variable.value == nowhere != usual
        raise KeyError
    assert variable.value == usual

    def enter(_):
        for _ in range(200):
            with quiet_c_stderr():
                pass

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(enter, range(8)))
    assert variable.value == usual
