"""Search for albums: like this one, like these, or of a mix of genres."""

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
    """Find the albums that are nearest to others in a space of a fitted model.

    Use it for albums like a given one, for playlists that start from several, and for a mix of
    genres. Nearness is cosine similarity, searched by scikit-learn's `NearestNeighbors`.

    Parameters
    ----------
    model : estimator or None, default=None
        A fitted model: a `GenrePipeline` with a fusion layer, what holds one (a search,
        `LabelThresholds`), or any fitted transformer. It is not fitted again; to `clone` this
        object, wrap it in `sklearn.frozen.FrozenEstimator`. None: `fit` takes vectors.
    space : str, default="fused"
        Where a model with a fusion layer compares albums. "fused": the vectors of all modalities
        side by side, each of length 1, as the fusion layer sees them; a modality that knows little
        counts as much as any other. "joint": the joint space of sound and cover, in which albums
        with only one of the two can be compared. "factors": the predicted label factors, with
        ``target="cosine"``; "genres": the predicted probabilities, with other targets. Or the name
        of one block, such as "audio".
    n_neighbors : int, default=10
        Albums to return, unless a method is told otherwise.

    Attributes
    ----------
    vectors_ : ndarray or csr_array of float32, shape (n_found, d)
        Vectors of the albums that have one, of length 1.
    rows_ : ndarray of int, shape (n_found,)
        Their rows in what was passed to `fit`.
    albums_ : ndarray of object, shape (n,)
        Names of all albums: the index of the table, or the number of each row.
    artists_ : ndarray of object, shape (n,), or None
        The groups of `fit`.
    genres_ : ndarray of shape (n_genres,), or None
        Genres that `mix` takes; None without a model that predicts them.
    genre_vectors_ : ndarray of shape (n_found, d), or None
        Where `mix` searches: the predicted label factors, or else the probabilities of the genres.
    search_ : NearestNeighbors
        Fitted on `vectors_`.
    n_features_in_ : int
        Columns of what was passed to `fit`.

    See Also
    --------
    EmbeddingMapDisplay : A map of the same spaces.
    skmmgenre.metrics.retrieval_scores : How good a space is to search in.
    sklearn.neighbors.NearestNeighbors : The search alone.

    Notes
    -----
    Albums of one artist are often nearest to each other because of the voice, the studio or the
    design of the cover; ``other_artists=True`` leaves them out.

    An album without any of the modalities of the space has no vector. It is not found, and asking
    for its neighbours is an error.

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
        """Compute the vectors of albums to search among.

        Parameters
        ----------
        X : DataFrame or array-like of n rows
            What `model` takes; without a model, vectors of shape (n, d), where a row of NaN or of
            zeros is an album without one.
        y : None
            Not used.
        groups : array-like of shape (n,), default=None
            Artists, for `other_artists`.

        Returns
        -------
        self : NearestAlbums
            Ready to search.

        Raises
        ------
        ValueError
            If the model has no such space, no album has a vector, or the index of X repeats a
            name.
        """
        X = as_pandas(X)
        vectors, there = vectors_in_space(self.model, X, self.space)
        if not there.any():
            raise ValueError(
                f"None of {len(there)} albums has a vector in the space {self.space!r}: their "
                "modalities are missing."
            )
        self.albums_ = _names(X, len(there))
        if len(set(self.albums_)) < len(self.albums_):
            repeated = pd.Index(self.albums_)
            repeated = repeated[repeated.duplicated()][0]
            raise ValueError(
                f"The index of X repeats {repeated!r}, and albums are asked for by their index. "
                "Make it unique: table.reset_index(drop=True)."
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
        """Return the albums that are most like each of some.

        Parameters
        ----------
        albums : label, list of labels, DataFrame or array of shape (n_queries, d)
            Names of albums of `fit`, which are not among their own neighbours. Or new rows of what
            `fit` takes; rows of `fit` passed again are new rows, and find themselves.
        n_neighbors : int, default=None
            Albums for each; None for the parameter of the same name.
        other_artists : bool, default=False
            Leave out albums of the artist of the query.
        groups : array-like of shape (n_queries,), default=None
            Artists of new rows, for `other_artists`.

        Returns
        -------
        found : DataFrame
            Columns query, rank (from 1), album, similarity (the cosine, at most 1), and artist
            where `fit` was given groups. A query has fewer rows where no more albums are left.

        Raises
        ------
        ValueError
            If an album is not known, or has no vector; if `other_artists` lacks groups.
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
        """Return the albums that go with several seeds.

        They are those of the largest mean similarity to the seeds.

        Parameters
        ----------
        albums : list of labels, DataFrame or array of shape (n_seeds, d)
            The seeds, as `like` takes its queries. They are not in the playlist.
        n_neighbors : int, default=None
            Albums in the playlist; None for the parameter of the same name.
        other_artists : bool, default=False
            Leave out all albums of the artists of the seeds.
        groups : array-like of shape (n_seeds,), default=None
            Artists of new rows, for `other_artists`.

        Returns
        -------
        found : DataFrame
            As of `like`, without query. The similarity is that to the mean of the seeds.

        Raises
        ------
        ValueError
            As `like`.
        """
        vectors, _, excluded = self._queries(albums, other_artists, groups)
        mean = vectors.mean(axis=0)[np.newaxis]
        return self._found(self.search_, mean, [np.concatenate(excluded)], n_neighbors)

    def mix(self, genres: dict[str, float], *, n_neighbors: int | None = None) -> pd.DataFrame:
        """Return the albums that are nearest to a mix of genres.

        In a model that predicts label factors (``target="cosine"``), the factors of the genres
        are mixed, and compared with the predicted factors of the albums. In another model, the
        mix is compared with the predicted probabilities of all genres: an album that is Jazz and
        Funk and little else comes before one that is Jazz, Funk and Soul.

        Parameters
        ----------
        genres : dict of str to float
            The weight of each genre, such as ``{"Jazz": 0.7, "Funk": 0.3}``; only their ratios
            count. A negative weight leads away from a genre.
        n_neighbors : int, default=None
            Albums to return; None for the parameter of the same name.

        Returns
        -------
        found : DataFrame
            As of `like`, without query.

        Raises
        ------
        ValueError
            If the model predicts no genres, a genre is not known, or all weights are 0.
        """
        check_is_fitted(self)
        if self.genres_ is None:
            raise ValueError(
                "A mix of genres needs a model that predicts them: pass a fitted pipeline with a "
                "fusion layer, NearestAlbums(model)."
            )
        known = {genre: place for place, genre in enumerate(self.genres_.tolist())}
        unknown = [genre for genre in genres if genre not in known]
        if unknown:
            raise ValueError(
                f"The model does not know {', '.join(map(repr, unknown))}; its genres are "
                f"{', '.join(map(str, known))}."
            )
        for genre, weight in genres.items():
            if not isinstance(weight, Real) or not np.isfinite(weight):
                raise ValueError(f"The weight of {genre!r} must be a number, got {weight!r}.")
        weights = np.array([genres.get(genre, 0) for genre in known], dtype=np.float64)
        query = (weights @ self._directions)[np.newaxis]
        if not query.any():
            raise ValueError(
                f"The mix {genres!r} is nothing: give at least one genre a weight, and one that "
                "has label factors."
            )
        nothing = [np.empty(0, dtype=int)]
        return self._found(_search_of(self.genre_vectors_), query, nothing, n_neighbors)

    def kneighbors(
        self, X: Matrix, n_neighbors: int | None = None
    ) -> tuple[np.ndarray, np.ndarray]:
        """Return distances and rows of the nearest albums, as scikit-learn does.

        Parameters
        ----------
        X : DataFrame or array-like of n_queries rows
            What `fit` takes. Every row must have a vector.
        n_neighbors : int, default=None
            None for the parameter of the same name.

        Returns
        -------
        distances : ndarray of shape (n_queries, n_neighbors)
            1 - cosine similarity.
        rows : ndarray of int, shape (n_queries, n_neighbors)
            Rows of what was passed to `fit`.
        """
        vectors, *_ = self._new_queries(as_pandas(X), False, None)
        distances, found = self.search_.kneighbors(vectors, self._n_neighbors(n_neighbors))
        return distances, self.rows_[found]

    def _n_neighbors(self, n_neighbors):
        n_neighbors = self.n_neighbors if n_neighbors is None else n_neighbors
        if not isinstance(n_neighbors, Integral) or n_neighbors < 1:
            raise ValueError(f"n_neighbors must be 1 or above, got {n_neighbors!r}.")
        return int(n_neighbors)

    def _queries(self, albums, other_artists, groups):
        """Vectors and names of queries, and which of `vectors_` each must not find."""
        check_is_fitted(self)
        if other_artists and self.artists_ is None:
            raise ValueError("other_artists=True needs artists: fit(X, groups=table['artist']).")
        albums = as_pandas(albums)
        if isinstance(albums, pd.DataFrame) or getattr(albums, "ndim", 1) == 2:
            return self._new_queries(albums, other_artists, groups)
        if groups is not None:
            raise ValueError("groups is for new rows; the artists of albums of fit are known.")
        scalar = isinstance(albums, (str, tuple)) or np.ndim(albums) == 0
        names = [albums] if scalar else list(albums)
        if not names:
            raise ValueError("albums is empty: name at least one.")
        place_of = {name: place for place, name in enumerate(self.albums_[self.rows_])}
        places = []
        for name in names:
            if name not in place_of:
                known = name in set(self.albums_)
                raise ValueError(
                    f"The album {name!r} has no vector in the space {self.space!r}: its "
                    "modalities are missing."
                    if known
                    else f"There is no album {name!r} in the index of the table that was passed "
                    "to fit. To ask for a new album, pass its row: table.iloc[[0]]."
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
                f"Row {row} ({names[row]!r}) has no vector in the space {self.space!r}: its "
                "modalities are missing. Leave such rows out."
            )
        if vectors.shape[1] != self.vectors_.shape[1]:
            raise ValueError(
                f"The new rows have {vectors.shape[1]} columns, those of fit have "
                f"{self.vectors_.shape[1]}."
            )
        excluded = [np.empty(0, dtype=int)] * len(names)
        if other_artists:
            if groups is None:
                raise ValueError("other_artists=True needs the artists of new rows: groups=.")
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
    """Names of rows: the index of a table, or numbers."""
    names = np.empty(n, dtype=object)
    index = getattr(X, "index", None)  # a list has a method of this name
    names[:] = index.tolist() if isinstance(index, pd.Index) else range(n)
    return names
