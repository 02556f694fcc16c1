"""The network against the same network in torch's own layers, on random weights."""

import numpy as np
import torch
from made_weights import musicnn_arrays
from torch.nn import functional as F

from skmmgenre.audio._musicnn_net import Musicnn


def plainly(arrays, patch):
    """The answer by the layers as the paper describes them, in float64."""
    a = {name: torch.from_numpy(array.astype(np.float64)) for name, array in arrays.items()}

    def norm(x, number):
        name = f"batch_normalization_{number}" if number else "batch_normalization"
        parts = ("moving_mean", "moving_variance", "gamma", "beta")
        return F.batch_norm(x, *(a[f"{name}/{part}"] for part in parts), eps=1e-3)

    def conv(x, number):
        name = f"conv2d_{number}" if number else "conv2d"
        # Of the first five the second axis is of bins, of the others of channels.
        order = (3, 2, 0, 1) if number < 5 else (3, 1, 0, 2)
        x = F.conv2d(x, a[f"{name}/kernel"].permute(order), a[f"{name}/bias"])
        return norm(torch.relu(x), number + 1)

    x = norm(torch.from_numpy(patch.astype(np.float64))[None, None], 0)
    front = [conv(F.pad(x, (0, 0, 3, 3)), number) for number in (0, 1)]
    for number, taps in ((2, 128), (3, 64), (4, 32)):  # TensorFlow's "same": one more behind
        front.append(conv(F.pad(x, (0, 0, (taps - 1) // 2, taps // 2)), number))
    front = torch.cat([branch.amax(dim=3, keepdim=True) for branch in front], dim=1)
    first = conv(F.pad(front, (0, 0, 3, 3)), 5)
    second = first + conv(F.pad(first, (0, 0, 3, 3)), 6)
    third = second + conv(F.pad(second, (0, 0, 3, 3)), 7)
    found = torch.cat([front, first, second, third], dim=1)[:, :, :, 0]
    pooled = torch.stack([found.amax(dim=2), found.mean(dim=2)], dim=2).flatten(1)
    hidden = torch.relu(norm(pooled, 9) @ a["dense/kernel"] + a["dense/bias"])
    hidden = norm(hidden, 10)
    tags = torch.sigmoid(hidden @ a["dense_1/kernel"] + a["dense_1/bias"])
    return torch.cat([hidden, tags], dim=1)[0].numpy()


def test_the_answer_is_that_of_plain_layers():
    arrays = musicnn_arrays()
    # Filters with either sign of the batch norm's scale are there, and one whose scale is 0.
    arrays["batch_normalization_1/gamma"][0] = 0
    assert (arrays["batch_normalization_2/gamma"] < 0).any()
    network = Musicnn(arrays)
    rng = np.random.default_rng(0)
    for patch in (rng.uniform(0, 4, (187, 96)), np.zeros((187, 96)), rng.normal(size=(187, 96))):
        patch = patch.astype(np.float32)
        with torch.inference_mode():
            found = network(torch.from_numpy(patch)).numpy()
        expected = plainly(arrays, patch)
        assert found.dtype == np.float32 and found.shape == (250,)
        np.testing.assert_allclose(found, expected, rtol=0, atol=2e-5 * np.abs(expected).max())
        assert np.ptp(found[200:]) > 0.1


def test_a_patch_of_another_length():
    arrays = musicnn_arrays()
    patch = np.random.default_rng(0).uniform(0, 4, (50, 96)).astype(np.float32)
    with torch.inference_mode():
        found = Musicnn(arrays)(torch.from_numpy(patch)).numpy()
    np.testing.assert_allclose(found, plainly(arrays, patch), rtol=0, atol=1e-4)


def test_arrays_are_left_alone():
    arrays = musicnn_arrays()
    before = {name: array.copy() for name, array in arrays.items()}
    Musicnn(arrays)
    for name, array in arrays.items():
        np.testing.assert_array_equal(array, before[name])
