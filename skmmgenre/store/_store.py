"""A key-value store in one file on disk."""

import os
import sqlite3
import threading
import time
import weakref
import zlib
from collections.abc import Iterable
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Self

from .._typing import FilePath

_APPLICATION_ID = 0x736B6D6D  # "skmm", in the header of the file
_BUSY_SECONDS = 60  # how long to wait for another process's lock before raising
_DAY = 24 * 60 * 60  # seconds

# A SQLite connection must not be used after a fork, and a lock held by a thread of the parent would
# never be released in the child. So one lock guards the connections of all stores; before a fork it
# is acquired and all connections are closed.
_lock = threading.RLock()
_connected = weakref.WeakSet()


class Store:
    """Key-value store of bytes in one file, for concurrent use by processes and threads.

    Once `put` returns, the value is stored even if the process is killed (after a power failure
    the last entries may be lost, but the others are intact). An entry with a wrong checksum is
    removed and treated as absent. The file is created on first use.

    Parameters
    ----------
    path : str or path-like
        Path of an SQLite file. While it is in use there are two more files next to it, with
        "-wal" and "-shm" appended to its name. It must be on a local disk: SQLite's locks are
        unreliable on network file systems.

    Notes
    -----
    A pickle contains only the path, as it was given.

    Examples
    --------
    >>> import tempfile
    >>> from skmmgenre.store import Store
    >>> folder = tempfile.TemporaryDirectory()
    >>> store = Store(f"{folder.name}/store.sqlite")
    >>> store.put("a key", b"a value")
    >>> store.get("a key"), store.get("another"), len(store)
    (b'a value', None, 1)
    >>> store.close()
    >>> folder.cleanup()
    """

    def __init__(self, path: FilePath):
        self.path = path
        self._file = os.path.abspath(path)
        self._db = None

    @staticmethod
    def is_at(path: FilePath) -> bool:
        """Return whether a file is a store, without opening it, which would create one.

        Parameters
        ----------
        path : str or path-like
            The file to check.

        Returns
        -------
        is_store : bool
            True if it is a store.

        Raises
        ------
        OSError
            If the file cannot be read.
        """
        with open(path, "rb") as file:
            header = file.read(72)
        return header.startswith(b"SQLite format 3\0") and header[68:] == _APPLICATION_ID.to_bytes(
            4
        )

    def get(self, key: str | bytes) -> bytes | None:
        """Return the value of a key.

        Parameters
        ----------
        key : str or bytes
            Key that the value was stored under.

        Returns
        -------
        value : bytes or None
            None if there is no value, or if it is damaged.

        Raises
        ------
        OSError
            If the file cannot be used.
        """
        return self.get_many([key])[0]

    def get_many(self, keys: Iterable[str | bytes]) -> list[bytes | None]:
        """Return the values of some keys.

        Parameters
        ----------
        keys : iterable of str or bytes
            Keys that the values were stored under.

        Returns
        -------
        values : list of bytes or None
            Values in the order of the keys; None if there is no value, or if it is damaged.

        Raises
        ------
        OSError
            If the file cannot be used.
        """
        values, stale, now = [], [], int(time.time())
        with self._connection() as db:
            for key in map(_as_bytes, keys):
                query = "SELECT checksum, value, used FROM entries WHERE key = ?"
                checksum, value, used = db.execute(query, [key]).fetchone() or (None, None, now)
                if checksum is not None and checksum != _checksum(key, value):
                    # `claim` refuses keys that have an entry, so a damaged one that stayed would
                    # never be computed again.
                    db.execute("DELETE FROM entries WHERE key = ?", [key])
                    value = None
                elif now - used > _DAY:  # by the day: else every read would be a write
                    stale.append((now, key))
                values.append(value)
            if stale:
                db.executemany("UPDATE entries SET used = ? WHERE key = ?", stale)
        return values

    def put(self, key: str | bytes, value: bytes | bytearray | memoryview) -> None:
        """Store a value, replacing that of the same key.

        Parameters
        ----------
        key : str or bytes
            Preferably a digest of everything that the value depends on.
        value : bytes-like
            Value of any length.

        Raises
        ------
        OSError
            If the file cannot be used.
        """
        self.put_many([(key, value)])

    def put_many(
        self, entries: Iterable[tuple[str | bytes, bytes | bytearray | memoryview]], kind: str = ""
    ) -> None:
        """Store some values in one transaction, and release the claims on their keys.

        Parameters
        ----------
        entries : iterable of (key, value)
            Keys and bytes-like values, as in `put`.
        kind : str, default=""
            Name of the kind of values, for `info`.

        Raises
        ------
        OSError
            If the file cannot be used.
        """
        now = int(time.time())
        rows = [
            (key, _checksum(key, value), kind, now, value) for key, value in _keys_as_bytes(entries)
        ]
        # In autocommit mode (isolation_level=None) no transaction begins by itself; the inner
        # context manager only commits or rolls back. IMMEDIATE takes the lock for writing at once,
        # so that the transaction waits for other writers before it has done anything.
        with self._connection() as db, db:
            db.execute("BEGIN IMMEDIATE")
            db.executemany("INSERT OR REPLACE INTO entries VALUES (?, ?, ?, ?, ?)", rows)
            db.executemany("DELETE FROM claims WHERE key = ?", [row[:1] for row in rows])

    def claim(self, keys: Iterable[str | bytes], owner: str, seconds: float) -> list[bool]:
        """Claim the computation of some values, so that no other process computes them.

        Parameters
        ----------
        keys : iterable of str or bytes
            Keys of the values to compute.
        owner : str
            Identifier of the process that computes them.
        seconds : float
            Lifetime of the claims unless they are renewed. So claims of a killed process expire.

        Returns
        -------
        claimed : list of bool
            False if the key is already claimed, or its value has been stored meanwhile.
        """
        insert = (
            "INSERT OR IGNORE INTO claims SELECT :key, :owner, :until "
            "WHERE NOT EXISTS (SELECT 1 FROM entries WHERE key = :key)"
        )
        keys = [_as_bytes(key) for key in keys]
        with self._connection() as db, db:
            db.execute("BEGIN IMMEDIATE")
            now = time.time()  # not before, because the lock may have been awaited for a long time
            # In the same transaction, so that only one process can take over expired claims.
            db.execute("DELETE FROM claims WHERE until < ?", [now])
            rows = [{"key": key, "owner": owner, "until": now + seconds} for key in keys]
            return [db.execute(insert, row).rowcount > 0 for row in rows]

    def renew(self, owner: str, seconds: float) -> None:
        """Extend the lifetime of all claims of an owner; 0 releases them.

        Parameters
        ----------
        owner : str
            Identifier that the claims were made with.
        seconds : float
            Lifetime from now on.
        """
        with self._connection() as db, db:
            db.execute("BEGIN IMMEDIATE")
            if seconds:
                until = time.time() + seconds  # with the lock held, as in `claim`
                db.execute("UPDATE claims SET until = ? WHERE owner = ?", [until, owner])
            else:
                db.execute("DELETE FROM claims WHERE owner = ?", [owner])

    def info(self) -> dict[str, tuple[int, int]]:
        """Return the number and size of the entries in the store.

        Returns
        -------
        kinds : dict of {str: (int, int)}
            Number of entries and total bytes of their values, by kind.
        """
        query = "SELECT kind, count(*), sum(length(value)) FROM entries GROUP BY kind ORDER BY kind"
        with self._connection() as db:
            return {kind: (count, size) for kind, count, size in db.execute(query)}

    def prune(
        self, *, unused_days: float | None = None, max_bytes: int | None = None
    ) -> tuple[int, int]:
        """Remove entries, the least recently used ones first.

        Parameters
        ----------
        unused_days : float, default=None
            Remove all entries that have not been used for this many days; uses are recorded once a
            day. None removes none by age.
        max_bytes : int, default=None
            Remove further entries until the values take at most this many bytes. None sets no
            limit.

        Returns
        -------
        n_entries, n_bytes : int
            Number of removed entries, and the bytes of their values.

        Raises
        ------
        ValueError
            If a number is negative.
        OSError
            If the file cannot be used.
        """
        for name, number in {"unused_days": unused_days, "max_bytes": max_bytes}.items():
            if number is not None and not number >= 0:  # NaN neither
                raise ValueError(f"{name} must be 0 or more, got {number!r}: nothing was removed")
        before = self._totals()
        with self._connection() as db:
            with db:
                db.execute("BEGIN IMMEDIATE")
                if unused_days is not None:
                    oldest = time.time() - unused_days * _DAY
                    db.execute("DELETE FROM entries WHERE used <= ?", [oldest])
                if max_bytes is not None:
                    # "taken" is the total size of this entry and all that were used after it.
                    db.execute(
                        "DELETE FROM entries WHERE key IN (SELECT key FROM (SELECT key, "
                        "sum(length(value)) OVER (ORDER BY used DESC, key) AS taken "
                        "FROM entries) WHERE taken > ?)",
                        [max_bytes],
                    )
            # As a script, which runs to its end: `execute` would release a single page.
            db.executescript("PRAGMA incremental_vacuum")
            # The file only shrinks when the log is written back to it.
            db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchall()
        after = self._totals()
        return before[0] - after[0], before[1] - after[1]

    def _totals(self):
        kinds = self.info().values()
        return sum(count for count, _ in kinds), sum(size for _, size in kinds)

    def __len__(self) -> int:
        with self._connection() as db:
            return db.execute("SELECT count(*) FROM entries").fetchone()[0]

    @property
    def size(self) -> int:
        """Size of the store on disk, in bytes."""
        files = [Path(self._file), Path(f"{self._file}-wal")]
        return sum(file.stat().st_size for file in files if file.exists())

    def close(self) -> None:
        """Close the file; it is opened again on the next use."""
        with _lock:
            db, self._db = self._db, None
            if db is not None:
                db.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: Any) -> None:
        self.close()

    def __del__(self):
        if getattr(self, "_db", None) is not None:
            self.close()

    def __reduce__(self):
        return type(self), (self.path,)

    def __repr__(self):
        return f"{type(self).__name__}({os.fspath(self.path)!r})"

    @contextmanager
    def _connection(self):
        with _lock:
            try:
                if self._db is None:
                    self._db = _open(self._file)
                    _connected.add(self)
                yield self._db
            except (sqlite3.Error, OSError) as error:
                raise OSError(f"The store {os.fspath(self.path)!r}: {_explain(error)}") from error


def _as_bytes(key):
    return key.encode() if isinstance(key, str) else bytes(key)


def _keys_as_bytes(entries):
    return ((_as_bytes(key), value) for key, value in entries)


def _checksum(key, value):
    """Return a checksum of key and value, so that a value under a wrong key is detected, too."""
    return zlib.crc32(value, zlib.crc32(key))


def _open(file):
    Path(file).parent.mkdir(parents=True, exist_ok=True)
    give_up = time.monotonic() + _BUSY_SECONDS
    while True:
        # Our own lock replaces the check that only one thread uses the connection.
        db = sqlite3.connect(
            file, timeout=_BUSY_SECONDS, isolation_level=None, check_same_thread=False
        )
        try:
            _prepare(db)
            return db
        except sqlite3.OperationalError as error:
            db.close()
            # SQLite does not wait when two processes switch to a write-ahead log at once.
            if not _error_name(error).startswith("SQLITE_BUSY") or time.monotonic() > give_up:
                raise
            time.sleep(0.01)
        except BaseException:
            db.close()
            raise


def _prepare(db):
    if not _is_ours(db):
        db.execute("PRAGMA auto_vacuum = INCREMENTAL")  # must be set before the first table
        with db:
            db.execute("BEGIN IMMEDIATE")
            if not _is_ours(db):  # another process may have created it meanwhile
                if db.execute("SELECT count(*) FROM sqlite_master").fetchone()[0]:
                    raise OSError(
                        "the file is an SQLite database of another program. Pass another path."
                    )
                db.execute(f"PRAGMA application_id = {_APPLICATION_ID}")
                # The value comes last, so that the columns before it can be read without it.
                db.execute(
                    "CREATE TABLE entries (key BLOB PRIMARY KEY NOT NULL, "
                    "checksum INTEGER NOT NULL, kind TEXT NOT NULL, used INTEGER NOT NULL, "
                    "value BLOB NOT NULL)"
                )
                db.execute(
                    "CREATE TABLE claims (key BLOB PRIMARY KEY NOT NULL, owner TEXT NOT NULL, "
                    "until REAL NOT NULL)"
                )
    db.execute("PRAGMA journal_mode = WAL")  # readers do not wait for the writer
    db.execute("PRAGMA synchronous = NORMAL")


def _is_ours(db):
    return db.execute("PRAGMA application_id").fetchone()[0] == _APPLICATION_ID


def _error_name(error):
    return getattr(error, "sqlite_errorname", "")  # errors raised by the Python module have none


def _explain(error):
    name = _error_name(error)
    if name.startswith("SQLITE_BUSY"):
        return (
            f"it has been locked by another process for {_BUSY_SECONDS} s. Stop that process, or "
            "pass another path."
        )
    if name == "SQLITE_NOTADB":
        return "the file is not a store. Pass another path, or delete it if it was a store."
    if name.startswith("SQLITE_CORRUPT"):
        return f"the file is damaged ({error}). Delete it: its entries will be computed again."
    if name == "SQLITE_FULL":
        return "the disk is full. Entries stored before are safe; free some space and run again."
    if name.startswith("SQLITE_"):
        return f"{error}. Check that the path is a file in a folder that you can write to."
    return str(error)


def _before_fork():
    _lock.acquire()
    # With the lock held, so that no thread opens a connection again before the fork.
    for store in list(_connected):
        store.close()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(
        before=_before_fork, after_in_parent=_lock.release, after_in_child=_lock.release
    )
