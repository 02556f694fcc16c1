import io

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer

from skmmgenre.text import ReviewVectorizer

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
    with pytest.raises(ValueError, match="No word of the .* pass max_df=1.0"):
        ReviewVectorizer().fit(texts)


def test_bad_input():
    with pytest.raises(ValueError, match="All 2 texts are missing"):
        ReviewVectorizer().fit([None, ""])
    with pytest.raises(ValueError, match="Row 1 holds no text but list of 2.*ReviewTruncator"):
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
    assert untrusted == ["skmmgenre.text._vectorizer.ReviewVectorizer"]
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
