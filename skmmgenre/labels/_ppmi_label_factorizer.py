"""Label factors from the co-occurrence of labels (section 5.1 of the paper)."""

import warnings
from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy import linalg, sparse
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.preprocessing import normalize
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.extmath import svd_flip
from sklearn.utils.validation import check_array, check_is_fitted

from .._typing import Auto, Float64Array, Matrix
from ..metrics import ranking_scores
from ..utils import as_pandas, read_indicator

# Number of rows processed at a time, so that memory does not grow with the number of rows.
_BLOCK = 65536
# If the share of ones in a block is larger, dense multiplication is faster than sparse.
_DENSE = 0.05
_MOST_COMPONENTS = 50


class PPMILabelFactorizer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Factors of labels and items from the co-occurrence of labels (section 5.1).

    The positive pointwise mutual information (PPMI) of every pair of labels (equation 1 of Oramas
    et al. 2018, including the diagonal) is factorized by a truncated singular value
    decomposition, U S V. The factors of the labels are ``C = U_d S_d^p``. The factors of the items
    are ``M C``, where M is the indicator matrix: the sum of the factors of their labels. Labels
    and items share one space, in which a label is close to the items that have it or similar
    labels.

    Parameters
    ----------
    n_components : int or "auto", default=50
        Length d of the factors; "auto" uses 50 or the rank, whichever is smaller.
    sigma_power : float, default=0.5
        Power p of the singular values. The formula in the paper has p = 1; the thesis of the
        first author has the square root.

    Attributes
    ----------
    label_factors_ : ndarray of float64, shape (n_labels, d)
        Factors of the labels, not normalized. In each component the entry with the largest
        absolute value is positive. The factors are zero for a label that no row has, for a label
        that all rows have (its PPMI is zero), and for a label that the d components do not
        represent.
    singular_values_ : ndarray of float64, shape (d,)
        The d largest singular values, in decreasing order.
    n_components_ : int
        Length d of the factors.
    rank_ : int
        Numerical rank of the PPMI matrix, which is the maximum number of components.
    label_share_ : ndarray of float64, shape (n_labels,)
        Fraction of the rows of `fit` that have the label, in [0, 1].
    classes_ : ndarray of shape (n_labels,)
        The labels: the column names of a DataFrame, otherwise 0, 1, ...
    n_features_in_ : int
        Number of labels.

    See Also
    --------
    GenreTaxonomy : Expand the branches of items to labels and build the indicator matrix.
    sklearn.decomposition.TruncatedSVD : Factorize the indicator matrix instead of the PPMI matrix.

    Notes
    -----
    With :math:`n_i` rows that have label i, :math:`n_{ij}` rows that have both labels and n rows
    in total,

    .. math:: X_{ij} = \\max(0, \\log \\frac{n_{ij}\\, n}{n_i\\, n_j})

    (natural logarithm; 0 if :math:`n_{ij} = 0`). Rows without a label are included in n. X is
    computed from sparse products of blocks of rows. Memory is needed for Y, at most one copy of
    it, and n_labels squared numbers.

    Labels with equal singular values (two isolated labels with equally many rows) span a subspace
    in which the components are arbitrary; similarities are not affected unless only part of that
    subspace is among the d components.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmmgenre.labels import PPMILabelFactorizer
    >>> Y = pd.DataFrame(
    ...     [[1, 1, 0, 0], [1, 0, 0, 0], [0, 0, 1, 1], [0, 0, 1, 0]],
    ...     columns=["Jazz", "Bebop", "Rock", "Punk"],
    ... )
    >>> factorizer = PPMILabelFactorizer(n_components=2).fit(Y)
    >>> item_factors = factorizer.transform(Y)
    >>> factorizer.score_labels(item_factors).round(2) + 0.0
    array([[1., 1., 0., 0.],
           [1., 1., 0., 0.],
           [0., 0., 1., 1.],
           [0., 0., 1., 1.]])
    """

    _parameter_constraints = {
        "n_components": [Interval(Integral, 1, None, closed="left"), StrOptions({"auto"})],
        "sigma_power": [Interval(Real, 0, None, closed="left")],
    }

    classes_: np.ndarray
    label_factors_: Float64Array

    def __init__(self, *, n_components: Auto | int = 50, sigma_power: float = 0.5):
        self.n_components = n_components
        self.sigma_power = sigma_power

    def fit(self, Y: Matrix, y: Any = None) -> Self:
        """Compute the factors of the labels.

        Parameters
        ----------
        Y : array-like of shape (n, n_labels)
            Indicator matrix of 0 and 1, as ndarray, DataFrame or sparse matrix.
        y : None
            Not used.

        Returns
        -------
        self : PPMILabelFactorizer
            The fitted factorizer.

        Raises
        ------
        ValueError
            If an entry is neither 0 nor 1 (the message contains its row and label), or if
            `n_components` exceeds the rank (the message contains the rank).

        Warns
        -----
        UserWarning
            If no row has a label, or the components do not represent a label; the message
            contains these labels.
        """
        self._validate_params()
        matrix, self.classes_ = read_indicator(Y, "Y", keep_sparse=True)
        n = matrix.shape[0]
        if not n:
            raise ValueError("Y has 0 rows. Pass at least one row.")
        self.n_features_in_ = matrix.shape[1]
        both = _co_occurrence(matrix)
        self.label_share_ = both.diagonal() / n
        information = _ppmi(both, n)
        # Section 5.1. The matrix is symmetric, but its eigenvalues may be negative; the singular
        # values are their absolute values.
        u, s, vt = linalg.svd(information)
        u, _ = svd_flip(u, vt)
        # The default tolerance of numpy.linalg.matrix_rank.
        self.rank_ = int((s > s[:1] * len(s) * np.finfo(float).eps).sum())
        d = self.n_components_ = self._choose_n_components()
        u = u[:, :d]
        # Smaller rows are rounding errors of labels outside these components.
        u[np.linalg.norm(u, axis=1) < 1e-10] = 0
        self.singular_values_ = s[:d].copy()
        self.label_factors_ = u * self.singular_values_**self.sigma_power
        self._warn_of_labels_without_factors(information)
        return self

    def _choose_n_components(self):
        d = self.n_components
        if d == "auto":
            d = min(_MOST_COMPONENTS, self.rank_)
        if not 1 <= d <= self.rank_:
            raise ValueError(
                f"n_components={self.n_components!r}, but the PPMI matrix of the "
                f"{self.n_features_in_} labels has rank {self.rank_}. "
                + (
                    f'Pass n_components={self.rank_} or less, or "auto".'
                    if self.rank_
                    else "Every label occurs in all rows or in none, so there is nothing to "
                    "factorize: pass rows with different labels."
                )
            )
        return d

    def _warn_of_labels_without_factors(self, information):
        nobody = self.label_share_ == 0
        beyond = information.any(axis=1) & ~self.label_factors_.any(axis=1)
        for labels, what, consequence in (
            (nobody, "No row has the label", "the score is -1 in every row. Remove such labels."),
            (
                beyond,
                f"{self.n_components_} components do not represent the label",
                "the score is 0 in every row. Increase n_components.",
            ),
        ):
            names = self.classes_[labels].tolist()
            if names:
                warnings.warn(
                    f"{what}{'s' * (len(names) > 1)} {', '.join(map(repr, names))}: the factors "
                    "are zero and " + consequence,
                    UserWarning,
                    stacklevel=3,
                )

    def transform(self, Y: Matrix) -> Float64Array:
        """Return the factors of items: the sum of the factors of their labels.

        Parameters
        ----------
        Y : array-like of shape (n, n_labels)
            Indicator matrix of the labels of `fit`, in the same order.

        Returns
        -------
        item_factors : ndarray of float64, shape (n, d)
            Factors, not normalized; zero for an item without labels.

        Raises
        ------
        ValueError
            If the labels are not those of `fit`, or an entry is neither 0 nor 1.
        """
        check_is_fitted(self)
        return np.asarray(self._read_known(Y) @ self.label_factors_)

    def score_labels(self, F: Matrix) -> Float64Array:
        """Compute the cosine similarity between the factors of items and labels.

        Parameters
        ----------
        F : array-like of shape (n, d)
            Factors of items, of any norm: the result of `transform`, or predicted factors.

        Returns
        -------
        scores : ndarray of float64, shape (n, n_labels)
            Similarities in [-1, 1]; they are not probabilities. The cosine with zero factors is
            undefined: a label that no row of `fit` has scores -1 in every row, so that it is
            never among the best; a label that all rows have scores 1, so that it always is; any
            other label or item with zero factors scores 0.

        Raises
        ------
        ValueError
            If the number of columns of `F` is not d, or `F` contains NaN or infinity.
        """
        check_is_fitted(self)
        F = check_array(F, dtype=np.float64, input_name="F")
        if F.shape[1] != self.n_components_:
            raise ValueError(
                f"F has {F.shape[1]} columns, but the factors have {self.n_components_} "
                "components. Pass factors of items, as returned by transform."
            )
        scores = normalize(F) @ normalize(self.label_factors_).T
        np.clip(scores, -1, 1, out=scores)  # corrects rounding errors
        scores[:, self.label_share_ == 0] = -1
        scores[:, self.label_share_ == 1] = 1
        return scores

    def ceiling(self, Y: Matrix) -> pd.Series:
        """Compute the metrics that the true factors of items reach: what the factors can express.

        These are the metrics of a network that regresses the factors without error. If they are
        low, use more components. Comparing the metrics of a network with this ceiling separates
        the loss due to the factors from the loss due to the network.

        Parameters
        ----------
        Y : array-like of shape (n, n_labels)
            Indicator matrix of the labels of `fit`, in the same order.

        Returns
        -------
        metrics : Series
            Metrics with the names of `skmmgenre.metrics.ranking_scores`: macro_auc, and
            precision@k, diversity@k (ADiv@k) and others at k = 1, 3, 5 (up to the number of
            labels).

        Raises
        ------
        ValueError
            If the labels are not those of `fit`, or an entry is neither 0 nor 1.
        """
        check_is_fitted(self)
        matrix = self._read_known(Y)
        ks = [k for k in (1, 3, 5) if k <= self.n_features_in_]
        scores = self.score_labels(matrix @ self.label_factors_)
        return ranking_scores(matrix, scores, ks, references=False).iloc[0].rename("ceiling")

    def _read_known(self, Y):
        Y = as_pandas(Y)
        matrix, names = read_indicator(Y, "Y", keep_sparse=True)
        if len(names) != self.n_features_in_:
            raise ValueError(
                f"Y has {len(names)} labels, but the factorizer was fitted on "
                f"{self.n_features_in_}. Pass the labels of fit."
            )
        if isinstance(Y, pd.DataFrame) and names.tolist() != self.classes_.tolist():
            raise ValueError(
                "The columns of Y are not the labels of fit in the same order. Pass "
                "Y[factorizer.classes_]."
            )
        return matrix

    @property
    def _n_features_out(self):
        return self.n_components_

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags


def _co_occurrence(matrix):
    """Count the rows that have both labels, as exact float64 of shape (n_labels, n_labels)."""
    n, n_labels = matrix.shape
    both = np.zeros((n_labels, n_labels))
    for start in range(0, n, _BLOCK):
        rows = matrix[start : start + _BLOCK]
        if sparse.issparse(rows) and rows.nnz > _DENSE * np.prod(rows.shape):
            rows = rows.toarray()
        rows = rows.astype(np.float32)  # exact up to 2^24, which exceeds the size of a block
        product = rows.T @ rows
        both += product.toarray() if sparse.issparse(product) else product
    return both


def _ppmi(both, n):
    """Compute equation 1 with its diagonal; 0 where no row has both labels."""
    count = both.diagonal()
    expected = np.outer(count, count)
    # The counts are integers, so exactly independent labels get log 1 = 0 exactly.
    ratio = np.divide(both * n, expected, out=np.zeros_like(both), where=expected > 0)
    # The same as max(0, log(ratio)), without log(0) for labels that never occur together.
    return np.log(np.maximum(ratio, 1))
