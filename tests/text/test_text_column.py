"""What the transformers from texts to texts have in common."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import BaseEstimator
from sklearn.utils import get_tags

from skmmgenre.text import EntityEnricher, ReviewTruncator


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
    assert texts.tolist() == ["One.", None, "Two.", None]


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
