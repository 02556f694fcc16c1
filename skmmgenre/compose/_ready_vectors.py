"""Transformer for a column of precomputed vectors."""

from collections import Counter
from typing import Any, Self

import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import StrOptions
from sklearn.utils.validation import check_is_fitted

from .._typing import Column, Float32Array, ObjectArray, OnError
from ..store import bad_cell, map_cells
from ..utils import BadItem, BadType, ErrorsMixin, as_cells

_NOUN = "vector"


class ReadyVectors(ErrorsMixin, TransformerMixin, BaseEstimator):
    """Use a column of precomputed vectors as a branch of a `GenrePipeline`.

    The vectors may come from another program: your own encoder, or
    ``skmmgenre predict --vectors``. Their values are not changed.

    Parameters
    ----------
    on_error : {"raise", "missing"}, default="raise"
        Whether a cell that cannot be used raises an error that names its row, or is treated as
        missing and listed in `errors_`.

    Attributes
    ----------
    n_features_out_ : int
        Length of the vectors: the most frequent length in `fit`.
    errors_ : DataFrame
        One row for each cell that the last `fit` or `transform` treated as missing because of
        ``on_error="missing"``: row, item, reason, remedy.

    See Also
    --------
    make_genre_classifier : Builds such a branch with ``audio_model="vectors"``.

    Notes
    -----
    A cell is a 1-D array, a list or a tuple of numbers; a 2-D array, such as one returned by
    `numpy.load`, has one vector per row. A cell is missing if it is None, NaN, "", empty or a
    vector of NaN. A vector in which only some numbers are NaN, or any is infinite, is an error.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmmgenre.compose import ReadyVectors
    >>> column = pd.Series([[0.5, 1.0], None, [2.0, 3.0]])
    >>> ReadyVectors().fit_transform(column)
    array([[0.5, 1. ],
           [nan, nan],
           [2. , 3. ]], dtype=float32)
    """

    _parameter_constraints: dict = {"on_error": [StrOptions({"raise", "missing"})]}

    def __init__(self, *, on_error: OnError = "raise"):
        self.on_error = on_error

    def fit(self, X: Column, y: Any = None) -> Self:
        """Learn the length of the vectors.

        Parameters
        ----------
        X : column of arrays or lists of numbers, or ndarray of shape (n, d)
            One vector per row. None, NaN and "" are missing.
        y : None
            Ignored.

        Returns
        -------
        self : ReadyVectors
            The fitted transformer.

        Raises
        ------
        ValueError
            If there is no vector, or if, with ``on_error="raise"``, a cell cannot be used or has a
            length other than the most frequent one.
        """
        self._validate_params()
        vectors, self._errors = self._read(X)
        lengths = Counter(len(v) for v in vectors if v is not None and v.ndim)
        if not lengths:
            raise ValueError(
                f"None of the {len(vectors)} cells contains a vector. Exclude this modality, "
                "or check that the right column was passed."
            )
        self.n_features_out_ = lengths.most_common(1)[0][0]
        self._of_one_length(X, vectors)
        return self

    def transform(self, X: Column) -> Float32Array:
        """Return the vectors as one array.

        Parameters
        ----------
        X : column of arrays or lists of numbers, or ndarray of shape (n, d)
            One vector per row, of the length seen in `fit`. None, NaN and "" are missing.

        Returns
        -------
        vectors : ndarray of float32, shape (n, d)
            Rows of missing vectors are NaN.

        Raises
        ------
        BadItem
            If a cell cannot be used or its length differs from that seen in `fit`, and
            ``on_error="raise"``.
        """
        check_is_fitted(self)
        self._validate_params()
        vectors, self._errors = self._read(X)
        return self._of_one_length(X, vectors)

    def get_feature_names_out(self, input_features: Column | None = None) -> ObjectArray:
        """Return names for the elements of a vector: v0, v1 and so on.

        Parameters
        ----------
        input_features : None
            Ignored.

        Returns
        -------
        names : ndarray of str objects, shape (d,)
            One name per element of a vector.
        """
        check_is_fitted(self)
        return np.array([f"v{k}" for k in range(self.n_features_out_)], dtype=object)

    def _read(self, X):
        """Return the vector of each cell (a scalar NaN if it is all NaN), and the errors."""
        cells = as_cells(X, noun=_NOUN)
        return map_cells(_vector_of, cells, noun=_NOUN, on_error=self.on_error)

    def _of_one_length(self, X, vectors):
        cells = as_cells(X, noun=_NOUN)
        found = np.full((len(vectors), self.n_features_out_), np.nan, dtype=np.float32)
        for row, vector in enumerate(vectors):
            if vector is None or vector.ndim == 0:
                continue
            if len(vector) == self.n_features_out_:
                found[row] = vector
                continue
            reason = f"it has {len(vector):,} numbers, and the others have {self.n_features_out_:,}"
            remedy = "Compute all vectors of a column with the same encoder."
            self._errors.append(bad_cell(cells[row], row, (reason, remedy), _NOUN, self.on_error))
        # The errors of reading, which were found first, and those of length are merged by row.
        self._errors.sort(key=lambda error: error["row"])
        return found

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _vector_of(cell):
    """Return the float32 vector of a cell, or a scalar NaN if it is all NaN."""
    if isinstance(cell, (str, bytes)):
        raise BadType(
            "it is text, not numbers",
            "Pass lists or arrays: read the table from Parquet (CSV stores text only), or convert "
            "the column with json.loads; for paths of .npy files, pass the result of numpy.load.",
        )
    if not isinstance(cell, (list, tuple, np.ndarray)):
        raise BadType("it is not a list or an array of numbers", "Pass a list or a 1-D array.")
    try:
        vector = np.asarray(cell)
        if vector.dtype.kind == "O":  # such as a list with None in it
            vector = vector.astype(np.float64)
    except (ValueError, TypeError):
        vector = None
    if vector is None or vector.dtype.kind not in "biuf":
        raise BadType(
            "it contains values that are not numbers", "Pass a list or a 1-D array of numbers."
        )
    if vector.ndim != 1:
        raise BadItem(
            f"it has the shape {vector.shape}", "Pass one vector per cell: a list or a 1-D array."
        )
    with np.errstate(over="ignore"):
        vector = vector.astype(np.float32)
    if np.isnan(vector).all():  # also if it is empty
        return np.float32(np.nan)
    if not np.isfinite(vector).all():
        n_bad = int((~np.isfinite(vector)).sum())
        raise BadItem(
            f"{n_bad:,} of its {len(vector):,} numbers are NaN or infinite in float32",
            "Pass None or a vector of NaN for a missing vector.",
        )
    return vector
