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
# Of what is computed here and in what it calls. After a change patches are computed again, and
# stores keep the old ones until they are pruned.
_VERSION = 5


class CQTExtractor(NoContainer, CellTransformer, auto_wrap_output_keys=None):
    """Log-compressed constant-Q patch of each track.

    One patch of `duration` seconds is taken from a track; only its seconds are decoded. Needs
    no fit. The answer for a track does not depend on the other rows, on their order, on
    `n_jobs` or on the folder of its file.

    Parameters
    ----------
    sr : int, default=22050
        Sampling rate in Hz that files are resampled to.
    hop_length : int, default=1024
        Samples between two frames.
    n_bins : int, default=96
        Number of frequency bins.
    bins_per_octave : int, default=12
        Bins in an octave.
    fmin : float or None, default=None
        Frequency of the lowest bin in Hz. None is C1, 32.70 Hz.
    window : str, tuple, float or callable, default="hann"
        Window of the filters, see :func:`constant_q`.
    duration : float, default=15.0
        Length of the patch in seconds.
    patch : {"random", "center", "start"}, default="random"
        Where the patch lies in the track. "random": uniform, drawn by a hash of
        `random_state`, the name of the file without its folder, and its length (for an array,
        its content).
    log : bool, default=True
        Answer with decibels, ``10 log10(|C|**2 / ref)``, not below -80. False: with the
        magnitudes ``|C|``.
    ref : {"patch", "clip"}, default="patch"
        "patch": the patch is transformed alone, with zeros beyond its edges; 0 dB is its
        maximum. "clip": the whole track is decoded and transformed, the patch is cut from
        that; 0 dB is the track's maximum.
    dtype : {"float32", "float16"}, default="float32"
        Type of the decibels. Magnitudes are always float32.
    backend : {"auto", "multirate", "librosa"}, default="auto"
        What computes the transform, see :func:`constant_q`. "auto" is "multirate".
    cache : str, path or None, default=None
        File of a store of patches, made if it is not there: a track whose content and settings
        were met before is not decoded again, whatever its folder. Any number of extractors
        and processes may share one. It must lie on a disk of this machine.
    cache_dtype : {"float16", "uint8"} or None, default=None
        How decibels are kept in the store, and rounded in the answer: None as `dtype` says,
        "float16" in half the room (error at most 0.032 dB), "uint8" in a quarter (0.157 dB).
    on_error : {"raise", "missing"}, default="raise"
        Whether a track that cannot be used raises an error that names it, or is treated as
        missing and listed in `errors_`.
    n_jobs : int or None, default=None
        Number of joblib workers.
    random_state : int or None, default=None
        Key of the random patches. None counts as 0, so that the same track always gives the
        same patch.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    errors_ : DataFrame
        A line for every track that the last `transform` treated as missing because of
        ``on_error="missing"``: row, item, reason, remedy.

    See Also
    --------
    AudioCNN : Learns from these patches.
    MeanOverTracks : Takes several tracks a row.
    constant_q : The transform of one signal.

    Notes
    -----
    Section 3.1 of the paper: 15 seconds, 96 bins, hop of 1024 samples at 22,050 Hz. The
    number of frames is ``1 + int(duration * sr) // hop_length``, 323.

    A track shorter than the patch is padded behind with -80 dB (magnitude 0). Silence is all
    -80 dB: a patch (with ``ref="clip"``, a track) without a sample above 2**-12, 72 dB below full
    scale, such as the dither of a silent recording. WAV, FLAC, OGG, MP3, M4A, AIFF, AU and
    uncompressed W64 and RF64 files cut short are errors, whichever patch is wanted; NaN and
    infinite samples are where they lie in the seconds that are read. That a file was cut short
    cannot be told if it declares no length, as one written to a pipe, or in other formats. The
    length of an mp3 is counted by its frames. What a header declares is checked: a file is an
    error if its rate is not within 1 to 768 kHz or it has more than 64 channels, and with
    ``ref="clip"`` if it lasts more than two hours.

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
            WAV, FLAC, OGG or MP3 files, mono or stereo, of any rate; M4A (AAC, Apple Lossless)
            with PyAV (``pip install "skmmgenre[m4a]"``). Content is bytes, BytesIO, an open
            binary file, or a dict with "bytes" and "path", or "array" and "sampling_rate", as
            Hugging Face's datasets hold sound. A cell that is None, NaN or "" is missing.

        Returns
        -------
        patches : ndarray of float32 or float16, shape (n, n_bins, n_frames)
            Decibels in [-80, 0], or magnitudes. Rows of missing tracks are NaN.

        Raises
        ------
        BadItem
            If a track cannot be used and ``on_error="raise"``: a missing, empty or truncated
            file, one that is not audio, 0 samples, NaN or infinite samples, a URL.
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
        """Names of the frequency bins.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str objects, shape (n_bins,)
            "cqt0", "cqt1", ...: the second axis of what `transform` answers.
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
                f"duration={self.duration!r} s is less than one sample at sr={self.sr!r}: a patch "
                f"needs at least {1 / self.sr:.2g} s."
            )
        if self.cache is not None and callable(self.window):
            raise ValueError(
                "A store cannot tell one function from another: name the window "
                f"(window={self.window!r}), or pass cache=None."
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
    """The patch of one track, shape (n_bins, n_frames)."""
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
        start = _patch_start(len(y), n_samples, patch=patch, name=y.tobytes(), key=key)
        if ref == "patch":
            y = y[start : start + n_samples]
    check_transformed(y)  # resampled, it may not be finite
    if np.abs(y).max(initial=0) < AUDIBLE:
        y = np.zeros_like(y)
    with np.errstate(over="ignore", invalid="ignore"):
        magnitude = np.abs(constant_q(y, **transform))
    check_transformed(magnitude)
    values = _decibels(magnitude) if log else magnitude
    n_frames = 1 + n_samples // transform["hop_length"]
    if ref == "clip":
        # The start of the patch in frames: with the rounding, it may reach beyond the end.
        first = min(start // transform["hop_length"], max(0, values.shape[1] - n_frames))
        values = values[:, first : first + n_frames]
    filled = np.full((len(values), n_frames), _FLOOR if log else 0.0, dtype=dtype)
    filled[:, : values.shape[1]] = values
    return filled


def second_of_patch(extractor, cell):
    """Return where in a track the patch begins that an extractor cuts out of it, in seconds."""
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
    """First sample of the patch in a track of `length` samples."""
    free = max(0, length - n_samples)
    if patch == "start":
        return 0
    if patch == "center":
        return free // 2
    digest = hashlib.blake2b(digest_size=8, key=str(key).encode())
    digest.update(b"%d\0" % length)
    digest.update(name)
    # A 64-bit number scaled to 0..free, in whole numbers: the same on every machine.
    return (int.from_bytes(digest.digest(), "big") * (free + 1)) >> 64


def _decibels(magnitude):
    """Decibels below the maximum, not below the floor; silence is all floor."""
    peak = magnitude.max()
    if peak == 0:
        return np.full_like(magnitude, _FLOOR)
    relative = magnitude.astype(np.float64) / peak
    floor = 10 ** (_FLOOR / 20)
    return np.maximum(20 * np.log10(np.maximum(relative, floor)), _FLOOR)
