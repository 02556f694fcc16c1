import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from skmmgenre.fusion import LogisticFusionClassifier

N = 120
BLOCKS = {"audio": 4, "text": 3}


@pytest.fixture
def table():
    """Two blocks that tell three genres, and which of three labels a row has."""
    rng = np.random.default_rng(0)
    genre = rng.integers(0, 3, N)
    X = rng.normal(size=(N, 7))
    X[:, :3] += np.eye(3)[genre]
    X[:, 4:] += 0.7 * np.eye(3)[genre]
    Y = (np.eye(3)[genre] + (rng.random((N, 3)) < 0.2) > 0).astype(int)
    return X, np.array(["Jazz", "Pop/Rock", "Rap"])[genre], Y


def ovr(C):
    return OneVsRestClassifier(LogisticRegression(C=C, class_weight="balanced", max_iter=2000))


@pytest.mark.parametrize("several", [False, True])
def test_mean_is_that_of_scikit_learn(table, several):
    X, y, Y = table
    y = Y if several else y
    plain = LogisticFusionClassifier(C={"audio": 0.05, "text": 3}, blocks=BLOCKS).fit(X, y)
    expected = (
        ovr(0.05).fit(X[:, :4], y).predict_proba(X[:, :4])
        + ovr(3).fit(X[:, 4:], y).predict_proba(X[:, 4:])
    ) / 2
    np.testing.assert_allclose(plain.predict_proba(X), expected, atol=1e-9)
    answer = expected > 0.5 if several else plain.classes_[expected.argmax(axis=1)]
    np.testing.assert_array_equal(plain.predict(X), answer)


def test_concatenated_blocks_have_their_own_penalties(table):
    """A penalty of w^2 / 2C a block, found by plain minimisation."""
    from scipy.optimize import minimize

    X, _, Y = table
    plain = LogisticFusionClassifier(
        combine="concatenate", C={"audio": 0.05, "text": 3}, blocks=BLOCKS, balanced=False
    ).fit(X, Y)
    strength = np.repeat([0.05, 3], [4, 3])
    sign = 2 * Y[:, 0] - 1

    def loss(w):
        return np.logaddexp(0, -sign * (X @ w[:7] + w[7])).sum() + (w[:7] ** 2 / strength).sum() / 2

    best = minimize(loss, np.zeros(8), tol=1e-12).x
    np.testing.assert_allclose(plain.coef_[0], best[:7], atol=1e-3)
    np.testing.assert_allclose(plain.intercept_[0, 0], best[7], atol=1e-3)


@pytest.mark.parametrize("several", [False, True])
@pytest.mark.parametrize("combine", ["mean", "concatenate"])
def test_missing_blocks_are_zeros(table, combine, several):
    X, y, Y = table
    y = Y if several else y
    missing = X.copy()
    missing[::3, :4], missing[1::3, 4:] = np.nan, np.nan
    missing[0] = np.nan
    plain = LogisticFusionClassifier(combine=combine, blocks=BLOCKS)
    expected = plain.fit(np.nan_to_num(missing), y).predict_proba(np.nan_to_num(missing))
    np.testing.assert_array_equal(plain.fit(missing, y).predict_proba(missing), expected)
    np.testing.assert_allclose(expected[0], 0.5 if several else 1 / 3, atol=0.1)


@pytest.mark.parametrize("combine", ["mean", "concatenate"])
@pytest.mark.parametrize("form", [sparse.csr_array, sparse.csc_array, sparse.coo_matrix])
def test_sparse(table, combine, form):
    X, _, Y = table
    X = np.where(np.abs(X) < 0.5, 0, X)
    X[3], X[5, 4:] = 0, 0
    X[7, :4] = np.nan
    plain = LogisticFusionClassifier(combine=combine, blocks=BLOCKS)
    dense, answer = plain.fit(X, Y).predict_proba(X), plain.fit(form(X), Y).predict_proba(form(X))
    np.testing.assert_allclose(answer, dense, atol=1e-4)


def test_words_alone():
    texts = ["a loud guitar", "a slow sax", "guitar and drums", "sax and piano"] * 5
    y = ["Rock", "Jazz"] * 10
    words = TfidfVectorizer().fit_transform(texts)
    assert LogisticFusionClassifier(C=3).fit(words, y).score(words, y) == 1


def test_a_label_that_nobody_or_everybody_has(table):
    X, _, Y = table
    Y = np.column_stack([Y, np.zeros(N), np.ones(N)]).astype(int)
    plain = LogisticFusionClassifier(blocks=BLOCKS).fit(X, Y)
    probabilities = plain.predict_proba(X)
    assert (probabilities[:, 3] < 0.01).all() and (probabilities[:, 4] > 0.99).all()
    assert np.isfinite(plain.decision_function(X)).all()


def test_names_of_blocks_and_labels(table):
    X, _, Y = table
    names = [f"audio__{k}" for k in range(4)] + [f"text__{k}" for k in range(3)]
    frame, labels = pd.DataFrame(X, columns=names), pd.DataFrame(Y, columns=["a", "b", "c"])
    plain = LogisticFusionClassifier().fit(frame, labels)
    assert list(plain.blocks_) == ["audio", "text"] and plain.classes_.tolist() == ["a", "b", "c"]
    by_number = LogisticFusionClassifier(blocks=BLOCKS).fit(X, Y)
    np.testing.assert_array_equal(plain.decision_function(frame), by_number.decision_function(X))
    assert plain.score(frame, labels) > 0.7  # macro AUC
    with pytest.raises(ValueError, match="same columns in the same order"):
        plain.score(frame, labels.iloc[:, ::-1])


@pytest.mark.parametrize(
    "change, message",
    [
        ({"C": {"audio": 1}}, "no value for block 'text'"),
        ({"C": 0}, "'C' parameter"),
        ({"combine": "sum"}, "'combine' parameter"),
        ({"blocks": {"audio": 4}}, "adds up to 4 columns, but X has 7"),
    ],
)
def test_bad_parameters(table, change, message):
    X, y, _ = table
    with pytest.raises(ValueError, match=message):
        LogisticFusionClassifier(**{"blocks": BLOCKS} | change).fit(X, y)


def test_a_block_that_is_partly_missing(table):
    X, y, _ = table
    X[2, 5] = np.nan
    with pytest.raises(ValueError, match="part of block 'text', first in row 2"):
        LogisticFusionClassifier(blocks=BLOCKS).fit(X, y)
