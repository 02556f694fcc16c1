"""Hashes of a model's training data: artists and items that a report must not evaluate on."""

import base64
import hashlib
import os
import unicodedata

import numpy as np
import pandas as pd

from .utils import as_pandas, file_in, is_missing, read_groups

_N_BYTES = 6  # eight base64 letters; between 2,000 and 100,000 names, 1 in 10**6 collides
_END = 2**16  # bytes at each end of a file that are hashed to identify it
_KINDS = ("artists", "items")


class Seen:
    """Hashes of the artists and items that a model was trained on.

    An artist is hashed by name, without case, accents, spaces and punctuation; an item by its first
    cell that is not missing (the ends of a file, a text, or an array). Names and texts cannot be
    recovered from the hashes, but a guessed name can be verified.

    Parameters
    ----------
    artists, items : set of bytes
    """

    def __init__(self, artists=(), items=()):
        self.artists, self.items = frozenset(artists), frozenset(items)

    @classmethod
    def of(cls, table=None, groups=None):
        """Return the hashes of a table's rows, and of their artists.

        Parameters
        ----------
        table : DataFrame or None
        groups : array-like or None

        Returns
        -------
        seen : Seen
        """
        artists = [] if groups is None else map(_hash_of_artist, read_groups(groups).names)
        items = [] if table is None else _hashes_of_rows(table)
        return cls({a for a in artists if a is not None}, {i for i in items if i is not None})

    @classmethod
    def of_manifest(cls, found):
        """Read the result of `as_manifest`; return None if `found` is not one."""
        if not isinstance(found, dict) or found.keys() != set(_KINDS):
            return None
        try:
            return cls(*(_split(base64.b64decode(found[kind], validate=True)) for kind in _KINDS))
        except (TypeError, ValueError):
            return None

    def as_manifest(self):
        """Return the hashes as one base64 text per kind."""
        return {
            kind: base64.b64encode(b"".join(sorted(getattr(self, kind)))).decode()
            for kind in _KINDS
        }

    def artists_among(self, groups):
        """Return which rows have an artist that was seen.

        Parameters
        ----------
        groups : array-like or None

        Returns
        -------
        seen : list of bool
        """
        return [_hash_of_artist(name) in self.artists for name in read_groups(groups).names]

    def items_among(self, table):
        """Return which rows of a table were seen.

        Parameters
        ----------
        table : DataFrame

        Returns
        -------
        seen : list of bool
        """
        if not self.items:
            return [False] * len(table)
        return [item in self.items for item in _hashes_of_rows(table)]


def _split(content):
    if len(content) % _N_BYTES:
        raise ValueError("the hashes are truncated")
    return {content[at : at + _N_BYTES] for at in range(0, len(content), _N_BYTES)}


def _hash(*parts):
    digest = hashlib.blake2b(digest_size=_N_BYTES)
    for part in parts:
        # With its length, so that the parts "ab", "c" and "a", "bc" differ.
        digest.update(len(part).to_bytes(8, "little") + part)
    return digest.digest()


def _hash_of_text(text):
    return _hash(text.encode("utf-8", "surrogatepass"))


def _hash_of_artist(name):
    if name is None:
        return None
    # Decomposed, accents are characters of their own, which `isalnum` drops.
    plain = unicodedata.normalize("NFKD", str(name)).casefold()
    # A name without letters and digits, such as "!!!", is kept.
    return _hash_of_text("".join(filter(str.isalnum, plain)) or "".join(plain.split()))


def _hashes_of_rows(table):
    """Yield the hash of each row, None if all of its cells are missing or it cannot be read."""
    for cells in as_pandas(table).itertuples(index=False, name=None):
        yield next((_hash_of_cell(cell) for cell in cells if not is_missing(cell)), None)


def _hash_of_cell(cell):
    if isinstance(cell, (list, tuple)) or (isinstance(cell, np.ndarray) and cell.dtype == object):
        parts = [_hash_of_cell(part) for part in cell if not is_missing(part)]
        return None if None in parts else _hash(*parts)
    if isinstance(cell, (np.ndarray, np.number, float, int)):
        # In float32, so that a vector is recognized after it was stored with less precision.
        return _hash(np.asarray(cell, dtype=np.float32).tobytes())
    if isinstance(cell, str) and not os.path.isfile(cell):
        return _hash_of_text(" ".join(cell.split()))
    try:
        file, _ = file_in(cell)
        return None if file is None else _hash(*_ends_of(file))
    except (OSError, ValueError):
        return None


def _ends_of(file):
    """Return the size and the ends of a file, which do not change when it is moved or renamed."""
    if hasattr(file, "read"):
        return _read_ends(file)
    with open(file, "rb") as opened:
        return _read_ends(opened)


def _read_ends(file):
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    start = file.read(_END)
    file.seek(max(0, size - _END))
    return str(size).encode(), start, file.read(_END)


def rows_checked_by(table, columns):
    """Return the columns of a table by which its rows are hashed: those that a model reads.

    Parameters
    ----------
    table : DataFrame
    columns : sequence
        Names of columns. Other selectors that a ColumnTransformer takes are ignored.

    Returns
    -------
    table : DataFrame
    """
    table = as_pandas(table)
    if not isinstance(table, pd.DataFrame):
        return pd.DataFrame(index=range(len(table)))
    named = [column for column in columns if isinstance(column, str) and column in table]
    return table[list(dict.fromkeys(named))]
