"""FusionClassifier(solver="lbfgs"): the best weights, the penalty that unseen artists ask for."""

import numpy as np
import pandas as pd
import pytest
import torch
from scipy import sparse
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import roc_auc_score
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import normalize
from sklearn.utils.class_weight import compute_class_weight

from skmmgenre.fusion import FusionClassifier
from skmmgenre.nets import _solver

N = 90


def rows(n_features, seed=0):
    """Rows that tell which of three genres they are of, and six artists a genre."""
    rng = np.random.default_rng(seed)
    y = np.arange(N) % 3
    X = rng.normal(size=(N, n_features))
    X[np.arange(N), y] += 2
    artists = [
        f"artist {genre} {number}" for genre, number in zip(y, rng.integers(6, size=N), strict=True)
    ]
    return X, np.array(["Folk", "Jazz", "Rap"])[y], np.array(artists)


def indicator(y):
    rng = np.random.default_rng(0)
    Y = pd.get_dummies(y).astype(int)
    return Y | (rng.random(Y.shape) < 0.2)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("C", [0.1, 10, 1000])
@pytest.mark.parametrize("n_features", [7, 400])
def test_the_best_weights_are_those_of_scikit_learn(n_features, C, container):
    X, y, _ = rows(n_features)
    ours = FusionClassifier(C=C).fit(container(X), y)
    theirs = LogisticRegression(C=C, tol=1e-8, max_iter=10_000).fit(normalize(X), y)
    np.testing.assert_allclose(
        ours.predict_proba(container(X)), theirs.predict_proba(normalize(X)), atol=2e-4
    )
    Y = indicator(y)
    ours = FusionClassifier(C=C, validation_fraction=0).fit(container(X), Y)
    theirs = LogisticRegression(C=C, tol=1e-8, max_iter=10_000)
    theirs = OneVsRestClassifier(theirs).fit(normalize(X), Y.to_numpy())
    np.testing.assert_allclose(
        ours.predict_proba(container(X)), theirs.predict_proba(normalize(X)), atol=2e-4
    )


@pytest.mark.parametrize("class_weight", [None, "balanced"])
def test_weights_of_rows_and_classes(class_weight):
    """Those of rows are 1 on average; those of classes are added to the logits."""
    X, y, _ = rows(5)
    kept = (y != "Rap") | (np.arange(N) < 20)
    X, y = X[kept], y[kept]
    weight = np.arange(len(y)) % 3 + 0.5
    ours = FusionClassifier(C=3, class_weight=class_weight).fit(X, y, sample_weight=weight)
    theirs = LogisticRegression(C=3, tol=1e-8, max_iter=10_000)
    theirs.fit(normalize(X), y, sample_weight=weight / weight.mean())
    expected = theirs.predict_proba(normalize(X))
    expected *= compute_class_weight(class_weight, classes=theirs.classes_, y=y)
    expected /= expected.sum(axis=1, keepdims=True)
    np.testing.assert_allclose(ours.predict_proba(X), expected, atol=2e-4)


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("n_features", [6, 200])
def test_of_cosine_they_are_those_of_ridge_regression_on_label_factors(n_features, container):
    X, y, _ = rows(n_features)
    Y = indicator(y)
    for C in (0.01, 1, 100):
        model = FusionClassifier(target="cosine", C=C, validation_fraction=0)
        model.fit(container(X), Y)
        factors = model.target_.encode(Y.to_numpy())
        theirs = Ridge(alpha=1 / C).fit(normalize(X), factors)
        np.testing.assert_allclose(model.weights_["head.weight"], theirs.coef_, atol=2e-3)
        np.testing.assert_allclose(model.weights_["head.bias"], theirs.intercept_, atol=2e-3)


def test_cosine_learns_where_a_row_is_easily_known_by_heart():
    """What is least for known rows, whatever the length of an output, says little of others."""
    rng = np.random.default_rng(0)
    genre = np.arange(240) % 6
    X = np.hstack([2 * np.eye(6)[genre] + rng.normal(size=(240, 6)), rng.normal(size=(240, 300))])
    Y = pd.get_dummies(genre).astype(int) | (rng.random((240, 6)) < 0.1)
    artists = np.arange(240) // 4
    learned, unseen = artists < 40, artists >= 40
    areas = {}
    for target in ("cosine", "logistic"):
        model = FusionClassifier(target=target).fit(X[learned], Y[learned], groups=artists[learned])
        areas[target] = roc_auc_score(Y[unseen], model.decision_function(X[unseen]))
    assert areas["cosine"] > areas["logistic"] - 0.02 > 0.6


def test_the_strength_is_chosen_on_unseen_artists():
    """A column that names the artist is worth nothing for others, so a strong penalty is best."""
    X, y, artists = rows(4)
    X = np.hstack(
        [
            X[:, :3] + 3 * np.random.default_rng(1).normal(size=(N, 3)),
            6 * (artists[:, None] == np.unique(artists)),
        ]
    )
    by_artist = FusionClassifier().fit(X, y, groups=artists)
    with pytest.warns(UserWarning, match="without regard to artists"):
        by_row = FusionClassifier().fit(X, y)
    assert by_artist.C_ < by_row.C_ / 5
    for model in (by_artist, by_row):
        assert model.C_ == min(model.tried_, key=lambda one: one["valid_loss"])["C"]
        strengths = [one["C"] for one in model.tried_]
        assert strengths == sorted(strengths) and strengths[0] == 0.01


@pytest.mark.parametrize("target", ["logistic", "cosine"])
def test_marked_rows_choose_the_strength_and_are_not_learned_from(target):
    X, y, artists = rows(5)
    Y, marked = indicator(y), np.arange(N) % 3 == 0
    model = FusionClassifier(target=target).fit(X, Y, groups=artists, validation=marked)
    again = FusionClassifier(target=target, C=model.C_, validation_fraction=0)
    again.fit(X[~marked], Y[~marked])
    if target == "logistic":
        expected = again.decision_function(X)
        np.testing.assert_allclose(model.decision_function(X), expected, atol=1e-3)
    other = X.copy()
    other[marked] = X[marked][::-1]
    changed = FusionClassifier(target=target, C=model.C_).fit(
        other, Y, groups=artists, validation=marked
    )
    weight = changed.weights_["head.weight"]  # rounded another way: axes are those of all rows
    np.testing.assert_allclose(weight, model.weights_["head.weight"], atol=1e-6)


def test_too_few_rows_to_choose_by():
    X, y, artists = rows(5)
    with pytest.warns(UserWarning, match="15 rows of .* too few for inner folds"):
        model = FusionClassifier().fit(X[:15], y[:15], groups=artists[:15])
    assert model.C_ == 10 and model.tried_ == []
    model = FusionClassifier(validation_fraction=0).fit(X, y)
    assert model.C_ == 10 and model.tried_ == []


def test_missing_blocks():
    """A block that is missing is zeros; a row without any is not learned from."""
    X, y, artists = rows(8)
    X[::4, :5] = np.nan
    X[1::9, 5:] = np.nan
    X[2] = np.nan
    model = FusionClassifier(blocks={"audio": 5, "text": 3}, C=10).fit(X, y, groups=artists)
    vectors = np.nan_to_num(
        np.hstack([normalize(np.nan_to_num(part)) for part in (X[:, :5], X[:, 5:])])
    )
    there = ~np.isnan(X).all(axis=1)
    theirs = LogisticRegression(C=10, tol=1e-8, max_iter=10_000).fit(vectors[there], y[there])
    found = model.predict_proba(X)
    np.testing.assert_allclose(found[there], theirs.predict_proba(vectors[there]), atol=2e-4)
    np.testing.assert_allclose(found[2], [1 / 3] * 3, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [{"preset": "paper"}, {"dropout": 0.5}, {"modality_dropout": 0.1}, {"solver": "adam"}],
)
def test_adam_where_the_paper_or_dropout_is_asked_for(options):
    X, y, artists = rows(5)
    model = FusionClassifier(max_epochs=2, **options).fit(X, y, groups=artists)
    assert not hasattr(model, "C_") and "valid_loss" in model.history_[0]


def test_without_validation_nothing_is_chosen_on_given_folds():
    """As a pipeline passes them, in which other steps use them for vectors."""
    X, y, artists = rows(300)
    model = FusionClassifier(validation_fraction=0)
    alone = model.fit(X, y, groups=artists).predict_proba(X)
    given = model.fit(X, y, groups=artists, folds=np.arange(len(y)) % 3)
    assert given.C_ == 10 and given.offsets_ is None
    np.testing.assert_array_equal(given.predict_proba(X), alone)


def test_the_same_bits_again():
    X, y, artists = rows(300)
    first, second = (FusionClassifier().fit(X, y, groups=artists) for _ in range(2))
    np.testing.assert_array_equal(first.weights_["head.weight"], second.weights_["head.weight"])


def test_a_problem_that_takes_too_long_says_so(monkeypatch):
    X, y, _ = rows(5)
    monkeypatch.setattr(_solver, "_EPOCHS", 1)
    with pytest.warns(
        ConvergenceWarning, match="did not converge in 20 iterations. Pass a smaller C"
    ):
        FusionClassifier(C=1e6).fit(X, y)


class TestKnownTasks:
    """What LogisticRegression learns, the defaults learn."""

    @pytest.mark.parametrize("n_genres", [2, 5, 15])
    def test_one_hot_block(self, n_genres):
        y = np.arange(1100) % n_genres
        X = np.eye(n_genres)[y]
        model = FusionClassifier().fit(X[:100], y[:100], groups=np.arange(100))
        assert model.score(X[100:], y[100:]) == 1

    def test_one_feature_of_256(self):
        rng = np.random.default_rng(0)
        y = rng.integers(0, 2, 1300)
        X = rng.normal(size=(1300, 256))
        X[:, 7] = 6 * y - 3
        model = FusionClassifier().fit(X[:300], y[:300], groups=np.arange(300))
        assert model.score(X[300:], y[300:]) > 0.98
        Y = np.column_stack([y, 1 - y])
        model = FusionClassifier().fit(X[:300], Y[:300], groups=np.arange(300))
        assert np.mean(model.predict(X[300:]) == Y[300:]) > 0.98


@pytest.mark.parametrize(("n_rows", "n_threads"), [(100, 1), (2000, 2)])
def test_few_values_are_computed_in_one_thread(monkeypatch, n_rows, n_threads):
    """And the caller's setting is as it was."""
    counted, infer = set(), _solver._SolvedNet.infer

    def count(net, *inputs, **parameters):
        counted.add(torch.get_num_threads())
        return infer(net, *inputs, **parameters)

    monkeypatch.setattr(_solver._SolvedNet, "infer", count)
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    try:
        X = np.random.default_rng(0).normal(size=(n_rows, 60))
        FusionClassifier(C=1.0).fit(X, np.arange(n_rows) % 2, groups=np.arange(n_rows))
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(before)
    assert n_threads in counted
