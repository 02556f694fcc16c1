"""Statistics of the spectrum of each track."""

import functools
import os
from numbers import Integral, Real

import numpy as np
from scipy.sparse import csr_array
from sklearn.utils._param_validation import Interval

from .._typing import Column, FilePath, Float64Array, ObjectArray, OnError
from ..store import CellTransformer
from ..utils import file_in
from ._decode import AudioFile
from ._librosa import import_librosa
from ._signals import NOTHING_TO_HEAR, check_transformed, is_heard, signal_of, store_of_features

_N_FFT, _HOP = 2048, 512
_N_BANDS = 128  # mel bands from which librosa computes MFCC
_FEATURES = {"mfcc": 20, "delta": 20, "mel": 40, "chroma": 12}  # number of rows of each
_STATISTICS = {"mean": np.mean, "std": np.std}
_VERSION = 2  # of the computation; increase it to invalidate stored features


class AudioStatistics(CellTransformer):
    """Mean and standard deviation of MFCC, their differences, mel bands and chroma of each track.

    The usual baseline: together with a logistic regression, this is what a network has to beat.
    The estimator is stateless, so `fit` is not required, and the statistics of a track only depend
    on the track.

    Parameters
    ----------
    sr : int, default=22050
        Sampling rate in Hz to which files are resampled, 8000 to 96000. At higher rates, the lowest
        mel bands would not contain any frequency of a frame.
    duration : float or None, default=30.0
        Seconds used from the middle of the track. None uses the whole track.
    cache : str, path or None, default=None
        File of a feature store, created if it does not exist. A track whose features were computed
        before with the same settings is not decoded again. It may be the store of a
        :class:`CQTExtractor`.
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
        One line per track that the last `transform` treated as missing, because of
        ``on_error="missing"`` or because it is silent: row, item, reason, remedy.

    See Also
    --------
    AudioCNN : Network trained on constant-Q patches.
    TimbreStatistics : Baseline of the paper, from the Million Song Dataset's coefficients.
    skmmgenre.compose.MeanOverTracks : Accepts several tracks per row.

    Notes
    -----
    Frames have 2048 samples and a hop of 512, librosa's defaults. Each frame has 92 features: 20
    MFCC and their differences between frames, 40 mel bands in decibels (at most 80 below the
    loudest) and 12 chroma bins. Their mean and standard deviation are taken over the track.

    A track counts as missing if less than 0.9 seconds of it are louder than 72 dB below full
    scale, counted in blocks of 20 ms. The tuning of the chroma filters is estimated for each track;
    it is A = 440 Hz if no pitch is found, as in very low tones.

    The features differ in scale, so apply a ``StandardScaler`` before a classifier. It keeps NaN,
    which ``SimpleImputer`` and :class:`~skmmgenre.fusion.FusionClassifier` accept.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.audio import AudioStatistics
    >>> a4 = np.sin(2 * np.pi * 440 * np.arange(3 * 22050) / 22050)
    >>> statistics = AudioStatistics()
    >>> X = statistics.transform([a4, None])
    >>> X.shape, bool(np.isnan(X[1]).all())
    ((2, 184), True)
    >>> chroma = [n.startswith("mean_chroma") for n in statistics.get_feature_names_out()]
    >>> int(X[0, chroma].argmax())  # C is 0, A is 9
    9
    """

    _parameter_constraints: dict = {
        **CellTransformer._parameter_constraints,
        "sr": [Interval(Integral, 8000, 96000, closed="both")],
        "duration": [Interval(Real, 1, None, closed="left"), None],
        "cache": [str, os.PathLike, None],
    }
    _noun = "track"

    def __init__(
        self,
        *,
        sr: int = 22050,
        duration: float | None = 30.0,
        cache: FilePath | None = None,
        on_error: OnError = "raise",
        n_jobs: int | None = None,
        verbose: int = 0,
    ):
        self.sr = sr
        self.duration = duration
        self.cache = cache
        self.on_error = on_error
        self.n_jobs = n_jobs
        self.verbose = verbose

    def transform(self, X: Column) -> Float64Array:
        """Compute the statistics of each track.

        Parameters
        ----------
        X : column of paths, of the content of files, or of 1-D float arrays at `sr`, length n
            Same inputs as :meth:`CQTExtractor.transform`. A cell that is None, NaN or "" is
            missing.

        Returns
        -------
        statistics : ndarray of float64, shape (n, 184)
            Rows of missing or silent tracks are NaN.

        Raises
        ------
        BadItem
            If a track cannot be used and ``on_error="raise"``: a missing, empty or truncated
            file, a file that is not audio, 0 samples, NaN or infinite samples, a URL.
        """
        self._validate_params()
        return self._map_to_rows(
            functools.partial(_statistics, **self._settings()),
            X,
            description="statistics",
            store=store_of_features(
                self.cache,
                kind="audio statistics",
                settings={**self._settings(), "version": _VERSION},
            ),
            fault_of_nan=NOTHING_TO_HEAR,
        )

    def get_feature_names_out(self, input_features: Column | None = None) -> ObjectArray:
        """Return the names of the statistics.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str objects, shape (184,)
            "mean_mfcc_0" to "mean_chroma_11", then the same with "std".
        """
        rows = [f"{name}_{k}" for name, n_rows in _FEATURES.items() for k in range(n_rows)]
        return np.array([f"{name}_{row}" for name in _STATISTICS for row in rows], dtype=object)

    def _settings(self):
        return {"sr": self.sr, "duration": self.duration}


def _statistics(cell, *, sr, duration):
    """Return the statistics of one track, shape (184,), or NaN if the track is silent."""
    y = _middle(cell, sr, duration)
    check_transformed(y)  # resampling may overflow
    if not is_heard(y, sr):
        return np.full(len(_STATISTICS) * sum(_FEATURES.values()), np.nan)
    frames = np.concatenate(_features(y, sr)).astype(np.float64)
    return np.concatenate([statistic(frames, axis=1) for statistic in _STATISTICS.values()])


def _middle(cell, sr, duration):
    """Return the middle `duration` seconds of a track at `sr`."""
    file, _ = file_in(cell)
    if file is None:
        y = signal_of(cell, sr)
        start, n_samples = _span(len(y), sr, duration)
        return y[start : start + n_samples]
    with AudioFile(file) as audio:
        return audio.read(*_span(audio.n_samples(sr), sr, duration), sr)


def _span(length, sr, duration):
    n_samples = length if duration is None else min(length, int(duration * sr))
    return (length - n_samples) // 2, n_samples


def _features(y, sr):
    """Return the features of each frame, in the order of `_FEATURES`."""
    librosa = import_librosa()

    with np.errstate(over="ignore", invalid="ignore"):
        power = np.abs(librosa.stft(y, n_fft=_N_FFT, hop_length=_HOP)) ** 2
        check_transformed(4 * power.sum(axis=0))  # an upper bound of all values computed from it
    filters = functools.partial(librosa.filters.mel, sr=sr, n_fft=_N_FFT)
    bands = librosa.power_to_db(_product(filters(n_mels=_N_BANDS), power))
    mfcc = librosa.feature.mfcc(S=bands, n_mfcc=_FEATURES["mfcc"])
    # The first frame has no predecessor: its difference is 0.
    delta = np.diff(mfcc, axis=1, prepend=mfcc[:, :1])
    mel = librosa.power_to_db(_product(filters(n_mels=_FEATURES["mel"]), power))
    return mfcc, delta, mel, _chroma(power, sr)


def _chroma(power, sr):
    """Return the chroma of each frame, like librosa's ``chroma_stft``."""
    librosa = import_librosa()

    n_chroma = _FEATURES["chroma"]
    pitches, magnitudes = librosa.piptrack(S=power, sr=sr)
    found = pitches > 0
    tuning = 0.0  # librosa would warn if no pitch is found
    if found.any():
        clear = found & (magnitudes >= np.median(magnitudes[found]))
        tuning = librosa.pitch_tuning(pitches[clear], bins_per_octave=n_chroma)
    filters = librosa.filters.chroma(sr=sr, n_fft=_N_FFT, tuning=tuning, n_chroma=n_chroma)
    return librosa.util.normalize(_product(filters, power), axis=0)


def _product(filters, power):
    """Return the power in each filter, shape (n_filters, n_frames).

    A sparse product, because the last bits of a BLAS product depend on its number of threads.
    """
    return csr_array(filters) @ power
