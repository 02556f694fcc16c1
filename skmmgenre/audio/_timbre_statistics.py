"""Statistics of the timbre coefficients of the Million Song Dataset."""

import numpy as np

from .._typing import Column, Float64Array, ObjectArray, OnError
from ..store import CellTransformer
from ..utils import BadItem, BadType, file_in, import_from_extra, is_path
from ._decode import check_file

_N_COEFFICIENTS = 12
# Same order as in the authors' notebook.
_STATISTICS = {
    "mean": lambda segments: segments.mean(axis=0),
    "max": lambda segments: segments.max(axis=0),
    "variance": lambda segments: segments.var(axis=0),
    "l2_norm": lambda segments: np.linalg.norm(segments, axis=0),
}
_PATH_IN_FILE = "analysis/segments_timbre"
_GET_AGAIN = "Get the file again: one song per file, as in the Million Song Dataset."


class TimbreStatistics(CellTransformer):
    """Mean, maximum, variance and l2 norm of the 12 timbre coefficients of each track.

    The baseline of the paper's audio networks. The estimator is stateless, so `fit` is not
    required, and the statistics of a track only depend on the track.

    Parameters
    ----------
    on_error : {"raise", "missing"}, default="raise"
        Whether a track that cannot be used raises an error that names it, or is treated as
        missing and listed in `errors_`.
    n_jobs : int or None, default=None
        Number of joblib workers.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    errors_ : DataFrame
        One line per track that the last `transform` treated as missing because of
        ``on_error="missing"``: row, item, reason, remedy.

    See Also
    --------
    AudioCNN : Network trained on the sound itself.
    skmmgenre.compose.MeanOverTracks : Accepts several tracks per row.
    skmmgenre.fusion.FusionClassifier : The layer of the paper's TIMBRE-MLP.

    Notes
    -----
    TIMBRE-MLP (section 7.3.1 of the paper, Table 6) is a StandardScaler followed by
    ``FusionClassifier(normalize=False)`` on these 48 features. The scaler is needed because
    variances and norms are hundreds of times larger than the means and would dominate them.

    The statistics are computed over the segments of a track as in the authors' code: the variance
    is divided by the number of segments, and the norm is the root of the sum of squares, so it
    grows with the length of the track. Their code used zeros for tracks without a file; here such
    rows are NaN.

    Paths refer to .h5 files of the Million Song Dataset, one song each. Reading them requires
    h5py: ``pip install "skmmgenre[data]"``.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.audio import TimbreStatistics
    >>> segments = np.zeros((2, 12))
    >>> segments[:, 0] = 3, 5
    >>> timbre = TimbreStatistics()
    >>> X = timbre.transform([segments, None])
    >>> X.shape
    (2, 48)
    >>> names = timbre.get_feature_names_out()
    >>> {str(name): round(float(x), 2) for name, x in zip(names[::12], X[0, ::12])}
    {'mean_0': 4.0, 'max_0': 5.0, 'variance_0': 1.0, 'l2_norm_0': 5.83}
    """

    _noun = "track"

    def __init__(self, *, on_error: OnError = "raise", n_jobs: int | None = None, verbose: int = 0):
        self.on_error = on_error
        self.n_jobs = n_jobs
        self.verbose = verbose

    def transform(self, X: Column) -> Float64Array:
        """Compute the statistics of each track.

        Parameters
        ----------
        X : column of paths, of the content of files, or of arrays of shape (n_segments, 12)
            Files (.h5) of the Million Song Dataset, or their timbre coefficients. A cell that is
            None, NaN or "" is missing.

        Returns
        -------
        statistics : ndarray of float64, shape (n, 48)
            The 12 means, 12 maxima, 12 variances and 12 l2 norms. Rows of missing tracks are
            NaN.

        Raises
        ------
        BadItem
            If a track cannot be used and ``on_error="raise"``: a missing, empty or broken
            file, a file without timbre coefficients or with several songs, 0 segments, a wrong
            number of coefficients, NaN or infinite coefficients.
        ImportError
            If X contains a file and h5py is not installed.
        """
        self._validate_params()
        return self._map_to_rows(_statistics, X, description="timbre")

    def get_feature_names_out(self, input_features: Column | None = None) -> ObjectArray:
        """Return the names of the statistics.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str objects, shape (48,)
            "mean_0" to "mean_11", then "max_0", "variance_0" and "l2_norm_0" onwards.
        """
        return np.array(
            [f"{name}_{k}" for name in _STATISTICS for k in range(_N_COEFFICIENTS)], dtype=object
        )


def _statistics(cell):
    """Return the statistics of one track, shape (48,)."""
    if (file := file_in(cell)[0]) is not None:
        segments = _check_segments(_read_segments(file))
    elif hasattr(cell, "__array__"):
        segments = _check_segments(np.asarray(cell))
    else:
        raise BadType(
            f"expected a path or an array of shape (n_segments, {_N_COEFFICIENTS}), got "
            f"{type(cell).__name__}",
            "Wrap the estimator in MeanOverTracks for lists of paths.",
        )
    return np.concatenate([statistic(segments) for statistic in _STATISTICS.values()])


def _read_segments(source):
    """Read the timbre coefficients in a file, without checking them."""
    h5py = import_from_extra("h5py", "Reading .h5 files", extra="data")
    if is_path(source):
        check_file(source)
    try:
        with h5py.File(source, "r") as file:
            if _PATH_IN_FILE not in file:
                raise BadItem(f"it does not contain {_PATH_IN_FILE}", _GET_AGAIN)
            if "analysis/songs" in file and (n_songs := len(file["analysis/songs"])) > 1:
                raise BadItem(
                    f"it contains {n_songs} songs, but one song per file is expected",
                    "Split the aggregate file, or pass the coefficients of each song as arrays.",
                )
            return np.asarray(file[_PATH_IN_FILE])
    except (OSError, KeyError, RuntimeError, TypeError) as error:  # raised by h5py, broken file
        raise BadItem(f"it is broken, or not an HDF5 file ({error})", _GET_AGAIN) from error


def _check_segments(segments):
    """Return the segments of one track as a C-contiguous float64 array, or raise BadItem."""
    if segments.dtype.kind not in "fiu":
        raise BadItem(f"the timbre coefficients are {segments.dtype}, not numbers", "Pass floats.")
    if segments.ndim != 2 or segments.shape[1] != _N_COEFFICIENTS:
        raise BadItem(
            f"the timbre coefficients have shape {segments.shape}, expected "
            f"(n_segments, {_N_COEFFICIENTS})",
            "A cell contains all segments of one track; put the array of a single track in a list.",
        )
    if len(segments) == 0:
        raise BadItem("the track has 0 segments", "Leave the cell empty.")
    segments = np.ascontiguousarray(segments, dtype=np.float64)
    bad = np.flatnonzero(~np.isfinite(segments).all(axis=1))
    if len(bad):
        raise BadItem(
            f"{len(bad)} of {len(segments)} segments contain NaN or infinite coefficients, first "
            f"segment {bad[0]}",
            "Drop these segments and pass the rest as an array, or leave the cell empty.",
        )
    return segments
