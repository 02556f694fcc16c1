"""What the transformers from a column of texts to a column of texts have in common."""

from typing import Any, Self

import numpy as np

from .._typing import Column, ObjectArray
from ..store import CellTransformer
from ..utils import NoContainer


class TextColumnTransformer(NoContainer, CellTransformer, auto_wrap_output_keys=None):
    """Base class of transformers that answer each text with a text.

    A subclass passes ``auto_wrap_output_keys=None`` too, as scikit-learn asks each class.
    """

    _noun = "text"

    def fit(self, X: Column, y: Any = None) -> Self:
        """Check the parameters; nothing is learned.

        Parameters
        ----------
        X : Series, list, array, or DataFrame of one column
            Not read.
        y : None
            Not used.

        Returns
        -------
        self : estimator
            The transformer, ready to use.
        """
        self._validate_params()
        return self

    def get_feature_names_out(self, input_features: Column | None = None) -> ObjectArray:
        """Return the name of the column: that of the input, or "text".

        Parameters
        ----------
        input_features : array-like of str, optional
            The name of the column, if it has one.

        Returns
        -------
        names : ndarray of object, shape (1,)
            One name, for there is one column.
        """
        return np.asarray(["text"] if input_features is None else input_features, dtype=object)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.no_validation = True
        return tags


def as_column(texts):
    """Return texts as an array of str, dtype object, shape (n,); "" where one is missing.

    Not None: vectorizers of scikit-learn may follow, which take str only.
    """
    column = np.empty(len(texts), dtype=object)
    column[:] = ["" if text is None else text for text in texts]
    return column
