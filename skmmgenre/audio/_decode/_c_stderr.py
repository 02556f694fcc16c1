"""Silence what C libraries write to standard error."""

import contextlib
import ctypes
import functools
import os
import sys
import threading

_lock = threading.Lock()
_inside = []  # threads that want quiet


@contextlib.contextmanager
def quiet_c_stderr():
    """Send nowhere what C code prints to standard error meanwhile, in all threads.

    Until the last thread that asked for it leaves.

    Python's own standard error, and that of processes that are started meanwhile, are as ever:
    the file descriptor is not touched, only the C library's variable `stderr`.
    """
    if not can_quiet_c_stderr():
        raise RuntimeError("The C library has no variable stderr that could be set.")
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
    """Tell whether the C library is one that lets `stderr` be set: glibc or that of macOS."""
    return _streams() is not None


def _after_fork():
    """Only the thread that forked goes on in the child."""
    if _inside:
        _inside[:] = [thread for thread in _inside if thread == threading.get_ident()]
        if not _inside:
            variable, usual, _ = _streams()
            variable.value = usual
    _lock.release()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_lock.acquire, after_in_parent=_lock.release, after_in_child=_after_fork
    )


@functools.cache
def _streams():
    """The variable `stderr`, its value, and a stream to nowhere."""
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
