"""What the layers of the audio networks compute."""

import numpy as np
import pytest
import torch
from torch import nn

from skmmgenre.audio import AudioCNN
from skmmgenre.nets._devices import computing_in, to_device
from skmmgenre.nets._modules import build_empty, initialize


def test_the_layers_compute_what_the_paper_says():
    """4x96 by hand: all bins at once, then ReLU and pooling, three times over, and 1x1."""
    X = np.random.default_rng(0).normal(-40, 20, (2, 96, 140)).astype(np.float32)
    params = {"architecture": "4x96", "standardize": None, "max_epochs": 1, "random_state": 0}
    params |= {"preset": "paper", "validation_fraction": 0}
    model = AudioCNN(width=(3, 5, 7, 2), **params).fit(X, [0, 1])
    kernels = [w for name, w in model.weights_.items() if name.startswith("blocks") and w.ndim > 1]
    biases = [w for name, w in model.weights_.items() if name.startswith("blocks") and w.ndim == 1]
    x = X
    for kernel, bias, pool in zip(kernels, biases, [4, 4, 4, 1], strict=True):
        kernel = kernel.reshape(*kernel.shape[:2], -1)  # filters, channels, frames
        windows = np.lib.stride_tricks.sliding_window_view(x, kernel.shape[2], axis=2)
        x = np.maximum(np.einsum("nctk,fck->nft", windows, kernel) + bias[:, None], 0)
        n_frames = x.shape[2] // pool * pool
        x = x[:, :, :n_frames].reshape(*x.shape[:2], -1, pool).max(axis=3)
    np.testing.assert_allclose(model.transform(X), x.reshape(2, -1), rtol=1e-3, atol=1e-4)


@pytest.mark.parametrize("precision", ["float32", "bfloat16"])
@pytest.mark.parametrize("architecture", ["time", "4x70", "4x96", "3x3"])
def test_every_network_is_the_plain_one(architecture, precision):
    """Convolution, ReLU, pooling in the paper's order on a map of one channel: same gradients."""
    width = (4, 6, 8) if architecture == "time" else (4, 6, 8, 8)
    model = AudioCNN(architecture=architecture, width=width, dropout=0)
    recipe = model._recipe((96, 323), 3)
    ours = build_empty(model._make_module, recipe)
    initialize(ours, 0)
    ours = to_device(ours, torch.device("cpu"))
    blocks, channels = [], 1
    with torch.device("meta"):  # no weight is drawn
        for filters, (frames, bins), pool in recipe["layers"]:
            blocks += [nn.Conv2d(channels, filters, (bins, frames)), nn.ReLU()]
            blocks += [] if pool is None else [nn.MaxPool2d((pool[1], pool[0]))]
            channels = filters
        plain = nn.Sequential(*blocks, nn.Flatten(), nn.Linear(recipe["n_features"], 3))
    plain.to_empty(device="cpu")
    arrays = list(ours.parameters())
    with torch.no_grad():
        for theirs, value in zip(plain.parameters(), arrays, strict=True):
            theirs.copy_(value.reshape(theirs.shape))
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(5, 96, 323)).astype(np.float32))
    expected = plain(x.unsqueeze(1))
    dtype = getattr(torch, precision)
    with computing_in(dtype, torch.device("cpu")):
        found = ours(x).float()
    error = 1e-4 if precision == "float32" else 0.05
    assert (found - expected).norm() < error * expected.norm()
    found.square().sum().backward()
    expected.square().sum().backward()
    for theirs, value in zip(plain.parameters(), arrays, strict=True):
        difference = value.grad.reshape(theirs.shape) - theirs.grad
        assert difference.norm() < 4 * error * theirs.grad.norm()
