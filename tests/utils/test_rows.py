"""Warnings where y or groups may not be what their rows of X need, once in a call."""

import warnings

import numpy as np
import pandas as pd
import pytest
from sklearn.exceptions import DataConversionWarning
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier

from skmmgenre.compose import (
    GenrePipeline,
    MeanOverTracks,
    ablate_modalities,
    make_genre_classifier,
)
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.model_selection import (
    ArtistKFold,
    ArtistShuffleSplit,
    LabelThresholds,
    train_validation_test_split,
)
from skmmgenre.text import TextMLP
from skmmgenre.utils import _groups, _labels

SMALL = {"max_epochs": 1, "random_state": 0}
N = 24
INDEX = [f"album {row}" for row in range(N)]
TEXTS = pd.Series(["loud guitars", "slow sax", "loud drums"] * 8, index=INDEX)
VECTORS = pd.DataFrame(np.random.default_rng(0).normal(size=(N, 4)), index=INDEX)
GENRES = pd.Series(["Rock", "Jazz", "Rock"] * 8, index=INDEX)
LABELS = pd.get_dummies(GENRES)
ARTISTS = pd.Series([f"artist {row // 2}" for row in range(N)], index=INDEX)


def pipeline(method):
    def call(X, y, groups):
        mlps = [(name, TextMLP(hidden_units=(4,), cross_fit=2, **SMALL)) for name in "ab"]
        model = GenrePipeline([("tfidf", TfidfVectorizer()), *mlps])
        getattr(model, method)(TEXTS.set_axis(X.index), y, groups=groups)

    return call


def mean_over_tracks(X, y, groups):
    steps = [("tfidf", TfidfVectorizer()), ("mlp", TextMLP(hidden_units=(4,), **SMALL))]
    model = MeanOverTracks(GenrePipeline(steps))
    model.fit(TEXTS.set_axis(X.index), y, groups=groups)


def thresholds(X, y, groups):
    y = pd.get_dummies(y) if y.ndim == 1 else y
    LabelThresholds(OneVsRestClassifier(LogisticRegression()), cv=2).fit(X, y, groups=groups)


def ablation(X, y, groups):
    model = make_genre_classifier(audio=None, image=None, text__hidden_units=(4,), max_epochs=1)
    table = pd.DataFrame({"text": TEXTS.set_axis(X.index)})
    ablate_modalities(model, table, y, groups, n_runs=1, n_resamples=5)


CALLS = {
    "network": lambda X, y, groups: FusionClassifier(**SMALL).fit(X, y, groups=groups),
    "joint space": lambda X, y, groups: JointSpaceProjector(
        n_components=2, hidden_units=4, blocks={"audio": 2, "image": 2}, **SMALL
    ).fit(X, y, groups=groups),
    "fit": pipeline("fit"),
    "fit_transform": pipeline("fit_transform"),
    "MeanOverTracks": mean_over_tracks,
    "ArtistKFold": lambda X, y, groups: list(ArtistKFold(2).split(X, y, groups)),
    "ArtistShuffleSplit": lambda X, y, groups: list(
        ArtistShuffleSplit(3, random_state=0).split(X, y, groups)
    ),
    "three parts": lambda X, y, groups: train_validation_test_split(X, y, groups, random_state=0),
    "LabelThresholds": thresholds,
    "ablation": ablation,
}


def doubts(call, *arguments, **metadata):
    """Messages of the warnings that are about rows of y and groups."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        call(*arguments, **metadata)
    about = "another order", "genres joined", "column-vector"
    return [str(w.message) for w in caught if any(words in str(w.message) for words in about)]


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_rows_in_another_order_warn_once(call):
    order = np.random.default_rng(1).permutation(N)
    (message,) = doubts(call, VECTORS, GENRES.iloc[order], ARTISTS)
    assert "The index of y holds the labels of" in message and "y.loc[" in message
    (message,) = doubts(call, VECTORS, GENRES, ARTISTS.iloc[order])
    assert "Pass groups.loc[" in message
    assert not doubts(call, VECTORS, GENRES, ARTISTS)


@pytest.mark.parametrize("y", [GENRES, LABELS, GENRES.to_frame()], ids=["labels", "0/1", "column"])
@pytest.mark.filterwarnings("ignore::sklearn.exceptions.DataConversionWarning")
def test_every_pandas_form_of_y_is_compared(y):
    splits = ArtistKFold(2).split
    with pytest.warns(UserWarning, match="another order"):
        list(splits(VECTORS, y.iloc[::-1], ARTISTS))


@pytest.mark.parametrize(
    ("index", "other"),
    [
        (range(N), range(N)),
        (INDEX, INDEX),
        (INDEX, range(N)),
        (range(N), range(N, 2 * N)),
        (INDEX, [*INDEX[1:], "another album"]),
        ([0, 1] * 12, [1, 0] * 12),
    ],
    ids=["default", "equal", "positions", "later rows", "others", "labels that repeat"],
)
def test_indexes_that_say_nothing_are_silent(index, other):
    y, groups = GENRES.set_axis(other), ARTISTS.set_axis(other)
    assert not doubts(CALLS["ArtistKFold"], VECTORS.set_axis(index), y, groups)
    assert not doubts(CALLS["ArtistKFold"], VECTORS.to_numpy(), y.iloc[::-1], ARTISTS)
    assert not doubts(CALLS["ArtistKFold"], VECTORS, y.to_numpy(), ARTISTS.tolist())


def test_the_warning_changes_no_row():
    order = np.random.default_rng(1).permutation(N)
    with pytest.warns(UserWarning, match="another order"):
        named = list(ArtistKFold(2).split(VECTORS, GENRES.iloc[order], ARTISTS))
    plain = list(ArtistKFold(2).split(VECTORS, GENRES.to_numpy()[order], ARTISTS))
    np.testing.assert_array_equal(named[0][0], plain[0][0])


@pytest.mark.parametrize("call", [CALLS[name] for name in CALLS if name != "LabelThresholds"])
def test_joined_genres_warn_once_and_name_the_way_out(call):
    y = pd.Series(["Rock; Blues", "Jazz", "Rock"] * 8, index=INDEX)
    (message,) = doubts(call, VECTORS, y, ARTISTS)
    assert "33% of its rows" in message and "'Rock; Blues'" in message
    assert "pandas.Series(y).str.get_dummies(sep='; ')" in message
    assert pd.Series(y).str.get_dummies(sep="; ").columns.tolist() == ["Blues", "Jazz", "Rock"]


@pytest.mark.parametrize(
    ("y", "separator"),
    [
        (["Country;International", "Jazz", "Rock"], "';'"),
        (["Rock|Pop", "Jazz", "Rock"], r"'\|'"),
        (["Rock, Pop", "Jazz, Pop", "Rock", "Jazz"], "', '"),
    ],
)
def test_separators(y, separator):
    with pytest.warns(UserWarning, match=rf"sep={separator}"):
        list(ArtistKFold(2).split(y, y, range(len(y))))


@pytest.mark.parametrize(
    "y",
    [
        ["R&B/Soul", "Pop/Rock", "Hip-Hop/Rap", "Pop", "Rock"],
        ["Rock & Roll", "Stage & Screen", "Brass & Military"],
        ["Folk, World, & Country", "Funk / Soul", "Folk", "World"],
        ["R&amp;B", "Drum &amp; Bass", "Jazz"],
        ["Rock;", ";", "Jazz"],
        ["Jazz; Blues", *["Jazz", "Blues"] * 20],
    ],
    ids=["slashes", "ampersands", "commas in a name", "entities", "nothing joined", "few rows"],
)
def test_single_genres_are_silent(y):
    assert not doubts(CALLS["ArtistKFold"], y, y, range(len(y)))


def test_real_albums_whose_genres_are_joined(shared_data):
    table = pd.read_csv(shared_data / "multimodal" / "audio_text.csv")
    with pytest.warns(UserWarning, match=r"52% of its rows.*these 84 combinations"):
        list(ArtistKFold(2).split(table, table.genres, table.artist))


def test_a_column_vector_warns_once_in_a_pipeline():
    with pytest.warns(DataConversionWarning) as caught:
        pipeline("fit")(VECTORS, GENRES.to_frame(), ARTISTS)
    assert len([w for w in caught if w.category is DataConversionWarning]) == 1


def test_every_part_reads_y_and_groups_once_in_a_fit(albums, small_model, monkeypatch):
    """Pipeline, MeanOverTracks, three networks, joint space and fusion: 12 and 13 times before."""
    n_readings = {}
    for module in (_labels, _groups):

        def read(*arguments, name=module.__name__, read=module._read):
            n_readings[name] = n_readings.get(name, 0) + 1
            return read(*arguments)

        monkeypatch.setattr(module, "_read", read)
    model = small_model(joint_space=True, max_epochs=1)
    model.fit(albums.table, albums.y, groups=albums.groups)
    assert list(n_readings.values()) == [7, 7]
