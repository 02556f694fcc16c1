"""Feeds, the input of a network: rows in, float32 batches out."""

import mmap
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import numpy as np
from scipy import sparse

from .._typing import BoolArray, SparseMatrix
from ..utils import mapped_file


class ArrayFeed:
    """Feed of an array: dense, memory-mapped or sparse.

    Any object with these attributes and methods is a feed; see also ``image``.

    Parameters
    ----------
    X : ndarray, memmap or CSR matrix of shape (n_rows, ...)
        The rows, of any number of dimensions.
    missing : ndarray of bool, shape (n_rows,)
        Mask of the missing rows, which are never requested.

    Attributes
    ----------
    missing : ndarray of bool, shape (n_rows,)
        Mask of the missing rows. A feed may mark more of them while it is read.
    sample_shape : tuple of int
        Shape of one row of a batch.
    reads_files : bool
        Whether making a batch mostly waits for the disk, rather than using the CPU.
    """

    def __init__(self, X: np.ndarray | SparseMatrix, missing: BoolArray):
        self.X = sparse.csr_array(X) if sparse.issparse(X) else X
        self.missing = missing
        self.sample_shape = tuple(X.shape[1:])
        self.reads_files = mapped_file(X) is not None

    def __len__(self):
        return self.X.shape[0]

    def batch(self, rows: np.ndarray, epoch: int | None = None) -> Any:
        """Return rows as float32; those of a sparse X as CSR without duplicate entries.

        Parameters
        ----------
        rows : ndarray of int
            Positions of the rows.
        epoch : int or None, default=None
            The epoch, for feeds with augmentation; None outside of training. Ignored here: an
            array is the same in every epoch.

        Returns
        -------
        batch : ndarray of float32, or csr_array of float32
            The rows, in the order of `rows`.
        """
        chosen = take_rows(self.X, rows)
        if sparse.issparse(chosen):
            # Also sorts the entries, which `sparse_tensor` takes as sorted and unique, unchecked.
            chosen.sum_duplicates()
            return chosen.astype(np.float32)
        return np.ascontiguousarray(chosen, dtype=np.float32)


def take_rows(X: np.ndarray | SparseMatrix, rows: np.ndarray) -> Any:
    """Return the rows of an index array, in memory; see `release_pages`.

    Parameters
    ----------
    X : ndarray, memmap or sparse matrix
        The array to read from.
    rows : ndarray of int
        Positions of the rows.

    Returns
    -------
    chosen : ndarray or sparse matrix
        The rows, in the order of `rows`.
    """
    chosen = np.asarray(X)[rows] if isinstance(X, np.memmap) else X[rows]
    release_pages(X)
    return chosen


def release_pages(X: np.ndarray | SparseMatrix) -> None:
    """Release the pages that were read, if X is memory-mapped.

    Otherwise pages would accumulate until the whole file is in memory.

    Parameters
    ----------
    X : ndarray, memmap or sparse matrix
        Nothing is done unless it is memory-mapped.
    """
    file = mapped_file(X)
    if file is not None:
        file.madvise(mmap.MADV_DONTNEED)


def read_batches(feed, chunks, epoch=None, *, device):
    """Yield each of `chunks` (arrays of rows) with its batch.

    The next batch is prepared in a thread while the caller works on the current one, unless both
    are CPU-bound: then concurrency gains nothing (7 % slower for images and a ResNet-18 on two
    cores).
    """
    if device.type == "cpu" and not feed.reads_files:
        for rows in chunks:
            yield rows, feed.batch(rows, epoch=epoch)
        return
    # A single thread, one batch ahead: a feed need not be thread-safe, and at most two batches are
    # in memory.
    with ThreadPoolExecutor(1) as reader:
        coming = None
        for number, rows in enumerate(chunks):
            batch = (coming or reader.submit(feed.batch, rows, epoch=epoch)).result()
            following = chunks[number + 1 : number + 2]
            coming = reader.submit(feed.batch, *following, epoch=epoch) if following else None
            yield rows, batch
