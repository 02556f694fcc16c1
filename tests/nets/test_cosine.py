"""Several genres as a direction in the space of label factors."""

import pickle

import numpy as np
import pandas as pd
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import config_context
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import f1_score
from sklearn.metrics.pairwise import cosine_similarity

from skmmgenre.audio import AudioCNN
from skmmgenre.fusion import FusionClassifier
from skmmgenre.labels import PPMILabelFactorizer
from skmmgenre.metrics import macro_auc_score
from skmmgenre.nets.targets import CosineTarget, make_target
from skmmgenre.text import TextMLP

LABELS = ["Rock", "Indie", "Jazz", "Bebop", "Vocal"]


def draw_labels(n_rows, seed=0):
    """A label and its sub-label go together; "Vocal" goes with anything."""
    rng = np.random.default_rng(seed)
    jazz = rng.random(n_rows) < 0.4
    sub = rng.random(n_rows) < 0.5
    Y = np.column_stack([~jazz, ~jazz & sub, jazz, jazz & sub, rng.random(n_rows) < 0.3])
    return pd.DataFrame(Y.astype(int), columns=LABELS)


@pytest.fixture(scope="module")
def albums():
    Y = draw_labels(300)
    rng = np.random.default_rng(1)
    X = Y.to_numpy() @ rng.normal(size=(5, 12)) + 0.5 * rng.normal(size=(300, 12))
    return X, Y, np.arange(300) // 3


def fusion(**params):
    return FusionClassifier(**{"target": "cosine", "random_state": 0, "max_epochs": 25, **params})


def test_target_is_the_unit_factor_of_each_row(albums):
    _, Y, _ = albums
    target = CosineTarget(np.array(LABELS)).fit(Y.to_numpy())
    factors = PPMILabelFactorizer(n_components=target.n_outputs).fit(Y)
    expected = factors.transform(Y)
    expected /= np.linalg.norm(expected, axis=1, keepdims=True)
    np.testing.assert_allclose(target.encode(Y.to_numpy()), expected, atol=1e-6)
    np.testing.assert_allclose(target.empty_output_, expected.mean(axis=0), atol=1e-6)


def test_loss_is_one_minus_cosine():
    rng = np.random.default_rng(0)
    output, truth = rng.normal(size=(2, 7, 4)).astype(np.float32)
    loss = CosineTarget.loss(torch.from_numpy(output), torch.from_numpy(truth)).numpy()
    np.testing.assert_allclose(loss, 1 - np.diag(cosine_similarity(output, truth)), atol=1e-6)


def test_scores_are_cosine_similarities_with_the_label_factors(albums):
    X, Y, groups = albums
    model = fusion().fit(X, Y, groups=groups)
    scores = model.decision_function(X)
    output = model._forward(model._read(X, reset=False), None)
    factors = model.label_factorizer_.label_factors_
    np.testing.assert_allclose(scores, cosine_similarity(output, factors), atol=1e-5)
    assert scores.dtype == np.float32 and np.abs(scores).max() <= 1 + 1e-6
    assert model.score(X, Y) == macro_auc_score(Y, scores) > 0.9
    assert model.classes_.tolist() == LABELS


def test_threshold_maximises_micro_f1_on_the_inner_validation_rows(albums):
    X, Y, groups = albums
    validation = groups % 5 == 0
    model = fusion().fit(X, Y, groups=groups, validation=validation)
    scores, truth = model.decision_function(X[validation]), Y[validation].to_numpy()

    def micro_f1(threshold):
        return f1_score(truth, scores >= threshold, average="micro")

    best = max(micro_f1(threshold) for threshold in np.unique(scores))
    assert micro_f1(model.threshold_) == best
    np.testing.assert_array_equal(model.predict(X), model.decision_function(X) >= model.threshold_)


@settings(deadline=None, max_examples=50)
@given(st.lists(st.integers(-3, 3), min_size=10, max_size=10), st.integers(1, 1023))
def test_threshold_with_ties(levels, truth_bits):
    target = CosineTarget(np.arange(2), PPMILabelFactorizer(n_components=2))
    scores = np.array(levels, dtype=np.float32).reshape(5, 2) / 3
    y = np.array([truth_bits >> bit & 1 for bit in range(10)]).reshape(5, 2)
    target.scores = lambda output: output
    target.tune(y, scores)

    def micro_f1(told):
        return 2 * (told & (y == 1)).sum() / (told.sum() + y.sum())

    assert micro_f1(target.predict(scores) == 1) == max(
        micro_f1(scores >= s) for s in scores.ravel()
    )


def test_without_validation_rows_the_threshold_is_taken_on_training_rows(albums):
    X, Y, _ = albums
    model = fusion(validation_fraction=0, max_epochs=5).fit(X, Y)
    scores = model.decision_function(X)
    best = max(f1_score(Y, scores >= s, average="micro") for s in np.unique(scores)[::7])
    assert f1_score(Y, model.predict(X), average="micro") >= best


def test_there_are_no_probabilities(albums):
    X, Y, _ = albums
    model = fusion(max_epochs=1, validation_fraction=0).fit(X, Y)
    for name in ("predict_proba", "predict_log_proba"):
        assert not hasattr(model, name)
        with pytest.raises(AttributeError) as error:
            getattr(model, name)
        assert "decision_function" in str(error.value.__cause__)
    assert hasattr(fusion(target="logistic"), "predict_proba")


def test_a_row_with_nothing_gets_the_similarity_of_the_mean_factor(albums):
    X, Y, groups = albums
    X = X.copy()
    X[::10] = np.nan
    model = fusion(max_epochs=3).fit(X, Y, groups=groups)
    factors = model.label_factorizer_.transform(Y)
    mean = (factors / np.linalg.norm(factors, axis=1, keepdims=True)).mean(axis=0)
    expected = cosine_similarity(mean[None], model.label_factorizer_.label_factors_)[0]
    np.testing.assert_allclose(model.decision_function(X)[0], expected, atol=1e-5)


def test_rows_without_a_label_teach_nothing(albums):
    X, Y, groups = albums
    X, Y = X.copy(), Y.copy()
    validation = groups % 5 == 0
    nothing = np.arange(len(X)) % 7 == 0
    Y[nothing] = 0
    models = []
    for scale in (1, 100):
        here = X.copy()
        here[nothing] *= scale
        here[nothing, 0] += scale - 1
        models.append(fusion(max_epochs=3).fit(here, Y, groups=groups, validation=validation))
    for name, weights in models[0].weights_.items():
        np.testing.assert_array_equal(weights, models[1].weights_[name])


def test_factors_of_all_rows_whatever_is_missing(albums):
    X, Y, groups = albums
    gaps = X.copy()
    gaps[:150] = np.nan
    full = fusion(max_epochs=1).fit(X, Y, groups=groups)
    half = fusion(max_epochs=1).fit(gaps, Y, groups=groups)
    np.testing.assert_array_equal(
        full.label_factorizer_.label_factors_, half.label_factorizer_.label_factors_
    )


def test_a_factorizer_of_ones_own(albums):
    X, Y, _ = albums
    own = PPMILabelFactorizer(n_components=2, sigma_power=1.0)
    model = fusion(label_factorizer=own, max_epochs=1, validation_fraction=0).fit(X, Y)
    assert model.label_factorizer_.label_factors_.shape == (5, 2)
    assert not hasattr(own, "label_factors_")
    assert clone(model).set_params(label_factorizer__n_components=3).fit(
        X, Y
    ).label_factorizer_.label_factors_.shape == (5, 3)


def test_a_fitted_factorizer_is_used_as_it_is(albums):
    X, Y, _ = albums
    other = PPMILabelFactorizer(n_components=3).fit(draw_labels(50, seed=9))
    model = fusion(label_factorizer=FrozenEstimator(other), max_epochs=1, validation_fraction=0)
    model.fit(X, Y)
    np.testing.assert_array_equal(model.label_factorizer_.label_factors_, other.label_factors_)
    with pytest.raises(ValueError, match="Y has 4 labels, the factorizer was fitted on 5"):
        model.fit(X, Y[LABELS[:4]])


def test_one_column_is_refused(albums):
    X, Y, _ = albums
    with pytest.raises(ValueError, match="target='cosine' takes an indicator matrix"):
        fusion().fit(X, Y["Rock"])
    with pytest.raises(ValueError, match="class_weight='balanced'"):
        fusion(class_weight="balanced", validation_fraction=0).fit(X, Y)
    assert isinstance(make_target("cosine", np.array(LABELS)), CosineTarget)


def test_default_dropouts_of_the_paper(albums):
    X, Y, groups = albums
    assert fusion(max_epochs=1).fit(X, Y, groups=groups).module_recipe_["dropout"] == 0.7
    patches = np.random.default_rng(0).normal(size=(300, 96, 130)).astype(np.float32)
    for width, dropout in (("low", 0.0), ("high", 0.5)):
        net = AudioCNN(architecture="4x96", width=width, target="cosine")
        assert net._recipe(patches.shape[1:], 5)["dropout"] == dropout


def test_text_network_and_its_fold_networks(albums):
    X, Y, groups = albums
    mlp = TextMLP(target="cosine", hidden_units=(16,), max_epochs=3, cross_fit=2, random_state=0)
    vectors = mlp.fit_transform(X, Y, groups=groups)
    assert vectors.shape == (300, 16) and np.isfinite(vectors).all()
    assert mlp.weights_["head.weight"].shape == (5, 16)


def test_audio_network():
    Y = draw_labels(24)
    patches = np.random.default_rng(0).normal(size=(24, 96, 130)).astype(np.float32)
    net = AudioCNN(
        architecture="4x96",
        width=(4, 4, 4, 4),
        target="cosine",
        max_epochs=1,
        validation_fraction=0,
        random_state=0,
    ).fit(patches, Y)
    assert net.decision_function(patches).shape == (24, 5)
    assert set(np.unique(net.predict(patches))) <= {0, 1}


def test_state_is_arrays_and_answers_the_same_after_a_pickle(albums):
    X, Y, groups = albums
    model = fusion(max_epochs=3).fit(X, Y, groups=groups)
    dumped = pickle.dumps(model)
    assert b"torch" not in dumped
    again = pickle.loads(dumped)
    np.testing.assert_array_equal(again.decision_function(X), model.decision_function(X))
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_pandas_output_changes_nothing(albums):
    X, Y, _ = albums
    plain = fusion(max_epochs=2, validation_fraction=0).fit(X, Y).decision_function(X)
    framed = PPMILabelFactorizer(n_components="auto").set_output(transform="pandas")
    model = fusion(max_epochs=2, validation_fraction=0, label_factorizer=framed).fit(X, Y)
    np.testing.assert_array_equal(model.decision_function(X), plain)
    with config_context(transform_output="pandas"):
        model = fusion(max_epochs=2, validation_fraction=0).fit(X, Y)
        np.testing.assert_array_equal(model.decision_function(X), plain)


def test_validation_rows_without_a_label_tell_no_threshold(albums):
    X, Y, groups = albums
    validation = groups % 5 == 0
    Y = Y.copy()
    Y[validation] = 0
    with pytest.warns(UserWarning, match="validation rows are missing here, or of weight 0"):
        model = fusion(max_epochs=5).fit(X, Y, groups=groups, validation=validation)
    assert model.best_iter_ == model.n_iter_ == 5
    scores, truth = model.decision_function(X[~validation]), Y[~validation]
    told = model.predict(X[~validation])
    best = max(f1_score(truth, scores >= s, average="micro") for s in np.unique(scores)[::7])
    assert f1_score(truth, told, average="micro") >= best


def test_what_was_fitted_says_whether_there_are_probabilities(albums):
    X, Y, _ = albums
    model = fusion(max_epochs=1, validation_fraction=0).fit(X, Y)
    assert not hasattr(model.set_params(target="logistic"), "predict_proba")
    model.fit(X, Y).set_params(target="cosine")
    assert model.predict_proba(X).shape == (300, 5)
