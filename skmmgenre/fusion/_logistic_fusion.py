"""Logistic regressions of the modalities: the plain control beside the networks."""

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
    """Genres by logistic regression on the vectors of several modalities, any may be missing.

    The plain control: what a few lines of scikit-learn do with the same vectors. There is one
    regression for each genre against all others, of each block ("mean", late fusion) or of all
    blocks side by side ("concatenate", early fusion).

    Parameters
    ----------
    combine : {"mean", "concatenate"}, default="mean"
        "mean" answers with the mean of the probabilities that the blocks give.
        "concatenate" learns from all blocks at once.
    C : float or dict of str to float, default=1.0
        Inverse strength of the l2 penalty; a dict has that of each block.
    balanced : bool, default=True
        Whether a genre and its rest weigh the same, however rare it is.
    blocks : "auto" or dict of str to int, default="auto"
        As in :class:`FusionClassifier`.
    max_iter : int, default=2000
        Iterations of each regression, at most.

    Attributes
    ----------
    classes_ : ndarray
        The genres; of an indicator DataFrame its column names.
    blocks_ : dict of str to list of int
        Columns of each block.
    coef_ : ndarray of float64, shape (n_classes, n_features)
        Weights of each genre's regressions, in the order of the columns of X.
    intercept_ : ndarray of float64, shape (n_regressions, n_classes)
        A row for each block with "mean", one row with "concatenate".
    n_iter_ : int
        Iterations of the regression that took the most.
    target_ : target
        What was learned of y.
    n_features_in_ : int
        Columns of X: those of all blocks.
    feature_names_in_ : ndarray of str
        Where X has column names.

    See Also
    --------
    FusionClassifier : The fusion layer of the paper.
    skmmgenre.compose.make_plain_classifier : A pipeline from a table of music to this.

    Notes
    -----
    A missing block is zeros, in training and in answers, as those few lines would have it:
    where it is missing a regression knows its intercept only, which draws the mean of the
    probabilities to the middle.

    Nothing is scaled here: put a ``StandardScaler`` behind vectors whose numbers differ in
    scale. It keeps NaN, and zeros are then the mean of a block.

    Blocks side by side keep their own `C`: a regression on a block times the square root of C,
    with C = 1, is one with that C.

    The probabilities of one genre a row are those of its regressions, divided by their sum, as
    in :class:`sklearn.multiclass.OneVsRestClassifier`.

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
            A block that is NaN throughout, or zeros throughout, is missing in a row.
        y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
            Genres: one a row, or several at once.
        feature_names : array-like of str, shape (n_features,), default=None
            As in :meth:`FusionClassifier.fit`.

        Returns
        -------
        self : LogisticFusionClassifier
            The fitted classifier.

        Raises
        ------
        ValueError
            If a block is partly NaN, `C` lacks a block, or there is one genre only.
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
        """The blocks of each regression."""
        blocks = list(self.blocks_)
        return [[block] for block in blocks] if self.combine == "mean" else [blocks]

    def _regress(self, number, blocks, X, truth):
        strengths = [self._strength(block) for block in blocks]
        parts = self._parts(X, blocks)
        first = strengths[0]
        factors = np.sqrt(np.divide(strengths, first))
        if len(parts) > 1:
            parts = [part * factor for part, factor in zip(parts, factors, strict=True)]
        vectors = sparse.hstack(parts, "csr") if sparse.issparse(parts[0]) else np.hstack(parts)
        columns = np.concatenate([self.blocks_[block] for block in blocks])
        by_column = np.repeat(factors, [part.shape[1] for part in parts])
        truth = truth.astype(int)
        for label, has in enumerate(truth.T):
            if not has.any() or has.all():  # nothing to learn: what is there is all that is known
                self.intercept_[number, label] = logit((has.sum() + 0.5) / (len(has) + 1))
                continue
            regression = LogisticRegression(
                C=first, class_weight="balanced" if self.balanced else None, max_iter=self.max_iter
            ).fit(vectors, has)
            self.coef_[label, columns] = regression.coef_[0] * by_column
            self.intercept_[number, label] = regression.intercept_[0]
            self.n_iter_ = max(self.n_iter_, int(regression.n_iter_[0]))

    def _strength(self, block):
        if not isinstance(self.C, dict):
            return self.C
        if block not in self.C:
            raise ValueError(
                f"C={self.C!r} has no number for block {block!r}; the blocks are "
                f"{list(self.blocks_)}."
            )
        return self.C[block]

    def _parts(self, X, blocks):
        """The vectors of some blocks, zeros where they are missing."""
        parts = []
        for block in blocks:
            columns = self.blocks_[block]
            missing_in_block(X, columns, block)  # all of it, or an error
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
        """Log-odds, or logarithms of probabilities, as the target takes them."""
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
        mean = np.clip(mean, 1e-12, 1 - 1e-12)
        return logit(mean) if several else np.log(mean)

    def decision_function(self, X: Matrix) -> Float64Array:
        """Return the log-odds of each label, or the logarithm of each probability.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            The columns of `fit`. A block that is NaN or zeros throughout is missing in a row.

        Returns
        -------
        scores : ndarray of float64, shape (n_rows, n_classes), or (n_rows,) for two classes
            The larger, the likelier. Of two classes the second one's score less the first one's.
        """
        output = self._output(X)
        return self.target_.scores(output)

    def predict_proba(self, X: Matrix) -> Float64Array:
        """Return the probability of each class or label.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            The columns of `fit`. A block that is NaN or zeros throughout is missing in a row.

        Returns
        -------
        probabilities : ndarray of float64, shape (n_rows, n_classes)
            Rows add up to 1 for one genre a row.
        """
        output = self._output(X)
        return self.target_.proba(output)

    def predict(self, X: Matrix) -> np.ndarray:
        """Return the likeliest genre of each row, or an indicator matrix of those above 0.5.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            The columns of `fit`. A block that is NaN or zeros throughout is missing in a row.

        Returns
        -------
        y : ndarray of shape (n_rows,), or int ndarray of shape (n_rows, n_labels)
            Genres, or for multilabel y an indicator of 0 and 1 with the columns of `classes_`.
        """
        output = self._output(X)
        return self.target_.predict(output)

    def score(self, X: Matrix, y: Genres, sample_weight: Column | None = None) -> float:
        """Return the accuracy for one genre a row, the macro AUC for several.

        Parameters
        ----------
        X : array-like or sparse matrix of shape (n_rows, n_features)
            The columns of `fit`.
        y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
            True genres, in the form that `fit` was given.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row, for accuracy only. None weighs all rows the same.

        Returns
        -------
        score : float
            Accuracy or macro AUC, in [0, 1].

        Raises
        ------
        ValueError
            If the columns of an indicator are not those of `fit`.
        """
        output = self._output(X)
        labels = read_labels_like(y, self.classes_)
        return self.target_.score(labels.values, output, sample_weight)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        tags.input_tags.sparse = True
        return tags
