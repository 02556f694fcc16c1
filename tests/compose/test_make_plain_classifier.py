import pickle

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from skmmgenre.audio import AudioStatistics
from skmmgenre.compose import make_plain_classifier
from skmmgenre.image import ColorStatistics
from skmmgenre.text import ReviewTruncator


def ovr(C):
    return OneVsRestClassifier(LogisticRegression(C=C, class_weight="balanced", max_iter=2000))


def reviews(albums):
    return ReviewTruncator().transform(albums.table["text"])


def test_it_is_what_ten_lines_of_scikit_learn_do(albums):
    """Each modality by hand, then the mean of the probabilities."""
    tracks = [tracks if isinstance(tracks, list) else [tracks] for tracks in albums.table["audio"]]
    sound = AudioStatistics().fit_transform([track for album in tracks for track in album])
    sound = StandardScaler().fit_transform(sound)
    ends = np.cumsum([len(album) for album in tracks])[:-1]
    sound = np.array([part.mean(axis=0) for part in np.split(sound, ends)])
    colors = ColorStatistics().fit_transform(albums.table["cover"])
    words = TfidfVectorizer(sublinear_tf=True, max_df=0.5).fit_transform(reviews(albums))
    parts = [(sound, 0.05), (words, 3), (StandardScaler().fit_transform(colors), 0.01)]
    expected = np.mean([ovr(C).fit(X, albums.y).predict_proba(X) for X, C in parts], axis=0)
    plain = make_plain_classifier().fit(albums.table, albums.y)
    np.testing.assert_allclose(plain.predict_proba(albums.table), expected, atol=0.01)


def test_one_modality(albums):
    plain = make_plain_classifier(audio=None, image=None).fit(albums.table, albums.y)
    words = TfidfVectorizer(sublinear_tf=True, max_df=0.5).fit_transform(reviews(albums))
    expected = ovr(3).fit(words, albums.y).predict_proba(words)
    np.testing.assert_allclose(plain.predict_proba(albums.table), expected, atol=1e-3)


@pytest.mark.parametrize("combine", [pytest.param("mean", marks=pytest.mark.slow), "concatenate"])
def test_missing_cells_and_a_copy(albums, combine):
    table, y = albums.table[:20].copy(), albums.y[:20]
    for row, column in enumerate(["audio", "text", "cover"]):
        table.loc[table.index[row::5], column] = None
    table.loc[table.index[7], ["audio", "text", "cover"]] = None
    plain = make_plain_classifier(combine=combine).fit(table, y, groups=albums.groups[:20])
    probabilities = plain.predict_proba(table)
    assert np.isfinite(probabilities).all()
    copy = pickle.loads(pickle.dumps(plain))
    np.testing.assert_array_equal(copy.predict_proba(table), probabilities)
    again = clone(plain).fit(table, y)
    np.testing.assert_array_equal(again.predict_proba(table), probabilities)


def test_parameters_of_steps():
    plain = make_plain_classifier(n_jobs=2, on_error="missing", text__ngram_range=(1, 2))
    branches = {name: branch for name, branch, _ in plain["modalities"].transformers}
    assert branches["audio"].estimator["statistics"].n_jobs == 2
    assert branches["image"]["colors"].on_error == "missing"
    assert branches["text"]["tfidf"].ngram_range == (1, 2)
    with pytest.raises(TypeError, match="make_plain_classifier: Unknown parameter 'hidden_units'"):
        make_plain_classifier(hidden_units=3)
    with pytest.raises(ValueError, match="All modalities are None"):
        make_plain_classifier(audio=None, text=None, image=None)
