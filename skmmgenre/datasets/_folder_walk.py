"""The files of a folder and of those in it."""

import os
import stat
from dataclasses import dataclass, field


@dataclass
class FoundFiles:
    """What there is in a folder.

    Parameters
    ----------
    folders : dict of str to list of str
        Folder -> the names of its files, sorted; folders in order.
    faults : list of (str, str, str)
        Path, reason and remedy of what was left out.
    """

    folders: dict = field(default_factory=dict)
    faults: list = field(default_factory=list)

    def places(self):
        """Iterate over all files: folder, name."""
        return ((folder, name) for folder, names in self.folders.items() for name in names)


def walk_folder(path):
    """List the files of a folder at any depth, hidden ones left out.

    Links to folders are followed, but each folder is entered once, so that a link to a folder
    above does not lead round and round.

    Parameters
    ----------
    path : str

    Returns
    -------
    found : FoundFiles
        Only regular files, and links to them.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If there is no such folder.
    """
    if not os.path.exists(path):
        raise FileNotFoundError(f"There is no folder {path!r}. Check the path.")
    if not os.path.isdir(path):
        raise NotADirectoryError(f"{path!r} is a file, a folder is expected.")
    found, met = FoundFiles(), {}
    waiting, links = [path], []
    while waiting or links:  # links last: a folder is told by its own name if it has one here
        folder = waiting.pop() if waiting else links.pop()
        status = os.stat(folder)
        known = met.setdefault((status.st_dev, status.st_ino), folder)
        if known != folder:
            reason = f"the same folder as {known!r}, by a link"
            found.faults.append((folder, reason, "It is entered once."))
            continue
        try:
            names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
        except OSError as error:
            reason = f"the folder cannot be read ({os.strerror(error.errno)})"
            found.faults.append((folder, reason, "Check its rights."))
            continue
        found.folders[folder] = []
        for inside in (os.path.join(folder, name) for name in names):
            is_link = os.path.islink(inside)
            try:
                mode = os.stat(inside).st_mode
            except OSError as error:
                reason = f"it cannot be read ({os.strerror(error.errno)})"
                if is_link:
                    reason = "a link that leads nowhere, or to itself"
                found.faults.append((inside, reason, "Remove the link." if is_link else ""))
                continue
            if stat.S_ISDIR(mode):
                (links if is_link else waiting).append(inside)
            elif stat.S_ISREG(mode):
                found.folders[folder].append(os.path.basename(inside))
            else:
                found.faults.append((inside, "a pipe, socket or device, and no file", ""))
    found.folders = dict(sorted(found.folders.items()))
    return found


def list_around(paths):
    """List the folders of some files, and those above, not what is deeper.

    Parameters
    ----------
    paths : list of str

    Returns
    -------
    found : FoundFiles
    """
    folders = {os.path.dirname(path) for path in paths}
    folders |= {os.path.dirname(folder) for folder in folders}
    found = FoundFiles()
    for folder in sorted(folders):
        try:
            names = os.listdir(folder or ".")
        except OSError:  # the files in it will say so
            names = []
        files = (name for name in names if os.path.isfile(os.path.join(folder, name)))
        found.folders[folder] = sorted(name for name in files if not name.startswith("."))
    return found
