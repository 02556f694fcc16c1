"""What each block says on its own, added to what all blocks say together."""

import copy

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.base import clone
from sklearn.metrics import log_loss
from sklearn.preprocessing import normalize
from slow_cases import few_fast

import skmmgenre
from skmmgenre.fusion import FusionClassifier
from skmmgenre.fusion._evidence import weigh
from skmmgenre.nets.targets import make_target

SIZES = {"audio": 40, "text": 30}


def albums(n_rows, seed=0, text=0.5):
    """Rows of four genres whose two blocks say something of it, each independent of the other."""
    rng = np.random.default_rng(seed)
    genres = np.random.default_rng(7)
    means = {block: genres.normal(size=(4, size)) for block, size in SIZES.items()}
    y = rng.integers(4, size=n_rows)
    audio = 0.3 * means["audio"][y] + rng.normal(size=(n_rows, 40))
    words = text * means["text"][y] + rng.normal(size=(n_rows, 30))
    return np.hstack([audio, words]), np.array(["Folk", "Jazz", "Rap", "Rock"])[y]


def fitted(X, y, **params):
    return FusionClassifier(blocks=SIZES, **params).fit(X, y, groups=np.arange(X.shape[0]))


@pytest.fixture(scope="module")
def learned():
    """A fitted model and its rows; tests leave it as it is."""
    X, y = albums(90)
    return fitted(X, y), X, y


def answered_by_hand(model, X):
    """Logits by the weights: vectors of length 1, and behind them which blocks are there."""
    audio, text = X[:, :40], X[:, 40:]
    there = np.column_stack([~np.isnan(audio[:, 0]), ~np.isnan(text[:, 0])])
    vectors = [normalize(np.nan_to_num(part)) for part in (audio, text)]
    columns = np.hstack([*vectors, there])
    return columns @ model.weights_["head.weight"].T + model.weights_["head.bias"]


def test_weights_that_made_the_rows_are_found():
    rng = np.random.default_rng(0)
    evidence = rng.normal(size=(3, 30_000, 5)).astype(np.float32)
    prior = np.tile(np.log([0.4, 0.3, 0.1, 0.1, 0.1]), (30_000, 1)).astype(np.float32)
    counts = np.array([0.5, 1.5, 0.0])
    draws = rng.gumbel(size=prior.shape)
    truth = (prior + np.tensordot(counts, evidence, axes=1) + draws).argmax(axis=1)
    weight = np.ones(len(truth), dtype=np.float32)
    target = make_target("softmax", None)
    found = weigh(target, truth, weight, prior, evidence)
    np.testing.assert_allclose(found, counts, atol=0.05)
    assert (found >= 0).all()
    # Rows of weight 0 do not count.
    spoilt = np.r_[truth, rng.integers(5, size=30_000)]
    twice = np.r_[prior, prior], np.concatenate([evidence, -evidence], axis=1)
    again = weigh(target, spoilt, np.r_[weight, 0 * weight], *twice)
    np.testing.assert_allclose(again, found, atol=0.02)


def test_a_few_rows_that_are_all_told_apart_do_not_make_it_sure():
    truth = np.array([0, 1] * 10)
    evidence = np.zeros((2, 20, 2), dtype=np.float32)
    evidence[:, np.arange(20), truth] = 1
    prior = np.zeros((20, 2), dtype=np.float32)
    weights = weigh(
        make_target("softmax", None), truth, np.ones(20, dtype=np.float32), prior, evidence
    )
    assert 0.5 < weights.sum() < 10


def test_the_answer_is_that_of_the_weights():
    X, y = albums(90)
    X[::3, 40:] = np.nan
    model = fitted(X, y)
    assert model.weights_["head.weight"].shape == (4, 72)
    assert list(model.block_weights_) == ["audio", "text"]
    np.testing.assert_allclose(model.decision_function(X), answered_by_hand(model, X), atol=1e-4)


@pytest.mark.parametrize("several", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_unseen_rows_are_predicted_better(several):
    gains = []
    for seed in range(2):
        X, y = albums(120, seed=seed)
        new, true = albums(1000, seed=100 + seed)
        new[::3, 40:], new[1::3, :40] = np.nan, np.nan
        X[::4, 40:], X[1::4, :40] = np.nan, np.nan
        if several:
            y, true = pd.get_dummies(y), pd.get_dummies(true)
        model = fitted(X, y)
        one_layer = clone(model).set_params(C=model.C_).fit(X, y, groups=np.arange(120))
        assert not hasattr(one_layer, "block_weights_")
        if several:
            losses = [
                np.mean([log_loss(true.iloc[:, k], p[:, k]) for k in range(4)])
                for p in (one_layer.predict_proba(new), model.predict_proba(new))
            ]
        else:
            losses = [log_loss(true, m.predict_proba(new)) for m in (one_layer, model)]
        gains.append(losses[0] - losses[1])
    assert np.mean(gains) > 0


def test_a_block_of_noise_hardly_counts():
    X, y = albums(150, text=0)
    model = fitted(X, y)
    assert model.block_weights_["text"] < 0.2 * (
        model.joint_weight_ + model.block_weights_["audio"]
    )


def test_where_it_is_not_weighed_it_is_one_layer():
    X, y = albums(120)
    for params in ({"C": 3.0}, {"validation_fraction": 0}, {"preset": "paper", "max_epochs": 2}):
        model = fitted(X, y, **params)
        assert model.weights_["head.weight"].shape == (4, 70)
        assert not hasattr(model, "block_weights_") and not hasattr(model, "joint_weight_")
    model = FusionClassifier().fit(X, y, groups=np.arange(120))  # one block
    assert model.weights_["head.weight"].shape == (4, 70)


def test_an_estimator_forgets_the_evidence_of_an_earlier_fit(learned):
    model, X, y = learned
    model = copy.deepcopy(model)
    assert hasattr(model, "block_weights_")
    model.set_params(C=3.0).fit(X, y, groups=np.arange(90))
    fresh = fitted(X, y, C=3.0)
    np.testing.assert_array_equal(model.decision_function(X), fresh.decision_function(X))
    assert not hasattr(model, "block_weights_")


@pytest.mark.parametrize("target", few_fast(["softmax", "logistic", "cosine"], "logistic"))
def test_sparse_rows_learn_and_answer_as_dense_ones(target):
    X, y = albums(90)
    X[np.abs(X) < 0.5] = 0
    X[::5, 40:] = 0  # missing
    y = y if target == "softmax" else pd.get_dummies(y) | pd.get_dummies(np.roll(y, 1))
    dense = fitted(X, y, target=target)
    same = fitted(sparse.csr_array(X), y, target=target)
    assert dense.block_weights_ == same.block_weights_
    np.testing.assert_array_equal(
        dense.decision_function(X), same.decision_function(sparse.csr_array(X))
    )


def test_marked_rows_weigh_it():
    X, y = albums(200)
    marked = np.arange(200) >= 140
    model = FusionClassifier(blocks=SIZES).fit(X, y, validation=marked)
    spoilt = y.copy()
    spoilt[marked] = "Folk"
    other = FusionClassifier(blocks=SIZES).fit(X, spoilt, validation=marked)
    assert model.block_weights_ != other.block_weights_


def test_a_block_in_too_few_rows_counts_nothing():
    X, y = albums(90)
    X[4:, 40:] = np.nan
    model = fitted(X, y)
    assert model.block_weights_["text"] == 0
    assert (model.weights_["head.weight"][:, 71] == 0).all()


def test_without_a_norm_zeros_are_a_value():
    X, y = albums(90)
    X[::5, 40:] = 0
    model = fitted(X, y, normalize=False)
    columns = np.hstack([X, np.ones((90, 2))])
    by_hand = columns @ model.weights_["head.weight"].T + model.weights_["head.bias"]
    np.testing.assert_allclose(model.decision_function(X), by_hand, atol=1e-3)


def test_a_saved_model_answers_the_same(learned, tmp_path):
    model, X, _ = learned
    skmmgenre.save(model, tmp_path / "fusion.skmm")
    loaded = skmmgenre.load(tmp_path / "fusion.skmm")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert loaded.block_weights_ == model.block_weights_
