"""joblib workers, and the number of threads available to this process."""

import os
import re
import sys
import warnings
from contextlib import contextmanager

import joblib
from joblib.parallel import ThreadingBackend, get_active_backend


@contextmanager
def workers(n_jobs):
    """Open a `joblib.Parallel` whose workers can import large packages.

    If psutil is installed, loky treats a process that grows by 300 MB as a memory leak, and
    importing spaCy takes more. It then starts another process and warns. If warnings are errors,
    loky's thread dies of that warning, and the call would never return.

    Parameters
    ----------
    n_jobs : int or None
        Number of workers. Inside a joblib worker it is limited to the worker's share of the CPUs:
        otherwise a search with n_jobs processes over steps with n_jobs workers each would run the
        product of both. Inside a dask task there is one worker, the task itself.

    Yields
    ------
    parallel : joblib.Parallel
        To be called with a list of delayed calls.
    n_workers : int
        The actual number of workers.
    """
    # Subtasks of a dask task might be queued behind a task that waits for features which this one
    # has claimed in a store: a deadlock.
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
    """Return the number of threads that this process should use.

    Returns
    -------
    n_threads : int
        Number of CPUs available to this process; inside a worker its share of them.
    """
    return _share_of_a_worker() or joblib.cpu_count()


def in_a_worker():
    """Return whether this is a joblib worker or a dask task."""
    return _share_of_a_worker() is not None


def _share_of_a_worker():
    """Return the number of threads of this joblib worker or dask task, None outside of one."""
    if _in_a_dask_task():
        return 1
    backend, _ = get_active_backend()
    # Inside its own workers joblib uses its threading backend. Ray's backend counts for itself.
    if not (isinstance(backend, ThreadingBackend) and backend.nesting_level):
        return None
    # joblib sets this variable in its worker processes, but cannot in threads. A list has one
    # number for each level of OpenMP.
    told = re.match(r"\s*(\d+)", os.environ.get("OMP_NUM_THREADS", ""))
    return max(1, int(told[1])) if told else 1
