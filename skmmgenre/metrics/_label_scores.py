"""What an estimator of several genres says of each label, as one matrix."""

import numpy as np
import pandas as pd


def label_scores(estimator, X):
    """Return the scores of every label, whatever the estimator calls them.

    Parameters
    ----------
    estimator : fitted classifier of several labels
        Its `decision_function` is used, or else its `predict_proba`, which may be a list of
        one array a label (forests, nearest neighbours, `MultiOutputClassifier`).
    X : array-like
        As the estimator takes it.

    Returns
    -------
    scores : ndarray of shape (n, n_labels)

    Raises
    ------
    TypeError
        If the estimator has neither.
    ValueError
        If it answers one number a row.
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
            f"{type(estimator).__name__} has neither decision_function nor predict_proba, so "
            "its labels have no scores."
        )
    scores = np.asarray(scores)
    if scores.ndim != 2:
        raise ValueError(
            f"{type(estimator).__name__} answers scores of shape {scores.shape}, not one column "
            "a label: it was fitted on one genre a row. Fit it on an indicator matrix."
        )
    return scores


def _positive(probabilities, classes):
    """The column of class 1; a label that was always, or never, there has one class only."""
    column = np.flatnonzero(np.asarray(classes) == 1)
    return probabilities[:, column[0]] if len(column) else np.zeros(len(probabilities))


def refuse_other_labels(estimator, Y):
    """Raise a ValueError if a DataFrame has other labels, or another order, than were learned.

    An estimator that does not keep the names of labels cannot be asked.
    """
    classes = getattr(estimator, "classes_", None)
    if not isinstance(Y, pd.DataFrame) or not isinstance(classes, np.ndarray):
        return
    names, learned = Y.columns.tolist(), classes.tolist()
    if all(isinstance(name, str) for name in [*names, *learned]) and names != learned:
        raise ValueError(
            f"Y has the labels {names[:5]}..., the estimator {learned[:5]}...: give the same "
            "columns in the same order."
        )
