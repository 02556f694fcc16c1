"""Inner validation rows for the early stopping of networks."""

import warnings
from hashlib import blake2b
from numbers import Integral

import numpy as np
from scipy import sparse

from .._typing import BoolArray, Column, Genres, RandomState
from ..utils import read_groups, read_labels


def inner_validation_mask(
    y: Genres,
    *,
    groups: Column | None = None,
    validation: Column | None = None,
    validation_fraction: float = 0.1,
    random_state: RandomState = None,
) -> BoolArray:
    """Select the inner validation rows, identically for every step of a pipeline.

    The first of these rules that applies is used: (a) rows marked by `validation`, such as
    a published split; (b) with `groups`, whole artists: an artist is held out if a hash of its
    name, a number in [0, 1), is below `validation_fraction`, so that it is held out in every step
    with all its rows; (c) a stratified sample of rows. In (b) and (c), every label keeps at least
    one training row.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, n_labels)
        Single-label column or indicator matrix (ndarray, DataFrame or sparse).
    groups : array-like of shape (n,), optional
        Artist of each row. Rows with a missing artist (None, NaN, "") are separate artists.
    validation : array-like of bool, shape (n,), optional
        True for validation rows.
    validation_fraction : float in [0, 1), default=0.1
        Fraction of the artists (or rows) to hold out; 0 holds out none.
    random_state : int, RandomState instance or None, default=None
        An int is the key of the hash and the seed of the row sampling. Any other value is treated
        as 0, so that all steps select the same rows.

    Returns
    -------
    mask : ndarray of bool, shape (n,)
        True for validation rows. All False, with a warning, if no rows can be held out.

    Raises
    ------
    ValueError
        If the length of `groups` or `validation` differs from that of `y`, `validation` is not
        boolean or marks every row, or `validation_fraction` is out of range.

    Warns
    -----
    UserWarning
        If no rows can be held out, or if rows are held out without regard to artists.

    Examples
    --------
    >>> from skmmgenre.model_selection import inner_validation_mask
    >>> y = ["Jazz", "Jazz", "Rock", "Rock", "Rock", "Jazz"]
    >>> inner_validation_mask(y, groups=list("aabcdd"), validation_fraction=0.25)
    array([ True,  True, False, False, False, False])
    """
    labels = read_labels(y, keep_sparse=True, allow_missing=True)
    n = len(labels)
    # Check lengths even if marked rows make the artists unnecessary.
    groups = None if groups is None else read_groups(groups, n)
    if validation is not None:
        mask = _marked_rows(validation, n)
        if not mask.any() and validation_fraction > 0:
            _warn_no_validation("`validation` marks no row")
        return mask
    if not 0 <= validation_fraction < 1:
        raise ValueError(f"validation_fraction must be in [0, 1), got {validation_fraction!r}.")
    if validation_fraction == 0:
        return np.zeros(n, dtype=bool)
    seed = int(random_state) if isinstance(random_state, Integral) else 0
    incidence = labels.incidence
    if groups is not None:
        codes = groups.codes
        u = _artist_hashes(groups.artists, codes, seed)
        mask = _held_out_artists(incidence, codes, u, validation_fraction)[codes]
        if not mask.any():
            _warn_no_validation(
                "every artist is the only one with some label, so no artist can be held out"
            )
        return mask
    mask = np.zeros(n, dtype=bool)
    # In floating point 100 * 0.29 is slightly below 29, which int() would truncate to 28.
    if n_held_out := int(n * validation_fraction + 1e-9):
        draw = _several_label_rows if labels.several else _one_label_rows
        mask[draw(incidence, n_held_out, seed)] = True
    # Stratified draws may still contain all rows of a rare label.
    mask = _give_back(incidence, mask)
    if mask.any():
        _warn(
            "Inner validation rows were drawn without regard to artists: an artist may have rows "
            "in both training and validation, so the validation loss is too optimistic. Pass "
            "groups= (the artist of each row) to fit, or mark the rows with validation=."
        )
    else:
        _warn_no_validation(f"{n} rows are too few to hold out {validation_fraction:g} of them")
    return mask


def _warn_no_validation(reason):
    _warn(
        f"No inner validation rows: {reason}. Without them there is no early stopping: all "
        "epochs are run and the last weights are kept. Pass more rows, mark some with "
        "validation=, or set validation_fraction=0 to silence this warning."
    )


def _warn(message):
    # Always from this line, so that Python shows the warning once for all networks of a pipeline.
    warnings.warn(message, UserWarning, stacklevel=1)


def _marked_rows(validation, n):
    marks = np.asarray(validation, dtype=object)
    if marks.ndim == 2 and marks.shape[1] == 1:
        marks = marks[:, 0]
    if marks.ndim != 1 or len(marks) != n:
        raise ValueError(
            f"validation has shape {marks.shape}, but X has {n} rows. Pass True or False for each "
            "row of X, in the same order."
        )
    bad = [row for row, mark in enumerate(marks) if not isinstance(mark, (bool, np.bool_))]
    if bad:
        raise ValueError(
            f"validation must be boolean, got {marks[bad[0]]!r} in row {bad[0]}. "
            "Pass, for example, validation=(table['set'] == 'val')."
        )
    mask = marks.astype(bool)
    if mask.all():
        raise ValueError(
            f"validation marks all {n} rows, so no training rows remain. Set some to False."
        )
    return mask


def _artist_hashes(names, codes, seed):
    """Return the hash in [0, 1) of every artist, indexed by its code."""
    key = str(seed).encode()
    u = np.empty(codes.max() + 1)
    for row, code in zip(*np.unique(codes, return_index=True)[::-1], strict=True):
        # A name that was taken from a file name may contain lone surrogates.
        name = str(names[row]).encode("utf-8", "surrogatepass")
        # Unlike Python's own hash of a str, it is the same in every process.
        digest = blake2b(name, digest_size=8, key=key).digest()
        # 53 bits, so that the largest hash does not round up to 1.
        u[code] = (int.from_bytes(digest, "big") >> 11) / 2**53
    return u


def _held_out_artists(incidence, codes, u, fraction):
    """Return whether each artist is held out, indexed by its code."""
    n_artists = len(u)
    membership = sparse.csr_array(
        (np.ones(len(codes)), (codes, np.arange(len(codes)))), shape=(n_artists, len(codes))
    )
    has_label = (membership @ incidence) > 0  # artists x labels
    by_label = has_label.tocsc()
    held_out = u < fraction
    back = []
    for artists in np.split(by_label.indices, by_label.indptr[1:-1]):
        if len(artists) and held_out[artists].all():
            back.append(artists[np.argmax(u[artists])])
    # All labels are checked before any artist is returned, so that their order does not matter.
    held_out[back] = False
    # In a small table no hash may be below the fraction. Then the artist with the smallest one is
    # held out, among those that are not the only ones with any of their labels.
    if not held_out.any():
        n_artists_of_label = np.asarray(has_label.sum(axis=0)).ravel()
        alone = has_label @ (n_artists_of_label == 1).astype(float) > 0
        if not alone.all() and n_artists > 1:
            held_out[np.argmin(np.where(alone, np.inf, u))] = True
    return held_out


def _one_label_rows(incidence, n_held_out, seed):
    """Draw every k-th of the rows, sorted by label and shuffled within each label."""
    n = incidence.shape[0]
    rng = np.random.default_rng(seed)
    shuffled = rng.permutation(n)
    # A row has exactly one entry, so `indices` contains the label of each row.
    ordered = shuffled[np.argsort(incidence.indices[shuffled], kind="stable")]
    # Equally spaced rows, with one random offset: each label gets its share, give or take a row.
    places = (np.arange(n_held_out) + rng.random()) * (n / n_held_out)
    return ordered[np.minimum(places.astype(int), n - 1)]


def _several_label_rows(incidence, n_held_out, seed):
    """Draw rows by iterative stratification."""
    from iterstrat.ml_stratifiers import MultilabelStratifiedShuffleSplit

    splitter = MultilabelStratifiedShuffleSplit(n_splits=1, test_size=n_held_out, random_state=seed)
    indicator = incidence.astype(np.int8).toarray()
    return next(splitter.split(np.zeros(len(indicator)), indicator))[1]


def _give_back(incidence, mask):
    """Return a row to training for each label that would have no training rows."""
    total = np.asarray(incidence.sum(axis=0)).ravel()
    held_out = mask @ incidence
    by_label = incidence.tocsc()
    mask = mask.copy()
    for label in np.flatnonzero((total > 0) & (held_out == total)):
        rows = by_label.indices[by_label.indptr[label] : by_label.indptr[label + 1]]
        mask[rows.min()] = False
    return mask
