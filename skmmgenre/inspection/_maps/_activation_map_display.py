"""Display of class activation maps on top of covers or sound."""

from typing import TYPE_CHECKING, Any, Literal, Self

import numpy as np

from .._panels import make_panels
from ._activation_maps import codes_of, find_maps

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


class ActivationMapDisplay:
    """Class activation maps over covers or sound, one panel per map.

    Use :meth:`from_estimator`, which selects the rows with the highest scores.

    Parameters
    ----------
    maps : array-like of shape (n, height, width), or list of 2-D arrays
        Maps, as returned by `class_activation_map`.
    pictures : list of n arrays
        The background of each map: uint8 images of shape (height, width, 3), or patches of sound
        of shape (bins, frames), which are drawn with the lowest band at the bottom. Pictures and
        maps may differ in size; both are scaled to fill the panel.
    titles : list of n str, default=None
        Titles of the panels.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure or SubFigure
        The figure that contains the panels.
    axes_ : ndarray of matplotlib.axes.Axes, shape (n,)
        The panels.
    rows_ : list of int
        The row of each panel, as its position in the `X` of :meth:`from_estimator`.

    See Also
    --------
    class_activation_map : Compute the maps without drawing them.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.image import ResNetEmbedder
    >>> from skmmgenre.inspection import ActivationMapDisplay
    >>> rng = np.random.default_rng(0)
    >>> covers = [rng.integers(0, 256, (64, 64, 3), dtype=np.uint8) for _ in range(8)]
    >>> network = ResNetEmbedder(depth="small", max_epochs=1, validation_fraction=0)
    >>> network = network.fit(covers, ["Jazz", "Rock"] * 4)
    >>> display = ActivationMapDisplay.from_estimator(network, covers, n_items=2)
    >>> len(display.axes_)
    4
    """

    def __init__(self, maps: np.ndarray, pictures: Any, *, titles: list[str] | None = None):
        self.maps = maps
        self.pictures = pictures
        self.titles = titles

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        X: Any,
        *,
        genres: str | list[Any] | None = None,
        n_items: int = 4,
        modality: Literal["image", "audio"] | None = None,
        **plot_params: Any,
    ) -> Self:
        """Draw the rows with the highest scores of each genre.

        Parameters
        ----------
        model : estimator
            A fitted model, as accepted by `class_activation_map`.
        X : DataFrame, column or array of n rows
            Input of `model`.
        genres : str or list, default=None
            The genres to draw, in this order, or the name of a single genre. None: all genres.
        n_items : int, default=4
            Number of rows per genre, highest score first. Missing covers or tracks are skipped.
        modality : {"image", "audio"} or None, default=None
            As in `class_activation_map`.
        **plot_params : dict
            Parameters passed to :meth:`plot`.

        Returns
        -------
        display : ActivationMapDisplay
            The drawn display, with `rows_` set to the positions of the drawn rows.

        Raises
        ------
        ValueError
            If all rows are missing, or if `class_activation_map` raises it.
        """
        found = find_maps(model, X, modality)
        scores = found.scores()
        classes = found.classes_.tolist()
        genres = classes if genres is None else [genres] if isinstance(genres, str) else genres
        codes = codes_of(genres, found.classes_, len(genres))
        there = np.flatnonzero(~found.missing)
        if not len(there):
            raise ValueError(f"All {len(scores)} rows are missing, so there is nothing to draw.")
        best = [there[np.argsort(-scores[there, code], kind="stable")][:n_items] for code in codes]
        rows = np.concatenate(best)
        codes = np.repeat(codes, [len(of_genre) for of_genre in best])
        some = found.of_rows(rows)
        titles = [
            f"{classes[code]} {score:.2f}"
            for code, score in zip(codes, scores[rows, codes], strict=True)
        ]
        display = cls(some.maps(codes), some.pictures(), titles=titles)
        display.rows_ = rows.tolist()
        return display.plot(**{"n_cols": len(best[0]), **plot_params})

    def plot(
        self,
        *,
        figure: "Figure | SubFigure | None" = None,
        n_cols: int = 4,
        cmap: Any = "inferno",
        alpha: float = 0.5,
    ) -> Self:
        """Draw one panel per map.

        Parameters
        ----------
        figure : matplotlib.figure.Figure or SubFigure, default=None
            Figure to draw in. None creates one with pyplot.
        n_cols : int, default=4
            Maximum number of panels per row.
        cmap : str or matplotlib.colors.Colormap, default="inferno"
            Colormap of the maps.
        alpha : float, default=0.5
            Opacity of the maps: 0 shows the picture only, 1 hides it.

        Returns
        -------
        display : ActivationMapDisplay
            The display itself, with `figure_` and `axes_` set.
        """
        self.figure_, self.axes_ = make_panels(
            figure, len(self.maps), n_cols=n_cols, size=(2.2, 2.4)
        )
        titles = [None] * len(self.maps) if self.titles is None else self.titles
        for panel, one, picture, title in zip(
            self.axes_, self.maps, self.pictures, titles, strict=True
        ):
            draw_map(panel, one, picture, cmap=cmap, alpha=alpha)
            panel.set_title(title, fontsize="small")
        return self


def draw_map(panel, activation_map, picture, *, cmap="inferno", alpha=0.5):
    """Draw a map over a picture, both scaled to the panel."""
    is_sound = np.ndim(picture) == 2
    place = {
        "extent": (0, 1, 0, 1),
        "origin": "lower" if is_sound else "upper",
        "aspect": "auto" if is_sound else np.shape(picture)[0] / np.shape(picture)[1],
    }
    panel.imshow(picture, cmap="gray", **place)
    if not np.isnan(activation_map).all():
        panel.imshow(activation_map, cmap=cmap, alpha=alpha, vmin=0, vmax=1, **place)
    panel.set(xticks=[], yticks=[])
    if is_sound:
        panel.set(xlabel="time", ylabel="band")
