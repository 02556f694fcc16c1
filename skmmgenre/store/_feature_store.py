"""Features kept on disk by the content of the files they were computed from."""

import hashlib
import io
import json
import os
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

# A process claims what it is about to compute, and others leave it alone: processes that walk the
# same files, as the workers of a search do, share the work. Two processes on 200 mp3 files computed
# 200 patches in 2.0 s of the processor with claims, 368 to 392 in 3.5 s without; GridSearchCV with
# n_jobs=2 on 120 files computed 120 and 160. A claim is renewed while its owner works; whoever was
# killed loses it after this time.
_LEASE = 15.0  # seconds
_POLL = 0.05  # seconds between two looks for what another process is making
# A file that changed so short a time ago may change again without a new time stamp.
_SETTLED = 2.0  # seconds
_BLOCK = 1 << 20  # bytes
_DIGEST = 20  # bytes


class RawCodec:
    """Keeps an array as it is, or as another type of floats.

    Parameters
    ----------
    dtype : str, dtype or None, default=None
        Type that numbers are stored as, such as "float16"; None keeps the array's own.
    """

    def __init__(self, dtype: npt.DTypeLike | None = None):
        self.dtype = dtype
        self.name = f"raw {dtype}"

    def encode(self, array: np.ndarray) -> memoryview:
        """Array to bytes.

        Parameters
        ----------
        array : ndarray
            Of any shape, without objects.

        Returns
        -------
        value : memoryview
            In the format of ``.npy`` files.
        """
        buffer = io.BytesIO()
        stored = np.ascontiguousarray(array, dtype=self.dtype)
        np.lib.format.write_array(buffer, stored, allow_pickle=False)
        return buffer.getbuffer()

    def decode(self, value: bytes) -> np.ndarray:
        """Bytes to array.

        Parameters
        ----------
        value : bytes
            What `encode` returned.

        Returns
        -------
        array : ndarray
            With the type it was stored as.
        """
        return np.lib.format.read_array(io.BytesIO(value), allow_pickle=False)


class StepCodec:
    """Keeps values of a known range as uint8, in 255 steps; the error is half a step at most.

    Parameters
    ----------
    low : float
        Lowest value; what is lower becomes this.
    high : float
        Highest value; what is higher becomes this.
    """

    def __init__(self, low: float, high: float):
        self.low, self.step = low, (high - low) / 255
        self.name = f"uint8 {low} {high}"
        self._raw = RawCodec("uint8")

    def encode(self, array: np.ndarray) -> memoryview:
        """Array to bytes.

        Parameters
        ----------
        array : ndarray of float
            Of any shape, without NaN.

        Returns
        -------
        value : memoryview
            One byte per number, behind the header of a ``.npy`` file.
        """
        steps = np.rint((np.asarray(array, dtype=np.float64) - self.low) / self.step)
        return self._raw.encode(np.clip(steps, 0, 255))

    def decode(self, value: bytes) -> Float32Array:
        """Bytes to array of float32.

        Parameters
        ----------
        value : bytes
            What `encode` returned.

        Returns
        -------
        array : ndarray of float32
            Each number within half a step of what it was.
        """
        return (self._raw.decode(value) * self.step + self.low).astype(np.float32)


class FeatureStore:
    """Arrays that were computed from cells, in a `Store`.

    The key of a feature is a hash of the cell's content (of a file's bytes or an array's
    values) and of `settings`. The hash of a file is remembered by device, inode, size
    and time of change, so that a file is read for it once. No path is in a key.

    Parameters
    ----------
    path : str or path-like
        The store.
    kind : str
        What is computed, for `Store.info`.
    settings : dict
        All that a feature depends on beside the cell: parameters and versions. Plain values.
    by_name : bool, default=False
        Whether a feature depends on the name of the file (without its folder) too.
    codec : codec, default=RawCodec()
        How arrays become bytes.
    content_of : callable or None, default=None
        Takes a cell that is neither a path nor an array; returns what tells its content: plain
        values and bytes. Or None if it has none, or cannot be read.
    signature_of : callable or None, default=None
        Takes an open binary file, at any place; returns the bytes that tell its kind. They are
        remembered with the hash, for all that use the same store.
    version_for : callable or None, default=None
        Takes a signature; returns bytes, the version of what is used for files of that kind
        alone. (What is used for all of them belongs into `settings`.) To be given with
        `signature_of`.
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
        self._began, self._files = 0.0, {}  # of the last round of keys: when, and what was read
        # A number of numpy's is the same setting as Python's.
        text = json.dumps(
            [kind, self.codec.name, settings], sort_keys=True, default=lambda value: value.item()
        )
        self._settings = hashlib.blake2b(text.encode(), digest_size=16).digest()

    def keys(self, cells: list[Any]) -> list[bytes | None]:
        """Key of each cell, None where it cannot be read; files are read side by side.

        Parameters
        ----------
        cells : list
            Paths, arrays, or what `content_of` takes.

        Returns
        -------
        keys : list of bytes or None
            In the order of the cells.
        """
        self._began, self._files = time.time(), {}
        paths = [cell if is_path(cell) else None for cell in cells]
        marks = [None if path is None else _file_mark(path) for path in paths]
        contents = [
            self._digest_of_values(cell) if path is None else None
            for cell, path in zip(cells, paths, strict=True)
        ]
        files = [i for i, mark in enumerate(marks) if mark is not None]
        for i, content in zip(files, self._store.get_many(marks[i] for i in files), strict=True):
            contents[i] = content

        unread = [i for i in files if not self._tells_all(contents[i])]
        if unread:
            with ThreadPoolExecutor(n_threads()) as pool:
                known = [contents[i] for i in unread]
                read = pool.map(self._read, [paths[i] for i in unread], known)
                for i, content in zip(unread, read, strict=True):
                    contents[i] = content
            lasting = [
                (marks[i], contents[i])
                for i in unread
                # The file is still the one that was read, and has been for a while.
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
            if keys[i] is not None:  # of equal files the first is computed
                self._files.setdefault(keys[i], (paths[i], marks[i], contents[i][:_DIGEST]))
        return keys

    def get(self, keys: list[bytes]) -> list[np.ndarray | None]:
        """Feature of each key, None where it is not there.

        Parameters
        ----------
        keys : list of bytes
            What `keys` returned.

        Returns
        -------
        features : list of ndarray or None
            In the order of the keys.
        """
        values = self._store.get_many(keys)
        return [None if value is None else self.codec.decode(value) for value in values]

    def claim(self, keys: list[bytes]) -> list[bool]:
        """Whether to compute the feature of each key here; see `Store.claim`.

        Parameters
        ----------
        keys : list of bytes
            What `keys` returned.

        Returns
        -------
        claimed : list of bool
            False where another process computes the feature, or it is there by now.
        """
        return self._store.claim(keys, self._owner, _LEASE) if keys else []

    def put(self, features: dict[bytes, np.ndarray]) -> tuple[dict[bytes, np.ndarray], set[bytes]]:
        """Keep features by their keys.

        The feature of a file that has changed since `keys` is returned but not kept: it may be of
        the new content, and the key is of the old one.

        Parameters
        ----------
        features : dict of bytes to ndarray
            Feature of each key.

        Returns
        -------
        features : dict
            As they will be found again.
        refused : set
            Keys of what was not kept.
        """
        coded = {key: self.codec.encode(feature) for key, feature in features.items()}
        refused = {key for key in coded if not self._is_unchanged(key)}
        lasting = [(key, value) for key, value in coded.items() if key not in refused]
        if lasting:
            self._store.put_many(lasting, kind=self.kind)
        if refused:
            self.give_up()
        return {key: self.codec.decode(value) for key, value in coded.items()}, refused

    @contextmanager
    def working(self) -> Iterator[None]:
        """Renew the claims until the work is done; then, or if it fails, give them up."""
        done = threading.Event()

        def renew():
            # The worker will be told of an error by what it does next; the claims end alone.
            with suppress(OSError):
                while not done.wait(_LEASE / 3):
                    self._store.renew(self._owner, _LEASE)

        thread = threading.Thread(target=renew, daemon=True)
        thread.start()
        try:
            try:
                yield
            finally:
                done.set()
                thread.join()
        except BaseException:
            with suppress(OSError):  # what ended the work is to be told; the claims end alone
                self.give_up()
            raise
        else:
            self.give_up()
        finally:
            self._store.close()

    def give_up(self) -> None:
        """Let others make what was claimed and could not be made."""
        self._store.renew(self._owner, 0)

    @staticmethod
    def wait() -> None:
        """Let some time pass before the next look."""
        time.sleep(_POLL)

    def _digest_of_values(self, cell):
        """Of a cell that is no path; None where its content cannot be told."""
        if isinstance(cell, np.ndarray):
            content = (
                None if cell.dtype.hasobject else ((cell.dtype.str, cell.shape), cell.tobytes())
            )
        else:
            content = self._content_of(cell) if self._content_of else None
        if content is None:
            return None
        meaning, data = content
        digest = hashlib.blake2b(repr(meaning).encode(), digest_size=_DIGEST, person=b"values")
        digest.update(b"\0" + data)
        return digest.digest()

    def _is_unchanged(self, key):
        """Whether the file of a key is the one that `keys` read, if it is of a file."""
        if key not in self._files:
            return True
        path, mark, digest = self._files[key]
        if _file_mark(path) != mark:
            return False
        if _is_settled(mark, self._began):
            return True
        content = self._read(path)
        return content is not None and content[:_DIGEST] == digest

    def _tells_all(self, content):
        """Whether what is remembered of a file is enough: its signature may not be in it."""
        return content is not None and (self._signature_of is None or len(content) > _DIGEST)

    def _read(self, path, digest=None):
        """Digest (if it is not known) and signature of a file; None if it cannot be read."""
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
        return hashlib.blake2b(
            self._settings + digest + version + name, digest_size=_DIGEST
        ).digest()


# To hash a file takes 1.2 ms a megabyte, to ask for its status 2.5 microseconds. So a hash is
# remembered by a mark: what `os.stat` tells of a file, its path left out, so that a renamed file
# keeps its mark. A time stamp is as coarse as the clock of the file system: a file written twice
# within one tick has one mark for two contents (git calls such a file racy). Hence a mark counts
# only when it is `_SETTLED`: the file system's clock has gone on since.


def _file_mark(path):
    """What tells a file from its earlier self without reading it; None if there is none."""
    try:
        status = os.stat(path)
    except (OSError, ValueError):  # the function that reads it says what is wrong
        return None
    return b"file %d %d %d %d" % (status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)


def _is_settled(mark, moment):
    """Whether a change after that moment would leave another mark."""
    return moment - int(mark.split()[-1]) / 1e9 > _SETTLED


def _digest_of_file(file):
    digest = hashlib.blake2b(digest_size=_DIGEST)
    while block := file.read(_BLOCK):
        digest.update(block)
    return digest.digest()
