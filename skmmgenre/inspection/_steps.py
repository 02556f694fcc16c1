"""Find a step of a fitted model, and what the steps before it make of a table."""

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from ..compose import MeanOverTracks
from ..compose._mean_over_tracks import flatten_tracks
from ..utils import as_cells, as_pandas, safe_indexing, walk


def paths_of(model, kind):
    """Return the paths of the steps of a class in a fitted model; see `walk`."""
    check_is_fitted(model)
    return [path for path, step, _ in walk(model) if isinstance(step, kind)]


def input_of(model, path, table):
    """Take a table to what a step of a fitted model is given.

    Parameters
    ----------
    model : estimator
    path : tuple of str
        Of the step, as `walk` yields it.
    table : DataFrame, or column
        What `model` takes.

    Returns
    -------
    X : what the step takes
    step : estimator

    Raises
    ------
    ValueError
        If the step sees single tracks and a row has several.
    """
    X = as_pandas(table)
    for at, step, parent in walk(model):
        if at == path[: len(at)]:  # on the way to the step, or itself
            X = _pass_on(parent, at, X)
            found = step
    return X, found


def with_branch(modalities, vectors, branch, variants):
    """Return the vectors of one row as many times as there are variants of a branch's vector.

    Parameters
    ----------
    modalities : ColumnTransformer
        Fitted.
    vectors : ndarray, sparse matrix or DataFrame of one row
        As it returns them.
    branch : str
    variants : array-like or sparse matrix of shape (n_variants, n_features of the branch)

    Returns
    -------
    vectors : ndarray, csr_array or DataFrame of n_variants rows
    """
    variants = dense(variants)
    repeated = np.repeat(dense(vectors), len(variants), axis=0)
    repeated[:, modalities.output_indices_[branch]] = variants
    if sparse.issparse(vectors):
        return sparse.csr_array(repeated)
    if isinstance(vectors, pd.DataFrame):
        return pd.DataFrame(repeated, columns=vectors.columns)
    return repeated


def dense(vectors):
    """Return an ndarray of a matrix of any kind."""
    return vectors.toarray() if sparse.issparse(vectors) else np.asarray(vectors)


def _pass_on(parent, path, X):
    """Take what a fitted estimator is given to what the step at a path in it is given."""
    if isinstance(parent, ColumnTransformer):
        columns = {branch: columns for branch, _, columns in parent.transformers_}
        return safe_indexing(X, columns[path[-1]], axis=1)
    if isinstance(parent, Pipeline):
        names = [step for step, _ in parent.steps]
        for _, step in parent.steps[: names.index(path[-1])]:
            X = step.transform(X) if hasattr(step, "transform") else X
    if isinstance(parent, MeanOverTracks):
        return _single_tracks(X)
    return X


def _single_tracks(X):
    """The track of each album, None where there is none."""
    tracks, owner, _, n_albums = flatten_tracks(as_cells(X, noun="album"))
    counts = np.bincount(owner, minlength=n_albums)
    if (counts > 1).any():
        row = int(np.flatnonzero(counts > 1)[0])
        raise ValueError(
            f"Row {row} has {counts[row]} tracks; one per row is needed. Give each a row of its "
            "own: table.explode('audio')."
        )
    cells = [None] * n_albums
    for row, track in zip(owner, tracks, strict=True):
        cells[row] = track
    return cells
