"""Workers that need much memory, and workers of workers."""

import os
import subprocess
import sys
import threading
import time

import joblib
import pytest

from skmmgenre.items import map_cells

GROW = """
import math, time
from skmmgenre.items import map_cells

def grow(cell):
    time.sleep(0.15)
    if cell >= 16:
        math.kept = bytearray(b"x") * 400_000_000
    return cell

if __name__ == "__main__":
    values, _ = map_cells(grow, list(range(64)), n_jobs=2)
    assert values == list(range(64))
"""


@pytest.mark.slow
def test_growing_workers_are_no_leak(tmp_path):
    """Where warnings are errors, the one of joblib would end its thread: a call without end."""
    pytest.importorskip("psutil")
    script = tmp_path / "grow.py"
    script.write_text(GROW)
    done = subprocess.run(
        [sys.executable, "-W", "error", script], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr
    assert not done.stderr


def make_busy_threads():
    """A function that workers can be sent: they cannot import this module."""

    def busy_threads(_):
        """Threads at work at once in a loop of four workers inside a worker, and its share."""
        running, most, lock = 0, 0, threading.Lock()

        def work(cell):
            nonlocal running, most
            with lock:
                running += 1
                most = max(most, running)
            time.sleep(0.05)
            with lock:
                running -= 1
            return cell

        map_cells(work, list(range(64)), n_jobs=4)
        return most, int(os.environ.get("OMP_NUM_THREADS", 1))

    return busy_threads


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_processes_times_threads_are_not_more_than_the_processor_has(backend):
    with joblib.parallel_config(backend):
        found = joblib.Parallel(2)(joblib.delayed(make_busy_threads())(k) for k in range(2))
    for most, share in found:
        assert 1 <= most <= share


def test_threads_asked_for_at_the_top_are_given():
    with joblib.parallel_config("threading"):
        assert make_busy_threads()(0)[0] > 1
