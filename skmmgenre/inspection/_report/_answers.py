"""What a model predicts for the rows of a report, with all modalities and with some of them."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import sparse

from ...compose import GenrePipeline
from ...fusion import FusionClassifier

_MOST_BRANCHES = 4  # of which all subsets are shown


@dataclass
class Answers:
    """Predictions for n rows.

    Parameters
    ----------
    classes : list of str
    several : bool
    predicted : ndarray of str of shape (n,), or of 0 and 1 of shape (n, n_classes)
    scores : ndarray of shape (n, n_classes)
    """

    classes: list
    several: bool
    predicted: np.ndarray
    scores: np.ndarray

    def genres(self, row):
        """Return the genres that are predicted for a row, the best first."""
        if not self.several:
            return [str(self.predicted[row])]
        chosen = np.flatnonzero(self.predicted[row])
        return [self.classes[k] for k in chosen[np.argsort(-self.scores[row, chosen])]]


@dataclass
class Predictions:
    """All that a model says of the rows of a report.

    Parameters
    ----------
    answers : Answers
    subsets : dict of str to Answers
        By the modalities that are not called missing, all of them last; empty if the model has
        one, or is not a pipeline of branches.
    vectors : ndarray of shape (n, d), or None
        What the fusion layer reads, a missing block as NaN.
    blocks : dict of str to list of int
        Columns of `vectors`.
    """

    answers: Answers
    subsets: dict
    vectors: np.ndarray | None
    blocks: dict


def predict(model, table):
    """Ask a model, decoding each file once if it is a pipeline of branches.

    Parameters
    ----------
    model : estimator
        Fitted.
    table : DataFrame

    Returns
    -------
    predictions : Predictions
    """
    classes = [str(name) for name in model.classes_]
    if not isinstance(model, GenrePipeline) or "modalities" not in model.named_steps:
        return Predictions(_answers(model, table, classes), {}, None, {})
    vectors = model.named_steps["modalities"].transform(table)
    rest = model[1:]
    subsets = {}
    branches = _columns_of_branches(model.named_steps["modalities"])
    if len(branches) > 1 and not sparse.issparse(vectors):
        for subset in _subsets(list(branches)):
            others = [
                column for name in branches if name not in subset for column in branches[name]
            ]
            part = _answers(rest, _without(vectors, others), classes)
            subsets[" + ".join(subset)] = part
    answers = list(subsets.values())[-1] if subsets else _answers(rest, vectors, classes)
    return Predictions(answers, subsets, *_of_fusion(rest, vectors))


def _answers(model, rows, classes):
    predicted = np.asarray(model.predict(rows))
    several = predicted.ndim == 2
    if hasattr(model, "predict_proba"):
        scores = np.asarray(model.predict_proba(rows))
    else:
        scores = np.asarray(model.decision_function(rows))
        if scores.ndim == 1:  # of two classes: that of the second
            scores = np.column_stack([-scores, scores])
    if not several:
        predicted = np.array([str(name) for name in predicted], dtype=object)
    return Answers(classes, several, predicted, scores)


def _columns_of_branches(modalities):
    slices = modalities.output_indices_
    names = [name for name, branch, _ in modalities.transformers_ if branch != "drop"]
    return {
        name: list(range(slices[name].start, slices[name].stop))
        for name in names
        if name in slices and slices[name].stop > slices[name].start
    }


def _subsets(names):
    if len(names) <= _MOST_BRANCHES:
        sizes = range(1, len(names) + 1)
    else:
        sizes = (1, len(names) - 1, len(names))
    return [subset for n in sizes for subset in combinations(names, n)]


def _without(vectors, columns):
    if isinstance(vectors, pd.DataFrame):
        vectors = vectors.copy()
        vectors.iloc[:, columns] = np.nan
        return vectors
    vectors = np.array(vectors, dtype=np.float64)
    vectors[:, columns] = np.nan
    return vectors


def _of_fusion(rest, vectors):
    """What the last step reads, and its blocks."""
    fusion = rest.steps[-1][1]
    if not isinstance(fusion, FusionClassifier):
        return None, {}
    for _, step in rest.steps[:-1]:
        vectors = step.transform(vectors) if hasattr(step, "transform") else vectors
    vectors = vectors.toarray() if sparse.issparse(vectors) else np.asarray(vectors)
    return vectors.astype(np.float64), fusion.blocks_
