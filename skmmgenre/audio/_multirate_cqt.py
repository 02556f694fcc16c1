"""The constant-Q transform octave by octave, each at the lowest rate that holds it."""

import functools
from typing import NamedTuple

import numpy as np
import scipy.fft
import soxr

# Samples of overlapping frames that are copied at a time, so that memory does not grow with
# the number of frames times their length.
_BLOCK = 1 << 20
# Multiplications in one matrix product, and in one row of it. OpenBLAS shares larger ones among
# threads, which costs more than it brings, and the last bits would depend on their number.
_PRODUCT = 1 << 18
_ROW = 9 << 10


class _Octave(NamedTuple):
    """How one octave follows from the signal of the octave above it."""

    factor: int  # the signal is first brought to 1 / factor of its rate
    hop: int  # at that rate
    bins: slice
    kernel: np.ndarray  # float32, (taps, 2 * bins): real, imaginary, real, ...


def multirate_cqt(y, *, sr, hop_length, n_bins, bins_per_octave, fmin, window):
    """Constant-Q transform as that of librosa with ``sparsity=0``, in the time domain.

    The recursion is that of Schoerkhuber and Klapuri (2010, section 2.3) as librosa has it: the
    signal is halved from octave to octave while the hop can be, so that the filters of every
    octave are equally short. Where an octave comes close to half the rate, librosa 1.0 halves
    later than 0.11 did; this follows the installed one. librosa multiplies the spectra of frames
    with spectra of filters. As that is linear in the samples, it is done here by one matrix for
    an octave, of as many rows as a frame has samples (128 by default): no Fourier transforms, no
    sparse products.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,)
    sr, hop_length, n_bins, bins_per_octave, fmin, window
        As of :func:`constant_q`, `fmin` in Hz.

    Returns
    -------
    C : ndarray of complex64, shape (n_bins, 1 + n_samples // hop_length)
    """
    n_frames = 1 + len(y) // hop_length
    C = np.empty((n_frames, n_bins), dtype=np.complex64)
    octaves = _octaves(sr, hop_length, n_bins, bins_per_octave, fmin, window)
    for factor, hop, bins, kernel in octaves:
        if factor > 1:
            y = _downsample(y, factor)
        n_taps = len(kernel)
        per_block = max(1, _BLOCK // max(n_taps, hop))
        for first in range(0, n_frames, per_block):
            last = min(first + per_block, n_frames)
            frames = _frames(y, first, last, hop, n_taps)
            C[first:last, bins] = _product(frames, kernel).view(np.complex64)
    return np.ascontiguousarray(C.T)


@functools.lru_cache(maxsize=4)
def _octaves(sr, hop_length, n_bins, bins_per_octave, fmin, window):
    """The octaves from the top, a tuple of _Octave that all signals and threads share."""
    import librosa

    # librosa's own numbers: where a filter is a whole number of samples long, the last bit of
    # its length decides how many.
    frequencies = librosa.interval_frequencies(
        n_bins, fmin=fmin, intervals="equal", bins_per_octave=bins_per_octave
    )
    ratio = 2 ** (1 / bins_per_octave)
    wavelet_lengths = functools.partial(
        librosa.filters.wavelet_lengths,
        freqs=frequencies,
        window=window,
        # The relative bandwidth; librosa finds it from the frequencies if there are several.
        alpha=np.array([(ratio**2 - 1) / (ratio**2 + 1)]) if n_bins == 1 else None,
    )
    _, reach = wavelet_lengths(sr=sr)
    n_octaves = -(-n_bins // bins_per_octave)
    # Where the hop allows more halvings than there are octaves, the first come before the top
    # octave, if its highest filter leaves room.
    early = min(
        max(0, int(np.ceil(np.log2(sr / 2 / reach))) - 2),
        max(0, _n_halvings(hop_length) - n_octaves + 1),
    )
    factor = 2**early
    rate, hop = sr / factor, hop_length // factor
    scale = 1 / np.sqrt(wavelet_lengths(sr=rate)[0])
    octaves = []
    for stop in range(n_bins, 0, -bins_per_octave):
        bins = slice(max(0, stop - bins_per_octave), stop)
        lengths, _ = wavelet_lengths(sr=rate)
        kernel = _kernel(frequencies[bins] / rate, lengths[bins], window) * scale[bins]
        kernel = np.ascontiguousarray(kernel, dtype=np.complex64).view(np.float32)
        kernel.setflags(write=False)
        octaves.append(_Octave(factor, hop, bins, kernel))
        factor = 1
        # librosa 1.0 halves only where the next octave ends well below what the resampler lets
        # through, earlier versions always. The octaves of the defaults all leave that room.
        leaves_room = bins.start == 0 or frequencies[bins.start - 1] <= rate / 5
        if hop % 2 == 0 and (leaves_room or _is_before_1(librosa.__version__)):
            factor, rate, hop = 2, rate / 2, hop // 2
            scale *= np.sqrt(2)  # the filters are half as long, the bins as loud
    return tuple(octaves)


def _is_before_1(version):
    return version.startswith("0.")


def _n_halvings(number):
    """How often `number` can be halved."""
    return (number & -number).bit_length() - 1


def _kernel(frequencies, lengths, window):
    """The matrix that a frame is multiplied with, complex, shape (taps, bins).

    `frequencies` are in cycles a sample, `lengths` in samples.
    """
    import librosa

    n_taps = int(2.0 ** np.ceil(np.log2(lengths.max())))
    # Single precision, as librosa has wavelets and spectra: what their rounding lets through
    # of a loud tone is in its answer too.
    wavelets = np.zeros((len(lengths), n_taps), dtype=np.complex64)
    for wavelet, frequency, length in zip(wavelets, frequencies, lengths, strict=True):
        time = np.arange(-length // 2, length // 2)
        samples = np.exp(2j * np.pi * frequency * time)
        samples *= librosa.filters.get_window(window, len(time))
        start = (n_taps - len(time)) // 2
        wavelet[start : start + len(time)] = librosa.util.normalize(samples, norm=1)
    wavelets *= lengths[:, np.newaxis] / n_taps
    # librosa sums the products of the spectra over the frequencies from 0 to half the rate.
    spectra = scipy.fft.fft(wavelets).astype(complex)
    spectra[:, n_taps // 2 + 1 :] = 0
    return scipy.fft.fft(spectra).T


def _downsample(y, factor):
    """Bring a signal to 1 / factor of its rate and keep its energy, to librosa's last bit.

    (Scaled once in the end, the resampler would round otherwise, which shows in quiet bins.)
    """
    n_samples = -(-len(y) // factor)
    down = soxr.resample(y, factor, 1, quality="HQ")[:n_samples]
    down *= np.sqrt(factor)
    return down if len(down) == n_samples else np.pad(down, (0, n_samples - len(down)))


def _frames(y, first, last, hop, n_taps):
    """Frames centred on the samples ``first * hop``, ..., with zeros beyond the edges."""
    start = first * hop - n_taps // 2
    stop = start + (last - first - 1) * hop + n_taps
    begin, end = max(0, start), min(stop, len(y))
    piece = np.zeros(stop - start, dtype=np.float32)
    piece[begin - start : end - start] = y[begin:end]
    strides = (hop * piece.itemsize, piece.itemsize)
    windows = np.ndarray((last - first, n_taps), piece.dtype, piece, strides=strides)
    return np.ascontiguousarray(windows)


def _product(frames, kernel):
    """The matrix product, in small ones."""
    n_taps, n_columns = kernel.shape
    step = min(n_taps, max(1, _ROW // n_columns))
    n_rows = max(1, _PRODUCT // (step * n_columns))
    product = np.empty((len(frames), n_columns), dtype=np.float32)
    for row in range(0, len(frames), n_rows):
        some, part = frames[row : row + n_rows], product[row : row + n_rows]
        np.matmul(some[:, :step], kernel[:step], out=part)
        for tap in range(step, n_taps, step):
            part += some[:, tap : tap + step] @ kernel[tap : tap + step]
    return product
