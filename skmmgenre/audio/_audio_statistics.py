"""Statistics of the spectrum of each track."""

import functools
import os
from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval

from ..store import CellTransformer
from ..utils import as_cells, file_in, is_missing
from ._decode import AudioFile
from ._signals import AUDIBLE, signal_of, store_of_features

_N_FFT, _HOP = 2048, 512
_FEATURES = {"mfcc": 20, "delta": 20, "mel": 40, "chroma": 12}  # and how many rows each has
_STATISTICS = {"mean": np.mean, "std": np.std}
_MIN_HEARD = 0.9  # seconds
_SILENCE = "nothing to hear: silence, or less than a second of sound"
_REMEDY = "Leave the cell empty, or give a longer or another part of the track."
_VERSION = 1  # of what is computed here; after a change stores compute it again


class AudioStatistics(CellTransformer):
    """Mean and standard deviation of MFCC, their differences, mel bands and chroma of each track.

    The plain baseline of the field: with a logistic regression behind it, it is what a network
    has to beat. Needs no fit; the answer for a track depends on nothing but the track.

    Parameters
    ----------
    sr : int, default=22050
        Sampling rate in Hz that files are resampled to.
    duration : float or None, default=30.0
        Seconds that are used, from the middle of the track; None uses the whole track.
    cache : str, path or None, default=None
        File of a store of features, made if it is not there: a track whose content and settings
        were met before is not decoded again. It may be that of a :class:`CQTExtractor`.
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
        A line for every track that the last `transform` treated as missing, because of
        ``on_error="missing"`` or because there is nothing to hear: row, item, reason, remedy.

    See Also
    --------
    AudioCNN : Learns from constant-Q patches.
    TimbreStatistics : The baseline of the paper, of the Million Song Dataset's coefficients.
    skmmgenre.compose.MeanOverTracks : Takes several tracks a row.

    Notes
    -----
    Frames of 2048 samples every 512, as librosa's defaults. 20 MFCC, the differences between
    frames of each, 40 mel bands in decibels (at most 80 below the loudest) and 12 chroma: 92
    numbers a frame, of which the mean and the standard deviation are taken over the track.

    A track counts as missing if less than a second of it is louder than 72 dB below full scale.

    The numbers differ in scale: put a ``StandardScaler`` behind them. It keeps NaN, which
    ``SimpleImputer`` or :class:`~skmmgenre.fusion.FusionClassifier` take.

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
        "sr": [Interval(Integral, 1000, None, closed="left")],
        "duration": [Interval(Real, 1, None, closed="left"), None],
        "cache": [str, os.PathLike, None],
    }

    def __init__(
        self, *, sr=22050, duration=30.0, cache=None, on_error="raise", n_jobs=None, verbose=0
    ):
        self.sr = sr
        self.duration = duration
        self.cache = cache
        self.on_error = on_error
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X, y=None):
        """Check the parameters and that `X` is one column.

        Parameters
        ----------
        X : column of paths or of 1-D float arrays, length n
            No file is opened.
        y : None
            Ignored.

        Returns
        -------
        self : AudioStatistics
        """
        self._validate_params()
        as_cells(X, noun="track")
        return self

    def transform(self, X):
        """Compute the statistics of each track.

        Parameters
        ----------
        X : column of paths, of the content of files, or of 1-D float arrays at `sr`, length n
            As :meth:`CQTExtractor.transform` takes them. A cell that is None, NaN or "" is missing.

        Returns
        -------
        statistics : ndarray of float64, shape (n, 184)
            Rows of tracks that are missing, or have nothing to hear, are NaN.

        Raises
        ------
        BadItem
            If a track cannot be used and ``on_error="raise"``: a missing, empty or truncated
            file, one that is not audio, 0 samples, NaN or infinite samples, a URL.
        """
        self._validate_params()
        cells = as_cells(X, noun="track")
        values = np.full((len(cells), len(self.get_feature_names_out())), np.nan)
        self._map(
            functools.partial(_statistics, **self._settings()),
            cells,
            noun="track",
            description="statistics",
            store=store_of_features(
                self.cache,
                kind="audio statistics",
                settings={**self._settings(), "version": _VERSION},
            ),
            values=values,
        )
        told = {error["row"] for error in self._errors}
        self._errors += [
            {"row": row, "item": cell if isinstance(cell, str) else "", **_NOTHING}
            for row, cell in enumerate(cells)
            if row not in told and not is_missing(cell) and np.isnan(values[row, 0])
        ]
        self._errors.sort(key=lambda error: error["row"])
        return values

    def get_feature_names_out(self, input_features=None):
        """Names of the statistics.

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


_NOTHING = {"reason": _SILENCE, "remedy": _REMEDY}


def _statistics(cell, *, sr, duration):
    """The statistics of one track, shape (184,); NaN if there is nothing to hear."""
    y = _middle(cell, sr, duration)
    if not _is_heard(y, sr):
        return np.full(len(_STATISTICS) * sum(_FEATURES.values()), np.nan)
    frames = np.concatenate(_features(y, sr)).astype(np.float64)
    return np.concatenate([statistic(frames, axis=1) for statistic in _STATISTICS.values()])


def _middle(cell, sr, duration):
    """The samples that are used of a track."""
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


def _is_heard(y, sr):
    """Whether a second of a signal is loud enough, whatever its constant offset."""
    if len(y) < _MIN_HEARD * sr:
        return False
    blocks = np.abs(y[: len(y) // _HOP * _HOP] - y.mean()).reshape(-1, _HOP).max(axis=1)
    return (blocks > AUDIBLE).sum() * _HOP >= _MIN_HEARD * sr


def _features(y, sr):
    """The features of each frame, in the order of `_FEATURES`."""
    import librosa

    power = np.abs(librosa.stft(y, n_fft=_N_FFT, hop_length=_HOP)) ** 2
    bands = librosa.feature.melspectrogram(S=power, sr=sr, n_mels=128)  # as librosa's MFCC have
    mfcc = librosa.feature.mfcc(S=librosa.power_to_db(bands), n_mfcc=_FEATURES["mfcc"])
    mel = librosa.feature.melspectrogram(S=power, sr=sr, n_mels=_FEATURES["mel"])
    chroma = librosa.feature.chroma_stft(S=power, sr=sr, n_chroma=_FEATURES["chroma"])
    # A frame has no difference to the one before the first.
    delta = np.diff(mfcc, axis=1, prepend=mfcc[:, :1])
    return mfcc, delta, librosa.power_to_db(mel), chroma
