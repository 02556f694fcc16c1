"""A named pipe that blocks whoever opens it, though not for ever."""

import contextlib
import os
import threading

import pytest


@contextlib.contextmanager
def named_pipe(path, seconds=5.0):
    """Make a named pipe; after some seconds, whoever waits for its content gets none.

    So a test of code that opens the pipe fails, instead of never ending.
    """
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no named pipes")
    os.mkfifo(path)
    timer = threading.Timer(seconds, _end, [path])
    timer.start()
    try:
        yield path
        assert timer.is_alive(), "the pipe was waited for"
    finally:
        timer.cancel()


def _end(path):
    with contextlib.suppress(OSError):  # nobody waits
        os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
