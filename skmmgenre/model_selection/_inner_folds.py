"""The folds that a model chooses its penalties and budgets on."""

import warnings

import numpy as np

from ..utils import read_groups, read_labels, rows_checked
from ._artist_splits import ArtistKFold

_N_FOLDS = 3
FEWEST_ROWS = 20  # what fewer rows say of a choice is chance


def inner_folds(y, *, groups=None, n_folds=None, warn=True):
    """Divide rows into folds, no artist in two of them; for the same rows always the same.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, n_labels), or Labels
        One label a row, or an indicator matrix.
    groups : array-like of shape (n,), optional
        The artist of each row; a missing one is an artist of its own.
    n_folds : int, optional
        By default three.
    warn : bool, default=True
        Whether to warn.

    Returns
    -------
    folds : ndarray of int of shape (n,), or None
        The fold of each row. None where rows or artists are too few, unless `n_folds` is given.

    Raises
    ------
    ValueError
        If there are fewer artists than `n_folds`.

    Warns
    -----
    UserWarning
        If there are no folds, or rows are divided without regard to artists.
    """
    labels = read_labels(y, keep_sparse=True)
    n = len(labels)
    artists = read_groups(groups, n)
    n_artists = len(set(artists.codes))
    if n_folds is None and (n < FEWEST_ROWS or n_artists < _N_FOLDS):
        if warn:
            _warn(
                f"{n} rows of {n_artists} artists are too few to choose anything on unseen ones, "
                "so nothing is: all epochs are run, and penalties are not chosen. Give more rows, "
                "or set validation_fraction=0 to say that this is meant."
            )
        return None
    if groups is None and warn:
        _warn(
            "Inner folds were drawn without regard to artists: an artist may be in two of them, "
            "so what is chosen on them is too hopeful. Pass groups= (the artist of each row) to "
            "fit, or mark validation rows with validation=."
        )
    folds = np.empty(n, dtype=int)
    splitter = ArtistKFold(n_folds or _N_FOLDS, random_state=0)
    with rows_checked():  # by whoever has read them
        for number, (_, rows) in enumerate(splitter.split(np.empty(n), labels, artists)):
            folds[rows] = number
    return folds


def read_folds(folds, held_out):
    """Check folds that were given; -1 for rows that are held out.

    Parameters
    ----------
    folds : array-like of int, shape (n,)
        Counted from 0; -1 of rows that are not learned from.
    held_out : ndarray of bool, shape (n,)

    Returns
    -------
    folds : ndarray of int, shape (n,)

    Raises
    ------
    ValueError
        If the length is another, a value is no integer from -1 on, or there are no two folds.
    """
    found = np.asarray(folds)
    if found.shape != held_out.shape:
        raise ValueError(f"folds has shape {found.shape}, X has {len(held_out)} rows.")
    if found.dtype.kind not in "iu" or found.min(initial=0) < -1:
        raise ValueError("folds must be whole numbers: 0, 1, ... and -1 for rows that are in none.")
    found = np.where(held_out, -1, found)
    numbers = np.unique(found[found >= 0])
    if len(numbers) < 2 or numbers[-1] >= len(numbers):
        raise ValueError(
            f"folds must be at least two, counted from 0 without a gap, got {numbers.tolist()}."
        )
    return found


def _warn(message):
    warnings.warn(message, UserWarning, stacklevel=1)
