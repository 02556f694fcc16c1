"""Thresholds per label around any classifier: which genres an item has, from the scores of all."""

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
    """Several genres at once by a threshold for each, tuned by artist-wise cross-validation.

    Probabilities of rare genres seldom pass 0.5, and similarities have no natural threshold
    at all. Here each genre gets the threshold that is best for it on rows of artists that the
    scoring model has not seen. It is what scikit-learn's `TunedThresholdClassifierCV` is for
    two classes.

    Parameters
    ----------
    estimator : classifier of several labels
        With `decision_function`, or else `predict_proba`: a GenrePipeline, a FusionClassifier,
        `OneVsRestClassifier`, ... .
    strategy : {"f1", "precision", "top_k"}, default="f1"
        What makes the threshold of a label: "f1" maximises its F1; "precision" is the lowest
        one that reaches `min_precision`, so that as many items as possible are found at it
        (a label that never reaches it is never predicted); "top_k" has no thresholds and
        gives every item its `k` best labels.
    min_precision : float in (0, 1], default=0.5
        For strategy "precision".
    k : int, default=3
        For strategy "top_k". Of equal scores the label of higher index is better.
    at_least_one : bool, default=False
        Give an item that no label passes the one whose score lies highest above, or least
        below, its threshold.
    min_positives : int, default=20
        Labels of fewer items are too rare to tune: they share one threshold, tuned on all of
        them together (on all labels, if together they are fewer still).
    cv : int, splitter, iterable of (train, test) or "prefit", default=None
        None is ``ArtistKFold(5)``, an int the number of its folds. "prefit" takes `estimator` as
        fitted and tunes on the rows given to `fit`, which it must not have learned from.
    refit : bool, default=True
        Fit the estimator on all rows once the thresholds are found. False, for a `cv` of one
        split, keeps the model of its training rows.
    n_jobs : int or None, default=None
        Folds fitted at a time.

    Attributes
    ----------
    estimator_ : classifier
        The fitted estimator that predicts.
    classes_ : ndarray of shape (n_labels,)
        The column names of a DataFrame, else 0, 1, ... .
    thresholds_ : ndarray of float64, shape (n_labels,)
        A label is predicted if its score is above. -inf always predicts it, inf never; all
        are -inf for strategy "top_k".
    tuned_ : ndarray of bool, shape (n_labels,)
        Whether a label has a threshold of its own.
    shared_threshold_ : float
        That of the labels that have not; NaN if all have.
    cv_scores_ : dict of str to ndarray of shape (n_labels,)
        What `describe` tells of the held-out rows; empty for strategy "top_k".
    n_features_in_, feature_names_in_
        Where the estimator has them.

    See Also
    --------
    ArtistKFold : The folds.

    Notes
    -----
    Thresholds are tuned on the held-out scores of all folds together, so the folds' models
    should score alike; a rare label would have too few items in each fold alone. A threshold
    lies midway between two held-out scores.

    `groups`, `validation` and `sample_weight` given to `fit` go to the estimator where it asks
    for them, as all networks of this package do, and `groups` to the splitter; metadata
    routing need not be switched on. A model fitted in a fold gets those of its rows.

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

    # The estimator is validated by its own fit.
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
            As the estimator takes it.
        y : array-like of shape (n_rows, n_labels)
            Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
        groups : array-like of shape (n_rows,), default=None
            Artists; a missing one is an artist of its own.
        validation : array-like of bool, shape (n_rows,), default=None
            Marks the estimator's inner validation rows.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row, passed to the estimator's `fit`; None passes none.
        feature_names : array-like of str, shape (n_features,), default=None
            Names of the columns of X for an estimator whose `fit` takes them, such as
            `FusionClassifier`.

        Returns
        -------
        self : LabelThresholds
            The fitted classifier.

        Raises
        ------
        ValueError
            If y is one column of genres or holds other values than 0 and 1, lengths differ, or
            `refit` is False for several splits.
        """
        check_rows(X, y, groups)
        X, y = as_pandas(X), as_pandas(y)
        if not hasattr(y, "ndim"):
            y = np.asarray(y)
        if y.ndim != 2:
            raise ValueError(
                "LabelThresholds is for several genres a row: y must be an indicator matrix, got "
                f"shape {tuple(y.shape)}. One genre a row needs no threshold."
            )
        truth, self.classes_ = read_indicator(y)
        check_consistent_length(X, truth)
        y = sparse.csr_array(y) if sparse.issparse(y) else y
        n_labels = truth.shape[1]
        if self.strategy == "top_k" and self.k > n_labels:
            raise ValueError(f"k is {self.k}, there are only {n_labels} labels.")
        metadata = {"groups": groups, "validation": validation, "sample_weight": sample_weight}
        metadata = {name: values for name, values in metadata.items() if values is not None}
        for name, values in metadata.items():
            if len(values) != truth.shape[0]:
                raise ValueError(f"{name} has {len(values)} rows, X has {truth.shape[0]}.")
        if feature_names is not None:
            metadata["feature_names"] = feature_names
        with config_context(enable_metadata_routing=True), rows_checked():
            rows, scores = self._fit_and_score(X, y, metadata)
        self._tune(truth[rows].astype(bool), scores)
        for name in ("n_features_in_", "feature_names_in_"):
            if hasattr(self.estimator_, name):
                setattr(self, name, getattr(self.estimator_, name))
        return self

    def _fit_and_score(self, X, y, metadata):
        """Fit `estimator_`; return the rows held out in the splits, and their scores."""
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
                "of a split, which makes them too hopeful. Pass groups= (the artist of each row) "
                "to fit.",
                UserWarning,
                stacklevel=4,
            )
            for_splitter["groups"] = [None] * y.shape[0]
        splits = list(self._splitter().split(X, y, **for_splitter))
        if not self.refit and len(splits) > 1:
            raise ValueError(
                f"refit=False keeps the model of one split, but cv has {len(splits)}. Pass "
                "cv=ArtistShuffleSplit(1), or refit=True."
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
        # Sparse, so that even one label is read as an indicator.
        told = sparse.csr_array(truth), sparse.csr_array(self._genres(scores))
        table = genre_scores(*told).iloc[:-1]
        self.cv_scores_ = {name: table[name].to_numpy(copy=True) for name in table}

    def _threshold(self, truth, scores):
        if self.strategy == "f1":
            return best_f1_threshold(truth, scores)
        return lowest_threshold_of_precision(truth, scores, self.min_precision)

    def _scores(self, X, estimator=None):
        """Scores of all labels, (n, n_labels), checked."""
        estimator = self.estimator_ if estimator is None else estimator
        scores = label_scores(estimator, X).astype(np.float64)
        name = type(estimator).__name__
        if scores.shape[1] != len(self.classes_):
            raise ValueError(
                f"{name} answers {scores.shape[1]} scores a row, there are "
                f"{len(self.classes_)} labels."
            )
        if np.isnan(scores).any():
            row, label = np.argwhere(np.isnan(scores))[0]
            raise ValueError(
                f"The score of {name} is NaN in row {row}, label {self.classes_.tolist()[label]!r}."
            )
        return scores

    def _genres(self, scores):
        """Indicator of the labels that scores stand for."""
        if self.strategy == "top_k":
            genres = np.zeros(scores.shape, dtype=np.int64)
            np.put_along_axis(genres, top_k_labels(scores, self.k), 1, axis=1)
            return genres
        return labels_above(scores, self.thresholds_, at_least_one=self.at_least_one)

    def predict(self, X: Matrix) -> IntArray:
        """Return the genres of each row.

        Parameters
        ----------
        X : DataFrame, array-like or list
            As the estimator takes it.

        Returns
        -------
        genres : ndarray of int64, shape (n_rows, n_labels)
            Indicator of 0 and 1, labels in the order of `classes_`.
        """
        check_is_fitted(self)
        return self._genres(self._scores(X))

    @available_if(_estimator_has("decision_function"))
    def decision_function(self, X: Matrix) -> np.ndarray:
        """Return the estimator's `decision_function`; no threshold is taken off.

        Parameters
        ----------
        X : DataFrame, array-like or list
            As the estimator takes it.

        Returns
        -------
        scores : ndarray of shape (n_rows, n_labels)
            As the estimator's `decision_function` returns them.
        """
        check_is_fitted(self)
        return self.estimator_.decision_function(X)

    @available_if(_estimator_has("predict_proba"))
    def predict_proba(self, X: Matrix) -> np.ndarray:
        """Return the estimator's `predict_proba`.

        Parameters
        ----------
        X : DataFrame, array-like or list
            As the estimator takes it.

        Returns
        -------
        probabilities : ndarray of shape (n_rows, n_labels)
            In [0, 1].
        """
        check_is_fitted(self)
        return self.estimator_.predict_proba(X)

    def score(self, X: Matrix, y: Matrix) -> float:
        """Return the macro AUC, on which thresholds have no bearing.

        Parameters
        ----------
        X : DataFrame, array-like or list
            As the estimator takes it.
        y : array-like of shape (n_rows, n_labels)
            True genres, an indicator of 0 and 1 with the columns of `classes_`.

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
            One row a label; columns threshold and tuned (whether it is the label's own) and,
            where thresholds were tuned, precision, recall, f1 and support on the held-out
            rows. As the thresholds were chosen on these rows, the metrics are a little too
            good.
        """
        check_is_fitted(self)
        columns = {"threshold": self.thresholds_, "tuned": self.tuned_, **self.cv_scores_}
        return pd.DataFrame(columns, index=pd.Index(self.classes_.tolist()))

    def get_metadata_routing(self) -> Any:
        """Return which metadata go where; see scikit-learn's guide on metadata routing.

        Returns
        -------
        router : MetadataRouter
            Routes to the estimator and to the splitter of `cv`.
        """
        router = MetadataRouter(owner=self).add(
            estimator=self.estimator, method_mapping=MethodMapping().add(caller="fit", callee="fit")
        )
        if self.cv == "prefit":
            return router
        # Splits given as they are take no notice of artists, and need not be read to know it.
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
    """Fit on the training rows of a split; the model and its scores of the test rows."""
    metadata = {
        name: values if name == "feature_names" else safe_indexing(values, train)
        for name, values in metadata.items()
    }
    estimator = clone(thresholds.estimator)
    estimator.fit(safe_indexing(X, train), safe_indexing(y, train), **metadata)
    scores = thresholds._scores(safe_indexing(X, test), estimator)
    return (None if thresholds.refit else estimator), scores
