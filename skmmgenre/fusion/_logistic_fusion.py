"""Logistic regressions on the modalities: the baseline of the networks."""

from numbers import Integral, Real
from typing import Literal, Self

import numpy as np
from scipy import sparse
from scipy.special import expit, logit
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted, validate_data

from .._typing import Blocks, Column, Float64Array, Genres, Matrix
from ..nets.targets import make_target
from ..utils import (
    as_pandas,
    check_rows,
    fit_context,
    read_labels,
    read_labels_like,
    refuse_repeated_columns,
)
from ._blocks import find_blocks, missing_in_block


class LogisticFusionClassifier(ClassifierMixin, BaseEstimator):
    """One-vs-rest logistic regression on several modalities, any of which may be missing.

    The baseline of :class:`FusionClassifier`: what a few lines of scikit-learn do with the same
    vectors. There is one regression of each genre against all others, on each block separately
    ("mean", late fusion) or on the concatenated blocks ("concatenate", early fusion).

    Parameters
    ----------
    combine : {"mean", "concatenate"}, default="mean"
        "mean" averages the predicted probabilities of the blocks. "concatenate" fits one
        regression on all blocks.
    C : float or dict of str to float, default=1.0
        Inverse strength of the l2 penalty; a dict gives one value per block.
    balanced : bool, default=True
        Whether to weight the rows so that a genre and all others have the same total weight,
        however rare the genre is.
    blocks : "auto" or dict of str to int, default="auto"
        Columns of each block, as in :class:`FusionClassifier`.
    max_iter : int, default=2000
        Maximum number of iterations of each regression.

    Attributes
    ----------
    classes_ : ndarray
        Genres; the column names if y is an indicator DataFrame.
    blocks_ : dict of str to list of int
        Columns of each block.
    coef_ : ndarray of float64, shape (n_classes, n_features)
        Weights of the regressions of each genre, in the order of the columns of X.
    intercept_ : ndarray of float64, shape (n_regressions, n_classes)
        Intercepts, one row per block with "mean", one row with "concatenate".
    n_iter_ : int
        Largest number of iterations of a regression.
    target_ : target
        Classes and decision rule learned from y.
    n_features_in_ : int
        Number of columns of X, over all blocks.
    feature_names_in_ : ndarray of str
        Column names of X. Defined only when X has column names.

    See Also
    --------
    FusionClassifier : The fusion layer of the paper.
    skmmgenre.compose.make_plain_classifier : Pipeline from a table of music to this classifier.

    Notes
    -----
    A missing block is replaced by zeros in training and in prediction, as a simple scikit-learn
    pipeline would do. The regression of a missing block then only uses its intercept, which pulls
    the mean of the probabilities towards the middle.

    Vectors are not scaled here. If the features differ in scale, apply a ``StandardScaler`` first:
    it keeps NaN, and zeros are then the mean of a block.

    With "concatenate", each block keeps its own `C`: a regression with C = 1 on a block multiplied
    by the square root of C is equivalent to one with that C on the block.

    For single-label y, the probabilities of the regressions are divided by their sum, as in
    :class:`sklearn.multiclass.OneVsRestClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.fusion import LogisticFusionClassifier
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(60, 5))
    >>> y = np.where(X[:, 0] + X[:, 3] > 0, "Jazz", "Rock")
    >>> X[::4, 3:] = np.nan
    >>> plain = LogisticFusionClassifier(blocks={"audio": 3, "text": 2}).fit(X, y)
    >>> plain.score(X, y) > 0.8
    True
    """

    classes_: np.ndarray
    coef_: Float64Array
    intercept_: Float64Array
    blocks_: dict[str, list[int]]

    __metadata_request__fit = {"feature_names": True}

    _parameter_constraints: dict = {
        "combine": [StrOptions({"mean", "concatenate"})],
        "C": [Interval(Real, 0, None, closed="neither"), dict],
        "balanced": ["boolean"],
        "blocks": [StrOptions({"auto"}), dict],
        "max_iter": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        combine: Literal["mean", "concatenate"] = "mean",
        C: float | dict[str, float] = 1.0,
        balanced: bool = True,
        blocks: Blocks = "auto",
        max_iter: int = 2000,
    ):
        self.combine = combine
        self.C = C
        self.balanced = balanced
        self.blocks = blocks
        self.max_iter = max_iter

    @fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Matrix, y: Genres, feature_names: Column | None = None) -> Self:
        """Fit the regressions.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            The concatenated blocks. A block that is NaN or zero throughout a row is missing there.
        y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
            Genres, single-label or multilabel.
        feature_names : array-like of str, shape (n_features,), default=None
            Column names, for X without names; see :meth:`FusionClassifier.fit`.

        Returns
        -------
        self : LogisticFusionClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If a block is partly NaN, `C` lacks a block, or there is only one genre.
        """
        X = self._read(X, reset=True, feature_names=feature_names)
        labels = read_labels(y)
        check_consistent_length(X, labels.values)
        check_rows(X, labels, None)
        if not labels.several:
            check_classification_targets(labels.values)
        self.target_ = make_target("auto", labels.names).fit(labels.values)
        self.classes_ = self.target_.classes_
        truth = labels.values
        if not labels.several:
            truth = truth[:, np.newaxis] == self.classes_
        regressions = self._regressions()
        self.coef_ = np.zeros((len(self.classes_), X.shape[1]))
        self.intercept_ = np.zeros((len(regressions), len(self.classes_)))
        self.n_iter_ = 0
        for number, blocks in enumerate(regressions):
            self._regress(number, blocks, X, truth)
        return self

    def _regressions(self):
        """Return the blocks of each regression."""
        blocks = list(self.blocks_)
        return [[block] for block in blocks] if self.combine == "mean" else [blocks]

    def _regress(self, number, blocks, X, truth):
        strengths = [self._strength(block) for block in blocks]
        parts = self._parts(X, blocks)
        first = strengths[0]
        # LogisticRegression has a single C; the factors give each block its own (see Notes).
        factors = np.sqrt(np.divide(strengths, first))
        if len(parts) > 1:
            parts = [part * factor for part, factor in zip(parts, factors, strict=True)]
        vectors = sparse.hstack(parts, "csr") if sparse.issparse(parts[0]) else np.hstack(parts)
        columns = np.concatenate([self.blocks_[block] for block in blocks])
        by_column = np.repeat(factors, [part.shape[1] for part in parts])
        truth = truth.astype(int)
        for label, has in enumerate(truth.T):
            if not has.any() or has.all():  # a constant label: the intercept alone
                self.intercept_[number, label] = logit((has.sum() + 0.5) / (len(has) + 1))
                continue
            regression = LogisticRegression(
                C=first, class_weight="balanced" if self.balanced else None, max_iter=self.max_iter
            ).fit(vectors, has)
            # For the columns as they are in X, because prediction does not scale them.
            self.coef_[label, columns] = regression.coef_[0] * by_column
            self.intercept_[number, label] = regression.intercept_[0]
            self.n_iter_ = max(self.n_iter_, int(regression.n_iter_[0]))

    def _strength(self, block):
        if not isinstance(self.C, dict):
            return self.C
        if block not in self.C:
            raise ValueError(
                f"C={self.C!r} has no value for block {block!r}; the blocks are "
                f"{list(self.blocks_)}."
            )
        return self.C[block]

    def _parts(self, X, blocks):
        """Return the vectors of some blocks, zeros where they are missing."""
        parts = []
        for block in blocks:
            columns = self.blocks_[block]
            missing_in_block(X, columns, block)  # raises if partly NaN
            part = X[:, columns]
            if sparse.issparse(part):
                part.data = np.nan_to_num(part.data)
            else:
                part = np.nan_to_num(part)
            parts.append(part)
        return parts

    def _read(self, X, *, reset, feature_names=None):
        refuse_repeated_columns(X)
        X = validate_data(
            self,
            as_pandas(X),
            reset=reset,
            accept_sparse="csr",
            dtype=np.float64,
            ensure_all_finite="allow-nan",
        )
        if reset:
            names = getattr(self, "feature_names_in_", feature_names)
            found = find_blocks(self.blocks, X.shape[1], names)
            self.blocks_ = {block: columns.tolist() for block, columns in found.items()}
        return X

    def _output(self, X):
        """Return log-odds (multilabel) or log-probabilities (single-label), as the target does."""
        check_is_fitted(self)
        X = self._read(X, reset=False)
        mean = 0
        regressions = self._regressions()
        several = self.target_.name == "logistic"
        for blocks, intercept in zip(regressions, self.intercept_, strict=True):
            scores = np.tile(intercept, (X.shape[0], 1))
            for block, part in zip(blocks, self._parts(X, blocks), strict=True):
                scores += part @ self.coef_[:, self.blocks_[block]].T
            probabilities = expit(scores)
            if not several:
                probabilities /= probabilities.sum(axis=1, keepdims=True)
            mean = mean + probabilities / len(regressions)
        # Keeps the logit and the logarithm finite where all regressions are certain.
        mean = np.clip(mean, 1e-12, 1 - 1e-12)
        return logit(mean) if several else np.log(mean)

    def decision_function(self, X: Matrix) -> Float64Array:
        """Return the log-odds of each label, or the log-probability of each class.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            Same columns as in `fit`. A block that is NaN or zero throughout a row is missing there.

        Returns
        -------
        scores : ndarray of float64, shape (n_rows, n_classes), or (n_rows,) for two classes
            Higher scores are more likely. For two classes, score of the second minus that of the
            first.
        """
        output = self._output(X)
        return self.target_.scores(output)

    def predict_proba(self, X: Matrix) -> Float64Array:
        """Return the probability of each class or label.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            Same columns as in `fit`. A block that is NaN or zero throughout a row is missing there.

        Returns
        -------
        probabilities : ndarray of float64, shape (n_rows, n_classes)
            Rows sum to 1 for single-label y.
        """
        output = self._output(X)
        return self.target_.proba(output)

    def predict(self, X: Matrix) -> np.ndarray:
        """Return the most likely genre of each row, or an indicator of those above 0.5.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            Same columns as in `fit`. A block that is NaN or zero throughout a row is missing there.

        Returns
        -------
        y : ndarray of shape (n_rows,), or int ndarray of shape (n_rows, n_labels)
            Genres, or for multilabel y an indicator matrix with the columns of `classes_`.
        """
        output = self._output(X)
        return self.target_.predict(output)

    def score(self, X: Matrix, y: Genres, sample_weight: Column | None = None) -> float:
        """Return the accuracy for single-label y, or the macro AUC for multilabel y.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            Same columns as in `fit`.
        y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
            True genres, in the same form as in `fit`.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row; only used for the accuracy. None gives all rows the same weight.

        Returns
        -------
        score : float
            Accuracy or macro AUC, in [0, 1].

        Raises
        ------
        ValueError
            If the columns of an indicator differ from those seen in `fit`.
        """
        output = self._output(X)
        labels = read_labels_like(y, self.classes_)
        return self.target_.score(labels.values, output, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.input_tags.sparse = True
        return tags
