"""Genres of sound without training: the tags of musicnn, by a table."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

import skmmgenre
from skmmgenre.compose import TagClassifier, load_ready_model
from skmmgenre.compose import _ready_model as ready
from skmmgenre.pretrained._catalogue import MODELS
from skmmgenre.utils import SetupError

TABLE = {"Jazz": ["jazz"], "Rock": ["rock", "hard rock"]}


@pytest.fixture
def weights(musicnn_home, monkeypatch):
    """The weights of musicnn are there."""
    monkeypatch.setenv("SKMMGENRE_DATA", str(musicnn_home))


@pytest.fixture
def tags():
    names = ["audio__rock", "audio__jazz", "audio__hard rock"]
    rows = [[0.1, 0.7, 0.4], [0.3, 0.1, 0.0], [0.1, 0.1, 0.1], [np.nan] * 3]
    return pd.DataFrame(rows, columns=names)


def test_a_genre_is_as_likely_as_its_likeliest_tag(tags):
    model = TagClassifier(genres=TABLE).fit(tags)
    expected = [[0.7, 0.4], [0.1, 0.3], [0.1, 0.1], [0, 0]]
    np.testing.assert_allclose(model.predict_proba(tags), expected)
    assert model.classes_.tolist() == ["Jazz", "Rock"]
    # The columns may have no prefix.
    bare = tags.rename(columns=lambda name: name.removeprefix("audio__"))
    np.testing.assert_allclose(TagClassifier(genres=TABLE).fit(bare).predict_proba(bare), expected)


def test_an_item_may_have_no_genre(tags):
    model = TagClassifier(genres=TABLE, thresholds=0.25).fit(tags)
    assert model.predict(tags).tolist() == [[1, 1], [0, 1], [0, 0], [0, 0]]
    model = TagClassifier(genres=TABLE, thresholds={"Jazz": 0.05, "Rock": 0.5}).fit(tags)
    assert model.predict(tags).tolist() == [[1, 0], [1, 0], [1, 0], [0, 0]]
    # Even at a threshold of 0 there must be something to tell it by.
    assert TagClassifier(genres=TABLE, thresholds=0).fit(tags).predict(tags)[3].tolist() == [0, 0]


def test_score_is_the_macro_auc(tags):
    y = pd.DataFrame({"Jazz": [1, 0, 0], "Rock": [1, 0, 1]})
    model = TagClassifier(genres=TABLE).fit(tags)
    assert model.score(tags[:3], y) == pytest.approx((1 + 0.5) / 2)
    with pytest.raises(ValueError, match="Rock"):
        model.score(tags[:3], y[["Rock", "Jazz"]].rename(columns={"Jazz": "Folk"}))


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"genres": {"Jazz": ["bebop"]}}, "unknown tag 'bebop'. Available tags: rock, jazz"),
        ({"genres": {"Jazz": []}}, "'Jazz' has no tag"),
        ({"genres": {}}, "genres is empty"),
        ({"genres": TABLE, "thresholds": {"Jazz": 0.1}}, "'Rock' is in one of them only"),
        (
            {"genres": TABLE, "thresholds": {"Jazz": 0.1, "Rock": 0.1, "Roc": 0.1}},
            "'Roc' is in one of them only",
        ),
        ({"genres": TABLE, "thresholds": {"Jazz": 7.0, "Rock": 0.1}}, "'Jazz' is 7.0, not a prob"),
        ({"genres": TABLE, "thresholds": 2.0}, "'thresholds' parameter"),
    ],
)
def test_what_does_not_fit_is_named(tags, params, message):
    with pytest.raises(ValueError, match=message):
        TagClassifier(**params).fit(tags)


def test_tags_need_names(tags):
    with pytest.raises(ValueError, match="Pass a DataFrame"):
        TagClassifier(genres=TABLE).fit(tags.to_numpy())


def test_the_table_of_musicnn_names_its_tags():
    tags = [tag for tags in ready._GENRES.values() for tag in tags]
    assert set(tags) <= set(MODELS["musicnn"].tags)
    assert len(tags) == len(set(tags))
    assert set(ready._THRESHOLDS) <= set(ready._GENRES)
    assert all(0 < threshold < 1 for threshold in ready._THRESHOLDS.values())


def test_an_unknown_ready_model_is_refused():
    with pytest.raises(ValueError, match="Unknown model 'openl3'. Available: 'musicnn'"):
        load_ready_model("openl3")


def test_without_weights_it_says_how_to_get_them():
    with pytest.raises(SetupError, match="skmmgenre fetch musicnn"):
        load_ready_model("musicnn")


def test_recordings_get_genres(weights, shared_data, tmp_path):
    files = sorted(str(file) for file in (shared_data / "recordings").glob("*.ogg"))
    table = pd.DataFrame({"sound": [*files, files[:2], None]})
    model = load_ready_model("musicnn", column="sound")
    scores = pd.DataFrame(model.predict_proba(table), columns=model.classes_)
    assert (scores["Jazz"][:5] > 0.2).sum() >= 2  # a waltz, vibraphones, a trumpet
    assert (scores.iloc[-1] == 0).all() and not model.predict(table)[-1].any()
    np.testing.assert_allclose(scores["Metal"][5], scores["Metal"][:2].mean(), rtol=1e-5)
    skmmgenre.save(model, tmp_path / "ready.skmmgenre")
    loaded = skmmgenre.load(tmp_path / "ready.skmmgenre")
    np.testing.assert_array_equal(loaded.predict_proba(table), model.predict_proba(table))
    clone(model)


def test_a_table_of_ones_own(weights):
    model = load_ready_model("musicnn", genres={"Loud": ["metal", "punk"]}, thresholds=0.5)
    silence = np.zeros(64_000, dtype=np.float32)
    table = pd.DataFrame({"audio": [silence]})
    assert model.predict(table).tolist() == [[0]]
    assert "nothing to hear" in model.errors_["reason"][0]
    assert model.classes_.tolist() == ["Loud"]
