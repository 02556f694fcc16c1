"""Layers, how modules are built from them, and their state as arrays."""

import numpy as np
import pytest
import torch
from torch import nn

from skmmgenre.nets import _modules as modules

CPU = torch.device("cpu")


class Small(nn.Module):
    """A layer of each kind."""

    def __init__(self, n_bins, n_outputs):
        super().__init__()
        self.standardize = modules.Standardize((n_bins, 1))
        self.blocks = nn.Sequential(nn.Conv2d(1, 4, (n_bins, 3)), nn.ReLU())
        self.drop = modules.Dropout(0.5)
        self.head = modules.Linear(4, n_outputs)

    def forward(self, x):
        x = self.blocks(self.standardize(x).unsqueeze(1)).amax(dim=(2, 3))
        return self.head(self.drop(x))


RECIPE = {"n_bins": 5, "n_outputs": 3}


def small(seed=0):
    module = modules.build_empty(Small, RECIPE)
    modules.initialize(module, seed)
    return module


def test_first_weights_are_those_of_torch_from_one_seed():
    first, same, other = (modules.to_arrays(small(seed)) for seed in (0, 0, 1))
    for name, array in first.items():
        np.testing.assert_array_equal(array, same[name])
    for name, n_inputs in (("blocks.0", 5 * 3), ("head", 4)):
        for part in ("weight", "bias"):
            array = first[f"{name}.{part}"]
            assert 0 < np.abs(array).max() <= 1 / np.sqrt(n_inputs)
            assert (array != other[f"{name}.{part}"]).all()
    assert not first["standardize.mean"].any() and (first["standardize.scale"] == 1).all()


def test_a_layer_without_a_way_to_initialize_is_named():
    with pytest.raises(TypeError, match="LayerNorm has weights, but no method initialize"):
        modules.initialize(nn.Sequential(nn.LayerNorm(3)), 0)


def test_a_part_may_fill_itself():
    class Ones(nn.Linear):
        def initialize(self, generator):
            self.weight.fill_(1)
            self.bias.zero_()

    module = modules.build_empty(Ones, {"in_features": 2, "out_features": 2})
    modules.initialize(nn.Sequential(module), 0)
    assert module.weight.eq(1).all() and module.bias.eq(0).all()


def test_number_of_parameters():
    assert modules.count_parameters(Small, RECIPE) == 4 * 5 * 3 + 4 + 4 * 3 + 3


def test_arrays_make_the_same_module_again():
    module = small().eval()
    arrays = modules.to_arrays(module)
    for array in arrays.values():
        assert type(array) is np.ndarray
        array.flags.writeable = False  # as joblib.load(mmap_mode="r") gives them
    again = modules.from_arrays(Small, RECIPE, arrays, CPU)
    assert not again.training
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(6, 5, 9)).astype(np.float32))
    with torch.no_grad():
        np.testing.assert_allclose(again(x), module(x), rtol=1e-5, atol=1e-6)


def test_linear_pads_its_inputs_and_answers_as_torch():
    layer = modules.build_empty(modules.Linear, {"in_features": 21, "out_features": 3})
    modules.initialize(layer, 0)
    x = torch.from_numpy(np.random.default_rng(0).normal(size=(4, 21)).astype(np.float32))
    expected = nn.functional.linear(x, layer.weight, layer.bias).detach().numpy()
    layer.pad_inputs()
    assert layer.weight.shape == (3, 32) and not layer.weight[:, 21:].any()
    np.testing.assert_allclose(layer(x).detach(), expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_array_equal(layer(nn.functional.pad(x, (0, 11))).detach(), layer(x).detach())


@pytest.mark.parametrize("p", [0.2, 0.7])
def test_dropout_draws_from_its_generator_and_keeps_the_mean(p):
    x = torch.ones(40_000)
    found = []
    for seed in (0, 0, 1):
        drop = nn.Sequential(modules.Dropout(p))
        modules.use_generator(drop, seed, CPU)
        found.append(drop(x).numpy())
    np.testing.assert_array_equal(found[0], found[1])
    assert (found[0] != found[2]).any()
    kept = found[0] > 0
    assert kept.mean() == pytest.approx(1 - p, abs=0.01)
    np.testing.assert_allclose(found[0][kept], 1 / (1 - p), rtol=1e-6)
    assert drop.eval()(x) is x
    assert modules.Dropout(0)(x) is x


def test_standardize_by_hand():
    layer = modules.Standardize((2, 1))
    layer.mean.copy_(torch.tensor([[1.0], [2.0]]))
    layer.scale.copy_(torch.tensor([[2.0], [4.0]]))
    x = torch.tensor([[[3.0, 5.0], [2.0, -2.0]]])
    first = layer(x)
    assert first.tolist() == [[[1.0, 2.0], [0.0, -1.0]]]
    assert layer(x).data_ptr() == first.data_ptr()  # in training, its last answer's memory
    assert layer.eval()(x).data_ptr() != first.data_ptr()
    assert x.tolist() == [[[3.0, 5.0], [2.0, -2.0]]]
