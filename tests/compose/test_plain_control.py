import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import check_cv
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler

from skmmgenre.audio import CQTExtractor
from skmmgenre.compose import MeanOverTracks, make_genre_classifier, make_plain_classifier
from skmmgenre.compose._plain_control import PlainControl, kind_of, plain_modalities


@pytest.mark.parametrize("output", ["default", "pandas"])
def test_subsets_of_the_modalities(albums, output):
    """As a plain classifier of these modalities alone, whatever tables a user has asked for."""
    modalities, strengths = plain_modalities(make_genre_classifier(text=None)["modalities"])
    control = PlainControl(modalities.set_output(transform=output), strengths)
    control.fit(albums.table, albums.y)
    vectors = control.transform(albums.table)
    for subset, off in ((("audio",), ("text", "image")), (("audio", "image"), ("text",))):
        for combine in ("mean", "concatenate"):
            plain = make_plain_classifier(combine=combine, **dict.fromkeys(off))
            expected = plain.fit(albums.table, albums.y).predict_proba(albums.table)
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
