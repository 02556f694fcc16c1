"""The CSV file of annotations, to which each answer is appended and synced at once."""

import csv
import io
import os
import threading
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, datetime

from ...inspection._annotations import COLUMNS, decode_lines, read_rows
from ...utils import replacing
from ._plan import lock_of


@dataclass(frozen=True)
class Answer:
    """The latest answer for an item.

    Parameters
    ----------
    genre : str or None
        None if there is no answer, or if the item was skipped.
    revision : int
        Number of answers so far; 0 if there is none.
    """

    genre: str | None = None
    revision: int = 0


class OtherRevision(Exception):
    """Raised if an item was answered elsewhere after the page showed it."""


class AnswerLog:
    """Answers of one annotator in a file that several annotators can share.

    Parameters
    ----------
    path : str
        CSV file; it is created if it does not exist.
    annotator : str

    Raises
    ------
    ValueError
        If the file is not a file of annotations.

    Notes
    -----
    Each call checks whether the file has changed, so that several servers and annotators can share
    it. A line is written and synced to disk under a lock before it is acknowledged. A last line
    without a line end was never acknowledged, because its writer was killed; it is removed.
    """

    def __init__(self, path, annotator):
        self.path, self.annotator = os.fspath(path), annotator
        self._lock, self._file_lock = threading.Lock(), lock_of(path)
        self._seen = None  # signature of the file when it was last read or written
        self._answers, self._ids = {}, set()
        self.n_cut_off = 0
        with self._exclusive():
            pass

    def get(self, item):
        """Return the latest answer for an `Item`."""
        return self.of_items([item])[0]

    def of_items(self, items):
        """Return the latest answers for several items."""
        with self._exclusive():
            return [self._answers.get(_key(item), Answer()) for item in items]

    def add(self, item, genre, *, seconds, revision, answer):
        """Add an answer.

        Parameters
        ----------
        item : Item
        genre : str or None
            None skips the item.
        seconds : float
            Time the annotator needed.
        revision : int
            Revision of the answer that the page showed; 0 if there was none.
        answer : str
            Random id of this answer. An id that exists already is not added again, so that the
            page can resend an answer until it is acknowledged.

        Returns
        -------
        answer : Answer
            The latest answer.

        Raises
        ------
        OtherRevision
            If the revision differs from the latest answer. Nothing is added.
        OSError
            If the line cannot be written. Nothing is added.
        """
        with self._exclusive():
            known = self._answers.get(_key(item), Answer())
            if answer in self._ids:
                return known
            if known.revision != revision:
                raise OtherRevision
            now = datetime.now(UTC).isoformat(timespec="seconds")
            revision += 1
            row = [self.annotator, item.name, item.mode, genre or "", f"{seconds:.1f}", now]
            self._write(_line([*row, revision, answer]))
            self._take([*row, revision, answer])
            return self._answers[_key(item)]

    @contextmanager
    def _exclusive(self):
        with self._lock, self._file_lock:
            self._read()
            yield

    def _read(self):
        """Read the file if it has changed."""
        if not os.path.exists(self.path):
            # Atomic, so that the file never exists without its header.
            with replacing(self.path) as new, open(new, "wb") as file:
                file.write(_line(COLUMNS))
        if self._signature() == self._seen:
            return
        with open(self.path, "rb") as file:
            content = file.read()
        n_whole = content.rfind(b"\n") + 1  # bytes of the lines that have a line end
        remedy = "Save it as UTF-8, or name another file (--output)"
        text, is_cut = decode_lines(content, self.path, remedy)
        rows, rest = read_rows(text)
        if not rows or rows[0] != list(COLUMNS):
            raise ValueError(
                f"{self.path!r} is not a file of skmmgenre annotate, whose columns are "
                f"{', '.join(COLUMNS)}. Name another file (--output)"
            )
        if rest or is_cut:
            self.n_cut_off += 1
            os.truncate(self.path, n_whole)
        elif n_whole < len(content):
            # An editor removed the last line end, and the next answer would continue that line.
            self._write(b"\n")
        self._answers, self._ids = {}, set()
        for row in rows[1:]:
            if len(row) == len(COLUMNS) and row[0] == self.annotator:
                self._take(row)
        self._seen = self._signature()

    def _take(self, row):
        _, item, mode, genre, *_, answer = row
        known = self._answers.get((item, mode), Answer())
        self._answers[item, mode] = Answer(genre or None, known.revision + 1)
        self._ids.add(answer)

    def _write(self, line):
        """Append a line and sync it to disk; on an error, remove what was written of it."""
        number = os.open(self.path, os.O_WRONLY | os.O_APPEND | getattr(os, "O_BINARY", 0))
        try:
            size = os.fstat(number).st_size
            try:
                # Not buffered, so that a part of the line that was written can be removed again.
                if os.write(number, line) != len(line):
                    raise OSError(f"{self.path!r} cannot be written: the disk is full")
                os.fsync(number)
            except OSError:
                with suppress(OSError):
                    os.ftruncate(number, size)
                raise
        finally:
            os.close(number)
        # The server's own lines need not be read again.
        self._seen = self._signature()

    def _signature(self):
        status = os.stat(self.path)
        return status.st_ino, status.st_size, status.st_mtime_ns


def _key(item):
    return item.name, item.mode


def _line(row):
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerow(row)
    return text.getvalue().encode()
