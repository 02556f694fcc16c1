"""Table of the best genres of each item for several models (Table 7 of the paper)."""

from typing import Any

import pandas as pd

from .._typing import Column, Matrix
from ..utils import as_pandas, read_indicator
from ._ranking import score_matrix, top_k_labels


def top_genres(
    Y_score: Matrix | dict[str, Any],
    k: int = 3,
    *,
    genres: Column | None = None,
    Y_true: Matrix | None = None,
) -> pd.DataFrame:
    """List the best genres of each item, best first.

    The result is Table 7 of Oramas et al. (2018) for any models. It illustrates what diversity
    metrics measure.

    Parameters
    ----------
    Y_score : DataFrame or array-like of shape (n, n_genres), or dict of str to such
        Scores of one model (called "scores" in the table), or of several models by name, where
        larger means more likely. If scores are equal, the genre with the higher index ranks first.
    k : int, default=3
        Number of genres per item.
    genres : array-like of shape (n_genres,), default=None
        Names of the columns, such as the `classes_` of a model. None uses the columns of a
        DataFrame (of the scores, otherwise of `Y_true`), or numbers.
    Y_true : array-like of shape (n, n_genres), default=None
        Indicator matrix of the true genres, to add a first column "true".

    Returns
    -------
    table : DataFrame of str
        One row per item and one column per model with its k best genres, joined by ", ". The index
        is that of the first DataFrame among the scores, otherwise of `Y_true`.

    Raises
    ------
    ValueError
        If shapes differ, a score is NaN, or k is out of range.

    See Also
    --------
    aggregated_diversity_score : Share of the genres that are among the best of any item.

    Examples
    --------
    >>> from skmmgenre.metrics import top_genres
    >>> logistic = [[2.0, 0.5, 1.0, -3.0], [1.5, 1.0, -1.0, -2.0]]
    >>> cosine = [[0.2, 0.1, 0.9, 0.8], [0.3, 0.7, 0.1, 0.0]]
    >>> names = ["Pop", "Rock", "Jazz", "Bebop"]
    >>> top_genres({"logistic": logistic, "cosine": cosine}, k=2, genres=names)
        logistic       cosine
    0  Pop, Jazz  Jazz, Bebop
    1  Pop, Rock    Rock, Pop
    """
    models = dict(Y_score) if isinstance(Y_score, dict) else {"scores": Y_score}
    if not models:
        raise ValueError("Y_score is empty. Pass the scores of at least one model.")
    models = {name: as_pandas(scores) for name, scores in models.items()}
    truth, true_names = None, None
    frames = [scores for scores in models.values() if isinstance(scores, pd.DataFrame)]
    if Y_true is not None:
        Y_true = as_pandas(Y_true)
        truth, true_names = read_indicator(Y_true, "Y_true")
        frames += [Y_true] if isinstance(Y_true, pd.DataFrame) else []
    matrices = {name: score_matrix(scores, f"Y_score[{name!r}]") for name, scores in models.items()}
    shapes = {m.shape for m in matrices.values()} | ({truth.shape} if truth is not None else set())
    if len(shapes) > 1:
        raise ValueError(
            f"Scores{' and Y_true' * (truth is not None)} have shapes "
            f"{', '.join(map(str, sorted(shapes)))}. Pass the same items and genres to all."
        )
    ((n, n_genres),) = shapes
    columns = [frame.columns.tolist() for frame in frames]
    if any(names != columns[0] for names in columns):
        raise ValueError(
            "The DataFrames do not have the same columns in the same order. Reorder their columns."
        )
    if genres is None:
        genres = columns[0] if columns else range(n_genres) if truth is None else true_names
    genres = [str(genre) for genre in genres]
    if len(genres) != n_genres:
        raise ValueError(f"genres has {len(genres)} names, but the scores have {n_genres} columns.")
    table = {}
    if truth is not None:
        table["true"] = [_joined(genres, row.nonzero()[0]) for row in truth]
    for name, scores in matrices.items():
        table[name] = [_joined(genres, best) for best in top_k_labels(scores, k)]
    return pd.DataFrame(table, index=frames[0].index if frames else pd.RangeIndex(n))


def _joined(genres, places):
    return ", ".join(genres[place] for place in places)
