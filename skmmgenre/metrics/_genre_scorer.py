"""The figures as scikit-learn scorers."""

import numpy as np
from scipy import sparse

from ._genre_scores import genre_scores
from ._label_scores import label_scores, refuse_other_labels
from ._ranking_figures import names_of_figures, ranking_figure
from ._score_matrix import row_weights, truth_and_scores

_OF_PREDICTIONS = ("f1", "precision", "recall", "accuracy")


class GenreScorer:
    """Scorer of several genres at once, for `cross_validate` and `GridSearchCV`.

    Called as ``scorer(estimator, X, Y)``. Scores are the estimator's `decision_function` (or
    `predict_proba` where it has none), so it takes models that have only one of them, as
    target "cosine" has. Several figures share one prediction, which for networks over sound
    is what takes long.

    Parameters
    ----------
    figures : str or sequence of str, default="macro_auc"
        "macro_auc", "macro_average_precision", and for any k "precision@k", "ndcg@k",
        "diversity@k" (ADiv@k) and "correct_diversity@k", such as "precision@3"; and of
        `predict` "f1", "precision", "recall" (means over genres, as in `genre_scores`) and
        "accuracy". One name makes a scorer that answers a number, several one that answers a
        dict: ``cross_validate(..., scoring=scorer)``, ``GridSearchCV(..., scoring=scorer,
        refit="macro_auc")``.

    Raises
    ------
    ValueError
        If there is no figure of a name; when called, if Y or the scores are refused by the
        metrics, or the columns of Y are not the estimator's ``classes_``.

    See Also
    --------
    ranking_scores : The same figures of given scores, as a table.

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

    __module__ = "skmmgenre.metrics"

    def __init__(self, figures="macro_auc"):
        names = [figures] if isinstance(figures, str) else list(figures)
        for name in names:
            if name not in _OF_PREDICTIONS and ranking_figure(name) is None:
                raise ValueError(
                    f"There is no figure {name!r}; there are "
                    f"{[*names_of_figures(), *_OF_PREDICTIONS]}."
                )
        if not names:
            raise ValueError("figures is empty: name at least one.")
        self.figures = figures if isinstance(figures, str) else tuple(names)

    def __repr__(self):
        return f"GenreScorer({self.figures!r})"

    def __call__(self, estimator, X, Y):
        """Return the figure, or a dict of the figures, of the estimator on these rows."""
        names = [self.figures] if isinstance(self.figures, str) else self.figures
        if np.ndim(Y) == 1 and not sparse.issparse(Y):
            raise ValueError(
                "GenreScorer scores several genres a row, Y is one column. For one genre a row "
                "use scikit-learn's scorers, such as scoring='f1_macro'."
            )
        refuse_other_labels(estimator, Y)
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
                found[name] = float(ranking_figure(name)(truth, scores, weight)[0])
        if isinstance(self.figures, str):
            return found[self.figures]
        return {name: found[name] for name in names}
