"""Workers that need much memory, and workers of workers."""

import json
import os
import subprocess
import sys
import threading
import time

import joblib
import pytest

from skmmgenre.store import map_cells

GROW = """
import math, time
from skmmgenre.store import map_cells

def grow(cell):
    time.sleep(0.15)
    if cell >= 16:
        math.kept = bytearray(b"x") * 400_000_000
    return cell

if __name__ == "__main__":
    values, _ = map_cells(grow, list(range(64)), n_jobs=2)
    assert values == list(range(64))
"""

COUNT = """
import json, os
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.model_selection import GridSearchCV
from skmmgenre.store import map_cells

def threads(cell=None):
    import torch
    from threadpoolctl import threadpool_info
    np.eye(2) @ np.eye(2)
    torch.eye(2) @ torch.eye(2)
    pools = [pool["num_threads"] for pool in threadpool_info()]
    return os.getpid(), max([torch.get_num_threads(), *pools])

class Counting(ClassifierMixin, BaseEstimator):
    def __init__(self, k=0):
        self.k = k

    def fit(self, X, y):
        self.classes_ = np.unique(y)
        return self

    def predict(self, X):  # what a step of a model sees whose loop asks for workers of its own
        self.seen = [threads(), *map_cells(threads, list(range(32)), n_jobs=8)[0]]
        return np.full(len(X), self.seen[0][1])

def most(estimator, X, y):
    estimator.predict(X)
    return max(n for _, n in estimator.seen) * len({pid for pid, _ in estimator.seen})

if __name__ == "__main__":
    found = {}
    for n_jobs in (2, 3):
        told = map_cells(threads, list(range(64)), n_jobs=n_jobs)[0]
        found[f"loop of {n_jobs}"] = n_jobs, max(n for _, n in told)
        search = GridSearchCV(Counting(), {"k": [0, 1, 2]}, cv=2, scoring=most, n_jobs=n_jobs)
        search.fit(np.zeros((8, 1)), [0, 1] * 4)
        scores = [search.cv_results_[f"split{k}_test_score"].max() for k in range(2)]
        found[f"search of {n_jobs}"] = n_jobs, int(max(scores))
    print(json.dumps(found))
"""


@pytest.mark.slow
def test_no_more_threads_than_cores(tmp_path):
    """Threads of torch and BLAS in loops, in searches, and in loops of what is searched."""
    script = tmp_path / "count.py"
    script.write_text(COUNT)
    free = {name: value for name, value in os.environ.items() if "_NUM_THREADS" not in name}
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, timeout=300, env=free
    )
    assert done.returncode == 0, done.stderr
    for where, (n_processes, n_threads) in json.loads(done.stdout).items():
        assert n_threads == max(1, joblib.cpu_count() // n_processes), where


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
            time.sleep(0.02)
            with lock:
                running -= 1
            return cell

        map_cells(work, list(range(24)), n_jobs=4)
        return most, os.environ.get("OMP_NUM_THREADS", 1)

    return busy_threads


@pytest.mark.parametrize("backend", ["loky", "threading"])
def test_processes_times_threads_are_not_more_than_the_processor_has(backend):
    with joblib.parallel_config(backend):
        found = joblib.Parallel(2)(joblib.delayed(make_busy_threads())(k) for k in range(2))
    for most, share in found:
        assert 1 <= most <= int(share)


def test_threads_asked_for_at_the_top_are_given():
    with joblib.parallel_config("threading"):
        assert make_busy_threads()(0)[0] > 1


@pytest.mark.parametrize(("told", "expected"), [("4,2", 4), (" 2", 2), ("", 1), ("0", 1), ("x", 1)])
def test_what_openmp_is_told(monkeypatch, told, expected):
    """A number, one for each level, or nothing that counts."""
    monkeypatch.setenv("OMP_NUM_THREADS", told)
    with joblib.parallel_config("threading"):
        found = joblib.Parallel(2)(joblib.delayed(make_busy_threads())(k) for k in range(2))
    assert all(1 <= most <= expected for most, _ in found)
