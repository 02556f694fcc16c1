"""Feed of patches cut from longer ones."""

import numpy as np

from ..nets import ArrayFeed, release_pages


class PatchFeed(ArrayFeed):
    """Feed of `n_frames` frames of each row: another place in every epoch, or the middle.

    Parameters
    ----------
    X : ndarray or memmap of shape (n_rows, n_bins, at least n_frames)
    missing : ndarray of bool, shape (n_rows,)
    n_frames : int
    lengths : ndarray of int, shape (n_rows,)
        Frames of each row before its padding. Patches reach into the padding only if there
        are fewer than `n_frames`.
    seed : int or None
        Of the places in training; None for the middle.
    """

    def __init__(self, X, missing, *, n_frames, lengths, seed):
        super().__init__(X, missing)
        self.sample_shape = (X.shape[1], n_frames)
        self.free = np.maximum(lengths - n_frames, 0)
        self.seed = seed

    def batch(self, rows, epoch=None):
        """Return the patches as float32; a place follows from (seed, epoch, row) alone."""
        if epoch is None or self.seed is None:
            return self.cut(rows, self.free[rows] // 2)
        starts = [
            np.random.default_rng([self.seed, epoch, row]).integers(self.free[row] + 1)
            for row in rows
        ]
        return self.cut(rows, starts)

    def cut(self, rows, starts):
        """Return the patch of each row that begins at a frame."""
        patches = np.empty((len(rows), *self.sample_shape), dtype=np.float32)
        for patch, row, start in zip(patches, rows, starts, strict=True):
            patch[:] = self.X[row, :, start : start + patch.shape[1]]
        release_pages(self.X)
        return patches


class SpreadFeed:
    """Feed of `n_patches` patches of each row of a `PatchFeed`, from its begin to its end.

    The patches of row r are rows r * n_patches to (r + 1) * n_patches - 1 of this one.
    """

    def __init__(self, feed, n_patches):
        self.feed, self.n_patches = feed, n_patches
        self.sample_shape, self.reads_files = feed.sample_shape, feed.reads_files

    def batch(self, rows, epoch=None):
        """Return the patches as float32."""
        owner, place = np.divmod(rows, self.n_patches)
        return self.feed.cut(owner, self.feed.free[owner] * place // (self.n_patches - 1))
