"""Feed of images: decoded and transformed a batch at a time."""

from concurrent.futures import ThreadPoolExecutor
from functools import partial

import joblib
import numpy as np

from ..items import BadItem, describe_cell, map_cells
from ._augment import centre_crop, decoding_side, for_evaluation, for_training
from ._decode import decode_image

_MAX_THREADS = 8
_KEPT_BYTES = 256 * 1024**2


class ImageFeed:
    """Feed of a column of images; see `skmmgenre.nets.ArrayFeed` for what a feed is.

    Every image is decoded once when the feed is made, so that a bad one is found before
    anything is computed. What the network sees of it without augmentation is kept if that
    of all rows takes little memory (at 224 pixels that of 1,783 covers). Else images are
    decoded again for every batch.

    Parameters
    ----------
    cells : list
        Paths, PIL images or uint8 arrays; some may be missing.
    image_size : int
        Side of what the network sees.
    seed : int or None
        Of the augmentation; None for none.
    on_error, n_jobs, verbose
        See `skmmgenre.items.map_cells`.

    Attributes
    ----------
    missing : ndarray of bool, shape (n_rows,)
    sample_shape : tuple of int
        (3, image_size, image_size).
    errors : list of dict
        The bad images that `on_error="missing"` set aside.
    """

    def __init__(self, cells, *, image_size, seed, on_error, n_jobs, verbose):
        self.cells, self.image_size, self.seed = cells, image_size, seed
        self.sample_shape = (3, image_size, image_size)
        self._decode = partial(decode_image, min_side=decoding_side(image_size))
        keep = seed is None and len(cells) * 3 * image_size**2 <= _KEPT_BYTES
        self._crops, self.errors = map_cells(
            partial(_check, self._decode, image_size if keep else None),
            cells,
            noun="image",
            on_error=on_error,
            n_jobs=n_jobs,
            verbose=verbose,
            description="Checking images",
        )
        self.missing = np.array([crop is None for crop in self._crops])

    def __len__(self):
        return len(self.cells)

    def batch(self, rows, epoch=None):
        """Return images as float32 of shape (n, 3, size, size), normalised.

        `epoch` is None outside training. In training the augmentation of a row follows
        from (seed, epoch, row) alone, so neither order nor threads change it.
        """
        threads = min(_MAX_THREADS, joblib.cpu_count(), max(1, len(rows)))
        with ThreadPoolExecutor(threads) as pool:
            return np.stack(list(pool.map(partial(self._row, epoch=epoch), rows)))

    def _row(self, row, epoch):
        if isinstance(self._crops[row], np.ndarray):
            return for_evaluation(self._crops[row])
        try:
            image = self._decode(self.cells[row])
        except BadItem as error:  # it was good a while ago
            item = describe_cell(self.cells[row])
            raise BadItem(
                f"Row {row}: image {item} has changed since it was checked: {error.reason}",
                error.remedy,
            ) from None
        if epoch is None or self.seed is None:
            return for_evaluation(centre_crop(image, self.image_size))
        rng = np.random.default_rng([self.seed, epoch, row])
        return for_training(image, self.image_size, rng)


def _check(decode, size, cell):
    """The crop of an image that can be decoded, or True if it is not to be kept."""
    image = decode(cell)
    return True if size is None else centre_crop(image, size)
