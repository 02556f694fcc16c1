"""Find the steps of a fitted model, and compute the input of a step from a table."""

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
    """Return the paths of all steps of a given class in a fitted model; see `walk`."""
    check_is_fitted(model)
    return [path for path, step, _ in walk(model) if isinstance(step, kind)]


def input_of(model, path, table):
    """Compute the input of a step of a fitted model.

    Parameters
    ----------
    model : estimator
    path : tuple of str
        Path of the step, as yielded by `walk`.
    table : DataFrame, or column
        Input of `model`.

    Returns
    -------
    X : input of the step
    step : estimator

    Raises
    ------
    ValueError
        If the step takes single tracks and a row has several.
    """
    X = as_pandas(table)
    # Outer steps come first, so X is passed down level by level.
    for at, step, parent in walk(model):
        if at == path[: len(at)]:  # an ancestor of the step, or the step itself
            X = _pass_on(parent, at, X)
            found = step
    return X, found


def with_branch(modalities, vectors, branch, variants):
    """Return copies of the vectors of one row, each with a variant of a branch's vector.

    Parameters
    ----------
    modalities : ColumnTransformer
        Fitted.
    vectors : ndarray, sparse matrix or DataFrame of one row
        The output of `modalities` for the row.
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
    """Convert a matrix of any kind to a dense ndarray."""
    return vectors.toarray() if sparse.issparse(vectors) else np.asarray(vectors)


def _pass_on(parent, path, X):
    """Compute the input of a child step from the input of its fitted parent."""
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
    """Return the track of each album, None for albums without tracks."""
    tracks, owner, _, n_albums = flatten_tracks(as_cells(X, noun="album"))
    counts = np.bincount(owner, minlength=n_albums)
    if (counts > 1).any():
        row = int(np.flatnonzero(counts > 1)[0])
        raise ValueError(
            f"Row {row} has {counts[row]} tracks; expected one track per row. Split the lists of "
            "tracks into rows with table.explode('audio')."
        )
    cells = [None] * n_albums
    for row, track in zip(owner, tracks, strict=True):
        cells[row] = track
    return cells
