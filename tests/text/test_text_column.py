"""What the transformers from texts to texts have in common."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils import get_tags

from skmmgenre.text import EntityEnricher, ReviewTruncator, ReviewVectorizer, TextMLP
from skmmgenre.utils import is_missing


class Nothing(BaseEstimator):
    """Finds nothing in any text."""

    def link(self, text):
        return []


EVERY = pytest.mark.parametrize(
    "make",
    [ReviewTruncator, lambda **params: EntityEnricher(Nothing(), **params)],
    ids=["ReviewTruncator", "EntityEnricher"],
)


@EVERY
@pytest.mark.parametrize(
    "form",
    [list, pd.Series, lambda x: np.array(x, dtype=object), lambda x: pd.DataFrame({"t": x})],
    ids=["list", "Series", "array", "DataFrame"],
)
def test_a_column_of_texts_in_and_out(make, form):
    texts = make().fit_transform(form(["One.", None, "Two.", ""]))
    assert type(texts) is np.ndarray and texts.dtype == object and texts.shape == (4,)
    assert texts.tolist() == ["One.", "", "Two.", ""]


MISSING = [None, np.nan, pd.NA, pd.NaT, "", [], [None, ""]]


@EVERY
@pytest.mark.parametrize("missing", MISSING, ids=repr)
def test_a_missing_text_stays_missing_for_all_that_follows(make, missing):
    """The same words and weights, and a row that counts as missing, whatever the vectorizer."""
    column = pd.Series(["loud drums", missing, "slow sax", "slow drums"], dtype=object)
    texts = make().transform(column)
    assert isinstance(texts[1], str) and is_missing(texts[1])
    ours = ReviewVectorizer(max_df=1.0)
    np.testing.assert_array_equal(
        ours.fit_transform(texts).toarray(), ours.fit_transform(column).toarray()
    )
    theirs = TfidfVectorizer().fit_transform(texts)
    assert theirs[[1]].nnz == 0 and theirs[[0]].nnz == 2
    for following in (ReviewTruncator(), EntityEnricher(Nothing())):
        assert following.transform(texts).tolist() == texts.tolist()
    mlp = TextMLP(hidden_units=(3,), max_epochs=1, validation_fraction=0, random_state=0)
    vectors = mlp.fit_transform(theirs, ["Rock", "Jazz", "Jazz", "Rock"])
    assert np.isnan(vectors).all(axis=1).tolist() == [False, True, False, False]


@EVERY
def test_nothing_is_learned(make):
    transformer = make()
    assert transformer.fit(["x"]) is transformer
    assert not [name for name in vars(transformer) if name.endswith("_")]
    with pytest.raises(ValueError, match="on_error"):
        make(on_error="skip").fit(["x"])


@EVERY
def test_the_column_keeps_its_name(make):
    assert make().get_feature_names_out().tolist() == ["text"]
    names = make().get_feature_names_out(["review"])
    assert names.tolist() == ["review"] and names.dtype == object


@EVERY
def test_pandas_output_is_not_made(make):
    transformer = make()
    assert transformer.set_output(transform="pandas") is transformer
    assert isinstance(transformer.fit_transform(["x"]), np.ndarray)
    assert get_tags(transformer).no_validation
