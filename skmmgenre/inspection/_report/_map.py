"""The map of a report: items as points, where similar vectors are close to each other."""

from dataclasses import dataclass

import numpy as np
from sklearn.decomposition import PCA
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import StandardScaler, normalize

from ...utils import read_groups
from .._tsne import project

_MOST_POINTS = 5000
_MOST_FOR_TSNE = 3000
_FEWEST_FOR_TSNE = 30
_WIDTH = 50  # components that are passed to t-SNE, which is slow with more
_N_NEIGHBOURS = 10


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
        Share of the nearest items by other artists, in the space of the vectors, that have the
        same genre; and the same share expected by chance.
    n_neighbours : int
    """

    rows: np.ndarray
    points: np.ndarray
    method: str
    space: str
    purity: float
    chance: float
    n_neighbours: int


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
    else:
        vectors = _filled(predictions.vectors[rows], predictions.blocks)
        space = "the input vectors of the fusion layer"
    genres = np.array([items.genres[row][0] for row in rows], dtype=object)
    groups = None if items.artists is None else items.artists[rows]
    artists = read_groups(groups, len(rows)).codes
    points, method = _points(vectors, random_state)
    purity, chance, n_neighbours = _purity(vectors, genres, artists)
    return Map(rows, points, method, space, purity, chance, n_neighbours)


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
    """Return how often the nearest items by other artists have the same genre, and chance."""
    n = len(genres)
    of_artist = np.bincount(artists).max()
    # Enough that _N_NEIGHBOURS by others are left, even for the artist with the most items.
    asked = min(n - 1, _N_NEIGHBOURS + of_artist)
    near = NearestNeighbors(n_neighbors=asked).fit(vectors).kneighbors(return_distance=False)
    same = genres[near] == genres[:, np.newaxis]
    other = artists[near] != artists[:, np.newaxis]
    # The first neighbours of each row that are by other artists.
    counted = other & (np.cumsum(other, axis=1) <= _N_NEIGHBOURS)
    if not counted.any():
        return np.nan, np.nan, _N_NEIGHBOURS
    shares = np.unique(genres, return_counts=True)[1] / n
    return same[counted].mean(), float((shares**2).sum()), _N_NEIGHBOURS
