"""Two-dimensional maps of albums by t-SNE (Figures 7 and 8 of the paper)."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.decomposition import PCA
from sklearn.utils import check_consistent_length, check_random_state

from ..._typing import Column, Genres, Matrix, RandomState, Table
from ...labels import GenreTaxonomy, PPMILabelFactorizer
from ...metrics import neighbor_purity
from ...utils import read_groups, read_labels
from .._panels import make_panels
from .._tsne import project
from ._spaces import present_vectors, vectors_in_space

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

_MOST_COLUMNS = 50  # PCA reduces wider vectors to this width before t-SNE
_MARKERS = "os^Dv<>P"
_N_COLORS = 10


class EmbeddingMapDisplay:
    """Map of albums, coloured by genre, on which albums with similar vectors are close.

    Use :meth:`from_estimator` for the vectors inside a fitted model, or :meth:`from_vectors`.

    Parameters
    ----------
    positions : ndarray of shape (n, 2)
        Position of each album on the map.
    genres : array-like of shape (n,)
        The genre of each album.
    purity, chance : float, default=None
        Results of `neighbor_purity` for the vectors before the projection.
    n_neighbors : int, default=None
        Number of neighbours of the purity.
    shuffled_genres : array-like of shape (n,), default=None
        Randomly permuted genres, for a second map next to the first.
    shuffled_purity : float, default=None
        Purity of the shuffled genres.

    Attributes
    ----------
    rows_ : ndarray of int, shape (n,)
        Row positions of the albums on the map, in the input.
    figure_ : matplotlib.figure.Figure or SubFigure
        The figure that contains the maps.
    axes_ : ndarray of matplotlib.axes.Axes, shape (n_maps,)
        The map and, if drawn, the map of shuffled genres.

    See Also
    --------
    NearestAlbums : Search in the same spaces.
    skmmgenre.metrics.neighbor_purity : The score below the map.

    Notes
    -----
    t-SNE preserves neighbourhoods and little else: the distances between clusters and their sizes
    have no meaning, and even noise can appear clustered. The purity of the vectors before the
    projection is therefore shown below the map, together with its value at chance, and
    ``shuffled=True`` draws the same points with randomly permuted genres.

    Figure 7 of the paper is a map of label factors, which are computed from the genres themselves,
    so clusters of genres on it are not evidence about the music. Figure 8 is a map of vectors of
    covers. A network can overfit its training albums, so pass other albums.

    Vectors are divided by their norm. Vectors of more than 50 columns are reduced to 50 by PCA
    before t-SNE, which is initialized with the first two principal components.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.inspection import EmbeddingMapDisplay
    >>> rng = np.random.default_rng(0)
    >>> genres = np.repeat(["Dub", "Jazz", "Pop"], 20)
    >>> vectors = rng.normal(size=(60, 5)) + 9 * np.eye(5)[np.repeat([0, 1, 2], 20)]
    >>> display = EmbeddingMapDisplay.from_vectors(vectors, genres)
    >>> display.purity
    1.0
    """

    def __init__(
        self,
        positions: np.ndarray,
        genres: Column,
        *,
        purity: float | None = None,
        chance: float | None = None,
        n_neighbors: int | None = None,
        shuffled_genres: Column | None = None,
        shuffled_purity: float | None = None,
    ):
        self.positions = positions
        self.genres = genres
        self.purity = purity
        self.chance = chance
        self.n_neighbors = n_neighbors
        self.shuffled_genres = shuffled_genres
        self.shuffled_purity = shuffled_purity

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        table: Table,
        y: Genres | None = None,
        *,
        space: str = "fused",
        **params: Any,
    ) -> Self:
        """Compute the vectors of albums with a fitted model, and draw their map.

        Parameters
        ----------
        model : estimator
            A fitted `GenrePipeline` with a fusion layer, or an estimator that contains one; a
            fitted `PPMILabelFactorizer`, whose album factors are drawn (Figure 7); or any other
            fitted transformer.
        table : DataFrame or array-like of n rows
            Input of `model`; for a `PPMILabelFactorizer`, the indicator matrix.
        y : array-like of shape (n,), or indicator of shape (n, n_genres), default=None
            Genres; see :meth:`from_vectors`. None is only allowed for a `PPMILabelFactorizer`, and
            uses `table`.
        space : str, default="fused"
            The space of a model with a fusion layer: "fused", "joint", "factors", "genres" or the
            name of a block, such as "image" (Figure 8); see `NearestAlbums`.
        **params : dict
            Parameters passed to :meth:`from_vectors` and :meth:`plot`.

        Returns
        -------
        display : EmbeddingMapDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If the model has no such space, `y` is missing, or :meth:`from_vectors` raises it.
        """
        if isinstance(model, PPMILabelFactorizer):
            vectors, y = model.transform(table), table if y is None else y
        else:
            vectors, _ = vectors_in_space(model, table, space)  # zeros for albums without a vector
        if y is None:
            raise ValueError("y is None; pass the genre of each row, or an indicator matrix.")
        return cls.from_vectors(vectors, y, **params)

    @classmethod
    def from_vectors(
        cls,
        vectors: Matrix,
        y: Genres,
        *,
        taxonomy: GenreTaxonomy | None = None,
        groups: Column | None = None,
        n_neighbors: int = 10,
        perplexity: float = 30.0,
        shuffled: bool = False,
        random_state: RandomState = 0,
        n_jobs: int | None = None,
        **plot_params: Any,
    ) -> Self:
        """Project vectors to two dimensions and draw the map.

        Parameters
        ----------
        vectors : array-like or sparse matrix of shape (n, d)
            Vectors of the albums. Rows of NaN or zeros mark albums without a vector, which are not
            drawn.
        y : array-like of shape (n,), or indicator of shape (n, n_genres)
            Genres. Multilabel albums are only drawn if they have exactly one top-level genre.
        taxonomy : GenreTaxonomy, default=None
            Defines the top-level genres: albums are coloured by their parent genre, and albums
            with several parent genres are excluded (`GenreTaxonomy.single_parents`). None: all
            genres are top-level genres.
        groups : array-like of shape (n,), default=None
            Artists. For the purity, albums of the same artist are not counted as neighbours.
        n_neighbors : int, default=10
            Number of neighbours of the purity; fewer if the map has fewer albums.
        perplexity : float, default=30.0
            Perplexity of t-SNE, roughly the number of neighbours that are kept together. At most
            a third of the number of albums is used.
        shuffled : bool, default=False
            Whether to draw a second map of the same points with randomly permuted genres, and
            compute their purity.
        random_state : int, RandomState or None, default=0
            Seed of PCA, t-SNE and the permutation of the genres.
        n_jobs : int, default=None
            Number of threads for the neighbour search of t-SNE.
        **plot_params : dict
            Parameters passed to :meth:`plot`.

        Returns
        -------
        display : EmbeddingMapDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If lengths differ, a vector is partly NaN, the vectors have a single column, or fewer
            than 4 albums can be drawn.
        """
        vectors, there = present_vectors(vectors)
        genres = _one_genre(y, taxonomy)
        check_consistent_length(vectors, genres)
        rows = np.flatnonzero(there & np.not_equal(genres, None))
        if len(rows) < 4 or vectors.shape[1] < 2:
            raise ValueError(
                "A map needs vectors of at least 2 columns, and at least 4 albums. Got "
                f"{vectors.shape[1]} columns; {len(rows)} of {len(genres)} albums have a vector "
                f"and exactly one {'top-level ' if taxonomy else ''}genre."
            )
        vectors, genres = vectors[rows], genres[rows]
        groups = None if groups is None else read_groups(groups, len(there)).take(rows)
        rng = check_random_state(random_state)
        display = cls(_project(vectors, perplexity, rng.randint(2**31), n_jobs), genres)
        display.rows_ = rows
        # Each album has at least this many albums by other artists.
        n_others = len(rows) - (1 if groups is None else np.bincount(groups.codes).max())
        if n_others:  # the albums are by more than one artist
            display.n_neighbors = min(n_neighbors, n_others)
            search = {"n_neighbors": display.n_neighbors, "groups": groups}
            display.purity, display.chance = neighbor_purity(vectors, genres, **search)
        if shuffled:
            display.shuffled_genres = rng.permutation(genres)
            if n_others:
                display.shuffled_purity, _ = neighbor_purity(
                    vectors, display.shuffled_genres, **search
                )
        return display.plot(**plot_params)

    def plot(
        self,
        *,
        figure: "Figure | SubFigure | None" = None,
        n_cols: int = 2,
        size: float | None = None,
    ) -> Self:
        """Draw the map and, if there are shuffled genres, their map.

        Parameters
        ----------
        figure : matplotlib.figure.Figure or SubFigure, default=None
            Figure to draw in. None creates one with pyplot.
        n_cols : int, default=2
            Maximum number of maps per row.
        size : float, default=None
            Area of a marker in square points (1/72 inch). None: chosen by the number of albums.

        Returns
        -------
        display : EmbeddingMapDisplay
            The drawn display.
        """
        maps = {"": (self.genres, self.purity)}
        if self.shuffled_genres is not None:
            maps = {"true genres": maps[""]}
            maps["genres shuffled"] = (self.shuffled_genres, self.shuffled_purity)
        self.figure_, self.axes_ = make_panels(figure, len(maps), n_cols=n_cols, size=(4.8, 4.8))
        names = pd.Series(np.asarray(self.genres, dtype=object)).value_counts().index.tolist()
        if size is None:
            size = np.clip(20_000 / len(self.positions), 2, 40)
        for panel, (title, (genres, purity)) in zip(self.axes_, maps.items(), strict=True):
            genres = np.asarray(genres, dtype=object)
            for number, name in enumerate(names):
                x, y = np.asarray(self.positions)[genres == name].T
                style = {
                    "color": f"C{number % _N_COLORS}",
                    "marker": _MARKERS[number // _N_COLORS % len(_MARKERS)],
                }
                panel.scatter(x, y, s=size, alpha=0.7, linewidth=0, label=str(name), **style)
            panel.set(title=title, xticks=[], yticks=[], xlabel=self._in_words(purity))
        handles, labels = self.axes_[0].get_legend_handles_labels()
        self.figure_.legend(
            handles, labels, loc="outside lower center", ncols=5, fontsize="small", frameon=False
        )
        return self

    def _in_words(self, purity):
        if purity is None:
            return f"{len(self.positions):,} albums"
        chance = "" if self.chance is None else f" (by chance {self.chance:.2f})"
        return (
            f"{len(self.positions):,} albums; of the {self.n_neighbors} nearest,\n"
            f"{purity:.2f} are of the same genre{chance}"
        )


def _one_genre(y, taxonomy):
    """Return the genre of each item, None for items with no genre or several."""
    if taxonomy is not None:
        return taxonomy.single_parents(y)
    labels = read_labels(y)
    if not labels.several:
        return labels.values.astype(object)
    genres = np.full(len(labels), None, dtype=object)
    single = labels.values.sum(axis=1) == 1
    genres[single] = labels.names[labels.values[single].argmax(axis=1)]
    return genres


def _project(vectors, perplexity, seed, n_jobs):
    """Project vectors by t-SNE to float32 positions of shape (n, 2)."""
    if vectors.shape[1] > _MOST_COLUMNS:
        n_components = min(_MOST_COLUMNS, vectors.shape[0] - 1)
        solver = "arpack" if sparse.issparse(vectors) else "auto"
        vectors = PCA(n_components, svd_solver=solver, random_state=seed).fit_transform(vectors)
    elif sparse.issparse(vectors):
        vectors = vectors.toarray()
    return project(vectors, perplexity=perplexity, random_state=seed, n_jobs=n_jobs)[0]
