"""Ablations that several tests look at."""

from collections import Counter
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
import pytest

from skmmgenre.audio import CQTExtractor
from skmmgenre.compose import ablate_modalities
from skmmgenre.nets import NetEstimator

MODALITIES = ("audio", "text", "image")
SUBSETS = [" + ".join(s) for n in (1, 2, 3) for s in combinations(MODALITIES, n)]


@pytest.fixture(scope="session")
def table(albums):
    """The albums with a fifth of all cells missing."""
    table = albums.table.copy()
    rng = np.random.default_rng(5)
    for column in ("audio", "text", "cover"):
        gone = rng.random(40) < 0.2
        table[column] = [None if g else c for g, c in zip(gone, table[column], strict=True)]
    return table


@pytest.fixture(scope="session")
def ablate(albums, table):
    return partial(
        ablate_modalities,
        table=table,
        y=albums.y,
        groups=albums.groups,
        n_resamples=50,
        test_size=0.3,
        return_predictions=True,
    )


@pytest.fixture
def counts(monkeypatch):
    """How often each network was trained, and how many transforms were computed."""
    counted = Counter()
    train, transform = NetEstimator._train, CQTExtractor.transform

    def note_training(self, *args, **kwargs):
        counted[type(self).__name__] += 1
        return train(self, *args, **kwargs)

    def note_transform(self, X):
        counted["constant_q"] += len(X)
        return transform(self, X)

    monkeypatch.setattr(NetEstimator, "_train", note_training)
    monkeypatch.setattr(CQTExtractor, "transform", note_transform)
    return counted


@pytest.fixture(scope="session")
def subsets(ablate, paper_model):
    """Every subset, two runs."""
    return ablate(paper_model(), n_runs=2)


@pytest.fixture(scope="session")
def all_controls(ablate, paper_model):
    """Every subset and every control, two runs."""
    return ablate(paper_model(), subsets=SUBSETS, controls="all", n_runs=2, n_folds=2)


@pytest.fixture(scope="session")
def labels(albums):
    """Six labels that go together in part, one that nobody has and one that all have."""
    rng = np.random.default_rng(0)
    main = pd.get_dummies(albums.y).to_numpy()
    Y = np.hstack([main, rng.random((40, 3)) < 0.3, np.zeros((40, 1)), np.ones((40, 1))])
    Y[:, 3] = main[:, 0] | main[:, 1]
    return pd.DataFrame(Y.astype(int), columns=list("abcdefgh"))


@pytest.fixture(scope="session")
def table_of_two(albums):
    """The albums with a fifth of all reviews and covers missing."""
    table = albums.table.copy()
    rng = np.random.default_rng(5)
    for column in ("text", "cover"):
        gone = rng.random(40) < 0.2
        table[column] = [None if g else c for g, c in zip(gone, table[column], strict=True)]
    return table


@pytest.fixture(scope="session")
def ablate_labels(albums, table_of_two, labels):
    return partial(
        ablate_modalities,
        table=table_of_two,
        y=labels,
        groups=albums.groups,
        n_resamples=50,
        test_size=0.3,
        return_predictions=True,
    )


@pytest.fixture(scope="session")
def everything(ablate_labels, paper_model):
    """Every subset and every control of two modalities, two runs."""
    model = paper_model(audio=None)
    with pytest.warns(UserWarning, match="'shuffled covers' .needs audio and image"):
        return ablate_labels(model, controls="all", n_runs=2, n_folds=2)


@pytest.fixture(scope="session")
def table_6(albums, labels, paper_model):
    """As in the paper: cosine networks of sound and text, a logistic one of covers."""
    trained = Counter()
    train = NetEstimator._train

    def note(self, plan, *args, **kwargs):
        trained[type(self).__name__, self.target] += 1
        return train(self, plan, *args, **kwargs)

    model = paper_model(audio__target="cosine", text__target="cosine", image__target="logistic")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(NetEstimator, "_train", note)
        answer = ablate_modalities(
            model,
            albums.table,
            labels[list("abcdef")],
            albums.groups,
            subsets="paper",
            controls=["mean of probabilities", "cross_fit", "two seeds of text"],
            n_folds=2,
            n_runs=1,
            n_resamples=10,
            return_predictions=True,
        )
    return *answer, trained
