"""The backup file in a tagged folder, which records what each change of a tag replaced.

The file is not trusted, because it may have come with the folder: each line is checked before it is
used, and paths that lead out of the folder are refused.
"""

import hashlib
import json
import ntpath
import os
import stat
from contextlib import suppress
from dataclasses import dataclass

from ...utils import replacing, sync
from ._edits import check_undo, require

NAME = ".skmmgenre_tags.jsonl"
_VERSION = 1
_HEAD = {"skmmgenre_tags": _VERSION}
_MAX_LINE = 1 << 24
_MAX_NAME = 1 << 12
MAX_GENRES, MAX_TEXT = 1 << 10, 1 << 16  # per file, and characters per genre
_PARTS = {"file", "before", "after"}
_COPY = ".skmmgenre_part_"  # prefix of the temporary files that `remove_parts` removes
# O_NONBLOCK, because opening a named pipe would wait for its other end.
NO_LINK = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


@dataclass
class DamagedLine:
    """A line of a backup that cannot be used.

    Parameters
    ----------
    number : int
        Line number, from 1.
    reason : str
    place : (int, int) or None
        Start and end in the file, so that the line can be kept. None for a line that can be removed
        because its change was never made.
    """

    number: int
    reason: str
    place: tuple | None


class TagBackup:
    """Backup of the tags of a folder, with one line per change, written before the change.

    Parameters
    ----------
    folder : str
        The tagged folder, which contains the backup; paths are relative to it.

    Raises
    ------
    ValueError
        If a file that is not a backup has its name.

    Notes
    -----
    The file is read once, at construction. To add or remove lines, construct the object and call
    its methods while holding the lock of the folder.
    """

    def __init__(self, folder):
        self.folder = folder
        self.path = os.path.join(folder, NAME)
        self._changes, self._damaged, self._is_old = {}, [], False
        self._status = self._find_status()
        self.exists = self._status is not None
        if not self.exists:
            return
        if not stat.S_ISREG(self._status.st_mode):
            raise self._foreign("it is a link, a folder or a device")
        with self._open() as file:
            self._read(file)

    def add(self, path, before, after, undo):
        """Record a change, and sync the record to disk.

        Parameters
        ----------
        path : str
        before : dict
            From `read_state`.
        after : list of str
            The new genres.
        undo : list
            From `undo_of`.

        Raises
        ------
        ValueError
            If the line could not be used to undo the change.
        """
        name = os.path.relpath(path, self.folder)
        record = {"file": name, "before": before, "after": after, "undo": undo}
        line = _line(record)
        if len(line) > _MAX_LINE:
            raise ValueError("the information needed to undo the change is larger than 16 MB")
        # Validated as it is when read: a line that cannot be used would make the change permanent.
        _record(line)
        if not self.exists or self._is_old:
            self._begin()
        with self._open(os.O_RDWR | os.O_APPEND) as file:
            # After the last line end may be a record that was cut off, whose change was never made,
            # or one that lost its line end in an editor. Only the latter is kept.
            whole = _size_of_whole_lines(file)
            file.seek(whole)
            rest = file.read(_MAX_LINE)
            if _is_unfinished(rest):
                file.truncate(whole)
            file.write(b"\n" + line if rest and not _is_unfinished(rest) else line)
            # The tagged file is replaced next, so its record must be on disk before.
            file.flush()
            os.fsync(file.fileno())

    def read(self):
        """Return the changes of each file, and the lines that cannot be used.

        Returns
        -------
        changes : dict of str to list of dict
            Changes by path, in order; each has the keys file, before, after and undo. The value of
            undo is None in a backup of the first version.
        damaged : list of DamagedLine

        Raises
        ------
        FileNotFoundError
            If there is no backup.
        """
        if not self.exists:
            raise FileNotFoundError(
                f"There is no backup {self.path!r}: nothing in this folder was tagged, or all of "
                "it was undone. Pass the folder that was tagged with --write."
            )
        return self._changes, self._damaged

    def refuse_if_changed(self):
        """Raise BlockingIOError if the file has changed since it was read."""
        read, now = (
            status and (status.st_ino, status.st_size, status.st_mtime_ns)
            for status in (self._status, self._find_status())
        )
        if read != now:
            raise BlockingIOError(
                f"{self.path!r} was changed by another process or thread since it was read. Run "
                "the command again. Nothing was changed."
            )

    def keep(self, paths):
        """Keep only the changes of some files and damaged lines in the backup.

        If nothing is left, the backup is removed.

        Parameters
        ----------
        paths : collection of str
        """
        damaged = [line.place for line in self._damaged if line.place is not None]
        if not paths and not damaged:
            os.unlink(self.path)
            sync(self.folder)
            return
        with replacing(self.path, prefix=_COPY) as new:
            with self._open() as old, open(new, "wb") as file:
                file.write(_json(_HEAD))
                for path in paths:
                    for record in self._changes[path]:
                        file.write(_line(record))
                for place in damaged:
                    _copy(old, place, file)

    def _find_status(self):
        with suppress(FileNotFoundError):
            return os.lstat(self.path)
        return None

    def _begin(self):
        """Create the file with its first line, or add that line to a file of the first version."""
        with replacing(self.path, prefix=_COPY) as new, open(new, "wb") as file:
            file.write(_json(_HEAD))
            if self.exists:
                # With a last line that has no line end, which `add` completes or removes.
                with self._open() as old:
                    _copy(old, (0, old.seek(0, os.SEEK_END)), file)
        self.exists, self._is_old = True, False

    def _open(self, flags=os.O_RDONLY):
        try:
            number = os.open(self.path, flags | NO_LINK)
        except OSError as error:
            if os.path.islink(self.path):
                raise self._foreign("it is a link") from error
            raise
        file = os.fdopen(number, "r+b" if flags & os.O_RDWR else "rb")
        # What was opened is checked, because the name may have been replaced since `lstat`.
        if not stat.S_ISREG(os.fstat(number).st_mode):
            file.close()
            raise self._foreign("it is a folder or a device")
        return file

    def _read(self, file):
        number = 0
        for number, (line, start, end) in enumerate(_lines(file), 1):
            if number == 1 and line is not None and _is_head(line):
                continue
            if number == 1:
                self._is_old = True
            try:
                if line is None:
                    raise ValueError("the line is longer than 16 MB")
                record = _record(line)
            except ValueError as error:
                # A record comes before its change: if it was cut off, the change was not made.
                if number > 1 and line is not None and _is_unfinished(line):
                    reason = "the line is incomplete, because the change was not made"
                    self._damaged.append(DamagedLine(number, reason, None))
                    continue
                if self._is_old:  # without the first line, every line must be valid
                    raise self._foreign(f"line {number} is not valid") from error
                self._damaged.append(DamagedLine(number, str(error), (start, end)))
            else:
                path = os.path.join(self.folder, record["file"])
                self._changes.setdefault(path, []).append(record)
        if not number:
            raise self._foreign("it is empty")

    def _foreign(self, reason):
        return ValueError(
            f"{self.path!r} is not a backup of skmmgenre ({reason}). Move it elsewhere. Nothing "
            "was changed."
        )


def _line(record):
    """Return a record as a line with a checksum."""
    if record["undo"] is None:
        return _json({name: record[name] for name in ("file", "before", "after")})
    return _json({**record, "sum": _sum(record)})


def _sum(record):
    # It detects damage only. A forged record is detected when it is undone, see `undo_write`.
    return hashlib.blake2b(_json(record, sort_keys=True), digest_size=8).hexdigest()


def _json(value, **options):
    return json.dumps(value, separators=(",", ":"), **options).encode() + b"\n"


def _is_head(line):
    try:
        head = _loads(line)
    except (ValueError, RecursionError):
        return False
    if type(head) is not dict or head.keys() != _HEAD.keys():
        return False
    version = head["skmmgenre_tags"]
    if version != _VERSION or type(version) is not int:
        raise ValueError(
            f"the backup {NAME} was written by another version of skmmgenre ({version!r:.20}); use "
            "that version to undo"
        )
    return True


def _record(line):
    """Return the record of a line; raise ValueError with the reason if it cannot be used."""
    try:
        return _checked(_loads(line))
    except RecursionError as error:
        raise ValueError("the line is nested too deeply") from error


def _checked(record):
    require(type(record) is dict, "the line is not a JSON object")
    is_old = record.keys() == _PARTS
    require(is_old or record.keys() == _PARTS | {"undo", "sum"}, "the line has unexpected keys")
    if is_old:
        record["undo"] = None
    else:
        require(
            record.pop("sum") == _sum(record), "the line was changed: its checksum does not match"
        )
        check_undo(record["undo"])
    _check_name(record["file"])
    _check_texts(record["after"], "after")
    _check_state(record["before"])
    return record


def _loads(line):
    try:
        return json.loads(line.decode("utf-8"), object_pairs_hook=_once, parse_int=_number)
    except UnicodeDecodeError as error:
        raise ValueError("the line is not valid UTF-8") from error
    except json.JSONDecodeError as error:
        raise ValueError("the line is not valid JSON") from error


def _number(digits):
    # Positions have at most 19 digits, and converting very long numbers takes quadratic time.
    require(len(digits) <= 20, "the line has a number that is too large")
    return int(digits)


def _once(pairs):
    found = dict(pairs)
    require(len(found) == len(pairs), "the line has a key twice")
    return found


def _check_name(name):
    """Raise ValueError if a name could lead out of the folder, without following links."""
    require(type(name) is str and 0 < len(name) <= _MAX_NAME, "file is not a valid path")
    require("\0" not in name, "file is not a valid path")
    try:
        os.fsencode(name)
    except UnicodeEncodeError as error:
        raise ValueError("file is not a valid path") from error
    separators = "/\\" if os.name == "nt" else "/"
    parts = name.translate(str.maketrans(separators, "/" * len(separators))).split("/")
    # On Windows, "C:name" is not absolute, but leads out of the folder.
    is_absolute = os.path.isabs(name) or (os.name == "nt" and ntpath.splitdrive(name)[0])
    require(not is_absolute and ".." not in parts, "file leads out of the folder")


def _check_state(state):
    require(type(state) is dict, "before is not an object")
    tags, genres = state.get("tags"), state.get("genres")
    if genres is not None:
        _check_texts(genres, "the genres before")
    names = state.keys()
    if names == {"tags", "genres", "encoding"}:  # of ID3
        encoding = state["encoding"]
        require(tags in (None, "v1", "v2"), "tags has an unknown value")
        known = encoding is None if genres is None else type(encoding) is int
        require(known and encoding in (None, 0, 1, 2, 3), "encoding has an unknown value")
        return
    require(type(tags) is bool, "tags is not true or false")
    if names == {"tags", "genres"}:  # of MP4
        return
    require(names == {"tags", "genres", "places", "keys"}, "before has unknown keys")
    places, keys = state["places"], state["keys"]
    require(type(places) is list and type(keys) is list, "places or keys is not a list")
    require(
        len(places) == len(keys) == len(genres or ()),
        "the number of places, keys and genres differs",
    )
    require(
        all(type(p) is int and 0 <= p < 1 << 31 for p in places), "places are not valid numbers"
    )
    require(sorted(set(places)) == places, "places are not in order")
    require(
        all(type(k) is str and k.lower() == "genre" for k in keys),
        "keys has a value other than genre",
    )


def _check_texts(texts, name):
    require(type(texts) is list and len(texts) <= MAX_GENRES, f"{name} is not a list of strings")
    for text in texts:
        require(type(text) is str and len(text) <= MAX_TEXT, f"{name} is not a list of strings")
        try:
            text.encode()
        except UnicodeEncodeError as error:
            raise ValueError(f"{name} has a string that cannot be encoded in UTF-8") from error


def _is_unfinished(line):
    """Return whether a line is the beginning of a record, left by a killed process."""
    # Records are ASCII, because json escapes all other characters.
    if line[-1:] == b"\n" or not line.isascii():
        return False
    try:
        json.loads(line)
    except json.JSONDecodeError as error:
        # The error is at the end of the line, within a string or a word such as null.
        return error.msg.startswith("Unterminated") or error.pos > len(line) - 6
    except (ValueError, RecursionError):
        return False
    return False


def _lines(file):
    """Yield each line with its start and end; None in place of a line that is too long."""
    start = 0
    # Bounded, because a foreign file may be a single huge line.
    while line := file.readline(_MAX_LINE + 1):
        if len(line) > _MAX_LINE:
            while line and not line.endswith(b"\n"):
                line = file.readline(_MAX_LINE)
            line = None
        yield line, start, file.tell()
        start = file.tell()


def _size_of_whole_lines(file):
    end = file.seek(0, 2)
    while end:
        start = max(0, end - (1 << 20))
        file.seek(start)
        found = file.read(end - start).rfind(b"\n")
        if found >= 0:
            return start + found + 1
        end = start
    return 0


def _copy(source, place, target):
    start, end = place
    source.seek(start)
    while start < end:
        block = source.read(min(1 << 20, end - start))
        if not block:
            return
        target.write(block)
        start += len(block)
