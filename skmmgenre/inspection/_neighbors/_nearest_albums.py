"""Search for albums that are similar to one album, to several, or to a mix of genres."""

from numbers import Integral, Real
from typing import Any, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.base import BaseEstimator, _fit_context
from sklearn.neighbors import NearestNeighbors
from sklearn.utils.validation import check_is_fitted

from ..._typing import Column, Matrix
from ...metrics import nearest_allowed
from ...utils import as_pandas, read_groups
from .._steps import input_of, paths_of
from ._spaces import (
    FUSIONS,
    gives_factors,
    label_directions,
    predicted_factors,
    predicted_genres,
    vectors_in_space,
)


class NearestAlbums(BaseEstimator):
    """Search for the nearest albums in a vector space of a fitted model.

    Use it to find albums similar to a given one, to build playlists from several seed albums, or
    to search for a mix of genres. Similarity is cosine similarity, and the search is
    scikit-learn's `NearestNeighbors`.

    Parameters
    ----------
    model : estimator or None, default=None
        A fitted model: a `GenrePipeline` with a fusion layer, an estimator that contains one (a
        search, `LabelThresholds`), or any fitted transformer. It is not fitted again; to `clone`
        this object, wrap the model in `sklearn.frozen.FrozenEstimator`. None: `fit` takes vectors.
    space : str, default="fused"
        The space in which a model with a fusion layer compares albums. "fused": the concatenated
        vectors of all modalities, each of unit norm, as in the input of the fusion layer; every
        modality has the same weight, even an uninformative one. "joint": the joint space of sound
        and cover, in which albums with only one of the two can be compared. "factors": the
        predicted label factors, with ``target="cosine"``. "genres": the predicted probabilities,
        with other targets. Or the name of a single block, such as "audio".
    n_neighbors : int, default=10
        Default number of albums to return.

    Attributes
    ----------
    vectors_ : ndarray or csr_array of float32, shape (n_found, d)
        Unit-norm vectors of the albums that have one.
    rows_ : ndarray of int, shape (n_found,)
        Their row positions in the `X` of `fit`.
    albums_ : ndarray of object, shape (n,)
        Names of all albums: the index of the table, or row numbers.
    artists_ : ndarray of object, shape (n,), or None
        Artists of all albums: the `groups` of `fit`.
    genres_ : ndarray of shape (n_genres,), or None
        Genres that `mix` accepts; None without a model that predicts genres.
    genre_vectors_ : ndarray of shape (n_found, d), or None
        The vectors that `mix` searches: the predicted label factors, or else the predicted
        probabilities.
    search_ : NearestNeighbors
        The search, fitted on `vectors_`.
    n_features_in_ : int
        Number of columns of the `X` of `fit`.

    See Also
    --------
    EmbeddingMapDisplay : Maps of the same spaces.
    skmmgenre.metrics.retrieval_scores : Evaluate the search in a space.
    sklearn.neighbors.NearestNeighbors : The underlying search.

    Notes
    -----
    Albums of the same artist are often nearest to each other because of the voice, the studio or
    the design of the cover; ``other_artists=True`` excludes them.

    An album without any of the modalities of the space has no vector. It is never returned, and
    using it as a query raises an error.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmmgenre.inspection import NearestAlbums
    >>> names = ["Blue", "Kind", "Dread", "Roots"]
    >>> vectors = pd.DataFrame([[1, 0.1], [1, 0.3], [0, 1], [0.2, 1]], index=names)
    >>> nearest = NearestAlbums().fit(vectors, groups=["Ann", "Ann", "Bo", "Cy"])
    >>> nearest.like("Blue", n_neighbors=2).round(2)
      query  rank  album  similarity artist
    0  Blue     1   Kind        0.98    Ann
    1  Blue     2  Roots        0.29     Cy
    >>> nearest.playlist(["Blue", "Dread"], n_neighbors=1)["album"].tolist()
    ['Roots']
    """

    _parameter_constraints = {"model": [None, object], "space": [str], "n_neighbors": [Integral]}

    def __init__(self, model: Any = None, *, space: str = "fused", n_neighbors: int = 10):
        self.model = model
        self.space = space
        self.n_neighbors = n_neighbors

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X: Matrix, y: Any = None, groups: Column | None = None) -> Self:
        """Compute the vectors of the albums to search.

        Parameters
        ----------
        X : DataFrame or array-like of n rows
            Input of `model`. Without a model, vectors of shape (n, d); rows of NaN or zeros mark
            albums without a vector.
        y : None
            Ignored.
        groups : array-like of shape (n,), default=None
            Artist of each album. Required for `other_artists`.

        Returns
        -------
        self : NearestAlbums
            The fitted search.

        Raises
        ------
        ValueError
            If the model has no such space, no album has a vector, or the index of X has
            duplicates.
        """
        X = as_pandas(X)
        vectors, there = vectors_in_space(self.model, X, self.space)
        if not there.any():
            raise ValueError(
                f"None of the {len(there)} albums has a vector in the space {self.space!r}, "
                "because their modalities are missing."
            )
        self.albums_ = _names(X, len(there))
        if len(set(self.albums_)) < len(self.albums_):
            repeated = pd.Index(self.albums_)
            repeated = repeated[repeated.duplicated()][0]
            raise ValueError(
                f"The index of X contains {repeated!r} more than once, but albums are looked up by "
                "the index. Make it unique, for example with table.reset_index(drop=True)."
            )
        self.artists_ = None if groups is None else read_groups(groups, len(there)).names
        self.rows_ = np.flatnonzero(there)
        self.vectors_ = vectors[self.rows_]
        self.n_features_in_ = X.shape[1] if getattr(X, "ndim", 1) == 2 else 1
        self.search_ = _search_of(self.vectors_)
        self._read_genres(X)
        return self

    def _read_genres(self, X):
        self.genres_ = self.genre_vectors_ = self._directions = None
        paths = [] if self.model is None else paths_of(self.model, FUSIONS)
        if len(paths) == 1:
            X, fusion = input_of(self.model, paths[0], X)
            self.genres_ = fusion.classes_
            if gives_factors(fusion):
                self.genre_vectors_ = predicted_factors(fusion, X)[0][self.rows_]
                self._directions = label_directions(fusion)
            else:
                self.genre_vectors_ = predicted_genres(fusion, X)[0][self.rows_]
                self._directions = np.eye(len(self.genres_))

    def like(
        self,
        albums: Any,
        *,
        n_neighbors: int | None = None,
        other_artists: bool = False,
        groups: Column | None = None,
    ) -> pd.DataFrame:
        """Return the nearest albums of each query.

        Parameters
        ----------
        albums : label, list of labels, DataFrame or array of shape (n_queries, d)
            The queries: names of albums passed to `fit`, which are excluded from their own
            neighbours, or new rows in the format of `fit`. Rows of `fit` that are passed again
            count as new rows and find themselves.
        n_neighbors : int, default=None
            Number of albums per query. None: the constructor parameter.
        other_artists : bool, default=False
            Whether to exclude albums by the artist of the query.
        groups : array-like of shape (n_queries,), default=None
            Artists of new rows, for `other_artists`.

        Returns
        -------
        found : DataFrame
            Columns query, rank (from 1), album, similarity (the cosine, at most 1) and, if `fit`
            was given groups, artist. A query has fewer than `n_neighbors` rows if there are not
            enough albums.

        Raises
        ------
        ValueError
            If an album is unknown or has no vector, or if `other_artists` is used without groups.
        """
        vectors, names, excluded = self._queries(albums, other_artists, groups)
        return self._found(self.search_, vectors, excluded, n_neighbors, names)

    def playlist(
        self,
        albums: Any,
        *,
        n_neighbors: int | None = None,
        other_artists: bool = False,
        groups: Column | None = None,
    ) -> pd.DataFrame:
        """Return the albums that are nearest to several seeds together.

        These are the albums with the largest mean similarity to the seeds.

        Parameters
        ----------
        albums : list of labels, DataFrame or array of shape (n_seeds, d)
            The seeds, in the format of the queries of `like`. Seeds given by name are excluded
            from the playlist.
        n_neighbors : int, default=None
            Number of albums in the playlist. None: the constructor parameter.
        other_artists : bool, default=False
            Whether to exclude all albums by the artists of the seeds.
        groups : array-like of shape (n_seeds,), default=None
            Artists of new rows, for `other_artists`.

        Returns
        -------
        found : DataFrame
            As returned by `like`, without the column query. The similarity is that to the mean of
            the seeds.

        Raises
        ------
        ValueError
            In the same cases as `like`.
        """
        vectors, _, excluded = self._queries(albums, other_artists, groups)
        # For unit vectors, the mean of the cosines to the seeds is the product with their mean.
        mean = vectors.mean(axis=0)[np.newaxis]
        return self._found(self.search_, mean, [np.concatenate(excluded)], n_neighbors)

    def mix(self, genres: dict[str, float], *, n_neighbors: int | None = None) -> pd.DataFrame:
        """Return the albums that are nearest to a mix of genres.

        For a model that predicts label factors (``target="cosine"``), the factors of the genres
        are mixed and compared with the predicted factors of the albums. For other models, the
        mix is compared with the predicted probabilities of all genres: an album of Jazz and Funk
        only ranks before one of Jazz, Funk and Soul.

        Parameters
        ----------
        genres : dict of str to float
            The weight of each genre, such as ``{"Jazz": 0.7, "Funk": 0.3}``; only their ratios
            matter. A negative weight moves the query away from a genre.
        n_neighbors : int, default=None
            Number of albums to return. None: the constructor parameter.

        Returns
        -------
        found : DataFrame
            As returned by `like`, without the column query.

        Raises
        ------
        ValueError
            If the model does not predict genres, a genre is unknown, or all weights are 0.
        """
        check_is_fitted(self)
        if self.genres_ is None:
            raise ValueError(
                "mix needs a model that predicts genres. Pass a fitted pipeline with a fusion "
                "layer: NearestAlbums(model)."
            )
        known = {genre: place for place, genre in enumerate(self.genres_.tolist())}
        unknown = [genre for genre in genres if genre not in known]
        if unknown:
            raise ValueError(
                f"Unknown genres {', '.join(map(repr, unknown))}; the genres of the model are "
                f"{', '.join(map(str, known))}."
            )
        for genre, weight in genres.items():
            if not isinstance(weight, Real) or not np.isfinite(weight):
                raise ValueError(f"The weight of {genre!r} must be finite, got {weight!r}.")
        weights = np.array([genres.get(genre, 0) for genre in known], dtype=np.float64)
        query = (weights @ self._directions)[np.newaxis]
        if not query.any():
            raise ValueError(
                f"The mix {genres!r} is a zero vector. Give a nonzero weight to at least one genre "
                "that has label factors."
            )
        nothing = [np.empty(0, dtype=int)]
        return self._found(_search_of(self.genre_vectors_), query, nothing, n_neighbors)

    def kneighbors(
        self, X: Matrix, n_neighbors: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return distances and rows of the nearest albums, as in scikit-learn.

        Parameters
        ----------
        X : DataFrame or array-like of n_queries rows
            Rows in the format of `fit`. Every row must have a vector.
        n_neighbors : int, default=None
            Number of albums per query. None: the constructor parameter.

        Returns
        -------
        distances : ndarray of shape (n_queries, n_neighbors)
            1 - cosine similarity.
        rows : ndarray of int, shape (n_queries, n_neighbors)
            Row positions in the `X` of `fit`.
        """
        vectors, *_ = self._new_queries(as_pandas(X), False, None)
        distances, found = self.search_.kneighbors(vectors, self._n_neighbors(n_neighbors))
        return distances, self.rows_[found]

    def _n_neighbors(self, n_neighbors):
        n_neighbors = self.n_neighbors if n_neighbors is None else n_neighbors
        if not isinstance(n_neighbors, Integral) or n_neighbors < 1:
            raise ValueError(f"n_neighbors must be an integer >= 1, got {n_neighbors!r}.")
        return int(n_neighbors)

    def _queries(self, albums, other_artists, groups):
        """Return vectors and names of the queries, and the positions that each excludes."""
        check_is_fitted(self)
        if other_artists and self.artists_ is None:
            raise ValueError("other_artists=True needs groups: fit(X, groups=table['artist']).")
        albums = as_pandas(albums)
        if isinstance(albums, pd.DataFrame) or getattr(albums, "ndim", 1) == 2:
            return self._new_queries(albums, other_artists, groups)
        if groups is not None:
            raise ValueError("groups is only for new rows; the artists of fitted albums are known.")
        scalar = isinstance(albums, (str, tuple)) or np.ndim(albums) == 0
        names = [albums] if scalar else list(albums)
        if not names:
            raise ValueError("albums is empty; pass at least one album.")
        place_of = {name: place for place, name in enumerate(self.albums_[self.rows_])}
        places = []
        for name in names:
            if name not in place_of:
                known = name in set(self.albums_)
                raise ValueError(
                    f"The album {name!r} has no vector in the space {self.space!r}, because its "
                    "modalities are missing."
                    if known
                    else f"Unknown album {name!r}: it is not in the index of the table that was "
                    "passed to fit. To search with a new album, pass its row: table.iloc[[0]]."
                )
            places.append(place_of[name])
        excluded = [np.array([place]) for place in places]
        if other_artists:
            artists = self.artists_[self.rows_]
            excluded = [
                np.union1d(own, self._places_of_artist(artists[place]))
                for own, place in zip(excluded, places, strict=True)
            ]
        return self.vectors_[places], names, excluded

    def _new_queries(self, X, other_artists, groups):
        check_is_fitted(self)
        vectors, there = vectors_in_space(self.model, X, self.space)
        names = _names(X, len(there))
        if not there.all():
            row = int(np.flatnonzero(~there)[0])
            raise ValueError(
                f"Row {row} ({names[row]!r}) has no vector in the space {self.space!r}, because "
                "its modalities are missing. Remove such rows."
            )
        if vectors.shape[1] != self.vectors_.shape[1]:
            raise ValueError(
                f"The vectors of the new rows have {vectors.shape[1]} columns, but those of fit "
                f"have {self.vectors_.shape[1]}."
            )
        excluded = [np.empty(0, dtype=int)] * len(names)
        if other_artists:
            if groups is None:
                raise ValueError("other_artists=True needs groups, the artists of the new rows.")
            artists = read_groups(groups, len(names)).names
            excluded = [self._places_of_artist(artist) for artist in artists]
        return vectors, names, excluded

    def _places_of_artist(self, artist):
        if artist is None:
            return np.empty(0, dtype=int)
        return np.flatnonzero(self.artists_[self.rows_] == artist)

    def _found(self, search, queries, excluded, n_neighbors, names=None):
        n_neighbors = self._n_neighbors(n_neighbors)
        found = nearest_allowed(search, queries, n_neighbors, excluded)
        lengths = [len(places) for _, places in found]
        rows = self.rows_[np.concatenate([places for _, places in found])]
        table = {
            "rank": np.concatenate([np.arange(1, length + 1) for length in lengths]),
            "album": self.albums_[rows],
            "similarity": 1 - np.concatenate([distances for distances, _ in found]),
        }
        if names is not None:
            # Names may be tuples, from which np.array would make a 2-D array.
            queries = np.empty(len(names), dtype=object)
            queries[:] = names
            table = {"query": np.repeat(queries, lengths), **table}
        if self.artists_ is not None:
            table["artist"] = self.artists_[rows]
        return pd.DataFrame(table)


def _search_of(vectors):
    vectors = sparse.csr_matrix(vectors) if sparse.issparse(vectors) else vectors
    return NearestNeighbors(metric="cosine", algorithm="brute").fit(vectors)


def _names(X, n):
    """Return names of rows: the index of a table, or row numbers."""
    names = np.empty(n, dtype=object)
    index = getattr(X, "index", None)  # lists have a method called index
    names[:] = index.tolist() if isinstance(index, pd.Index) else range(n)
    return names
