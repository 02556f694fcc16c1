"""The way from a table to the words of a fitted model."""

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..utils import safe_indexing, walk


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
    paths = [path for path, step, _ in walk(model) if "vocabulary_" in vars(step)]
    if len(paths) != 1:
        found = "no vectorizer with a vocabulary" if not paths else f"{len(paths)} vectorizers"
        raise ValueError(
            f"{type(model).__name__} holds {found}; one is needed. Pass the branch that reads "
            "the texts, and their column: model['modalities'].named_transformers_['text'], "
            "table['text']."
        )
    for path, step, parent in walk(model):
        if path == paths[0][: len(path)]:  # on the way to the vectorizer, or itself
            table = _pass_on(parent, path, table)
            vectorizer = step
    return table, vectorizer


def _pass_on(parent, path, table):
    """Take what a fitted estimator is given to what the step at a path in it is given."""
    if isinstance(parent, ColumnTransformer):
        columns = {branch: columns for branch, _, columns in parent.transformers_}
        return safe_indexing(table, columns[path[-1]], axis=1)
    if isinstance(parent, Pipeline):
        names = [step for step, _ in parent.steps]
        for _, step in parent.steps[: names.index(path[-1])]:
            table = step.transform(table) if hasattr(step, "transform") else table
    return table
