"""The plain control beside a model."""

import numpy as np
import pandas as pd
import pytest

from skmmgenre.cli._control import (
    answer_plain,
    answer_prior,
    count_drawn,
    fit_control,
    in_words,
    interval_of_difference,
    knows_artists,
    match_decision,
)
from skmmgenre.cli._model import Answers
from skmmgenre.compose import make_genre_classifier, make_plain_classifier

SUBSETS = [("audio",), ("text",), ("image",), ("audio", "text", "image")]
COLUMNS = {"audio": "audio", "text": "text", "image": "cover"}


def answers(genres, classes=("Jazz", "Rock")):
    """What a model of one genre an item says."""
    genres = np.array(genres, dtype=object)
    scores = (genres[:, np.newaxis] == np.array(classes)).astype(float)
    return Answers(list(classes), False, genres, scores, np.zeros(len(genres), dtype=bool))


@pytest.fixture(scope="module")
def with_gaps(albums):
    """A table in which cells of every modality are missing, and an album has nothing."""
    table = albums.table[list(COLUMNS.values())].astype(object).copy()
    for number, column in enumerate(table):
        table.loc[table.index[number::5], column] = None
    table.iloc[30] = None
    return table


@pytest.mark.parametrize("kind", [pytest.param("one genre", marks=pytest.mark.slow), "several"])
def test_each_subset_learns_as_a_plain_classifier_of_its_own(albums, with_gaps, kind):
    y = albums.y if kind == "one genre" else albums.Y
    learn, test = np.arange(24), np.arange(24, 40)
    y = y[learn] if kind == "one genre" else y.iloc[learn]
    control = fit_control(make_genre_classifier(), with_gaps.iloc[learn], y, SUBSETS)
    if kind == "several":  # as the plain classifier
        for regression in control.regressions.values():
            regression.target_.decide(0.5)
    classes = [str(name) for name in (np.unique(y) if kind == "one genre" else y.columns)]
    found, errors = answer_plain(control, with_gaps.iloc[test], classes)
    assert list(found) == SUBSETS and errors == control.errors == []
    for subset, said in found.items():
        columns = {name: COLUMNS[name] if name in subset else None for name in COLUMNS}
        plain = make_plain_classifier(**columns).fit(with_gaps.iloc[learn], y)
        expected = plain.predict_proba(with_gaps.iloc[test])
        np.testing.assert_allclose(said.scores, expected, atol=1e-9)
        np.testing.assert_array_equal(said.predicted, plain.predict(with_gaps.iloc[test]))


def test_a_genre_of_the_model_that_the_control_has_not_met():
    table = pd.DataFrame({"text": ["sax swing", "guitar loud"] * 4, "audio": None, "cover": None})
    model = make_genre_classifier(audio=None, image=None)
    control = fit_control(model, table, np.array(["Jazz", "Rock"] * 4, dtype=object), [("text",)])
    found, _ = answer_plain(control, table, ["Blues", "Jazz", "Rock"])
    said = found["text",]
    assert (said.scores[:, 0] == 0).all() and said.predicted.tolist() == ["Jazz", "Rock"] * 4
    np.testing.assert_allclose(said.scores.sum(axis=1), 1)


def test_cells_that_cannot_be_read(albums, with_gaps):
    table = with_gaps.copy()
    table.iloc[1, 0] = "gone.wav"
    model = make_genre_classifier(on_error="missing", text=None, image=None)
    control = fit_control(model, table, albums.y, [("audio",)])
    assert control.errors == [("'gone.wav'", "there is no such file")]
    model = make_genre_classifier(text=None, image=None)
    with pytest.raises(ValueError, match="gone.wav"):
        fit_control(model, table, albums.y, [("audio",)])


def test_nothing_to_learn():
    table = pd.DataFrame({"text": ["", None, "...", ""]})
    model = make_genre_classifier(audio=None, image=None)
    y = np.array(["Jazz", "Rock"] * 2, dtype=object)
    with pytest.raises(ValueError):
        fit_control(model, table, y, [("text",)])
    control = fit_control(model, table, y, [])  # which reads nothing
    assert control.n_items == 4 and not control.regressions


class TestPrior:
    def test_one_genre(self):
        y = np.array(["Rock"] * 3 + ["Jazz"], dtype=object)
        control = fit_control(None, pd.DataFrame(index=range(4)), y, [])
        said = answer_prior(control, False, ["Blues", "Jazz", "Rock"], 2)
        assert control.majority == "Rock" and said.predicted.tolist() == ["Rock", "Rock"]
        assert said.scores.tolist() == [[0, 0.25, 0.75]] * 2

    def test_several(self):
        y = pd.DataFrame({"Jazz": [0, 0, 1, 0], "Rock": [1, 1, 1, 0]})
        control = fit_control(None, pd.DataFrame(index=range(4)), y, [])
        said = answer_prior(control, True, ["Jazz", "Rock"], 2)
        assert said.predicted.tolist() == [[0, 1]] * 2
        assert said.scores.tolist() == [[0.25, 0.75]] * 2


class TestInterval:
    truth = np.array(["Jazz", "Rock"] * 20, dtype=object)
    right = answers(truth)
    wrong = answers(np.roll(truth, 1))

    def test_better_and_worse(self):
        artists = np.arange(40) // 4
        assert interval_of_difference(self.truth, self.right, self.wrong, artists) == (1, 1)
        assert interval_of_difference(self.truth, self.wrong, self.right, artists) == (-1, -1)

    def test_few_artists_widen_it(self):
        half = answers(np.r_[self.truth[:20], np.roll(self.truth, 1)[20:]])
        low, high = interval_of_difference(self.truth, half, self.wrong, np.arange(40) // 20)
        by_item = interval_of_difference(self.truth, half, self.wrong, None)
        assert (low, high) == (0, 1) and 0.2 < by_item[0] < by_item[1] < 0.8

    def test_one_artist(self):
        artists = np.array(["a"] * 40, dtype=object)
        found = interval_of_difference(self.truth, self.right, self.wrong, artists)
        assert np.isnan(found).all()

    @pytest.mark.parametrize("empty", [None, ""])
    def test_an_item_without_an_artist_is_of_its_own(self, empty):
        artists = np.array([empty] * 40, dtype=object)
        assert interval_of_difference(self.truth, self.right, self.wrong, artists) == (1, 1)

    def test_one_item(self):
        one = answers(["Jazz"])
        assert np.isnan(interval_of_difference(self.truth[:1], one, one, None)).all()


@pytest.mark.parametrize(
    "difference, low, high, said",
    [
        (0.05, 0.01, 0.09, "The model is better than plain: F1 +0.050, 95 % interval +0.010 to"),
        (-0.05, -0.09, -0.01, "Plain is better than the model: F1 -0.050"),
        (0.05, -0.01, 0.09, "The difference between the model and plain could be chance: F1"),
        (0.05, 0.0, 0.09, "The difference between the model and plain could be chance: F1"),
        (0, 0, 0, "There is no difference between the model and plain on these items."),
        (0.05, None, None, "Too few artists to say"),
        (np.nan, np.nan, np.nan, "Too few artists to say"),
    ],
)
def test_in_words(difference, low, high, said):
    comparison = {"metric": "f1", "difference": difference, "low": low, "high": high}
    assert in_words(comparison).startswith(said)


def test_in_words_without_artists():
    comparison = {"metric": "macro_auc", "difference": 0.1, "low": None, "high": None}
    assert "Too few items" in in_words(comparison, by_artist=False)


@pytest.mark.parametrize("low, high", [(0.01, 0.09), (-0.09, -0.01), (-0.01, 0.09), (0, 0)])
@pytest.mark.parametrize("by_artist, noun", [(True, "artists"), (False, "items")])
def test_few_artists_make_a_rough_interval(low, high, by_artist, noun):
    comparison = {"metric": "f1", "difference": (low + high) / 2, "low": low, "high": high}
    usual = in_words(comparison, by_artist=by_artist, n_drawn=20)
    assert usual == in_words(comparison, by_artist=by_artist) and "few" not in usual
    found = in_words(comparison, by_artist=by_artist, n_drawn=19)
    assert found == f"{usual} The interval is rough, because there are only 19 {noun}."


@pytest.mark.parametrize(
    "artists, known",
    [(None, False), ([None, "", np.nan], False), ([None, "a"], True), ([0, None], True)],
    ids=repr,
)
def test_knows_artists(artists, known):
    assert knows_artists(artists if artists is None else np.array(artists, dtype=object)) is known


def test_items_without_an_artist_count_one_each():
    assert count_drawn(5, None) == 5
    assert count_drawn(5, np.array(["a", "a", "b", None, ""], dtype=object)) == 4


@pytest.mark.parametrize(
    ("decision", "tuned"), [("auto", True), pytest.param(0.5, False, marks=pytest.mark.slow)]
)
def test_genres_are_told_by_thresholds_if_the_model_has_tuned_some(albums, decision, tuned):
    """The control is trained before the model, which tells only afterwards."""
    model = make_genre_classifier(
        audio=None,
        image=None,
        text__max_epochs=1,
        text__hidden_units=(8,),
        fusion__decision=decision,
    )
    control = fit_control(model, albums.table, albums.Y, [("text",)], albums.groups)
    model.fit(albums.table, albums.Y, groups=albums.groups)
    match_decision(control, model)
    thresholds = control.regressions["text",].target_.thresholds_
    assert bool((thresholds == 0).all()) is not tuned  # a log odds of 0 is a probability of 0.5
