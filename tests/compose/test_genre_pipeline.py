"""GenrePipeline: artists reach every network, rows answer alone, bad tables are told at once."""

import pickle
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn
from other_tables import EVERY_KIND, OTHER_LIBRARIES, of_pyarrow
from sklearn.base import BaseEstimator, TransformerMixin, clone, is_classifier
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import UnsetMetadataPassedError
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.utils import estimator_html_repr
from slow_cases import few_fast

from skmmgenre.compose import GenrePipeline, MeanOverTracks, make_genre_classifier
from skmmgenre.fusion import FusionClassifier
from skmmgenre.metrics import macro_auc_score
from skmmgenre.model_selection import (
    ArtistKFold,
    ArtistShuffleSplit,
    LabelThresholds,
    inner_folds,
    inner_validation_mask,
)
from skmmgenre.nets import NetClassifier, NetEstimator, _embedder
from skmmgenre.nets._solver import LayerSolver
from skmmgenre.nets.targets import IndicatorTarget
from skmmgenre.text import TextMLP
from skmmgenre.utils import ErrorsMixin


@pytest.fixture
def plans(monkeypatch):
    """Which rows every network learned from and chose on, and their weights: (class name, plan)."""
    seen = []
    make, train = NetClassifier._plan, NetEstimator._train

    def note_plan(self, *args, **kwargs):
        plan = make(self, *args, **kwargs)
        seen.append((type(self).__name__, plan))
        return plan

    def note_training(self, plan, **kwargs):
        if not any(plan is known for _, known in seen):  # the joint space is no classifier
            seen.append((type(self).__name__, plan))
        return train(self, plan, **kwargs)

    monkeypatch.setattr(NetClassifier, "_plan", note_plan)
    monkeypatch.setattr(NetEstimator, "_train", note_training)
    return seen


def unseen_rows(preset, y, groups=None, random_state=0):
    """What of a plan says which rows are unseen, and what it must be."""
    if preset == "auto":
        return "folds", inner_folds(y, groups=groups)
    return "held_out", inner_validation_mask(y, groups=groups, random_state=random_state)


PRESETS = pytest.mark.parametrize("preset", ["auto", "paper"])
AUTO_IS_SLOW = pytest.mark.parametrize(
    "preset", [pytest.param("auto", marks=pytest.mark.slow), "paper"]
)


@pytest.fixture(scope="module")
def n_tracks(albums):
    return np.array([len(cell) for cell in albums.table["audio"]])


def texts_only(small_model, **params):
    return small_model(audio=None, image=None, **params)


class TestMetadata:
    def check(self, plans, what, expected, n_tracks, weight=None):
        for name, plan in plans:
            rows = np.repeat(expected, n_tracks) if name == "AudioCNN" else expected
            np.testing.assert_array_equal(getattr(plan, what), rows, err_msg=name)
            if weight is not None:
                given = np.repeat(weight, n_tracks) if name == "AudioCNN" else weight
                ratio = plan.weight / given
                np.testing.assert_allclose(ratio, ratio[0], rtol=1e-5, err_msg=name)

    @PRESETS
    def test_the_same_artists_are_unseen_in_every_network(
        self, albums, small_model, plans, n_tracks, preset
    ):
        model = small_model(joint_space=True, random_state=3, preset=preset)
        model.fit(albums.table, albums.y, groups=albums.groups)
        assert sorted(name for name, _ in plans) == [
            "AudioCNN",
            "FusionClassifier",
            "JointSpaceProjector",
            "ResNetEmbedder",
            "TextMLP",
        ]
        what, expected = unseen_rows(preset, albums.y, albums.groups, random_state=3)
        assert expected.any() and n_tracks.max() == 2
        if preset == "auto":  # the joint space needs no folds for the vectors of others
            plans = [plan for plan in plans if plan[0] != "JointSpaceProjector"]
        self.check(plans, what, expected, n_tracks)

    def test_published_marks_and_weights_reach_every_network(
        self, albums, small_model, plans, n_tracks
    ):
        marks = np.arange(40) % 4 == 1
        weight = np.random.default_rng(0).uniform(0.5, 2, 40)
        model = small_model(joint_space=True)
        model.fit(
            albums.table, albums.y, groups=albums.groups, validation=marks, sample_weight=weight
        )
        assert len(plans) == 5
        self.check(plans, "held_out", marks, n_tracks, weight)

    @AUTO_IS_SLOW
    def test_marks_on_nothing_are_nothing_on_tracks_too(self, albums, small_model, plans, preset):
        model = small_model(image=None, preset=preset)
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="No inner validation rows")
            model.fit(
                albums.table, albums.y, groups=albums.groups, validation=np.zeros(40, dtype=bool)
            )
        assert len(plans) == 3
        assert not any(plan.held_out.any() for _, plan in plans)

    @AUTO_IS_SLOW
    def test_rows_are_unseen_without_artists_in_all_steps_alike(
        self, albums, small_model, plans, n_tracks, preset
    ):
        model = small_model(image=None, preset=preset)
        with pytest.warns(UserWarning, match="without regard to artists"):
            model.fit(albums.table, albums.y)
        with pytest.warns(UserWarning, match="without regard to artists"):
            unseen = unseen_rows(preset, albums.y)
        self.check(plans, *unseen, n_tracks)

    def test_routing_is_switched_on_inside_only(self, albums, paper_model):
        assert not sklearn.get_config()["enable_metadata_routing"]
        texts_only(paper_model).fit(albums.table, albums.y, groups=albums.groups)
        assert not sklearn.get_config()["enable_metadata_routing"]

    @AUTO_IS_SLOW
    def test_missing_artists_are_artists_of_their_own(
        self, albums, small_model, plans, n_tracks, preset
    ):
        groups = np.array(albums.groups, dtype=object)
        groups[::5], groups[1::5] = None, np.nan
        model = small_model(image=None, preset=preset)
        model.fit(albums.table, albums.y, groups=groups)
        what, expected = unseen_rows(preset, albums.y, groups)
        assert expected.any()
        self.check(plans, what, expected, n_tracks)


class TestInScikitLearn:
    """The recipes that the docstring gives."""

    @AUTO_IS_SLOW
    def test_cross_validate_with_artists(self, albums, small_model, plans, preset):
        model = texts_only(small_model, preset=preset)
        artists = pd.Series(albums.groups)
        with sklearn.config_context(enable_metadata_routing=True):
            answer = cross_validate(
                model,
                albums.table,
                albums.y,
                cv=ArtistKFold(3),
                params={"groups": artists},
                error_score="raise",
            )
        assert answer["test_score"].shape == (3,)
        folds = list(ArtistKFold(3).split(albums.table, albums.y, artists))
        for (train, _), (_, plan) in zip(folds, plans[::2], strict=True):
            what, expected = unseen_rows(preset, albums.y[train], artists.to_numpy()[train])
            np.testing.assert_array_equal(getattr(plan, what), expected)

    def test_grid_search_with_artists(self, albums, paper_model, plans):
        search = GridSearchCV(
            texts_only(paper_model),
            {"fusion__normalize": [True, False]},
            cv=ArtistKFold(2),
            error_score="raise",
        )
        with sklearn.config_context(enable_metadata_routing=True):
            search.fit(albums.table, albums.y, groups=albums.groups)
        assert search.predict(albums.table).shape == (40,)
        assert len(plans) == 2 * (2 * 2 + 1)
        what, expected = unseen_rows("paper", albums.y, albums.groups)
        np.testing.assert_array_equal(getattr(plans[-1][1], what), expected)

    def test_slices_are_pipelines_of_their_own(self, albums, fitted, probabilities):
        vectors = fitted[:-1].transform(albums.table)
        assert isinstance(fitted[:-1], GenrePipeline)
        blocks = {name.split("__")[0] for name in vectors.columns}
        assert blocks == {"audio", "text", "image"}
        np.testing.assert_array_equal(fitted[-1].predict_proba(vectors), probabilities)
        names = fitted[:-1].get_feature_names_out()
        assert list(names) == list(vectors.columns)

    @pytest.mark.parametrize("params", [{"preset": "paper"}, {"text__cross_fit": 0}], ids=str)
    def test_fit_transform_is_transform(self, albums, small_model, params):
        front = texts_only(small_model, **params)[:-1]
        fitted = front.fit_transform(albums.table, albums.y, groups=albums.groups)
        pd.testing.assert_frame_equal(fitted, front.transform(albums.table))

    def test_fit_transform_is_that_of_networks_that_have_not_seen_the_rows(
        self, albums, small_model
    ):
        front = texts_only(small_model)[:-1]
        fitted = front.fit_transform(albums.table, albums.y, groups=albums.groups)
        later = front.transform(albums.table)
        assert (fitted.ne(later).any(axis=1)).all()
        pd.testing.assert_frame_equal(fitted[:0], later[:0])

    def test_a_classifier_at_the_end_has_no_fit_transform(self, small_model):
        assert not hasattr(texts_only(small_model), "fit_transform")

    def test_picture(self, fitted):
        picture = estimator_html_repr(fitted)
        for name in ("GenrePipeline", "MeanOverTracks", "AudioCNN", "ResNetEmbedder", "TextMLP"):
            assert name in picture

    def test_it_is_a_classifier_that_can_be_cloned(self, fitted):
        assert is_classifier(fitted)
        again = clone(fitted)
        assert type(again) is GenrePipeline
        assert repr(again) == repr(clone(again))
        assert list(fitted.classes_) == sorted(fitted.classes_)

    def test_a_branch_of_other_estimators(self, albums):
        """Any transformer is a branch, also one that knows of no artists."""
        branches = ColumnTransformer([("letters", Letters(), "title")])
        fusion = FusionClassifier(max_epochs=2, random_state=0)
        model = GenrePipeline(
            [("modalities", branches.set_output(transform="pandas")), ("fusion", fusion)]
        )
        model.fit(albums.table, albums.y, groups=albums.groups)
        assert model.predict(albums.table).shape == (40,)


class Letters(TransformerMixin, BaseEstimator):
    """How often a title has each vowel."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.array([[title.count(vowel) for vowel in "aeiou"] for title in X], dtype=float)

    def get_feature_names_out(self, input_features=None):
        return np.array(list("aeiou"), dtype=object)


class TestRows:
    @pytest.mark.parametrize("rows", [[7], [33, 2, 15], slice(5, 21)], ids=str)
    def test_rows_alone_or_in_another_order(self, albums, fitted, probabilities, rows):
        found = fitted.predict_proba(albums.table.iloc[rows])
        np.testing.assert_array_equal(found, probabilities[rows])

    def test_a_permutation(self, albums, fitted, probabilities):
        order = np.random.default_rng(0).permutation(40)
        found = fitted.predict_proba(albums.table.iloc[order])
        np.testing.assert_array_equal(found, probabilities[order])

    def test_names_of_rows_do_not_matter(self, albums, fitted, probabilities, small_model):
        table = albums.table.set_index(albums.table["album"].str.upper())
        np.testing.assert_array_equal(fitted.predict_proba(table), probabilities)
        table.index = np.zeros(40, dtype=int)
        np.testing.assert_array_equal(fitted.predict_proba(table), probabilities)

    def test_names_of_rows_do_not_matter_in_fit(self, albums, paper_model):
        rows = np.random.default_rng(0).permutation(40)[:30]
        part = albums.table.iloc[rows]
        assert part.index.tolist() != list(range(30))
        answers = []
        for table in (part, part.reset_index(drop=True), part.set_index("album", drop=False)):
            model = paper_model()
            y = pd.Series(albums.y[rows], index=table.index)
            groups = pd.Series(np.asarray(albums.groups)[rows], index=table.index)
            answers.append(model.fit(table, y, groups=groups).predict_proba(table))
        np.testing.assert_array_equal(answers[0], answers[1])
        np.testing.assert_array_equal(answers[0], answers[2])

    def test_further_columns_do_not_matter(self, albums, fitted, probabilities):
        table = albums.table.assign(note="x", year=np.nan)
        np.testing.assert_array_equal(fitted.predict_proba(table), probabilities)
        table = table[["cover", "year", "text", "audio"]]
        np.testing.assert_array_equal(fitted.predict_proba(table), probabilities)

    def test_a_column_of_a_modality_must_be_there(self, albums, fitted):
        with pytest.raises(ValueError, match="cover"):
            fitted.predict(albums.table.drop(columns="cover"))

    def test_predictions_agree(self, albums, fitted, probabilities):
        np.testing.assert_allclose(probabilities.sum(axis=1), 1)
        predicted = fitted.predict(albums.table)
        assert type(predicted) is np.ndarray
        # Frequent genres have a handicap, as macro F1 of unseen artists asks for.
        handicapped = np.log(probabilities) + fitted["fusion"].offsets_
        np.testing.assert_array_equal(predicted, fitted.classes_[handicapped.argmax(axis=1)])
        assert fitted.score(albums.table, albums.y) == np.mean(predicted == albums.y)


def of_nullable_columns(table):
    return table.astype({"cover": "string"})


def of_categorical_columns(table):
    return table.astype({"cover": "category"})


@pytest.mark.parametrize(
    "convert",
    few_fast(
        [*EVERY_KIND, of_nullable_columns, of_categorical_columns],
        of_pyarrow,
        of_categorical_columns,
    ),
)
class TestTablesOfEveryKind:
    @pytest.fixture
    def tables(self, albums, convert):
        """The albums with a cell of each modality missing, and the same of another kind."""
        table = albums.table[["audio", "text", "cover"]].copy()
        for row, column in enumerate(table):
            table.loc[row, column] = None
        return table, convert(table)

    @pytest.mark.parametrize("method", ["predict", "predict_proba", "predict_log_proba"])
    def test_answers_are_those_of_pandas(self, tables, fitted, method):
        expected, answer = (getattr(fitted, method)(table) for table in tables)
        np.testing.assert_array_equal(answer, expected)

    def test_vectors_and_score(self, albums, tables, fitted):
        expected, answer = (fitted[:-1].transform(table) for table in tables)
        pd.testing.assert_frame_equal(answer, expected, check_index_type=False)
        expected, answer = (fitted.score(table, albums.y) for table in tables)
        assert answer == expected

    def test_fit(self, albums, tables, paper_model):
        expected, answer = (
            texts_only(paper_model).fit(X, albums.y, groups=albums.groups).predict_proba(X)
            for X in tables
        )
        np.testing.assert_array_equal(answer, expected)


def test_columns_of_labels_and_artists_of_every_kind(albums, paper_model):
    pa, pl = pytest.importorskip("pyarrow"), pytest.importorskip("polars")
    X = albums.table
    y, groups = albums.y.tolist(), list(albums.groups)
    expected = texts_only(paper_model).fit(X, y, groups=groups)
    for column in (pa.array, pl.Series):
        model = texts_only(paper_model).fit(X, column(y), groups=column(groups))
        assert model.classes_.tolist() == expected.classes_.tolist()
        np.testing.assert_array_equal(model.predict_proba(X), expected.predict_proba(X))


@pytest.mark.parametrize("convert", OTHER_LIBRARIES)
def test_rows_without_an_index_are_in_no_other_order(albums, paper_model, convert):
    order = np.random.default_rng(0).permutation(40)
    table, y, groups = albums.table.iloc[order], albums.y[order], albums.groups[order]
    of_rows = pd.Series(y, index=order)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = texts_only(paper_model, text__max_epochs=1, fusion__max_epochs=1)
        model.fit(convert(table), of_rows, groups=groups)
        model.fit(table, convert(pd.DataFrame({"y": y}))["y"], groups=groups)


def test_a_lazy_table_is_refused(albums, fitted):
    lazy = pytest.importorskip("polars").LazyFrame({"text": ["a"]})
    for call in (fitted.predict, fitted.predict_proba, lambda X: clone(fitted).fit(X, ["Jazz"])):
        with pytest.raises(ValueError, match=r"LazyFrame.*X\.collect\(\)"):
            call(lazy)


def test_a_pipeline_has_the_methods_of_its_last_step(small_model):
    model = texts_only(small_model)
    assert hasattr(model, "predict_proba") and not hasattr(model, "transform")
    assert hasattr(model[:-1], "transform") and not hasattr(model[:-1], "predict_proba")


class Untouchable(TransformerMixin, BaseEstimator):
    """Fails the test where extraction begins before the table is checked."""

    def fit(self, X, y=None):
        pytest.fail("extraction began")

    def transform(self, X):
        pytest.fail("extraction began")


def with_one_nan(y):
    y = np.array(y, dtype=object)
    y[3] = np.nan
    return y


BAD_CALLS = {
    "empty": (lambda t, y, g: dict(X=t.iloc[:0], y=y[:0]), "table is empty"),
    "duplicate columns": (
        lambda t, y, g: dict(X=pd.concat([t, t[["text"]]], axis=1), y=y),
        r"duplicate columns: \['text'\]. Rename or drop",
    ),
    "short y": (lambda t, y, g: dict(X=t, y=y[:-1]), "y has 39 rows, the table has 40"),
    "one class": (lambda t, y, g: dict(X=t, y=["Jazz"] * 40), r"one class only \('Jazz'\)"),
    "NaN in y": (lambda t, y, g: dict(X=t, y=with_one_nan(y)), "NaN: the first is in row 3.*Drop"),
    "short groups": (
        lambda t, y, g: dict(X=t, y=y, groups=g[:-1]),
        "groups has 39 rows, X has 40. Pass one artist",
    ),
    "groups a name": (lambda t, y, g: dict(X=t, y=y, groups="artist"), "groups must be a column"),
    "short validation": (
        lambda t, y, g: dict(X=t, y=y, groups=g, validation=[True] * 7),
        "validation has 7 rows, the table has 40. Pass",
    ),
    "long weights": (
        lambda t, y, g: dict(X=t, y=y, groups=g, sample_weight=np.ones(41)),
        "sample_weight has 41 rows, the table has 40. Pass",
    ),
    "negative weights": (
        lambda t, y, g: dict(X=t, y=y, groups=g, sample_weight=-np.ones(40)),
        "Negative values .*sample_weight",
    ),
}


@pytest.mark.parametrize(("call", "message"), BAD_CALLS.values(), ids=BAD_CALLS)
def test_bad_tables_are_told_before_anything_is_extracted(albums, call, message):
    branches = ColumnTransformer([("audio", Untouchable(), "audio")])
    arguments = call(albums.table, albums.y, np.asarray(albums.groups))
    for steps in (
        [("modalities", branches), ("fusion", FusionClassifier())],
        [("tracks", MeanOverTracks(Untouchable()))],
    ):
        with pytest.raises(ValueError, match=message):
            GenrePipeline(steps).fit(**arguments)
    with pytest.raises(ValueError, match=message):
        GenrePipeline(steps).fit_transform(**arguments)


@pytest.mark.parametrize("last", [LogisticRegression(), "passthrough"], ids=str)
def test_artists_may_be_given_where_no_step_takes_them(last):
    X = np.random.default_rng(0).normal(size=(20, 3))
    y, artists = np.arange(20) % 2, np.arange(20) // 2
    model = GenrePipeline([("scale", StandardScaler()), ("last", last)])
    method = model.fit_transform if last == "passthrough" else model.fit
    method(X, y, groups=artists, validation=artists == 0)
    with pytest.raises(UnsetMetadataPassedError, match="sample_weight"):
        method(X, y, groups=artists, sample_weight=np.ones(20))


def test_lacking_genres_are_told_before_anything_is_extracted(albums):
    branches = ColumnTransformer([("audio", Untouchable(), "audio")])
    model = GenrePipeline([("modalities", branches), ("fusion", FusionClassifier())])
    with pytest.raises(ValueError, match="requires y to be passed.*pass one genre per row"):
        model.fit(albums.table, groups=albums.groups)


def test_duplicate_columns_at_predict(albums, fitted):
    with pytest.raises(ValueError, match="unique|duplicate|twice"):
        fitted.predict(pd.concat([albums.table, albums.table[["cover"]]], axis=1))


def test_an_empty_table_at_predict(albums, fitted):
    with pytest.raises(ValueError, match="0 rows|empty"):
        fitted.predict(albums.table.iloc[:0])


def test_what_was_set_aside_is_listed_by_modality(albums, paper_model, tmp_path):
    table = albums.table.copy()
    audio, cover = list(table["audio"]), list(table["cover"])
    audio[2] = [audio[2][0], str(tmp_path / "gone.wav")]
    cover[1] = str(tmp_path / "gone.png")
    table = table.assign(audio=audio, cover=cover)
    model = paper_model(on_error="missing").fit(table, albums.y, groups=albums.groups)
    for _ in range(2):
        told = model.errors_.set_index("modality")
        assert list(told.index) == ["audio", "image"]
        assert told.loc["audio", ["row", "track"]].tolist() == [2, 1]
        assert told.loc["image", ["row", "track"]].tolist() == [1, None]
        assert told["reason"].eq("there is no such file").all() and told["remedy"].all()
        model.predict(table)
    model.predict(albums.table)
    assert model.errors_.empty and not pickle.loads(pickle.dumps(model)).errors_.size


class Missing(TransformerMixin, ErrorsMixin, BaseEstimator):
    """Takes every cell "gone" for missing."""

    def fit(self, X, y=None):
        self.is_fitted_ = True
        return self

    def transform(self, X):
        cells = np.asarray(X, dtype=object).ravel()
        rows = np.flatnonzero(cells == "gone")
        why = {"item": "gone", "reason": "it is gone", "remedy": "find it"}
        self._errors = [{"row": int(row), **why} for row in rows]
        return np.where(cells == "gone", np.nan, 1.0)[:, None]


class Around(TransformerMixin, BaseEstimator):
    """Wraps an estimator."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y=None):
        self.estimator_ = clone(self.estimator).fit(X, y)
        return self

    def transform(self, X):
        return self.estimator_.transform(X)


def columns(*branches):
    return ColumnTransformer([(name, branch, name) for name, branch in branches])


def both():
    return columns(("audio", MeanOverTracks(Missing())), ("text", Missing()))


NESTED_BRANCHES = {
    "as the factory writes it": lambda: [("modalities", both())],
    "a ColumnTransformer in a Pipeline": lambda: [
        ("front", Pipeline([("modalities", both()), ("scale", StandardScaler())]))
    ],
    "in a wrapper": lambda: [("modalities", Around(both()))],
    "Pipelines in branches": lambda: [
        (
            "modalities",
            columns(
                ("audio", Pipeline([("deep", Pipeline([("mean", MeanOverTracks(Missing()))]))])),
                ("text", Around(FeatureUnion([("a", Missing())]))),
            ),
        )
    ],
    "Pipelines in MeanOverTracks": lambda: [
        (
            "modalities",
            columns(
                ("audio", Around(MeanOverTracks(Pipeline([("deep", Around(Missing()))])))),
                ("text", FeatureUnion([("a", Pipeline([("first", Missing())]))])),
            ),
        )
    ],
}


@pytest.mark.parametrize("steps", NESTED_BRANCHES.values(), ids=NESTED_BRANCHES)
def test_what_was_set_aside_in_nested_branches(steps):
    table = pd.DataFrame({"audio": [["x", "gone"], "x", "x"], "text": ["x", "x", "gone"]})
    model = GenrePipeline(steps()).fit(table)
    for call in (model.transform, model.fit_transform):
        call(table)
        errors = model.errors_[["modality", "track", "row", "item"]]
        assert errors.to_numpy().tolist() == [["audio", 1, 0, "gone"], ["text", None, 2, "gone"]]


def test_a_branch_of_several_columns_gives_its_errors_its_own_name():
    """What is in a branch is of that branch, also where it has branches of its own."""
    table = pd.DataFrame({"audio": ["x", "gone"], "text": ["gone", "x"]})
    inner = Pipeline([("parts", both())])
    model = GenrePipeline([("m", ColumnTransformer([("all", inner, ["audio", "text"])]))])
    model.fit_transform(table)
    assert model.errors_["modality"].tolist() == ["all", "all"]
    assert model.errors_["row"].tolist() == [1, 0]
    union = GenrePipeline([("u", FeatureUnion([("one", Missing()), ("two", Missing())]))])
    union.fit_transform(["x", "gone"])
    assert union.errors_["modality"].tolist() == ["one", "two"]


LONG = {
    "audio__lr": "modalities__audio__estimator__cnn__lr",
    "audio__duration": "modalities__audio__estimator__cqt__duration",
    "audio__random_state": "modalities__audio__estimator__cnn__random_state",
    "text__hidden_units": "modalities__text__mlp__hidden_units",
    "text__max_chars": "modalities__text__truncate__max_chars",
    "text__verbose": "modalities__text__mlp__verbose",
    "image__depth": "modalities__image__depth",
    "joint__margin": "joint__margin",
    "fusion__target": "fusion__target",
}


def changed(before, after):
    """Names of the parameters that are plain values and no longer the same."""
    return {
        name
        for name, value in after.items()
        if not isinstance(value, (BaseEstimator, list)) and value is not before[name]
    }


class TestShortNames:
    @pytest.mark.parametrize(("short", "name"), LONG.items(), ids=LONG)
    def test_one_parameter_is_set(self, short, name):
        model = make_genre_classifier(joint_space=True)
        before = model.get_params()
        assert model.set_params(**{short: 34}) is model
        assert changed(before, model.get_params()) == {name}
        assert model.get_params()[name] == 34
        assert clone(model).get_params()[name] == 34
        assert make_genre_classifier(joint_space=True, **{short: 34}).get_params()[name] == 34

    @pytest.mark.parametrize("reverse", [False, True])
    def test_a_long_name_has_the_last_word(self, reverse):
        params = [("text__lr", 1.0), (LONG["text__hidden_units"], (3,)), ("text__max_chars", 5)]
        params.append(("modalities__text__mlp__lr", 2.0))
        model = make_genre_classifier().set_params(**dict(params[::-1] if reverse else params))
        text = model["modalities"].transformers[1][1]
        assert (text["mlp"].lr, text["mlp"].hidden_units) == (2.0, (3,))
        assert text["truncate"].max_chars == 5

    def test_of_steps_that_are_set_in_the_same_call(self):
        """As in any Pipeline, steps are replaced before their parameters are set."""
        model = make_genre_classifier()
        mlp = TextMLP()
        model.set_params(
            text__lr=3.0,
            fusion__base__C=5.0,
            fusion__base=LogisticRegression(),
            fusion=SomeBase(),
            modalities__text__mlp=mlp,
        )
        assert mlp.lr == 3.0 and model["fusion"].base.C == 5.0
        model.set_params(steps=[("only", StandardScaler())], only__with_mean=False)
        assert not model["only"].with_mean

    def test_fitted_copies_are_left_alone(self, albums, paper_model):
        model = texts_only(paper_model).fit(albums.table, albums.y, groups=albums.groups)
        expected = model.predict_proba(albums.table)
        model.set_params(text__hidden_units=(3, 3))
        assert clone(model)["modalities"].transformers[0][1]["mlp"].hidden_units == (3, 3)
        np.testing.assert_array_equal(model.predict_proba(albums.table), expected)

    def test_through_wrappers(self):
        model = make_genre_classifier(audio=None, image=None)
        model.set_params(fusion=LabelThresholds(model["fusion"]))
        model.set_params(fusion__lr=0.5, fusion__strategy="top_k", fusion__k=1)
        assert model["fusion"].estimator.lr == 0.5 and model["fusion"].strategy == "top_k"
        outer = LabelThresholds(model).set_params(estimator__text__lr=0.25)
        assert outer.estimator["modalities"].transformers[0][1]["mlp"].lr == 0.25

    @pytest.mark.parametrize(
        ("name", "message"),
        [
            ("text__hiden_units", "'text__hiden_units'.*did you mean 'text__hidden_units'"),
            ("fusion__targt", "'fusion__targt'.*did you mean 'fusion__target'"),
            ("sound__lr", r"'sound__lr'.*no part 'sound'.*\['audio', 'text', 'image', 'fusion'\]"),
            ("joint__margin", "no part 'joint'"),
            ("audio__qwx", "'qwx'; see the API reference"),
            ("modalities__text__mpl__lr", "Did you mean 'modalities__text__mlp__lr'"),
            (
                "epochs",
                "'epochs'.*'audio__max_epochs' or 'text__max_epochs' or 'image__max_epochs'",
            ),
            ("text_lr", "'text_lr'.*did you mean 'text__lr'"),
            ("audio_model", "of make_genre_classifier, not of the model.* set 'modalities__audio'"),
            ("image_model", "of make_genre_classifier, not of the model.* set 'modalities__image'"),
            ("linker", "of make_genre_classifier, not of the model; pass it to"),
            ("hidden_units", "'hidden_units' is a parameter of steps.*: 'text__hidden_units'."),
            ("depth", "not of GenrePipeline itself; add a prefix: 'image__depth'."),
        ],
    )
    def test_unknown_names(self, name, message):
        with pytest.raises(ValueError, match=message):
            make_genre_classifier().set_params(**{name: 1})

    @pytest.mark.parametrize("part", ["audio", "text", "image"])
    def test_the_suggested_name_works(self, part):
        """It is a parameter of make_genre_classifier, and `model` needs the prefix."""
        name = f"{part}_model"
        model = make_genre_classifier(**{name: "musicnn"})
        why = f"not of the model; did you mean '{part}__model'"
        with pytest.raises(ValueError, match=why):
            GridSearchCV(model, {name: ["musicnn-mtt"]}).fit([[0], [1]] * 5, ["a", "b"] * 5)
        model.set_params(**{f"{part}__model": "musicnn-mtt"})

    @pytest.mark.parametrize("name", ["epochs", "random_stat", "text_lr", "text__lrr", "modle"])
    def test_all_suggested_names_work(self, name):
        """`set_params` takes only names with a prefix."""
        for build in (
            lambda **params: make_genre_classifier(audio_model="musicnn", **params),
            make_genre_classifier(audio_model="musicnn").set_params,
        ):
            with pytest.raises((TypeError, ValueError), match="did you mean") as caught:
                build(**{name: 1})
            for suggested in re.findall("'(.+?)'", str(caught.value).split("did you mean")[1]):
                build(**{suggested: 1})

    def test_a_bare_name_is_the_pipelines_own(self):
        model = make_genre_classifier().set_params(verbose=True)
        assert model.verbose is True and model["fusion"].verbose == 0

    def test_a_search(self, albums, paper_model):
        grid = {"text__hidden_units": [(4, 4), (8, 8)], "fusion__normalize": [True, False]}
        long = {LONG["text__hidden_units"]: grid["text__hidden_units"]}
        long["fusion__normalize"] = grid["fusion__normalize"]
        scores = []
        for names in (grid, long):
            search = GridSearchCV(
                texts_only(paper_model, text__max_epochs=2),
                names,
                cv=ArtistShuffleSplit(1, test_size=0.5, random_state=0),
                error_score="raise",
            )
            with sklearn.config_context(enable_metadata_routing=True):
                search.fit(albums.table, albums.y, groups=albums.groups)
            assert set(search.best_params_) == set(names)
            best = search.best_estimator_["modalities"].named_transformers_["text"]["mlp"]
            assert best.hidden_units in search.best_params_.values()
            tried = [frozenset(params.values()) for params in search.cv_results_["params"]]
            scores.append(dict(zip(tried, search.cv_results_["mean_test_score"], strict=True)))
        assert len(scores[0]) == 4 and scores[0] == scores[1]


class SomeBase(BaseEstimator):
    """Holds an estimator under a name of its own."""

    def __init__(self, base=None):
        self.base = base


def test_labels_of_bytes_are_refused_before_any_step():
    seen = []
    step = FunctionTransformer(lambda X: seen.append(1) or X)
    model = GenrePipeline([("step", step), ("fusion", FusionClassifier(max_epochs=1))])
    with pytest.raises((TypeError, ValueError)):
        model.fit(np.eye(4), np.array([b"Jazz", b"Rock"] * 2), groups=list("abcd"))
    assert not seen


class TestOutOfFold:
    """What is learned behind a branch is learned from rows that the branch has not seen."""

    signal = [f"signal {i}" for i in range(6)]
    noise = [f"noise {i}" for i in range(200)]

    def draw(self, seed, n_rows):
        """Vectors that tell four labels, beside 200 numbers that tell nothing."""
        rng = np.random.default_rng(seed)
        Y = (rng.random((n_rows, 4)) < 0.3).astype(int)
        directions = np.random.default_rng(99).normal(size=(4, 6))
        X = 0.8 * Y @ directions + rng.normal(size=(n_rows, 6))
        X = np.hstack([X, rng.normal(size=(n_rows, 200))])
        table = pd.DataFrame(X, columns=self.signal + self.noise)
        return table, Y, np.arange(n_rows) // 2

    def model(self, n_of_noise=1, **params):
        sizes = {"hidden_units": (64, 16), "max_epochs": 6, "batch_size": 16, "lr": 1e-2}
        mlp = TextMLP(dropout=0, random_state=0, **sizes, **params)
        branches = [("signal", "passthrough", self.signal), ("noise", mlp, self.noise)]
        modalities = ColumnTransformer(branches[: 1 + n_of_noise])
        fusion = FusionClassifier(random_state=0)
        modalities.set_output(transform="pandas")
        return GenrePipeline([("modalities", modalities), ("fusion", fusion)])

    @pytest.mark.slow
    def test_noise_that_was_memorised_costs_next_to_nothing(self):
        """It would cost much if the fusion learned from vectors of rows that the branch knows."""
        variants = [{}, {"cross_fit": 0}, {"preset": "paper"}]
        lost = np.empty((3, len(variants)))  # AUC that the branch takes from the fusion
        for seed in range(3):
            table, Y, artists = self.draw(seed, 200)
            new, truth, _ = self.draw(100 + seed, 1000)
            models = [self.model(0), *(self.model(**params) for params in variants)]
            scores = [model.fit(table, Y, groups=artists).score(new, truth) for model in models]
            lost[seed] = scores[0] - np.array(scores[1:])
        by_default, *seen = lost.mean(axis=0)
        assert by_default <= 0.01
        assert min(seen) > 0.02

    @pytest.fixture
    def told(self, monkeypatch):
        """Truth and scores of all rows that something was chosen by: (who, truth, scores)."""
        told = []
        decide, choose = IndicatorTarget.decide, LayerSolver.choose
        share = _embedder.choose_share

        def note_decide(self, decision, y, output):
            told.append(("decide", y, self.scores(output)))
            return decide(self, decision, y, output)

        def note_choose(self, splits, strengths):
            tried, outputs = choose(self, splits, strengths)
            rows = np.concatenate([unseen for _, unseen in splits])
            told.append(("choose", self.truth[rows], np.concatenate(outputs)))
            return tried, outputs

        def note_share(target, truth, weight, linear, deep):
            told.extend([("linear", truth, linear), ("deep", truth, deep)])
            return share(target, truth, weight, linear, deep)

        monkeypatch.setattr(IndicatorTarget, "decide", note_decide)
        monkeypatch.setattr(LayerSolver, "choose", note_choose)
        monkeypatch.setattr(_embedder, "choose_share", note_share)
        return told

    def chosen_by(self, told, **params):
        """Macro AUC of what was chosen by where all is noise, and of the branch on its rows."""
        table, Y, artists = self.draw(0, 200)
        table[self.signal] = np.random.default_rng(1).normal(size=(200, 6))
        model = self.model(**params).fit(table, Y, groups=artists)
        branch = model["modalities"].named_transformers_["noise"]
        aucs = [(who, macro_auc_score(truth, scores)) for who, truth, scores in told]
        return aucs, branch.score(table[self.noise], Y)

    def test_nothing_is_chosen_by_rows_that_a_branch_was_refitted_on(self, told):
        aucs, of_branch = self.chosen_by(told)
        names = [who for who, _ in aucs]
        of_branch_net, of_fusion = names[:4], names[4:]
        assert of_branch_net == ["choose", "linear", "deep", "decide"]
        # The layer of all blocks, and that of each block alone.
        assert of_fusion == ["choose", "choose", "choose", "decide"]
        assert of_branch > 0.8  # it has memorised them
        assert all(abs(auc - 0.5) < 0.08 for _, auc in aucs), aucs

    def test_it_would_show(self, told):
        aucs, _ = self.chosen_by(told, cross_fit=0)
        assert dict(aucs[-2:])["choose"] > 0.65 and dict(aucs[-2:])["decide"] > 0.65

    def test_epochs_are_counted_by_artists_that_are_not_learned_from(self, monkeypatch):
        seen, train = [], NetEstimator._train

        def note(self, plan, *, train_=train, **kwargs):
            answer = train_(self, plan, **kwargs)
            unseen = kwargs.get("unseen", plan.held_out)
            seen.append((kwargs["train"], unseen, kwargs.get("max_epochs"), answer[1]))
            return answer

        monkeypatch.setattr(NetEstimator, "_train", note)
        table, Y, artists = self.draw(0, 200)
        self.model().fit(table, Y, groups=artists)
        *trials, (learned, unseen, n_epochs, _) = seen
        assert len(trials) == 3
        for rows, others, _, history in trials:
            assert not set(artists[rows]) & set(artists[others]) and (rows | others).all()
            assert "valid_loss" in history[0]
        assert sum(others for _, others, _, _ in trials).tolist() == [1] * 200
        # The last learns from all for as many steps as were best for them.
        assert learned.all() and not unseen.any()
        n_common = min(len(history) for *_, history in trials)
        losses = [[epoch["valid_loss"] for epoch in h[:n_common]] for *_, h in trials]
        best = 1 + int(np.mean(losses, axis=0).argmin())
        assert n_epochs == max(
            1, round(best * np.mean([-(-rows.sum() // 16) for rows, *_ in trials]) / 13)
        )
