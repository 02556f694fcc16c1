import io

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import BaseEstimator, clone
from sklearn.feature_extraction.text import TfidfVectorizer

from skmmgenre.compose import make_genre_classifier
from skmmgenre.text import Mention, ReviewVectorizer

TEXTS = [
    "calm piano music",
    None,
    "loud guitar music and loud drums",
    np.nan,
    "calm guitar record",
    "",
    "fast drums",
]
THERE = [0, 2, 4, 6]


def test_it_has_the_settings_of_the_authors():
    params = ReviewVectorizer().get_params()
    assert params["sublinear_tf"] is True
    assert params["max_df"] == 0.5
    assert params["max_features"] == 10000


@pytest.mark.parametrize(
    "form", [list, pd.Series, lambda x: np.array(x, dtype=object), lambda x: pd.DataFrame({"t": x})]
)
def test_missing_texts_are_rows_of_zeros_and_do_not_count(form):
    vectorizer = ReviewVectorizer()
    weights = vectorizer.fit_transform(form(TEXTS))
    plain = TfidfVectorizer(sublinear_tf=True, max_df=0.5, max_features=10000, dtype=np.float32)
    expected = plain.fit_transform([TEXTS[row] for row in THERE])
    assert weights.dtype == np.float32
    assert weights.shape == (7, expected.shape[1])
    np.testing.assert_array_equal(weights[THERE].toarray(), expected.toarray())
    assert weights[[1, 3, 5]].nnz == 0
    np.testing.assert_array_equal(vectorizer.idf_, plain.idf_)
    again = clone(vectorizer).fit(form(TEXTS)).transform(form(TEXTS))
    np.testing.assert_array_equal(again.toarray(), weights.toarray())
    assert vectorizer.get_feature_names_out().tolist() == plain.get_feature_names_out().tolist()


def test_all_may_be_missing_at_transform():
    vectorizer = ReviewVectorizer().fit(TEXTS)
    weights = vectorizer.transform([None, ""])
    assert weights.shape == (2, len(vectorizer.vocabulary_)) and weights.nnz == 0
    assert weights.dtype == np.float32


def test_a_text_weighs_the_same_alone():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{i}" for i in rng.integers(0, 300, 40)) for _ in range(50)]
    vectorizer = ReviewVectorizer().fit(texts)
    together = vectorizer.transform(texts)
    for row, text in enumerate(texts):
        np.testing.assert_array_equal(
            vectorizer.transform([text]).toarray(), together[[row]].toarray()
        )


def test_unknown_words_give_zeros():
    assert ReviewVectorizer().fit(TEXTS).transform(["xylophone"]).nnz == 0


def test_max_features():
    assert ReviewVectorizer(max_features=2).fit(TEXTS).transform(TEXTS).shape == (7, 2)


@pytest.mark.parametrize("texts", [["calm music"], ["calm music", "calm music"], ["a", "b"]])
def test_too_few_texts_name_the_way_out(texts):
    with pytest.raises(ValueError, match="No words remain in the .* pass max_df=1.0"):
        ReviewVectorizer().fit(texts)


def test_bad_input():
    with pytest.raises(ValueError, match="All 2 texts are missing"):
        ReviewVectorizer().fit([None, ""])
    with pytest.raises(
        ValueError, match="Expected a text in row 1, got list of 2.*ReviewTruncator"
    ):
        ReviewVectorizer().fit(["calm", ["loud", "fast"]])
    with pytest.raises(ValueError, match="max_df"):
        ReviewVectorizer(max_df=1.5).fit(TEXTS)
    with pytest.raises(ValueError, match="0 rows"):
        ReviewVectorizer().fit([])


def test_it_is_stored_small_and_safely():
    rng = np.random.default_rng(0)
    texts = [" ".join(f"w{i}" for i in rng.integers(0, 3000, 60)) for _ in range(400)]
    vectorizer = ReviewVectorizer().fit(pd.Series(texts, dtype=object))
    assert {type(column) for column in vectorizer.vocabulary_.values()} == {int}
    stored = skops.io.dumps(vectorizer)
    untrusted = skops.io.get_untrusted_types(data=stored)
    assert untrusted == ["skmmgenre.text.ReviewVectorizer"]
    loaded = skops.io.loads(stored, trusted=untrusted)
    np.testing.assert_array_equal(
        loaded.transform(texts).toarray(), vectorizer.transform(texts).toarray()
    )
    files = []
    for _ in range(2):
        file = io.BytesIO()
        joblib.dump(clone(vectorizer).fit(texts), file)
        files.append(file.getvalue())
    assert files[0] == files[1]
    words = sum(map(len, vectorizer.vocabulary_))
    assert len(files[0]) < words + 14 * len(vectorizer.vocabulary_) + 4000


def test_set_output_does_nothing():
    vectorizer = ReviewVectorizer()
    assert vectorizer.set_output(transform="pandas") is vectorizer


CHINESE = ["这张专辑很好", "这首歌很好听", "节奏太慢", "声音太吵"]


def test_scripts_without_spaces_are_told_once_with_the_way_out():
    texts = ["calm music", None, *CHINESE, *CHINESE]
    with pytest.warns(UserWarning) as told:
        vectorizer = ReviewVectorizer().fit(texts)
    assert len(told) == 1 and told[0].filename == __file__
    message = str(told[0].message)
    assert message.startswith("8 of 9 texts (89%) are in a script without spaces")
    assert "rows 2, 3, 4, 5, 6, ..." in message
    assert "analyzer='mixed', ngram_range=(1, 2)" in message
    vectorizer.transform(texts)  # said at fit alone
    with pytest.warns(UserWarning, match="1 of 2 texts .* row 1. A whole"):
        ReviewVectorizer().fit_transform(["calm music", "这张专辑很好"])


@pytest.mark.parametrize(
    "params",
    [
        {"analyzer": "mixed", "ngram_range": (1, 2)},
        {"analyzer": "char", "ngram_range": (1, 3)},
        {"analyzer": "char_wb", "ngram_range": (1, 3)},
        {"tokenizer": list, "token_pattern": None},
    ],
    ids=str,
)
def test_ways_to_take_them(params):
    weights = ReviewVectorizer(**params).fit_transform(CHINESE)
    similar = (weights @ weights.T).toarray()
    assert similar[0, 1] > 0 and similar[2, 3] > 0
    assert similar[0, 2] == similar[1, 3] == 0
    vectorizer = clone(ReviewVectorizer(**params)).fit(CHINESE)
    np.testing.assert_array_equal(vectorizer.transform(CHINESE).toarray(), weights.toarray())


def test_mixed_is_word_where_there_are_spaces():
    texts = ["Calm piano-music, 2 of a kind", "it's LOUD", "cat_a_b calm"]
    found, expected = (
        ReviewVectorizer(max_df=1.0, analyzer=analyzer).fit(texts) for analyzer in ("mixed", "word")
    )
    assert found.vocabulary_ == expected.vocabulary_
    assert (
        skops.io.loads(skops.io.dumps(found), trusted=["skmmgenre.text.ReviewVectorizer"]).analyzer
        == "mixed"
    )


def test_a_bad_analyzer():
    with pytest.raises(ValueError, match="analyzer"):
        ReviewVectorizer(analyzer="syllable").fit(TEXTS)


def test_through_the_pipeline_with_categories():
    """Reviews in Chinese: two genres that their characters tell, and a linker."""
    words = {"Jazz": "萨克斯即兴摇摆", "Metal": "失真吉他咆哮鼓点"}
    rng = np.random.default_rng(0)
    genres = np.array(["Jazz", "Metal"] * 30)
    reviews = [
        ["".join(rng.choice(list(words[genre] + "的了在是我很"), 12)) + "。听歌手。"] * 2
        for genre in genres
    ]
    table = pd.DataFrame({"review": pd.Series(reviews, dtype=object)})
    model = make_genre_classifier(
        audio=None,
        image=None,
        text="review",
        linker=SingerLinker(),
        random_state=0,
        text__analyzer="mixed",
        text__ngram_range=(1, 2),
        text__max_df=1.0,
        text__hidden_units=(16, 16),
        max_epochs=30,
        lr=0.01,
    )
    train, test = np.arange(40), np.arange(40, 60)
    model.fit(table.iloc[train], genres[train], groups=train)
    vocabulary = model["modalities"].named_transformers_["text"]["tfidf"].vocabulary_
    assert "cat_华语歌手" in vocabulary and "吉" in vocabulary and "失真" in vocabulary
    assert np.mean(model.predict(table.iloc[test]) == genres[test]) > 0.9


class SingerLinker(BaseEstimator):
    def link(self, text):
        start = text.index("歌手")
        return [Mention(start, start + 2, "歌手", "歌手", 1.0, ("华语歌手",))]
