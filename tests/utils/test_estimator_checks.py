"""Checks of branches: ours and sound ones of others pass, each broken one is named."""

import os
import pickle
import random
from unittest import SkipTest

import numpy as np
import pytest
import soundfile
from PIL import Image
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.decomposition import PCA
from sklearn.feature_extraction.text import HashingVectorizer
from sklearn.pipeline import Pipeline
from sklearn.preprocessing import FunctionTransformer
from sklearn.utils.validation import check_is_fitted
from slow_cases import few_slow

from skmmgenre.audio import AudioCNN, AudioEmbedder, CQTExtractor, TimbreStatistics
from skmmgenre.compose import MeanOverTracks
from skmmgenre.image import ResNetEmbedder
from skmmgenre.text import ReviewTruncator, ReviewVectorizer, TextMLP
from skmmgenre.utils import is_missing
from skmmgenre.utils.estimator_checks import branch_checks, check_branch, parametrize_with_checks

TITLES = ["So What", "Naima!", "Help", "Angie and more", "1999", "Low", "Hurt me", "Roxanne ..."]
TRAINING = {"max_epochs": 1, "validation_fraction": 0, "random_state": 0}


class Lengths(TransformerMixin, BaseEstimator):
    """How many characters and spaces a title has beyond the mean; sound in all that is checked."""

    __metadata_request__fit = {"groups": True}

    def __init__(self, scale=1.0, n_jobs=None, random_state=None):
        self.scale, self.n_jobs, self.random_state = scale, n_jobs, random_state

    def fit(self, X, y=None, groups=None):
        there = [self._count(cell) for cell in X if not is_missing(cell)]
        if not there:
            raise ValueError("There is no title to learn from.")
        self.mean_ = np.mean(there, axis=0)
        return self

    def transform(self, X):
        check_is_fitted(self)
        nothing = [np.nan, np.nan]
        rows = [nothing if is_missing(cell) else self._count(cell) - self.mean_ for cell in X]
        return self.scale * np.array(rows)

    def _count(self, cell):
        return np.array([len(cell), cell.count(" ")], dtype=float)

    def get_feature_names_out(self, input_features=None):
        return np.array(["characters", "spaces"], dtype=object)


class Hashed(TransformerMixin, BaseEstimator):
    """scikit-learn's HashingVectorizer with the two things that a branch must add."""

    def fit(self, X, y=None):
        self.hash_ = HashingVectorizer(n_features=8)
        return self

    def transform(self, X):
        check_is_fitted(self)
        there = [not is_missing(cell) for cell in X]
        found = np.full((len(there), 8), np.nan)
        if any(there):
            found[there] = self.hash_.transform(np.asarray(X, dtype=object)[there]).toarray()
        return found

    def get_feature_names_out(self, input_features=None):
        return np.array([f"hash{k}" for k in range(8)], dtype=object)


class SomeRows(BaseEstimator, TransformerMixin):
    """Fits and applies a transformer of numbers to the rows that are there."""

    def __init__(self, estimator):
        self.estimator = estimator

    def fit(self, X, y=None):
        X = np.asarray(X)
        there = ~np.isnan(X).all(axis=1)
        if not there.any():
            raise ValueError("There is no vector to learn from.")
        self.estimator_ = self.estimator.fit(X[there])
        return self

    def transform(self, X):
        check_is_fitted(self)
        X = np.asarray(X)
        there = ~np.isnan(X).all(axis=1)
        found = np.full((len(X), self.estimator_.n_components_), np.nan)
        if there.any():
            found[there] = self.estimator_.transform(X[there])
        return found

    def get_feature_names_out(self, input_features=None):
        return self.estimator_.get_feature_names_out()


def stacked(cells):
    return np.array([np.full(4, np.nan) if is_missing(cell) else cell for cell in cells])


def ready_vectors():
    return list(np.random.default_rng(0).normal(size=(9, 4)))


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    return tmp_path_factory.mktemp("files")


def songs(folder):
    rng = np.random.default_rng(0)
    paths = [str(folder / f"{row}.wav") for row in range(6)]
    for path in paths:
        soundfile.write(path, 0.1 * rng.normal(size=52920), 22050)
    return paths


def covers(folder):
    rng = np.random.default_rng(0)
    paths = [str(folder / f"{row}.png") for row in range(6)]
    for path in paths:
        Image.fromarray(rng.integers(255, size=(12, 12, 3), dtype=np.uint8)).save(path)
    return paths


def our_branches(folder):
    """Each with its cells and a bad one."""
    cqt = CQTExtractor(duration=2.3, hop_length=512, n_bins=12, fmin=261.6)
    cnn = AudioCNN(architecture="time", width=(2, 2, 2), **TRAINING)
    words = [("tfidf", ReviewVectorizer(min_df=1, max_df=1.0))]
    words += [("mlp", TextMLP(hidden_units=(4, 3), **TRAINING))]
    cover = ResNetEmbedder(depth=18, weights=None, image_size=32, fine_tune=False, **TRAINING)
    rng = np.random.default_rng(0)
    return {
        "audio": (MeanOverTracks(Pipeline([("cqt", cqt), ("cnn", cnn)])), songs(folder), "gone"),
        "text": (Pipeline([("truncate", ReviewTruncator()), *words]), TITLES, None),
        "image": (cover, covers(folder), "gone.png"),
        # A function that workers can import, which returns the windows themselves.
        "encoder": (
            AudioEmbedder(model=np.atleast_2d, sr=1000, window=1.0),
            songs(folder),
            "gone.wav",
        ),
        "timbre": (
            TimbreStatistics(),
            [rng.normal(size=(5 + row, 12)) for row in range(6)],
            "gone.h5",
        ),
    }


@pytest.mark.parametrize(
    "name", few_slow(["audio", "text", "image", "encoder", "timbre"], "audio", "image")
)
def test_our_own(files, name):
    estimator, cells, bad_cell = our_branches(files)[name]
    results = check_branch(estimator, cells, bad_cell=bad_cell)
    skipped = {r["check_name"] for r in results if r["status"] == "skipped"}
    assert len(results) == len(list(branch_checks([])))
    assert skipped <= {"check_n_jobs", "check_not_fitted", "check_metadata", "check_bad_cell"}
    assert ("check_bad_cell" in skipped) == (bad_cell is None)


def four_names(transformer, input_features):
    return np.array(list("abcd"), dtype=object)


stack = FunctionTransformer(stacked, feature_names_out=four_names)
reduced = Pipeline([("stack", stack), ("pca", SomeRows(PCA(2)))])


words = Pipeline([("truncate", ReviewTruncator()), ("tfidf", ReviewVectorizer(max_df=1.0))])


@parametrize_with_checks(
    [
        (Lengths(), TITLES),
        (Hashed(), lambda: TITLES),
        (words, TITLES),
        (reduced, ready_vectors, {"atol": 1e-9}),
    ]
)
def test_those_of_others(estimator, check):
    check(estimator)


# ---- broken ones ------------------------------------------------------------------------


class DropsMissingRows(Lengths):
    def transform(self, X):
        return super().transform([cell for cell in X if not is_missing(cell)])


class ZerosForMissing(Lengths):
    def transform(self, X):
        return np.nan_to_num(super().transform(X))


class CentresTheBatch(Lengths):
    def transform(self, X):
        found = np.asarray(super().transform(X))
        return found if np.isnan(found).all() else found - np.nanmean(found, axis=0)


class SortsRows(Lengths):
    def transform(self, X):
        return np.sort(super().transform(X), axis=0)


class OneDimensional(Lengths):
    def transform(self, X):
        return super().transform(X)[:, 0]


class ChangesItsCells(Lengths):
    def transform(self, X):
        found = super().transform(X)
        X.iloc[0] = "changed"
        return found


class ReadsTheGlobalGenerator(Lengths):
    def fit(self, X, y=None, groups=None):
        super().fit(X, y)
        state = np.random.get_state()
        self.mean_ = self.mean_ + np.random.normal()
        np.random.set_state(state)
        return self


class SeedsTheGlobalGenerator(Lengths):
    def fit(self, X, y=None, groups=None):
        random.seed(3)
        return super().fit(X, y)


class DrawsAnew(Lengths):
    def fit(self, X, y=None, groups=None):
        super().fit(X, y)
        self.mean_ = self.mean_ + np.random.default_rng().normal()
        return self


class KeepsAPath(Lengths):
    def fit(self, X, y=None, groups=None):
        self.folder_ = os.path.join(os.getcwd(), "kept")
        return super().fit(X, y)


class CannotBePickled(Lengths):
    def __getstate__(self):
        if hasattr(self, "mean_"):
            raise TypeError("cannot pickle a lock")
        return super().__getstate__()


class OneNameTooFew(Lengths):
    def get_feature_names_out(self, input_features=None):
        return np.array(["characters"], dtype=object)


class SetsItsParameter(Lengths):
    def fit(self, X, y=None, groups=None):
        self.scale = 2.0
        return super().fit(X, y)


class CountsInWorkers(Lengths):
    def transform(self, X):
        return super().transform(X) * (self.n_jobs or 1)


class GoesOnLearning(Lengths):
    def fit(self, X, y=None, groups=None):
        before = getattr(self, "mean_", 0)
        super().fit(X, y)
        self.mean_ = self.mean_ + before
        return self


class AsksForNoGroups(Lengths):
    __metadata_request__fit = {"groups": None}


class TripsOverNothing(Lengths):
    def fit(self, X, y=None, groups=None):
        first = next(cell for cell in X if not is_missing(cell))
        return super().fit([first, *X], y)


class NeedsOneGenreARow(Lengths):
    def fit(self, X, y=None, groups=None):
        assert np.ndim(y) == 1, "y must be one column"
        return super().fit(X, y)


class GuessesBadCells(Lengths):
    def _count(self, cell):
        return super()._count(cell if isinstance(cell, str) else "")


class AnswersUnfitted(Lengths):
    def transform(self, X):
        self.mean_ = getattr(self, "mean_", 0)
        return super().transform(X)


class GoesByTheIndex(Lengths):
    def transform(self, X):
        return super().transform(X) + (0 if 0 in X.index else 1)


BROKEN = {
    DropsMissingRows: ("check_missing_cells", "one row per cell, including missing ones"),
    ZerosForMissing: ("check_missing_cells", "returned numbers for a missing cell .None."),
    CentresTheBatch: ("check_rows_alone", "Compute each row independently"),
    SortsRows: ("check_rows_alone", "change if they are transformed alone"),
    OneDimensional: ("check_rows", r"shape \(8,\) for 8 cells"),
    ChangesItsCells: ("check_input_is_left_alone", "Work on a copy"),
    ReadsTheGlobalGenerator: ("check_global_random_state", "depend on the seed of a global"),
    SeedsTheGlobalGenerator: ("check_global_random_state", r"global random state of \['random'\]"),
    DrawsAnew: ("check_fit_again", "other vectors than the first"),
    KeepsAPath: ("check_pickle", "which is not a parameter"),
    CannotBePickled: ("check_pickle", "the estimator raised TypeError: cannot pickle a lock"),
    OneNameTooFew: ("check_names_and_container", "returned 1 names, 1 of them unique"),
    SetsItsParameter: ("check_parameters", r"fit changed the parameters \['scale'\]"),
    CountsInWorkers: ("check_n_jobs", "n_jobs=2 changed the vectors"),
    GoesOnLearning: ("check_fit_again", "Reset all fitted attributes"),
    AsksForNoGroups: ("check_metadata", r"takes \['groups'\] but does not request it"),
    TripsOverNothing: ("check_column_of_missing_cells", "raised StopIteration"),
    NeedsOneGenreARow: ("check_multilabel", "y must be one column"),
    GuessesBadCells: ("check_bad_cell", "without an error. Raise a ValueError"),
    AnswersUnfitted: ("check_not_fitted", "returned something. Call check_is_fitted"),
    GoesByTheIndex: ("check_index", "Use positions"),
}


@pytest.mark.parametrize("broken", BROKEN, ids=lambda cls: cls.__name__)
def test_broken_ones_are_named(broken):
    name, message = BROKEN[broken]
    check = dict(branch_checks(TITLES, bad_cell=3))[name]
    with pytest.raises(AssertionError, match=f"^{name}: .*{message}"):
        check(broken())
    sound = dict(branch_checks(TITLES, bad_cell=3))[name]
    sound(Lengths())


def test_every_check_has_a_broken_one():
    of_whole_pipelines = {"check_in_a_genre_pipeline"}
    named = {name for name, _ in BROKEN.values()} | of_whole_pipelines
    assert named == {name for name, _ in branch_checks(TITLES)}


def test_a_branch_that_breaks_the_whole_pipeline():
    check = dict(branch_checks(TITLES))["check_in_a_genre_pipeline"]
    check(Lengths())
    with pytest.raises(AssertionError, match="the predictions for the rows .* change if they"):
        check(CentresTheBatch())


def test_expected_failures_and_skips():
    reason = {"check_rows_alone": "it centres", "check_in_a_genre_pipeline": "it centres"}
    results = check_branch(CentresTheBatch(), TITLES, atol=0, expected_failed_checks={
        **reason, "check_missing_cells": "it centres"
    })  # fmt: skip
    status = {result["check_name"]: result["status"] for result in results}
    assert status["check_rows_alone"] == status["check_missing_cells"] == "xfail"
    assert status["check_bad_cell"] == "skipped" and status["check_rows"] == "passed"
    assert all((r["exception"] is None) == (r["status"] == "passed") for r in results)
    with pytest.raises(AssertionError, match="^check_missing_cells: "):
        check_branch(CentresTheBatch(), TITLES, expected_failed_checks=reason)


def test_tests_of_pytest():
    mark = parametrize_with_checks(
        [(ZerosForMissing(), TITLES, {"bad_cell": 3})],
        expected_failed_checks=lambda estimator: {"check_missing_cells": "zeros are meant"},
    )
    cases = mark.mark.args[1]
    assert [case.id for case in cases][:2] == [
        "ZerosForMissing-check_parameters",
        "ZerosForMissing-check_not_fitted",
    ]
    marked = [case.id for case in cases if case.marks]
    assert marked == ["ZerosForMissing-check_missing_cells"]


@pytest.mark.parametrize("cells", [TITLES[:5], [*TITLES, None], []])
def test_cells_that_show_nothing(cells):
    with pytest.raises(ValueError, match="cells must have at least 6"):
        check_branch(Lengths(), cells)


def test_the_estimator_stays_as_it_is():
    branch = Lengths(scale=3.0)
    before = pickle.dumps(branch)
    check_branch(branch, TITLES)
    assert pickle.dumps(branch) == before


def test_what_does_not_apply_is_skipped():
    with pytest.raises(SkipTest, match="no parameter n_jobs"):
        dict(branch_checks(TITLES))["check_n_jobs"](Hashed())
