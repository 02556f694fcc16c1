"""The words that tell each genre, as bars."""

import pandas as pd

from ..text._category_words import readable_category
from ._informative_words import informative_words
from ._panels import make_panels

_COLORS = {"word": "tab:blue", "category": "tab:orange"}
_BAR_HEIGHT = 0.24  # inches
_BARS_WIDTH = 2.6
_LETTER_WIDTH = 0.075


class InformativeWordsDisplay:
    """Information gain of words and categories, a panel for each genre.

    Use :meth:`from_estimator`, which computes the gains and draws them.

    Parameters
    ----------
    words : DataFrame
        As `informative_words` answers.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure or SubFigure
        What was drawn in.
    axes_ : ndarray of matplotlib.axes.Axes, shape (n_genres,)
        The panels, in the order of the genres.

    See Also
    --------
    informative_words : The table alone.

    Examples
    --------
    >>> from skmmgenre.inspection import InformativeWordsDisplay
    >>> from skmmgenre.text import ReviewVectorizer
    >>> texts = ["slow sax", "fast sax", "slow drums", "fast drums"]
    >>> genres = ["Jazz", "Jazz", "Rock", "Rock"]
    >>> vectorizer = ReviewVectorizer().fit(texts)
    >>> display = InformativeWordsDisplay.from_estimator(vectorizer, texts, genres, n_words=2)
    >>> [panel.get_title() for panel in display.axes_]
    ['Jazz', 'Rock']
    >>> [label.get_text() for label in display.axes_[0].get_yticklabels()]
    ['drums', 'sax']
    """

    __module__ = "skmmgenre.inspection"

    def __init__(self, words):
        self.words = words

    @classmethod
    def from_estimator(cls, model, table, y, *, n_words=10, genres=None, **plot_params):
        """Compute what is informative of each genre and draw it.

        Parameters
        ----------
        model : estimator
            A fitted pipeline with a vectorizer; see `informative_words`.
        table : DataFrame, or column of texts, of n rows
            What `model` takes.
        y : array-like of shape (n,), or indicator of shape (n, n_genres)
            Genres.
        n_words : int, default=10
            Words of each genre.
        genres : str or list, default=None
            The genres to draw, in this order, or the name of one; None for all.
        **plot_params : dict
            Parameters of :meth:`plot`.

        Returns
        -------
        display : InformativeWordsDisplay

        Raises
        ------
        ValueError
            If a genre is not one of those in `y`; and as `informative_words` raises.
        """
        words = informative_words(model, table, y, n_words=n_words)
        if genres is not None:
            genres = [genres] if isinstance(genres, str) else genres
            of_genre = dict(list(words.groupby("genre")))
            unknown = [genre for genre in genres if genre not in of_genre]
            if unknown:
                raise ValueError(f"{unknown} are not among the genres: {list(of_genre)}.")
            words = pd.concat([of_genre[genre] for genre in genres], ignore_index=True)
        return cls(words).plot(**plot_params)

    def plot(self, *, figure=None, n_cols=3):
        """Draw a panel for each genre.

        A full bar is a word that the genre has more often than the others, a hollow one a
        word that it has less often. Letters that matplotlib's font lacks are boxes: name a font
        that has them, for example ``pyplot.rcParams["font.family"] = ["Noto Sans CJK JP"]``.

        Parameters
        ----------
        figure : matplotlib.figure.Figure or SubFigure, default=None
            What to draw in. None makes a figure with pyplot.
        n_cols : int, default=3
            Panels in a row at most.

        Returns
        -------
        display : InformativeWordsDisplay
        """
        genres = list(self.words.groupby("genre", sort=False))
        most = max(len(lines) for _, lines in genres)
        longest = max(map(len, map(_label, self.words["word"], self.words["kind"])))
        size = (_BARS_WIDTH + _LETTER_WIDTH * max(longest, 20), 1.1 + _BAR_HEIGHT * most)
        self.figure_, self.axes_ = make_panels(figure, len(genres), n_cols=n_cols, size=size)
        for panel, (genre, lines) in zip(self.axes_, genres, strict=True):
            colors = lines["kind"].map(_COLORS)
            panel.barh(
                range(len(lines)),
                lines["information_gain"],
                color=colors.where(lines["sign"] >= 0, "none"),
                edgecolor=colors,
            )
            panel.set_yticks(range(len(lines)), map(_label, lines["word"], lines["kind"]))
            panel.invert_yaxis()
            panel.set(title=str(genre), xlabel="information gain in bits")
        self.figure_.legend(
            handles=_legend(self.words), loc="outside upper left", ncols=3, fontsize="small"
        )
        return self


def _label(word, kind):
    return readable_category(word) if kind == "category" else word


def _legend(words):
    from matplotlib.patches import Patch

    handles = [
        Patch(color=_COLORS[kind], label=kind) for kind in _COLORS if kind in set(words["kind"])
    ]
    if (words["sign"] < 0).any():
        handles.append(Patch(facecolor="none", edgecolor="grey", label="rarer in the genre"))
    return handles
