"""The pipeline of parts that the package promises, with plain parts of scikit-learn among them."""

import joblib
import numpy as np
import pandas as pd
import pytest
import sklearn
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline

from skmmgenre.audio import AudioCNN, CQTExtractor
from skmmgenre.compose import GenrePipeline
from skmmgenre.fusion import FusionClassifier, JointSpaceProjector
from skmmgenre.image import ResNetEmbedder
from skmmgenre.model_selection import ArtistShuffleSplit
from skmmgenre.text import EntityEnricher, GazetteerLinker, ReviewTruncator, TextMLP

COLUMNS = ["audio", "text", "cover"]
NO_REVIEW = [2, 11, 30]
NOTHING = 5


@pytest.fixture(scope="module")
def table(albums):
    """One track and one text an album; some lack reviews, others a track or a cover."""
    table = albums.table[COLUMNS].copy()
    table["audio"] = [tracks[0] for tracks in table["audio"]]
    table["text"] = [" ".join(reviews) for reviews in table["text"]]
    for row, missing in zip(NO_REVIEW, (None, np.nan, ""), strict=True):
        table.loc[row, "text"] = missing
    table.loc[7, "audio"] = table.loc[8, "cover"] = None
    table.loc[NOTHING, COLUMNS] = None
    return table


def promised(linker, *first):
    """The pipeline, small: the steps `first` stand before the enricher."""
    seed = {"random_state": 0}
    sound = CQTExtractor(duration=2.3, hop_length=512, n_bins=12, fmin=261.6, **seed)
    cnn = AudioCNN(architecture="time", width=(8, 8, 8), max_epochs=2, lr=1e-2, **seed)
    mlp = TextMLP(hidden_units=(16, 16), max_epochs=4, lr=1e-2, **seed)
    words = [*first, ("enrich", EntityEnricher(linker)), ("tfidf", TfidfVectorizer()), ("mlp", mlp)]
    image = ResNetEmbedder(depth=18, weights=None, image_size=32, max_epochs=1, **seed)
    modalities = ColumnTransformer(
        [
            ("text", Pipeline(words), "text"),
            ("audio", Pipeline([("cqt", sound), ("cnn", cnn)]), "audio"),
            ("image", image, "cover"),
        ]
    )
    joint = JointSpaceProjector(n_components=8, hidden_units=16, max_epochs=4, **seed)
    return GenrePipeline(
        [
            ("modalities", modalities),
            ("joint", joint.set_params(passthrough=True)),
            ("fusion", FusionClassifier(**seed)),
        ]
    )


@pytest.fixture(scope="module")
def linker(albums):
    return GazetteerLinker(albums.knowledge_base)


@pytest.fixture(scope="module")
def fitted(albums, table, linker):
    return promised(linker).fit(table, albums.y, groups=albums.groups)


def test_fit_and_predict(albums, table, fitted):
    probabilities = fitted.predict_proba(table)
    np.testing.assert_allclose(probabilities.sum(axis=1), 1)
    assert fitted.score(table, albums.y) > 0.6  # a third would be chance
    assert list(fitted["fusion"].blocks_) == ["text", "audio", "image", "mm_audio", "mm_image"]
    words = fitted["modalities"].named_transformers_["text"]["tfidf"].vocabulary_
    assert any(word.startswith("cat_") for word in words)
    prior = [np.mean(albums.y == genre) for genre in fitted.classes_]
    np.testing.assert_allclose(probabilities[NOTHING], prior, rtol=1e-5)


def test_missing_reviews_are_missing(table, fitted):
    missing, vectors_of_blocks = {}, fitted["modalities"].transform(table)
    for block in ("text", "audio", "image"):
        vectors = vectors_of_blocks[:, fitted["modalities"].output_indices_[block]]
        missing[block] = np.flatnonzero(np.isnan(vectors).all(axis=1)).tolist()
        assert np.isfinite(np.delete(vectors, missing[block], axis=0)).all()
    assert missing == {"text": sorted([*NO_REVIEW, NOTHING]), "audio": [5, 7], "image": [5, 8]}


@pytest.mark.parametrize("nothing", [None, np.nan, "", pd.NA], ids=repr)
def test_ways_in_which_a_review_is_missing(table, fitted, nothing):
    other, expected = table.copy(), fitted.predict_proba(table)
    other["text"] = [nothing if row in NO_REVIEW else t for row, t in enumerate(other["text"])]
    np.testing.assert_array_equal(fitted.predict_proba(other), expected)


def test_reviews_that_are_cut_before(albums, table, linker):
    """Lists of reviews, an item's in each cell."""
    lists = table.assign(text=[text and [text] for text in table["text"].fillna("")])
    model = promised(linker, ("truncate", ReviewTruncator()))
    model.set_params(modalities__audio="drop", modalities__image="drop", joint="passthrough")
    model.fit(lists, albums.y, groups=albums.groups)
    vectors = model["modalities"].transform(lists)
    assert np.flatnonzero(np.isnan(vectors).all(axis=1)).tolist() == sorted([*NO_REVIEW, NOTHING])


def test_rows_alone_and_in_another_order(table, fitted):
    expected = fitted.predict_proba(table)
    order = np.random.default_rng(0).permutation(len(table))
    for rows in (order, order[:7], [2], [NOTHING]):
        np.testing.assert_array_equal(fitted.predict_proba(table.iloc[rows]), expected[rows])


def test_joblib(table, fitted, tmp_path):
    joblib.dump(fitted, tmp_path / "model.joblib")
    assert b"torch" not in (tmp_path / "model.joblib").read_bytes()
    again = joblib.load(tmp_path / "model.joblib")
    np.testing.assert_array_equal(again.predict_proba(table), fitted.predict_proba(table))


def test_a_search_over_two_architectures(albums, table, linker):
    model = promised(linker).set_params(image__fine_tune=False)
    grid = [
        {"audio__architecture": ["time"], "audio__width": [(8, 8, 8)]},
        {
            "audio__architecture": ["4x96"],
            "audio__width": [(4, 4, 4, 4)],
            "audio__duration": [3.0],  # it needs 127 frames
        },
    ]
    cv = ArtistShuffleSplit(1, test_size=0.3, random_state=0)
    search = GridSearchCV(model, grid, cv=cv, error_score="raise")
    with sklearn.config_context(enable_metadata_routing=True):
        search.fit(table, albums.y, groups=albums.groups)
    assert len(search.cv_results_["params"]) == 2
    assert search.best_score_ > 0.4  # a third would be chance
    cnn = search.best_estimator_["modalities"].named_transformers_["audio"]["cnn"]
    assert cnn.architecture == search.best_params_["audio__architecture"]
    assert search.predict(table).shape == (40,)
