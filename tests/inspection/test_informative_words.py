import io

import joblib
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
import pytest
from matplotlib.colors import to_rgba
from matplotlib.figure import Figure
from scipy import sparse
from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.feature_selection import mutual_info_classif
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline

from skmmgenre.inspection import InformativeWordsDisplay, informative_words
from skmmgenre.text import EntityEnricher, Mention, ReviewTruncator, ReviewVectorizer, TextMLP

COLUMNS = ["genre", "word", "kind", "information_gain", "share", "share_of_others", "sign"]


@pytest.fixture(autouse=True)
def close_figures():
    yield
    plt.close("all")


class CapitalLinker(BaseEstimator):
    """Takes every word in capitals for a band from a country of its first letter."""

    def link(self, text):
        return [
            Mention(0, 0, word, word, 1.0, (f"Bands from {word[0]}",))
            for word in text.split()
            if word.isupper()
        ]


@pytest.fixture(scope="module")
def random_texts():
    rng = np.random.default_rng(0)
    return [" ".join(f"w{i:02d}" for i in rng.integers(0, 30, 12)) for _ in range(150)]


@pytest.fixture(scope="module")
def random_genres():
    return np.random.default_rng(1).choice(["Jazz", "Rap", "Rock"], size=150, p=[0.2, 0.3, 0.5])


def gain_of(words, genre):
    lines = words[words["genre"] == genre]
    return lines.set_index("word")["information_gain"]


@pytest.mark.parametrize("vectorizer", [ReviewVectorizer(), CountVectorizer(), TfidfVectorizer()])
def test_known_gains_of_one_genre(random_texts, random_genres, vectorizer):
    vectorizer = vectorizer.fit(random_texts)
    words = informative_words(vectorizer, random_texts, random_genres, n_words=None)
    assert list(words) == COLUMNS
    assert words["genre"].unique().tolist() == ["Jazz", "Rap", "Rock"]
    present = (vectorizer.transform(random_texts) != 0).astype(int)
    names = vectorizer.get_feature_names_out()
    for genre in ("Jazz", "Rap", "Rock"):
        expected = mutual_info_classif(present, random_genres == genre, discrete_features=True)
        found = gain_of(words, genre)
        assert found.is_monotonic_decreasing
        np.testing.assert_allclose(found[names], expected / np.log(2), atol=1e-12)
        lines = words[words["genre"] == genre].set_index("word").loc[names]
        shares = [
            present[rows].mean(axis=0) for rows in (random_genres == genre, random_genres != genre)
        ]
        np.testing.assert_allclose(lines["share"], np.ravel(shares[0]))
        np.testing.assert_allclose(lines["share_of_others"], np.ravel(shares[1]))
        np.testing.assert_array_equal(lines["sign"], np.sign(np.ravel(shares[0] - shares[1])))


@pytest.mark.parametrize("form", [lambda Y: Y, lambda Y: Y.to_numpy(), sparse.csr_matrix])
def test_known_gains_of_several_genres(random_texts, form):
    Y = pd.DataFrame(np.random.default_rng(2).random((150, 4)) < 0.3, columns=list("wxyz"))
    Y = Y.astype(int)
    vectorizer = ReviewVectorizer().fit(random_texts)
    words = informative_words(vectorizer, random_texts, form(Y), n_words=None)
    present = (vectorizer.transform(random_texts) != 0).astype(int)
    for genre, name in zip(words["genre"].unique(), Y, strict=True):
        assert genre == (name if form(Y) is Y else list(Y).index(name))
        expected = mutual_info_classif(present, Y[name], discrete_features=True) / np.log(2)
        found = gain_of(words, genre)[vectorizer.get_feature_names_out()]
        np.testing.assert_allclose(found, expected, atol=1e-12)


def test_a_word_that_tells_all_and_one_that_tells_nothing():
    texts = ["sax here", "sax there", "drum here", "drum there"]
    words = informative_words(
        ReviewVectorizer().fit(texts), texts, ["Jazz", "Jazz", "Rock", "Rock"], n_words=None
    ).set_index(["genre", "word"])
    assert words.loc[("Jazz", "sax")].tolist() == ["word", 1.0, 1.0, 0.0, 1]
    assert words.loc[("Rock", "sax")].tolist() == ["word", 1.0, 0.0, 1.0, -1]
    assert words.loc[("Rock", "here")].tolist() == ["word", 0.0, 0.5, 0.5, 0]


def test_genres_that_no_text_has_or_every_text():
    Y = pd.DataFrame({"none": [0, 0], "all": [1, 1], "some": [0, 1]})
    words = informative_words(ReviewVectorizer().fit(["a sax", "a drum"]), ["a sax", "a drum"], Y)
    assert (gain_of(words, "none") == 0).all() and (gain_of(words, "all") == 0).all()
    assert words.loc[words["genre"] == "none", "share"].isna().all()
    assert (words.loc[words["genre"] != "some", "sign"] == 0).all()


def test_categories_and_missing_texts():
    texts = ["KORN loud", "KISS loud", None, "ABBA calm", "loud ABC", ""]
    genres = ["Metal", "Metal", "Metal", "Pop", "Pop", "Pop"]
    model = make_pipeline(EntityEnricher(CapitalLinker()), ReviewVectorizer(max_df=1.0))
    words = informative_words(model.fit(texts), texts, genres, n_words=3)
    assert len(words) == 6
    of_metal = words[words["genre"] == "Metal"].set_index("word")
    assert of_metal.index.tolist() == ["cat_bands_from_a", "cat_bands_from_k", "abba"]
    assert of_metal["kind"].tolist() == ["category", "category", "word"]
    assert of_metal["information_gain"].iloc[:2].tolist() == [1.0, 1.0]
    assert of_metal["sign"].iloc[:2].tolist() == [-1, 1]
    assert of_metal["share"].iloc[:2].tolist() == [0.0, 1.0]  # of the two that have a text


def model_of(branches):
    return Pipeline(
        [("modalities", ColumnTransformer(branches)), ("last", LogisticRegression(max_iter=5))]
    )


@pytest.fixture(scope="module")
def table(random_texts):
    return pd.DataFrame({"id": np.arange(150.0), "review": random_texts})


def test_the_text_branch_is_found(table, random_genres):
    road = [
        ("truncate", ReviewTruncator(max_chars=20)),
        ("enrich", EntityEnricher(CapitalLinker())),
        ("tfidf", ReviewVectorizer()),
    ]
    branches = [("number", "passthrough", ["id"]), ("text", Pipeline(road), "review")]
    model = model_of(branches)
    with pytest.warns(UserWarning):  # few iterations
        model.fit(table, random_genres)
    expected = informative_words(
        Pipeline(road).fit(table["review"]), table["review"], random_genres
    )
    found = informative_words(model, table, random_genres)
    pd.testing.assert_frame_equal(found, expected)
    # cut behind 5 words
    counts = ReviewVectorizer().fit_transform(ReviewTruncator(max_chars=20).transform(table.review))
    assert counts.getnnz(axis=1).max() <= 5
    deep = Pipeline([("front", Pipeline(road[:2])), ("back", Pipeline(road[2:]))])
    with pytest.warns(UserWarning):
        model = model_of([("number", "passthrough", ["id"]), ("text", deep, "review")])
        model.fit(table, random_genres)
    pd.testing.assert_frame_equal(informative_words(model, table, random_genres), expected)
    search = GridSearchCV(Pipeline(road[2:]), {"tfidf__min_df": [2]}, scoring=lambda *_: 0.0)
    search.fit(table["review"], random_genres)
    assert len(informative_words(search, table["review"], random_genres)) == 60


def test_a_genre_pipeline(albums, fitted):
    found = informative_words(fitted, albums.table, albums.y, n_words=5)
    assert list(found) == COLUMNS and len(found) == 15
    alone = fitted["modalities"].named_transformers_["text"]
    pd.testing.assert_frame_equal(
        informative_words(alone, albums.table["text"], albums.y, n_words=5), found
    )
    buffer = io.BytesIO()
    joblib.dump(fitted, buffer)
    buffer.seek(0)
    again = informative_words(joblib.load(buffer), albums.table, albums.y, n_words=5)
    pd.testing.assert_frame_equal(again, found)
    several = informative_words(fitted, albums.table, albums.Y, n_words=2)
    assert several["genre"].unique().tolist() == list(albums.Y)


def test_bad_input(table, random_texts, random_genres):
    fitted = ReviewVectorizer().fit(random_texts)
    with pytest.raises(NotFittedError):
        informative_words(make_pipeline(ReviewVectorizer()), random_texts, random_genres)
    hashed = make_pipeline(HashingVectorizer(), TfidfTransformer()).fit(random_texts)
    with pytest.raises(ValueError, match="Pipeline contains no vectorizer with a vocabulary"):
        informative_words(hashed, random_texts, random_genres)
    mlp = TextMLP(hidden_units=(2,), max_epochs=1, validation_fraction=0)
    with pytest.raises(ValueError, match="no vectorizer"):
        informative_words(mlp.fit(np.eye(2), ["a", "b"]), np.eye(2), ["a", "b"])
    twice = ColumnTransformer([(name, ReviewVectorizer(), "review") for name in "ab"])
    with pytest.raises(ValueError, match="contains 2 vectorizers; expected exactly.*the branch"):
        informative_words(twice.fit(table), table, random_genres)
    with pytest.raises(ValueError, match="y has 149 rows, but the table has 150"):
        informative_words(fitted, random_texts, random_genres[1:])
    with pytest.raises(ValueError, match="All 2 texts are missing"):
        informative_words(fitted, [None, ""], ["a", "b"])
    with pytest.raises(ValueError, match="n_words must be >= 1"):
        informative_words(fitted, random_texts, random_genres, n_words=0)


class TestDisplay:
    def drawn(self, display):
        return {
            panel.get_title(): [
                (label.get_text(), bar.get_width())
                for label, bar in zip(panel.get_yticklabels(), panel.patches, strict=True)
            ]
            for panel in display.axes_
        }

    def test_bars_are_the_gains(self, random_texts, random_genres):
        vectorizer = ReviewVectorizer().fit(random_texts)
        display = InformativeWordsDisplay.from_estimator(
            vectorizer, random_texts, random_genres, n_words=4
        )
        words = informative_words(vectorizer, random_texts, random_genres, n_words=4)
        pd.testing.assert_frame_equal(display.words, words)
        for genre, bars in self.drawn(display).items():
            lines = words[words["genre"] == genre]
            assert [word for word, _ in bars] == lines["word"].tolist()
            np.testing.assert_allclose([width for _, width in bars], lines["information_gain"])
        assert display.axes_[0].yaxis_inverted()

    def test_categories_and_signs_can_be_told(self):
        texts = ["KORN", "KISS", "ABBA", "ABC"]
        model = make_pipeline(EntityEnricher(CapitalLinker()), ReviewVectorizer(max_df=0.5))
        display = InformativeWordsDisplay.from_estimator(
            model.fit(texts), texts, ["Metal", "Metal", "Pop", "Pop"], n_words=3
        )
        bars = {
            label.get_text(): bar
            for label, bar in zip(
                display.axes_[0].get_yticklabels(), display.axes_[0].patches, strict=True
            )
        }
        assert list(bars) == ["bands from a", "bands from k", "abba"]
        assert bars["bands from k"].get_facecolor() == to_rgba("tab:orange")
        assert bars["bands from a"].get_facecolor() == to_rgba("none")
        assert bars["bands from a"].get_edgecolor() == to_rgba("tab:orange")
        legend = [text.get_text() for text in display.figure_.legends[0].get_texts()]
        assert legend == ["word", "category", "rarer in the genre"]

    def test_some_genres_in_a_figure_of_ones_own(self, random_texts, random_genres):
        vectorizer = ReviewVectorizer().fit(random_texts)
        figure = Figure()
        display = InformativeWordsDisplay.from_estimator(
            vectorizer, random_texts, random_genres, genres=["Rock", "Jazz"], figure=figure
        )
        assert list(self.drawn(display)) == ["Rock", "Jazz"]
        assert display.figure_ is figure and not plt.get_fignums()
        display = InformativeWordsDisplay.from_estimator(
            vectorizer, random_texts, random_genres, genres="Rock", figure=Figure()
        )
        assert list(self.drawn(display)) == ["Rock"]
        with pytest.raises(ValueError, match=r"Unknown genres \['Polka'\]; the genres .*'Jazz'"):
            InformativeWordsDisplay.from_estimator(
                vectorizer, random_texts, random_genres, genres=["Polka"]
            )

    def test_drawn_again(self, random_texts, random_genres):
        vectorizer = ReviewVectorizer().fit(random_texts)
        display = InformativeWordsDisplay.from_estimator(vectorizer, random_texts, random_genres)
        first = self.drawn(display)
        assert self.drawn(display.plot(n_cols=1)) == first
        display.figure_.canvas.draw()
