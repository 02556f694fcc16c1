"""Changing a file so that it is the old one or the new one at any moment."""

import os
import secrets
import shutil
import stat
from contextlib import contextmanager, suppress

_PART = ".skmmgenre_part_"


@contextmanager
def replacing(path):
    """Change a copy beside a file, then put it in its place.

    Parameters
    ----------
    path : str
        Of a link the file that it leads to is replaced, and the link stays.

    Yields
    ------
    copy : str
        Path of the copy to change; it is dropped if the body raises.

    Raises
    ------
    PermissionError
        If the file is read-only, which would not hinder a replacement, or its folder, which would.
    """
    hindrance = why_not_replaced(path)
    if hindrance:
        raise PermissionError(hindrance)
    path = os.path.realpath(path)
    status = os.stat(path)
    folder, name = os.path.split(path)
    # The end of the name tells what a bare mp3 is; all of a long name would be too long.
    copy = os.path.join(folder, _PART + secrets.token_hex(8) + os.path.splitext(name)[1])
    try:
        shutil.copyfile(path, copy)
        yield copy
        shutil.copystat(path, copy)
        os.utime(copy)  # it is new, as backups and players want to know
        if hasattr(os, "chown"):
            with suppress(PermissionError):
                os.chown(copy, status.st_uid, status.st_gid)
        sync(copy)
        os.replace(copy, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(copy)
        raise
    sync(folder)


def why_not_replaced(path):
    """Return why `replacing` refuses a file, or None."""
    path = os.path.realpath(path)
    if not os.stat(path).st_mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        return "read-only: allow writing (chmod u+w)"
    if not os.access(os.path.dirname(path), os.W_OK):
        return "its folder is read-only: allow writing there (chmod u+w)"
    return None


def sync(path):
    """Wait until a file or the names in a folder are on the disk."""
    if os.name == "nt" and os.path.isdir(path):  # where folders cannot be opened
        return
    number = os.open(path, os.O_RDONLY if os.name != "nt" else os.O_RDWR)
    try:
        os.fsync(number)
    finally:
        os.close(number)


def remove_parts(folders):
    """Remove the copies that a killed process left in folders."""
    for folder in folders:
        with suppress(OSError):
            for name in os.listdir(folder):
                if name.startswith(_PART):
                    os.unlink(os.path.join(folder, name))
