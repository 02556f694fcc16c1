"""ablate_modalities: the rows, what they are trained on, and the figures."""

from collections import Counter
from functools import partial
from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import accuracy_score, f1_score, precision_score, recall_score
from sklearn.model_selection import ShuffleSplit

import skmmgenre.audio._cqt_extractor as extractor
from skmmgenre.compose import GenrePipeline, ablate_modalities
from skmmgenre.fusion import FusionClassifier
from skmmgenre.metrics import bootstrap_interval
from skmmgenre.model_selection import ArtistKFold, ArtistShuffleSplit
from skmmgenre.nets import NetEstimator

PAPER = [
    ("CNN_Audio", "Audio"),
    ("MM_Audio", "Audio"),
    ("CNN_Audio + MM_Audio", "Audio"),
    ("CNN_Visual", "Video"),
    ("MM_Visual", "Video"),
    ("CNN_Visual + MM_Visual", "Video"),
    ("CNN_Audio + CNN_Visual", "A + V"),
    ("MM_Audio + MM_Visual", "A + V"),
    ("All", "A + V"),
]
MODALITIES = ("audio", "text", "image")
SUBSETS = [" + ".join(s) for n in (1, 2, 3) for s in combinations(MODALITIES, n)]
COLUMNS = [
    "input",
    *(name + end for name in ("precision", "recall", "f1", "accuracy") for end in ("", "_std")),
    "reference",
    "difference",
    "low",
    "high",
]


@pytest.fixture(scope="module")
def table(albums):
    """The albums with a fifth of all cells missing."""
    table = albums.table.copy()
    rng = np.random.default_rng(5)
    for column in ("audio", "text", "cover"):
        gone = rng.random(40) < 0.2
        table[column] = [None if g else c for g, c in zip(gone, table[column], strict=True)]
    return table


@pytest.fixture(scope="module")
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
    train, constant_q = NetEstimator._train, extractor.constant_q

    def note_training(self, *args, **kwargs):
        counted[type(self).__name__] += 1
        return train(self, *args, **kwargs)

    def note_transform(*args, **kwargs):
        counted["constant_q"] += 1
        return constant_q(*args, **kwargs)

    monkeypatch.setattr(NetEstimator, "_train", note_training)
    monkeypatch.setattr(extractor, "constant_q", note_transform)
    return counted


@pytest.fixture(scope="module")
def subsets(ablate, small_model):
    """Every subset, two runs."""
    return ablate(small_model(), n_runs=2)


@pytest.fixture(scope="module")
def all_controls(ablate, small_model):
    """Every subset and every control, two runs."""
    return ablate(small_model(), subsets=SUBSETS, controls="all", n_runs=2, n_folds=2)


class TestRows:
    def test_the_nine_rows_of_the_paper(self, ablate, small_model):
        model = small_model(text=None, joint_space=True)
        figures, predictions = ablate(model, subsets="paper", n_runs=1)
        assert list(zip(figures.index, figures["input"], strict=True)) == PAPER
        assert list(figures.columns) == COLUMNS
        references = dict(zip(figures.index, figures["reference"], strict=True))
        for name, kind in PAPER:
            assert references[name] == ("CNN_Visual" if kind == "Video" else "CNN_Audio")
        assert list(predictions.columns) == ["run", "row", "group", "true", *dict(PAPER)]

    def test_the_paper_on_a_model_without_joint_space_and_with_text(self, ablate, small_model):
        params = {"n_runs": 1, "subsets": "paper", "n_resamples": 10}
        figures, _ = ablate(small_model(), **params)
        assert [*figures.index] == [*dict(PAPER)]

    def test_every_subset(self, subsets):
        figures, _ = subsets
        assert list(figures.index) == SUBSETS
        assert list(figures["input"]) == SUBSETS
        assert figures.drop(columns=["input", "reference"]).notna().all(axis=None)
        best = figures.loc[list(MODALITIES), "f1"].idxmax()
        assert set(figures["reference"]) == {best}
        assert figures.loc[best, ["difference", "low", "high"]].tolist() == [0, 0, 0]

    def test_the_reference_is_a_modality_with_the_joint_space_too(self, ablate, small_model):
        model = small_model(joint_space=True)
        figures, _ = ablate(model, n_runs=1, n_resamples=10)
        assert list(figures.index) == SUBSETS
        assert set(figures["reference"]) == {figures.loc[list(MODALITIES), "f1"].idxmax()}

    def test_lists(self, ablate, small_model, subsets):
        chosen = ["text", ("audio", "text"), ["image"], "text + image"]
        figures, predictions = ablate(small_model(), subsets=chosen, n_runs=2)
        names = ["text", "audio + text", "image", "text + image"]
        assert list(figures.index) == names
        # A row does not depend on which others there are.
        pd.testing.assert_frame_equal(predictions[names], subsets[1][names])

    def test_blocks_of_the_joint_space_in_a_list(self, ablate, small_model):
        model = small_model(text=None, joint_space=True)
        figures, _ = ablate(
            model, subsets=["audio", "audio + mm_audio", ("mm_image", "image")], n_runs=1
        )
        assert list(figures.index) == ["audio", "audio + mm_audio", "mm_image + image"]
        assert list(figures["input"]) == ["audio", "audio", "image"]

    def test_one_modality(self, ablate, small_model):
        figures, _ = ablate(small_model(audio=None, image=None), n_runs=1)
        assert list(figures.index) == ["text"]


class TestControls:
    every = [
        "missing pattern",
        "mean of probabilities",
        "two seeds of audio",
        "two seeds of text",
        "two seeds of image",
        "shuffled covers",
        "cross_fit",
    ]

    def test_all(self, all_controls, subsets):
        figures, predictions = all_controls
        assert list(figures.index) == SUBSETS + self.every
        assert set(figures.loc[self.every, "input"]) == {"Control"}
        assert figures.drop(columns=["input", "reference"]).notna().all(axis=None)
        # Controls beside them leave the rows as they are.
        pd.testing.assert_frame_equal(predictions[SUBSETS], subsets[1][SUBSETS])

    def test_a_control_is_compared_with_its_row(self, all_controls):
        figures, _ = all_controls
        for modality in MODALITIES:
            assert figures.loc[f"two seeds of {modality}", "reference"] == modality
        assert figures.loc["cross_fit", "reference"] == "audio + text + image"
        assert figures.loc["shuffled covers", "reference"] == "audio"

    def test_a_control_of_the_paper_too(self, ablate, small_model):
        figures, _ = ablate(
            small_model(text=None),
            subsets="paper",
            controls=["two seeds of image", "shuffled covers", "cross_fit"],
            n_runs=1,
            n_folds=2,
            n_resamples=10,
        )
        references = figures["reference"][-3:].to_dict()
        assert references == {
            "two seeds of image": "CNN_Visual",
            "shuffled covers": "CNN_Audio",
            "cross_fit": "All",
        }

    @pytest.mark.parametrize("control", ["mean of probabilities", "cross_fit"])
    def test_one_by_one(self, ablate, small_model, all_controls, control):
        figures, predictions = ablate(
            small_model(), subsets=["text", MODALITIES], controls=control, n_runs=1, n_folds=2
        )
        assert list(figures.index) == ["text", " + ".join(MODALITIES), control]
        theirs = all_controls[1].query("run == 0")[control]
        np.testing.assert_array_equal(predictions[control], theirs)

    def test_two_seeds(self, ablate, small_model, all_controls):
        for given, names in (
            ("two seeds", ["two seeds of text"]),
            ("two seeds of text", ["two seeds of text"]),
        ):
            figures, _ = ablate(small_model(audio=None, image=None), controls=[given], n_runs=1)
            assert list(figures.index) == ["text", *names]
        figures, predictions = ablate(
            small_model(), subsets=["text"], controls=["two seeds of text"], n_runs=1
        )
        theirs = all_controls[1].query("run == 0")["two seeds of text"]
        np.testing.assert_array_equal(predictions["two seeds of text"], theirs)

    def test_shuffled_covers(self, ablate, small_model, all_controls):
        figures, predictions = ablate(
            small_model(text=None), subsets=["audio"], controls=["shuffled covers"], n_runs=1
        )
        assert list(figures.index) == ["audio", "shuffled covers"]

    def test_the_missing_pattern_sees_only_what_is_there(self, albums, table, all_controls):
        _, predictions = all_controls
        run = predictions[predictions["run"] == 1]
        test = run["row"].to_numpy()
        train = np.setdiff1d(np.arange(40), test)
        absent = table[["audio", "text", "cover"]].isna().to_numpy()
        regression = LogisticRegression().fit(absent[train], albums.y[train])
        np.testing.assert_array_equal(run["missing pattern"], regression.predict(absent[test]))

    def test_mean_of_probabilities(self, albums, table, small_model, all_controls):
        """Over the modalities of a row, each on its own fitted as a model is."""
        _, predictions = all_controls
        run = predictions[predictions["run"] == 0]
        test = run["row"].to_numpy()
        train = np.setdiff1d(np.arange(40), test)
        artists = np.asarray(albums.groups)[train]
        total = 0
        for modality, column in zip(MODALITIES, ("audio", "text", "cover"), strict=True):
            model = small_model(**{other: None for other in MODALITIES if other != modality})
            model.fit(table.iloc[train], albums.y[train], groups=artists)
            there = table[column].notna().to_numpy()[test, None]
            total = total + model.predict_proba(table.iloc[test]) * there
        some = total.any(axis=1)
        expected = model.classes_[total.argmax(axis=1)]
        np.testing.assert_array_equal(run["mean of probabilities"][some], expected[some])


class TestFigures:
    def test_they_follow_from_the_predictions(self, albums, subsets):
        figures, predictions = subsets
        labels = np.unique(albums.y)
        shared = {"labels": labels, "average": "macro", "zero_division": 0}
        assert set(predictions["run"]) == {0, 1}
        for name in SUBSETS:
            runs = []
            for _, run in predictions.groupby("run"):
                true, found = run["true"], run[name]
                runs.append(
                    [
                        precision_score(true, found, **shared),
                        recall_score(true, found, **shared),
                        f1_score(true, found, **shared),
                        accuracy_score(true, found),
                    ]
                )
            columns = ["precision", "recall", "f1", "accuracy"]
            mean = figures.loc[name, columns].astype(float)
            spread = figures.loc[name, [c + "_std" for c in columns]].astype(float)
            np.testing.assert_allclose(mean, np.mean(runs, axis=0))
            np.testing.assert_allclose(spread, np.std(runs, axis=0, ddof=1), atol=1e-12)

    def test_differences(self, albums, subsets):
        figures, predictions = subsets
        for name, line in figures.iterrows():
            other = line["reference"]
            assert line["difference"] == pytest.approx(line["f1"] - figures.loc[other, "f1"])
            assert line["low"] <= line["difference"] + 1e-9 or line["low"] <= line["high"]
            interval = bootstrap_interval(
                predictions["true"],
                predictions[name],
                predictions[other],
                groups=predictions["group"],
                runs=predictions["run"],
                labels=np.unique(albums.y),
                n_resamples=50,
            )
            assert interval == pytest.approx((line["difference"], line["low"], line["high"]))

    def test_predictions_name_their_rows(self, albums, subsets):
        _, predictions = subsets
        rows = predictions["row"].to_numpy()
        np.testing.assert_array_equal(predictions["true"], albums.y[rows])
        np.testing.assert_array_equal(predictions["group"], np.asarray(albums.groups)[rows])

    def test_a_row_is_what_a_model_of_these_modalities_says(
        self, albums, table, small_model, subsets
    ):
        _, predictions = subsets
        run = predictions[predictions["run"] == 1]
        test = run["row"].to_numpy()
        train = np.setdiff1d(np.arange(40), test)
        artists = np.asarray(albums.groups)[train]
        # Seeds of the runs are the networks' own; what is extracted keeps the model's.
        for name in ("text", "audio + text + image"):
            off = {m: None for m in MODALITIES if m not in name}
            seeds = {f"{m}__random_state": 1 for m in (*MODALITIES, "fusion") if m not in off}
            model = small_model(**off, **seeds)
            model.fit(table.iloc[train], albums.y[train], groups=artists)
            np.testing.assert_array_equal(run[name], model.predict(table.iloc[test]))


class TestWork:
    def test_networks_are_trained_once_a_run_and_shared(self, ablate, small_model, counts, table):
        ablate(small_model(joint_space=True), n_runs=2)
        assert counts["AudioCNN"] == counts["TextMLP"] == counts["ResNetEmbedder"] == 2
        assert counts["JointSpaceProjector"] == 2
        assert counts["FusionClassifier"] == 2 * len(SUBSETS)
        assert counts["constant_q"] == sum(len(cell) for cell in table["audio"] if cell)

    def test_cross_fit_costs_its_folds_only(self, ablate, small_model, counts):
        ablate(small_model(image=None), n_runs=1, controls=["cross_fit"], n_folds=3)
        assert counts["TextMLP"] == counts["AudioCNN"] == 1 + 3
        assert "JointSpaceProjector" not in counts

    def test_the_same_seed_gives_the_same_predictions(self, ablate, small_model, subsets):
        chosen = ["text", "text + image"]
        _, again = ablate(small_model(audio=None), subsets=chosen, n_runs=1)
        first = subsets[1].query("run == 0")
        np.testing.assert_array_equal(again["row"], first["row"])
        pd.testing.assert_frame_equal(again[chosen], first[chosen])
        second = subsets[1].query("run == 1").reset_index(drop=True)
        _, other = ablate(small_model(audio=None), subsets=chosen, n_runs=1, random_state=1)
        pd.testing.assert_frame_equal(other[chosen], second[chosen])

    def test_the_model_is_not_fitted(self, ablate, small_model):
        model = small_model(audio=None, image=None)
        before = repr(model)
        ablate(model, n_runs=1)
        assert not hasattr(model["modalities"], "transformers_") and repr(model) == before

    def test_runs_in_two_workers(self, ablate, small_model):
        model = small_model(audio=None, image=None)
        figures, predictions = ablate(model, n_runs=2, n_jobs=2)
        alone, theirs = ablate(model, n_runs=2)
        assert list(figures.index) == list(alone.index)
        assert figures.drop(columns=["input", "reference"]).notna().all(axis=None)
        assert predictions.shape == theirs.shape
        np.testing.assert_array_equal(predictions["row"], theirs["row"])

    def test_progress_of_the_runs(self, ablate, small_model, capsys):
        ablate(small_model(audio=None, image=None), n_runs=2, verbose=1)
        told = capsys.readouterr()
        assert "Runs" in told.err and "2/2" in told.err
        assert not told.out


class TestSplits:
    @pytest.fixture
    def words(self, small_model):
        return small_model(audio=None, image=None)

    def test_a_splitter(self, albums, ablate, words):
        _, predictions = ablate(words, cv=ArtistKFold(3), n_runs=2)
        for _, run in predictions.groupby("run"):
            assert sorted(run["row"]) == list(range(40))

    def test_a_splitter_of_each_run(self, ablate, words):
        cv = partial(ArtistShuffleSplit, 2, test_size=0.2)
        _, predictions = ablate(words, cv=cv, n_runs=2)
        by_run = [run["row"].tolist() for _, run in predictions.groupby("run")]
        assert by_run[0] != by_run[1]

    def test_without_artists(self, albums, words, ablate):
        cv = partial(ShuffleSplit, 1, test_size=0.3)
        with pytest.warns(UserWarning, match="without regard to artists"):
            _, predictions = ablate(words, groups=None, cv=cv, n_runs=1)
        np.testing.assert_array_equal(predictions["group"], predictions["row"])

    def test_a_reference_of_ones_own(self, ablate, words):
        figures, _ = ablate(
            words, n_runs=1, reference="missing pattern", controls=["missing pattern"]
        )
        assert set(figures["reference"]) == {"missing pattern"}

    def test_figures_alone(self, albums, words):
        answer = ablate_modalities(
            words, albums.table, albums.y, albums.groups, "all", 1, n_resamples=10
        )
        assert isinstance(answer, pd.DataFrame)

    def test_names_of_rows_do_not_matter(self, albums, table, ablate, words):
        _, expected = ablate(words, n_runs=1)
        strange = table.set_index(np.arange(40)[::-1] % 7)
        _, found = ablate(words, table=strange, n_runs=1)
        pd.testing.assert_frame_equal(found, expected)


def test_ready_vectors_alone(albums):
    """No network takes the artists then; the splitter and the fusion layers do."""
    vectors = np.random.default_rng(0).normal(size=(40, 5))
    vectors[::4, 3:] = np.nan
    table = pd.DataFrame(vectors, columns=list("abcde"))
    branches = [("audio", "passthrough", ["a", "b", "c"]), ("text", "passthrough", ["d", "e"])]
    modalities = ColumnTransformer(branches).set_output(transform="pandas")
    model = GenrePipeline([("modalities", modalities), ("fusion", FusionClassifier(max_epochs=2))])
    figures = ablate_modalities(
        model, table, albums.y, albums.groups, n_runs=1, controls=["missing pattern"]
    )
    assert list(figures.index) == ["audio", "text", "audio + text", "missing pattern"]


def test_own_vectors_as_a_branch(albums, ablate, small_model):
    """Columns of ready numbers, beside a modality."""
    model = small_model(audio=None, image=None)
    numbers = np.random.default_rng(0).normal(size=(40, 2))
    numbers[::4] = np.nan
    table = albums.table.assign(first=numbers[:, 0], second=numbers[:, 1])
    branches = model["modalities"]
    branches.transformers = [
        *branches.transformers,
        ("numbers", "passthrough", ["first", "second"]),
    ]
    figures, predictions = ablate(
        model, table=table, controls=["missing pattern", "mean of probabilities"], n_runs=1
    )
    assert list(figures.index)[:3] == ["text", "numbers", "text + numbers"]
    assert predictions["missing pattern"].isin(albums.y).all()


class TestErrors:
    @pytest.mark.parametrize(
        ("params", "message"),
        [
            ({"subsets": "some"}, "subsets must be 'all', 'paper' or a list, got 'some'"),
            ({"subsets": "paper"}, r"needs audio and image.*the model has \['text'\]"),
            ({"subsets": ["text + audio"]}, r"names \['audio'\]; known are"),
            ({"subsets": [()]}, "known are"),
            ({"subsets": ["mm_audio"]}, r"names \['mm_audio'\]; known are \['text'\]"),
            ({"controls": ["luck"]}, "control 'luck' is unknown; known are .*'missing pattern'"),
            ({"controls": ["shuffled covers"]}, "needs audio and image"),
            ({"reference": "audio"}, r"reference 'audio' is no row; rows are \['text'\]"),
            ({"n_runs": 0}, "n_runs must be an integer above 0"),
            ({"y": ["Jazz"] * 40}, "one class only"),
            ({"y": ["Jazz", "Rock"]}, "y has 2 rows, the table has 40"),
            ({"groups": None}, "Without groups .* pass"),
            ({"groups": list("abc")}, "groups has 3 rows"),
        ],
        ids=str,
    )
    def test_told_before_anything_is_done(self, ablate, small_model, counts, params, message):
        with pytest.raises(ValueError, match=message):
            ablate(small_model(audio=None, image=None), **params)
        assert not counts

    def test_another_model(self, ablate):
        with pytest.raises(ValueError, match="steps modalities and fusion"):
            ablate(LogisticRegression())
