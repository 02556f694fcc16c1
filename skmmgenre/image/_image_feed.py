"""Feed of images that decodes and transforms them batch by batch."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial

import numpy as np
from PIL import Image

from ..store import bad_cell, map_cells, warn_of_skipped_cells
from ..utils import BadItem, describe_cell, is_missing
from ._augment import centre_crop, decoding_side, for_evaluation, for_training
from ._color_statistics import N_STATISTICS, statistics_of_image
from ._decode import check_header, decode_image

_MAX_THREADS = 8
_KEPT_BYTES = 256 * 1024**2  # most bytes of the pictures and inputs that are kept
_KNOWN_AT_ONCE = 64  # images in memory while their colours are computed


@dataclass(frozen=True)
class _Seen:
    """Data kept of an image after it was checked."""

    crop: np.ndarray | None = None
    picture: np.ndarray | None = None
    colours: np.ndarray | None = None


class ImageFeed:
    """Feed of a column of images; see `skmmgenre.nets.ArrayFeed` for what a feed is.

    Images are decoded for every batch, so that only those of a batch are in memory.

    Parameters
    ----------
    cells : list
        Paths, PIL images or uint8 arrays; some may be missing.
    image_size : int
        Side of the network's input in pixels.
    seed : int or None
        Seed of the augmentation; None for no augmentation.
    on_error, n_jobs, verbose
        See `skmmgenre.store.map_cells`.
    once : bool, default=False
        Whether each image is used only once. If True, creating the feed only reads headers and
        loads PIL images. A file with a valid header and broken data is then found in its batch: it
        raises an error, or gets a row of zeros and an entry in `errors`, and is `missing` from
        then on. If False, every image is decoded first, so that a broken one is found before
        anything is computed. The network's input without augmentation is kept if the inputs of
        all rows fit into 256 MB (1,783 covers at 224 pixels).
    colours : bool, default=False
        Whether to compute the colour statistics whenever an image is decoded.
    shrinks : bool, default=False
        Whether to scale down images before augmentation, to as many pixels as the smallest crop
        needs. They are kept, so that files are not decoded again in every epoch, if those of all
        rows would fit into 256 MB together with the inputs (1,608 square covers at 64 pixels). An
        image that exceeds its share of this, such as a long strip, is not kept.

    Attributes
    ----------
    missing : ndarray of bool, shape (n_rows,)
    sample_shape : tuple of int
        (3, image_size, image_size).
    errors : list of dict
        The bad images that are treated as missing with ``on_error="missing"``.
    """

    reads_files = False  # it does read files, but decoding dominates

    def __init__(
        self,
        cells,
        *,
        image_size,
        seed,
        on_error,
        n_jobs,
        verbose,
        once=False,
        colours=False,
        shrinks=False,
    ):
        self.cells, self.image_size, self.seed = cells, image_size, seed
        self.on_error, self.once, self._shrinks = on_error, once, shrinks
        self.sample_shape = (3, image_size, image_size)
        # PIL images are loaded once in this process instead of being sent to workers.
        if any(isinstance(cell, Image.Image) for cell in cells):
            n_jobs = 1
        # Each row has the same share of the memory, so that the bound holds for all shapes.
        share = _KEPT_BYTES // max(1, len(cells))
        crop_bytes = 3 * image_size**2
        keeps_crop = (seed is None or shrinks) and crop_bytes <= share
        picture_bytes = share - crop_bytes * keeps_crop
        square_bytes = 3 * decoding_side(image_size, training=True) ** 2
        if seed is None or not shrinks or square_bytes > picture_bytes:
            picture_bytes = 0
        check = partial(_check, image_size, keeps_crop, picture_bytes, colours)
        seen, self.errors = map_cells(
            check_header if once else check,
            cells,
            noun="image",
            on_error=on_error,
            n_jobs=n_jobs,
            verbose=verbose,
            description="Checking images",
        )
        self.missing = np.array([one is None for one in seen])
        self._seen = [one if isinstance(one, _Seen) else _Seen() for one in seen]
        self._colours = None
        if colours:
            self._colours = np.full((len(cells), N_STATISTICS), np.nan, dtype=np.float32)
            for row, one in enumerate(self._seen):
                if one.colours is not None:
                    self._colours[row] = one.colours

    def __len__(self):
        return len(self.cells)

    def batch(self, rows, epoch=None):
        """Return normalized images as float32 of shape (n, 3, size, size).

        `epoch` is None outside training. In training, the augmentation of a row depends only on
        (seed, epoch, row), so neither order nor threads change it.
        """
        import torch

        # As many as torch uses, which in a joblib worker is its share of the CPU.
        threads = min(_MAX_THREADS, torch.get_num_threads(), len(rows))
        with ThreadPoolExecutor(threads) as pool:
            images = list(pool.map(partial(self._row, epoch=epoch), rows))
        pixels = np.zeros((len(rows), *self.sample_shape), dtype=np.float32)
        # Threads return a fault instead of raising it, so that all faults of a batch are handled
        # here, in the order of the rows.
        for place, image in enumerate(images):
            if isinstance(image, BadItem):
                self.set_aside(int(rows[place]), (image.reason, image.remedy))
            else:
                pixels[place] = image
        return pixels

    def _row(self, row, epoch):
        """Return the pixels of one image, or the BadItem that decoding raised."""
        seen = self._seen[row]
        augmented = epoch is not None and self.seed is not None
        if not augmented and seen.crop is not None:
            return for_evaluation(seen.crop)
        if augmented and seen.picture is not None:
            image = Image.fromarray(seen.picture)
        else:
            try:
                image = self._decode(row, training=augmented)
            except BadItem as error:
                return error
        if augmented:
            rng = np.random.default_rng([self.seed, epoch, row])
            return for_training(image, self.image_size, rng)
        if self._colours is not None:
            self._colours[row] = statistics_of_image(image)
        return for_evaluation(centre_crop(image, self.image_size))

    def _decode(self, row, *, training):
        side = decoding_side(self.image_size, training=training)
        image = decode_image(self.cells[row], min_side=side)
        return _shrunk(image, side) if training and self._shrinks else image

    @property
    def has_colours(self):
        return self._colours is not None

    def colours(self, rows):
        """Return the colour statistics of some rows, zeros where an image is missing.

        Returns
        -------
        colours : ndarray of float32, shape (n, 240)
        """
        # Making a batch of unaugmented images also sets their colours; its pixels are not needed.
        unknown = rows[np.isnan(self._colours[rows, 0]) & ~self.missing[rows]]
        for start in range(0, len(unknown), _KNOWN_AT_ONCE):
            self.batch(unknown[start : start + _KNOWN_AT_ONCE])
        return np.nan_to_num(self._colours[rows])

    def set_colours(self, rows, colours):
        """Set the colour statistics of some rows, read from a store."""
        self._colours[rows] = colours

    def set_aside(self, row, fault):
        """Raise an error for a row that is bad, or list it in `errors` and mark it as missing.

        Parameters
        ----------
        row : int
        fault : tuple of two str
            Reason and remedy.
        """
        cell = self.cells[row]
        if not self.once:  # it was valid when the feed was created
            reason, remedy = fault
            raise BadItem(
                f"Row {row}: image {describe_cell(cell)} has changed since it was checked: "
                f"{reason}",
                remedy,
            )
        self.errors.append(bad_cell(cell, row, fault, "image", self.on_error))
        self.errors.sort(key=lambda error: error["row"])
        self.missing[row] = True
        if self.missing.all():
            n_images = sum(not is_missing(cell) for cell in self.cells)
            warn_of_skipped_cells(self.errors, n_images, "image")

    def fault(self, row):
        """Return the reason and remedy of a bad row."""
        return next((e["reason"], e["remedy"]) for e in self.errors if e["row"] == row)


def _check(size, keeps_crop, picture_bytes, colours, cell):
    """Decode an image and return the data to keep of it.

    The picture is kept if it takes at most `picture_bytes`.
    """
    image = decode_image(cell, min_side=decoding_side(size, training=False))
    picture = None
    if picture_bytes:
        side = decoding_side(size, training=True)
        # Decoded again, because for evaluation a JPEG may be decoded smaller than training needs.
        picture = np.asarray(_shrunk(decode_image(cell, min_side=side), side))
        if picture.nbytes > picture_bytes:
            picture = None
    return _Seen(
        crop=centre_crop(image, size) if keeps_crop else None,
        picture=picture,
        colours=statistics_of_image(image).astype(np.float32) if colours else None,
    )


def _shrunk(image, side):
    """Return the image with its shorter side scaled down to `side` if it is longer."""
    scale = side / min(image.size)
    if scale >= 1:
        return image
    size = [max(side, round(length * scale)) for length in image.size]
    return image.resize(size, Image.Resampling.BICUBIC)
