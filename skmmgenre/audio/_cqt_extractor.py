"""Constant-Q patches of audio files."""

import functools
import hashlib
import os
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import Interval, StrOptions

from .._typing import Column, FilePath, ObjectArray, OnError
from ..store import CellTransformer, RawCodec, StepCodec
from ..utils import NoContainer, as_cells, file_in
from ._constant_q import PARAMETER_CONSTRAINTS, check_bins, constant_q
from ._decode import AudioFile
from ._signals import AUDIBLE, check_transformed, digest_of, signal_of, store_of_features

_FLOOR = -80.0  # dB
# Version of the computation, here and in what it calls. Increase it after a change, so that patches
# are computed again; stores keep the old ones until they are pruned.
_VERSION = 5


class CQTExtractor(NoContainer, CellTransformer, auto_wrap_output_keys=None):
    """Extractor of a log-compressed constant-Q patch from each track.

    A patch lasts `duration` seconds, and only these seconds of a track are decoded. The estimator
    is stateless, so `fit` is not required. The patch of a track does not depend on the other rows,
    their order, `n_jobs` or the folder of its file.

    Parameters
    ----------
    sr : int, default=22050
        Sampling rate in Hz to which files are resampled.
    hop_length : int, default=1024
        Number of samples between successive frames.
    n_bins : int, default=96
        Number of frequency bins.
    bins_per_octave : int, default=12
        Number of bins per octave.
    fmin : float or None, default=None
        Frequency of the lowest bin in Hz. None is C1, 32.70 Hz.
    window : str, tuple, float or callable, default="hann"
        Window of the filters, see :func:`constant_q`.
    duration : float, default=15.0
        Length of the patch in seconds.
    patch : {"random", "center", "start"}, default="random"
        Position of the patch in the track. "random" draws it uniformly, from a hash of
        `random_state`, the length of the track, and the file name without its folder (for an
        array, its content).
    log : bool, default=True
        Whether to return decibels, ``10 log10(|C|**2 / ref)``, clipped at -80, instead of
        magnitudes ``|C|``.
    ref : {"patch", "clip"}, default="patch"
        "patch" transforms the patch alone, with zeros beyond its edges; 0 dB is the maximum of the
        patch. "clip" decodes and transforms the whole track before cutting the patch; 0 dB is the
        maximum of the track.
    dtype : {"float32", "float16"}, default="float32"
        Data type of the decibels. Magnitudes are always float32.
    backend : {"auto", "multirate", "librosa"}, default="auto"
        Implementation of the transform, see :func:`constant_q`. "auto" is "multirate".
    cache : str, path or None, default=None
        File of a patch store, created if it does not exist. A track whose patch was computed before
        with the same settings is not decoded again, whatever its folder. Extractors and processes
        can share a store. It must be on a local disk.
    cache_dtype : {"float16", "uint8"} or None, default=None
        Data type of decibels in the store; returned decibels are rounded accordingly. None is
        `dtype`, "float16" takes half the space (error at most 0.032 dB), "uint8" a quarter
        (0.157 dB).
    on_error : {"raise", "missing"}, default="raise"
        Whether a track that cannot be used raises an error that names it, or is treated as
        missing and listed in `errors_`.
    n_jobs : int or None, default=None
        Number of joblib workers.
    random_state : int or None, default=None
        Seed of the random positions. None is the same as 0, so that a track always gives the same
        patch.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    errors_ : DataFrame
        One line per track that the last `transform` treated as missing because of
        ``on_error="missing"``: row, item, reason, remedy.

    See Also
    --------
    AudioCNN : Network trained on these patches.
    MeanOverTracks : Accepts several tracks per row.
    constant_q : Transform of one signal.

    Notes
    -----
    The defaults are those of section 3.1 of the paper: 15 seconds, 96 bins, hop of 1024 samples at
    22,050 Hz. The number of frames is ``1 + int(duration * sr) // hop_length``, 323.

    A track shorter than the patch is padded at the end with -80 dB (magnitude 0). A silent patch
    (with ``ref="clip"``, a silent track) is -80 dB throughout: one without a sample above 2**-12,
    72 dB below full scale, such as the dither of a silent recording.

    Truncated WAV, FLAC, OGG, MP3, M4A, AIFF, AU and uncompressed W64 and RF64 files are errors,
    wherever the patch is; NaN and infinite samples are errors only in the decoded seconds.
    Truncation cannot be detected in other formats, or if a file does not declare its length, for
    example because it was written to a pipe. The length of an MP3 file is determined by counting
    its frames. Headers are validated: a file is an error if its sampling rate is not within 1 to
    768 kHz, if it has more than 64 channels or, with ``ref="clip"``, if it is longer than two
    hours.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.audio import CQTExtractor
    >>> a4 = np.sin(2 * np.pi * 440 * np.arange(16 * 22050) / 22050)
    >>> X = CQTExtractor().transform([a4, None])
    >>> X.shape
    (2, 96, 323)
    >>> int(X[0, :, 100].argmax()), bool(np.isnan(X[1]).all())
    (45, True)
    """

    _parameter_constraints: dict = {
        **CellTransformer._parameter_constraints,
        **PARAMETER_CONSTRAINTS,
        "sr": [Interval(Integral, 1, None, closed="left")],
        "duration": [Interval(Real, 0, None, closed="neither")],
        "patch": [StrOptions({"random", "center", "start"})],
        "log": ["boolean"],
        "ref": [StrOptions({"patch", "clip"})],
        "dtype": [StrOptions({"float32", "float16"})],
        "cache": [str, os.PathLike, None],
        "cache_dtype": [StrOptions({"float16", "uint8"}), None],
        "random_state": [Interval(Integral, 0, 2**32 - 1, closed="both"), None],
    }
    _noun = "track"

    def __init__(
        self,
        *,
        sr: int = 22050,
        hop_length: int = 1024,
        n_bins: int = 96,
        bins_per_octave: int = 12,
        fmin: float | None = None,
        window: str | tuple[Any, ...] | float | Callable[[int], np.ndarray] = "hann",
        duration: float = 15.0,
        patch: Literal["random", "center", "start"] = "random",
        log: bool = True,
        ref: Literal["patch", "clip"] = "patch",
        dtype: Literal["float32", "float16"] = "float32",
        backend: Literal["auto", "librosa", "multirate"] = "auto",
        cache: FilePath | None = None,
        cache_dtype: Literal["float16", "uint8"] | None = None,
        on_error: OnError = "raise",
        n_jobs: int | None = None,
        random_state: int | None = None,
        verbose: int = 0,
    ):
        self.sr = sr
        self.hop_length = hop_length
        self.n_bins = n_bins
        self.bins_per_octave = bins_per_octave
        self.fmin = fmin
        self.window = window
        self.duration = duration
        self.patch = patch
        self.log = log
        self.ref = ref
        self.dtype = dtype
        self.backend = backend
        self.cache = cache
        self.cache_dtype = cache_dtype
        self.on_error = on_error
        self.n_jobs = n_jobs
        self.random_state = random_state
        self.verbose = verbose

    def transform(self, X: Column) -> npt.NDArray[np.floating]:
        """Compute the patch of each track.

        Parameters
        ----------
        X : column of paths, of the content of files, or of 1-D float arrays at `sr`, length n
            Supported formats: WAV, FLAC, OGG and MP3, mono or stereo, at any sampling rate; M4A
            (AAC, Apple Lossless) with PyAV (``pip install "skmmgenre[m4a]"``). Content is bytes,
            BytesIO, an open binary file, or a dict with "bytes" and "path", or "array" and
            "sampling_rate", as in Hugging Face datasets. A cell that is None, NaN or "" is
            missing.

        Returns
        -------
        patches : ndarray of float32 or float16, shape (n, n_bins, n_frames)
            Decibels in [-80, 0], or magnitudes. Rows of missing tracks are NaN.

        Raises
        ------
        BadItem
            If a track cannot be used and ``on_error="raise"``: a missing, empty or truncated
            file, a file that is not audio, 0 samples, NaN or infinite samples, a URL.
        """
        self._validate_params()
        settings = self._settings()
        extract = functools.partial(_extract, **settings)
        n_frames = 1 + settings["n_samples"] // self.hop_length
        cells = as_cells(X, noun=self._noun)
        patches = np.full((len(cells), self.n_bins, n_frames), np.nan, dtype=settings["dtype"])
        return self._map(
            extract, cells, description="constant-Q", store=self._store(), values=patches
        )

    def get_feature_names_out(self, input_features: Column | None = None) -> ObjectArray:
        """Return the names of the frequency bins.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str objects, shape (n_bins,)
            "cqt0", "cqt1", ..., for the second axis of the patches.
        """
        return np.array([f"cqt{k}" for k in range(self.n_bins)], dtype=object)

    def _validate_params(self):
        super()._validate_params()
        check_bins(
            sr=self.sr,
            n_bins=self.n_bins,
            bins_per_octave=self.bins_per_octave,
            fmin=self.fmin,
            window=self.window,
        )
        if int(self.duration * self.sr) < 1:
            raise ValueError(
                f"duration={self.duration!r} s is less than one sample at sr={self.sr!r}. Use at "
                f"least {1 / self.sr:.2g} s."
            )
        if self.cache is not None and callable(self.window):
            raise ValueError(
                f"The cache cannot distinguish functions, such as window={self.window!r}. Pass the "
                "name of a window, or cache=None."
            )

    def _store(self):
        if not self.log or self.cache_dtype is None:
            codec = RawCodec()
        elif self.cache_dtype == "uint8":
            codec = StepCodec(_FLOOR, 0.0)  # half a step is 0.157 dB
        else:
            codec = RawCodec(self.cache_dtype)
        return store_of_features(
            self.cache,
            kind="constant-Q patches",
            settings={**self._settings(), "version": _VERSION},
            # Only the position of a random patch depends on the name of the file.
            by_name=self.patch == "random",
            codec=codec,
        )

    def _settings(self):
        return {
            "n_samples": int(self.duration * self.sr),
            "patch": self.patch,
            "log": self.log,
            "ref": self.ref,
            "dtype": self.dtype if self.log else "float32",
            "key": 0 if self.random_state is None else int(self.random_state),
            "transform": {name: getattr(self, name) for name in PARAMETER_CONSTRAINTS},
        }


def _extract(cell, *, n_samples, patch, log, ref, dtype, key, transform):
    """Return the patch of one track, shape (n_bins, n_frames)."""
    file, name = file_in(cell)
    if file is not None:
        with AudioFile(file) as audio:
            length = audio.n_samples(transform["sr"])
            start = _patch_start(
                length, n_samples, patch=patch, name=name or digest_of(file), key=key
            )
            where = (start, n_samples) if ref == "patch" else (0, length)
            y = audio.read(*where, transform["sr"])
    else:
        y = signal_of(cell, transform["sr"])
        # An array has no file name, so its content is hashed instead.
        start = _patch_start(len(y), n_samples, patch=patch, name=y.tobytes(), key=key)
        if ref == "patch":
            y = y[start : start + n_samples]
    check_transformed(y)  # resampling may overflow
    if np.abs(y).max(initial=0) < AUDIBLE:
        y = np.zeros_like(y)
    with np.errstate(over="ignore", invalid="ignore"):
        magnitude = np.abs(constant_q(y, **transform))
    check_transformed(magnitude)
    values = _decibels(magnitude) if log else magnitude
    n_frames = 1 + n_samples // transform["hop_length"]
    if ref == "clip":
        # First frame of the patch. Rounding must not move its end beyond that of the track.
        first = min(start // transform["hop_length"], max(0, values.shape[1] - n_frames))
        values = values[:, first : first + n_frames]
    # Short tracks are padded with the floor: in decibels, 0 is the loudest value.
    filled = np.full((len(values), n_frames), _FLOOR if log else 0.0, dtype=dtype)
    filled[:, : values.shape[1]] = values
    return filled


def second_of_patch(extractor, cell):
    """Return the start, in seconds, of the patch that an extractor takes from a track."""
    sr, n_samples = extractor.sr, int(extractor.duration * extractor.sr)
    file, name = file_in(cell)
    if file is not None:
        with AudioFile(file) as audio:
            length = audio.n_samples(sr)
        name = name or digest_of(file)
    else:
        y = signal_of(cell, sr)
        length, name = len(y), y.tobytes()
    key = extractor._settings()["key"]
    return _patch_start(length, n_samples, patch=extractor.patch, name=name, key=key) / sr


def _patch_start(length, n_samples, *, patch, name, key):
    """Return the first sample of the patch in a track of `length` samples."""
    free = max(0, length - n_samples)
    if patch == "start":
        return 0
    if patch == "center":
        return free // 2
    digest = hashlib.blake2b(digest_size=8, key=str(key).encode())
    # The null byte separates the length from a name that begins with a digit.
    digest.update(b"%d\0" % length)
    digest.update(name)
    # A 64-bit number scaled to 0..free in integer arithmetic: the same on every machine.
    return (int.from_bytes(digest.digest(), "big") * (free + 1)) >> 64


def _decibels(magnitude):
    """Return decibels relative to the maximum, clipped at the floor; silence is all floor."""
    peak = magnitude.max()
    if peak == 0:
        return np.full_like(magnitude, _FLOOR)
    relative = magnitude.astype(np.float64) / peak
    floor = 10 ** (_FLOOR / 20)
    return np.maximum(20 * np.log10(np.maximum(relative, floor)), _FLOOR)
