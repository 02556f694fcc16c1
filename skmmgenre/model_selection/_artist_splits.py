"""Splits that keep every artist in one part and genre proportions nearly equal in all parts."""

from collections.abc import Iterator
from numbers import Integral, Real
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.model_selection import BaseCrossValidator

from .._typing import Column, Genres, IntArray, Matrix, RandomState, Table
from ..utils import check_rows, read_groups, read_labels

# Number of best candidates considered in a round of moves, and on each side of a swap.
_MOVES = 64
_SWAPS = 128
_ROUNDS = 300


class _ArtistSplitter(BaseCrossValidator):
    """Base class of the artist-wise splitters."""

    # Read by scikit-learn's metadata routing: searches pass `groups` without an explicit request.
    __metadata_request__split = {"groups": True}
    _fewest_splits = 1

    def get_n_splits(self, X: Any = None, y: Any = None, groups: Any = None) -> int:
        """Return the number of splits.

        Parameters
        ----------
        X : None
            Ignored.
        y : None
            Ignored.
        groups : None
            Ignored.

        Returns
        -------
        n_splits : int
            Number of pairs that `split` yields.
        """
        return self.n_splits

    def split(
        self, X: Matrix, y: Genres | None = None, groups: Column | None = None
    ) -> Iterator[tuple[IntArray, IntArray]]:
        """Generate the positions of the training and test rows of each split.

        Parameters
        ----------
        X : array-like of n rows
            Only its length is used.
        y : array-like of shape (n,) or (n, n_labels), optional
            Single-label column or indicator matrix (ndarray, DataFrame or sparse). Without it,
            only the sizes are balanced.
        groups : array-like of shape (n,)
            Artist of each row. Rows with a missing artist (None, NaN, "") are separate artists.

        Yields
        ------
        train, test : ndarray of int
            Positions of the rows, in ascending order.

        Raises
        ------
        ValueError
            If there are fewer artists than parts, a size is invalid, or lengths differ.
        """
        fewest = self._fewest_splits
        if not isinstance(self.n_splits, Integral) or self.n_splits < fewest:
            raise ValueError(
                f"n_splits must be an integer of at least {fewest}, got {self.n_splits!r}."
            )
        for is_test in self._iter_test_masks(X, y, groups):
            yield np.flatnonzero(~is_test), np.flatnonzero(is_test)


class ArtistKFold(_ArtistSplitter):
    """K-fold cross-validation with no artist in two folds.

    Every genre has nearly the same proportion in every fold, for single-label and multilabel
    targets. Use it instead of `StratifiedGroupKFold`, which does not support multilabel targets.

    Parameters
    ----------
    n_splits : int, default=5
        Number of folds. Must be at least 2.
    random_state : int, RandomState instance, Generator or None, default=None
        Seed of the folds. None is equivalent to 0, so that two calls of `split` give the same
        folds.

    See Also
    --------
    ArtistShuffleSplit : Random splits with a test set of any size.

    Examples
    --------
    >>> from skmmgenre.model_selection import ArtistKFold
    >>> y = ["Jazz", "Rock", "Jazz", "Rock", "Jazz", "Rock"]
    >>> artists = ["a", "b", "a", "c", "d", "c"]
    >>> for train, test in ArtistKFold(2).split(y, y, groups=artists):
    ...     print(train, test)
    [0 1 2] [3 4 5]
    [3 4 5] [0 1 2]
    """

    _fewest_splits = 2

    def __init__(self, n_splits: int = 5, *, random_state: RandomState = None):
        self.n_splits = n_splits
        self.random_state = random_state

    def _iter_test_masks(self, X, y, groups):
        rng = _generator(0 if self.random_state is None else self.random_state)
        shares = np.full(self.n_splits, 1 / self.n_splits)
        parts = _parts_of_rows(*_counts_of_artists(X, y, groups, len(shares)), shares, rng)
        for fold in range(self.n_splits):
            yield parts == fold


class ArtistShuffleSplit(_ArtistSplitter):
    """Random splits into training and test rows with no artist in both.

    Every genre has nearly the same proportion in both parts, for single-label and multilabel
    targets.

    Parameters
    ----------
    n_splits : int, default=5
        Number of splits, which are drawn independently.
    test_size : float or int, default=0.2
        Fraction of the rows in the test set, in (0, 1), or their number. Artists are not split, so
        the actual size is only as close to it as they allow.
    random_state : int, RandomState instance, Generator or None, default=None
        Seed of the splits. None draws different splits in each call.

    See Also
    --------
    ArtistKFold : Folds in which every row is in one test set.
    train_validation_test_split : Single split into three parts.

    Examples
    --------
    >>> from skmmgenre.model_selection import ArtistShuffleSplit
    >>> y = ["Jazz", "Rock"] * 6
    >>> artists = list("aabbccddeeff")
    >>> splitter = ArtistShuffleSplit(2, test_size=1 / 3, random_state=0)
    >>> [len(test) for train, test in splitter.split(y, y, groups=artists)]
    [4, 4]
    """

    def __init__(
        self, n_splits: int = 5, *, test_size: float = 0.2, random_state: RandomState = None
    ):
        self.n_splits = n_splits
        self.test_size = test_size
        self.random_state = random_state

    def _iter_test_masks(self, X, y, groups):
        rng = _generator(self.random_state)
        share = _test_share(self.test_size, _n_rows(X, "X"))
        read = _counts_of_artists(X, y, groups, 2)
        for _ in range(self.n_splits):
            yield _parts_of_rows(*read, np.array([1 - share, share]), rng) == 1


def train_validation_test_split(
    table: Table,
    y: Genres,
    groups: Column,
    sizes: tuple[float, float, float] = (0.7, 0.15, 0.15),
    random_state: RandomState = None,
) -> tuple[IntArray, IntArray, IntArray]:
    """Split rows into training, validation and test sets with no artist in two of them.

    The rows of every genre are divided nearly in the proportions `sizes`, for single-label and
    multilabel targets.

    Parameters
    ----------
    table : array-like of n rows
        Only its length is used.
    y : array-like of shape (n,) or (n, n_labels)
        Single-label column or indicator matrix (ndarray, DataFrame or sparse). None balances only
        the sizes.
    groups : array-like of shape (n,)
        Artist of each row. Rows with a missing artist (None, NaN, "") are separate artists.
    sizes : tuple of three floats, default=(0.7, 0.15, 0.15)
        Fractions of the rows in the three sets. They must sum to 1.
    random_state : int, RandomState instance, Generator or None, default=None
        Seed of the split. None draws a different split in each call.

    Returns
    -------
    train, validation, test : ndarray of int
        Positions of the rows in ascending order, for ``table.iloc[train]``.

    Raises
    ------
    ValueError
        If there are fewer than three artists, lengths differ, or `sizes` is invalid.

    Examples
    --------
    >>> from skmmgenre.model_selection import train_validation_test_split
    >>> y = ["Jazz", "Rock"] * 10
    >>> artists = [row // 2 for row in range(20)]
    >>> parts = train_validation_test_split(y, y, artists, (0.6, 0.2, 0.2), random_state=0)
    >>> [len(part) for part in parts]
    [12, 4, 4]
    """
    shares = np.asarray(sizes, dtype=float)
    if shares.shape != (3,) or not (shares > 0).all() or abs(shares.sum() - 1) > 1e-6:
        raise ValueError(
            f"sizes must be three positive fractions that sum to 1, such as (0.7, 0.15, 0.15), "
            f"got {sizes!r}."
        )
    read = _counts_of_artists(table, y, groups, len(shares), "the table")
    parts = _parts_of_rows(*read, shares, _generator(random_state))
    return tuple(np.flatnonzero(parts == part) for part in range(3))


def _generator(random_state):
    """Return a Generator; the global one is never used."""
    if isinstance(random_state, np.random.Generator):
        return random_state
    if isinstance(random_state, np.random.RandomState):
        return np.random.default_rng(random_state.randint(2**32, dtype=np.uint64))
    return np.random.default_rng(random_state)


def _n_rows(X, noun):
    if hasattr(X, "shape") and len(X.shape):
        return X.shape[0]
    if not hasattr(X, "__len__"):
        raise ValueError(f"{noun} has no length, so its rows cannot be split.")
    return len(X)


def _test_share(test_size, n):
    if isinstance(test_size, Integral) and 0 < test_size < n:
        return test_size / n
    if isinstance(test_size, Real) and not isinstance(test_size, Integral) and 0 < test_size < 1:
        return float(test_size)
    raise ValueError(
        f"test_size must be a fraction in (0, 1) or a number of rows from 1 to {n - 1}, "
        f"got {test_size!r}."
    )


def _counts_of_artists(X, y, groups, n_parts, noun="X"):
    """Return the artist code of each row, and the rows of each artist per label and in total."""
    n = _n_rows(X, noun)
    if groups is None:
        raise ValueError(
            "The groups parameter should not be None, because an artist must not be in two parts. "
            "Pass the artist of each row, for example groups=table['artist']."
        )
    groups = read_groups(groups, n)
    labels = None if y is None else read_labels(y, keep_sparse=True, allow_missing=True)
    check_rows(X, labels, groups, noun=noun.removeprefix("the "))
    codes = groups.codes
    n_artists = codes.max() + 1 if n else 0
    if n_artists < n_parts:
        raise ValueError(
            f"Cannot split {n_artists} artists into {n_parts} parts, because every part needs at "
            "least one artist. Use fewer parts, or pass rows of more artists."
        )
    # The last column counts the rows themselves, so that sizes are balanced in the same way.
    columns = [sparse.csr_array(np.ones((n, 1)))]
    if labels is not None:
        if len(labels) != n:
            raise ValueError(f"y has {len(labels)} rows, but {noun} has {n}.")
        incidence = labels.incidence
        # A label without rows would have a target of 0, and an infinite weight in the objective.
        incidence = incidence[:, np.asarray(incidence.sum(axis=0)).ravel() > 0]
        columns.insert(0, incidence)
    # The product with this 0/1 matrix adds up the rows of each artist.
    membership = sparse.csr_array((np.ones(n), (codes, np.arange(n))), shape=(n_artists, n))
    return codes, sparse.csr_array(membership @ sparse.hstack(columns, format="csr"))


def _parts_of_rows(codes, counts, shares, rng):
    """Return the part of every row, as an int array of shape (n,)."""
    return _Assignment(counts, shares, rng).solve()[codes]


class _Assignment:
    """Assignment of artists to parts: a random start, then moves and swaps while they improve it.

    The objective is the sum of squared relative deviations of the count of every label in every
    part from its target, plus the same for the sizes, which have the weight of all labels together.

    Parameters
    ----------
    counts : csr_array of shape (n_artists, n_labels + 1)
        Number of rows of each artist with each label; the last column counts all of its rows.
    shares : ndarray of shape (n_parts,)
        Fraction of the rows in each part.
    rng : Generator
    """

    def __init__(self, counts, shares, rng):
        self.counts = counts
        self.squares = counts.power(2)
        self.shares = shares
        self.rng = rng
        self.totals = np.asarray(counts.sum(axis=0)).ravel()
        self.target = self.totals[:, None] * shares
        # Relative deviations: a rare label counts as much as a frequent one.
        self.weight = self.target**-2.0
        self.weight[-1] *= max(len(self.totals) - 1, 1)
        self.part = np.full(counts.shape[0], -1)
        self.excess = -self.target  # labels x parts: count minus target
        self.n_artists = np.zeros(len(shares), dtype=int)

    def solve(self):
        self._start()
        self._fill_empty_parts()
        for _ in range(_ROUNDS):
            # Swaps are more expensive, so they are only tried when no single move helps.
            if not self._move_round() and not self._swap_round():
                break
        return self.part

    def _row(self, artist):
        span = slice(self.counts.indptr[artist], self.counts.indptr[artist + 1])
        return self.counts.indices[span], self.counts.data[span]

    def _put(self, artist, part):
        labels, c = self._row(artist)
        old = self.part[artist]
        if old >= 0:
            self.excess[labels, old] -= c
            self.n_artists[old] -= 1
        self.excess[labels, part] += c
        self.n_artists[part] += 1
        self.part[artist] = part

    def _start(self):
        """Draw the parts at random.

        Assigning the largest artists first gives no better result (measured), and leaves prolific
        artists in the largest part: 2.2 rows per artist there, 1.4 elsewhere.
        """
        drawn = self.rng.choice(len(self.shares), size=len(self.part), p=self.shares)
        for artist, part in enumerate(drawn):
            self._put(artist, part)

    def _fill_empty_parts(self):
        for part in np.flatnonzero(self.n_artists == 0):
            # An artist may only be taken from a part that keeps another one.
            donors = self.n_artists[self.part] > 1
            self._put(np.argmin(np.where(donors, self._gains()[:, part], np.inf)), part)

    def _gains(self):
        """Return the change of the objective for each move of an artist, (n_artists, n_parts)."""
        # Adding counts c to a part with excess e changes w * e**2 by w * (2 * c * e + c**2), whose
        # sum over labels is pull + curve. Removing them changes it by curve - pull.
        pull = 2 * (self.counts @ (self.weight * self.excess))
        curve = self.squares @ self.weight
        rows = np.arange(len(self.part))
        leave = (curve - pull)[rows, self.part]
        gains = pull + curve + leave[:, None]
        gains[rows, self.part] = 0
        return gains

    def _move_round(self):
        gains = self._gains()
        best = gains.min(axis=1)
        # A smaller gain may be a rounding error, and would move an artist back and forth.
        candidates = np.flatnonzero(best < -1e-9)
        if len(candidates) > _MOVES:
            candidates = candidates[np.argpartition(best[candidates], _MOVES)[:_MOVES]]
        moved = False
        for artist in candidates[np.argsort(best[candidates], kind="stable")]:
            # Earlier moves of this round have changed the objective: compute the gain again.
            labels, c = self._row(artist)
            here = self.part[artist]
            # Every part keeps at least one artist.
            if self.n_artists[here] == 1:
                continue
            pull = 2 * (c @ (self.weight[labels] * self.excess[labels]))
            curve = c**2 @ self.weight[labels]
            gain = pull + curve + (curve - pull)[here]
            gain[here] = 0
            target = np.argmin(gain)
            if gain[target] < -1e-9:
                self._put(artist, target)
                moved = True
        return moved

    def _swap_round(self):
        gains = self._gains()
        n_parts = len(self.shares)
        swapped = False
        for p in range(n_parts):
            for q in range(p + 1, n_parts):
                if swapped:
                    gains = self._gains()
                ours = self._most_willing(gains, p, q)
                theirs = self._most_willing(gains, q, p)
                # In both parts, a swap changes the counts by the difference of the two artists'
                # counts. The square of a difference has a mixed term, which the gains of the two
                # single moves lack.
                scale = self.weight[:, p] + self.weight[:, q]
                both = (self.counts[ours].multiply(scale) @ self.counts[theirs].T).toarray()
                change = gains[ours, q][:, None] + gains[theirs, p] - 2 * both
                a, b = np.unravel_index(np.argmin(change), change.shape)
                if change[a, b] < -1e-9:
                    self._put(ours[a], q)
                    self._put(theirs[b], p)
                    swapped = True
        return swapped

    def _most_willing(self, gains, here, there):
        artists = np.flatnonzero(self.part == here)
        if len(artists) > _SWAPS:
            artists = artists[np.argpartition(gains[artists, there], _SWAPS)[:_SWAPS]]
        return artists
