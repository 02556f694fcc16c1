"""Read groups, the artist of each row; all of the package uses this reader."""

from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd

from ._cells import as_pandas


@dataclass(frozen=True, eq=False)
class Groups:
    """Artists as returned by `read_groups`.

    Attributes
    ----------
    names : ndarray of object, shape (n_rows,)
        Name of the artist of each row; None if a row has no artist.
    index : Index or None
        Index of a pandas object.
    """

    names: np.ndarray
    index: pd.Index | None = None

    def __len__(self):
        return len(self.names)

    @cached_property
    def codes(self):
        """Artists as int64: 0, 1, ... in order of first appearance; rows without one come last."""
        # Not pandas.factorize: before pandas 3.1 it treats strings that differ only after a null
        # character, as those of `artists` do, as equal.
        numbers = {}
        missing = np.equal(self.names, None)
        codes = np.empty(len(self), dtype=np.int64)
        codes[~missing] = [numbers.setdefault(name, len(numbers)) for name in self.names[~missing]]
        codes[missing] = len(numbers) + np.arange(missing.sum())
        return codes

    @cached_property
    def artists(self):
        """Names without None: a row without an artist is named after its position.

        So it is the same artist in any subset or repetition of the rows.
        """
        artists = self.names.copy()
        for row in np.flatnonzero(pd.isna(artists)):
            # A null character keeps it apart from an artist called "12".
            artists[row] = f"\0{row}"
        return artists

    def take(self, rows):
        """Return the groups of some rows."""
        return Groups(self.names[rows])


def read_groups(groups, n_rows=None, name="groups"):
    """Read the artist of each row.

    Parameters
    ----------
    groups : array-like of shape (n_rows,), Groups or None
        Names or numbers of the artists: a list, an array, or a column of pandas, polars or
        pyarrow. None, NaN, NA and "" are missing values. `groups=None` means that all are
        missing. Groups are returned unchanged.
    n_rows : int, optional
        Expected number of rows.
    name : str
        Name of the argument in error messages.

    Returns
    -------
    groups : Groups

    Raises
    ------
    ValueError
        If `groups` is not a column or its length is not `n_rows`.
    """
    if groups is None and n_rows is not None:
        return Groups(np.full(n_rows, None))
    if not isinstance(groups, Groups):
        groups = _read(groups, name)
    if n_rows is not None and len(groups) != n_rows:
        raise ValueError(
            f"{name} has {len(groups)} rows, X has {n_rows}. "
            f"Pass one artist for each row of X, in the same order."
        )
    return groups


def _read(groups, name):
    if isinstance(groups, (str, bytes)) or not hasattr(groups, "__len__"):
        raise ValueError(
            f"{name} must be a column with one artist per row, got {groups!r}. "
            f"Pass the values, for example {name}=table['artist']."
        )
    if isinstance(groups, np.ndarray) and groups.ndim == 0:
        raise ValueError(f"{name} must be a column with one artist per row, got a 0-D array.")
    index = groups.index if isinstance(groups, (pd.Series, pd.DataFrame)) else None
    groups = as_pandas(groups)
    if getattr(groups, "ndim", 1) == 2 and groups.shape[1] == 1:
        groups = np.asarray(groups, dtype=object)[:, 0]
    if getattr(groups, "ndim", 1) != 1:
        raise ValueError(
            f"{name} must be a column with one artist per row, got shape {tuple(groups.shape)}."
        )
    names = np.empty(len(groups), dtype=object)
    names[:] = list(groups)
    for row, artist in enumerate(names):
        if isinstance(artist, str):
            if artist == "":
                names[row] = None
        elif np.ndim(artist):
            raise ValueError(
                f"{name} must have one artist per row, but row {row} is a "
                f"{type(artist).__name__}. Join its names into one string."
            )
    names[pd.isna(names)] = None
    return Groups(names, index)


def group_codes(groups, n_rows=None, name="groups"):
    """Return the groups (artists) of rows as integers; a missing group is a group of its own.

    Parameters
    ----------
    groups, n_rows, name
        As in `read_groups`.

    Returns
    -------
    codes : ndarray of int64, shape (n_rows,)
        0, 1, ... in order of first appearance; missing groups come last.

    Examples
    --------
    >>> from skmmgenre.metrics import group_codes
    >>> group_codes(["Nina", "Otis", None, "Nina", ""])
    array([0, 1, 2, 0, 3])
    """
    return read_groups(groups, n_rows, name).codes


def artist_names(groups, n_rows):
    """Return the name of the artist of every row; a row without one is an artist of its own.

    Parameters
    ----------
    groups, n_rows
        As in `read_groups`; None if no row has an artist.

    Returns
    -------
    names : ndarray of object, shape (n_rows,)
    """
    return read_groups(groups, n_rows).artists
