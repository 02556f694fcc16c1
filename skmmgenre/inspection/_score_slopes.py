"""How the scores of a fitted model rise with the vector that one of its steps returns."""

import numpy as np
from scipy.special import logit
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils.validation import check_is_fitted

from ..utils import safe_indexing, walk
from ._steps import input_of, with_branch

_STEP = 1e-2  # of the length of a vector, either way
_LEAST = 1e-12  # of a probability, and of one's opposite


class ScoresBehind:
    """What a fitted model makes of the rows of a table, given what one of its steps returns.

    Parameters
    ----------
    model : estimator
    path : tuple of str
        Of a transformer of single cells in it, as `walk` yields it.
    table : DataFrame, or column of n rows
        What `model` takes. Other branches answer for its rows.

    Attributes
    ----------
    classes_ : ndarray of shape (n_genres,)
    """

    def __init__(self, model, path, table):
        check_is_fitted(model)
        self._parents = {at: parent for at, _, parent in walk(model)}
        # The paths from the step outwards, without the model's own.
        self._places = [path[:n] for n in range(len(path), 0, -1)]
        self._wholes = {}  # by place of a branch, the vectors of all branches for all rows
        for at in self._places:
            parent = self._parents[at]
            if isinstance(parent, FeatureUnion):
                raise ValueError(
                    f"{at[-1]!r} is a part of a FeatureUnion, through which scores are not "
                    "followed. Make it a branch of its own."
                )
            if isinstance(parent, ColumnTransformer):
                taken, _ = input_of(model, at[:-1], table)
                self._wholes[at] = parent.transform(taken)
        self.classes_ = np.asarray(model.classes_)
        self._one_genre = np.ndim(model.predict(safe_indexing(table, [0]))[0]) == 0

    def __call__(self, row, vectors):
        """Return the scores of a row if the step returned other vectors, (n_vectors, n_genres).

        The score of a genre is its logit; where a row has one genre, its logit above the mean of
        all, as only differences count.
        """
        for at in self._places:
            parent = self._parents[at]
            if isinstance(parent, ColumnTransformer):
                whole = safe_indexing(self._wholes[at], [row])
                vectors = with_branch(parent, whole, at[-1], vectors)
            elif isinstance(parent, Pipeline):
                names = [name for name, _ in parent.steps]
                is_branch = any(len(above) < len(at) for above in self._wholes)
                for _, step in parent.steps[names.index(at[-1]) + 1 :]:
                    is_last = step is parent.steps[-1][1] and not is_branch
                    vectors = _scores(step, vectors) if is_last else step.transform(vectors)
        if self._one_genre:
            vectors = vectors - vectors.mean(axis=1, keepdims=True)
        return vectors

    def slopes(self, vectors, codes):
        """Return how the score of one genre of each row rises with the vector of the step.

        Parameters
        ----------
        vectors : ndarray of float32, shape (n_rows, n_values)
            What the step returns for the rows; NaN where a row is missing.
        codes : ndarray of int, shape (n_rows,)
            Genres as positions in `classes_`; -1 for the one of the highest score.

        Returns
        -------
        slopes : ndarray of float64, shape (n_rows, n_values)
            By differences; 0 where a row is missing.
        """
        slopes = np.zeros(vectors.shape)
        for row in np.flatnonzero(~np.isnan(vectors).any(axis=1)):
            vector, code = vectors[row].astype(np.float64), codes[row]
            if code < 0:
                code = self(row, vectors[row : row + 1]).argmax()
            step = _STEP * (np.linalg.norm(vector) or 1)
            steps = step * np.eye(len(vector))
            moved = np.concatenate([vector + steps, vector - steps]).astype(np.float32)
            up, down = np.split(self(row, moved)[:, code], 2)
            slopes[row] = (up - down) / (2 * step)
        return slopes


def _scores(classifier, vectors):
    """Logits, or what stands for them, of each genre."""
    if hasattr(classifier, "decision_function"):
        scores = np.asarray(classifier.decision_function(vectors), dtype=np.float64)
        return np.stack([-scores, scores], axis=1) / 2 if scores.ndim == 1 else scores
    probabilities = np.asarray(classifier.predict_proba(vectors), dtype=np.float64)
    return logit(np.clip(probabilities, _LEAST, 1 - _LEAST))
