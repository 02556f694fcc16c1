"""Meta-estimator that tunes a decision threshold per label for any multilabel classifier."""

import warnings
from numbers import Integral, Real
from typing import Any, Literal, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, MetaEstimatorMixin, clone
from sklearn.model_selection import check_cv
from sklearn.utils import check_consistent_length, get_tags
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.metadata_routing import MetadataRouter, MethodMapping, process_routing
from sklearn.utils.parallel import Parallel, delayed
from sklearn.utils.validation import check_is_fitted

from .._typing import Column, Float64Array, Genres, IntArray, Matrix
from ..metrics import check_columns, genre_scores, label_scores, macro_auc_score, top_k_labels
from ..utils import (
    as_pandas,
    available_if,
    check_rows,
    fit_context,
    read_indicator,
    rows_checked,
    safe_indexing,
)
from ._artist_splits import ArtistKFold
from ._thresholds import (
    best_f1_threshold,
    labels_above,
    lowest_threshold_of_precision,
    tune_thresholds,
)


def _estimator_has(method):
    def check(self):
        getattr(getattr(self, "estimator_", self.estimator), method)
        return True

    return check


class LabelThresholds(ClassifierMixin, MetaEstimatorMixin, BaseEstimator):
    """Multilabel classifier with one decision threshold per label, tuned by cross-validation.

    Probabilities of rare genres seldom exceed 0.5, and similarities have no natural threshold.
    This meta-estimator selects for each genre the best threshold on rows of artists that the
    scoring model has not seen. It is the multilabel counterpart of scikit-learn's
    `TunedThresholdClassifierCV` for binary targets.

    Parameters
    ----------
    estimator : multilabel classifier
        Classifier with `decision_function` or `predict_proba`, such as a GenrePipeline, a
        FusionClassifier or a `OneVsRestClassifier`.
    strategy : {"f1", "precision", "top_k"}, default="f1"
        How labels are selected. "f1" uses the threshold that maximizes the F1 of a label.
        "precision" uses the lowest threshold that reaches `min_precision`, which maximizes recall
        at that precision (a label that does not reach it is never predicted). "top_k" uses no
        thresholds and predicts the `k` best labels of each item.
    min_precision : float in (0, 1], default=0.5
        Minimum precision for strategy "precision".
    k : int, default=3
        Number of labels for strategy "top_k". If scores are equal, the label with the higher index
        ranks first.
    at_least_one : bool, default=False
        Whether to predict at least one label per item. If no score exceeds its threshold, the
        label whose score is closest to its threshold is predicted.
    min_positives : int, default=20
        Labels with fewer items are too rare to tune individually. They share one threshold, which
        is tuned on all of these labels together, or on all labels if these have too few items
        together.
    cv : int, splitter, iterable of (train, test) or "prefit", default=None
        Cross-validation strategy. None is ``ArtistKFold(5)``; an int is the number of its folds.
        With "prefit" the `estimator` must be fitted, and thresholds are tuned on the rows passed
        to `fit`, which must not be among its training rows.
    refit : bool, default=True
        Whether to fit the estimator on all rows after tuning the thresholds. With False, which
        requires a `cv` with one split, the model fitted on the training rows of the split is kept.
    n_jobs : int or None, default=None
        Number of folds to fit in parallel.

    Attributes
    ----------
    estimator_ : classifier
        The fitted estimator used for prediction.
    classes_ : ndarray of shape (n_labels,)
        Labels: the column names of a DataFrame, otherwise 0, 1, ...
    thresholds_ : ndarray of float64, shape (n_labels,)
        Thresholds. A label is predicted if its score is above its threshold: always for -inf,
        never for inf. For strategy "top_k" all are -inf.
    tuned_ : ndarray of bool, shape (n_labels,)
        Whether a label has its own threshold.
    shared_threshold_ : float
        Threshold of the other labels; NaN if all labels have their own.
    cv_scores_ : dict of str to ndarray of shape (n_labels,)
        Scores on the held-out rows as returned by `describe`; empty for strategy "top_k".
    n_features_in_, feature_names_in_
        As in the estimator, if it defines them.

    See Also
    --------
    ArtistKFold : Folds used by default.

    Notes
    -----
    Thresholds are tuned on the held-out scores of all folds together, because a rare label has too
    few items in a single fold. The scores of the models of different folds should therefore be
    comparable. A threshold is the midpoint between two held-out scores.

    `groups`, `validation` and `sample_weight` passed to `fit` are routed to the estimator if it
    requests them, as all networks of this package do, and `groups` to the splitter. Metadata
    routing need not be enabled. A model fitted on a fold receives the metadata of its rows.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.multiclass import OneVsRestClassifier
    >>> from skmmgenre.model_selection import LabelThresholds
    >>> X, Y = make_multilabel_classification(n_samples=200, random_state=0)
    >>> artists = [row // 2 for row in range(200)]
    >>> model = LabelThresholds(OneVsRestClassifier(LogisticRegression()), at_least_one=True)
    >>> model.fit(X, Y, groups=artists).predict(X).sum(axis=1).min() >= 1
    np.True_
    """

    _parameter_constraints = {
        "estimator": [
            HasMethods(["fit", "decision_function"]),
            HasMethods(["fit", "predict_proba"]),
        ],
        "strategy": [StrOptions({"f1", "precision", "top_k"})],
        "min_precision": [Interval(Real, 0, 1, closed="right")],
        "k": [Interval(Integral, 1, None, closed="left")],
        "at_least_one": ["boolean"],
        "min_positives": [Interval(Integral, 1, None, closed="left")],
        "cv": ["cv_object", StrOptions({"prefit"})],
        "refit": ["boolean"],
        "n_jobs": [Integral, None],
    }

    classes_: np.ndarray
    thresholds_: Float64Array

    def __init__(
        self,
        estimator: Any,
        *,
        strategy: Literal["f1", "precision", "top_k"] = "f1",
        min_precision: float = 0.5,
        k: int = 3,
        at_least_one: bool = False,
        min_positives: int = 20,
        cv: Any = None,
        refit: bool = True,
        n_jobs: int | None = None,
    ):
        self.estimator = estimator
        self.strategy = strategy
        self.min_precision = min_precision
        self.k = k
        self.at_least_one = at_least_one
        self.min_positives = min_positives
        self.cv = cv
        self.refit = refit
        self.n_jobs = n_jobs

    # The estimator validates its parameters in its own fit.
    @fit_context(prefer_skip_nested_validation=False)
    def fit(
        self,
        X: Matrix,
        y: Genres,
        groups: Column | None = None,
        validation: Column | None = None,
        sample_weight: Column | None = None,
        feature_names: Column | None = None,
    ) -> Self:
        """Tune the thresholds and fit the estimator.

        Parameters
        ----------
        X : DataFrame, array-like or list
            Input of the estimator.
        y : array-like of shape (n_rows, n_labels)
            Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
        groups : array-like of shape (n_rows,), default=None
            Artist of each row. Rows with a missing artist are separate artists.
        validation : array-like of bool, shape (n_rows,), default=None
            True for the inner validation rows of the estimator.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row, passed to the `fit` of the estimator. None passes no weights.
        feature_names : array-like of str, shape (n_features,), default=None
            Names of the columns of X, for an estimator whose `fit` accepts them, such as
            `FusionClassifier`.

        Returns
        -------
        self : LabelThresholds
            The fitted classifier.

        Raises
        ------
        ValueError
            If y is single-label or contains values other than 0 and 1, lengths differ, or `refit`
            is False and `cv` has several splits.
        """
        check_rows(X, y, groups)
        X, y = as_pandas(X), as_pandas(y)
        if not hasattr(y, "ndim"):
            y = np.asarray(y)
        if y.ndim != 2:
            raise ValueError(
                "LabelThresholds requires a multilabel indicator matrix, got y of shape "
                f"{tuple(y.shape)}. For single-label targets fit the estimator directly."
            )
        truth, self.classes_ = read_indicator(y)
        check_consistent_length(X, truth)
        y = sparse.csr_array(y) if sparse.issparse(y) else y
        n_labels = truth.shape[1]
        if self.strategy == "top_k" and self.k > n_labels:
            raise ValueError(f"k={self.k} is larger than the number of labels ({n_labels}).")
        metadata = {"groups": groups, "validation": validation, "sample_weight": sample_weight}
        metadata = {name: values for name, values in metadata.items() if values is not None}
        for name, values in metadata.items():
            if len(values) != truth.shape[0]:
                raise ValueError(f"{name} has {len(values)} rows, but X has {truth.shape[0]}.")
        if feature_names is not None:
            metadata["feature_names"] = feature_names
        # Routing passes the metadata on, whether or not the user has enabled it. Rows were checked
        # above, once for the fits of all folds.
        with config_context(enable_metadata_routing=True), rows_checked():
            rows, scores = self._fit_and_score(X, y, metadata)
        self._tune(truth[rows].astype(bool), scores)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def _fit_and_score(self, X, y, metadata):
        """Fit `estimator_`; return the held-out rows of the splits and their scores."""
        nothing = [], np.empty((0, y.shape[1]))
        if self.cv == "prefit":
            check_is_fitted(self.estimator)
            check_columns(self.estimator, y)
            self.estimator_ = self.estimator
            if self.strategy == "top_k":
                return nothing
            return np.arange(y.shape[0]), self._scores(X)
        given = process_routing(self, "fit", **metadata)
        for_estimator = given.estimator.fit
        if self.strategy == "top_k":
            self.estimator_ = clone(self.estimator).fit(X, y, **for_estimator)
            return nothing
        for_splitter = dict(given.splitter.split)
        if "groups" not in metadata and (self.cv is None or isinstance(self.cv, Integral)):
            warnings.warn(
                "Thresholds are tuned without regard to artists: an artist may be on both sides "
                "of a split, so the scores they are tuned on are too optimistic. Pass groups= (the "
                "artist of each row) to fit.",
                UserWarning,
                stacklevel=4,
            )
            # ArtistKFold requires artists; rows with a missing artist are separate artists.
            for_splitter["groups"] = [None] * y.shape[0]
        splits = list(self._splitter().split(X, y, **for_splitter))
        if not self.refit and len(splits) > 1:
            raise ValueError(
                f"refit=False requires a cv with one split, but cv has {len(splits)} splits. Pass "
                "cv=ArtistShuffleSplit(1) or refit=True."
            )
        fitted = Parallel(n_jobs=self.n_jobs)(
            delayed(_fit_and_score_split)(self, X, y, for_estimator, train, test)
            for train, test in splits
        )
        if self.refit:
            self.estimator_ = clone(self.estimator).fit(X, y, **for_estimator)
        else:
            self.estimator_ = fitted[0][0]
        rows = np.concatenate([test for _, test in splits])
        return rows, np.concatenate([scores for _, scores in fitted])

    def _splitter(self):
        if self.cv is None or isinstance(self.cv, Integral):
            return ArtistKFold(5 if self.cv is None else self.cv)
        return check_cv(self.cv)

    def _tune(self, truth, scores):
        n_labels = len(self.classes_)
        self.thresholds_ = np.full(n_labels, -np.inf)
        self.tuned_ = np.zeros(n_labels, dtype=bool)
        self.shared_threshold_ = np.nan
        self.cv_scores_ = {}
        if self.strategy == "top_k":
            return
        self.thresholds_, self.tuned_ = tune_thresholds(
            truth, scores, self._threshold, min_positives=self.min_positives
        )
        if not self.tuned_.all():
            self.shared_threshold_ = float(self.thresholds_[~self.tuned_][0])
        # Sparse, so that even a single label is read as an indicator matrix.
        matrices = sparse.csr_array(truth), sparse.csr_array(self._genres(scores))
        table = genre_scores(*matrices).iloc[:-1]
        self.cv_scores_ = {name: table[name].to_numpy(copy=True) for name in table}

    def _threshold(self, truth, scores):
        if self.strategy == "f1":
            return best_f1_threshold(truth, scores)
        return lowest_threshold_of_precision(truth, scores, self.min_precision)

    def _scores(self, X, estimator=None):
        """Return the validated scores of all labels, of shape (n, n_labels)."""
        estimator = self.estimator_ if estimator is None else estimator
        scores = label_scores(estimator, X).astype(np.float64)
        name = type(estimator).__name__
        if scores.shape[1] != len(self.classes_):
            raise ValueError(
                f"{name} returns {scores.shape[1]} scores per row, but there are "
                f"{len(self.classes_)} labels."
            )
        if np.isnan(scores).any():
            row, label = np.argwhere(np.isnan(scores))[0]
            raise ValueError(
                f"The score of {name} is NaN in row {row}, label {self.classes_.tolist()[label]!r}."
            )
        return scores

    def _genres(self, scores):
        """Return the indicator matrix of the labels predicted from scores."""
        if self.strategy == "top_k":
            genres = np.zeros(scores.shape, dtype=np.int64)
            np.put_along_axis(genres, top_k_labels(scores, self.k), 1, axis=1)
            return genres
        return labels_above(scores, self.thresholds_, at_least_one=self.at_least_one)

    def predict(self, X: Matrix) -> IntArray:
        """Predict the genres of each row.

        Parameters
        ----------
        X : DataFrame, array-like or list
            Input of the estimator.

        Returns
        -------
        genres : ndarray of int64, shape (n_rows, n_labels)
            Indicator matrix of 0 and 1, with the labels in the order of `classes_`.
        """
        check_is_fitted(self)
        return self._genres(self._scores(X))

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X: Matrix) -> np.ndarray:
        """Return the `decision_function` of the estimator, without subtracting thresholds.

        Parameters
        ----------
        X : DataFrame, array-like or list
            Input of the estimator.

        Returns
        -------
        scores : ndarray of shape (n_rows, n_labels)
            Scores returned by the `decision_function` of the estimator.
        """
        check_is_fitted(self)
        return self.estimator_.decision_function(X)

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X: Matrix) -> np.ndarray:
        """Return the `predict_proba` of the estimator.

        Parameters
        ----------
        X : DataFrame, array-like or list
            Input of the estimator.

        Returns
        -------
        probabilities : ndarray of shape (n_rows, n_labels)
            Probabilities in [0, 1].
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    def score(self, X: Matrix, y: Matrix) -> float:
        """Return the macro AUC, which does not depend on the thresholds.

        Parameters
        ----------
        X : DataFrame, array-like or list
            Input of the estimator.
        y : array-like of shape (n_rows, n_labels)
            Indicator matrix of the true genres, with the columns `classes_`.

        Returns
        -------
        score : float
            Macro AUC, in [0, 1].
        """
        check_is_fitted(self)
        check_columns(self, y)
        return macro_auc_score(y, self._scores(X))

    def describe(self) -> pd.DataFrame:
        """Return the thresholds as a table.

        Returns
        -------
        table : DataFrame
            One row per label, with the columns threshold and tuned (whether the label has its own
            threshold) and, unless the strategy is "top_k", precision, recall, f1 and support on
            the held-out rows. These metrics are slightly too optimistic, because the thresholds
            were tuned on the same rows.
        """
        check_is_fitted(self)
        columns = {"threshold": self.thresholds_, "tuned": self.tuned_, **self.cv_scores_}
        return pd.DataFrame(columns, index=pd.Index(self.classes_.tolist()))

    def get_metadata_routing(self) -> Any:
        """Return the metadata routing; see the scikit-learn user guide on metadata routing.

        Returns
        -------
        router : MetadataRouter
            Routing to the estimator and to the splitter of `cv`.
        """
        router = MetadataRouter(owner=self).add(
            estimator=self.estimator, method_mapping=MethodMapping().add(caller="fit", callee="fit")
        )
        if self.cv == "prefit":
            return router
        # An iterable of splits ignores groups, and must not be consumed here.
        splitter = self._splitter() if not _is_iterable_of_splits(self.cv) else ArtistKFold()
        return router.add(
            splitter=splitter, method_mapping=MethodMapping().add(caller="fit", callee="split")
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_class = False
        tags.classifier_tags.multi_label = True
        tags.input_tags = get_tags(self.estimator).input_tags
        return tags


def _is_iterable_of_splits(cv):
    return not (cv is None or isinstance(cv, Integral) or hasattr(cv, "split"))


def _fit_and_score_split(thresholds, X, y, metadata, train, test):
    """Fit on the training rows of a split; return the model and the scores of the test rows."""
    metadata = {
        name: values if name == "feature_names" else safe_indexing(values, train)
        for name, values in metadata.items()
    }
    estimator = clone(thresholds.estimator)
    estimator.fit(safe_indexing(X, train), safe_indexing(y, train), **metadata)
    scores = thresholds._scores(safe_indexing(X, test), estimator)
    # A model that is not needed is not sent back from the worker.
    return (None if thresholds.refit else estimator), scores
