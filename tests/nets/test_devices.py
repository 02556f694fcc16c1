"""Devices, and what layers compute in on them."""

import sys

import numpy as np
import pytest
import torch
from scipy import sparse
from sklearn.utils._param_validation import InvalidParameterError
from small_nets import net, two_genres

from skmmgenre.audio import AudioCNN
from skmmgenre.fusion import FusionClassifier
from skmmgenre.text import TextMLP


def dtypes_of_layers(model, X, y):
    """Kind of each layer that answered, and the dtypes it answered with, in training and after."""
    seen = {True: {}, False: {}}

    def note(module, inputs, output):
        if not list(module.children()):
            seen[module.training].setdefault(type(module).__name__, set()).add(output.dtype)

    hook = torch.nn.modules.module.register_module_forward_hook(note)
    try:
        model.set_params(max_epochs=1, validation_fraction=0, random_state=0).fit(X, y)
        answers = model.predict_proba(X), model.transform(X), *model.weights_.values()
    finally:
        hook.remove()
    assert [answer.dtype for answer in answers] == [np.float64] + [np.float32] * (len(answers) - 1)
    return seen[True], seen[False]


@pytest.mark.parametrize("native", [True, False])
def test_auto_precision_on_a_processor(native, monkeypatch):
    """bfloat16 for networks of convolutions, in training, if the processor has it."""
    found = {"avx512_bf16": native}
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: found, raising=False)
    y = np.arange(8) % 2
    patches = np.random.default_rng(0).normal(-40, 10, (8, 96, 130)).astype(np.float32)
    cnn = AudioCNN(architecture="time", width=(4, 4, 4), device="cpu", preset="paper")
    learning, answering = dtypes_of_layers(cnn, patches, y)
    assert learning["Conv2d"] == {torch.bfloat16 if native else torch.float32}
    assert learning["Linear"] == learning["Conv2d"] and learning["Standardize"] == {torch.float32}
    assert set().union(*answering.values()) == {torch.float32}
    mlp = TextMLP(hidden_units=(8, 8), device="cpu", preset="paper")
    for seen in dtypes_of_layers(mlp, sparse.eye_array(8, format="csr"), y):
        assert set().union(*seen.values()) == {torch.float32}


def test_bfloat16_is_for_training_and_answers():
    mlp = TextMLP(hidden_units=(8, 8), device="cpu", preset="paper", precision="bfloat16")
    learning, answering = dtypes_of_layers(mlp, sparse.eye_array(8, format="csr"), np.arange(8) % 2)
    assert learning["Linear"] == answering["Linear"] == {torch.bfloat16}
    assert learning["WordLinear"] == {torch.float32}
    assert answering["WordLinear"] == {torch.bfloat16}


def test_bfloat16_trains_and_float32_answers():
    X, y = two_genres()
    params = {"max_epochs": 30, "lr": 0.05}
    plain = net(**params).fit(X, y)
    low = net(precision="bfloat16", **params).fit(X, y)
    assert low.weights_["head.weight"].dtype == np.float32
    assert low.decision_function(X).dtype == np.float32
    assert not np.array_equal(low.weights_["head.weight"], plain.weights_["head.weight"])
    np.testing.assert_allclose(low.predict_proba(X), plain.predict_proba(X), atol=0.1)


def test_bfloat16_answers_in_bfloat16():
    """Where "auto" answers in float32."""
    X, y = two_genres()
    model = net(precision="bfloat16").fit(X, y)
    low = model.decision_function(X)
    exact = model.set_params(precision="auto").decision_function(X)
    assert low.dtype == exact.dtype == np.float32
    assert not np.array_equal(low, exact)
    np.testing.assert_allclose(low, exact, rtol=0.05, atol=0.02)


@pytest.mark.parametrize("precision", ["auto", "float32", "bfloat16"])
def test_precision_of_training_follows_from_device_and_kind(precision):
    y = np.arange(8) % 2
    patches = np.random.default_rng(0).normal(-40, 10, (8, 96, 130)).astype(np.float32)
    cnn = AudioCNN(
        architecture="time", width=(4, 4, 4), device="cpu", preset="paper", precision=precision
    )
    convolutional, _ = dtypes_of_layers(cnn, patches, y)
    mlp = TextMLP(hidden_units=(8, 8), device="cpu", preset="paper", precision=precision)
    dense, _ = dtypes_of_layers(mlp, sparse.eye_array(8, format="csr"), y)
    if precision != "auto":
        assert convolutional["Conv2d"] == dense["Linear"] == {getattr(torch, precision)}
        return
    assert dense["Linear"] == {torch.float32}
    if torch.cpu._is_avx512_bf16_supported() or torch.cpu._is_amx_tile_supported():
        assert convolutional["Conv2d"] == {torch.bfloat16}


def test_device_cpu():
    X, y = two_genres(20)
    assert net(device="cpu").fit(X, y).predict(X).shape == (20,)


@pytest.mark.parametrize("device", ["cuda:99", "hpu:99", "privateuseone:99"])
def test_a_device_that_is_not_there(device):
    X, y = two_genres(20)
    with pytest.raises(ValueError, match=f"device='{device}' is not available.*'cpu'") as error:
        net(device=device).fit(X, y)
    assert len(str(error.value)) < 250


@pytest.mark.parametrize("device", ["gramophone", "", "CPU", "cpu:x", "meta", None, 0])
def test_a_device_that_torch_does_not_know(device):
    X, y = two_genres(20)
    with pytest.raises(
        InvalidParameterError, match="'device' parameter .* must be 'auto', .*'cpu'"
    ):
        net(device=device).fit(X, y)


@pytest.mark.parametrize(
    "device", ["auto", "accelerate", "cpu:0", "cuda", "cuda:99", "mps", "xpu:1"]
)
def test_a_device_that_torch_knows_is_valid_wherever_it_is(device):
    net(device=device)._validate_params()


@pytest.mark.parametrize("device", ["gramophone", "meta", "hpu"])
def test_a_file_from_elsewhere_may_name_any_device(device):
    X, y = two_genres(20)
    model = net().fit(X, y)
    expected = model.predict_proba(X)
    with pytest.warns(UserWarning, match=f"device='{device}' is not available"):
        found = model.set_params(device=device).predict_proba(X)
    np.testing.assert_array_equal(found, expected)


def test_a_fitted_network_moves_to_another_device():
    """A model trained on a GPU answers where there is none."""
    X, y = two_genres(20)
    model = net().fit(X, y)
    expected = model.predict_proba(X)
    model.set_params(device="cuda:99")
    with pytest.warns(UserWarning, match="Predicting on the CPU"):
        model.predict_proba(X)
    np.testing.assert_array_equal(model.set_params(device="cpu").predict_proba(X), expected)


def test_a_missing_package_names_the_way_out(monkeypatch):

    monkeypatch.setitem(sys.modules, "accelerate", None)
    with pytest.raises(ImportError, match=r'pip install "skmmgenre\[distributed\]"'):
        FusionClassifier(device="accelerate", validation_fraction=0).fit(np.eye(6), [0, 1] * 3)
