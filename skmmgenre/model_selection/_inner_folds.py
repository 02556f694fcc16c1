"""The folds that a model chooses its penalties and budgets on."""

import warnings
from numbers import Integral

import numpy as np

from ..utils import read_groups, read_labels
from ._artist_splits import ArtistKFold

_N_FOLDS = 3
_FEWEST_ROWS = 20  # what fewer rows say of a choice is chance


def inner_folds(y, *, groups=None, n_folds=_N_FOLDS, random_state=None):
    """Divide rows into folds, the same for every step of a pipeline, no artist in two of them.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, n_labels), or Labels
        One label a row, or an indicator matrix.
    groups : array-like of shape (n,), optional
        The artist of each row; a missing one is an artist of its own.
    n_folds : int
    random_state : int, RandomState instance or None
        An int is the seed of the draws; anything else counts as 0, so that all steps agree.

    Returns
    -------
    folds : ndarray of int of shape (n,), or None
        The fold of each row; None, with a warning, where rows or artists are too few.

    Warns
    -----
    UserWarning
        If there are no folds, or rows are divided without regard to artists.
    """
    labels = read_labels(y, keep_sparse=True)
    n = len(labels)
    artists = read_groups(groups, n)
    n_artists = len(set(artists.codes))
    if n < _FEWEST_ROWS or n_artists < n_folds:
        _warn(
            f"{n} rows of {n_artists} artists are too few to choose a penalty on: the default is "
            "taken. Give more rows, or set it yourself."
        )
        return None
    if groups is None:
        _warn(
            "Inner folds were drawn without regard to artists: an artist may be in two of them, "
            "which makes what is chosen on them too hopeful. Pass groups= (the artist of each "
            "row) to fit, or mark validation rows with validation=."
        )
    seed = int(random_state) if isinstance(random_state, Integral) else 0
    folds = np.empty(n, dtype=int)
    splits = ArtistKFold(n_folds, random_state=seed).split(np.empty(n), labels.values, artists)
    for number, (_, rows) in enumerate(splits):
        folds[rows] = number
    return folds


def _warn(message):
    warnings.warn(message, UserWarning, stacklevel=1)
