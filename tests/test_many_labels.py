"""Hundreds of genres, some of them rare: nothing warns, nothing breaks, names are kept."""

import numpy as np
import pandas as pd
import pytest

from skmmgenre.datasets import describe_genres
from skmmgenre.fusion import FusionClassifier
from skmmgenre.labels import PPMILabelFactorizer
from skmmgenre.metrics import genre_scores, ranking_scores
from skmmgenre.model_selection import ArtistKFold, ArtistShuffleSplit, LabelThresholds

N, N_LABELS, N_RARE = 1200, 250, 10


@pytest.fixture(scope="module")
def albums():
    """250 labels of which 10 have 12 items, in 25 families, told by noisy vectors."""
    rng = np.random.default_rng(0)
    family = rng.integers(25, size=N)
    chance = np.where(family[:, None] == np.arange(N_LABELS) // 10, 0.3, 0.01)
    Y = (rng.random((N, N_LABELS)) < chance).astype(int)
    for label in range(0, N_LABELS, N_LABELS // N_RARE):
        Y[:, label] = 0
        Y[rng.choice(np.flatnonzero(family == label // 10), 12, replace=False), label] = 1
    Y = pd.DataFrame(Y, columns=[f"genre {i:03d}" for i in range(N_LABELS)])
    X = np.eye(25)[family] @ rng.normal(size=(25, 20)) + 0.3 * rng.normal(size=(N, 20))
    return X, Y, np.array([f"artist {i}" for i in np.arange(N) // 3])


@pytest.mark.parametrize("target", [pytest.param("logistic", marks=pytest.mark.slow), "cosine"])
def test_training_scoring_thresholds_and_reports(albums, target):
    X, Y, artists = albums
    assert (Y.sum() == 12).sum() == N_RARE
    split = ArtistShuffleSplit(1, test_size=0.2, random_state=0)
    train, test = next(split.split(X, Y, artists))
    fusion = FusionClassifier(target=target, C=10.0, random_state=0)
    model = LabelThresholds(fusion, at_least_one=True, cv=ArtistKFold(2))
    model.fit(X[train], Y.iloc[train], groups=artists[train])
    assert model.classes_.tolist() == list(Y.columns)
    assert model.score(X[test], Y.iloc[test]) > 0.7
    told, scores = model.predict(X[test]), model.decision_function(X[test])
    assert told.any(axis=1).all()
    table = genre_scores(Y.iloc[test], told, y_score=scores)
    assert set(Y.columns) <= set(table.index)
    metrics = ranking_scores(Y.iloc[test], {target: scores}, prior=Y.iloc[train].mean())
    assert np.isfinite(metrics.loc[target]).all()
    assert describe_genres(Y, {"train": train, "test": test}).index.isin(Y.columns).all()
    assert PPMILabelFactorizer().fit(Y).ceiling(Y)["macro_auc"] > 0.9


@pytest.mark.parametrize("target", ["logistic", "cosine"])
def test_a_label_that_nobody_or_everybody_has(albums, target):
    X, Y, artists = albums
    Y = Y.iloc[:, :12].copy()
    Y["nobody"], Y["everybody"] = 0, 1
    fusion = FusionClassifier(target=target, C=10.0, random_state=0)
    if target == "cosine":
        with pytest.warns(UserWarning, match="'nobody'"):
            fusion.fit(X, Y, groups=artists)
    else:
        fusion.fit(X, Y, groups=artists)
    scores = pd.DataFrame(fusion.decision_function(X), columns=fusion.classes_)
    assert np.isfinite(scores.to_numpy()).all()
    assert (scores["nobody"] < scores["everybody"]).all()
    told = pd.DataFrame(fusion.predict(X), columns=fusion.classes_)
    assert not told["nobody"].any() and told["everybody"].all()
    assert 0 <= fusion.score(X, Y) <= 1


def test_other_integers_are_refused(albums):
    X, Y, artists = albums
    Y = Y.iloc[:, :5].copy()
    Y.iloc[7, 2] = 2
    with pytest.raises(ValueError, match="row 7.*'genre 002'"):
        FusionClassifier().fit(X, Y, groups=artists)
