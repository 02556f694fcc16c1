import inspect
import pickle
import warnings

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from other_tables import EVERY_KIND, of_polars
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import NotFittedError
from sklearn.linear_model import LogisticRegression
from sklearn.metrics import f1_score, precision_score
from sklearn.model_selection import GridSearchCV, KFold, cross_validate
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from slow_cases import few_fast

from skmmgenre.compose import GenrePipeline
from skmmgenre.fusion import FusionClassifier
from skmmgenre.metrics import GenreScorer, macro_auc_score
from skmmgenre.model_selection import (
    ArtistKFold,
    ArtistShuffleSplit,
    LabelThresholds,
    best_f1_threshold,
)

NAMES = ["Blues", "Jazz", "Metal", "Pop", "Rock"]
SHARES = [0.04, 0.1, 0.2, 0.3, 0.5]


def data(n=600, n_artists=200, seed=0, shares=SHARES):
    rng = np.random.default_rng(seed)
    artists = rng.integers(0, n_artists, n)
    Y = (rng.random((n, len(shares))) < shares).astype(int)
    X = Y @ rng.normal(size=(len(shares), 6)) + rng.normal(size=(n, 6))
    return X, Y, artists


def one_vs_rest():
    return OneVsRestClassifier(LogisticRegression())


def fusion(**params):
    # Nothing is chosen within a fold, which takes most of the time.
    params = {"C": 1.0, "decision": 0.5, "random_state": 0} | params
    return FusionClassifier(**params)


def test_thresholds_are_those_of_scores_held_out_by_artist():
    X, Y, artists = data(200)
    model = LabelThresholds(one_vs_rest(), min_positives=1).fit(X, Y, groups=artists)
    held_out = np.empty(Y.shape)
    for train, test in ArtistKFold(5).split(X, Y, artists):
        held_out[test] = one_vs_rest().fit(X[train], Y[train]).decision_function(X[test])
    assert model.tuned_.all() and np.isnan(model.shared_threshold_)
    for label in range(5):
        cuts = [-np.inf, *held_out[:, label]]
        best = max(f1_score(Y[:, label], held_out[:, label] > cut, zero_division=0) for cut in cuts)
        found = held_out[:, label] > model.thresholds_[label]
        assert f1_score(Y[:, label], found) == pytest.approx(best)
        assert model.describe()["f1"][label] == pytest.approx(best)


def test_rare_genres_gain_on_unseen_artists():
    X, Y, artists = data(2000, 700)
    train, test = next(ArtistShuffleSplit(1, test_size=0.5, random_state=0).split(X, Y, artists))
    plain = one_vs_rest().fit(X[train], Y[train])
    model = LabelThresholds(one_vs_rest()).fit(X[train], Y[train], groups=artists[train])
    np.testing.assert_array_equal(
        model.decision_function(X[test]), plain.decision_function(X[test])
    )
    np.testing.assert_array_equal(model.predict_proba(X[test]), plain.predict_proba(X[test]))
    f1 = [
        f1_score(Y[test], m.predict(X[test]), average="macro", zero_division=0)
        for m in (plain, model)
    ]
    assert f1[1] > f1[0] + 0.02


def test_a_given_precision():
    X, Y, artists = data(2000, 700)
    half = np.isin(artists, np.unique(artists)[::2])
    model = LabelThresholds(one_vs_rest(), strategy="precision", min_precision=0.7)
    model.fit(X[half], Y[half], groups=artists[half])
    reached = np.isfinite(model.thresholds_)
    assert reached.sum() >= 3
    table = model.describe()
    assert (table["precision"][reached] >= 0.7).all()
    predicted = model.predict(X[~half])
    assert not predicted[:, model.thresholds_ == np.inf].any()
    unseen = precision_score(Y[~half][:, reached], predicted[:, reached], average="micro")
    assert unseen == pytest.approx(0.7, abs=0.06)


@pytest.mark.parametrize("k", [1, 3])
def test_top_k(k):
    X, Y, _ = data()
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # nothing is tuned, so artists do not matter
        model = LabelThresholds(one_vs_rest(), strategy="top_k", k=k).fit(X, Y)
    predicted = model.predict(X)
    scores = model.decision_function(X)
    assert (predicted.sum(axis=1) == k).all()
    assert (
        np.where(predicted, scores, np.inf).min(1) >= np.where(predicted, -np.inf, scores).max(1)
    ).all()
    assert list(model.describe().columns) == ["threshold", "tuned"]


@pytest.mark.parametrize("strategy", ["f1", "precision"])
def test_at_least_one_genre(strategy):
    X, Y, _ = data(shares=[0.04, 0.1, 0.15, 0.2, 0.25])
    params = {"strategy": strategy, "min_precision": 0.9, "cv": KFold(3)}
    may_be_none, one = (
        LabelThresholds(one_vs_rest(), at_least_one=flag, **params).fit(X, Y)
        for flag in (False, True)
    )
    free, forced = may_be_none.predict(X), one.predict(X)
    none = ~free.any(axis=1)
    assert none.any()
    np.testing.assert_array_equal(forced[~none], free[~none])
    assert (forced[none].sum(axis=1) == 1).all()
    margins = one.decision_function(X)[none] - one.thresholds_
    np.testing.assert_array_equal(forced[none].argmax(axis=1), margins.argmax(axis=1))


class DummyScores(DummyClassifier):
    """Scores of labels without learning: columns of X."""

    def decision_function(self, X):
        return X[:, :5]


def test_if_no_genre_is_ever_predicted_the_likeliest_is():
    X, Y, _ = data(60)
    model = LabelThresholds(DummyScores(), cv=KFold(3), at_least_one=True)
    model.fit(X, np.zeros_like(Y))
    assert (model.thresholds_ == np.inf).all()
    np.testing.assert_array_equal(model.predict(X).argmax(axis=1), X[:, :5].argmax(axis=1))


def test_rare_labels_share_a_threshold():
    X, Y, artists = data()
    model = LabelThresholds(one_vs_rest(), min_positives=100).fit(X, Y, groups=artists)
    rare = Y.sum(axis=0) < 100
    assert 1 < rare.sum() < 5
    np.testing.assert_array_equal(model.tuned_, ~rare)
    assert set(model.thresholds_[rare]) == {model.shared_threshold_}
    assert len(set(model.thresholds_[~rare]) | {model.shared_threshold_}) == (~rare).sum() + 1
    everything = LabelThresholds(one_vs_rest(), min_positives=10_000)
    everything.fit(X, Y, groups=artists)
    assert set(everything.thresholds_) == {everything.shared_threshold_}


@pytest.mark.parametrize("estimator", [one_vs_rest(), fusion()], ids=["sklearn", "fusion"])
@pytest.mark.parametrize("form", [np.asarray, pd.DataFrame, sparse.csr_array, sparse.coo_array])
def test_every_form_of_labels(estimator, form):
    X, Y, artists = data(200)
    expected = LabelThresholds(estimator, cv=3).fit(X, Y, groups=artists)
    model = LabelThresholds(estimator, cv=3).fit(X, form(Y), groups=artists)
    np.testing.assert_array_equal(model.thresholds_, expected.thresholds_)
    predicted = model.predict(X)
    assert isinstance(predicted, np.ndarray) and predicted.shape == Y.shape
    assert predicted.dtype == np.int64 and set(np.unique(predicted)) <= {0, 1}
    assert model.classes_.tolist() == [0, 1, 2, 3, 4]
    assert model.score(X, form(Y)) == macro_auc_score(Y, model.decision_function(X))


def test_names_are_kept():
    X, Y, artists = data(200)
    Y = pd.DataFrame(Y, columns=NAMES)
    for estimator in (one_vs_rest(), fusion()):
        model = LabelThresholds(estimator, cv=3).fit(X, Y, groups=artists)
        assert model.classes_.tolist() == NAMES
        assert model.describe().index.tolist() == NAMES
        assert model.n_features_in_ == 6
    reordered = Y[NAMES[::-1]]
    with pytest.raises(ValueError, match="same columns in the same order"):
        model.score(X, reordered)
    with pytest.raises(ValueError, match="same columns in the same order"):
        LabelThresholds(model.estimator_, cv="prefit").fit(X, reordered)


def test_around_a_cosine_network():
    X, Y, artists = data()
    half = np.isin(artists, np.unique(artists)[::2])
    network = fusion(target="cosine", max_epochs=10, preset="paper")
    model = LabelThresholds(network, cv=3).fit(X[half], Y[half], groups=artists[half])
    similarities = model.decision_function(X[~half])
    np.testing.assert_array_equal(similarities, model.estimator_.decision_function(X[~half]))
    assert (np.abs(model.thresholds_) < 1).all()
    predicted = model.predict(X[~half])
    np.testing.assert_array_equal(predicted, similarities > model.thresholds_)
    assert not hasattr(model, "predict_proba")
    # The network of the paper alone has one threshold for all genres.
    plain = model.estimator_.predict(X[~half])
    f1 = [f1_score(Y[~half], found, average="macro") for found in (plain, predicted)]
    assert f1[1] > f1[0] + 0.02


@pytest.mark.parametrize("target", ["logistic", "cosine"])
def test_around_a_pipeline_over_a_table(albums, paper_model, target):
    Y = pd.DataFrame({name: (albums.y == name).astype(int) for name in np.unique(albums.y)})
    Y.iloc[::5, 0] = 1
    pipeline = paper_model(audio=None, image=None, target=target)
    model = LabelThresholds(pipeline, cv=2, at_least_one=True)
    # Artists reach every network: none warns of leaks, which would be an error.
    model.fit(albums.table, Y, groups=albums.groups)
    assert isinstance(model.estimator_, GenrePipeline)
    assert model.classes_.tolist() == Y.columns.tolist()
    assert model.predict(albums.table).any(axis=1).all()
    assert model.decision_function(albums.table).shape == Y.shape
    assert hasattr(model, "predict_proba") == (target == "logistic")


def test_as_the_last_step_of_a_pipeline():
    X, Y, artists = data(200)
    table = pd.DataFrame(X, columns=[f"audio__{i}" for i in range(6)])
    model = GenrePipeline([("fusion", LabelThresholds(fusion(), cv=2))])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model.fit(table, Y, groups=artists)
    assert model.predict(table).shape == Y.shape
    assert model["fusion"].feature_names_in_.tolist() == table.columns.tolist()


class Recorder(FusionClassifier):
    """Keeps what fit was given."""

    seen = []

    def fit(self, X, y, groups=None, validation=None, sample_weight=None):
        self.seen.append((len(X), groups, validation, sample_weight))
        return super().fit(X, y, groups, validation, sample_weight)


def test_metadata_of_the_rows_of_each_fold_reach_the_estimator():
    X, Y, artists = data(200)
    given = {
        "groups": pd.Series(artists, index=range(1000, 1200)),
        "validation": (np.random.default_rng(0).random(200) < 0.2).tolist(),
        "sample_weight": np.linspace(0.5, 2, 200),
    }
    Recorder.seen.clear()
    model = LabelThresholds(Recorder(max_epochs=1, random_state=0), cv=2)
    model.fit(X, Y, **given)
    splits = [train for train, _ in ArtistKFold(2).split(X, Y, artists)] + [np.arange(200)]
    assert len(Recorder.seen) == 3
    for rows, (n, groups, validation, weight) in zip(splits, Recorder.seen, strict=True):
        assert n == len(rows)
        np.testing.assert_array_equal(groups, artists[rows])
        np.testing.assert_array_equal(validation, np.array(given["validation"])[rows])
        np.testing.assert_array_equal(weight, given["sample_weight"][rows])


def test_metadata_that_nobody_asks_for_are_refused():
    X, Y, artists = data(100)
    with pytest.raises(TypeError, match="validation"):
        LabelThresholds(one_vs_rest()).fit(X, Y, groups=artists, validation=[True] * 100)


@pytest.mark.slow
@pytest.mark.parametrize("several", [False, True])
def test_in_a_search_with_routing(several):
    X, Y, artists = data(200)
    scoring = GenreScorer(["f1", "macro_auc"]) if several else GenreScorer("f1")
    model = LabelThresholds(fusion(), cv=2)
    with sklearn.config_context(enable_metadata_routing=True):
        search = GridSearchCV(
            model,
            {"estimator__dropout": [0.0, 0.5], "at_least_one": [True]},
            cv=ArtistKFold(2),
            scoring=scoring,
            refit="f1" if several else True,
            error_score="raise",
        ).fit(X, Y, groups=artists)
        results = cross_validate(
            model,
            X,
            Y,
            cv=ArtistKFold(2),
            scoring=scoring,
            params={"groups": artists},
            error_score="raise",
        )
    assert search.predict(X).any(axis=1).all()
    assert np.isfinite(results["test_f1" if several else "test_score"]).all()


def test_fitted_before():
    X, Y, artists = data()
    half = np.isin(artists, np.unique(artists)[::2])
    estimator = one_vs_rest().fit(X[half], Y[half])
    model = LabelThresholds(estimator, cv="prefit", min_positives=1).fit(X[~half], Y[~half])
    assert model.estimator_ is estimator
    scores = estimator.decision_function(X[~half])
    assert (model.describe()["support"] == Y[~half].sum(axis=0)).all()
    assert (model.predict(X[~half]) == (scores > model.thresholds_)).all()
    with pytest.raises(NotFittedError):
        LabelThresholds(one_vs_rest(), cv="prefit").fit(X, Y)


def test_one_split_without_a_refit():
    X, Y, artists = data()
    cv = ArtistShuffleSplit(1, test_size=0.3, random_state=0)
    model = LabelThresholds(one_vs_rest(), cv=cv, refit=False).fit(X, Y, groups=artists)
    train, test = next(cv.split(X, Y, artists))
    expected = one_vs_rest().fit(X[train], Y[train]).decision_function(X)
    np.testing.assert_array_equal(model.decision_function(X), expected)
    assert model.describe()["support"].sum() == Y[test].sum()
    with pytest.raises(ValueError, match="refit=False"):
        LabelThresholds(one_vs_rest(), refit=False).fit(X, Y, groups=artists)


def test_splits_given_as_they_are():
    X, Y, artists = data(200)
    splits = list(ArtistKFold(3).split(X, Y, artists))
    expected = LabelThresholds(one_vs_rest(), cv=3).fit(X, Y, groups=artists).thresholds_
    for cv in (splits, iter(splits)):
        model = LabelThresholds(one_vs_rest(), cv=cv).fit(X, Y, groups=artists)
        np.testing.assert_array_equal(model.thresholds_, expected)


def test_jobs_answer_alike():
    X, Y, artists = data(200)
    with joblib.parallel_config(backend="threading"):
        one, two = (
            LabelThresholds(one_vs_rest(), cv=2, n_jobs=n_jobs).fit(X, Y, groups=artists)
            for n_jobs in (1, 2)
        )
    np.testing.assert_array_equal(one.thresholds_, two.thresholds_)


def test_without_artists_it_warns():
    X, Y, _ = data(200)
    with pytest.warns(UserWarning, match="without regard to artists"):
        LabelThresholds(one_vs_rest()).fit(X, Y)
    with pytest.raises(ValueError, match="groups"):
        LabelThresholds(one_vs_rest(), cv=ArtistKFold(3)).fit(X, Y)


@pytest.mark.parametrize(
    "estimator",
    [RandomForestClassifier(5, random_state=0), make_pipeline(StandardScaler(), one_vs_rest())],
    ids=["forest", "pipeline"],
)
@pytest.mark.parametrize("n_labels", [2, 5])
def test_other_estimators(estimator, n_labels):
    X, Y, artists = data(200)
    Y = Y[:, -n_labels:]
    model = LabelThresholds(estimator, cv=2).fit(X, Y, groups=artists)
    assert f1_score(Y, model.predict(X), average="micro") > 0.5


def test_columns_of_zeros_or_ones():
    X, Y, artists = data(200)
    Y[:, 0], Y[:, 1] = 0, 1
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LabelThresholds(fusion(), cv=3).fit(X, Y, groups=artists)
    assert model.predict(X)[:, 1].all()
    assert np.isfinite(model.describe().drop(columns="threshold").astype(float)).all(axis=None)


def test_many_labels_some_of_them_rare():
    """250 labels of which 10 have 12 items: no warning from inside."""
    rng = np.random.default_rng(0)
    n = 800
    Y = (rng.random((n, 250)) < np.geomspace(0.5, 0.03, 250)).astype(int)
    Y[:, -10:] = 0
    for label in range(240, 250):
        Y[rng.choice(n, 12, replace=False), label] = 1
    X = rng.normal(size=(n, 8)) + Y[:, :8]
    artists = rng.integers(0, 300, n)
    names = [f"genre {label}" for label in range(250)]
    Y = pd.DataFrame(Y, columns=names)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = LabelThresholds(fusion(max_epochs=2), cv=2).fit(X, Y, groups=artists)
        assert not model.tuned_[-10:].any()
        scorer = GenreScorer(["f1", "macro_auc", "macro_average_precision", "diversity@5"])
        assert all(0 <= value <= 1 for value in scorer(model, X, Y).values())
        assert model.describe().index.tolist() == names


def test_state_is_arrays_and_plain_python():
    X, Y, artists = data(200)
    model = LabelThresholds(fusion(), cv=2).fit(X, pd.DataFrame(Y, columns=NAMES), groups=artists)
    assert b"torch" not in (stored := pickle.dumps(model)) and b"DataFrame" not in stored
    np.testing.assert_array_equal(pickle.loads(stored).predict(X), model.predict(X))
    stored = skops.io.dumps(model)
    unknown = skops.io.get_untrusted_types(data=stored)
    assert all(name.startswith("skmmgenre.") for name in unknown)
    again = skops.io.loads(stored, trusted=unknown)
    np.testing.assert_array_equal(again.predict(X), model.predict(X))


def test_what_the_estimator_lacks_is_lacking():
    assert not hasattr(LabelThresholds(RandomForestClassifier()), "decision_function")
    assert hasattr(LabelThresholds(one_vs_rest()), "predict_proba")


def test_conventions():
    parameters = inspect.signature(LabelThresholds).parameters.values()
    assert [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY] == ["estimator"]
    model = LabelThresholds(one_vs_rest(), k=2)
    assert clone(model).get_params()["estimator__estimator__C"] == 1.0
    assert "LabelThresholds" in model._repr_html_()
    assert model.__sklearn_tags__().classifier_tags.multi_label
    with pytest.raises(NotFittedError):
        model.predict([[0.0]])


@pytest.mark.parametrize(
    "params, y, message",
    [
        ({}, ["Jazz", "Rock", "Rock"], "requires a multilabel"),
        ({}, [[0, 2], [1, 0], [0, 1]], "got 2 in row 0"),
        ({}, [[0, 1], [1, 0]], "inconsistent"),
        ({"strategy": "top_k"}, [[0, 1], [1, 0], [1, 1]], "number of labels .2"),
        ({"strategy": "best"}, [[0, 1], [1, 0], [1, 1]], "strategy"),
        ({"min_precision": 0}, [[0, 1], [1, 0], [1, 1]], "min_precision"),
    ],
)
def test_bad_input(params, y, message):
    with pytest.raises(ValueError, match=message):
        LabelThresholds(one_vs_rest(), **params).fit([[0.0], [1.0], [2.0]], y, groups=list("abc"))


def test_metadata_of_another_length():
    X, Y, _ = data(30)
    with pytest.raises(ValueError, match="groups has 2 rows, but X has 30"):
        LabelThresholds(one_vs_rest()).fit(X, Y, groups=["a", "b"])


def test_an_estimator_of_one_genre_a_row_is_told():
    X, Y, artists = data(60)
    model = LogisticRegression().fit(X, Y[:, 4])
    with pytest.raises(ValueError, match="single-label"):
        LabelThresholds(model, cv="prefit").fit(X, Y)


# ---- the search for one threshold ---------------------------------------------------------


class Scores(ClassifierMixin, BaseEstimator):
    """A fitted classifier whose scores are X."""

    def fit(self, X, y):
        return self

    def __sklearn_is_fitted__(self):
        return True

    def decision_function(self, X):
        return X


def lowest_threshold_of_precision(truth, scores, precision):
    model = LabelThresholds(
        Scores(), strategy="precision", min_precision=precision, min_positives=1, cv="prefit"
    )
    return model.fit(scores[:, None], truth[:, None].astype(int)).thresholds_[0]


cases = st.lists(st.tuples(st.booleans(), st.integers(-4, 4)), min_size=1, max_size=25)


def cuts(scores):
    return [np.inf, *np.unique(scores), -np.inf]


@settings(max_examples=60, deadline=None)
@given(cases)
def test_no_other_threshold_has_a_better_f1(rows):
    truth, scores = np.array([r[0] for r in rows]), np.array([float(r[1]) for r in rows])
    threshold = best_f1_threshold(truth, scores)
    best = max(f1_score(truth, scores > cut, zero_division=0) for cut in cuts(scores))
    assert f1_score(truth, scores > threshold, zero_division=0) == pytest.approx(best)
    assert threshold not in scores


@settings(max_examples=60, deadline=None)
@given(cases, st.sampled_from([0.2, 0.5, 0.8, 1.0]))
def test_the_precision_is_reached_by_as_many_rows_as_can_be(rows, precision):
    truth, scores = np.array([r[0] for r in rows]), np.array([float(r[1]) for r in rows])
    threshold = lowest_threshold_of_precision(truth, scores, precision)
    reached = [
        (scores > cut).sum()
        for cut in cuts(scores)
        if (scores > cut).any() and precision_score(truth, scores > cut) >= precision
    ]
    assert (scores > threshold).sum() == max(reached, default=0)


def test_thresholds_by_hand():
    truth = np.array([1, 1, 0, 1, 0, 0], dtype=bool)
    scores = np.array([0.9, 0.8, 0.7, 0.6, 0.2, 0.1])
    assert best_f1_threshold(truth, scores) == pytest.approx(0.4)
    assert lowest_threshold_of_precision(truth, scores, 1.0) == pytest.approx(0.75)
    assert lowest_threshold_of_precision(truth, scores, 0.5) == -np.inf
    assert lowest_threshold_of_precision(~truth, scores, 1.0) == np.inf


def test_labels_that_all_or_none_have():
    scores = np.array([0.1, 0.2, 0.3])
    assert best_f1_threshold(np.ones(3, dtype=bool), scores) == -np.inf
    assert best_f1_threshold(np.zeros(3, dtype=bool), scores) == np.inf


def test_neighbouring_numbers_have_no_middle():
    low = 1.0
    high = np.nextafter(low, 2)
    threshold = best_f1_threshold(np.array([True, False]), np.array([high, low]))
    assert low <= threshold < high


def cosine_threshold(truth, scores):
    """What targets of cosine took before they shared `best_f1_threshold`: known answers."""
    order = np.argsort(-scores, kind="stable")
    scores, found = scores[order], np.cumsum(truth[order])
    told = np.arange(1, len(scores) + 1)
    f1 = 2 * found / (told + found[-1])
    f1[:-1][scores[:-1] == scores[1:]] = -1
    best = int(f1.argmax())
    below = scores[best + 1] if best + 1 < len(scores) else np.float32(-1)
    between = (scores[best] + below) / 2
    return float(between if between > below else scores[best])


neighbours = [np.float32(1), np.nextafter(np.float32(1), np.float32(0)), np.float32(-1)]


@settings(max_examples=200, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.booleans(),
            st.sampled_from(neighbours) | st.floats(-1, 1, width=32, allow_subnormal=False),
        ),
        min_size=1,
        max_size=12,
    ),
    st.booleans(),
)
def test_inclusive_thresholds_keep_their_bits(rows, tied):
    truth = np.array([True, *(row[0] for row in rows)]).astype(np.int8)
    scores = np.array([rows[0][1], *(row[1] for row in rows)], dtype=np.float32)
    scores = np.round(scores * 3) / np.float32(3) if tied else scores
    threshold = best_f1_threshold(truth, scores, inclusive=True, lowest=-1)
    assert threshold == cosine_threshold(truth, scores)


@pytest.mark.parametrize("convert", few_fast(EVERY_KIND, of_polars))
def test_tables_of_every_kind(convert):
    X, Y, artists = data(120, 40)
    X, Y = pd.DataFrame(X).add_prefix("x"), pd.DataFrame(Y, columns=NAMES)
    net = FusionClassifier(max_epochs=1, validation_fraction=0, random_state=0)
    expected = LabelThresholds(net, cv=3).fit(X, Y, groups=artists)
    model = LabelThresholds(net, cv=3).fit(convert(X), convert(Y), groups=artists)
    assert model.classes_.tolist() == NAMES
    np.testing.assert_array_equal(model.thresholds_, expected.thresholds_)
    np.testing.assert_array_equal(model.predict(convert(X)), expected.predict(X))


@pytest.mark.parametrize("n_features", [4, 60])  # 60: as many as there are training rows
def test_names_of_columns_reach_the_estimator(n_features):
    X, Y, artists = data(90, 30)
    X = sparse.csr_array(np.tile(X, 20)[:, :n_features])
    names = [f"{'audio' if i < 3 else 'text'}__{i}" for i in range(n_features)]
    net = FusionClassifier(max_epochs=1, validation_fraction=0, random_state=0)
    model = LabelThresholds(net, cv=3).fit(X, Y, groups=artists, feature_names=names)
    sizes = {block: len(columns) for block, columns in model.estimator_.blocks_.items()}
    assert sizes == {"audio": 3, "text": n_features - 3}
