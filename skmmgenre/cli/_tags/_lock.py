"""The lock of a folder, so that only one run at a time changes tags in it.

The folder is not trusted: a file of the same name that skmmgenre did not create is neither locked
nor removed.
"""

import errno
import os
import stat
import threading
from contextlib import contextmanager, suppress

from filelock import lock_descriptor

from ._backup import NAME, NO_LINK

_LOCK = ".skmmgenre_tags.lock"
# A forked child inherits this set, but must not count as the holder.
_HOLDERS = set()  # process, thread and path of each lock that is held
_READ_ONLY = (errno.EACCES, errno.EPERM, errno.EROFS)


@contextmanager
def locked(folder):
    """Keep other processes and threads from changing tags in a folder while the body runs.

    The lock is released when a process is killed, and is reentrant within a thread. A read-only
    folder without a backup needs no lock: no backup can be created there, so nothing is changed.
    Subfolders have their own locks.

    Parameters
    ----------
    folder : str

    Raises
    ------
    BlockingIOError
        If another process or thread holds the lock.
    PermissionError
        If the lock file belongs to another user, or a read-only folder has a backup.
    ValueError
        If a file that is not a lock file has its name.
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
    """Open the lock file; return None for a read-only folder, in which nothing can be changed."""
    # Before it is opened, so that a foreign file is neither locked nor removed.
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
                "changing tags in the folder. If not, remove the file. Nothing was changed."
            ) from error
        # With an existing backup, files in subfolders could still be changed.
        if os.path.lexists(os.path.join(folder, NAME)):
            raise PermissionError(
                f"{folder!r} is not writable ({error.strerror}), so its backup {NAME} cannot be "
                "updated. Make the folder writable and run the command again. Nothing was changed."
            ) from error
        return None
    return os.fdopen(number, "rb")


def _lock(file, path, folder):
    try:
        is_free = lock_descriptor(file.fileno(), blocking=False)
    except OSError as error:
        raise OSError(
            f"The file system of {folder!r} cannot lock files ({error.strerror}), so two runs "
            "could change the same tags. Tag a copy on another disk. Nothing was changed."
        ) from error
    # If the file was removed in the meantime, it was the lock of a run that has just ended.
    if not is_free or not _is_at(path, file):
        raise BlockingIOError(
            f"Another process or thread is changing tags in {folder!r}. Wait until it has ended "
            "and run the command again. Nothing was changed."
        )


def _remove(file, path):
    # Removed while the lock is held, so that a process that opened the file before notices it.
    # Windows removes only closed files.
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
    """Return the status of the lock file; raise ValueError if it is not one of skmmgenre."""
    status = os.lstat(path)
    if not stat.S_ISREG(status.st_mode) or status.st_size:
        raise ValueError(
            f"{path!r} has the name of skmmgenre's lock file, but is not an empty file. Move it "
            "elsewhere. "
            "Nothing was changed."
        )
    return status
