"""musicnn (Pons and Serra, 2019) without its network: input, weights and encoder."""

import functools

import numpy as np
import scipy.fft
from scipy.sparse import csr_array

from ..pretrained._fetch import read_weights
from ._signals import check_transformed

SR, N_FFT, HOP = 16000, 512, 256
N_FRAMES, N_BINS = 187, 96  # of a patch
N_UNITS, _N_TAGS = 200, 50

TIMBRAL = {"conv2d": 38, "conv2d_1": 67}  # height of the filters in bins
TEMPORAL = {"conv2d_2": 128, "conv2d_3": 64, "conv2d_4": 32}  # length of the filters in frames
MIDDLE = ("conv2d_5", "conv2d_6", "conv2d_7")
_N_TIMBRAL, _N_TEMPORAL, _N_MIDDLE = 204, 51, 64  # filters
_N_FRONT = len(TIMBRAL) * _N_TIMBRAL + len(TEMPORAL) * _N_TEMPORAL
_N_POOLED = 2 * (_N_FRONT + len(MIDDLE) * _N_MIDDLE)
TAPS = 7  # length of timbral and middle filters in frames
EPSILON = 1e-3  # of batch norm


def _shapes():
    """Return the names and shapes of the weights, as stored by TensorFlow."""
    kernels = {name: (TAPS, bins, 1, _N_TIMBRAL) for name, bins in TIMBRAL.items()}
    kernels |= {name: (frames, 1, 1, _N_TEMPORAL) for name, frames in TEMPORAL.items()}
    inputs = (_N_FRONT, _N_MIDDLE, _N_MIDDLE)
    kernels |= {name: (TAPS, n, 1, _N_MIDDLE) for name, n in zip(MIDDLE, inputs, strict=True)}
    kernels |= {"dense": (_N_POOLED, N_UNITS), "dense_1": (N_UNITS, _N_TAGS)}
    shapes = {f"{name}/kernel": shape for name, shape in kernels.items()}
    shapes |= {f"{name}/bias": shape[-1:] for name, shape in kernels.items()}
    # Batch norms in order: input, eight convolutions, pooling, dense layer.
    widths = (1, *(shape[-1] for shape in kernels.values() if len(shape) == 4), _N_POOLED, N_UNITS)
    for number, width in enumerate(widths):
        for part in ("beta", "gamma", "moving_mean", "moving_variance"):
            shapes[f"batch_normalization{f'_{number}' if number else ''}/{part}"] = (width,)
    return shapes


SHAPES = _shapes()


class MusicnnEncoder:
    """Encoder by musicnn (see `_musicnn_net.py`) to 200 activations, then 50 tags.

    Parameters
    ----------
    name : {"musicnn", "musicnn-mtt"}
    weights : str, path or None
    device : str
    """

    sr = SR
    pad = N_FFT // 2  # frames are centred
    n_samples = N_FFT + (N_FRAMES - 1) * HOP
    step = N_FRAMES * HOP
    short = "missing"

    def __init__(self, name, weights, device):
        self.name, self.weights, self.device = name, weights, device

    @property
    def fingerprint(self):
        """Return a hash of the weights, independent of the path."""
        return self._read().fingerprint

    def _read(self):
        return read_weights(self.name, self.weights, SHAPES)

    def network(self):
        """Return the device and the network on it."""
        from ..nets._devices import inference_device

        device = inference_device(self.device)
        return device, _network(self._read(), device)

    def embed(self, windows):
        """Return the activations and tags of windows."""
        # First, so that missing weights are reported before torch is imported.
        self._read()
        import torch

        from ..nets._devices import one_thread, own_settings

        patches = log_mel(windows)
        with own_settings(), one_thread, torch.inference_mode():
            device, network = self.network()
            answers = [network(torch.from_numpy(patch).to(device)) for patch in patches]
            return torch.stack(answers).cpu().numpy()


# `Weights` are compared by identity; `read_weights` returns the same object for the same file.
@functools.lru_cache(maxsize=2)
def _network(weights, device):
    import torch

    from ._musicnn_net import Musicnn

    with torch.inference_mode(False):  # so that gradients can be computed, too
        return Musicnn(weights.arrays).to(device).eval()


def log_mel(windows):
    """Return the input of musicnn: log-mel patches like librosa's, rounded to float16.

    Parameters
    ----------
    windows : ndarray of float32, shape (n, samples)

    Returns
    -------
    patches : ndarray of float32, shape (n, n_frames, 96)
    """
    # Frames are not padded here: the windows include the zeros at both ends of the sound.
    frames = np.lib.stride_tricks.sliding_window_view(windows, N_FFT, axis=1)[:, ::HOP]
    hann = (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N_FFT) / N_FFT)).astype(np.float32)
    with np.errstate(over="ignore", invalid="ignore"):
        power = np.abs(scipy.fft.rfft(frames * hann, axis=2)) ** 2
        # A sparse product, because the last bits of a BLAS product depend on its number of threads.
        # The original rounds to float16, too; a value that is too large becomes infinite.
        mel = (_mel_filters() @ power.reshape(-1, power.shape[2]).T).T.astype(np.float16)
    check_transformed(mel)
    decades = np.log10(np.float32(10000) * mel.astype(np.float32) + np.float32(1))
    return np.ascontiguousarray(decades.reshape(*frames.shape[:2], N_BINS))


@functools.cache
def _mel_filters():
    """Return librosa's mel filters (Slaney scale, equal area), shape (96, 257)."""
    # Linear up to 1000 Hz, three mel per 200 Hz; then 27 mel per factor of 6.4.
    highest = 15 + np.log(SR / 2 / 1000) * 27 / np.log(6.4)
    mel = np.linspace(0, highest, N_BINS + 2)
    edges = np.where(mel < 15, mel * 200 / 3, 1000 * np.exp(np.log(6.4) / 27 * (mel - 15)))
    frequency = np.arange(N_FFT // 2 + 1) * SR / N_FFT
    low, centre, high = edges[:-2, None], edges[1:-1, None], edges[2:, None]
    rising, falling = (frequency - low) / (centre - low), (high - frequency) / (high - centre)
    filters = np.maximum(0, np.minimum(rising, falling)) * 2 / (high - low)
    return csr_array(filters.astype(np.float32))
