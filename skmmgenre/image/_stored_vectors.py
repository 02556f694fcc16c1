"""Vectors of covers, found in a store or computed and kept there."""

import hashlib
from contextlib import closing

import numpy as np
import PIL

from ..store import FeatureStore, settle_in_rounds
from ._decode import content_of_image

# Of what is computed here and in what it calls. After a change vectors are computed again, and
# stores keep the old ones until they are pruned.
_VERSION = 1

# Rows of a round: at first, and at most. What it computed is kept before the next one starts.
_PER_ROUND = (64, 64)


def vector_store(path, **settings):
    """Return the store of a network that stays as it is.

    Parameters
    ----------
    path : str or path-like
    **settings
        All that a vector depends on beside the cover and the versions.

    Returns
    -------
    store : FeatureStore
    """
    import torch

    versions = {"torch": torch.__version__, "pillow": PIL.__version__}
    return FeatureStore(
        path,
        kind="vectors of images",
        settings={**settings, "version": _VERSION, "versions": versions},
        content_of=content_of_image,
    )


def digest_of_weights(arrays):
    """Return a hash of a network's weights.

    Parameters
    ----------
    arrays : dict of ndarray

    Returns
    -------
    digest : str
    """
    digest = hashlib.blake2b(digest_size=20)
    for name, array in sorted(arrays.items()):
        digest.update(repr((name, array.dtype.str, array.shape)).encode())
        digest.update(np.ascontiguousarray(array).data)
    return digest.hexdigest()


def stored_vectors(store, forward, feed, rows, n_features, advance):
    """Return the vectors of some rows; what the store lacks is computed and kept.

    Parameters
    ----------
    store : FeatureStore
    forward : callable
        Takes an array of rows, returns their vectors. What it finds to be bad it sets aside.
    feed : ImageFeed
    rows : ndarray of int, shape (n,)
    n_features : int
    advance : callable
        Of a progress bar; is told the number of rows that are settled.

    Returns
    -------
    vectors : ndarray of float32, shape (n, n_features)
        Zeros in rows that were set aside on the way.
    """
    vectors = np.zeros((len(feed), n_features), dtype=np.float32)

    def compute(some):
        answers = forward(np.array(some))
        return [
            (None, feed.fault(row)) if feed.missing[row] else (answer, None)
            for row, answer in zip(some, answers, strict=True)
        ]

    all_rows = rows.tolist()
    with closing(settle_in_rounds(compute, feed.cells, all_rows, _PER_ROUND, store)) as rounds:
        for settled in rounds:
            for row, (vector, fault) in settled.items():
                if fault is None:
                    vectors[row] = vector
                elif not feed.missing[row]:  # another row of the same bad file
                    feed.set_aside(row, fault)
            advance(len(settled))
    return vectors[rows]
