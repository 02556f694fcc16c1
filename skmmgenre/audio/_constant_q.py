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


def check_bins(*, sr, n_bins, bins_per_octave, fmin):
    """Raise ValueError if the highest bin does not fit below half the sampling rate.

    Returns the length of the longest filter in samples.
    """
    fmin = _C1 if fmin is None else fmin
    ratio = 4.0 ** (1 / bins_per_octave)
    quality = (ratio + 1) / (ratio - 1)
    top = fmin * 2.0 ** ((n_bins - 1) / bins_per_octave)
    cutoff = top * (1 + 0.5 * _HANN_BANDWIDTH / quality)
    if cutoff > sr / 2:
        fits = int(np.floor(bins_per_octave * np.log2(sr / 2 / (cutoff / top) / fmin))) + 1
        raise ValueError(
            f"sr={sr} is too low for n_bins={n_bins}: the highest bin, at {top:.1f} Hz, reaches "
            f"up to {cutoff:.1f} Hz, above sr / 2. Take sr >= {int(np.ceil(2 * cutoff))}"
            + (f" or n_bins <= {fits}." if fits > 0 else " or a lower fmin.")
        )
    return int(np.ceil(quality * sr / fmin))


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
        If `y` is not 1-D, is empty or holds NaN or infinite samples, or if the highest bin
        does not fit below ``sr / 2``.

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
    if y.ndim != 1:
        raise ValueError(f"y must be 1-D, got shape {y.shape}. Take the mean over channels.")
    if len(y) == 0:
        raise ValueError("y holds 0 samples.")
    y = np.ascontiguousarray(y, dtype=np.float32)
    if not np.isfinite(y).all():
        raise ValueError("y holds NaN or infinite samples.")
    longest = check_bins(sr=sr, n_bins=n_bins, bins_per_octave=bins_per_octave, fmin=fmin)
    n_frames = 1 + len(y) // hop_length
    # A signal shorter than the longest filter, itself padded to a power of two, would make the
    # backend warn or fail; beyond its end there are zeros anyway.
    if len(y) < 2 * longest:
        y = np.pad(y, (0, 2 * longest - len(y)))
    transform = _BACKENDS["librosa" if backend == "auto" else backend]
    C = transform(
        y,
        sr=sr,
        hop_length=hop_length,
        n_bins=n_bins,
        bins_per_octave=bins_per_octave,
        fmin=_C1 if fmin is None else fmin,
    )
    return np.ascontiguousarray(C[:, :n_frames], dtype=np.complex64)
