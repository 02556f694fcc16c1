"""Information gain of words for genres, as a table and as a display."""

from typing import TYPE_CHECKING, Any, Self

import numpy as np
import pandas as pd
from scipy.special import xlogy
from sklearn.utils.validation import check_is_fitted

from .._typing import Genres, Table
from ..text._entities._segmentation import is_category_word, readable_category
from ..utils import as_cells, is_missing, read_labels, walk
from ._panels import make_panels
from ._steps import input_of

if TYPE_CHECKING:
    from matplotlib.figure import Figure, SubFigure


def read_words(model, table):
    """Compute the texts that the vectorizer of a fitted model takes from a table.

    Parameters
    ----------
    model : estimator
        A fitted vectorizer with a vocabulary, or an estimator that contains one: a Pipeline, a
        ColumnTransformer, a search.
    table : DataFrame, or column of texts
        Input of `model`.

    Returns
    -------
    texts : Series, list or array
        Input of the vectorizer.
    vectorizer : estimator

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ValueError
        If the model contains no such vectorizer, or several.
    """
    check_is_fitted(model)
    paths = [path for path, step, _ in walk(model) if "vocabulary_" in vars(step)]
    if len(paths) != 1:
        found = "no vectorizer with a vocabulary" if not paths else f"{len(paths)} vectorizers"
        raise ValueError(
            f"{type(model).__name__} contains {found}; expected exactly one. Pass the branch that "
            "reads the texts, and their column: model['modalities'].named_transformers_['text'], "
            "table['text']."
        )
    return input_of(model, paths[0], table)


def informative_words(model: Any, table: Table, y: Genres, *, n_words: int = 20) -> pd.DataFrame:
    """Compute which words and categories of the reviews are informative of each genre.

    The information gain of a word for a genre (section 7.5 of Oramas et al. 2018) is the
    mutual information of two binary variables of a text: whether it contains the word, and
    whether it is of the genre.

    Parameters
    ----------
    model : estimator
        A fitted `GenrePipeline`, whose text branch is found automatically, or that branch, or
        any fitted pipeline with a vectorizer that has a vocabulary. The words are those of
        the vocabulary; the steps before the vectorizer are applied to the texts.
    table : DataFrame, or column of texts, of n rows
        Input of `model`. Rows with a missing text are excluded.
    y : array-like of shape (n,), or indicator of shape (n, n_genres)
        Genres. Pass `model.predict(table)` to find words that are informative of the predictions.
    n_words : int or None, default=20
        Number of words per genre, highest information gain first. None: the whole vocabulary.

    Returns
    -------
    words : DataFrame
        One row per genre and word: genres in the order of their names or columns, words in
        descending order of information gain. Columns genre, word, kind ("word" or "category"),
        information_gain (in bits, in [0, 1]), share (share of the genre's texts that contain the
        word, in [0, 1]), share_of_others (the same for all other texts) and sign (1 if the word
        is more frequent in the genre than in the other texts, -1 if less frequent, else 0).

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ValueError
        If the model contains no vectorizer with a vocabulary, or several; if all texts are
        missing; if `y` and `table` differ in length.

    See Also
    --------
    InformativeWordsDisplay : Draw the words.
    sklearn.feature_selection.mutual_info_classif : Mutual information with a single-label
        target, over all its genres together, in nats.

    Notes
    -----
    For a genre g and a word w, with a = 1 if a text contains the word and b = 1 if it is of the
    genre, else 0:

    .. math:: IG(w, g) = \\sum_{a, b} P(w = a, g = b)
              \\log_2 \\frac{P(w = a, g = b)}{P(w = a) P(g = b)}

    The name of a genre is an informative word too. A word that occurs in few texts has a low
    information gain, even if all of them are of the genre.

    Examples
    --------
    >>> from skmmgenre.inspection import informative_words
    >>> from skmmgenre.text import ReviewVectorizer
    >>> texts = ["slow sax", "fast sax", "slow drums", "fast drums"]
    >>> genres = ["Jazz", "Jazz", "Rock", "Rock"]
    >>> vectorizer = ReviewVectorizer().fit(texts)
    >>> words = informative_words(vectorizer, texts, genres, n_words=1)
    >>> words[["genre", "word", "information_gain", "share", "sign"]]
      genre   word  information_gain  share  sign
    0  Jazz  drums               1.0    0.0    -1
    1  Rock  drums               1.0    1.0     1
    """
    if n_words is not None and n_words < 1:
        raise ValueError(f"n_words must be >= 1, or None for all words; got {n_words!r}.")
    texts, vectorizer = read_words(model, table)
    texts = as_cells(texts, noun="text")
    genres, member = _membership(y)
    if len(member) != len(texts):
        raise ValueError(
            f"y has {len(member)} rows, but the table has {len(texts)}. Pass the genre of each row."
        )
    there = np.array([not is_missing(text) for text in texts])
    if not there.any():
        raise ValueError(f"All {len(texts)} texts are missing, so no word is informative.")
    texts = [text for text, is_there in zip(texts, there, strict=True) if is_there]
    present = (vectorizer.transform(texts) != 0).astype(np.float64)
    member = member[there].astype(np.float64)
    words = np.asarray(vectorizer.get_feature_names_out(), dtype=object)
    kinds = np.array(["category" if is_category_word(word) else "word" for word in words])
    n_both = present.T @ member
    n_word = np.asarray(present.sum(axis=0)).ravel()
    parts = []
    for number, genre in enumerate(genres):
        lines = _gains(n_both[:, number], n_word, member[:, number].sum(), len(texts))
        lines = pd.DataFrame({"genre": genre, "word": words, "kind": kinds, **lines})
        # Ties are in alphabetical order.
        lines = lines.sort_values(["information_gain", "word"], ascending=[False, True])
        parts.append(lines.head(n_words or len(lines)))
    return pd.concat(parts, ignore_index=True)


def _membership(y):
    """Return the names of the genres, and an indicator of shape (n, n_genres)."""
    labels = read_labels(y)
    if labels.several:
        return labels.names, labels.values
    genres = np.unique(labels.values)
    return genres, labels.values[:, None] == genres


def _gains(n_both, n_word, n_genre, n):
    """Return the information gain of each word in bits, and the shares of texts with it."""
    # The four cells of the table of word by genre, each with the sums of its row and column.
    counts = [
        (n_both, n_word, n_genre),
        (n_word - n_both, n_word, n - n_genre),
        (n_genre - n_both, n - n_word, n_genre),
        (n - n_word - n_genre + n_both, n - n_word, n - n_genre),
    ]
    gain = np.zeros(len(n_word))
    for both, with_word, of_genre in counts:
        expected = with_word * of_genre / n
        # Empty cells add 0: the logarithm of 0 is replaced by that of 1.
        gain += xlogy(both, np.divide(both, expected, out=np.ones_like(both), where=both > 0))
    with np.errstate(invalid="ignore"):  # nan if no text is of the genre, or all are
        share, share_of_others = n_both / n_genre, (n_word - n_both) / (n - n_genre)
    return {
        # Rounding can make the gain of an uninformative word slightly negative.
        "information_gain": np.maximum(gain / (n * np.log(2)), 0.0),
        "share": share,
        "share_of_others": share_of_others,
        "sign": np.sign(np.nan_to_num(share - share_of_others)).astype(int),
    }


_COLORS = {"word": "tab:blue", "category": "tab:orange"}
_BAR_HEIGHT = 0.24  # inches
_BARS_WIDTH = 2.6
_LETTER_WIDTH = 0.075


class InformativeWordsDisplay:
    """Information gain of words and categories, one panel per genre.

    Use :meth:`from_estimator`, which computes the gains and draws them.

    Parameters
    ----------
    words : DataFrame
        Table of words, as returned by `informative_words`.

    Attributes
    ----------
    figure_ : matplotlib.figure.Figure or SubFigure
        The figure that contains the panels.
    axes_ : ndarray of matplotlib.axes.Axes, shape (n_genres,)
        The panels, in the order of the genres.

    See Also
    --------
    informative_words : Compute the table without drawing it.

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

    def __init__(self, words: pd.DataFrame):
        self.words = words

    @classmethod
    def from_estimator(
        cls,
        model: Any,
        table: Table,
        y: Genres,
        *,
        n_words: int = 10,
        genres: str | list[Any] | None = None,
        **plot_params: Any,
    ) -> Self:
        """Compute the informative words of each genre and draw them.

        Parameters
        ----------
        model : estimator
            A fitted pipeline with a vectorizer; see `informative_words`.
        table : DataFrame, or column of texts, of n rows
            Input of `model`.
        y : array-like of shape (n,), or indicator of shape (n, n_genres)
            Genres.
        n_words : int, default=10
            Number of words per genre.
        genres : str or list, default=None
            The genres to draw, in this order, or the name of a single genre. None: all genres.
        **plot_params : dict
            Parameters passed to :meth:`plot`.

        Returns
        -------
        display : InformativeWordsDisplay
            The drawn display.

        Raises
        ------
        ValueError
            If a genre does not occur in `y`, or if `informative_words` raises it.
        """
        words = informative_words(model, table, y, n_words=n_words)
        if genres is not None:
            genres = [genres] if isinstance(genres, str) else genres
            of_genre = dict(list(words.groupby("genre")))
            unknown = [genre for genre in genres if genre not in of_genre]
            if unknown:
                raise ValueError(f"Unknown genres {unknown}; the genres of y are {list(of_genre)}.")
            words = pd.concat([of_genre[genre] for genre in genres], ignore_index=True)
        return cls(words).plot(**plot_params)

    def plot(self, *, figure: "Figure | SubFigure | None" = None, n_cols: int = 3) -> Self:
        """Draw one panel per genre.

        Words that are more frequent in the genre than in other texts have filled bars, words that
        are less frequent have hollow bars. Characters that matplotlib's font lacks are drawn as
        boxes; choose a font that includes them, for example
        ``pyplot.rcParams["font.family"] = ["Noto Sans CJK JP"]``.

        Parameters
        ----------
        figure : matplotlib.figure.Figure or SubFigure, default=None
            Figure to draw in. None creates one with pyplot.
        n_cols : int, default=3
            Maximum number of panels per row.

        Returns
        -------
        display : InformativeWordsDisplay
            The display itself, with `figure_` and `axes_` set.
        """
        genres = list(self.words.groupby("genre", sort=False))
        most = max(len(lines) for _, lines in genres)
        longest = max(map(len, map(label_of_word, self.words["word"], self.words["kind"])))
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
            panel.set_yticks(range(len(lines)), map(label_of_word, lines["word"], lines["kind"]))
            panel.invert_yaxis()
            panel.set(title=str(genre), xlabel="information gain (bits)")
        self.figure_.legend(
            handles=_legend(self.words), loc="outside upper left", ncols=3, fontsize="small"
        )
        return self


def label_of_word(word, kind):
    return readable_category(word) if kind == "category" else word


def _legend(words):
    from matplotlib.patches import Patch

    handles = [
        Patch(color=_COLORS[kind], label=kind) for kind in _COLORS if kind in set(words["kind"])
    ]
    if (words["sign"] < 0).any():
        handles.append(Patch(facecolor="none", edgecolor="grey", label="rarer in the genre"))
    return handles
