"""Genres from the vectors of several modalities."""

import tracemalloc

import numpy as np
import pandas as pd
import pytest
from other_tables import EVERY_KIND
from scipy import sparse
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
    model = fusion(dropout="auto", solver="adam")
    assert model.fit(X, y).module_recipe_["dropout"] == 0.5
    assert model.fit(X, pd.get_dummies(y)).module_recipe_["dropout"] == 0


@pytest.mark.parametrize(
    ("y", "target", "message"),
    [
        (["Jazz"] * 60, "auto", "one class only"),
        (None, "auto", "requires y"),
        (["Jazz", None] * 30, "auto", "y contains NaN"),
        (np.eye(60)[:, :3], "softmax", "requires single-label y"),
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


FORMATS = [
    getattr(sparse, f"{form}_{kind}")
    for form in ("csr", "csc", "coo", "bsr", "lil", "dok")
    for kind in ("array", "matrix")
]


def with_wide_indices(X):
    X = sparse.csr_array(X)
    parts = X.data, X.indices.astype(np.int64), X.indptr.astype(np.int64)
    return sparse.csr_array(parts, shape=X.shape)


def with_float32(X):
    return sparse.csr_array(X, dtype=np.float32)


@pytest.fixture
def words(data):
    """Two blocks of which most is 0; rows that lack one, and one that lacks both."""
    X, y = data
    X = np.where(np.abs(X) > 1, np.round(X, 1).astype(np.float32), 0)
    X[::4, :2] = np.nan
    X[1::4, 2:] = 0
    X[5] = [np.nan, np.nan, 0, 0, 0]
    return X, y


@pytest.mark.parametrize("form", [*FORMATS, with_wide_indices, with_float32])
def test_every_sparse_format_learns_and_answers_as_a_dense_table(words, form):
    X, y = words
    params = {"blocks": BLOCKS, "dropout": 0.5, "modality_dropout": 0.3}
    params |= {"validation_fraction": 0.1}
    with pytest.warns(UserWarning, match="without regard to artists"):
        dense, ours = fusion(**params).fit(X, y), fusion(**params).fit(form(X), y)
    for name, weights in dense.weights_.items():
        np.testing.assert_array_equal(ours.weights_[name], weights)
    np.testing.assert_array_equal(ours.predict_proba(form(X)), dense.predict_proba(X))
    np.testing.assert_array_equal(ours.predict_proba(X), dense.predict_proba(X))
    assert not hasattr(ours, "feature_names_in_")


@pytest.mark.parametrize("normalize", [True, False])
def test_a_sparse_row_of_zeros_is_missing_as_a_dense_one_is(words, normalize):
    X, y = words
    X[5] = 0
    dense = fusion(blocks=BLOCKS, normalize=normalize).fit(X, y)
    ours = fusion(blocks=BLOCKS, normalize=normalize).fit(sparse.csr_array(X), y)
    np.testing.assert_array_equal(ours.predict_proba(sparse.csr_array(X)), dense.predict_proba(X))
    if normalize:
        prior = [np.mean(y == genre) for genre in ours.classes_]
        np.testing.assert_allclose(ours.predict_proba(sparse.csr_array(X[[5]]))[0], prior)


def test_sparse_rows_alone_have_the_bits_of_all(words):
    X, y = words
    X = sparse.csr_array(X)
    model = fusion(blocks=BLOCKS).fit(X, y)
    alone = np.vstack([model.predict_proba(X[[row]]) for row in range(60)])
    np.testing.assert_array_equal(alone, model.predict_proba(X))


def test_several_genres_of_sparse_rows(words):
    X, y = words
    Y = pd.get_dummies(y).to_numpy().astype(int)
    for target in ("logistic", "cosine"):
        params = {"blocks": BLOCKS, "target": target}
        dense, ours = (fusion(**params).fit(form(X), Y) for form in (np.asarray, sparse.csr_array))
        scores = ours.decision_function(sparse.csr_array(X))
        np.testing.assert_array_equal(scores, dense.decision_function(X))


def test_names_may_stand_beside_the_columns(words):
    X, y = words
    for form in (np.asarray, sparse.csr_array):
        for names in (NAMES, np.array([NAMES], dtype=object)):
            model = fusion().fit(form(X), y, feature_names=names)
            assert model.blocks_ == {"audio": [0, 1], "text": [2, 3, 4]}
            model.predict(form(X))  # no warning that names are lacking
    own = pd.DataFrame(X, columns=[f"x__{i}" for i in range(5)])
    own.loc[own.isna().any(axis=1)] = np.nan
    assert fusion().fit(own, y, feature_names=NAMES).blocks_ == {"x": [0, 1, 2, 3, 4]}
    by_size = fusion(blocks={"a": 4, "b": 1}).fit(np.nan_to_num(X), y, feature_names=NAMES)
    assert list(by_size.blocks_) == ["a", "b"]
    with pytest.raises(ValueError, match="There are 4 column names"):
        fusion().fit(X, y, feature_names=NAMES[:4])


def test_nan_in_part_of_a_sparse_table_without_blocks(words):
    X, y = words
    with pytest.raises(ValueError, match=r"All columns are one block here\. .* GenrePipeline"):
        fusion().fit(sparse.csr_array(X), y)


def test_a_sparse_table_is_never_dense_as_a_whole():
    rng = np.random.default_rng(0)
    n_rows, n_words, n_there = 2000, 30_000, 20
    words = rng.integers(n_words, size=n_rows * n_there)
    starts = np.arange(0, len(words) + 1, n_there)
    X = sparse.csr_array((rng.random(len(words)), words, starts), shape=(n_rows, n_words))
    y = np.arange(n_rows) % 2
    model = fusion(blocks={"a": 10, "b": n_words - 10}, max_epochs=1)
    model.fit(X[:20], y[:20])
    tracemalloc.start()
    try:
        model.fit(X, y).predict(X)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < X.shape[0] * X.shape[1] * 4 / 2  # half of it in float32
