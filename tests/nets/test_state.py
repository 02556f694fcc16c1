"""A fitted network is numpy arrays and plain Python."""

import copy
import io
import pickle
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
import torch
from scipy import sparse
from sklearn.base import clone

from skmmgenre.audio import AudioCNN
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.text import TextMLP

TRAINING = {"max_epochs": 2, "validation_fraction": 0, "random_state": 0}


def audio():
    X = np.random.default_rng(0).normal(size=(12, 96, 130)).astype(np.float32)
    X[3] = np.nan
    return AudioCNN(width=(8, 8, 8), **TRAINING), X, np.repeat(["Jazz", "Rock"], 6)


def text():
    X = sparse.random_array((20, 300), density=0.1, rng=np.random.default_rng(0), format="csr")
    return TextMLP(hidden_units=(64, 32), **TRAINING), X, np.arange(20) % 3


def fusion():
    X = np.random.default_rng(0).normal(size=(20, 400)).astype(np.float32)
    X[:5, 300:] = np.nan
    blocks = {"audio": 300, "text": 100}
    return FusionClassifier(blocks=blocks, **TRAINING), X, np.eye(4, dtype=int)[np.arange(20) % 4]


def joint():
    X = np.random.default_rng(0).normal(size=(20, 60))
    X[:5, 30:] = np.nan
    return JointSpaceProjector(n_components=8, hidden_units=16, **TRAINING), X, None


MAKERS = [audio, text, fusion, joint]


@pytest.fixture(scope="module", params=MAKERS, ids=lambda maker: maker.__name__)
def fitted(request):
    model, X, y = request.param()
    return model.fit(X, y), X, y


def answers(model, X):
    found = [model.transform(X)] if hasattr(model, "transform") else []
    return found + ([model.predict_proba(X)] if hasattr(model, "predict_proba") else [])


def assert_same_answers(model, other, X):
    for ours, theirs in zip(answers(model, X), answers(other, X), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def foreign(value, where):
    """What is neither a numpy array of plain numbers or strings, nor plain Python."""
    if type(value) in (type(None), bool, int, float, str):
        return []
    if type(value) is np.ndarray:
        return [] if value.dtype.kind in "biufU" else [f"{where}: array of {value.dtype}"]
    if type(value) is dict:
        return [
            fault
            for key, part in value.items()
            for fault in foreign(key, f"key of {where}") + foreign(part, f"{where}[{key!r}]")
        ]
    if type(value) in (list, tuple):
        return [f for i, part in enumerate(value) for f in foreign(part, f"{where}[{i}]")]
    if type(value).__module__.startswith("skmmgenre."):
        return foreign(vars(value), where)
    return [f"{where}: {type(value)}"]


def test_state_is_arrays_and_plain_python(fitted):
    model, X, _ = fitted
    answers(model, X)  # predicting must leave nothing behind either
    assert foreign(vars(model), "state") == []


def test_feature_names_are_plain_too():
    model, X, y = fusion()
    names = [f"audio__{i}" for i in range(300)] + [f"text__{i}" for i in range(100)]
    Y = pd.DataFrame(y, columns=list("abcd"))
    model = FusionClassifier(**TRAINING).fit(pd.DataFrame(X, columns=names), Y)
    state = {**vars(model), "feature_names_in_": model.feature_names_in_.tolist()}
    assert foreign(state, "state") == []
    assert type(model.classes_) is np.ndarray
    untrusted = skops.io.get_untrusted_types(data=skops.io.dumps(model))
    assert all(name.startswith("skmmgenre.") for name in untrusted)


def test_joblib_file(fitted, tmp_path):
    model, X, _ = fitted
    path = tmp_path / "model.joblib"
    joblib.dump(model, path)
    content = path.read_bytes()
    assert b"torch" not in content
    learned = [model.weights_, getattr(model, "_linear", {}), getattr(model, "_units", {})]
    n_weights = sum(np.size(array) for arrays in learned for array in arrays.values())
    # 6 kB is what the names of parameters and classes take, at any size of the network.
    assert len(content) <= 1.1 * 4 * n_weights + 6_000
    assert_same_answers(model, joblib.load(path), X)


def test_answers_in_a_new_process_are_the_same_bits(tmp_path):
    for maker in MAKERS:
        model, X, y = maker()
        model.fit(X, y)
        joblib.dump((model, X, answers(model, X)), tmp_path / f"{maker.__name__}.joblib")
    code = (
        "import sys, joblib, numpy as np\n"
        "stored = [joblib.load(path) for path in sys.argv[1:]]\n"
        "assert 'torch' not in sys.modules, 'loading needs torch'\n"
        "for model, X, expected in stored:\n"
        "    methods = [m for m in ('transform', 'predict_proba') if hasattr(model, m)]\n"
        "    for method, value in zip(methods, expected, strict=True):\n"
        "        np.testing.assert_array_equal(getattr(model, method)(X), value)\n"
        "    print('same')\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *map(str, tmp_path.glob("*.joblib"))],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == ["same"] * len(MAKERS)


def test_skops_names_only_this_package(fitted):
    model, X, _ = fitted
    stored = skops.io.dumps(model)
    untrusted = skops.io.get_untrusted_types(data=stored)
    assert untrusted and all(name.startswith("skmmgenre.") for name in untrusted)
    assert_same_answers(model, skops.io.loads(stored, trusted=untrusted), X)


def test_copies(fitted):
    model, X, _ = fitted
    assert_same_answers(model, copy.deepcopy(model), X)
    assert_same_answers(model, copy.copy(model), X)
    assert_same_answers(model, pickle.loads(pickle.dumps(model)), X)


def test_read_only_arrays(fitted, tmp_path):
    """Arrays that are mapped into memory, as on the workers of joblib, dask and ray."""
    model, X, _ = fitted
    joblib.dump(model, tmp_path / "model.joblib")
    torch.set_warn_always(True)  # otherwise the first test of a process that warns is the only one
    try:
        assert_same_answers(model, joblib.load(tmp_path / "model.joblib", mmap_mode="r"), X)
    finally:
        torch.set_warn_always(False)


def test_clone_is_unfitted_and_fits_to_the_same(fitted):
    model, X, y = fitted
    other = clone(model)
    assert not hasattr(other, "weights_")
    assert other.get_params() == model.get_params()
    assert_same_answers(model, other.fit(X, y), X)


@pytest.mark.parametrize(
    ("maker", "params"),
    [
        (audio, {"architecture": "3x3", "width": "high", "dropout": 0.9, "standardize": None}),
        (text, {"hidden_units": (3,), "dropout": 0.9}),
        (fusion, {"dropout": 0.9, "modality_dropout": 0.5, "blocks": "auto"}),
        (joint, {"n_components": 3, "hidden_units": 5, "margin": 0, "views": ("image", "audio")}),
    ],
)
def test_set_params_does_not_change_what_was_fitted(maker, params):
    model, X, y = maker()
    before = answers(model.fit(X, y), X)
    model.set_params(**params, target="softmax") if y is not None else model.set_params(**params)
    model = pickle.loads(pickle.dumps(model))  # the module has to be built anew
    for ours, theirs in zip(before, answers(model, X), strict=True):
        np.testing.assert_array_equal(ours, theirs)


def test_refit_replaces(fitted):
    model, X, y = fitted
    model = copy.deepcopy(model)
    answers(model, X)
    rows = np.arange(X.shape[0]) % 4 != 0
    y_part = None if y is None else y[rows]
    model.set_params(random_state=1).fit(X[rows], y_part)
    assert_same_answers(model, clone(model).fit(X[rows], y_part), X)


def test_answers_from_many_threads(fitted):
    model, X, _ = fitted
    expected = answers(model, X)
    model = copy.deepcopy(model)  # so that the threads meet while the module is built
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda _: answers(model, X), range(8)))
    for answer in found:
        for ours, theirs in zip(expected, answer, strict=True):
            np.testing.assert_array_equal(ours, theirs)


def test_stored_size_of_the_buffer():
    buffer = io.BytesIO()
    model, X, y = text()
    model.set_params(hidden_units=(512, 512), preset="paper")
    joblib.dump(model.fit(X, y), buffer)
    n_weights = sum(array.size for array in model.weights_.values())
    assert n_weights == model.n_parameters_ > 400_000
    assert buffer.tell() <= 1.02 * 4 * n_weights
