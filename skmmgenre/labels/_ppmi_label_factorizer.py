"""Labels as vectors: factors of their co-occurrence (section 5.1)."""

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

# Rows counted at a time, so that memory does not grow with them.
_BLOCK = 65536
# A block with a larger share of ones is multiplied faster dense than sparse.
_DENSE = 0.05
_MOST_COMPONENTS = 50


class PPMILabelFactorizer(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Factors of labels and items from the co-occurrence of labels (section 5.1).

    The positive pointwise mutual information of every two labels (equation 1 of Oramas et al.
    2018, a label with itself included) is factorised by a truncated singular value
    decomposition, U S V. The factors of the labels are ``C = U_d S_d^p``, those of the items
    ``M C``, where M says which item has which labels: the sum of the factors of its labels.
    Labels and items share one space, in which a label is near the items that have it or
    labels like it.

    Parameters
    ----------
    n_components : int or "auto", default=50
        Length d of the factors; "auto" is 50 or the rank, whichever is less.
    sigma_power : float, default=0.5
        The power p of the singular values. The paper's line reads p = 1, the first author's
        thesis the square root.

    Attributes
    ----------
    label_factors_ : ndarray of float64, shape (n_labels, d)
        Factors of the labels, not normalised. Of each component the entry of largest size is
        positive. Zero for a label nobody has, one that all rows have (its information is
        zero), and one that the d components do not reach.
    singular_values_ : ndarray of float64, shape (d,)
        The d largest, falling.
    n_components_ : int
        d.
    rank_ : int
        Numerical rank of the matrix of information: most components there can be.
    label_share_ : ndarray of float64, shape (n_labels,)
        Share of the rows of `fit` that have the label, in [0, 1].
    classes_ : ndarray of shape (n_labels,)
        The labels: the column names of a DataFrame, else 0, 1, ...
    n_features_in_ : int
        n_labels.

    See Also
    --------
    GenreTaxonomy : Gives items the labels of all their branches, and the matrix to fit.
    sklearn.decomposition.TruncatedSVD : Of the items by labels, not of their information.

    Notes
    -----
    With :math:`n_i` rows that have label i, :math:`n_{ij}` that have both and n in all,

    .. math:: X_{ij} = \\max(0, \\log \\frac{n_{ij}\\, n}{n_i\\, n_j})

    (natural logarithm; 0 if :math:`n_{ij} = 0`). Rows without a label count in n. X is made
    from sparse products of blocks of rows: memory is the matrix itself, once more at most,
    and n_labels squared.

    Labels of equal singular values (two isolated labels of as many rows) share a subspace,
    within which the components are arbitrary; similarities are not affected unless d cuts
    through it.

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
        """Learn the factors of the labels.

        Parameters
        ----------
        Y : array-like of shape (n, n_labels)
            Indicator matrix of 0 and 1: ndarray, DataFrame or sparse.
        y : None
            Not used.

        Returns
        -------
        self : PPMILabelFactorizer
            The fitted factorizer.

        Raises
        ------
        ValueError
            If an entry is neither 0 nor 1 (the row and the label are named), or if there are
            more components than the rank (the rank is told).

        Warns
        -----
        UserWarning
            If nobody has a label, or the components do not reach one; they are named.
        """
        self._validate_params()
        matrix, self.classes_ = read_indicator(Y, "Y", keep_sparse=True)
        n = matrix.shape[0]
        if not n:
            raise ValueError("Y has 0 rows.")
        self.n_features_in_ = matrix.shape[1]
        both = _co_occurrence(matrix)
        self.label_share_ = both.diagonal() / n
        information = _ppmi(both, n)
        u, s, vt = linalg.svd(information)
        u, _ = svd_flip(u, vt)
        self.rank_ = int((s > s[:1] * len(s) * np.finfo(float).eps).sum())
        d = self.n_components_ = self._choose_n_components()
        u = u[:, :d]
        # What is left of a label beside these components is rounding, and has no direction.
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
                f"n_components={self.n_components!r}, but the information of the "
                f"{self.n_features_in_} labels has rank {self.rank_}. "
                + (
                    f'Pass n_components={self.rank_} or less, or "auto".'
                    if self.rank_
                    else "No label is in some rows and not in others, so there is nothing to "
                    "factorise: leave such labels out, and pass rows that differ."
                )
            )
        return d

    def _warn_of_labels_without_factors(self, information):
        nobody = self.label_share_ == 0
        beyond = information.any(axis=1) & ~self.label_factors_.any(axis=1)
        for labels, what, consequence in (
            (nobody, "No row has the label", "score -1 in every row. Leave them out."),
            (
                beyond,
                f"{self.n_components_} components do not reach the label",
                "score 0 in every row. Raise n_components.",
            ),
        ):
            names = self.classes_[labels].tolist()
            if names:
                warnings.warn(
                    f"{what}{'s' * (len(names) > 1)} {', '.join(map(repr, names))}: zero factors, "
                    + consequence,
                    UserWarning,
                    stacklevel=3,
                )

    def transform(self, Y: Matrix) -> Float64Array:
        """Return the factors of items: the sum of the factors of their labels.

        Parameters
        ----------
        Y : array-like of shape (n, n_labels)
            Indicator matrix of the labels of `fit`, in their order.

        Returns
        -------
        item_factors : ndarray of float64, shape (n, d)
            Not normalised; zero for an item without a label.

        Raises
        ------
        ValueError
            If the labels are not those of `fit`, or an entry is neither 0 nor 1.
        """
        check_is_fitted(self)
        return np.asarray(self._read_known(Y) @ self.label_factors_)

    def score_labels(self, F: Matrix) -> Float64Array:
        """Return how near each label is to each item: the cosine of their factors.

        Parameters
        ----------
        F : array-like of shape (n, d)
            Factors of items, of any length: as `transform` gives them, or predicted.

        Returns
        -------
        scores : ndarray of float64, shape (n, n_labels)
            In [-1, 1]; not probabilities. There is no cosine with zero factors: a label nobody
            had in `fit` scores -1 in every row, so that it is never among the best; one that all
            rows had scores 1, and so is; any other label or item without factors scores 0.

        Raises
        ------
        ValueError
            If `F` has another number of columns than d, or holds NaN or infinity.
        """
        check_is_fitted(self)
        F = check_array(F, dtype=np.float64, input_name="F")
        if F.shape[1] != self.n_components_:
            raise ValueError(
                f"F has {F.shape[1]} columns, the factors have {self.n_components_} components. "
                "Pass factors of items, as transform gives them."
            )
        scores = normalize(F) @ normalize(self.label_factors_).T
        np.clip(scores, -1, 1, out=scores)  # of rounding only
        scores[:, self.label_share_ == 0] = -1
        scores[:, self.label_share_ == 1] = 1
        return scores

    def ceiling(self, Y: Matrix) -> pd.Series:
        """Metrics that the true factors of items would reach: what this space can express.

        A network that regresses the factors without any error scores as well, so low metrics
        ask for more components. A metric of a network beside its ceiling tells what was lost
        to the factors and what to the network.

        Parameters
        ----------
        Y : array-like of shape (n, n_labels)
            Indicator matrix of the labels of `fit`, in their order.

        Returns
        -------
        metrics : Series
            As `skmmgenre.metrics.ranking_scores` names them: macro_auc, and precision@k,
            diversity@k (ADiv@k) and others at k = 1, 3, 5 (as far as there are labels).

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
                f"Y has {len(names)} labels, the factorizer was fitted on {self.n_features_in_}."
            )
        if isinstance(Y, pd.DataFrame) and names.tolist() != self.classes_.tolist():
            raise ValueError(
                "The columns of Y are not the labels of fit in the same order. Reorder them: "
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
    """Count the rows that have both labels, (n_labels, n_labels) of float64 (exact)."""
    n, n_labels = matrix.shape
    both = np.zeros((n_labels, n_labels))
    for start in range(0, n, _BLOCK):
        rows = matrix[start : start + _BLOCK]
        if sparse.issparse(rows) and rows.nnz > _DENSE * np.prod(rows.shape):
            rows = rows.toarray()
        rows = rows.astype(np.float32)  # exact up to 2^24, more than the rows of a block
        product = rows.T @ rows
        both += product.toarray() if sparse.issparse(product) else product
    return both


def _ppmi(both, n):
    """Equation 1, the diagonal kept; 0 where no row has both labels."""
    count = both.diagonal()
    expected = np.outer(count, count)
    # The counts are whole, so labels that are just independent get log 1 = 0 exactly.
    ratio = np.divide(both * n, expected, out=np.zeros_like(both), where=expected > 0)
    return np.log(np.maximum(ratio, 1))
