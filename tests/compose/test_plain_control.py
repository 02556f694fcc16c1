import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import check_cv
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmmgenre.audio import CQTExtractor
from skmmgenre.compose import MeanOverTracks, make_genre_classifier, make_plain_classifier
from skmmgenre.compose._plain_control import (
    PlainControl,
    kind_of,
    plain_modalities,
    tells_by_tuned_thresholds,
)
from skmmgenre.fusion import FusionClassifier


@pytest.mark.parametrize("output", [pytest.param("default", marks=pytest.mark.slow), "pandas"])
def test_subsets_of_the_modalities(albums, output):
    """As a plain classifier of these modalities alone, whatever tables a user has asked for."""
    modalities, strengths = plain_modalities(make_genre_classifier(text=None)["modalities"])
    control = PlainControl(modalities.set_output(transform=output), strengths)
    table, y = albums.table[:20], albums.y[:20]
    control.fit(table, y)
    vectors = control.transform(table)
    for subset, off in ((("audio",), ("text", "image")), (("audio", "image"), ("text",))):
        for combine in ("mean", "concatenate"):
            plain = make_plain_classifier(combine=combine, **dict.fromkeys(off))
            expected = plain.fit(table, y).predict_proba(table)
            regression = control.regress(subset, combine)
            answer = regression.predict_proba(control.part(vectors, subset))
            np.testing.assert_allclose(answer, expected, atol=1e-12)


def test_it_does_not_learn_from_published_validation_rows(albums, table, ablate, small_model):
    """Networks choose their epochs by them; both sides learn from the same rows."""
    part = np.array(["train", "val", "train", "test"] * 10)
    train, validation, test = (part == name for name in ("train", "val", "test"))
    _, answers = ablate(
        small_model(audio=None, image=None),
        cv=check_cv([(np.flatnonzero(~test), np.flatnonzero(test))]),
        validation=validation,
        controls=["plain"],
        n_runs=1,
        return_predictions="scores",
    )
    plain = make_plain_classifier(audio=None, image=None)
    plain.fit(table[train], albums.y[train])
    expected = plain.predict_proba(table[test])
    np.testing.assert_allclose(answers.scores["plain text"], expected, atol=1e-12)


def test_a_branch_with_two_readers():
    """The first says how files are read."""
    two = FeatureUnion(
        [
            ("low", Pipeline([("cqt", CQTExtractor(n_bins=48, on_error="missing"))])),
            ("high", Pipeline([("cqt", CQTExtractor(n_bins=60))])),
        ]
    )
    plain, _ = plain_modalities(ColumnTransformer([("audio", two, "audio")]))
    (_, branch, _) = plain.transformers[0]
    assert branch.estimator["statistics"].on_error == "missing"


def test_the_control_of_a_model_reads_as_it_does():
    model = make_genre_classifier(
        audio="track", on_error="missing", audio__cache="features.sqlite", image__n_jobs=2
    )
    plain, strengths = plain_modalities(model["modalities"])
    branches = {name: (branch, column) for name, branch, column in plain.transformers}
    assert [column for _, column in branches.values()] == ["track", "text", "cover"]
    statistics = branches["audio"][0].estimator["statistics"]
    assert (statistics.cache, statistics.on_error) == ("features.sqlite", "missing")
    assert branches["image"][0]["colors"].n_jobs == 2
    assert strengths == {"audio": 0.05, "text": 3.0, "image": 0.01}


def test_the_control_of_encoders_reads_what_they_read():
    model = make_genre_classifier(
        audio_model="musicnn", text_model="words", image_model="covers", on_error="missing"
    )
    plain, strengths = plain_modalities(model["modalities"])
    kinds = [kind_of(branch) for _, branch, _ in model["modalities"].transformers]
    assert kinds == ["audio", "text", "image"]
    branches = {name: branch for name, branch, _ in plain.transformers}
    assert branches["audio"].estimator["statistics"].on_error == "missing"
    assert branches["image"]["colors"].on_error == "missing"
    assert list(branches["text"].named_steps) == ["truncate", "tfidf"]
    assert strengths == {"audio": 0.05, "text": 3.0, "image": 0.01}


def test_branches_of_ones_own():
    own = FunctionTransformer()
    modalities = ColumnTransformer(
        [
            ("sound", MeanOverTracks(CQTExtractor()), "audio"),
            ("words", TfidfVectorizer(), "text"),
            ("numbers", "passthrough", ["a", "b"]),
            ("own", own, ["c"]),
            ("none", "drop", ["d"]),
        ]
    )
    plain, strengths = plain_modalities(modalities)
    assert [name for name, _, _ in plain.transformers] == ["sound", "words", "numbers", "own"]
    kinds = [kind_of(branch) for _, branch, _ in plain.transformers]
    assert kinds == ["audio", "text", None, None]
    assert strengths == {"sound": 0.05, "words": 3.0, "numbers": 0.05, "own": 0.05}
    assert isinstance(plain.transformers[2][1], StandardScaler)
    assert plain.transformers[3][1]["own"] is not own


def test_several_genres_are_told_by_thresholds_as_the_model_tells_them(albums):
    """Tuned on artists that a regression has not learned from; at 0.5 where the model is."""
    modalities, strengths = plain_modalities(
        make_genre_classifier(None, "text", None)["modalities"]
    )
    Y = pd.DataFrame({"Jazz": albums.y == albums.y[0], "Live": np.arange(40) % 8 == 0}).astype(int)
    table, found = albums.table, {}
    for tuned in (True, False):
        plain = PlainControl(modalities, strengths, tuned=tuned).fit(table, Y, albums.groups)
        found[tuned] = plain.regress(["text"])
    assert found[False].target_.thresholds_ is None
    assert np.isfinite(found[True].target_.thresholds_).all()
    X = plain.part(plain.transform(table), ["text"])
    np.testing.assert_array_equal(found[True].predict_proba(X), found[False].predict_proba(X))
    assert found[True].predict(X).any(axis=1).all()
    np.testing.assert_array_equal(found[False].predict(X), found[False].predict_proba(X) > 0.5)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, True),
        ({"preset": "paper"}, False),
        ({"preset": "paper", "decision": "tuned"}, True),
        ({"decision": 0.5}, False),
        ({"decision": "top1"}, False),
    ],
)
def test_which_classifiers_tune_thresholds(options, expected):
    rng = np.random.default_rng(0)
    Y = (rng.random((40, 3)) < 0.5).astype(int)
    model = FusionClassifier(max_epochs=2, random_state=0, **options)
    model.fit(rng.normal(size=(40, 4)), Y, groups=np.arange(40))
    assert tells_by_tuned_thresholds(model) is expected
    model.thresholds_ = None  # as in a model file of before there were any
    assert tells_by_tuned_thresholds(model) is False
    assert tells_by_tuned_thresholds(LogisticRegression()) is False
