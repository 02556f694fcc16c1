"""The constant-Q transform."""

from numbers import Integral, Real

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

_C1 = 32.70319566257483  # Hz
_HANN_BANDWIDTH = 1.50018310546875  # of a Hann window, in bins of its own transform


def _librosa(y, *, sr, hop_length, n_bins, bins_per_octave, fmin):
    import librosa

    return librosa.cqt(
        y,
        sr=sr,
        hop_length=hop_length,
        n_bins=n_bins,
        bins_per_octave=bins_per_octave,
        fmin=fmin,
        sparsity=0,  # the default drops 1 % of each kernel's energy
        pad_mode="constant",
    )


# Every backend takes (y, *, sr, hop_length, n_bins, bins_per_octave, fmin) and answers as
# librosa with sparsity=0.
_BACKENDS = {"librosa": _librosa}

PARAMETER_CONSTRAINTS = {
    "sr": [Interval(Real, 0, None, closed="neither")],
    "hop_length": [Interval(Integral, 1, None, closed="left")],
    "n_bins": [Interval(Integral, 1, None, closed="left")],
    "bins_per_octave": [Interval(Integral, 1, None, closed="left")],
    "fmin": [Interval(Real, 0, None, closed="neither"), None],
    "backend": [StrOptions({"auto", *_BACKENDS})],
}


def _quality(bins_per_octave):
    """Centre frequency by bandwidth of the filters."""
    ratio = 4.0 ** (1 / bins_per_octave)
    return (ratio + 1) / (ratio - 1)


def check_bins(*, sr, n_bins, bins_per_octave, fmin):
    """Raise ValueError if the highest bin does not fit below half the sampling rate."""
    fmin = _C1 if fmin is None else fmin
    top = fmin * 2.0 ** ((n_bins - 1) / bins_per_octave)
    reach = 1 + 0.5 * _HANN_BANDWIDTH / _quality(bins_per_octave)
    if top * reach > sr / 2:
        fits = int(np.floor(bins_per_octave * np.log2(sr / 2 / reach / fmin))) + 1
        raise ValueError(
            f"sr={sr} is too low for n_bins={n_bins}: the highest bin, at {top:.1f} Hz, reaches "
            f"up to {top * reach:.1f} Hz, above sr / 2. Take sr >= {int(np.ceil(2 * top * reach))}"
            + (f" or n_bins <= {fits}." if fits > 0 else " or a lower fmin.")
        )


def _least_samples(*, sr, hop_length, n_bins, bins_per_octave, fmin):
    """Length of a signal that is as long as the Fourier transform of every octave.

    Octave by octave from the top, the signal is halved while the hop can be; the filters of
    an octave are padded to a power of two.
    """
    least = 0
    halvings, hop = 0, hop_length
    for lowest in range(n_bins - bins_per_octave, -bins_per_octave, -bins_per_octave):
        frequency = fmin * 2.0 ** (max(lowest, 0) / bins_per_octave)
        longest = _quality(bins_per_octave) * sr / 2**halvings / frequency
        least = max(least, 2 ** (int(np.ceil(np.log2(longest))) + halvings))
        if hop % 2 == 0:
            halvings, hop = halvings + 1, hop // 2
    return least


@validate_params({"y": ["array-like"], **PARAMETER_CONSTRAINTS}, prefer_skip_nested_validation=True)
def constant_q(
    y,
    *,
    sr=22050,
    hop_length=1024,
    n_bins=96,
    bins_per_octave=12,
    fmin=None,
    backend="auto",
):
    """Constant-Q transform of a signal.

    The answer is that of ``librosa.cqt(..., sparsity=0, pad_mode="constant")``: Hann windows,
    centred frames, zeros beyond the edges, filters scaled by the square root of their length.
    (librosa warns of signals shorter than its lowest octave's Fourier transform, 0.74 s by
    default; here zeros are appended to them first.)

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
    backend : {"auto", "librosa"}, default="auto"
        What computes the transform.

    Returns
    -------
    C : ndarray of complex64, shape (n_bins, 1 + n_samples // hop_length)
        Bin by frame. A sine of amplitude a at the frequency of bin k has a magnitude that
        grows with a and with the square root of the filter's length.

    Raises
    ------
    ValueError
        If `y` is not 1-D, not real, is empty or holds NaN or infinite samples, or if the
        highest bin does not fit below ``sr / 2``.

    Notes
    -----
    Section 3.1 of the paper: 96 bins, 12 an octave, Hann window, hop of 1024 samples at
    22,050 Hz.

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
    check_bins(sr=sr, n_bins=n_bins, bins_per_octave=bins_per_octave, fmin=fmin)
    scale = {
        "sr": sr,
        "hop_length": hop_length,
        "n_bins": n_bins,
        "bins_per_octave": bins_per_octave,
        "fmin": _C1 if fmin is None else fmin,
    }
    n_frames = 1 + len(y) // hop_length
    # librosa warns of signals shorter than its Fourier transforms; beyond the end are zeros.
    if (missing := _least_samples(**scale) - len(y)) > 0:
        y = np.pad(y, (0, missing))
    transform = _BACKENDS["librosa" if backend == "auto" else backend]
    C = transform(y, **scale)
    return np.ascontiguousarray(C[:, :n_frames], dtype=np.complex64)
