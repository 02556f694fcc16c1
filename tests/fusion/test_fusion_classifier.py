"""Genres from the vectors of several modalities."""

import numpy as np
import pandas as pd
import pytest
from other_tables import EVERY_KIND
from scipy.special import expit, softmax
from sklearn.linear_model import LogisticRegression

from skmmgenre.fusion import FusionClassifier

NAMES = ["audio__0", "audio__1", "text__0", "text__1", "text__2"]
BLOCKS = {"audio": 2, "text": 3}


def fusion(**params):
    defaults = {"max_epochs": 3, "dropout": 0, "validation_fraction": 0, "random_state": 0}
    return FusionClassifier(**{**defaults, **params})


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    y = np.arange(60) % 3
    X = rng.normal(size=(60, 5)) + 2 * np.eye(5)[y]
    return X, np.array(["Folk", "Jazz", "Rap"])[y]


def unit(vectors):
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def test_known_answer_by_hand(data):
    X, y = data
    model = fusion(blocks=BLOCKS).fit(X, y)
    W, b = model.weights_["head.weight"], model.weights_["head.bias"]
    assert W.shape == (3, 5) and model.n_parameters_ == 18
    normed = np.hstack([unit(X[:, :2]), unit(X[:, 2:])])
    np.testing.assert_allclose(model.predict_proba(X), softmax(normed @ W.T + b, axis=1), rtol=1e-5)
    # A missing block is zeros after the norm of the other.
    X[:, 2:] = np.nan
    normed[:, 2:] = 0
    np.testing.assert_allclose(model.predict_proba(X), softmax(normed @ W.T + b, axis=1), rtol=1e-5)


def test_a_block_is_normed_alone(data):
    """How loud one modality is does not matter to the others, nor to itself."""
    X, y = data
    model = fusion(blocks=BLOCKS).fit(X, y)
    louder = X * np.r_[1000, 1000, 0.01, 0.01, 0.01]
    np.testing.assert_allclose(
        model.decision_function(louder), model.decision_function(X), atol=1e-5
    )


def test_normalize_false(data):
    X, y = data
    model = fusion(normalize=False).fit(X, y)
    W, b = model.weights_["head.weight"], model.weights_["head.bias"]
    np.testing.assert_allclose(model.decision_function(X), X @ W.T + b, atol=1e-5)


def test_several_genres(data):
    X, y = data
    Y = pd.get_dummies(y)
    model = fusion(blocks=BLOCKS).fit(X, Y)
    W, b = model.weights_["head.weight"], model.weights_["head.bias"]
    normed = np.hstack([unit(X[:, :2]), unit(X[:, 2:])])
    np.testing.assert_allclose(model.predict_proba(X), expit(normed @ W.T + b), rtol=1e-5)
    assert model.classes_.tolist() == ["Folk", "Jazz", "Rap"]
    prediction = model.predict(X)
    assert isinstance(prediction, np.ndarray) and prediction.shape == (60, 3)
    np.testing.assert_array_equal(prediction, model.predict_proba(X) > 0.5)


def test_it_learns_what_logistic_regression_learns(data):
    X, y = data
    ours = fusion(max_epochs=300, lr=0.05, batch_size=60).fit(X, y)
    theirs = LogisticRegression(C=np.inf).fit(unit(X), y)
    assert ours.score(X, y) == pytest.approx(theirs.score(unit(X), y), abs=0.05)


def test_blocks_by_prefix_by_size_and_none(data):
    X, y = data
    table = pd.DataFrame(X, columns=NAMES)
    by_prefix, by_size, whole = fusion(), fusion(blocks=BLOCKS), fusion()
    by_prefix.fit(table, y)
    by_size.fit(X, y)
    whole.fit(X, y)
    assert by_prefix.blocks_ == by_size.blocks_ == {"audio": [0, 1], "text": [2, 3, 4]}
    assert whole.blocks_ == {"all": [0, 1, 2, 3, 4]}
    np.testing.assert_array_equal(by_prefix.predict_proba(table), by_size.predict_proba(X))
    assert not np.allclose(whole.predict_proba(X), by_size.predict_proba(X))


def test_columns_in_another_order_are_refused(data):
    X, y = data
    table = pd.DataFrame(X, columns=NAMES)
    model = fusion().fit(table, y)
    with pytest.raises(ValueError, match="feature names should match"):
        model.predict(table[NAMES[::-1]])


def test_duplicate_and_unprefixed_columns(data):
    X, y = data
    with pytest.raises(ValueError, match=r"duplicate columns: .*audio.*Rename or drop"):
        fusion().fit(pd.DataFrame(X, columns=[*NAMES[:4], NAMES[0]]), y)
    with pytest.raises(ValueError, match="no prefix"):
        fusion().fit(pd.DataFrame(X, columns=[*NAMES[:4], "year"]), y)


def test_partly_nan_is_an_error_at_fit_and_predict(data):
    X, y = data
    model = fusion(blocks=BLOCKS).fit(X, y)
    X[7, 3] = np.nan
    for call in (lambda: model.predict(X), lambda: fusion(blocks=BLOCKS).fit(X, y)):
        with pytest.raises(ValueError, match="part of block 'text', first in row 7"):
            call()


@pytest.mark.parametrize("several", [False, True])
def test_a_row_with_nothing_gets_the_prior(data, several):
    X, y = data
    y = np.where(np.arange(60) < 30, "Jazz", y)
    Y = pd.get_dummies(y) if several else y
    model = fusion(blocks=BLOCKS).fit(X, Y)
    share = [np.mean(y == genre) for genre in model.classes_]
    X[3] = np.nan
    np.testing.assert_allclose(model.predict_proba(X)[3], share, rtol=1e-5)
    nothing = np.full((2, 5), np.nan)
    np.testing.assert_allclose(model.predict_proba(nothing), [share] * 2, rtol=1e-5)
    if not several:
        assert model.predict(nothing).tolist() == ["Jazz"] * 2


def test_a_block_of_zeros_is_missing(data):
    X, y = data
    zeros, gone = X.copy(), X.copy()
    zeros[::4, 2:] = 0
    zeros[5] = 0
    gone[::4, 2:] = np.nan
    gone[5] = np.nan
    model, expected = fusion(blocks=BLOCKS).fit(zeros, y), fusion(blocks=BLOCKS).fit(gone, y)
    np.testing.assert_array_equal(model.weights_["head.weight"], expected.weights_["head.weight"])
    np.testing.assert_array_equal(model.predict_proba(zeros), expected.predict_proba(gone))
    np.testing.assert_array_equal(
        model.predict_proba(zeros)[5], model.predict_proba(np.full((1, 5), np.nan))[0]
    )
    plain = fusion(blocks=BLOCKS, normalize=False).fit(zeros, y)
    assert not np.allclose(
        plain.predict_proba(zeros)[5], plain.predict_proba(np.full((1, 5), np.nan))[0]
    )


def test_rows_with_nothing_are_not_learned_from(data):
    X, y = data
    y[:6] = "Jazz"
    gone = np.arange(60) % 6 == 5
    X_gone = np.where(gone[:, None], np.nan, X)
    y_other = np.where(gone, "Rap", y)
    weight = np.ones(60)
    losses = [
        fusion(blocks=BLOCKS).fit(X_gone, labels, sample_weight=weight).history_
        for labels in (y, y_other)
    ]
    assert losses[0][0]["train_loss"] == losses[1][0]["train_loss"]


def test_half_of_the_training_rows_may_miss_a_modality(data):
    X, y = data
    rng = np.random.default_rng(0)
    X[rng.permutation(60)[:30], :2] = np.nan
    X[rng.permutation(60)[:30], 2:] = np.nan
    model = fusion(blocks=BLOCKS, max_epochs=200, lr=0.05, modality_dropout=0.2).fit(X, y)
    there = ~np.isnan(X).all(axis=1)
    assert model.score(X[there], y[there]) > 0.6
    for columns in (slice(0, 2), slice(2, 5)):
        single = X.copy()
        single[:, columns] = np.nan
        np.testing.assert_allclose(model.predict_proba(single).sum(axis=1), 1)


def test_dropout_follows_the_target(data):
    X, y = data
    assert fusion(dropout="auto").fit(X, y).module_recipe_["dropout"] == 0.5
    assert fusion(dropout="auto").fit(X, pd.get_dummies(y)).module_recipe_["dropout"] == 0


@pytest.mark.parametrize(
    ("y", "target", "message"),
    [
        (["Jazz"] * 60, "auto", "one class only"),
        (None, "auto", "requires y"),
        (["Jazz", None] * 30, "auto", "y contains NaN"),
        (np.eye(60)[:, :3], "softmax", "takes one genre a row"),
        (["Jazz", "Rap"] * 30, "logistic", "get_dummies"),
    ],
)
def test_bad_y(data, y, target, message):
    with pytest.raises(ValueError, match=message):
        fusion(target=target).fit(data[0], y)


def test_infinite_values_are_refused(data):
    X, y = data
    X[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        fusion().fit(X, y)


def test_biases_start_at_the_prior(data):
    X, y = data
    y = np.where(np.arange(60) < 6, "Polka", y)
    model = fusion(max_epochs=1, lr=1e-12).fit(X, y)
    share = [np.mean(y == genre) for genre in model.classes_]
    np.testing.assert_allclose(softmax(model.weights_["head.bias"]), share, rtol=1e-5)


@pytest.mark.parametrize("convert", EVERY_KIND)
def test_tables_of_every_kind(data, convert):
    X, y = pd.DataFrame(data[0], columns=NAMES), data[1]
    expected, model = fusion().fit(X, y), fusion().fit(convert(X), y)
    assert model.blocks_ == {"audio": [0, 1], "text": [2, 3, 4]}
    np.testing.assert_array_equal(model.predict_proba(convert(X)), expected.predict_proba(X))
