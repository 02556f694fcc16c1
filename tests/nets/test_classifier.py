"""What a network learns of y, with which weights, and what it says of it."""

import pickle

import numpy as np
import pandas as pd
import pytest
from sklearn import config_context
from sklearn.base import clone
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import f1_score
from sklearn.metrics.pairwise import cosine_similarity
from small_nets import LABELS, draw_labels, net, two_genres

from skmmgenre.audio import AudioCNN
from skmmgenre.fusion import FusionClassifier
from skmmgenre.labels import PPMILabelFactorizer
from skmmgenre.metrics import macro_auc_score
from skmmgenre.model_selection import inner_validation_mask
from skmmgenre.text import TextMLP


def test_marked_rows_are_the_validation_rows(overfitting):
    """Other labels in the marked rows change what is stopped on, not what is learned."""
    X, y, validation = overfitting
    other = np.where(validation, (y + 1) % 3, y)
    models = [net(max_epochs=1).fit(X, labels, validation=validation) for labels in (y, other)]
    losses = [model.history_[0] for model in models]
    assert losses[0]["train_loss"] == losses[1]["train_loss"]
    assert losses[0]["valid_loss"] != losses[1]["valid_loss"]
    np.testing.assert_array_equal(
        models[0].weights_["head.weight"], models[1].weights_["head.weight"]
    )


def test_the_same_artists_are_held_out_in_every_step():
    X, y = two_genres(80)
    groups = [f"artist {i // 2}" for i in range(80)]
    expected = inner_validation_mask(y, groups=groups, validation_fraction=0.2, random_state=5)
    assert 0 < expected.sum() < 80
    rng = np.random.default_rng(0)
    for _ in range(3):
        X[rng.integers(80, size=10)] = np.nan  # rows that this step misses
        model = net(validation_fraction=0.2, random_state=5)
        plan = model._plan(X, y, groups, None, None)
        np.testing.assert_array_equal(plan.held_out, expected)


@pytest.mark.parametrize("what", ["groups", "validation", "sample_weight", "y"])
def test_lengths_must_agree(what):
    X, y = two_genres(20)
    given = {
        "groups": list("ab") * 10,
        "validation": [True] + [False] * 19,
        "sample_weight": [1] * 20,
    }
    wrong = {what: given[what][:-1]} if what in given else {}
    with pytest.raises(ValueError, match="19"):
        net().fit(X, y[:-1] if what == "y" else y, **wrong)


def test_rows_of_weight_zero_are_as_good_as_absent():
    X, y = two_genres(60)
    bad = np.arange(60) % 3 == 0
    y_bad = np.where(bad, "Soul", y)
    # One batch holds all rows, so the order of the rows does not matter.
    model = net(max_epochs=50, lr=0.05, batch_size=64)
    weighted = model.fit(X, y_bad, sample_weight=(~bad).astype(float)).predict_proba(X)
    absent = net(max_epochs=50, lr=0.05, batch_size=64).fit(X[~bad], y[~bad]).predict_proba(X)
    assert model.classes_.tolist() == ["Jazz", "Rock", "Soul"]
    assert weighted[:, 2].max() < 1e-3
    np.testing.assert_allclose(weighted[:, :2], absent, atol=0.01)


def test_sample_weights_move_the_prior_and_the_answer():
    X, y = two_genres(60)
    weight = np.where(y == "Jazz", 9.0, 1.0)
    model = net(max_epochs=30, lr=0.05)
    plain = model.fit(X, y).predict_proba(X)[:, 0].mean()
    heavy = model.fit(X, y, sample_weight=weight).predict_proba(X)[:, 0].mean()
    assert heavy > plain + 0.02
    empty = model.predict_proba(np.full((1, X.shape[1]), np.nan))
    np.testing.assert_allclose(empty, [[0.9, 0.1]], atol=1e-6)


def test_class_weight_of_the_paper_is_the_same_as_sample_weight():
    X, y = two_genres(60)
    by_class = net(class_weight={"Jazz": 3, "Rock": 1}, preset="paper").fit(X, y)
    by_row = net(preset="paper").fit(X, y, sample_weight=np.where(y == "Jazz", 3.0, 1.0))
    for name, weights in by_class.weights_.items():
        np.testing.assert_array_equal(weights, by_row.weights_[name])


def test_class_weight_shifts_the_logits():
    X, y = two_genres(60)
    plain, weighed = net().fit(X, y), net(class_weight={"Jazz": 3, "Rock": 1}).fit(X, y)
    logits = [np.log(model.predict_proba(X)) for model in (plain, weighed)]
    shift = (logits[1] - logits[0]) @ [1, -1]
    np.testing.assert_allclose(shift, np.log(3), rtol=1e-5)


def test_class_weight_is_not_undone_by_the_decision():
    X, y = two_genres(60)
    model = net(class_weight={"Jazz": 1e4, "Rock": 1}, decision="tuned").fit(X, y)
    assert not np.any(model.offsets_)
    assert np.mean(model.predict(X) == "Jazz") > 0.95


def test_score_is_the_accuracy_of_predict_for_rows_with_nothing_too():
    """They get the most frequent class, however much it is handicapped elsewhere."""
    X, y = two_genres(60)
    y = np.where(np.arange(60) % 5 == 0, y, "Rock")
    model = net().fit(X, y)
    model.target_.offsets_ = -model.target_.empty_output_.astype(float)
    X[::3] = np.nan
    assert set(model.predict(X[::3])) == {"Rock"}
    assert model.score(X, y) == np.mean(model.predict(X) == y)


def test_class_weight_is_refused_for_several_genres():
    X, y = two_genres(20)
    with pytest.raises(ValueError, match="not supported for multilabel y"):
        net(class_weight="balanced").fit(X, pd.get_dummies(y))


def test_negative_weights_are_refused():
    X, y = two_genres(20)
    with pytest.raises(ValueError, match="[Nn]egative"):
        net().fit(X, y, sample_weight=np.r_[-1, np.ones(19)])


def test_several_genres_score_with_the_columns_of_fit():
    X, y = two_genres()
    Y = pd.get_dummies(y)
    model = net(max_epochs=20, lr=0.05).fit(X, Y)
    assert model.classes_.tolist() == ["Jazz", "Rock"]
    assert model.score(X, Y) > 0.9
    with pytest.raises(ValueError, match="same columns in the same order"):
        model.score(X, Y[["Rock", "Jazz"]])


def test_what_another_target_learned_is_forgotten():
    X, y = two_genres(40)
    model = net(target="cosine").fit(X, pd.get_dummies(y))
    assert model.threshold_ is not None and model.label_factorizer_ is not None
    model.set_params(target="logistic").fit(X, pd.get_dummies(y))
    assert not hasattr(model, "threshold_") and not hasattr(model, "label_factorizer_")


# ---- cosine: several genres as a direction in the space of label factors ----------------


def fusion(**params):
    defaults = {"target": "cosine", "random_state": 0, "max_epochs": 25, "preset": "paper"}
    return FusionClassifier(**{**defaults, **params})


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
    with pytest.raises(ValueError, match="Y has 4 labels, but the factorizer was fitted on 5"):
        model.fit(X, Y[LABELS[:4]])


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
    with pytest.warns(
        UserWarning, match="validation rows are missing in this modality or have weight 0"
    ):
        model = fusion(max_epochs=5).fit(X, Y, groups=groups, validation=validation)
    assert model.best_iter_ == model.n_iter_ == 5
    scores, truth = model.decision_function(X[~validation]), Y[~validation]
    told = model.predict(X[~validation])
    best = max(f1_score(truth, scores >= s, average="micro") for s in np.unique(scores)[::7])
    assert f1_score(truth, told, average="micro") >= best


@pytest.mark.parametrize("lack", ["missing", "weight 0"])
@pytest.mark.parametrize("preset", ["paper", "auto"])
@pytest.mark.parametrize(
    "model",
    [FusionClassifier(max_epochs=3), TextMLP(hidden_units=(4,), max_epochs=3)],
    ids=lambda model: type(model).__name__,
)
def test_marked_rows_that_say_nothing_are_told_of(model, preset, lack):
    X, y = two_genres()
    marked, weight = np.arange(80) < 8, np.ones(80)
    if lack == "missing":
        X[marked] = 0
    else:
        weight[marked] = 0
    model = clone(model).set_params(preset=preset, random_state=0)
    message = "fewer than 20 rows can be used" if preset == "auto" else "or have weight 0; all"
    with pytest.warns(UserWarning, match=message):
        model.fit(X, y, validation=marked, sample_weight=weight)
    assert model.best_iter_ == model.n_iter_ and "valid_loss" not in model.history_[0]
    assert not getattr(model, "tried_", [])


def test_rows_that_are_left_must_be_enough_to_judge_by():
    """Twenty rows in all, but few of them have this modality."""
    X, y = two_genres()
    X[15:] = 0
    for model in (FusionClassifier(), TextMLP(hidden_units=(4,), max_epochs=3, random_state=0)):
        with pytest.warns(UserWarning, match="fewer than 20 rows can be used for validation"):
            model.fit(X, y, groups=np.arange(80))
        assert model.tried_ == [] and model.C_ == 10


def test_a_negative_probability_is_refused():
    X, y = two_genres()
    Y = np.column_stack([y == y[0], y != y[0]]).astype(int)
    with pytest.raises(
        ValueError, match=r"decision=-0.2 is not a probability. Pass a number from 0"
    ):
        FusionClassifier(decision=-0.2).fit(X, Y)
    FusionClassifier(target="cosine", decision=-0.2, validation_fraction=0).fit(X, Y)


def test_rows_of_weight_zero_change_nothing():
    X, y = two_genres()
    weight = np.r_[np.ones(60), np.zeros(20)]
    fitted = FusionClassifier(C=1.0, validation_fraction=0).fit(X, y, sample_weight=weight)
    without = FusionClassifier(C=1.0, validation_fraction=0).fit(X[:60], y[:60])
    np.testing.assert_allclose(
        fitted.decision_function(X), without.decision_function(X), rtol=1e-3, atol=1e-4
    )


def test_what_was_fitted_says_whether_there_are_probabilities(albums):
    X, Y, _ = albums
    model = fusion(max_epochs=1, validation_fraction=0).fit(X, Y)
    assert not hasattr(model.set_params(target="logistic"), "predict_proba")
    model.fit(X, Y).set_params(target="cosine")
    assert model.predict_proba(X).shape == (300, 5)
