"""The tags that were changed in a folder, so that they can be put back."""

import json
import os

from ..utils import changing, sync

NAME = ".skmmgenre_tags.jsonl"


class TagBackup:
    """A file of one line a change, written before the change is made.

    Parameters
    ----------
    folder : str
        The folder that is tagged; the file lies in it, and paths are relative to it.
    """

    def __init__(self, folder):
        self.folder = folder
        self.path = os.path.join(folder, NAME)

    def add(self, path, before, after):
        """Note a change, and wait until the note is on the disk.

        Parameters
        ----------
        path : str
        before : dict
            Of `read_state`.
        after : list of str
            Genres.
        """
        name = os.path.relpath(path, self.folder)
        line = json.dumps({"file": name, "before": before, "after": after})
        # What a killed process left unfinished belongs to a change that was not made.
        whole = self._size_of_whole_lines()
        is_new = whole is None
        with open(self.path, "ab") as file:
            if not is_new:
                file.truncate(whole)
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync(self.folder)

    def read(self):
        """Return the changes of each file.

        Returns
        -------
        changes : dict of str to (dict, list of list of str)
            By path: the tags before the first change, and the genres after each.

        Raises
        ------
        FileNotFoundError
            If nothing was changed.
        ValueError
            If the file is no backup.
        """
        try:
            with open(self.path, "rb") as file:
                content = file.read()
        except FileNotFoundError:
            raise FileNotFoundError(
                f"there is no backup {self.path!r}: nothing in this folder was tagged, or all of "
                "it was undone"
            ) from None
        changes = {}
        for number, line in enumerate(content.split(b"\n")[:-1], 1):
            try:
                held = json.loads(line)
                path = os.path.join(self.folder, held["file"])
                _, after = changes.setdefault(path, (held["before"], []))
                after.append(held["after"])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"line {number} of {self.path!r} is damaged; remove it to undo the others"
                ) from error
        return changes

    def keep(self, changes):
        """Leave only some changes, of `read`, in the backup; without any it is removed."""
        if not changes:
            os.unlink(self.path)
            sync(self.folder)
            return
        with changing(self.path) as copy, open(copy, "wb") as file:
            for path, (before, after) in changes.items():
                name = os.path.relpath(path, self.folder)
                for genres in after:
                    line = json.dumps({"file": name, "before": before, "after": genres})
                    file.write(line.encode() + b"\n")

    def _size_of_whole_lines(self):
        try:
            with open(self.path, "rb") as file:
                size = file.seek(0, 2)
                tail = min(size, 1 << 20)
                file.seek(size - tail)
                end = file.read()
        except FileNotFoundError:
            return None
        return size - len(end) + end.rfind(b"\n") + 1
