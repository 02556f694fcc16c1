"""joblib's workers."""

import warnings
from contextlib import contextmanager

import joblib


@contextmanager
def workers(n_jobs):
    """Open a `joblib.Parallel` whose workers may import what they need.

    Where psutil is installed, loky takes a process that grows by 300 MB for a leak, and
    spaCy with what it imports is more. It starts another process and warns; where
    warnings are errors its thread dies of that, and the call would never end.

    Parameters
    ----------
    n_jobs : int or None

    Yields
    ------
    parallel : joblib.Parallel
    """
    with joblib.Parallel(n_jobs=n_jobs) as parallel:
        if joblib.effective_n_jobs(n_jobs) == 1:
            yield parallel
            return
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "A worker stopped while some jobs", UserWarning)
            yield parallel
