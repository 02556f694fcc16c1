"""Display of the explanation of a single row."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np

from ._explanation import Explanation, explain
from ._informative_words import label_of_word
from ._maps._activation_map_display import draw_map
from ._panels import make_panels

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure

    from ._neighbors import NearestAlbums

_COLORS = ["tab:blue", "tab:orange", "tab:green", "tab:red", "tab:purple", "tab:brown"]


class ExplanationDisplay:
    """Explanation of a row in panels: modalities, words, seconds of sound and cover.

    Use :meth:`from_estimator`, which explains a row and draws it.

    Parameters
    ----------
    explanation : Explanation
        The explanation to draw, as returned by :func:`explain`.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure or SubFigure
        The figure that contains the panels.
    axes_ : dict of str to matplotlib.axes.Axes
        The panels: "modalities", and those of "words", "sound", "cover" and "nearest" for which
        the explanation has data.

    See Also
    --------
    explain : Compute the explanation without drawing it.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmmgenre.compose import make_genre_classifier
    >>> from skmmgenre.inspection import ExplanationDisplay
    >>> table = pd.DataFrame({"text": ["slow sax", "sax solo", "loud drums", "drums on fire"] * 6})
    >>> model = make_genre_classifier(
    ...     audio=None, image=None, text__max_epochs=5, text__hidden_units=(8,), random_state=0
    ... )
    >>> model = model.fit(table, ["Jazz", "Jazz", "Rock", "Rock"] * 6, groups=range(24))
    >>> display = ExplanationDisplay.from_estimator(model, table.iloc[[0]])
    >>> list(display.axes_)
    ['modalities', 'words']
    """

    def __init__(self, explanation: Explanation):
        self.explanation = explanation

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        row: Any,
        *,
        genres: Any = None,
        n_words: int = 10,
        albums: "NearestAlbums | None" = None,
        **plot_params: Any,
    ) -> Self:
        """Explain a row and draw it.

        Parameters
        ----------
        model, row, genres, n_words, albums
            Parameters passed to :func:`explain`.
        **plot_params : dict
            Parameters passed to :meth:`plot`.

        Returns
        -------
        display : ExplanationDisplay
            The drawn display.
        """
        explanation = explain(model, row, genres=genres, n_words=n_words, albums=albums)
        return cls(explanation).plot(**plot_params)

    def plot(
        self, *, figure: "Figure | SubFigure | None" = None, genre: Any = None, n_cols: int = 4
    ) -> Self:
        """Draw one panel per kind of evidence.

        Parameters
        ----------
        figure : matplotlib.figure.Figure or SubFigure, default=None
            Figure to draw in. None creates one with pyplot.
        genre : str, default=None
            The genre whose words and cover map are drawn. None: the first explained genre.
        n_cols : int, default=4
            Maximum number of panels per row.

        Returns
        -------
        display : ExplanationDisplay
            The display itself, with `figure_` and `axes_` set.

        Raises
        ------
        ValueError
            If `genre` is not one of the explained genres.
        """
        told = self.explanation
        genre = told.genres[0] if genre is None else genre
        if genre not in told.genres:
            raise ValueError(f"genre={genre!r} is not among the explained genres {told.genres}.")
        panels = {"modalities": self._draw_modalities}
        if (told.words["genre"] == genre).any():
            panels["words"] = self._draw_words
        if len(told.sound):
            panels["sound"] = self._draw_sound
        if told.cover is not None:
            panels["cover"] = self._draw_cover
        if told.nearest is not None and len(told.nearest):
            panels["nearest"] = self._draw_nearest
        self.figure_, axes = make_panels(figure, len(panels), n_cols=n_cols, size=(4, 3.2))
        self.axes_ = dict(zip(panels, axes, strict=True))
        for panel, draw in zip(axes, panels.values(), strict=True):
            draw(panel, genre)
        return self

    def _draw_modalities(self, panel, genre):
        told = self.explanation
        parts = told.contributions.drop(columns="score")
        height = 0.8 / parts.shape[1]
        for number, (name, values) in enumerate(parts.items()):
            places = np.arange(len(parts)) + (number - (parts.shape[1] - 1) / 2) * height
            color = "grey" if name == "bias" else _COLORS[(number - 1) % len(_COLORS)]
            label = f"{name} (missing)" if name in told.missing else name
            panel.barh(places, values, height, label=label, color=color)
        panel.axvline(0, color="black", linewidth=0.8)
        panel.set_yticks(range(len(parts)), map(str, parts.index))
        panel.invert_yaxis()
        panel.legend(fontsize="x-small")
        panel.set(title=str(told.row), xlabel="contribution to the score")

    def _draw_words(self, panel, genre):
        words = self.explanation.words
        words = words[words["genre"] == genre]
        colors = words["kind"].map({"word": "tab:blue", "category": "tab:orange"})
        panel.barh(range(len(words)), words["effect"], color=colors)
        labels = map(label_of_word, words["word"], words["kind"])
        panel.set_yticks(range(len(words)), labels, fontsize="small")
        panel.invert_yaxis()
        panel.axvline(0, color="black", linewidth=0.8)
        panel.set(title=f"words: {genre}", xlabel="effect on the score")

    def _draw_sound(self, panel, genre):
        sound = self.explanation.sound
        for number, one in enumerate(self.explanation.genres):
            lines = sound[sound["genre"] == one]
            for track, of_track in lines.groupby("track"):
                panel.stairs(
                    of_track["effect"],
                    [*of_track["start"], of_track["end"].iloc[-1]],
                    color=_COLORS[number % len(_COLORS)],
                    alpha=1 / (1 + track),
                    label=str(one) if track == lines["track"].iloc[0] else None,
                )
        panel.axhline(0, color="black", linewidth=0.8)
        panel.legend(fontsize="x-small")
        panel.set(title="sound", xlabel="seconds", ylabel="effect on the score")

    def _draw_cover(self, panel, genre):
        draw_map(panel, self.explanation.cover_maps[genre], self.explanation.cover)
        panel.set(title=f"cover: {genre}")

    def _draw_nearest(self, panel, genre):
        nearest = self.explanation.nearest
        panel.barh(range(len(nearest)), nearest["similarity"], color="tab:green")
        panel.set_yticks(range(len(nearest)), map(str, nearest["album"]), fontsize="small")
        panel.invert_yaxis()
        panel.set(title="most similar albums", xlabel="similarity")
