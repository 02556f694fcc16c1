"""The constant-Q transform."""

import functools
import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import Interval, StrOptions, validate_parameter_constraints

from ._multirate_cqt import multirate_cqt

_C1 = 32.70319566257483  # Hz


def _librosa(y, **scale):
    import librosa

    with warnings.catch_warnings():
        # Of the lowest octave, in short signals.
        warnings.filterwarnings("ignore", message="n_fft=.* is too large for input signal")
        try:
            return librosa.cqt(
                y,
                **scale,
                sparsity=0,  # the default drops 1 % of each kernel's energy
                pad_mode="constant",
            )
        except librosa.ParameterError as error:
            raise ValueError(f"librosa: {error}. Take backend='multirate'.") from error


# Every backend takes (y, *, sr, hop_length, n_bins, bins_per_octave, fmin, window) and answers
# as librosa with sparsity=0.
_BACKENDS = {"librosa": _librosa, "multirate": multirate_cqt}

PARAMETER_CONSTRAINTS = {
    "sr": [Interval(Real, 0, None, closed="neither")],
    "hop_length": [Interval(Integral, 1, None, closed="left")],
    "n_bins": [Interval(Integral, 1, None, closed="left")],
    "bins_per_octave": [Interval(Integral, 1, None, closed="left")],
    "fmin": [Interval(Real, 0, None, closed="neither"), None],
    "window": [str, tuple, Real, callable],
    "backend": [StrOptions({"auto", *_BACKENDS})],
}


def check_bins(*, sr, n_bins, bins_per_octave, fmin, window):
    """Raise ValueError if the highest bin does not fit below half the sampling rate."""
    import librosa

    fmin = _C1 if fmin is None else fmin
    top = fmin * 2.0 ** ((n_bins - 1) / bins_per_octave)
    ratio = 4.0 ** (1 / bins_per_octave)
    quality = (ratio + 1) / (ratio - 1)  # centre frequency by bandwidth
    try:
        bandwidth = librosa.filters.window_bandwidth(window)
    except ValueError as error:
        raise ValueError(f"window={window!r} is not a window of scipy.signal: {error}") from error
    reach = 1 + 0.5 * bandwidth / quality
    if top * reach > sr / 2:
        fits = int(np.floor(bins_per_octave * np.log2(sr / 2 / reach / fmin))) + 1
        raise ValueError(
            f"sr={sr} is too low for n_bins={n_bins}: the highest bin, at {top:.1f} Hz, reaches "
            f"up to {top * reach:.1f} Hz, above sr / 2. Take sr >= {int(np.ceil(2 * top * reach))}"
            + (f" or n_bins <= {fits}." if fits > 0 else " or a lower fmin.")
        )


# Checks would take a tenth of the time of the transform of 15 s, and are the same track by track.
@functools.lru_cache(maxsize=64, typed=True)
def _checked_transform(**params):
    """Check the parameters; the backend as a function of the signal."""
    validate_parameter_constraints(PARAMETER_CONSTRAINTS, params, caller_name="constant_q")
    backend, hop_length = params.pop("backend"), params.pop("hop_length")
    check_bins(**params)
    params["fmin"] = _C1 if params["fmin"] is None else params["fmin"]
    transform = _BACKENDS["multirate" if backend == "auto" else backend]
    return functools.partial(transform, hop_length=hop_length, **params)


def constant_q(
    y: npt.ArrayLike,
    *,
    sr: int = 22050,
    hop_length: int = 1024,
    n_bins: int = 96,
    bins_per_octave: int = 12,
    fmin: float | None = None,
    window: str | tuple[Any, ...] | float | Callable[[int], np.ndarray] = "hann",
    backend: Literal["auto", "librosa", "multirate"] = "auto",
) -> npt.NDArray[np.complex64]:
    """Constant-Q transform of a signal.

    The answer is that of ``librosa.cqt(..., sparsity=0, pad_mode="constant")``: centred frames,
    zeros beyond the edges, filters scaled by the square root of their length.

    Parameters
    ----------
    y : array-like of float, shape (n_samples,)
        The signal, of any length from 1.
    sr : float, default=22050
        Sampling rate of `y` in Hz.
    hop_length : int, default=1024
        Samples between two frames.
    n_bins : int, default=96
        Number of frequency bins.
    bins_per_octave : int, default=12
        Bins in an octave.
    fmin : float or None, default=None
        Frequency of the lowest bin in Hz. None is C1, 32.70 Hz.
    window : str, tuple, float or callable, default="hann"
        Window of the filters: a name that :func:`scipy.signal.get_window` knows, or a function
        from a length to an array.
    backend : {"auto", "multirate", "librosa"}, default="auto"
        What computes the transform. "multirate" takes one matrix product an octave, at the
        lowest rate that holds it; it is several times as fast and takes every signal and
        parameter. "librosa" calls `librosa.cqt`, and is there to compare. "auto" is "multirate".

    Returns
    -------
    C : ndarray of complex64, shape (n_bins, 1 + n_samples // hop_length)
        Bin by frame. A sine of amplitude a at the frequency of bin k has a magnitude that
        grows with a and with the square root of the filter's length.

    Raises
    ------
    ValueError
        If `y` is not 1-D, not real, is empty or holds NaN or infinite samples, if the highest
        bin does not fit below ``sr / 2``, or if `window` has no such name.

    Notes
    -----
    Section 3.1 of the paper: 96 bins, 12 an octave, Hann window, hop of 1024 samples at
    22,050 Hz.

    "multirate" differs from librosa by rounding: by 2e-7 of the norm of the answer, and by less
    than 1e-5 of the norm of any bin of the music that was tried. Its answer has the same bits
    for any number of threads. The filters are made on the first call with their parameters, and
    kept for later calls (the last four sets of parameters).

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.audio import constant_q
    >>> a4 = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050)
    >>> C = constant_q(a4)
    >>> C.shape
    (96, 22)
    >>> int(np.abs(C[:, 11]).argmax())  # A4 is 45 half tones above C1
    45
    """
    params = {
        "sr": sr,
        "hop_length": hop_length,
        "n_bins": n_bins,
        "bins_per_octave": bins_per_octave,
        "fmin": fmin,
        "window": window,
        "backend": backend,
    }
    try:
        transform = _checked_transform(**params)
    except TypeError:  # a list or the like cannot be looked up, and is told as any bad parameter
        transform = _checked_transform.__wrapped__(**params)
    y = np.asarray(y)
    if y.dtype.kind not in "fiu":
        raise ValueError(f"y must hold real numbers, got {y.dtype}.")
    if y.ndim != 1:
        raise ValueError(f"y must be 1-D, got shape {y.shape}. Take the mean over channels.")
    if len(y) == 0:
        raise ValueError("y holds 0 samples.")
    with np.errstate(over="ignore"):
        y = np.ascontiguousarray(y, dtype=np.float32)
    if not np.isfinite(y).all():
        raise ValueError("y holds NaN or infinite samples.")
    C = transform(y)
    # Where samples are left over, librosa may answer with a frame more.
    return np.ascontiguousarray(C[:, : 1 + len(y) // hop_length], dtype=np.complex64)
