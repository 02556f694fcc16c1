"""Predictions for the rows of a report, with all modalities and with subsets of them."""

from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd
from scipy import sparse

from ...compose import GenrePipeline
from ...fusion import FusionClassifier

_MOST_BRANCHES = 4  # with more branches, only some subsets are shown


@dataclass
class Answers:
    """Predictions for n rows.

    Parameters
    ----------
    classes : list of str
    several : bool
        Whether the model is multilabel.
    predicted : ndarray of str of shape (n,), or of 0 and 1 of shape (n, n_classes)
    scores : ndarray of shape (n, n_classes)
    """

    classes: list
    several: bool
    predicted: np.ndarray
    scores: np.ndarray

    def genres(self, row):
        """Return the predicted genres of a row, highest score first."""
        if not self.several:
            return [str(self.predicted[row])]
        chosen = np.flatnonzero(self.predicted[row])
        return [self.classes[k] for k in chosen[np.argsort(-self.scores[row, chosen])]]


@dataclass
class Predictions:
    """All predictions of a model for the rows of a report.

    Parameters
    ----------
    answers : Answers
        Predictions with all modalities.
    subsets : dict of str to Answers
        Predictions by the modalities that are kept, all of them last; empty if the model has a
        single modality, or is not a pipeline of branches.
    vectors : ndarray of shape (n, d), or None
        Input of the fusion layer, with missing blocks as NaN.
    blocks : dict of str to list of int
        Columns of `vectors`.
    """

    answers: Answers
    subsets: dict
    vectors: np.ndarray | None
    blocks: dict


def predict(model, table):
    """Compute the predictions of a model; a pipeline of branches decodes each file once.

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
        if scores.ndim == 1:  # binary: the score of the second class
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
    """Return the input of the fusion layer, and its blocks."""
    fusion = rest.steps[-1][1]
    if not isinstance(fusion, FusionClassifier):
        return None, {}
    for _, step in rest.steps[:-1]:
        vectors = step.transform(vectors) if hasattr(step, "transform") else vectors
    vectors = vectors.toarray() if sparse.issparse(vectors) else np.asarray(vectors)
    return vectors.astype(np.float64), fusion.blocks_
