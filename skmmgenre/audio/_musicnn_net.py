"""The network of musicnn (Pons and Serra, 2019), from log-mel patches to vectors and tags.

Nearly all of the computation is in the first layers, whose input has one channel. They are
implemented as matrix products with few multiplications; see `_Timbral` and `_Temporal`. Patches are
passed one by one, so that the output of a patch does not depend on other patches.
"""

import numpy as np
import torch
from torch import nn

from ._musicnn import EPSILON, MIDDLE, N_BINS, TAPS, TEMPORAL, TIMBRAL


class Musicnn(nn.Module):
    """The network of musicnn, for inference only.

    Parameters
    ----------
    arrays : dict of str to ndarray of float32
        Weights with the names and shapes in `SHAPES` of `_musicnn.py`.
    """

    def __init__(self, arrays):
        super().__init__()
        norms = [_scale_and_shift(arrays, number) for number in range(11)]
        self.input = _Norm(*norms[0])
        front = [
            _Timbral(arrays[f"{name}/kernel"], arrays[f"{name}/bias"], *norm)
            for name, norm in zip(TIMBRAL, norms[1:3], strict=True)
        ]
        front += [
            _Temporal(arrays[f"{name}/kernel"], arrays[f"{name}/bias"], *norm)
            for name, norm in zip(TEMPORAL, norms[3:6], strict=True)
        ]
        self.front = nn.ModuleList(front)
        self.middle = nn.ModuleList(
            _Middle(arrays[f"{name}/kernel"], arrays[f"{name}/bias"], *norm)
            for name, norm in zip(MIDDLE, norms[6:9], strict=True)
        )
        self.pooled, self.penultimate = _Norm(*norms[9]), _Norm(*norms[10])
        self.dense = _Dense(arrays["dense/kernel"], arrays["dense/bias"])
        self.tags = _Dense(arrays["dense_1/kernel"], arrays["dense_1/bias"])

    def forward(self, patch):
        """Return the output for one patch.

        Parameters
        ----------
        patch : tensor of float32, shape (n_frames, 96)

        Returns
        -------
        answer : tensor of float32, shape (250,)
            The 200 activations of the last hidden layer, then the 50 tag probabilities.
        """
        return self.answer(self.input(patch))

    def answer(self, x):
        """Return the output for one patch that has passed the first batch norm."""
        front = torch.cat([branch(x) for branch in self.front], dim=1)
        first, second, third = self.middle
        a = first(front)
        b = a + second(a)
        c = b + third(b)
        found = torch.cat([front, a, b, c], dim=1)
        # Interleaved (max_0, mean_0, max_1, ...), which is the order of the weights of the next
        # layer.
        pooled = torch.stack([found.amax(dim=0), found.mean(dim=0)], dim=1).flatten()
        hidden = self.penultimate(torch.relu(self.dense(self.pooled(pooled))))
        return torch.cat([hidden, torch.sigmoid(self.tags(hidden))])


class _Norm(nn.Module):
    """Batch norm with fixed statistics."""

    def __init__(self, scale, shift):
        super().__init__()
        _keep(self, scale=scale, shift=shift)

    def forward(self, x):
        return torch.addcmul(self.shift, x, self.scale)


class _Dense(nn.Module):
    def __init__(self, kernel, bias):
        super().__init__()
        _keep(self, weight=kernel, bias=bias)

    def forward(self, x):
        return x @ self.weight + self.bias


class _Highest(nn.Module):
    """Filters, bias, ReLU, batch norm, and the maximum over all bins.

    The maximum is taken first, which gives the same result. For filters whose batch norm has a
    negative scale it would be the minimum, so these filters are stored with the opposite sign.
    """

    def __init__(self, bias, scale, shift):
        super().__init__()
        sign = np.where(scale < 0, -1.0, 1.0)
        _keep(self, sign=sign, bias=bias, scale=scale, shift=shift)

    def finish(self, highest):
        """Apply bias, ReLU and batch norm to the maxima, shape (n_frames, n_filters)."""
        y = torch.relu(torch.addcmul(self.bias, highest, self.sign))
        return torch.addcmul(self.shift, y, self.scale)


class _Timbral(_Highest):
    """Filters of 7 frames and some bins.

    The convolution over bins is computed as a product of spectra along the bins: for each frequency
    and filter a product of 14 numbers (7 frames, real and imaginary), then the inverse transform at
    the positions where the filter fits within the bins. Relative to the middle of these positions,
    cosines are even and sines are odd, so the larger value of two mirrored positions is the even
    part plus the absolute value of the odd part. A position therefore takes 73 and 95
    multiplications instead of 266 and 469.
    """

    def __init__(self, kernel, bias, scale, shift):
        super().__init__(bias, scale, shift)
        sign = self.sign.numpy().astype(np.float64)
        kernel = kernel[:, :, 0].astype(np.float64) * sign  # (taps, bins, filters)
        n_places = N_BINS - kernel.shape[1] + 1
        middle = (n_places - 1) / 2
        turn = 2 * np.pi / N_BINS * np.arange(N_BINS // 2 + 1)  # phase step per bin
        # Conjugated, because a convolutional layer correlates, and shifted, so that positions count
        # from the middle. No position wraps around, because only those where a filter fits are
        # computed.
        spectrum = np.fft.rfft(kernel, N_BINS, axis=1).conj() * np.exp(1j * turn * middle)[:, None]
        # Shape (frequencies, taps, filters).
        spectrum = spectrum.transpose(1, 0, 2)
        # All frequencies but the first and the last stand for a pair of conjugates.
        weight = np.where((turn == 0) | (turn == np.pi), 1, 2) / N_BINS
        # Half of the positions; the others mirror them.
        back = (middle - np.arange(-(-n_places // 2)))[:, None] * turn
        forth = np.arange(N_BINS)[:, None] * turn
        _keep(
            self,
            forth=np.stack([np.cos(forth), -np.sin(forth)]),
            real=np.concatenate([spectrum.real, -spectrum.imag], axis=1),
            imaginary=np.concatenate([spectrum.imag, spectrum.real], axis=1),
            even=weight * np.cos(back),
            odd=weight * np.sin(back),
        )

    def forward(self, x):
        n_frames = len(x)
        spectra = nn.functional.pad(x, (0, 0, TAPS // 2, TAPS // 2)) @ self.forth
        windows = spectra.unfold(1, n_frames, 1)  # (parts, taps, frequencies, frames)
        windows = windows.permute(2, 3, 0, 1).reshape(len(self.real), n_frames, 2 * TAPS)
        # Per frequency, a product of shapes (frames, 2 * taps) and (2 * taps, filters).
        even = self.even @ (windows @ self.real).flatten(1)
        odd = self.odd @ (windows @ self.imaginary).flatten(1)
        highest = even.add_(odd.abs_()).amax(dim=0)
        return self.finish(highest.view(n_frames, -1))


class _Temporal(_Highest):
    """Filters of some frames and one bin, as one product with the shifted frames."""

    def __init__(self, kernel, bias, scale, shift):
        super().__init__(bias, scale, shift)
        _keep(self, weight=kernel[:, 0, 0].T * self.sign.numpy()[:, None])

    def forward(self, x):
        n_frames, n_taps = len(x), self.weight.shape[1]
        # TensorFlow's "same" padding: for an even length, one more zero after than before.
        before = (n_taps - 1) // 2
        padded = nn.functional.pad(x, (0, 0, before, n_taps - 1 - before)).flatten()
        # Row t is the flattened map t frames later: an overlapping view, so nothing is copied.
        windows = padded.as_strided((n_taps, n_frames * N_BINS), (N_BINS, 1))
        products = (self.weight @ windows).view(-1, n_frames, N_BINS)
        return self.finish(products.amax(dim=2).T)


class _Middle(nn.Module):
    """Filters of 7 frames and all channels, bias, ReLU, batch norm."""

    def __init__(self, kernel, bias, scale, shift):
        super().__init__()
        _keep(self, weight=kernel[:, :, 0].reshape(-1, kernel.shape[-1]), bias=bias)
        self.norm = _Norm(scale, shift)

    def forward(self, x):
        padded = nn.functional.pad(x, (0, 0, TAPS // 2, TAPS // 2))
        # A row is the flattened map of successive frames, as many as taps; rows overlap in memory.
        windows = padded.flatten().as_strided((len(x), len(self.weight)), (x.shape[1], 1))
        return self.norm(torch.relu(windows @ self.weight + self.bias))


def _keep(module, **arrays):
    """Register arrays as float32 buffers of a module."""
    for name, array in arrays.items():
        tensor = torch.from_numpy(np.array(array, dtype=np.float32, order="C"))
        module.register_buffer(name, tensor)


def _scale_and_shift(arrays, number):
    name = f"batch_normalization{f'_{number}' if number else ''}"
    beta, gamma, mean, variance = (
        arrays[f"{name}/{part}"].astype(np.float64)
        for part in ("beta", "gamma", "moving_mean", "moving_variance")
    )
    scale = gamma / np.sqrt(variance + EPSILON)
    return scale, beta - mean * scale
