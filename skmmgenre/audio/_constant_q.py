"""The constant-Q transform."""

import functools
import warnings
from collections.abc import Callable
from numbers import Integral, Real
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
from sklearn.utils._param_validation import Interval, StrOptions, validate_parameter_constraints

from ._librosa import import_librosa
from ._multirate_cqt import multirate_cqt

_C1 = 32.70319566257483  # Hz


def _librosa(y, **scale):
    librosa = import_librosa()

    with warnings.catch_warnings():
        # librosa warns about the lowest octave of short signals.
        warnings.filterwarnings("ignore", message="n_fft=.* is too large for input signal")
        try:
            return librosa.cqt(
                y,
                **scale,
                sparsity=0,  # the default drops 1% of each kernel's energy
                pad_mode="constant",
            )
        except librosa.ParameterError as error:
            raise ValueError(f"librosa: {error}. Use backend='multirate'.") from error


# Every backend takes (y, *, sr, hop_length, n_bins, bins_per_octave, fmin, window) and returns
# the same as librosa with sparsity=0.
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
    librosa = import_librosa()

    fmin = _C1 if fmin is None else fmin
    top = fmin * 2.0 ** ((n_bins - 1) / bins_per_octave)
    # The bound of `librosa.vqt`, checked here so that both backends reject the same parameters and
    # the error says what to change.
    ratio = 4.0 ** (1 / bins_per_octave)
    quality = (ratio + 1) / (ratio - 1)  # centre frequency divided by bandwidth
    try:
        bandwidth = librosa.filters.window_bandwidth(window)
    except ValueError as error:
        raise ValueError(f"window={window!r} is not a window of scipy.signal: {error}") from error
    reach = 1 + 0.5 * bandwidth / quality
    if top * reach > sr / 2:
        fits = int(np.floor(bins_per_octave * np.log2(sr / 2 / reach / fmin))) + 1
        raise ValueError(
            f"sr={sr} is too low for n_bins={n_bins}: the highest bin, at {top:.1f} Hz, reaches "
            f"up to {top * reach:.1f} Hz, above sr / 2. Use sr >= {int(np.ceil(2 * top * reach))}"
            + (f" or n_bins <= {fits}." if fits > 0 else " or a lower fmin.")
        )


# Cached, because the checks take a tenth of the time of transforming 15 s, and are the same for
# every track. Typed, because 1024.0 equals 1024 but is not a valid hop_length.
@functools.lru_cache(maxsize=64, typed=True)
def _checked_transform(**params):
    """Check the parameters and return the backend as a function of the signal."""
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
    """Compute the constant-Q transform of a signal.

    The result is that of ``librosa.cqt(..., sparsity=0, pad_mode="constant")``: centred frames,
    zeros beyond the edges, filters scaled by the square root of their length.

    Parameters
    ----------
    y : array-like of float, shape (n_samples,)
        The signal, at least one sample long.
    sr : float, default=22050
        Sampling rate of `y` in Hz.
    hop_length : int, default=1024
        Number of samples between successive frames.
    n_bins : int, default=96
        Number of frequency bins.
    bins_per_octave : int, default=12
        Number of bins per octave.
    fmin : float or None, default=None
        Frequency of the lowest bin in Hz. None is C1, 32.70 Hz.
    window : str, tuple, float or callable, default="hann"
        Window of the filters: any argument of :func:`scipy.signal.get_window`, or a function from
        a length to an array.
    backend : {"auto", "multirate", "librosa"}, default="auto"
        Implementation. "multirate" computes one matrix product per octave, at the lowest sampling
        rate that contains the octave; it is several times faster and supports every signal and
        parameter. "librosa" calls `librosa.cqt`, for comparison. "auto" is "multirate".

    Returns
    -------
    C : ndarray of complex64, shape (n_bins, 1 + n_samples // hop_length)
        Transform, bins by frames. The magnitude of a sine at the frequency of a bin is
        proportional to its amplitude and to the square root of the filter's length.

    Raises
    ------
    ValueError
        If `y` is not 1-D, not real, empty or contains NaN or infinite samples, if the highest bin
        does not fit below ``sr / 2``, or if `window` is unknown.

    Notes
    -----
    The defaults are those of section 3.1 of the paper: 96 bins, 12 per octave, Hann window, hop of
    1024 samples at 22,050 Hz.

    "multirate" differs from librosa only by rounding: by 2e-7 of the norm of the result, and by
    less than 1e-5 of the norm of any bin, on the music that was tested. Its result is the same
    bit for bit with any number of threads. The filters of the last four sets of parameters are
    cached.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.audio import constant_q
    >>> a4 = np.sin(2 * np.pi * 440 * np.arange(22050) / 22050)
    >>> C = constant_q(a4)
    >>> C.shape
    (96, 22)
    >>> int(np.abs(C[:, 11]).argmax())  # A4 is 45 semitones above C1
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
    except TypeError:  # an unhashable value, such as a list, is reported like any bad parameter
        transform = _checked_transform.__wrapped__(**params)
    y = np.asarray(y)
    if y.dtype.kind not in "fiu":
        raise ValueError(f"y must contain real numbers, got dtype {y.dtype}.")
    if y.ndim != 1:
        raise ValueError(f"y must be 1-D, got shape {y.shape}. Take the mean over channels.")
    if len(y) == 0:
        raise ValueError("y has 0 samples.")
    # Values beyond the range of float32 become infinite, which is reported below.
    with np.errstate(over="ignore"):
        y = np.ascontiguousarray(y, dtype=np.float32)
    if not np.isfinite(y).all():
        raise ValueError("y contains NaN or infinite samples.")
    C = transform(y)
    # If the length is not a multiple of the hop, librosa may return an extra frame.
    return np.ascontiguousarray(C[:, : 1 + len(y) // hop_length], dtype=np.complex64)
