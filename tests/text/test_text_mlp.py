"""The text network of the paper."""

import numpy as np
import pandas as pd
import pytest
from evaluate_known_tasks import CLEAR, WITHIN, run_cell
from other_tables import EVERY_KIND
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer

from skmmgenre.text import TextMLP


def mlp(**params):
    defaults = {"hidden_units": (16, 8), "dropout": 0, "max_epochs": 3, "random_state": 0}
    return TextMLP(**{"validation_fraction": 0, **defaults, **params})


def words(n=40, n_features=60, density=0.2):
    rng = np.random.default_rng(0)
    return sparse.random_array((n, n_features), density=density, rng=rng, format="csr")


def test_duplicate_columns():
    X = pd.DataFrame(words().toarray()[:, :2], columns=["loud", "loud"])
    with pytest.raises(ValueError, match=r"duplicate columns: \['loud'\]. Rename or drop"):
        mlp().fit(X, np.arange(40) % 3)


@pytest.mark.parametrize("make", [lambda X: X, lambda X: X.toarray()], ids=["sparse", "dense"])
def test_a_row_without_a_known_word_is_missing(make):
    X = words().tolil()
    X[3] = X[17] = 0
    X = make(X.tocsr())
    y = np.array(["Folk", "Soul"] * 20)
    model = mlp().fit(X, y)
    missing = np.isin(np.arange(40), [3, 17])
    np.testing.assert_array_equal(np.isnan(model.transform(X)).all(axis=1), missing)
    np.testing.assert_allclose(model.predict_proba(X)[missing], 0.5, rtol=1e-6)
    # They are not learned from: another label leaves the weights as they are.
    other = mlp().fit(X, np.where(missing, y[::-1], y))
    assert model.history_[-1]["train_loss"] == other.history_[-1]["train_loss"]


def test_stored_zeros_count_as_zeros():
    X = words()
    X.data[X.indptr[5] : X.indptr[6]] = 0
    assert np.isnan(mlp().fit(X, np.arange(40) % 2).transform(X)[5]).all()


def test_values_that_cancel_out_are_not_missing():
    X = np.random.default_rng(0).normal(size=(6, 4))
    X[2] = [1, -1, 2, -2]
    for data in (X, sparse.csr_array(X)):
        assert np.isfinite(mlp().fit(data, [0, 1] * 3).transform(data)).all()


def test_sparse_is_never_made_dense_as_a_whole(monkeypatch):
    """20,000 reviews of 50,000 words would be 4 GB."""
    largest = []
    for kind in (sparse.csr_array, sparse.csr_matrix):
        toarray = kind.toarray

        def watched(self, *args, toarray=toarray, **kwargs):
            largest.append(self.shape[0])
            return toarray(self, *args, **kwargs)

        monkeypatch.setattr(kind, "toarray", watched)
    columns = np.random.default_rng(0).integers(50_000, size=2_000)
    X = sparse.csr_matrix((np.ones(2_000), (np.arange(2_000) * 10, columns)), (20_000, 50_000))
    model = mlp(hidden_units=(2,), max_epochs=1, batch_size=64).fit(X, np.arange(20_000) // 10 % 2)
    assert model.transform(X).shape == (20_000, 2)
    assert model.predict(X).shape == (20_000,)
    assert largest and max(largest) <= 256


def test_learns_words():
    texts = ["loud guitars and drums", "a slow sax and a piano"] * 15
    noise = np.random.default_rng(0).integers(50, size=(30, 3))
    texts = [
        f"{text} {' '.join(f'word{i}' for i in more)}"
        for text, more in zip(texts, noise, strict=True)
    ]
    y = ["Rock", "Jazz"] * 15
    X = TfidfVectorizer().fit_transform(texts)
    model = mlp(max_epochs=30, lr=0.01, dropout=0.5).fit(X[:20], y[:20])
    assert model.score(X[20:], y[20:]) == 1
    assert model.get_feature_names_out().tolist() == [f"textmlp{i}" for i in range(8)]


@pytest.mark.parametrize("units", [(), (0,), (8, 2.5), (8, -1)])
def test_bad_hidden_units(units):
    with pytest.raises(ValueError, match="hidden_units"):
        mlp(hidden_units=units).fit(words(), np.arange(40) % 2)


def test_nan_is_refused():
    X = words().toarray()
    X[3, 3] = np.nan
    with pytest.raises(ValueError, match="NaN"):
        mlp().fit(X, np.arange(40) % 2)


def test_hidden_units_as_a_list_of_one():
    assert mlp(hidden_units=[5]).fit_transform(words(), np.arange(40) % 2).shape == (40, 5)


@pytest.mark.parametrize("convert", EVERY_KIND)
def test_tables_of_every_kind(convert):
    X = pd.DataFrame(words().toarray()).add_prefix("word ")
    y = np.arange(40) % 2
    expected, model = mlp().fit(X, y), mlp().fit(convert(X), y)
    assert model.feature_names_in_.tolist() == X.columns.tolist()
    np.testing.assert_array_equal(model.transform(convert(X)), expected.transform(X))


def test_the_defaults_learn_what_logistic_regression_learns():
    answer = run_cell("one_word", n_rows=100, n_genres=2, seed=0)
    assert answer["plain"] > CLEAR and answer["ours"] >= answer["plain"] - WITHIN
