"""Replacing a file so that its path holds the old one or the new one at any moment; the data home.

The new file is made beside the old one, written to the disk, and moved to its place in one step.
A process that is killed leaves at most a hidden file, whose name begins with `_NEW` or `_CHANGED`.
"""

import os
import re
import secrets
import shutil
from contextlib import contextmanager, suppress
from pathlib import Path

from .._typing import FilePath

_NEW, _CHANGED = ".skmmgenre_new_", ".skmmgenre_part_"
_PART = re.compile(re.escape(_CHANGED) + r"[0-9a-f]{16}(\.|\Z)")  # the names of copies, no others


@contextmanager
def replacing(path, *, prefix=_NEW, durable=True):
    """Make a new file beside a path, then put it in its place.

    Parameters
    ----------
    path : str or path-like
        What is there is replaced; of a link the link itself. A folder must not be there.
    prefix : str, default=".skmmgenre_new_"
        How the name of the new file begins.
    durable : bool, default=True
        Whether to wait until the new file is on the disk, so that it also survives a loss of power.

    Yields
    ------
    new : str
        Path where the body makes a file, or a folder. It is dropped if the body raises or the
        disk cannot hold it.
    """
    folder, name = os.path.split(os.fspath(path))
    # The end of the name tells what a bare mp3 is; all of a long name would be too long.
    new = os.path.join(folder, prefix + secrets.token_hex(8) + os.path.splitext(name)[1])
    try:
        yield new
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
    # The new file is in its place: some file systems cannot write a folder, as SQLite knows, too.
    with suppress(OSError):
        if durable:
            sync(folder or os.curdir)


@contextmanager
def changing(path, *, filled=True):
    """Change a copy of a file, then put it in the file's place, with its permissions and owner.

    Parameters
    ----------
    path : str or path-like
        Of a link the file that it leads to is replaced, and the link stays. Other names of the
        file (hard links) keep the old content.
    filled : bool, default=True
        Whether the copy holds the file's content at first; False leaves it to the body to make it.

    Yields
    ------
    copy : str
        Path of the copy to change; it is dropped if the body raises. What a killed process leaves
        of it `remove_parts` removes.

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
        os.utime(copy)  # it is new, as backups and players want to know
        if hasattr(os, "chown"):
            with suppress(PermissionError):
                os.chown(copy, status.st_uid, status.st_gid)
        if _version(os.stat(path)) != _version(status):
            raise OSError(f"{path!r} was changed by another program at the same time")


def _version(status):
    return status.st_ino, status.st_size, status.st_mtime_ns


def sync(path):
    """Wait until a file, or the names in a folder, are on the disk."""
    if os.name == "nt" and os.path.isdir(path):  # where folders cannot be opened
        return
    number = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def remove_parts(folders):
    """Remove the copies that a process which was killed in `changing` left in folders.

    New files stay: another process may be making one there, such as a model.
    """
    for folder in folders:
        with suppress(OSError):
            for name in os.listdir(folder):
                if _PART.match(name):
                    with suppress(OSError):
                        os.unlink(os.path.join(folder, name))


def _all_in(path):
    """Yield the files and folders in a folder, then the folder; of a file itself."""
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
        By default the environment variable ``SKMMGENRE_DATA``, else ``~/skmmgenre_data``.

    Returns
    -------
    data_home : Path
        The folder, with "~" replaced by the home of the user. It is not made.

    Examples
    --------
    >>> from skmmgenre.datasets import get_data_home
    >>> get_data_home("data").name
    'data'
    """
    if data_home is None:
        data_home = os.environ.get("SKMMGENRE_DATA") or "~/skmmgenre_data"
    return Path(data_home).expanduser()
