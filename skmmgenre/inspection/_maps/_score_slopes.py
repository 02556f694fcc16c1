"""Gradients of a model's scores with respect to the output of one of its steps."""

import numpy as np
from scipy.special import logit
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.validation import check_is_fitted

from ...utils import safe_indexing, walk
from .._steps import input_of, with_branch

_STEP = 1e-2  # finite difference, relative to the norm of a vector
_LEAST = 1e-12  # smallest probability, and 1 minus the largest


class ScoresBehind:
    """Scores of a fitted model as a function of the output of one of its steps.

    Parameters
    ----------
    model : estimator
    path : tuple of str
        Path of the step, a transformer of single cells, as yielded by `walk`.
    table : DataFrame, or column of n rows
        Input of `model`. The outputs of other branches are computed from it.

    Attributes
    ----------
    classes_ : ndarray of shape (n_genres,)
    """

    def __init__(self, model, path, table):
        check_is_fitted(model)
        self._parents = {at: parent for at, _, parent in walk(model)}
        # The paths of the step and its ancestors, innermost first, without the model itself.
        self._places = [path[:n] for n in range(len(path), 0, -1)]
        self._wholes = {}  # by path of a branch: the vectors of all branches for all rows
        for at in self._places:
            parent = self._parents[at]
            if isinstance(parent, FeatureUnion):
                raise ValueError(
                    f"{at[-1]!r} is part of a FeatureUnion, which activation maps do not support. "
                    "Make it a separate branch."
                )
            if isinstance(parent, ColumnTransformer):
                taken, _ = input_of(model, at[:-1], table)
                # Once for all rows: only the vectors of this branch vary in `__call__`.
                self._wholes[at] = parent.transform(taken)
        self.classes_ = np.asarray(model.classes_)
        self._one_genre = np.ndim(model.predict(safe_indexing(table, [0]))[0]) == 0

    def __call__(self, row, vectors):
        """Compute the scores of a row for other outputs of the step, (n_vectors, n_genres).

        The score of a genre is its logit. For single-label models, the mean of all logits is
        subtracted, because only differences matter.
        """
        for at in self._places:
            parent = self._parents[at]
            if isinstance(parent, ColumnTransformer):
                whole = safe_indexing(self._wholes[at], [row])
                vectors = with_branch(parent, whole, at[-1], vectors)
            elif isinstance(parent, Pipeline):
                names = [name for name, _ in parent.steps]
                # A pipeline inside a branch ends in a transformer; only one outside of all branches
                # ends in the classifier.
                is_branch = any(len(above) < len(at) for above in self._wholes)
                for _, step in parent.steps[names.index(at[-1]) + 1 :]:
                    is_last = step is parent.steps[-1][1] and not is_branch
                    if is_last:
                        vectors = _scores(step, vectors)
                    elif hasattr(step, "transform"):  # else "passthrough"
                        vectors = step.transform(vectors)
        if self._one_genre:
            vectors = vectors - vectors.mean(axis=1, keepdims=True)
        return vectors

    def slopes(self, vectors, codes):
        """Compute the gradient of the score of one genre per row by finite differences.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n_rows, n_values)
            Output of the step for the rows; NaN for missing rows.
        codes : ndarray of int, shape (n_rows,)
            Genres as positions in `classes_`; -1 for the genre with the highest score.

        Returns
        -------
        slopes : ndarray of float64, shape (n_rows, n_values)
            Gradient with respect to the output of the step; 0 for missing rows.
        """
        slopes = np.zeros(vectors.shape)
        for row in np.flatnonzero(~np.isnan(vectors).any(axis=1)):
            vector, code = vectors[row].astype(np.float64), codes[row]
            if code < 0:
                code = self(row, vectors[row : row + 1]).argmax()
            # Central differences, with a step that is large enough for models in float32.
            step = _STEP * (np.linalg.norm(vector) or 1)
            steps = step * np.eye(len(vector))
            moved = np.concatenate([vector + steps, vector - steps]).astype(np.float32)
            up, down = np.split(self(row, moved)[:, code], 2)
            slopes[row] = (up - down) / (2 * step)
        return slopes


def _scores(classifier, vectors):
    """Return the decision function of each genre, or logits of the probabilities."""
    if hasattr(classifier, "decision_function"):
        scores = np.asarray(classifier.decision_function(vectors), dtype=np.float64)
        # Halved, so that the two scores differ by the decision function.
        return np.stack([-scores, scores], axis=1) / 2 if scores.ndim == 1 else scores
    probabilities = np.asarray(classifier.predict_proba(vectors), dtype=np.float64)
    return logit(np.clip(probabilities, _LEAST, 1 - _LEAST))
