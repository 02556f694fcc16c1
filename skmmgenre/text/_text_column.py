"""Base class of the transformers from a column of texts to a column of texts."""

from typing import Any, Self

import numpy as np

from .._typing import Column, ObjectArray
from ..store import CellTransformer
from ..utils import NoContainer


class TextColumnTransformer(NoContainer, CellTransformer, auto_wrap_output_keys=None):
    """Base class of transformers that return one text per text.

    A subclass must pass ``auto_wrap_output_keys=None`` too, because scikit-learn does not
    inherit it.
    """

    _noun = "text"

    def fit(self, X: Column, y: Any = None) -> Self:
        """Check the parameters; nothing is fitted.

        Parameters
        ----------
        X : Series, list, array, or DataFrame of one column
            Ignored.
        y : None
            Not used.

        Returns
        -------
        self : estimator
            The transformer itself.
        """
        self._validate_params()
        return self

    def get_feature_names_out(self, input_features: Column | None = None) -> ObjectArray:
        """Return the name of the output column: that of the input column, or "text".

        Parameters
        ----------
        input_features : array-like of str, optional
            Name of the input column, if it has one.

        Returns
        -------
        names : ndarray of object, shape (1,)
            Name of the only output column.
        """
        return np.asarray(["text"] if input_features is None else input_features, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.no_validation = True
        return tags


def as_column(texts):
    """Return texts as an object array of str of shape (n,), with "" for missing texts.

    Missing texts are not None because the vectorizers of scikit-learn accept str only.
    """
    column = np.empty(len(texts), dtype=object)
    column[:] = ["" if text is None else text for text in texts]
    return column
