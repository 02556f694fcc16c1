"""Silence messages that C libraries write to standard error."""

import contextlib
import ctypes
import functools
import os
import sys
import threading

_lock = threading.Lock()
# Not a counter, because a forked child must forget the entries of threads that it does not have.
_inside = []  # threads inside the context manager


@contextlib.contextmanager
def quiet_c_stderr():
    """Discard what C code prints to standard error within the context, in all threads.

    It takes effect until the last thread leaves the context.

    Python's own standard error, and that of new processes, are not affected: only the C library's
    variable `stderr` is changed, not the file descriptor.
    """
    if not can_quiet_c_stderr():
        raise RuntimeError("The C library does not allow its variable stderr to be set.")
    variable, usual, nowhere = _streams()
    thread = threading.get_ident()
    with _lock:
        _inside.append(thread)
        variable.value = nowhere
    try:
        yield
    finally:
        with _lock:
            _inside.remove(thread)
            if not _inside:
                variable.value = usual


def can_quiet_c_stderr():
    """Return whether the C library allows `stderr` to be set: glibc or that of macOS."""
    return _streams() is not None


def _after_fork():
    """Reset the state in the child, where only the forking thread exists."""
    if _inside:
        _inside[:] = [thread for thread in _inside if thread == threading.get_ident()]
        if not _inside:
            variable, usual, _ = _streams()
            variable.value = usual
    _lock.release()


# The lock is held during a fork: the child must not inherit it from a thread that does not exist
# there to release it.
if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork
    )


@functools.cache
def _streams():
    """Return the variable `stderr`, its value, and a stream to the null device."""
    if sys.platform == "darwin":
        name = "__stderrp"
    elif "CS_GNU_LIBC_VERSION" in getattr(os, "confstr_names", {}):
        name = "stderr"
    else:
        return None
    library = ctypes.CDLL(None)
    variable = ctypes.c_void_p.in_dll(library, name)
    library.fopen.argtypes = [ctypes.c_char_p, ctypes.c_char_p]
    library.fopen.restype = ctypes.c_void_p
    nowhere = library.fopen(os.devnull.encode(), b"w")
    return (variable, variable.value, nowhere) if nowhere and variable.value else None
