"""Augmentation of patches, different in every epoch, so that a network cannot memorize them."""

import numpy as np

_MOST_BINS_UP = 2  # largest shift in bins, which are semitones at 12 bins per octave
_MOST_BINS_MASKED, _MOST_FRAMES_MASKED = 0.1, 0.1  # fractions of the patch


class AugmentedFeed:
    """Feed of patches that are augmented in training: shifted along the bins, and masked.

    Parameters
    ----------
    feed : feed of patches
    seed : int
        The augmentation of a patch depends only on (seed, epoch, row).
    """

    def __init__(self, feed, seed):
        self.feed, self.seed = feed, seed
        self.missing, self.sample_shape = feed.missing, feed.sample_shape
        self.reads_files = feed.reads_files

    def __len__(self):
        return len(self.feed)

    def batch(self, rows, epoch=None):
        """Return the patches as float32, unchanged outside training (epoch None)."""
        patches = self.feed.batch(rows, epoch)
        if epoch is None:
            return patches
        for patch, row in zip(patches, rows, strict=True):
            # The 1 keeps these draws apart from those of the position, in `PatchFeed` with the same
            # seed.
            augment_patch(patch, np.random.default_rng([self.seed, epoch, row, 1]))
        return patches


def augment_patch(patch, generator):
    """Augment a patch of shape (n_bins, n_frames) in place.

    The patch is shifted by up to two bins up or down (a transposition), and the gap is filled with
    its smallest value. Then a band of bins and a range of frames, each up to a tenth of the patch,
    are set to its mean, as in SpecAugment.
    """
    n_bins, n_frames = patch.shape
    up = int(generator.integers(-_MOST_BINS_UP, _MOST_BINS_UP + 1))
    if 0 < abs(up) < n_bins:
        least = patch.min()
        patch[:] = np.roll(patch, up, axis=0)
        # These are the bins that `roll` moved in from the other end.
        patch[slice(0, up) if up > 0 else slice(up, None)] = least
    mean = patch.mean()
    first, last = _stretch(n_bins, _MOST_BINS_MASKED, generator)
    patch[first:last] = mean
    first, last = _stretch(n_frames, _MOST_FRAMES_MASKED, generator)
    patch[:, first:last] = mean


def _stretch(length, most, generator):
    """Draw the ends of a random range of up to the fraction `most` of `length`."""
    n_masked = int(generator.integers(int(most * length) + 1))
    first = int(generator.integers(length - n_masked + 1))
    return first, first + n_masked
