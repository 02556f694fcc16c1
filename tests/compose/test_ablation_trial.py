"""What learns nothing is done once and networks are trained once; what the controls answer."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import check_cv
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmmgenre.audio import AudioCNN, TimbreStatistics
from skmmgenre.compose import GenrePipeline, MeanOverTracks, make_plain_classifier
from skmmgenre.compose._ablation_trial import extract_once
from skmmgenre.image import ResNetEmbedder
from skmmgenre.labels import PPMILabelFactorizer
from skmmgenre.metrics import remove_log_prior
from skmmgenre.text import ReviewVectorizer, TextMLP

MODALITIES = ("audio", "text", "image")
SUBSETS = [" + ".join(s) for n in (1, 2, 3) for s in combinations(MODALITIES, n)]
TWO = ("text", "image")
SUBSETS_OF_TWO = ["text", "image", "text + image"]


@pytest.mark.slow
def test_the_same_bits_as_the_whole_pipeline(albums, small_model, fitted, probabilities):
    model = small_model()
    branches, table, _ = extract_once(model["modalities"], albums.table)
    behind = GenrePipeline([("modalities", branches), ("fusion", model["fusion"])])
    behind.fit(table, albums.y, groups=albums.groups)
    np.testing.assert_array_equal(behind.predict_proba(table), probabilities)


def test_the_same_bits_with_cells_missing(albums, paper_model):
    table = albums.table.copy()
    for number, column in enumerate(("audio", "text", "cover")):
        table[column] = [None if i % 4 == number else c for i, c in enumerate(table[column])]
    rows = np.arange(40) % 3 > 0
    model, answers = paper_model(), []
    branches, extracted, _ = extract_once(model["modalities"], table)
    for front, cells in ((model["modalities"], table), (branches, extracted)):
        whole = GenrePipeline([("modalities", front), ("fusion", model["fusion"])])
        whole.fit(cells[rows], albums.y[rows], groups=np.asarray(albums.groups)[rows])
        answers.append(whole.predict_proba(cells))
    np.testing.assert_array_equal(*answers)


@pytest.mark.parametrize("control", ["two seeds of text", "cross_fit"])
def test_marked_rows_stop_the_training(albums, labels, ablate_labels, paper_model, control):
    """Those of a published split, as if the whole pipeline were fitted with them."""
    part = np.array(["train", "val", "train", "test"] * 10)
    is_test, validation = part == "test", part == "val"
    model = paper_model(audio=None, image=None)
    _, predictions = ablate_labels(
        model,
        table=albums.table,
        cv=check_cv([(np.flatnonzero(~is_test), np.flatnonzero(is_test))]),
        validation=validation,
        controls=[control],
        n_folds=2,
        n_runs=1,
    )
    fit = ~is_test
    model.fit(
        albums.table[fit],
        labels[fit],
        groups=np.asarray(albums.groups)[fit],
        validation=validation[fit],
    )
    assert predictions.rows["row"].tolist() == np.flatnonzero(is_test).tolist()
    expected = model.decision_function(albums.table[is_test])
    np.testing.assert_array_equal(predictions.scores["text"], expected)
    with pytest.raises(ValueError, match="validation has shape"):
        ablate_labels(model, validation=validation[:3])


def test_roads_start_where_learning_starts(albums, paper_model):
    branches, _, _ = extract_once(paper_model()["modalities"], albums.table)
    roads = {name: branch for name, branch, _ in branches.transformers}
    assert isinstance(roads["audio"], MeanOverTracks)
    assert [type(step) for _, step in roads["audio"].estimator.steps[1:]] == [AudioCNN]
    assert isinstance(roads["text"].steps[1][1], ReviewVectorizer)
    assert isinstance(roads["image"], ResNetEmbedder)


@pytest.mark.parametrize("modality", ["audio", "text"])
def test_steps_of_nested_pipelines_are_replaced_too(albums, paper_model, modality):
    others = {name: None for name in ("audio", "text", "image") if name != modality}
    model = paper_model(**others)
    plain = model.fit(albums.table, albums.y, groups=albums.groups).predict_proba(albums.table)
    ((name, branch, column),) = model["modalities"].transformers
    road = branch.estimator if modality == "audio" else branch
    nested = Pipeline([("first", Pipeline([("inner", road[:-1])])), ("last", road[-1])])
    nested = MeanOverTracks(nested) if modality == "audio" else nested
    nested = model["modalities"].set_params(transformers=[(name, nested, column)])
    branches, table, _ = extract_once(nested, albums.table)
    ((_, behind, _),) = branches.transformers
    behind = behind.estimator if modality == "audio" else behind
    learning = [type(step) for _, step in behind.steps[1:]]
    assert learning == ([AudioCNN] if modality == "audio" else [ReviewVectorizer, TextMLP])
    again = GenrePipeline([("modalities", branches), ("fusion", model["fusion"])])
    again.fit(table, albums.y, groups=albums.groups)
    np.testing.assert_array_equal(again.predict_proba(table), plain)


def test_model_and_table_are_left_alone(albums, paper_model):
    model = paper_model()
    before, cells = repr(model), albums.table.copy(deep=True)
    extract_once(model["modalities"], albums.table)
    assert repr(model) == before
    assert cells.equals(albums.table)


def test_other_branches_stay(albums):
    table = albums.table.assign(length=1.0, width=2.0)
    branches = ColumnTransformer(
        [
            ("scaled", StandardScaler(), ["length"]),
            ("plain", "passthrough", ["length", "width"]),
            ("none", "drop", ["title"]),
            ("only", FunctionTransformer(), ["width"]),
            ("road", Pipeline([("a", FunctionTransformer()), ("b", "passthrough")]), ["width"]),
        ]
    )
    answer, cells, _ = extract_once(branches, table)
    assert [name for name, _, _ in answer.transformers] == ["scaled", "plain", "only", "road"]
    assert cells.equals(table)
    assert answer.fit_transform(cells).shape == (40, 5)


def test_a_bad_track_names_its_album(albums, paper_model, tmp_path):
    table = albums.table.copy()
    table["audio"] = [None, *table["audio"][1:]]
    gone = [None, str(tmp_path / "gone.wav")]
    table["audio"] = [gone if i == 9 else cell for i, cell in enumerate(table["audio"])]
    model = paper_model()
    with pytest.raises(ValueError, match=r"Row 9, track 1: .*gone\.wav.*no such file"):
        extract_once(model["modalities"], table)


def test_a_column_with_nothing_in_it(albums, paper_model):
    table = albums.table.assign(audio=None)
    branches, extracted, _ = extract_once(paper_model()["modalities"], table)
    assert extracted["audio"].isna().all()
    assert extracted["text of text"].tolist() == list(range(40))


def test_two_branches_may_read_one_column(albums, paper_model):
    """Each gets its own positions; what else the ColumnTransformer was told stays."""
    model = paper_model(audio=None, image=None)
    (name, road, column), *_ = model["modalities"].transformers
    twice = [(name, road, column), ("again", road, column)]
    both = model["modalities"].set_params(transformers=twice, n_jobs=1)
    branches, extracted, _ = extract_once(both, albums.table)
    assert branches.n_jobs == 1
    columns = [column for _, _, column in branches.transformers]
    assert columns == ["text of text", "text of again"]
    assert extracted[columns[0]].tolist() == extracted[columns[1]].tolist()


def test_a_step_that_answers_a_table(albums):
    rng = np.random.default_rng(0)
    segments = [None if i == 3 else rng.normal(size=(9, 12)) for i in range(40)]
    table = albums.table.assign(timbre=pd.Series(segments, dtype=object))
    road = Pipeline([("statistics", TimbreStatistics()), ("scale", StandardScaler())])
    branches = ColumnTransformer([("timbre", road, "timbre"), ("other", "passthrough", ["length"])])
    branches.set_output(transform="pandas")
    table = table.assign(length=np.arange(40.0))
    rows = np.flatnonzero(np.arange(40) % 3)
    expected = branches.fit(table.iloc[rows]).transform(table)
    behind, extracted, _ = extract_once(branches, table)
    found = behind.fit(extracted.iloc[rows]).transform(extracted)
    pd.testing.assert_frame_equal(found, expected)


def test_a_step_that_names_nothing(albums):
    patches = np.random.default_rng(0).normal(size=(40, 96, 95)).astype(np.float32)
    take = FunctionTransformer(lambda positions: patches[np.asarray(positions, dtype=int)])
    cnn = AudioCNN(width=(2, 2, 2), architecture="time", validation_fraction=0, max_epochs=1)
    road = MeanOverTracks(Pipeline([("take", take), ("cnn", cnn.set_params(random_state=0))]))
    branches = ColumnTransformer([("audio", road, "patch")]).set_output(transform="pandas")
    table = albums.table.assign(patch=np.arange(40))
    expected = branches.fit(table, albums.y).transform(table)
    behind, extracted, _ = extract_once(branches, table)
    found = behind.fit(extracted, albums.y).transform(extracted)
    np.testing.assert_array_equal(found, expected)
    assert [name.partition("__")[0] for name in found] == ["audio"] * found.shape[1]


class Lengths(TransformerMixin, BaseEstimator):
    """A branch that is stateless as a whole, as a pretrained encoder is."""

    n_calls = 0

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        type(self).n_calls += 1
        return np.array([[float(len(str(cell)))] for cell in X])

    def get_feature_names_out(self, input_features=None):
        return np.array(["length"], dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        return tags


@pytest.mark.parametrize("branch", [Lengths(), MeanOverTracks(Lengths())])
def test_a_branch_that_learns_nothing_is_computed_once(albums, branch):
    branches = ColumnTransformer([("audio", branch, "audio")], sparse_threshold=0)
    table = albums.table if isinstance(branch, MeanOverTracks) else albums.table.astype(str)
    expected = clone(branches).fit_transform(table)
    taken, extracted, _ = extract_once(branches, table)
    before = Lengths.n_calls
    for _ in range(2):
        found = clone(taken).fit_transform(extracted)
        np.testing.assert_array_equal(found, expected)
        assert list(found.columns) == ["audio__length"]
    assert Lengths.n_calls == before


class TestWork:
    def test_networks_are_trained_once_a_run_and_shared(self, ablate, paper_model, counts, table):
        ablate(paper_model(joint_space=True), n_runs=2)
        assert counts["AudioCNN"] == counts["TextMLP"] == counts["ResNetEmbedder"] == 2
        assert counts["JointSpaceProjector"] == 2
        assert counts["FusionClassifier"] == 2 * len(SUBSETS)
        assert counts["constant_q"] == sum(len(cell) for cell in table["audio"] if cell)

    def test_cross_fit_costs_its_folds_only(self, ablate, paper_model, counts):
        ablate(paper_model(image=None), n_runs=1, controls=["cross_fit"], n_folds=3)
        assert counts["TextMLP"] == counts["AudioCNN"] == 1 + 3
        assert "JointSpaceProjector" not in counts

    def test_a_second_seed_is_trained_as_the_first(self, ablate, small_model, counts):
        """By default in three folds, and on all rows."""
        model = small_model(audio=None, image=None)
        ablate(model, n_runs=1, controls=["two seeds of text"])
        assert counts["TextMLP"] == 2 * (3 + 1)

    def test_the_same_seed_gives_the_same_predictions(self, ablate, paper_model, subsets):
        chosen = ["text", "text + image"]
        _, again = ablate(paper_model(audio=None), subsets=chosen, n_runs=1)
        first = subsets[1].query("run == 0")
        np.testing.assert_array_equal(again["row"], first["row"])
        pd.testing.assert_frame_equal(again[chosen], first[chosen])
        second = subsets[1].query("run == 1").reset_index(drop=True)
        _, other = ablate(paper_model(audio=None), subsets=chosen, n_runs=1, random_state=1)
        pd.testing.assert_frame_equal(other[chosen], second[chosen])

    def test_the_model_is_not_fitted(self, ablate, paper_model):
        model = paper_model(audio=None, image=None)
        before = repr(model)
        ablate(model, n_runs=1)
        assert not hasattr(model["modalities"], "transformers_") and repr(model) == before

    @pytest.mark.slow
    def test_runs_in_two_workers(self, ablate, paper_model):
        model = paper_model(audio=None, image=None)
        metrics, predictions = ablate(model, n_runs=2, n_jobs=2)
        alone, theirs = ablate(model, n_runs=2)
        assert list(metrics.index) == list(alone.index)
        assert metrics.drop(columns=["input", "reference"]).notna().all(axis=None)
        assert predictions.shape == theirs.shape
        np.testing.assert_array_equal(predictions["row"], theirs["row"])

    def test_progress_of_the_runs(self, ablate, paper_model, capsys):
        ablate(paper_model(audio=None, image=None), n_runs=2, verbose=1)
        told = capsys.readouterr()
        assert "Runs" in told.err and "2/2" in told.err
        assert not told.out


class TestControls:
    every = [
        "plain audio",
        "plain text",
        "plain image",
        "plain audio + text",
        "plain audio + text, concatenated",
        "plain audio + image",
        "plain audio + image, concatenated",
        "plain text + image",
        "plain text + image, concatenated",
        "plain audio + text + image",
        "plain audio + text + image, concatenated",
        "missing pattern",
        "mean of probabilities",
        "two seeds of audio",
        "two seeds of text",
        "two seeds of image",
        "shuffled covers",
        "cross_fit",
    ]

    def test_all(self, all_controls, subsets):
        metrics, predictions = all_controls
        assert list(metrics.index) == SUBSETS + self.every
        assert set(metrics.loc[self.every, "input"]) == {"Control"}
        assert metrics.drop(columns=["input", "reference"]).notna().all(axis=None)
        # Controls beside them leave the rows as they are.
        pd.testing.assert_frame_equal(predictions[SUBSETS], subsets[1][SUBSETS])

    def test_a_control_is_compared_with_its_row(self, all_controls):
        metrics, _ = all_controls
        for modality in MODALITIES:
            assert metrics.loc[f"two seeds of {modality}", "reference"] == modality
        for name in SUBSETS:
            assert metrics.loc[f"plain {name}", "reference"] == name
        together = metrics.loc["plain text + image, concatenated", "reference"]
        assert together == "text + image"
        assert metrics.loc["cross_fit", "reference"] == "audio + text + image"
        assert metrics.loc["shuffled covers", "reference"] == "audio"

    @pytest.mark.slow
    def test_a_control_of_the_paper_too(self, ablate, paper_model):
        metrics, _ = ablate(
            paper_model(text=None),
            subsets="paper",
            controls=["two seeds of image", "shuffled covers", "cross_fit"],
            n_runs=1,
            n_folds=2,
            n_resamples=10,
        )
        references = metrics["reference"][-3:].to_dict()
        assert references == {
            "two seeds of image": "CNN_Visual",
            "shuffled covers": "CNN_Audio",
            "cross_fit": "All",
        }

    @pytest.mark.parametrize("control", ["mean of probabilities", "cross_fit"])
    def test_one_by_one(self, ablate, paper_model, all_controls, control):
        metrics, predictions = ablate(
            paper_model(), subsets=["text", MODALITIES], controls=control, n_runs=1, n_folds=2
        )
        assert list(metrics.index) == ["text", " + ".join(MODALITIES), control]
        theirs = all_controls[1].query("run == 0")[control]
        np.testing.assert_array_equal(predictions[control], theirs)

    def test_two_seeds(self, ablate, paper_model, all_controls):
        for given, names in (
            ("two seeds", ["two seeds of text"]),
            ("two seeds of text", ["two seeds of text"]),
        ):
            metrics, _ = ablate(paper_model(audio=None, image=None), controls=[given], n_runs=1)
            assert list(metrics.index) == ["text", *names]
        metrics, predictions = ablate(
            paper_model(), subsets=["text"], controls=["two seeds of text"], n_runs=1
        )
        theirs = all_controls[1].query("run == 0")["two seeds of text"]
        np.testing.assert_array_equal(predictions["two seeds of text"], theirs)

    def test_shuffled_covers(self, ablate, paper_model, all_controls):
        metrics, predictions = ablate(
            paper_model(text=None), subsets=["audio"], controls=["shuffled covers"], n_runs=1
        )
        assert list(metrics.index) == ["audio", "shuffled covers"]

    @pytest.mark.parametrize("name", ["audio", "text", "audio + text + image"])
    @pytest.mark.parametrize("combine", ["mean", "concatenate"])
    def test_plain(self, albums, table, all_controls, name, combine):
        """What a plain classifier says that is fitted on the training rows."""
        control = f"plain {name}"
        if combine == "concatenate":
            control += ", concatenated" if " + " in name else ""
        run = all_controls[1].query("run == 1")
        test = run["row"].to_numpy()
        train = np.setdiff1d(np.arange(40), test)
        off = {modality: None for modality in MODALITIES if modality not in name}
        plain = make_plain_classifier(combine=combine, **off)
        plain.fit(table.iloc[train], albums.y[train])
        np.testing.assert_array_equal(run[control], plain.predict(table.iloc[test]))

    def test_the_missing_pattern_sees_only_what_is_there(self, albums, table, all_controls):
        _, predictions = all_controls
        run = predictions[predictions["run"] == 1]
        test = run["row"].to_numpy()
        train = np.setdiff1d(np.arange(40), test)
        absent = table[["audio", "text", "cover"]].isna().to_numpy()
        regression = LogisticRegression().fit(absent[train], albums.y[train])
        np.testing.assert_array_equal(run["missing pattern"], regression.predict(absent[test]))

    def test_mean_of_probabilities(self, albums, table, paper_model, all_controls):
        """Over the modalities of a row, each on its own fitted as a model is."""
        _, predictions = all_controls
        run = predictions[predictions["run"] == 0]
        test = run["row"].to_numpy()
        train = np.setdiff1d(np.arange(40), test)
        artists = np.asarray(albums.groups)[train]
        total = 0
        for modality, column in zip(MODALITIES, ("audio", "text", "cover"), strict=True):
            model = paper_model(**{other: None for other in MODALITIES if other != modality})
            model.fit(table.iloc[train], albums.y[train], groups=artists)
            there = table[column].notna().to_numpy()[test, None]
            total = total + model.predict_proba(table.iloc[test]) * there
        some = total.any(axis=1)
        expected = model.classes_[total.argmax(axis=1)]
        np.testing.assert_array_equal(run["mean of probabilities"][some], expected[some])


class TestControlsOfSeveralGenres:
    @pytest.mark.parametrize("combine", ["mean", "concatenate"])
    def test_plain(self, labels, table_of_two, everything, combine):
        _, predictions = everything
        run = predictions.rows["run"] == 1
        test = predictions.rows["row"][run].to_numpy()
        train = np.setdiff1d(np.arange(40), test)
        plain = make_plain_classifier(audio=None, combine=combine)
        plain.fit(table_of_two.iloc[train], labels.iloc[train])
        name = "plain text + image" + (", concatenated" if combine == "concatenate" else "")
        expected = plain.decision_function(table_of_two.iloc[test])
        np.testing.assert_allclose(predictions.scores[name][run], expected, atol=1e-6)
        np.testing.assert_array_equal(predictions.predicted[name][run], expected > 0)

    def test_plain_is_tuned_as_the_model_is(self, ablate_labels, small_model, everything):
        model = small_model(audio=None)  # tunes its thresholds, the one of the paper does not
        found = ablate_labels(model, subsets=["text"], controls=["plain"], n_runs=1)
        for tuned, (_, predictions) in ((True, found), (False, everything)):
            by_half = predictions.scores["plain text"] > 0
            assert np.array_equal(predictions.predicted["plain text"], by_half) is not tuned

    def test_the_missing_pattern(self, table_of_two, labels, everything):
        _, predictions = everything
        run = predictions.rows["run"] == 0
        test = predictions.rows["row"][run].to_numpy()
        train = np.setdiff1d(np.arange(40), test)
        absent = table_of_two[["text", "cover"]].isna().to_numpy()
        found = predictions.scores["missing pattern"][run]
        regression = LogisticRegression().fit(absent[train], labels["d"].iloc[train])
        np.testing.assert_array_equal(found[:, 3], regression.predict_proba(absent[test])[:, 1])
        assert (found[:, 6] == 0).all() and (found[:, 7] == 1).all()

    def test_mean_of_probabilities(self, albums, table_of_two, labels, paper_model, everything):
        _, predictions = everything
        run = predictions.rows["run"] == 0
        test = predictions.rows["row"][run].to_numpy()
        train = np.setdiff1d(np.arange(40), test)
        each = []
        for modality, column in zip(TWO, ("text", "cover"), strict=True):
            off = {other: None for other in ("audio", *TWO) if other != modality}
            model = paper_model(**off)
            artists = np.asarray(albums.groups)[train]
            model.fit(table_of_two.iloc[train], labels.iloc[train], groups=artists)
            probabilities = model.predict_proba(table_of_two.iloc[test])
            there = table_of_two[column].notna().to_numpy()[test, None]
            each.append(np.where(there, probabilities, np.nan))
        some = ~np.isnan(each).all(axis=(0, 2))
        found = predictions.scores["mean of probabilities"][run]
        np.testing.assert_allclose(found[some], np.nanmean(np.array(each)[:, some], axis=0))
        assert ((found >= 0) & (found <= 1)).all()

    def test_half_of_the_log_prior_changes_ranks_only_across_labels(self, labels, everything):
        metrics, predictions = everything
        run = predictions.rows["run"] == 0
        train = np.setdiff1d(np.arange(40), predictions.rows["row"][run])
        np.testing.assert_array_equal(
            predictions.scores["half of log prior removed"][run],
            remove_log_prior(
                predictions.scores["text + image"][run], labels.iloc[train].mean(axis=0)
            ),
        )
        line = metrics.loc["half of log prior removed"]
        assert line["difference"] == pytest.approx(0, abs=1e-12)

    def test_random_scores(self, everything):
        _, predictions = everything
        scores = predictions.scores["random scores"]
        assert np.unique(scores).size == scores.size

    def test_a_control_alone_leaves_the_rest(self, ablate_labels, paper_model, everything):
        model = paper_model(audio=None)
        _, predictions = ablate_labels(
            model, subsets=["text"], controls=["random scores"], n_runs=1
        )
        assert list(predictions.scores) == ["text", "random scores"]
        first = everything[1].rows["run"] == 0
        for name in predictions.scores:
            theirs = everything[1].scores[name][first]
            np.testing.assert_array_equal(predictions.scores[name], theirs)


class TestCosine:
    def test_scores_are_similarities(self, ablate_labels, paper_model):
        model = paper_model(audio=None, target="cosine")
        with pytest.warns(UserWarning) as told:
            metrics, predictions = ablate_labels(
                model, controls=["half of log prior removed", "two seeds of text"], n_runs=1
            )
        # A label that nobody has is told of by the factorisation, and nothing else is.
        assert all("g" in str(warning.message) for warning in told)
        for name in (*SUBSETS_OF_TWO, "two seeds of text"):
            scores = predictions.scores[name]
            assert (np.abs(scores) <= 1 + 1e-6).all() and (scores < 0).any()
        assert np.abs(predictions.scores["half of log prior removed"]).max() > 1
        assert metrics["macro_auc"].between(0, 1).all()

    def test_no_probabilities(self, ablate_labels, paper_model):
        model = paper_model(audio=None, target="cosine")
        with pytest.raises(ValueError, match="'mean of probabilities' needs probabilities"):
            ablate_labels(model, controls=["mean of probabilities"])


def test_factors_are_those_of_all_training_albums(albums, labels, paper_model):
    """One factorisation: that of tracks is that of albums."""
    model = paper_model(text=None, image=None, target="cosine", audio__max_epochs=1)
    some = labels[list("abcdef")]
    model.fit(albums.table, some, groups=albums.groups)
    expected = PPMILabelFactorizer(n_components="auto").fit(some).label_factors_
    tracks = model["modalities"].named_transformers_["audio"].estimator_["cnn"]
    for network in (tracks, model["fusion"]):
        np.testing.assert_array_equal(network.label_factorizer_.label_factors_, expected)
