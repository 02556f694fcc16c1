"""Feeds of items with both views, with or without the negatives of the paper."""

from hashlib import blake2b

import numpy as np
from scipy import sparse

from ._retrieval import LARGEST_GALLERY, NEAREST, search


class PairFeed:
    """Feed of the concatenated views of an item.

    Parameters
    ----------
    vectors : list of two ndarray or csr_array of float32, shape (n_rows, n_columns)
    codes : ndarray of int, shape (n_rows, 2)
        Equal vectors of a view have the same code.
    missing : ndarray of bool, shape (n_rows,)
        Rows without both views.
    """

    reads_files = False

    def __init__(self, vectors, codes, *, missing):
        self.vectors, self.codes, self.missing = vectors, codes, missing
        self.sample_shape = (sum(part.shape[1] for part in vectors),)

    def batch(self, rows, epoch=None):
        """Return the vectors of both views."""
        return np.hstack([dense(part[rows]) for part in self.vectors])

    def recall(self, rows, embeddings):
        """Return the recall at 10 between the two views of some rows, given their embeddings."""
        rows, embeddings = rows[:LARGEST_GALLERY], embeddings[:LARGEST_GALLERY]
        ranks, _ = search(embeddings[:, 0], embeddings[:, 1], self.codes[rows])
        return float((ranks <= NEAREST).mean())


class FeedOfNegatives(PairFeed):
    """Feed of both views of an item and of one negative per view, as in the paper.

    In training, negatives are training rows drawn again in every epoch. Outside training, they are
    validation rows, always the same.
    """

    def __init__(self, vectors, codes, *, missing, train_pool, valid_pool, seed):
        super().__init__(vectors, codes, missing=missing)
        self.sample_shape = (2 * self.sample_shape[0],)
        self.seed = seed
        self._drawn = None
        self.train = [_Negatives(c, train_pool) for c in codes.T]
        self.valid = [_Negatives(c, valid_pool) for c in codes.T]

    def has_negatives(self, held_out):
        """Return 1 for each row and view with a negative, else 0 (all vectors are equal)."""
        train, valid = (
            np.array([part.enough for part in parts], dtype=np.float32)
            for parts in (self.train, self.valid)
        )
        return np.where(held_out[:, None], valid, train)

    def batch(self, rows, epoch=None):
        """Return the vectors of both views, then those of both negatives."""
        pools = self.valid if epoch is None else self.train
        drawn = self._draws(epoch)[:, rows]
        negatives = [pool.pick(rows, of_view) for pool, of_view in zip(pools, drawn, strict=True)]
        others = [part[other] for part, other in zip(self.vectors, negatives, strict=True)]
        return np.hstack([super().batch(rows), *map(dense, others)])

    def _draws(self, epoch):
        """Draw a number in [0, 1) per view and row, independent of how an epoch is batched."""
        if self._drawn is None or self._drawn[0] != epoch:
            rng = np.random.default_rng([self.seed, 0 if epoch is None else epoch + 1])
            self._drawn = epoch, rng.random((len(self.vectors), len(self.missing)))
        return self._drawn[1]


class _Negatives:
    """Rows of a pool whose vector differs from that of a given row."""

    def __init__(self, codes, pool):
        self.codes = codes
        self.pool = pool[np.argsort(codes[pool], kind="stable")]
        self.pool_codes = codes[self.pool]
        self.enough = len(pool) > 0 and self.pool_codes[0] != self.pool_codes[-1]

    def pick(self, rows, drawn):
        """Return a negative for each of `rows`, given numbers drawn from [0, 1)."""
        # `has_negatives` excludes these rows from the push terms, so any row may be returned.
        if not self.enough:
            return rows
        # The pool is sorted by vector, so that the vectors to exclude are adjacent.
        first = np.searchsorted(self.pool_codes, self.codes[rows], side="left")
        last = np.searchsorted(self.pool_codes, self.codes[rows], side="right")
        # A position among the other rows; from `first` on, it is moved past the excluded ones.
        place = (drawn * (len(self.pool) - (last - first))).astype(int)
        return self.pool[np.where(place >= first, place + last - first, place)]


def vector_codes(vectors):
    """Return an integer per row, the same for equal vectors."""
    # The keys are digests, so that the dict does not hold a copy of all vectors.
    known = {}
    if sparse.issparse(vectors):
        # `vectors_of_block` sorts entries and drops zeros, so equal vectors have equal bytes.
        ends = zip(vectors.indptr[:-1], vectors.indptr[1:], strict=True)
        rows = (
            vectors.indices[start:end].tobytes() + vectors.data[start:end].tobytes()
            for start, end in ends
        )
    else:
        rows = (row.tobytes() for row in vectors)
    return np.array([known.setdefault(blake2b(row).digest(), len(known)) for row in rows])


def dense(vectors):
    return vectors.toarray() if sparse.issparse(vectors) else vectors
