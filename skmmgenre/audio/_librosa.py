"""Import librosa in one process at a time."""

import contextlib
import functools
import importlib
import importlib.util
import os
import tempfile

from filelock import FileLock

_LONGEST_WAIT = 600  # seconds; another process compiles for about half a minute


@functools.cache
def import_librosa():
    """Return librosa, with its compiled functions loaded.

    When librosa is first imported in an environment, numba compiles some of its functions and
    caches them on disk. Numba reads, changes and writes the index of this cache without a lock, so
    two processes that compile at the same time can mix up their functions. Every process that loads
    them later crashes. So this function lets one process at a time import librosa.

    Returns
    -------
    librosa : module
    """
    with _one_process_at_a_time():
        importlib.import_module("librosa.feature.spectral")  # with it all modules that we use
    return importlib.import_module("librosa")


@contextlib.contextmanager
def _one_process_at_a_time():
    lock = FileLock(_lock_path())
    # Without a lock, as in a folder where nobody may write, the import is what it always was.
    with contextlib.suppress(OSError, NotImplementedError):  # a timeout is an OSError
        lock.acquire(timeout=_LONGEST_WAIT)
    try:
        yield
    finally:
        lock.release()


def _lock_path():
    """Return the path of a file beside numba's cache, which several machines may share."""
    package = os.path.dirname(importlib.util.find_spec("librosa").origin)
    folder = os.environ.get("NUMBA_CACHE_DIR") or os.path.join(package, "__pycache__")
    if os.access(folder, os.W_OK):
        return os.path.join(folder, "skmmgenre.lock")
    # Then numba caches for each user.
    user = os.getuid() if hasattr(os, "getuid") else "user"
    return os.path.join(tempfile.gettempdir(), f"skmmgenre_{user}.lock")
