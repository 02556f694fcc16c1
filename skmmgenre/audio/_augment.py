"""Patches that differ a little in every epoch, so that a network cannot learn them by heart."""

import numpy as np

_MOST_BINS_UP = 2  # a patch is moved by up to so many bins, at 12 an octave semitones
_MOST_BINS_MASKED, _MOST_FRAMES_MASKED = 0.1, 0.1  # shares of the patch


class AugmentedFeed:
    """Feed of patches that are augmented in training: moved over the bins, and masked.

    Parameters
    ----------
    feed : feed of patches
    seed : int
        What happens to a patch follows from (seed, epoch, row) alone.
    """

    def __init__(self, feed, seed):
        self.feed, self.seed = feed, seed
        self.missing, self.sample_shape = feed.missing, feed.sample_shape
        self.reads_files = feed.reads_files

    def __len__(self):
        return len(self.feed)

    def batch(self, rows, epoch=None):
        """Return the patches as float32, as they are outside of training (epoch None)."""
        patches = self.feed.batch(rows, epoch)
        if epoch is None:
            return patches
        for patch, row in zip(patches, rows, strict=True):
            augment_patch(patch, np.random.default_rng([self.seed, epoch, row, 1]))
        return patches


def augment_patch(patch, generator):
    """Change a patch of shape (n_bins, n_frames) in place.

    It is moved by up to two bins up or down, as if played in another key, with its least value
    where nothing moves in. Then a band of bins and a stretch of frames, each of up to a tenth of
    the patch, are set to its mean, as by SpecAugment.
    """
    n_bins, n_frames = patch.shape
    up = int(generator.integers(-_MOST_BINS_UP, _MOST_BINS_UP + 1))
    if 0 < abs(up) < n_bins:
        least = patch.min()
        patch[:] = np.roll(patch, up, axis=0)
        patch[slice(0, up) if up > 0 else slice(up, None)] = least
    mean = patch.mean()
    first, last = _stretch(n_bins, _MOST_BINS_MASKED, generator)
    patch[first:last] = mean
    first, last = _stretch(n_frames, _MOST_FRAMES_MASKED, generator)
    patch[:, first:last] = mean


def _stretch(length, most, generator):
    """Draw the ends of a stretch of up to a share of a length."""
    n_masked = int(generator.integers(int(most * length) + 1))
    first = int(generator.integers(length - n_masked + 1))
    return first, first + n_masked
