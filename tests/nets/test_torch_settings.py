"""What a program sets in torch, numpy and scikit-learn changes no bit of a network."""

import pickle
from contextlib import contextmanager
from functools import cache

import numpy as np
import pytest
import sklearn
import torch
from scipy import sparse
from slow_cases import few_fast

from skmmgenre.audio import AudioCNN
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.image import ResNetEmbedder
from skmmgenre.text import TextMLP

TRAINING = {"max_epochs": 2, "batch_size": 8, "validation_fraction": 0, "random_state": 0}
RNG = np.random.default_rng(0)
Y = np.arange(16) % 2
SEVERAL = RNG.integers(0, 2, (16, 4))
COVERS = list(RNG.integers(0, 255, (8, 36, 36, 3)).astype(np.uint8))
PATCHES = RNG.normal(-40, 10, (16, 24, 100)).astype(np.float32)
WORDS = sparse.random_array((16, 200), density=0.2, rng=RNG, format="csr")
VECTORS = RNG.normal(size=(16, 40))
VECTORS[3, :20] = np.nan
SMALL = {"architecture": "time", "width": (8, 8, 8)}
COVER = {**TRAINING, "depth": 18, "weights": None, "image_size": 32, "max_epochs": 1}
JOINT = {"hidden_units": 16, "n_components": 8, "blocks": {"audio": 20, "image": 20}}
BLOCKS = {"blocks": {"audio": 20, "text": 20}, "modality_dropout": 0.3}

NETWORKS = {
    "audio": (AudioCNN(**SMALL, **TRAINING), PATCHES, Y),
    "audio in bfloat16": (AudioCNN(**SMALL, precision="bfloat16", **TRAINING), PATCHES, Y),
    "cover": (ResNetEmbedder(**COVER), COVERS, Y[:8]),
    "cover as it is": (ResNetEmbedder(**COVER, fine_tune=False), COVERS, Y[:8]),
    "sparse text": (TextMLP(hidden_units=(64, 32), **TRAINING), WORDS, Y),
    "dense text": (TextMLP(hidden_units=(64, 32), **TRAINING), WORDS.toarray(), SEVERAL),
    "text, cross-fitted": (TextMLP(hidden_units=(64, 32), cross_fit=2, **TRAINING), WORDS, Y),
    "fusion": (FusionClassifier(**BLOCKS, **TRAINING), VECTORS, Y),
    "fusion by cosine": (FusionClassifier(**BLOCKS, target="cosine", **TRAINING), VECTORS, SEVERAL),
    "joint": (JointSpaceProjector(**JOINT, **TRAINING), VECTORS, Y),
}


@contextmanager
def changed(get, put, value):
    """Let a setting have a value inside."""
    before = get()
    put(value)
    try:
        yield
    finally:
        put(before)


def default_dtype(name):
    return changed(torch.get_default_dtype, torch.set_default_dtype, getattr(torch, name))


@contextmanager
def default_device():
    torch.set_default_device("meta")
    try:
        yield
    finally:
        torch.set_default_device(None)


@contextmanager
def flushed_denormals():
    torch.set_flush_denormal(True)
    try:
        yield
    finally:
        torch.set_flush_denormal(False)


def matmul_precision(name):
    return changed(torch.get_float32_matmul_precision, torch.set_float32_matmul_precision, name)


def deterministic():
    return changed(
        torch.are_deterministic_algorithms_enabled, torch.use_deterministic_algorithms, True
    )


SETTINGS = {
    "default dtype float64": lambda: default_dtype("float64"),
    "default dtype bfloat16": lambda: default_dtype("bfloat16"),
    "default dtype float16": lambda: default_dtype("float16"),
    "default device": default_device,
    "within a device": lambda: torch.device("meta"),
    "inference mode": torch.inference_mode,
    "no_grad": torch.no_grad,
    "no gradients": lambda: changed(torch.is_grad_enabled, torch.set_grad_enabled, False),
    "autocast to bfloat16": lambda: torch.autocast("cpu", dtype=torch.bfloat16),
    "autocast to float16": lambda: torch.autocast("cpu", dtype=torch.float16),
    "matmul precision": lambda: matmul_precision("medium"),
    "deterministic algorithms": deterministic,
    "flushed denormals": flushed_denormals,
    "numpy's errors": lambda: np.errstate(all="raise"),
    "numpy's print options": lambda: np.printoptions(precision=2, legacy="1.13", threshold=3),
    "pandas out": lambda: sklearn.config_context(transform_output="pandas"),
    "metadata routing": lambda: sklearn.config_context(enable_metadata_routing=True),
    "assume finite": lambda: sklearn.config_context(assume_finite=True),
}


def fit(model, X, y):
    """Return a fitted clone, and the bits of what it learned."""
    model = sklearn.clone(model)
    learned = []
    if getattr(model, "cross_fit", 0):
        learned.append(model.fit_transform(X, y))
    else:
        model.fit(X, y)
    return model, bits([*model.weights_.values(), *learned])


def answer(model, X):
    methods = ("transform", "predict_proba", "decision_function", "predict")
    return bits([getattr(model, name)(X) for name in methods if hasattr(model, name)])


def bits(arrays):
    return [(np.asarray(array).dtype, np.asarray(array).tobytes()) for array in arrays]


# Of networks that take longer, or are like one of these, two settings are enough for `make test`.
EVERY_SETTING = {"audio", "sparse text", "fusion", "fusion by cosine", "joint"}
TWO_SETTINGS = {"default dtype float64", "within a device"}
CASES = {
    f"{network}-{setting}": (network, SETTINGS[setting])
    for network in NETWORKS
    for setting in SETTINGS
}
FAST = (
    f"{network}-{setting}"
    for network in NETWORKS
    for setting in (SETTINGS if network in EVERY_SETTING else TWO_SETTINGS)
)


@cache
def without_settings(network):
    """A fitted network, its data, what it learned and what it answers."""
    model, X, y = NETWORKS[network]
    fitted, learned = fit(model, X, y)
    return fitted, X, y, learned, answer(fitted, X)


@pytest.mark.parametrize(("network", "setting"), few_fast(CASES, *FAST))
def test_it_learns_and_answers_as_without(network, setting):
    model, X, y, learned, answered = without_settings(network)
    with setting():
        fitted, found = fit(model, X, y)
        assert found == learned
        assert answer(fitted, X) == answered
        assert answer(pickle.loads(pickle.dumps(model)), X) == answered
    assert answer(fitted, X) == answered


def test_the_settings_are_left_as_they_are():
    model, X, y = NETWORKS["fusion"]
    with (
        default_dtype("float64"),
        torch.inference_mode(),
        torch.autocast("cpu", dtype=torch.bfloat16),
        torch.device("meta"),
        matmul_precision("medium"),
        flushed_denormals(),
        np.errstate(all="raise"),
    ):
        sklearn.clone(model).fit(X, y).predict(X)
        assert torch.get_default_dtype() == torch.float64
        assert torch.is_inference_mode_enabled() and torch.is_autocast_enabled("cpu")
        assert torch.empty(0).device.type == "meta"
        assert torch.get_float32_matmul_precision() == "medium"
        assert 1e-310 * float(len(X)) == 0.0
        assert np.geterr() == {
            "divide": "raise",
            "over": "raise",
            "under": "raise",
            "invalid": "raise",
        }
    assert 1e-310 * float(len(X)) > 0.0
