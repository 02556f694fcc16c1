"""Feed of two views of items and of negatives beside them."""

from hashlib import blake2b

import numpy as np


class PairFeed:
    """Feed of both views of an item and of one negative a view (see `JointNet`).

    In training, negatives are training rows drawn anew in every epoch; outside of it they
    are validation rows, always the same.
    """

    reads_files = False

    def __init__(self, vectors, *, missing, train_pool, valid_pool, seed):
        self.vectors, self.missing, self.seed = vectors, missing, seed
        self._drawn = None
        self.sample_shape = (2 * sum(part.shape[1] for part in vectors),)
        codes = [_vector_codes(part) for part in vectors]
        self.train = [_Negatives(c, train_pool) for c in codes]
        self.valid = [_Negatives(c, valid_pool) for c in codes]

    def has_negatives(self, held_out):
        """1 for each row and view with a negative; views all alike have none."""
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
        positive = [part[rows] for part in self.vectors]
        negative = [part[other] for part, other in zip(self.vectors, negatives, strict=True)]
        return np.hstack(positive + negative)

    def _draws(self, epoch):
        """Numbers in [0, 1), one a view and row: the same however an epoch is shared out."""
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
        """Return one for each of `rows`, by numbers drawn from [0, 1)."""
        if not self.enough:
            return rows
        # The pool is sorted by vector, so that those to leave out stand side by side.
        first = np.searchsorted(self.pool_codes, self.codes[rows], side="left")
        last = np.searchsorted(self.pool_codes, self.codes[rows], side="right")
        place = (drawn * (len(self.pool) - (last - first))).astype(int)
        return self.pool[np.where(place >= first, place + last - first, place)]


def _vector_codes(vectors):
    """An integer a row, the same for equal vectors."""
    known = {}
    return np.array(
        [known.setdefault(blake2b(row.tobytes()).digest(), len(known)) for row in vectors]
    )
