"""Which words tell a genre."""

import numpy as np
import pandas as pd
from scipy.special import xlogy

from ..text._category_words import is_category_word
from ..utils import as_cells, is_missing, read_labels
from ._text_road import read_words


def informative_words(model, table, y, *, n_words=20):
    """Tell which words and categories of the reviews are informative of each genre.

    The information gain of a word for a genre (section 7.5 of Oramas et al. 2018) is the
    mutual information of two facts about a text: that it has the word, and that it is of the
    genre.

    Parameters
    ----------
    model : estimator
        A fitted `GenrePipeline` whose text branch is found by itself, or the branch alone, or
        any fitted pipeline with a vectorizer that has a vocabulary. The words are those of
        the vocabulary; the steps before the vectorizer are applied to the texts.
    table : DataFrame, or column of texts, of n rows
        What `model` takes. Rows whose text is missing are left out.
    y : array-like of shape (n,), or indicator of shape (n, n_genres)
        Genres. Pass `model.predict(table)` to ask what tells the model's own answers.
    n_words : int or None, default=20
        Words of each genre, those of most information; None for the whole vocabulary.

    Returns
    -------
    words : DataFrame
        Genres in the order of their names or columns, and of each the words in order of their
        information: genre, word, kind ("word" or "category"), information_gain (bits, in
        [0, 1]), share (of the genre's texts that have the word, in [0, 1]), share_of_others
        (the same of all other texts), sign (1 where the genre has the word more often than
        the others, -1 where less often, else 0).

    Raises
    ------
    NotFittedError
        If the model is not fitted.
    ValueError
        If it holds no vectorizer with a vocabulary, or several; if there is no text; if y does
        not fit the table.

    See Also
    --------
    InformativeWordsDisplay : Draws the words.
    sklearn.feature_selection.mutual_info_classif : The same for all genres of a column at
        once, in nats.

    Notes
    -----
    For a genre g and a word w, each of which a text has or has not:

    .. math:: IG(w, g) = \\sum_{a, b} P(w = a, g = b)
              \\log_2 \\frac{P(w = a, g = b)}{P(w = a) P(g = b)}

    A word of a genre's own name is informative too, and one that few texts have is not,
    however sure it is.

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
        raise ValueError(f"n_words must be 1 or above, or None for all; got {n_words!r}.")
    texts, vectorizer = read_words(model, table)
    texts = as_cells(texts, noun="text")
    genres, member = _membership(y)
    if len(member) != len(texts):
        raise ValueError(
            f"y has {len(member)} rows, the table has {len(texts)}. Pass the genre of each row."
        )
    there = np.array([not is_missing(text) for text in texts])
    if not there.any():
        raise ValueError(f"All {len(texts)} texts are missing, so no word tells anything.")
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
        # Words in alphabetical order where they tell as much.
        lines = lines.sort_values(["information_gain", "word"], ascending=[False, True])
        parts.append(lines.head(n_words or len(lines)))
    return pd.concat(parts, ignore_index=True)


def _membership(y):
    """Names of the genres, and which rows are of each: (n, n_genres)."""
    labels = read_labels(y)
    if labels.several:
        return labels.names, labels.values
    genres = np.unique(labels.values)
    return genres, labels.values[:, None] == genres


def _gains(n_both, n_word, n_genre, n):
    """Information of each word in bits, and the shares of texts that have it."""
    counts = [
        (n_both, n_word, n_genre),
        (n_word - n_both, n_word, n - n_genre),
        (n_genre - n_both, n - n_word, n_genre),
        (n - n_word - n_genre + n_both, n - n_word, n - n_genre),
    ]
    gain = np.zeros(len(n_word))
    for both, with_word, of_genre in counts:
        expected = with_word * of_genre / n
        gain += xlogy(both, np.divide(both, expected, out=np.ones_like(both), where=both > 0))
    with np.errstate(invalid="ignore"):  # no text is of the genre, or every one: nan
        share, share_of_others = n_both / n_genre, (n_word - n_both) / (n - n_genre)
    return {
        # Rounding may leave a word that tells nothing a hair below 0.
        "information_gain": np.maximum(gain / (n * np.log(2)), 0.0),
        "share": share,
        "share_of_others": share_of_others,
        "sign": np.sign(np.nan_to_num(share - share_of_others)).astype(int),
    }
