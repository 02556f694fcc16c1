"""Statistics of the colours of each cover."""

import numpy as np

from .._typing import Column, Float64Array, ObjectArray, OnError
from ..store import CellTransformer
from ._decode import decode_image

_SIDE = 64  # pixels to which an image is scaled
_TILES = 8  # per row and per column
_BINS = 16  # per histogram
_CHANNELS = ("hue", "saturation", "value")
N_STATISTICS = len(_CHANNELS) * (_TILES**2 + _BINS)


class ColorStatistics(CellTransformer):
    """Mean colours of 8 x 8 tiles of each cover, and colour histograms of the whole cover.

    A simple baseline: together with a logistic regression, this is what a network has to beat. The
    estimator is stateless, so `fit` is not required, and the statistics of a cover only depend on
    the cover.

    Parameters
    ----------
    on_error : {"raise", "missing"}, default="raise"
        Whether an image that cannot be used raises an error that names it, or is treated as
        missing and listed in `errors_`.
    n_jobs : int or None, default=None
        Number of joblib workers.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    errors_ : DataFrame
        One line per image that the last `transform` treated as missing because of
        ``on_error="missing"``: row, item, reason, remedy.

    See Also
    --------
    ResNetEmbedder : Network trained on the image itself.

    Notes
    -----
    The image is scaled to 64 x 64 pixels and converted to hue, saturation and value, each in
    [0, 1]. The statistics are the mean of each channel in 8 x 8 tiles (192 features) and a
    histogram of each channel with 16 bins, scaled to a mean of 1 (48 features).

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.image import ColorStatistics
    >>> red = np.zeros((100, 100, 3), dtype=np.uint8)
    >>> red[..., 0] = 255
    >>> statistics = ColorStatistics()
    >>> X = statistics.transform([red, None])
    >>> X.shape, bool(np.isnan(X[1]).all())
    ((2, 240), True)
    >>> dict(zip(statistics.get_feature_names_out()[:3], X[0, :3].tolist()))
    {'hue_0_0': 0.0, 'saturation_0_0': 1.0, 'value_0_0': 1.0}
    """

    _noun = "image"

    def __init__(self, *, on_error: OnError = "raise", n_jobs: int | None = None, verbose: int = 0):
        self.on_error = on_error
        self.n_jobs = n_jobs
        self.verbose = verbose

    def transform(self, X: Column) -> Float64Array:
        """Compute the statistics of each image.

        Parameters
        ----------
        X : column of paths, of the content of files, PIL images or uint8 arrays, length n
            Same inputs as :meth:`ResNetEmbedder.transform`. A cell that is None, NaN or "" is
            missing.

        Returns
        -------
        statistics : ndarray of float64, shape (n, 240)
            Rows of missing images are NaN.

        Raises
        ------
        BadItem
            If an image cannot be used and ``on_error="raise"``.
        """
        self._validate_params()
        return self._map_to_rows(_statistics, X, description="colours")

    def get_feature_names_out(self, input_features: Column | None = None) -> ObjectArray:
        """Return the names of the statistics.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str objects, shape (240,)
            "hue_0_0", "saturation_0_0", "value_0_0" (tile in the first row and column) to
            "value_7_7", then "hue_histogram_0" to "value_histogram_15".
        """
        tiles = [
            f"{channel}_{row}_{column}"
            for row in range(_TILES)
            for column in range(_TILES)
            for channel in _CHANNELS
        ]
        bins = [f"{channel}_histogram_{k}" for channel in _CHANNELS for k in range(_BINS)]
        return np.array(tiles + bins, dtype=object)


def _statistics(cell):
    return statistics_of_image(decode_image(cell, min_side=_SIDE))


def statistics_of_image(image):
    """Return the statistics of a PIL image, shape (240,)."""
    pixels = np.asarray(image.resize((_SIDE, _SIDE)).convert("HSV")) / 255
    size = _SIDE // _TILES
    tiles = pixels.reshape(_TILES, size, _TILES, size, len(_CHANNELS)).mean(axis=(1, 3))
    histograms = [
        np.histogram(channel, _BINS, range=(0, 1), density=True)[0]
        for channel in np.moveaxis(pixels, -1, 0)
    ]
    return np.concatenate([tiles.ravel(), *histograms])
