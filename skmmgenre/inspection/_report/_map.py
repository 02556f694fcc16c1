"""The map of a report: items as points, where similar vectors are close to each other."""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.preprocessing import StandardScaler, normalize

from ...metrics import neighbor_purity
from ...utils import group_codes
from .._tsne import project

_MOST_POINTS = 5000
_MOST_FOR_TSNE = 3000
_FEWEST_FOR_TSNE = 30
_WIDTH = 50  # components that are passed to t-SNE, which is slow with more
_N_NEIGHBORS = 10


@dataclass
class Map:
    """Points in two dimensions.

    Parameters
    ----------
    rows : ndarray of int
        The items that are shown.
    points : ndarray of shape (n, 2)
        In [0, 1].
    method : str
        Name of the projection.
    space : str
        Description of the vectors.
    purity, chance : float
        Results of `neighbor_purity` for the vectors; NaN if all items are by the same artist.
    n_neighbors : int
    """

    rows: np.ndarray
    points: np.ndarray
    method: str
    space: str
    purity: float
    chance: float
    n_neighbors: int


def make_map(predictions, items, *, random_state):
    """Compute the map of items; None for fewer than three items.

    Parameters
    ----------
    predictions : Predictions
    items : Items
    random_state : int

    Returns
    -------
    found : Map or None
    """
    n = len(items.genres)
    if n < 3:
        return None
    rows = np.arange(n)
    if n > _MOST_POINTS:
        rng = np.random.default_rng(random_state)
        rows = np.sort(rng.choice(n, size=_MOST_POINTS, replace=False))
    if predictions.vectors is None:
        vectors = StandardScaler().fit_transform(predictions.answers.scores[rows])
        space = "the scores of the genres"
        # Directions are compared, and the scores of two genres have only two of them. With a
        # constant, larger scores are another direction.
        compared = np.column_stack([vectors, np.ones(len(vectors))])
    else:
        vectors = compared = _filled(predictions.vectors[rows], predictions.blocks)
        space = "the input vectors of the fusion layer"
    genres = np.array([items.genres[row][0] for row in rows], dtype=object)
    groups = None if items.artists is None else items.artists[rows]
    points, method = _points(vectors, random_state)
    purity, chance, n_neighbors = _purity(compared, genres, group_codes(groups, len(rows)))
    return Map(rows, points, method, space, purity, chance, n_neighbors)


def _filled(vectors, blocks):
    """Scale blocks to unit norm, and fill missing ones with the mean, which is neutral."""
    parts = []
    for columns in blocks.values():
        block = vectors[:, columns]
        missing = np.isnan(block).all(axis=1)
        block = normalize(np.nan_to_num(block))
        if not missing.all():
            block[missing] = block[~missing].mean(axis=0)
        parts.append(block)
    return np.hstack(parts)


def _points(vectors, random_state):
    n, width = vectors.shape
    components = min(_WIDTH, width, n - 1)
    reduced = PCA(components, svd_solver="full", random_state=random_state).fit_transform(vectors)
    if _FEWEST_FOR_TSNE <= n <= _MOST_FOR_TSNE and components > 2:
        points, perplexity = project(reduced, random_state=random_state)
        method = f"t-SNE (perplexity {perplexity:.0f})"
    else:
        points, method = reduced[:, :2], "principal components"
    if points.shape[1] == 1:
        points = np.column_stack([points[:, 0], np.zeros(n)])
    span = points.max(axis=0) - points.min(axis=0)
    return (points - points.min(axis=0)) / np.where(span > 0, span, 1), method


def _purity(vectors, genres, artists):
    """Return the result of `neighbor_purity` and the number of neighbors, at most 10."""
    # The artist with the most items has the fewest candidates.
    n_neighbors = min(_N_NEIGHBORS, len(genres) - int(np.bincount(artists).max()))
    if n_neighbors < 1:
        return np.nan, np.nan, n_neighbors
    purity, chance = neighbor_purity(vectors, genres, n_neighbors=n_neighbors, groups=artists)
    return purity, chance, n_neighbors
