"""Opening files of users, atomic replacement of files, and the data home.

A new file is written next to the one that it replaces, flushed to disk, and moved to its place in
one step, so that the path is either the old or the new file at any time. A process that is killed
leaves at most a hidden file, whose name begins with `_NEW` or `_CHANGED`.
"""

import os
import re
import secrets
import shutil
import stat
from contextlib import contextmanager, suppress
from pathlib import Path

from .._typing import FilePath
from ._cells import BadItem

EMPTY_FILE = ("the file is empty (0 bytes)", "Get the file again.")  # reason and remedy

_NEW, _CHANGED = ".skmmgenre_new_", ".skmmgenre_part_"
_PART = re.compile(re.escape(_CHANGED) + r"[0-9a-f]{16}(\.|\Z)")  # matches names of copies only


def open_file(path, *, buffering=-1, if_folder="Pass a file."):
    """Open a file of a user for reading, or raise an error that says why it cannot be used.

    Parameters
    ----------
    path : str, bytes or PathLike
    buffering : int, default=-1
        As in `open`.
    if_folder : str, default="Pass a file."
        What to do if the path is a folder.

    Returns
    -------
    file : binary file
        At position 0.

    Raises
    ------
    BadItem
        If there is no file at the path, or if it cannot be opened, is empty, or is a folder, a
        pipe or a device.
    """
    try:
        status = os.stat(path)
        is_file = stat.S_ISREG(status.st_mode)  # opening a pipe would block
        file = open(path, "rb", buffering=buffering) if is_file else None
    except FileNotFoundError:
        raise BadItem(
            "there is no such file",
            "Check the path; a relative path starts at the current working directory.",
        ) from None
    except PermissionError as error:
        raise BadItem(
            f"the file cannot be opened ({error.strerror})", "Check the permissions of the file."
        ) from error
    except (OSError, ValueError) as error:  # ValueError: a null byte in the path
        reason = getattr(error, "strerror", None) or str(error)
        raise BadItem(f"the file cannot be opened ({reason})", "Check the path.") from error
    if stat.S_ISDIR(status.st_mode):
        raise BadItem("it is a folder", if_folder)
    if file is None:
        raise BadItem(
            "it is a pipe or a device, not a file", "Write its content to a file and pass that."
        )
    if not status.st_size:
        file.close()
        raise BadItem(*EMPTY_FILE)
    return file


@contextmanager
def replacing(path, *, prefix=_NEW, durable=True):
    """Create a new file next to a path, then move it to the path.

    Parameters
    ----------
    path : str or path-like
        An existing file is replaced; if it is a link, the link itself. It must not be a folder.
    prefix : str, default=".skmmgenre_new_"
        Prefix of the name of the new file.
    durable : bool, default=True
        Whether to wait until the new file is on disk, so that it survives a power failure.

    Yields
    ------
    new : str
        Path where the body creates a file or a folder. It is deleted if the body raises or the
        disk is full.
    """
    folder, name = os.path.split(os.fspath(path))
    # Keep the extension: it is all that identifies an mp3 without tags. The whole name might get
    # too long.
    new = os.path.join(folder, prefix + secrets.token_hex(8) + os.path.splitext(name)[1])
    try:
        yield new
        # Before the move: otherwise the path could be an empty file after a power failure.
        for made in _all_in(new) if durable else ():
            sync(made)
        os.replace(new, path)
    except BaseException:
        if os.path.isdir(new):
            shutil.rmtree(new, ignore_errors=True)
        else:
            with suppress(OSError):
                os.unlink(new)
        raise
    # The new file is in place. Some file systems cannot sync a folder; SQLite ignores that, too.
    with suppress(OSError):
        if durable:
            sync(folder or os.curdir)


@contextmanager
def changing(path, *, filled=True):
    """Change a copy of a file, then replace the file by it, with its permissions and owner.

    Parameters
    ----------
    path : str or path-like
        If it is a link, the file that it points to is replaced, and the link is kept. Other names
        of the file (hard links) keep the old content.
    filled : bool, default=True
        Whether the copy has the file's content at first. If False, the body creates it.

    Yields
    ------
    copy : str
        Path of the copy to change; it is deleted if the body raises. `remove_parts` removes the
        copies that killed processes left behind.

    Raises
    ------
    OSError
        If the file was changed while its copy was.
    """
    path = os.path.realpath(path)
    status = os.stat(path)
    with replacing(path, prefix=_CHANGED) as copy:
        if filled:
            shutil.copyfile(path, copy)
        yield copy
        shutil.copystat(path, copy)
        os.utime(copy)  # backups and players detect changes by the modification time
        if hasattr(os, "chown"):
            with suppress(PermissionError):
                os.chown(copy, status.st_uid, status.st_gid)
        # As late as possible, because a change between this check and the move is lost.
        if _version(os.stat(path)) != _version(status):
            raise OSError(f"{path!r} was changed by another program meanwhile")


def _version(status):
    return status.st_ino, status.st_size, status.st_mtime_ns


def sync(path):
    """Wait until a file, or the names in a folder, are on disk."""
    if os.name == "nt" and os.path.isdir(path):  # folders cannot be opened on Windows
        return
    number = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def remove_parts(folders):
    """Remove the copies that processes killed in `changing` have left in folders.

    New files are kept: another process may be writing one, such as a model.
    """
    for folder in folders:
        with suppress(OSError):
            for name in os.listdir(folder):
                if _PART.match(name):
                    with suppress(OSError):
                        os.unlink(os.path.join(folder, name))


def _all_in(path):
    """Yield the files and folders in a folder, then the folder itself; for a file only itself."""
    for folder, _, names in os.walk(path, topdown=False):
        inside = (os.path.join(folder, name) for name in names)
        yield from (file for file in inside if not os.path.islink(file))
        yield folder
    if not os.path.isdir(path):
        yield path


def get_data_home(data_home: FilePath | None = None) -> Path:
    """Return the folder of published data sets and pretrained models; it need not exist.

    Parameters
    ----------
    data_home : str or path, default=None
        None uses the environment variable ``SKMMGENRE_DATA`` if set, else ``~/skmmgenre_data``.

    Returns
    -------
    data_home : Path
        The folder, with "~" expanded to the user's home folder. It is not created.

    Examples
    --------
    >>> from skmmgenre.datasets import get_data_home
    >>> get_data_home("data").name
    'data'
    """
    if data_home is None:
        data_home = os.environ.get("SKMMGENRE_DATA") or "~/skmmgenre_data"
    return Path(data_home).expanduser()
