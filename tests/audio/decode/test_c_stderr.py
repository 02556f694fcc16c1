"""Silence what C libraries write to standard error."""

import os
import subprocess
import sys
import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from skmmgenre.audio._decode._c_stderr import _streams, can_quiet_c_stderr, quiet_c_stderr

pytestmark = pytest.mark.skipif(
    not can_quiet_c_stderr(), reason="the C library has no variable stderr that could be set"
)

_SCRIPT = """
import ctypes, subprocess, sys
from skmmgenre.audio._decode._c_stderr import quiet_c_stderr

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


def test_it_is_quiet_until_the_last_thread_leaves():
    variable, usual, nowhere = _streams()
    inside, leave = threading.Event(), threading.Event()

    def stay():
        with quiet_c_stderr():
            inside.set()
            leave.wait(60)
            return variable.value

    with ThreadPoolExecutor(1) as pool:
        staying = pool.submit(stay)
        assert inside.wait(60)
        with quiet_c_stderr(), quiet_c_stderr():
            pass
        leave.set()
        assert staying.result() == nowhere
    assert variable.value == usual


_FORK = """
import os, sys, threading
from skmmgenre.audio._decode._c_stderr import _streams, quiet_c_stderr

variable, usual, nowhere = _streams()
inside, leave = threading.Event(), threading.Event()

def stay():
    with quiet_c_stderr():
        inside.set()
        leave.wait()

thread = threading.Thread(target=stay)
thread.start()
inside.wait()

def child(forked_inside):
    found = [variable.value]
    with quiet_c_stderr():
        found.append(variable.value)
    found.append(variable.value)
    during = nowhere if forked_inside else usual
    return found == [during, nowhere, during]

def in_child(forked_inside):
    pid = os.fork()
    if not pid:
        os._exit(0 if child(forked_inside) else 1)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])

found = [in_child(False)]
with quiet_c_stderr():
    found.append(in_child(True))
leave.set()
thread.join()
print(found, variable.value == usual)
"""


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(os, "fork"), reason="no fork")
def test_a_child_has_only_the_thread_that_forked():
    command = [sys.executable, "-W", "ignore", "-c", _FORK]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100)
    assert done.stdout.split("\n")[0] == "[0, 0] True", done.stderr
