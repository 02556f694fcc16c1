"""Artists as integers."""

import numpy as np
import pandas as pd


def group_codes(groups, n_rows=None, name="groups"):
    """Number the groups (artists) of rows; a missing group is a group of one.

    Parameters
    ----------
    groups : array-like of shape (n_rows,)
        Names or numbers of the artists: a Series, list or array. None, NaN, NA and "" are
        missing.
    n_rows : int, optional
        How many rows there must be.
    name : str
        What the argument is called, for the error.

    Returns
    -------
    codes : ndarray of int64, shape (n_rows,)
        0, 1, ... in order of first appearance; the missing ones come last.

    Raises
    ------
    ValueError
        If `groups` is not a column or has another length than `n_rows`.

    Examples
    --------
    >>> from skmmgenre.metrics import group_codes
    >>> group_codes(["Nina", "Otis", None, "Nina", ""])
    array([0, 1, 2, 0, 3])
    """
    artists = group_names(groups, n_rows, name)
    missing = pd.isna(artists)
    codes, uniques = pd.factorize(artists)
    codes = codes.astype(np.int64)
    codes[missing] = len(uniques) + np.arange(missing.sum())
    return codes


def group_names(groups, n_rows=None, name="groups"):
    """Return `groups` as a 1-D object array, None where missing."""
    if isinstance(groups, (str, bytes)) or not hasattr(groups, "__len__"):
        raise ValueError(
            f"{name} must be a column with one artist a row, got {groups!r}. "
            f"Pass the values, for example {name}=table['artist']."
        )
    if isinstance(groups, np.ndarray) and groups.ndim == 0:
        raise ValueError(f"{name} must be a column with one artist a row, got a 0-D array.")
    if getattr(groups, "ndim", 1) == 2 and groups.shape[1] == 1:
        groups = np.asarray(groups, dtype=object)[:, 0]
    if getattr(groups, "ndim", 1) != 1:
        raise ValueError(
            f"{name} must be a column with one artist a row, got shape {tuple(groups.shape)}."
        )
    if n_rows is not None and len(groups) != n_rows:
        raise ValueError(
            f"{name} has {len(groups)} rows, X has {n_rows}. "
            f"Pass one artist for each row of X, in the same order."
        )
    names = np.empty(len(groups), dtype=object)
    names[:] = list(groups)
    for row, artist in enumerate(names):
        if isinstance(artist, str):
            if artist == "":
                names[row] = None
        elif np.ndim(artist):
            raise ValueError(
                f"{name} must hold one artist a row; row {row} holds a "
                f"{type(artist).__name__}. Join its names to one string."
            )
    names[pd.isna(names)] = None
    return names
