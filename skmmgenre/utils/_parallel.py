"""joblib's workers."""

import os
import re
import sys
import warnings
from contextlib import contextmanager

import joblib
from joblib.parallel import ThreadingBackend, get_active_backend


@contextmanager
def workers(n_jobs):
    """Open a `joblib.Parallel` whose workers may import what they need.

    Where psutil is installed, loky takes a process that grows by 300 MB for a leak, and
    spaCy with what it imports is more. It starts another process and warns; where
    warnings are errors its thread dies of that, and the call would never end.

    Parameters
    ----------
    n_jobs : int or None
        Inside a worker of joblib at most the worker's share of the processor: a search of
        n_jobs processes over steps of n_jobs workers each would else run their product. Inside a
        task of dask there is one worker, the task itself.

    Yields
    ------
    parallel : joblib.Parallel
        To be called with a list of delayed calls.
    n_workers : int
        As many as there really are.
    """
    # Tasks of a task may be queued behind one that waits for what this one has claimed in a store.
    backend = "sequential" if _in_a_dask_task() else None
    share = _share_of_a_worker()
    if share is not None:
        n_jobs = min(joblib.effective_n_jobs(n_jobs), share)
    n_workers = joblib.effective_n_jobs(n_jobs)
    with joblib.Parallel(n_jobs=n_jobs, backend=backend) as parallel:
        if n_workers == 1:
            yield parallel, 1
            return
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
            yield parallel, n_workers


def _in_a_dask_task():
    distributed = sys.modules.get("distributed")
    if distributed is None:
        return False
    try:
        distributed.get_worker()
    except ValueError:
        return False
    return True


def n_threads():
    """Return how many threads may be at work here.

    Returns
    -------
    n_threads : int
        As many as this process may use processors; inside a worker its share of them.
    """
    return _share_of_a_worker() or joblib.cpu_count()


def in_a_worker():
    """Return whether this is a worker of joblib or a task of dask."""
    return _share_of_a_worker() is not None


def _share_of_a_worker():
    """Threads of this worker of joblib or task of dask, None outside of one."""
    if _in_a_dask_task():
        return 1
    backend, _ = get_active_backend()
    # What joblib starts inside a worker of its own are threads. Ray's backend counts for
    # itself.
    if not (isinstance(backend, ThreadingBackend) and backend.nesting_level):
        return None
    # joblib tells its processes their threads so; threads are told nothing. A list is one number
    # for each level of OpenMP.
    told = re.match(r"\s*(\d+)", os.environ.get("OMP_NUM_THREADS", ""))
    return max(1, int(told[1])) if told else 1
