"""What a network is fed with: rows in, float32 batches out."""

import numpy as np
from scipy import sparse


class ArrayFeed:
    """Feed of an array: dense, memory-mapped or sparse. At most a batch is ever made dense.

    Any object with these attributes and methods is a feed; see also ``image``.

    Parameters
    ----------
    X : ndarray, memmap or CSR matrix of shape (n_rows, ...)
    missing : ndarray of bool, shape (n_rows,)
        Rows that hold nothing; they are never asked for.

    Attributes
    ----------
    missing : ndarray of bool, shape (n_rows,)
    sample_shape : tuple of int
        Shape of one row of a batch.
    """

    def __init__(self, X, missing):
        self.X = sparse.csr_array(X) if sparse.issparse(X) else X
        self.missing = missing
        self.sample_shape = tuple(X.shape[1:])

    def __len__(self):
        return self.X.shape[0]

    def batch(self, rows, epoch=None):
        """Return the rows as float32; `epoch` is None outside training (no augmentation).

        Rows of a sparse X stay sparse in training. Outside of it they are made dense, so that
        they are answered as those of a dense X, bit for bit.
        """
        chosen = self.X[rows]
        if sparse.issparse(chosen):
            if epoch is not None:
                chosen.sum_duplicates()
                return chosen.astype(np.float32)
            chosen = chosen.toarray()
        return np.ascontiguousarray(chosen, dtype=np.float32)
