"""Constant-Q transform, octave by octave, each at the lowest possible sampling rate."""

import functools
from typing import NamedTuple

import numpy as np
import scipy.fft
import soxr

from ._librosa import import_librosa

# Number of samples of overlapping frames that are copied at a time, so that memory does not grow
# with the number of frames times their length.
_BLOCK = 1 << 20
# Number of multiplications in one matrix product, and in one row of it. OpenBLAS computes larger
# products in several threads, which is slower, and the last bits depend on the number of threads.
_PRODUCT = 1 << 18
_ROW = 9 << 10


class _Octave(NamedTuple):
    """How to compute one octave from the signal of the octave above it."""

    factor: int  # by which the signal is first downsampled
    hop: int  # at the new rate
    bins: slice
    kernel: np.ndarray  # float32, (taps, 2 * bins): real, imaginary, real, ...


def multirate_cqt(y, *, sr, hop_length, n_bins, bins_per_octave, fmin, window):
    """Compute librosa's constant-Q transform with ``sparsity=0``, in the time domain.

    The recursion is that of Schoerkhuber and Klapuri (2010, section 2.3), as in librosa: from
    octave to octave, the signal is downsampled by 2 as long as the hop is even, so that the filters
    of every octave are equally short. If an octave reaches close to half the rate, librosa 1.0
    downsamples later than 0.11 did; this function follows the installed version. librosa multiplies
    the spectra of frames with those of filters. This is linear in the samples, so it is done here
    with one matrix per octave, with as many rows as a frame has samples (128 by default), without
    Fourier transforms or sparse products.

    Parameters
    ----------
    y : ndarray of float32, shape (n_samples,)
    sr, hop_length, n_bins, bins_per_octave, fmin, window
        As in :func:`constant_q`, with `fmin` in Hz.

    Returns
    -------
    C : ndarray of complex64, shape (n_bins, 1 + n_samples // hop_length)
    """
    n_frames = 1 + len(y) // hop_length
    C = np.empty((n_frames, n_bins), dtype=np.complex64)
    octaves = _octaves(sr, hop_length, n_bins, bins_per_octave, fmin, window)
    # `y` is downsampled step by step, so the octaves are computed from the top.
    for factor, hop, bins, kernel in octaves:
        if factor > 1:
            y = _downsample(y, factor)
        n_taps = len(kernel)
        # Per frame, a block has `hop` samples of the signal and `n_taps` copied ones.
        per_block = max(1, _BLOCK // max(n_taps, hop))
        for first in range(0, n_frames, per_block):
            last = min(first + per_block, n_frames)
            frames = _frames(y, first, last, hop, n_taps)
            # Columns alternate between real and imaginary parts, so each pair is a complex number.
            C[first:last, bins] = _product(frames, kernel).view(np.complex64)
    return np.ascontiguousarray(C.T)


@functools.lru_cache(maxsize=4)
def _octaves(sr, hop_length, n_bins, bins_per_octave, fmin, window):
    """Return the octaves from the top, a tuple of _Octave shared by all signals and threads."""
    librosa = import_librosa()

    # Taken from librosa: if the length of a filter is close to an integer, the last bit decides
    # how many samples it has.
    frequencies = librosa.interval_frequencies(
        n_bins, fmin=fmin, intervals="equal", bins_per_octave=bins_per_octave
    )
    ratio = 2 ** (1 / bins_per_octave)
    wavelet_lengths = functools.partial(
        librosa.filters.wavelet_lengths,
        freqs=frequencies,
        window=window,
        # The relative bandwidth, which librosa cannot infer from a single frequency.
        alpha=np.array([(ratio**2 - 1) / (ratio**2 + 1)]) if n_bins == 1 else None,
    )
    _, reach = wavelet_lengths(sr=sr)
    n_octaves = -(-n_bins // bins_per_octave)
    # If the hop can be halved more often than there are octaves, the signal is downsampled before
    # the top octave, as far as its highest filter allows.
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
        # librosa 1.0 only downsamples if the next octave is well within the passband of the
        # resampler; earlier versions always do. With the defaults, it always is.
        leaves_room = bins.start == 0 or frequencies[bins.start - 1] <= rate / 5
        if hop % 2 == 0 and (leaves_room or _is_before_1(librosa.__version__)):
            factor, rate, hop = 2, rate / 2, hop // 2
            scale *= np.sqrt(2)  # the filters have half the length; keep the level of the bins
    return tuple(octaves)


def _is_before_1(version):
    return version.startswith("0.")


def _n_halvings(number):
    """Return how often `number` can be halved."""
    return (number & -number).bit_length() - 1


def _kernel(frequencies, lengths, window):
    """Return the complex matrix that frames are multiplied with, shape (taps, bins).

    `frequencies` are in cycles per sample, `lengths` in samples.
    """
    librosa = import_librosa()

    n_taps = int(2.0 ** np.ceil(np.log2(lengths.max())))
    # Single precision as in librosa, so that loud tones leak through the rounded filters by the
    # same amount.
    wavelets = np.zeros((len(lengths), n_taps), dtype=np.complex64)
    for wavelet, frequency, length in zip(wavelets, frequencies, lengths, strict=True):
        time = np.arange(-length // 2, length // 2)
        samples = np.exp(2j * np.pi * frequency * time)
        samples *= librosa.filters.get_window(window, len(time))
        start = (n_taps - len(time)) // 2
        wavelet[start : start + len(time)] = librosa.util.normalize(samples, norm=1)
    # As in librosa. 1 / n_taps normalizes the sum over frequencies, because the transforms do not.
    wavelets *= lengths[:, np.newaxis] / n_taps
    # librosa sums the products of the spectra over frequencies from 0 to half the rate.
    spectra = scipy.fft.fft(wavelets).astype(complex)
    spectra[:, n_taps // 2 + 1 :] = 0
    # The spectrum of a frame at f is the sum of its samples times exp(-2j pi f t / n_taps). So the
    # factor of sample t in the sum over f is a forward transform of the filter's spectrum, too.
    return scipy.fft.fft(spectra).T


def _downsample(y, factor):
    """Downsample a signal by a factor and keep its energy, bit for bit like librosa.

    The result is scaled at every step, because the resampler rounds differently otherwise, which
    is visible in quiet bins.
    """
    n_samples = -(-len(y) // factor)
    down = soxr.resample(y, factor, 1, quality="HQ")[:n_samples]
    down *= np.sqrt(factor)
    return down if len(down) == n_samples else np.pad(down, (0, n_samples - len(down)))


def _frames(y, first, last, hop, n_taps):
    """Return the frames centred on the samples ``first * hop``, ..., zero-padded at the edges."""
    start = first * hop - n_taps // 2
    stop = start + (last - first - 1) * hop + n_taps
    begin, end = max(0, start), min(stop, len(y))
    piece = np.zeros(stop - start, dtype=np.float32)
    piece[begin - start : end - start] = y[begin:end]
    # Frames overlap if the hop is shorter, and numpy does not pass overlapping rows to BLAS: hence
    # the copy.
    strides = (hop * piece.itemsize, piece.itemsize)
    windows = np.ndarray((last - first, n_taps), piece.dtype, piece, strides=strides)
    return np.ascontiguousarray(windows)


def _product(frames, kernel):
    """Return the matrix product, computed in small blocks."""
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
