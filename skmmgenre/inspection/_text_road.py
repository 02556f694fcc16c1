"""The way from a table to the words of a fitted model."""

import functools

from sklearn.utils.validation import check_is_fitted

from ..utils import safe_indexing


def read_words(model, table):
    """Take a table to the texts that a fitted model weighs the words of.

    Parameters
    ----------
    model : estimator
        A fitted vectorizer with a vocabulary, or whatever holds one: a Pipeline, a
        ColumnTransformer in it, a search around it.
    table : DataFrame, or column of texts
        What `model` takes.

    Returns
    -------
    texts : Series, list or array
        What the vectorizer takes.
    vectorizer : estimator

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ValueError
        If it holds no such vectorizer, or several.
    """
    check_is_fitted(model)
    roads = list(_roads(model))
    if len(roads) != 1:
        found = "no vectorizer with a vocabulary" if not roads else f"{len(roads)} vectorizers"
        raise ValueError(
            f"{type(model).__name__} holds {found}; one is needed. Pass the branch that reads "
            "the texts, and their column: model['modalities'].named_transformers_['text'], "
            "table['text']."
        )
    (*steps, vectorizer) = roads[0]
    for step in steps:
        table = step(table)
    return table, vectorizer


def _roads(estimator):
    """Functions that lead to a vectorizer, the vectorizer last, for each there is."""
    if hasattr(estimator, "vocabulary_"):
        yield [estimator]
    elif hasattr(estimator, "best_estimator_"):
        yield from _roads(estimator.best_estimator_)
    elif hasattr(estimator, "transformers_"):
        for _, branch, column in estimator.transformers_:
            for road in _roads(branch):
                yield [functools.partial(safe_indexing, indices=column, axis=1), *road]
    elif hasattr(estimator, "steps"):
        before = []
        for _, step in estimator.steps:
            for road in _roads(step):
                yield [*before, *road]
            if hasattr(step, "transform"):
                before.append(step.transform)
