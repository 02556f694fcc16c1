"""Features stored on disk, by the content of the files that they were computed from."""

import hashlib
import io
import json
import os
import stat
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from typing import Any

import numpy as np
import numpy.typing as npt

from .._typing import FilePath, Float32Array
from ..utils import is_path, n_threads
from ._store import Store

# A process claims the features that it is about to compute, and other processes skip them: so
# processes that read the same files, such as the workers of a grid search, share the work. Two
# processes on 200 mp3 files computed 200 patches in 2.0 s of CPU time with claims, 368 to 392 in
# 3.5 s without; GridSearchCV with n_jobs=2 on 120 files computed 120 and 160. A claim is renewed
# while its owner works; the claims of a killed process expire after this time.
_LEASE = 15.0  # seconds
_POLL = 0.05  # seconds between two checks for features that another process is computing
# A file that changed less than this time ago may change again without a new time stamp.
_SETTLED = 2.0  # seconds
_BLOCK = 1 << 20  # bytes
_DIGEST = 20  # bytes


class RawCodec:
    """Codec that stores an array as it is, or converted to another dtype.

    Parameters
    ----------
    dtype : str, dtype or None, default=None
        Data type of the stored numbers, such as "float16"; None keeps the dtype of the array.
    """

    def __init__(self, dtype: npt.DTypeLike | None = None):
        self.dtype = dtype
        self.name = f"raw {dtype}"

    def encode(self, array: np.ndarray) -> memoryview:
        """Convert an array to bytes.

        Parameters
        ----------
        array : ndarray
            An array of any shape and of any dtype but object.

        Returns
        -------
        value : memoryview
            The content of an ``.npy`` file.
        """
        buffer = io.BytesIO()
        stored = np.ascontiguousarray(array, dtype=self.dtype)
        np.lib.format.write_array(buffer, stored, allow_pickle=False)
        return buffer.getbuffer()

    def decode(self, value: bytes) -> np.ndarray:
        """Convert bytes to an array.

        Parameters
        ----------
        value : bytes
            Bytes that `encode` returned.

        Returns
        -------
        array : ndarray
            The array, with the dtype that it was stored with.
        """
        return np.lib.format.read_array(io.BytesIO(value), allow_pickle=False)


class StepCodec:
    """Codec that stores values of a known range as uint8, in 255 steps.

    The error is at most half a step.

    Parameters
    ----------
    low : float
        Lowest value; lower values are clipped to it.
    high : float
        Highest value; higher values are clipped to it.
    """

    def __init__(self, low: float, high: float):
        self.low, self.step = low, (high - low) / 255
        self.name = f"uint8 {low} {high}"
        self._raw = RawCodec("uint8")

    def encode(self, array: np.ndarray) -> memoryview:
        """Convert an array to bytes.

        Parameters
        ----------
        array : ndarray of float
            An array of any shape, without NaN.

        Returns
        -------
        value : memoryview
            The content of an ``.npy`` file: a header and one byte per number.
        """
        steps = np.rint((np.asarray(array, dtype=np.float64) - self.low) / self.step)
        return self._raw.encode(np.clip(steps, 0, 255))

    def decode(self, value: bytes) -> Float32Array:
        """Convert bytes to an array of float32.

        Parameters
        ----------
        value : bytes
            Bytes that `encode` returned.

        Returns
        -------
        array : ndarray of float32
            The array; each number is within half a step of the original.
        """
        return (self._raw.decode(value) * self.step + self.low).astype(np.float32)


class FeatureStore:
    """Arrays that were computed from cells, stored in a `Store`.

    The key of a feature is a hash of the cell's content (a file's bytes or an array's values)
    and of `settings`. The hash of a file is stored by device, inode, size and modification time,
    so that each file is read for it only once. Keys do not depend on paths.

    Parameters
    ----------
    path : str or path-like
        Path of the store.
    kind : str
        Name of the feature, for `Store.info`.
    settings : dict
        Everything but the cell that a feature depends on: parameters and versions, as plain
        values.
    by_name : bool, default=False
        Whether a feature also depends on the name of the file (without its folder).
    codec : codec or None, default=None
        Converts arrays to bytes and back. None is ``RawCodec()``.
    content_of : callable or None, default=None
        Takes a cell that is neither a path nor an array, and returns its content as a tuple of
        plain values and bytes, or None if it has no content or cannot be read.
    signature_of : callable or None, default=None
        Takes a binary file, open at any position, and returns bytes that identify its format.
        They are stored with the hash, for all users of the same store.
    version_for : callable or None, default=None
        Takes a signature and returns, as bytes, the version of the library that reads files of
        this format only. (Versions of libraries used for all files belong in `settings`.)
        Requires `signature_of`.
    """

    def __init__(
        self,
        path: FilePath,
        *,
        kind: str,
        settings: dict[str, Any],
        by_name: bool = False,
        codec: RawCodec | StepCodec | None = None,
        content_of: Callable[[Any], Any] | None = None,
        signature_of: Callable[[Any], bytes] | None = None,
        version_for: Callable[[bytes], bytes] | None = None,
    ):
        self.kind, self.by_name, self._content_of = kind, by_name, content_of
        self._signature_of, self._version_for = signature_of, version_for
        self.codec = RawCodec() if codec is None else codec
        self._store = Store(path)
        self._owner = uuid.uuid4().hex
        self._began, self._files = 0.0, {}  # start of the last call of `keys`, and its files
        # NumPy and Python numbers of the same value are the same setting.
        text = json.dumps(
            [kind, self.codec.name, settings], sort_keys=True, default=lambda value: value.item()
        )
        self._settings = hashlib.blake2b(text.encode(), digest_size=16).digest()

    def keys(self, cells: list[Any]) -> list[bytes | None]:
        """Return the key of each cell, None if it cannot be read; files are read in parallel.

        Parameters
        ----------
        cells : list
            Paths, arrays, or objects that `content_of` takes.

        Returns
        -------
        keys : list of bytes or None
            Keys, in the order of the cells.
        """
        # The time and the marks are taken before any file is read, so that a later change is
        # noticed.
        self._began, self._files = time.time(), {}
        paths = [cell if is_path(cell) else None for cell in cells]
        marks = [None if path is None else _file_mark(path) for path in paths]
        # The content of a file is its digest and signature; that of any other cell is a digest.
        contents = [
            self._digest_of_values(cell) if path is None else None
            for cell, path in zip(cells, paths, strict=True)
        ]
        files = [i for i, mark in enumerate(marks) if mark is not None]
        for i, content in zip(files, self._store.get_many(marks[i] for i in files), strict=True):
            contents[i] = content

        unread = [i for i in files if not self._tells_all(contents[i])]
        if unread:
            # Threads suffice, because reading and hashing release the GIL.
            with ThreadPoolExecutor(n_threads()) as pool:
                known = [contents[i] for i in unread]
                read = pool.map(self._read, [paths[i] for i in unread], known)
                for i, content in zip(unread, read, strict=True):
                    contents[i] = content
            lasting = [
                (marks[i], contents[i])
                for i in unread
                # Only if the file is still the one that was read, and its mark is reliable.
                if contents[i] is not None
                and _file_mark(paths[i]) == marks[i]
                and _is_settled(marks[i], self._began)
            ]
            self._store.put_many(lasting, kind="hashes of files")

        keys = [
            None if content is None else self._key(content, path)
            for content, path in zip(contents, paths, strict=True)
        ]
        for i in files:
            if keys[i] is not None:  # of files with the same content, the first is computed
                self._files.setdefault(keys[i], (paths[i], marks[i], contents[i][:_DIGEST]))
        return keys

    def get(self, keys: list[bytes]) -> list[np.ndarray | None]:
        """Return the feature of each key, None if it is not in the store.

        Parameters
        ----------
        keys : list of bytes
            Keys that `keys` returned.

        Returns
        -------
        features : list of ndarray or None
            Features, in the order of the keys.
        """
        values = self._store.get_many(keys)
        return [None if value is None else self.codec.decode(value) for value in values]

    def claim(self, keys: list[bytes]) -> list[bool]:
        """Claim the computation of features for this process; see `Store.claim`.

        Parameters
        ----------
        keys : list of bytes
            Keys that `keys` returned.

        Returns
        -------
        claimed : list of bool
            False if another process is computing the feature, or it has been stored meanwhile.
        """
        return self._store.claim(keys, self._owner, _LEASE) if keys else []

    def put(self, features: dict[bytes, np.ndarray]) -> tuple[dict[bytes, np.ndarray], set[bytes]]:
        """Store features by their keys.

        The feature of a file that has changed since the call of `keys` is returned but not stored:
        it may have been computed from the new content, while the key is of the old one.

        Parameters
        ----------
        features : dict of bytes to ndarray
            Feature of each key.

        Returns
        -------
        features : dict
            The features as `get` will return them, encoded and decoded. So a first run has the
            same numbers as one that reads the store.
        refused : set
            Keys of the features that were not stored.
        """
        coded = {key: self.codec.encode(feature) for key, feature in features.items()}
        refused = {key for key in coded if not self._is_unchanged(key)}
        lasting = [(key, value) for key, value in coded.items() if key not in refused]
        if lasting:
            self._store.put_many(lasting, kind=self.kind)
        # Refused keys are still claimed, and other processes would wait for values that never come.
        if refused:
            self.give_up()
        return {key: self.codec.decode(value) for key, value in coded.items()}, refused

    @contextmanager
    def working(self) -> Iterator[None]:
        """Renew the claims while the body runs; release them when it ends or fails."""
        done = threading.Event()

        def renew():
            # On an error the main thread fails at its next access, and the claims expire.
            with suppress(OSError):
                while not done.wait(_LEASE / 3):
                    self._store.renew(self._owner, _LEASE)

        thread = threading.Thread(target=renew, daemon=True)
        thread.start()
        try:
            try:
                yield
            finally:
                # The thread ends first: a renewal after `close` would open the file again.
                done.set()
                thread.join()
        except BaseException:
            with suppress(OSError):  # report the error of the body; the claims expire by themselves
                self.give_up()
            raise
        else:
            self.give_up()
        finally:
            self._store.close()

    def give_up(self) -> None:
        """Release all claims, so that other processes can compute what this one could not."""
        self._store.renew(self._owner, 0)

    @staticmethod
    def wait() -> None:
        """Wait before checking again for features that other processes are computing."""
        time.sleep(_POLL)

    def _digest_of_values(self, cell):
        """Return the digest of a cell that is not a path; None if its content is unknown."""
        if isinstance(cell, np.ndarray):
            content = (
                None if cell.dtype.hasobject else ((cell.dtype.str, cell.shape), cell.tobytes())
            )
        else:
            content = self._content_of(cell) if self._content_of else None
        if content is None:
            return None
        meaning, data = content
        # `person` keeps the digest apart from that of a file with the same bytes.
        digest = hashlib.blake2b(repr(meaning).encode(), digest_size=_DIGEST, person=b"values")
        digest.update(b"\0" + data)
        return digest.digest()

    def _is_unchanged(self, key):
        """Return whether the file of a key, if it has one, is still the one that `keys` read."""
        if key not in self._files:
            return True
        path, mark, digest = self._files[key]
        if _file_mark(path) != mark:
            return False
        if _is_settled(mark, self._began):
            return True
        # An equal mark proves nothing if the file was written just before: read it again.
        content = self._read(path)
        return content is not None and content[:_DIGEST] == digest

    def _tells_all(self, content):
        """Return whether the stored content of a file is complete: its signature may be absent."""
        return content is not None and (self._signature_of is None or len(content) > _DIGEST)

    def _read(self, path, digest=None):
        """Return digest (read if unknown) and signature of a file; None if it cannot be read."""
        try:
            with open(path, "rb") as file:
                digest = digest or _digest_of_file(file)
                return digest + (self._signature_of(file) if self._signature_of else b"")
        except OSError:
            return None

    def _key(self, content, path):
        digest, signature = content[:_DIGEST], content[_DIGEST:]
        name = os.fsencode(os.path.basename(os.fspath(path))) if self.by_name and path else b""
        version = self._version_for(signature) if self._version_for and path else b""
        # Not ambiguous: the digests have a fixed length, and a version must end with a null byte,
        # which no name contains.
        return hashlib.blake2b(
            self._settings + digest + version + name, digest_size=_DIGEST
        ).digest()


# Hashing a file takes 1.2 ms per megabyte, `os.stat` 2.5 microseconds. So the hash of a file is
# stored under a mark, made from the result of `os.stat`. The path is not in it, so that a renamed
# file keeps its mark. A time stamp is as coarse as the clock of the file system: a file written
# twice within one tick has the same mark for two contents (git calls such a file racy). Hence a
# mark is used only when the file is older than `_SETTLED`, as the clock has ticked since.


def _file_mark(path):
    """Return bytes that differ if the file has changed, without reading it.

    None if it is not a regular file: the function that reads the file reports the error.
    """
    try:
        status = os.stat(path)
    except (OSError, ValueError):
        return None
    if not stat.S_ISREG(status.st_mode):  # opening a pipe would block
        return None
    return b"file %d %d %d %d" % (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _is_settled(mark, moment):
    """Return whether a change of the file after `moment` would give it another mark."""
    return moment - int(mark.split()[-1]) / 1e9 > _SETTLED


def _digest_of_file(file):
    digest = hashlib.blake2b(digest_size=_DIGEST)
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.digest()
