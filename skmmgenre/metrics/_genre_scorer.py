"""Metrics as scikit-learn scorers, and the label scores of any estimator."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from .._typing import Matrix
from ..utils import as_pandas, refuse_other_labels
from ._genre_scores import genre_scores
from ._ranking import names_of_metrics, ranking_metric, row_weights, truth_and_scores

_OF_PREDICTIONS = ("f1", "precision", "recall", "accuracy")


class GenreScorer:
    """Multilabel scorer for `cross_validate` and `GridSearchCV`.

    It is called as ``scorer(estimator, X, Y)``. Scores are computed by the `decision_function` of
    the estimator, or by `predict_proba` if it has none, so models with only one of them (such as
    networks with target "cosine") are supported. Several metrics share one prediction, which saves
    time with audio networks.

    Parameters
    ----------
    metric : str or sequence of str, default="macro_auc"
        Metric or metrics to compute. Metrics of scores are "macro_auc",
        "macro_average_precision", and with any number for k "precision@k", "ndcg@k",
        "diversity@k" (ADiv@k) and "correct_diversity@k", such as "precision@3". Metrics of
        `predict` are "f1", "precision", "recall" (means over genres, as in `genre_scores`) and
        "accuracy". With a str the scorer returns a float, with a sequence it returns a dict:
        ``cross_validate(..., scoring=scorer)``, ``GridSearchCV(..., scoring=scorer,
        refit="macro_auc")``.

    Raises
    ------
    ValueError
        If a metric is unknown. When called: if Y or the scores are invalid, or if the columns of Y
        are not the ``classes_`` of the estimator.

    See Also
    --------
    ranking_scores : Compute the same metrics from given scores, as a table.

    Examples
    --------
    >>> from sklearn.datasets import make_multilabel_classification
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.model_selection import cross_validate
    >>> from sklearn.multiclass import OneVsRestClassifier
    >>> from skmmgenre.metrics import GenreScorer
    >>> X, Y = make_multilabel_classification(random_state=0)
    >>> scorer = GenreScorer(["macro_auc", "precision@1"])
    >>> results = cross_validate(OneVsRestClassifier(LogisticRegression()), X, Y, scoring=scorer)
    >>> results["test_precision@1"].shape
    (5,)
    """

    def __init__(self, metric: str | Sequence[str] = "macro_auc"):
        names = [metric] if isinstance(metric, str) else list(metric)
        for name in names:
            if name not in _OF_PREDICTIONS and ranking_metric(name) is None:
                raise ValueError(
                    f"Unknown metric {name!r}. Valid metrics are "
                    f"{[*names_of_metrics(), *_OF_PREDICTIONS]}."
                )
        if not names:
            raise ValueError("metric is empty. Pass at least one metric.")
        self.metric = metric if isinstance(metric, str) else tuple(names)

    def __repr__(self):
        return f"GenreScorer({self.metric!r})"

    def __call__(self, estimator: Any, X: Any, Y: Matrix) -> float | dict[str, float]:
        """Compute the metric, or a dict of the metrics, of the estimator on X and Y."""
        names = [self.metric] if isinstance(self.metric, str) else self.metric
        if np.ndim(Y) == 1 and not sparse.issparse(Y):
            raise ValueError(
                "GenreScorer requires a multilabel indicator matrix, but Y has one column. For "
                "single-label targets use the scorers of scikit-learn, such as "
                "scoring='f1_macro'."
            )
        check_columns(estimator, Y)
        found = {}
        if set(names) & set(_OF_PREDICTIONS):
            table = genre_scores(Y, estimator.predict(X))
            found = {name: float(table.loc["macro", name]) for name in _OF_PREDICTIONS[:3]}
            found["accuracy"] = table.attrs["accuracy"]
        ranked = [name for name in names if name not in found]
        if ranked:
            truth, scores = truth_and_scores(Y, label_scores(estimator, X), ("Y", "the scores"))
            weight = row_weights(None, len(truth))
            for name in ranked:
                found[name] = float(ranking_metric(name)(truth, scores, weight)[0])
        if isinstance(self.metric, str):
            return found[self.metric]
        return {name: found[name] for name in names}


def label_scores(estimator, X):
    """Return the scores of every label from `decision_function` or `predict_proba`.

    Parameters
    ----------
    estimator : fitted multilabel classifier
        Its `decision_function` is used, or its `predict_proba` if it has none. The latter may
        return a list of one array per label (forests, nearest neighbors,
        `MultiOutputClassifier`).
    X : array-like
        Input of the estimator.

    Returns
    -------
    scores : ndarray of shape (n, n_labels)

    Raises
    ------
    TypeError
        If the estimator has neither.
    ValueError
        If the scores are not two-dimensional.
    """
    if hasattr(estimator, "decision_function"):
        scores = estimator.decision_function(X)
    elif hasattr(estimator, "predict_proba"):
        scores = estimator.predict_proba(X)
        if isinstance(scores, list):
            classes = estimator.classes_
            columns = [_positive(*pair) for pair in zip(scores, classes, strict=True)]
            scores = np.column_stack(columns)
    else:
        raise TypeError(
            f"{type(estimator).__name__} has neither decision_function nor predict_proba, so it "
            "cannot score labels."
        )
    scores = np.asarray(scores)
    if scores.ndim != 2:
        raise ValueError(
            f"{type(estimator).__name__} returns scores of shape {scores.shape}, not one column "
            "per label, because it was fitted on single-label targets. Fit it on an indicator "
            "matrix."
        )
    return scores


def _positive(probabilities, classes):
    """Return the column of class 1, or zeros if the label was never positive in `fit`."""
    column = np.flatnonzero(np.asarray(classes) == 1)
    return probabilities[:, column[0]] if len(column) else np.zeros(len(probabilities))


def check_columns(estimator, Y):
    """Raise a ValueError if the columns of a DataFrame are not the labels of the estimator.

    An estimator that does not keep the names of the labels is not checked.
    """
    Y, classes = as_pandas(Y), getattr(estimator, "classes_", None)
    if not isinstance(Y, pd.DataFrame) or not isinstance(classes, np.ndarray):
        return
    names, learned = Y.columns.tolist(), classes.tolist()
    if all(isinstance(name, str) for name in [*names, *learned]):
        refuse_other_labels(names, learned)
