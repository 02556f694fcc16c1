"""The network over word weights: its layers, sizes, and sparse batches."""

import numpy as np
import pytest
from scipy import sparse

from skmmgenre.text import TextMLP


def mlp(**params):
    defaults = {"hidden_units": (16, 8), "dropout": 0, "max_epochs": 3, "random_state": 0}
    return TextMLP(**{"validation_fraction": 0, **defaults, **params})


def words(n=40, n_features=60, density=0.2):
    rng = np.random.default_rng(0)
    return sparse.random_array((n, n_features), density=density, rng=rng, format="csr")


def test_known_answer_by_hand():
    X, y = words().toarray(), np.arange(40) % 3
    model = mlp(preset="paper").fit(X, y)
    w = model.weights_
    hidden = np.maximum(X @ w["hidden.1.weight"].T + w["hidden.1.bias"], 0)
    hidden = np.maximum(hidden @ w["hidden.4.weight"].T + w["hidden.4.bias"], 0)
    np.testing.assert_allclose(model.transform(X), hidden, atol=1e-6)
    scores = hidden @ w["head.weight"].T + w["head.bias"]
    np.testing.assert_allclose(model.decision_function(X), scores, atol=1e-6)
    assert model.n_parameters_ == 60 * 16 + 16 + 16 * 8 + 8 + 8 * 3 + 3


def test_sizes_of_the_paper():
    """25M parameters for 10,000 words and 250 genres (Table 6), 2048 features."""
    import torch

    model = TextMLP()
    with torch.device("meta"):
        module = model._make_module(**model._recipe((10_000,), 250))
    assert sum(p.numel() for p in module.parameters()) == 25_190_650
    assert module.head.in_features == 2048
    drops = [part.p for part in module.hidden if hasattr(part, "p")]
    assert drops == [0.5, 0.5, 0.5]  # after the input and each layer


@pytest.mark.parametrize("dropout", [0, 0.5])
def test_sparse_and_dense_batches_learn_the_same(dropout):
    """Words are dropped alike, and the sum of the rows of words is the dense product."""
    X, y = words(), np.arange(40) % 3
    one, other = (mlp(dropout=dropout).fit(data, y) for data in (X, X.toarray()))
    assert one.weights_.keys() == other.weights_.keys()
    for name, weight in one.weights_.items():
        np.testing.assert_allclose(weight, other.weights_[name], atol=1e-5, err_msg=name)
    np.testing.assert_allclose(one.transform(X), other.transform(X.toarray()), atol=1e-5)


def test_the_weights_of_words_are_stored_as_those_of_any_dense_layer():
    weights = mlp().fit(words(), np.arange(40) % 3).weights_
    shapes = [weights[f"{layer}.weight"].shape for layer in ("hidden.1", "hidden.4", "head")]
    assert shapes == [(16, 60), (8, 16), (3, 8)]


def test_a_word_that_no_text_has_keeps_its_weights():
    X = words().tolil()
    X[:, 7] = 0
    first, last = (mlp(max_epochs=n).fit(X.tocsr(), np.arange(40) % 3).weights_ for n in (1, 5))
    moved = (first["hidden.1.weight"] != last["hidden.1.weight"]).any(axis=0)
    assert not moved[7] and moved.sum() == 59
