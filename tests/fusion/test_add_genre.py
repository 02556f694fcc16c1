"""One more genre for a fitted model, without a change to the others."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import roc_auc_score

from skmmgenre.compose import GenrePipeline
from skmmgenre.fusion import FusionClassifier

SIZES = {"audio": 12, "text": 8}


def rows(n_rows=150, seed=0):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n_rows, 20))
    Y = pd.DataFrame({"Jazz": X[:, 0] + X[:, 12] > 0.5, "Rock": X[:, 1] + X[:, 13] > 0})
    dub = X[:, 2] + X[:, 14] > 0.8
    X[::5, 12:] = np.nan
    return X, Y.astype(int), dub


def fitted(X, Y, **params):
    blocks = {"blocks": SIZES} | params
    return FusionClassifier(**blocks).fit(X, Y, groups=np.arange(X.shape[0]))


@pytest.mark.parametrize("params", [{}, {"C": 3.0}, {"preset": "paper", "max_epochs": 3}])
def test_the_others_stay_and_the_new_one_is_learned(params):
    X, Y, dub = rows()
    new, _, truth = rows(seed=1)
    model = fitted(X, Y, **params)
    before, thresholds = model.decision_function(new), model.thresholds_
    model.add_genre(X, dub, "Dub", groups=np.arange(150))
    assert model.classes_.tolist() == ["Jazz", "Rock", "Dub"]
    after = model.decision_function(new)
    np.testing.assert_allclose(after[:, :2], before, atol=1e-5)
    assert roc_auc_score(truth, after[:, 2]) > 0.8
    assert model.predict(new).shape == (150, 3)
    if thresholds is None:
        assert model.thresholds_ is None
    else:
        np.testing.assert_array_equal(model.thresholds_[:2], thresholds)
        assert model.thresholds_.shape == (3,) and model.predict(new)[:, 2].any()
    assert model.n_parameters_ == sum(part.size for part in model.weights_.values())
    nothing = model.predict_proba(np.full((1, 20), np.nan))
    assert nothing[0, 2] == pytest.approx(dub.mean(), abs=1e-6)


def test_it_is_what_a_fit_with_that_penalty_learns():
    X, Y, dub = rows()
    model = fitted(X, Y, C=3.0).add_genre(X, dub, "Dub", groups=range(150))
    together = fitted(X, Y.assign(Dub=dub.astype(int)), C=3.0)
    np.testing.assert_allclose(model.decision_function(X), together.decision_function(X), atol=5e-2)


def test_columns_by_name_and_sparse_rows():
    X, Y, dub = rows()
    names = [f"audio__{k}" for k in range(12)] + [f"text__{k}" for k in range(8)]
    table = pd.DataFrame(X, columns=names)
    model = FusionClassifier().fit(table, Y, groups=range(150))
    model.add_genre(table, dub, "Dub", groups=range(150))
    words = sparse.csr_array(np.nan_to_num(X))
    other = FusionClassifier()
    other.fit(words, Y, groups=range(150), feature_names=names)
    other.add_genre(words, dub, "Dub", groups=range(150))
    np.testing.assert_allclose(
        model.decision_function(table), other.decision_function(words), atol=1e-4
    )


def test_a_genre_of_few_rows_has_the_threshold_of_the_others():
    X, Y, dub = rows()
    model = fitted(X, Y)
    few = dub & (np.cumsum(dub) <= 3)
    model.add_genre(X, few, "Dub", groups=range(150))
    assert model.thresholds_[2] == np.median(model.thresholds_[:2])


@pytest.mark.parametrize(
    ("target", "name", "has", "message"),
    [
        ("logistic", "Rock", None, "already has a genre 'Rock'"),
        ("logistic", "Dub", True, "All rows have the genre 'Dub'"),
        ("logistic", "Dub", False, "No row has the genre 'Dub'"),
        ("cosine", "Dub", None, "target='cosine'.*refit it"),
        ("softmax", "Dub", None, "target='softmax'.*refit it"),
    ],
)
def test_what_cannot_be_added(target, name, has, message):
    X, Y, dub = rows(90)
    y = Y["Jazz"].map({0: "Folk", 1: "Jazz"}) if target == "softmax" else Y
    model = fitted(X, y, target=target, C=3.0, validation_fraction=0)
    with pytest.raises(ValueError, match=message):
        model.add_genre(X, dub if has is None else np.full(90, has), name)


def test_a_pipeline_of_encoders_learns_one_more_genre():
    X, Y, dub = rows()
    table = pd.DataFrame(np.nan_to_num(X), columns=[f"v{k}" for k in range(20)])
    sound, words = list(table.columns[:12]), list(table.columns[12:])
    branches = [("audio", "passthrough", sound), ("text", "passthrough", words)]
    modalities = ColumnTransformer(branches).set_output(transform="pandas")
    steps = [("modalities", modalities), ("fusion", FusionClassifier(C=3.0))]
    model = GenrePipeline(steps).fit(table, Y, groups=range(150))
    before = model.predict_proba(table)
    model.add_genre(table, dub, "Dub", groups=range(150))
    assert model.classes_.tolist() == ["Jazz", "Rock", "Dub"]
    np.testing.assert_allclose(model.predict_proba(table)[:, :2], before, atol=1e-6)
    assert not hasattr(GenrePipeline([("lr", LogisticRegression())]), "add_genre")


def test_labels_that_are_integers_stay_integers():
    rng = np.random.default_rng(0)
    X, Y = rng.normal(size=(60, 5)), rng.integers(0, 2, size=(60, 3))
    model = FusionClassifier(random_state=0).fit(X, Y, groups=np.arange(60))
    model.add_genre(X, Y[:, 0], "Dub", groups=np.arange(60))
    assert model.classes_.tolist() == [0, 1, 2, "Dub"]
    assert model.predict_proba(X).shape == (60, 4)
