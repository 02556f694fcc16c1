"""Metrics for nearest-neighbor search in vectors: how often neighbors share a genre."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import digamma, gammaln
from sklearn.neighbors import NearestNeighbors
from sklearn.preprocessing import normalize
from sklearn.utils import check_array, check_consistent_length, gen_batches

from .._typing import Column, Genres, Matrix
from ..utils import as_pandas, group_codes, read_labels
from ._ranking import average_precision_by_label, top_k_labels

_QUERIES_AT_ONCE = 256


def neighbor_purity(
    X: Matrix, y: Column, *, n_neighbors: int = 10, groups: Column | None = None
) -> tuple[float, float]:
    """Compute the fraction of the nearest neighbors of an item that have its genre.

    Use it together with a plot such as t-SNE: the plot shows a projection, whereas the purity
    describes the vectors themselves.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, d)
        Vectors. The nearest neighbors are those with the largest cosine similarity.
    y : array-like of shape (n,)
        Genre of each item (single-label).
    n_neighbors : int, default=10
        Number of neighbors per item, not counting the item itself.
    groups : array-like of shape (n,), default=None
        Artist of each item. Items of the same artist are not counted as neighbors, because an
        artist is easier to recognize than a genre.

    Returns
    -------
    purity : float
        Fraction of the neighbors that have the genre of the item, averaged over items, in [0, 1].
    chance : float
        Expected value for randomly drawn neighbors.

    Raises
    ------
    ValueError
        If a vector contains NaN, lengths differ, y is multilabel, or an item has fewer than
        `n_neighbors` other items (of other artists).

    See Also
    --------
    retrieval_scores : More metrics, also for multilabel items.
    skmmgenre.inspection.EmbeddingMapDisplay : Plot of the vectors.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.metrics import neighbor_purity
    >>> rng = np.random.default_rng(0)
    >>> genres = np.repeat(["Dub", "Jazz"], 50)
    >>> X = rng.normal(size=(100, 4)) + 9 * (genres == "Jazz")[:, np.newaxis]
    >>> X[:50, 0] += 9
    >>> purity, chance = neighbor_purity(X, genres)
    >>> round(purity, 2), round(chance, 2)
    (1.0, 0.49)
    """
    X = read_vectors(X)
    labels = read_labels(y)
    if labels.several:
        raise ValueError(
            "y is multilabel. Pass one genre per item, for example from "
            "GenreTaxonomy.single_parents, or use retrieval_scores."
        )
    n = X.shape[0]
    check_consistent_length(X, labels.values)
    _, codes = np.unique(labels.values, return_inverse=True)
    artists = group_codes(groups, n)
    n_candidates = n - np.bincount(artists)[artists]
    _check_k(n_neighbors, n_candidates, "n_neighbors", groups)
    members = _members(artists)
    search = NearestNeighbors(metric="cosine", algorithm="brute").fit(X)
    pure = np.empty(n)
    for rows in gen_batches(n, 1024):
        some = range(n)[rows]
        found = nearest_allowed(search, X[rows], n_neighbors, [members[artists[i]] for i in some])
        pure[rows] = [
            (codes[others] == codes[i]).mean() for i, (_, others) in zip(some, found, strict=True)
        ]
    # Items with the same genre and artist (including the item itself) are not candidates.
    both = pd.Series(codes).groupby([codes, artists]).transform("size").to_numpy()
    chance = (np.bincount(codes)[codes] - both) / n_candidates
    return float(pure.mean()), float(chance.mean())


def nearest_allowed(search, queries, n_neighbors, excluded):
    """Find the nearest neighbors of each query, excluding some items.

    Parameters
    ----------
    search : NearestNeighbors
        Fitted estimator.
    queries : array-like or sparse matrix of shape (n_queries, d)
    n_neighbors : int
    excluded : list of n_queries arrays of int
        Positions of the items to exclude for each query.

    Returns
    -------
    found : list of n_queries tuples (distances, positions)
        Neighbors, nearest first; fewer than `n_neighbors` if there are not enough items.
    """
    # Enough neighbors even if all the excluded items of a query are among the nearest.
    most = n_neighbors + max(map(len, excluded))
    distances, positions = search.kneighbors(queries, min(most, search.n_samples_fit_))
    found = []
    for near, places, left_out in zip(distances, positions, excluded, strict=True):
        allowed = np.flatnonzero(~np.isin(places, left_out))[:n_neighbors]
        found.append((near[allowed], places[allowed]))
    return found


def retrieval_scores(
    X: Matrix | dict[str, Any],
    y: Genres,
    *,
    groups: Column | None = None,
    ks: Sequence[int] = (1, 10),
) -> pd.DataFrame:
    """Compute retrieval metrics of vectors, where each item is a query for items of its genres.

    Parameters
    ----------
    X : array-like or sparse matrix of shape (n, d), or dict of str to such
        Vectors of one space (called "vectors" in the table), or of several spaces by name.
        Items are ranked by cosine similarity to the query.
    y : array-like of shape (n,), or indicator of shape (n, n_genres)
        Genres. Two items are relevant to each other if they share at least one genre. Exclude
        genres that most items have; otherwise nearly all items are relevant.
    groups : array-like of shape (n,), default=None
        Artist of each item. Items of the same artist are excluded from the results of a query.
    ks : sequence of int, default=(1, 10)
        Numbers of nearest items at which the metrics are computed.

    Returns
    -------
    scores : DataFrame
        One row per space, and a row "chance" with the expected values of a random order. Columns,
        all in [0, 1]: ``map``, the mean average precision; for each k ``precision@k``, the
        fraction of the k nearest items that are relevant; ``recall@k``, the fraction of the
        relevant items that are among the k nearest; ``hit@k``, how often at least one of the k
        nearest is relevant, which is called recall@k in the metric learning literature. All are
        means over the items that have a relevant item; ``scores.attrs["n_skipped"]`` is the number
        of other items.

    Raises
    ------
    ValueError
        If a vector contains NaN, lengths differ, a k is below 1 or above the number of candidate
        items, or no item has a relevant item.

    See Also
    --------
    neighbor_purity : Single score for single-label items.
    skmmgenre.inspection.NearestAlbums : Nearest-neighbor search for albums.

    Notes
    -----
    Pass items that the model was not trained on. A network may have memorized its training items,
    whose neighbors then share their genre without any generalization.

    recall@k is small if many items are relevant: it is at most k divided by their number.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.metrics import retrieval_scores
    >>> rng = np.random.default_rng(0)
    >>> genres = rng.integers(0, 4, 200)
    >>> X = rng.normal(size=(200, 6)) + 2 * np.eye(6)[genres]
    >>> retrieval_scores(X, genres, ks=(1,)).round(2)
              map  precision@1  recall@1  hit@1
    vectors  0.55         0.66      0.01   0.66
    chance   0.27         0.25      0.01   0.25
    """
    spaces = dict(X) if isinstance(X, dict) else {"vectors": X}
    if not spaces:
        raise ValueError("X is empty. Pass the vectors of at least one space.")
    incidence = read_labels(y).incidence
    n = incidence.shape[0]
    artists = group_codes(groups, n)
    relevance = _Relevance(incidence, artists)
    n_candidates, n_relevant = relevance.count()
    judged = np.flatnonzero(n_relevant)
    if not len(judged):
        raise ValueError(
            "No item shares a genre with another candidate item, so no query has relevant results."
        )
    for k in ks:
        _check_k(k, n_candidates[judged], "k", groups)
    rows = {}
    for name, vectors in spaces.items():
        vectors = read_vectors(vectors, "X" if vectors is X else f"X[{name!r}]")
        check_consistent_length(vectors, incidence)
        rows[name] = _scores_of_space(vectors, relevance, judged, ks)
    rows["chance"] = _chance(n_candidates[judged], n_relevant[judged], ks)
    scores = pd.DataFrame.from_dict(rows, orient="index")
    scores.attrs["n_skipped"] = n - len(judged)
    return scores


class _Relevance:
    """Candidates and relevant items of each query."""

    def __init__(self, incidence, artists):
        self.incidence, self.artists = incidence, artists

    def of(self, rows):
        """Return masks of shape (n_rows, n): same artist, and relevant with another artist."""
        same_artist = self.artists[rows, np.newaxis] == self.artists
        shared = (self.incidence[rows] @ self.incidence.T).toarray() > 0
        return same_artist, shared & ~same_artist

    def count(self):
        """Return the numbers of candidates and of relevant items for each item."""
        n = len(self.artists)
        n_relevant = np.empty(n, dtype=np.int64)
        for rows in gen_batches(n, _QUERIES_AT_ONCE):
            n_relevant[rows] = self.of(np.arange(n)[rows])[1].sum(axis=1)
        return n - np.bincount(self.artists)[self.artists], n_relevant


def _scores_of_space(X, relevance, judged, ks):
    """Return the metrics of one space, averaged over the judged rows."""
    X = normalize(X)
    weight = np.ones((1, X.shape[0]))
    by_query = []
    for batch in gen_batches(len(judged), _QUERIES_AT_ONCE):
        rows = judged[batch]
        same_artist, relevant = relevance.of(rows)
        similarity = X[rows] @ X.T
        similarity = similarity.toarray() if sparse.issparse(similarity) else similarity
        # Items of the same artist go to the end of the ranking, where they have no effect.
        similarity = np.where(same_artist, -np.inf, similarity)
        # Queries take the role of labels, and candidates the role of items.
        values = [average_precision_by_label(relevant.T, similarity.T, weight)[0]]
        best = top_k_labels(similarity, max(ks, default=1))
        hits = np.take_along_axis(relevant, best, axis=1)
        for k in ks:
            n_hits = hits[:, :k].sum(axis=1)
            values += [n_hits / k, n_hits / relevant.sum(axis=1), n_hits > 0]
        by_query.append(np.array(values, dtype=float))
    return dict(zip(_names(ks), np.concatenate(by_query, axis=1).mean(axis=1), strict=True))


def _names(ks):
    return ["map", *(f"{metric}@{k}" for k in ks for metric in ("precision", "recall", "hit"))]


def _chance(n, r, ks):
    """Return the expected metrics of a random order of n items, r of them relevant."""
    # The item at rank i is relevant with probability r/n, each of the i - 1 items before it then
    # with probability (r - 1)/(n - 1).
    # Dividing by i and summing over all ranks gives this; `harmonic` is 1 + 1/2 + ... + 1/n.
    harmonic = digamma(n + 1) + np.euler_gamma
    values = [(harmonic + (r - 1) / np.maximum(n - 1, 1) * (n - harmonic)) / n]
    for k in ks:
        # None of k drawn items is relevant with probability C(n - r, k) / C(n, k).
        values += [r / n, k / n, 1 - np.exp(_log_choose(n - r, k) - _log_choose(n, k))]
    return dict(zip(_names(ks), np.mean(values, axis=1), strict=True))


def _log_choose(n, k):
    with np.errstate(invalid="ignore"):
        logs = gammaln(n + 1) - gammaln(k + 1) - gammaln(np.maximum(n - k, 0) + 1)
    return np.where(n >= k, logs, -np.inf)


def read_vectors(X, name="X"):
    """Return vectors as a float array or csr_array of shape (n, d) without NaN."""
    X = as_pandas(X)
    if not sparse.issparse(X):
        X = np.asarray(X)
    X = check_array(
        X,
        accept_sparse="csr",
        dtype=[np.float32, np.float64],
        ensure_all_finite=False,
        input_name=name,
    )
    values = X.data if sparse.issparse(X) else X
    if not np.isfinite(values).all():
        raise ValueError(
            f"{name} contains NaN or infinity. Items without this modality are rows of NaN: remove "
            "these rows and their genres."
        )
    return sparse.csr_array(X) if sparse.issparse(X) else X


def _check_k(k, n_candidates, name, groups):
    least = n_candidates.min()
    if not 1 <= k <= least:
        others = "items of other artists" if groups is not None else "other items"
        raise ValueError(
            f"{name} must be from 1 to {least}, because some items have only {least} {others}; "
            f"got {k}."
        )


def _members(codes):
    """Return the positions of each code."""
    order = np.argsort(codes, kind="stable")
    return np.split(order, np.cumsum(np.bincount(codes))[:-1])
