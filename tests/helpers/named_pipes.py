"""A named pipe that blocks whoever opens it, though not for ever."""

import contextlib
import os
import threading

import pytest


@contextlib.contextmanager
def named_pipe(path):
    """Make a named pipe; whoever opens it gets no content, and the test fails.

    The pipe can be opened for writing without waiting only while someone waits for its content. So
    no clock decides, however busy the machine is, and a test that fails ends all the same.
    """
    if not hasattr(os, "mkfifo"):
        pytest.skip("there are no named pipes")
    os.mkfifo(path)
    done, waited_for = threading.Event(), []

    def watch():
        while not done.wait(0.05):
            with contextlib.suppress(OSError):  # nobody waits
                os.close(os.open(path, os.O_WRONLY | os.O_NONBLOCK))
                waited_for.append(path)

    watcher = threading.Thread(target=watch)
    watcher.start()
    try:
        yield path
    finally:
        done.set()
        watcher.join()
    assert not waited_for, "the pipe was waited for"
