"""The lock of a folder, so that one run at a time changes tags in it.

Its file is found by a name in a folder that may be anyone's: what skmmgenre did not make is neither
locked nor removed.
"""

import errno
import os
import stat
import threading
from contextlib import contextmanager, suppress

from filelock import lock_descriptor

from ._backup import NAME, NO_LINK

_LOCK = ".skmmgenre_tags.lock"
_HOLDERS = set()  # process, thread and path of each lock that is held
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def locked(folder):
    """Keep other processes and threads from changing tags in a folder while the body runs.

    A process that is killed gives the lock free. Within a thread it may be taken again. A folder
    that is read-only and has no backup needs none: no backup can be made there, so nothing is
    changed. Folders inside have locks of their own.

    Parameters
    ----------
    folder : str

    Raises
    ------
    BlockingIOError
        If another process or thread holds it.
    PermissionError
        If the lock file is another user's, or if a read-only folder has a backup.
    ValueError
        If something else has the name of the lock file.
    OSError
        If the file system cannot lock files.
    """
    path = os.path.join(os.path.realpath(folder), _LOCK)
    holder = os.getpid(), threading.get_ident(), path
    file = None if holder in _HOLDERS else _open(path, folder)
    if file is None:
        yield
        return
    with file:
        _lock(file, path, folder)
        _HOLDERS.add(holder)
        try:
            yield
        finally:
            _HOLDERS.remove(holder)
            _remove(file, path)


def _open(path, folder):
    """Open the lock file; return None where nothing can be changed without it."""
    with suppress(FileNotFoundError):
        _check(path)
    try:
        number = os.open(path, os.O_RDWR | os.O_CREAT | NO_LINK, 0o666)
    except OSError as error:
        if error.errno not in _READ_ONLY:
            raise
        if os.access(os.path.dirname(path), os.W_OK | os.X_OK):
            raise PermissionError(
                f"The lock file {path!r} cannot be opened ({error.strerror}): another user may be "
                "changing tags in the folder. Remove the file if no other process is. Nothing was "
                "changed."
            ) from error
        # Files in folders inside could be changed, and noted in a backup that is there.
        if os.path.lexists(os.path.join(folder, NAME)):
            raise PermissionError(
                f"{folder!r} cannot be written ({error.strerror}), so its backup {NAME} cannot be "
                "replaced: allow writing there, then run the command again. Nothing was changed."
            ) from error
        return None
    return os.fdopen(number, "rb")


def _lock(file, path, folder):
    try:
        is_free = lock_descriptor(file.fileno(), blocking=False)
    except OSError as error:
        raise OSError(
            f"The file system of {folder!r} cannot lock files ({error.strerror}), so two runs "
            "could change tags there at once: tag a copy on another disk. Nothing was changed."
        ) from error
    # A file that was removed in the meantime was the lock of a run that has just ended.
    if not is_free or not _is_at(path, file):
        raise BlockingIOError(
            f"Another process or thread is changing tags in {folder!r}. Wait until it has ended, "
            "then run the command again. Nothing was changed."
        )


def _remove(file, path):
    # It is removed while it is held, so that who opened it before notices that it is gone. Windows
    # removes only files that no one has open.
    with suppress(OSError, ValueError):
        if _is_at(path, file):
            if os.name == "nt":
                file.close()
            os.unlink(path)


def _is_at(path, file):
    with suppress(FileNotFoundError):
        return os.path.samestat(_check(path), os.fstat(file.fileno()))
    return False


def _check(path):
    """Return the status of the lock file; raise ValueError if skmmgenre did not make it."""
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode) or status.st_size:
        raise ValueError(
            f"{path!r} is not a lock file of skmmgenre, which is an empty file: move it away. "
            "Nothing was changed."
        )
    return status
