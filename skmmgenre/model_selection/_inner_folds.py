"""Inner folds on which a model selects its penalties and number of epochs."""

import warnings

import numpy as np

from ..utils import read_groups, read_labels, rows_checked
from ._artist_splits import ArtistKFold

_N_FOLDS = 3
FEWEST_ROWS = 20  # with fewer rows, a selection is arbitrary


def inner_folds(y, *, groups=None, n_folds=None, warn=True):
    """Assign rows to folds with no artist in two folds; deterministic for the same rows.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, n_labels), or Labels
        Single-label column or indicator matrix.
    groups : array-like of shape (n,), optional
        Artist of each row. Rows with a missing artist are separate artists.
    n_folds : int, optional
        Number of folds; three by default.
    warn : bool, default=True
        Whether to warn.

    Returns
    -------
    folds : ndarray of int of shape (n,), or None
        Fold of each row. None if there are too few rows or artists and `n_folds` is not given.

    Raises
    ------
    ValueError
        If there are fewer artists than `n_folds`.

    Warns
    -----
    UserWarning
        If there are no folds, or the folds are drawn without regard to artists.
    """
    labels = read_labels(y, keep_sparse=True)
    n = len(labels)
    artists = read_groups(groups, n)
    n_artists = len(set(artists.codes))
    if n_folds is None and (n < FEWEST_ROWS or n_artists < _N_FOLDS):
        if warn:
            _warn(
                f"{n} rows of {n_artists} artists are too few for inner folds: all epochs are run "
                "and penalties are not tuned. Pass more rows, or set validation_fraction=0 to "
                "silence this warning."
            )
        return None
    if groups is None and warn:
        _warn(
            "Inner folds were drawn without regard to artists: an artist may be in two folds, so "
            "the selection on them is too optimistic. Pass groups= (the artist of each row) to "
            "fit, or mark validation rows with validation=."
        )
    folds = np.empty(n, dtype=int)
    # A fixed seed: all steps of a pipeline must use the same folds, whatever their seed.
    splitter = ArtistKFold(n_folds or _N_FOLDS, random_state=0)
    with rows_checked():  # the caller has already checked them
        for number, (_, rows) in enumerate(splitter.split(np.empty(n), labels, artists)):
            folds[rows] = number
    return folds


def read_folds(folds, held_out):
    """Check given folds, and set them to -1 for rows that are held out.

    Parameters
    ----------
    folds : array-like of int, shape (n,)
        Folds counted from 0; -1 for rows that are not used for training.
    held_out : ndarray of bool, shape (n,)
        Rows that are held out.

    Returns
    -------
    folds : ndarray of int, shape (n,)

    Raises
    ------
    ValueError
        If the length differs, a value is not an integer >= -1, or there are fewer than two folds.
    """
    found = np.asarray(folds)
    if found.shape != held_out.shape:
        raise ValueError(f"folds has shape {found.shape}, but X has {len(held_out)} rows.")
    if found.dtype.kind not in "iu" or found.min(initial=0) < -1:
        raise ValueError("folds must be integers: 0, 1, ... and -1 for rows that are in no fold.")
    found = np.where(held_out, -1, found)
    numbers = np.unique(found[found >= 0])
    if len(numbers) < 2 or numbers[-1] >= len(numbers):
        raise ValueError(
            f"There must be at least two folds, numbered from 0 without gaps, got "
            f"{numbers.tolist()}."
        )
    return found


def _warn(message):
    # Always from this line, so that Python shows the warning once for all steps of a pipeline.
    warnings.warn(message, UserWarning, stacklevel=1)
