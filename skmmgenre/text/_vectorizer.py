"""Convert texts to word weights."""

import functools
import warnings
from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, Self

import numpy as np
import numpy.typing as npt
from scipy import sparse
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.utils._param_validation import StrOptions

from .._typing import Column
from ..utils import (
    NoContainer,
    as_cells,
    describe_cell,
    first_few,
    is_missing,
    without_stop_words_id,
)
from ._entities._segmentation import is_mostly_unspaced, words_and_ngrams


class ReviewVectorizer(NoContainer, TfidfVectorizer):
    """tf-idf vectorizer with the settings of the paper's authors and support for missing texts.

    A missing text (None, NaN or "") becomes a row of zeros and does not count in the document
    frequencies. Otherwise this is scikit-learn's TfidfVectorizer with keyword-only parameters,
    without those for reading files and bytes.

    Parameters
    ----------
    sublinear_tf : bool, default=True
        Replace the count of a word by 1 + log(count).
    max_df : float or int, default=0.5
        Ignore words that occur in more than this fraction (float) or number (int) of the texts.
    max_features : int or None, default=10000
        Keep only this many words, the most frequent ones.
    min_df : float or int, default=1
        Ignore words that occur in less than this fraction (float) or number (int) of the texts.
    strip_accents : {"ascii", "unicode"}, callable or None, default=None
        Remove accents from letters; None keeps them.
    lowercase : bool, default=True
        Convert letters to lower case first.
    preprocessor : callable or None, default=None
        Function that takes a text and returns the text to split, in place of `strip_accents` and
        `lowercase`.
    tokenizer : callable or None, default=None
        Function that takes a text and returns its words, in place of `token_pattern`.
    analyzer : {"word", "char", "char_wb", "mixed"} or callable, default="word"
        "mixed" is for scripts without spaces between words, such as Chinese, Japanese and Thai:
        it takes the character n-grams of `ngram_range` from their runs of characters and single
        words from the rest of the text. With "word" such a run is one word, and a warning is
        issued. All other values are those of scikit-learn; "char" and "char_wb" break up the
        words that `EntityEnricher` appends for categories.
    stop_words : {"english"}, list of str or None, default=None
        Words to ignore; with None, words are excluded by `max_df` only.
    token_pattern : str or None
        Regular expression of a word; by default two or more letters or digits. None requires a
        `tokenizer`.
    ngram_range : (int, int), default=(1, 1)
        Shortest and longest n-gram, of words if `analyzer` is "word", otherwise of characters.
    vocabulary : dict of str to int, iterable of str, or None, default=None
        Words to count; None uses the words of the texts passed to `fit`.
    binary : bool, default=False
        Count each word once per text.
    norm : {"l1", "l2"} or None, default="l2"
        Divide each row by this norm; None does not normalize.
    use_idf : bool, default=True
        Multiply by the inverse document frequencies; False weights all words equally.
    smooth_idf : bool, default=True
        Add one to all document frequencies, so that none is zero.
    dtype : dtype, default=numpy.float32
        Data type of the weights.

    Attributes
    ----------
    vocabulary_ : dict of str to int
        Column index of each word.
    idf_ : ndarray of shape (n_words,)
        Inverse document frequencies.

    See Also
    --------
    ReviewTruncator : Join and truncate the reviews first.
    TextMLP : Network that is trained on the weights; treats a row of zeros as missing.

    Examples
    --------
    >>> from skmmgenre.text import ReviewVectorizer
    >>> texts = ["calm piano music", None, "loud guitar music", "calm guitar record"]
    >>> weights = ReviewVectorizer(max_df=1.0).fit_transform(texts)
    >>> weights.shape, weights[[1]].nnz
    ((4, 6), 0)

    Texts without spaces between words:

    >>> mixed = ReviewVectorizer(max_df=1.0, analyzer="mixed", ngram_range=(1, 2))
    >>> mixed.fit(["\u597d\u6b4c Queen"]).get_feature_names_out().tolist()
    ['queen', '\u597d', '\u597d\u6b4c', '\u6b4c']
    """

    _parameter_constraints: dict = {
        **TfidfVectorizer._parameter_constraints,
        "analyzer": [StrOptions({"word", "char", "char_wb", "mixed"}), callable],
    }

    def __init__(
        self,
        *,
        sublinear_tf: bool = True,
        max_df: float = 0.5,
        max_features: int | None = 10000,
        min_df: float = 1,
        strip_accents: Literal["ascii", "unicode"] | Callable[[str], str] | None = None,
        lowercase: bool = True,
        preprocessor: Callable[[str], str] | None = None,
        tokenizer: Callable[[str], list[str]] | None = None,
        analyzer: Literal["word", "char", "char_wb", "mixed"]
        | Callable[[str], Iterable[str]] = "word",
        stop_words: Literal["english"] | list[str] | None = None,
        token_pattern: str | None = r"(?u)\b\w\w+\b",
        ngram_range: tuple[int, int] = (1, 1),
        vocabulary: Mapping[str, int] | Iterable[str] | None = None,
        binary: bool = False,
        norm: Literal["l1", "l2"] | None = "l2",
        use_idf: bool = True,
        smooth_idf: bool = True,
        dtype: npt.DTypeLike = np.float32,
    ):
        super().__init__(
            sublinear_tf=sublinear_tf,
            max_df=max_df,
            max_features=max_features,
            min_df=min_df,
            strip_accents=strip_accents,
            lowercase=lowercase,
            preprocessor=preprocessor,
            tokenizer=tokenizer,
            analyzer=analyzer,
            stop_words=stop_words,
            token_pattern=token_pattern,
            ngram_range=ngram_range,
            vocabulary=vocabulary,
            binary=binary,
            norm=norm,
            use_idf=use_idf,
            smooth_idf=smooth_idf,
            dtype=dtype,
        )

    def fit(self, raw_documents: Column, y: Any = None) -> Self:
        """Learn the words and their document frequencies.

        Parameters
        ----------
        raw_documents : Series, list, array, or DataFrame of one column
            Texts; None, NaN and "" are missing.
        y : None
            Not used.

        Returns
        -------
        self : ReviewVectorizer
            The fitted vectorizer.

        Raises
        ------
        ValueError
            If a cell is not text, all texts are missing, or no word remains.
        """
        self._learn(raw_documents)
        return self

    def fit_transform(self, raw_documents: Column, y: Any = None) -> sparse.csr_matrix:
        """Learn the words and return the word weights of each text.

        Parameters
        ----------
        raw_documents : Series, list, array, or DataFrame of one column
            Texts; None, NaN and "" are missing.
        y : None
            Not used.

        Returns
        -------
        weights : csr_matrix of shape (n, n_words)
            A row of zeros where the text is missing.

        Raises
        ------
        ValueError
            If a cell is not text, all texts are missing, or no word remains.
        """
        return self._learn(raw_documents)

    def _learn(self, raw_documents):
        texts, there = _split_missing(raw_documents)
        if not texts:
            raise ValueError(
                f"All {len(there)} texts are missing, so there are no words to learn. Drop the "
                "text column, or check that the right one was passed."
            )
        self._warn_of_unspaced(texts, np.flatnonzero(there))
        try:
            weights = super().fit_transform(texts)
        except ValueError as error:
            if not any(
                words in str(error)
                for words in ("no terms remain", "max_df corresponds", "empty vocabulary")
            ):
                raise
            raise ValueError(
                f"No words remain in the {len(texts)} texts with max_df={self.max_df} and "
                f"min_df={self.min_df} ({error}). With few texts, most words occur in more than "
                "max_df or fewer than min_df of them: pass max_df=1.0 and min_df=1, or more texts."
            ) from error
        # Pruning leaves numpy integers, which make a saved file three times as large.
        self.vocabulary_ = {word: int(column) for word, column in self.vocabulary_.items()}
        return _spread(weights, there)

    def transform(self, raw_documents: Column) -> sparse.csr_matrix:
        """Return the word weights of each text.

        Parameters
        ----------
        raw_documents : Series, list, array, or DataFrame of one column
            Texts; None, NaN and "" are missing.

        Returns
        -------
        weights : csr_matrix of shape (n, n_words)
            A row of zeros where the text is missing or none of its words is known.

        Raises
        ------
        ValueError
            If a cell is not text.
        """
        texts, there = _split_missing(raw_documents)
        # scikit-learn rejects input without rows, so an empty text is passed instead.
        weights = super().transform(texts or [""])
        return _spread(weights if texts else weights[:0], there)

    def build_analyzer(self) -> Callable[[str], list[str]]:
        """Return the function that splits a text into words.

        Returns
        -------
        analyzer : callable
            Function that takes a str and returns a list of str.
        """
        if self.analyzer != "mixed":
            return super().build_analyzer()
        shortest, longest = self.ngram_range
        return functools.partial(
            _analyze_mixed, self.build_preprocessor(), shortest=shortest, longest=longest
        )

    def _warn_of_unspaced(self, texts, rows):
        if self.analyzer != "word" or self.tokenizer is not None:
            return
        rows = [row for row, text in zip(rows, texts, strict=True) if is_mostly_unspaced(text)]
        if rows:
            warnings.warn(
                f"{len(rows)} of {len(texts)} texts ({len(rows) / len(texts):.0%}) are in a script "
                "without spaces between words (such as Chinese, Japanese or Thai): row"
                f"{'s' * (len(rows) > 1)} {first_few(rows, 5)}. A whole run of characters counts "
                "as one word, so these texts have hardly any words in common. Pass "
                "analyzer='mixed', ngram_range=(1, 2) to use character n-grams, or a tokenizer "
                "for the language.",
                UserWarning,
                stacklevel=4,
            )

    def __getstate__(self):
        return without_stop_words_id(super().__getstate__())

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.one_d_array = True
        tags.input_tags.allow_nan = True
        return tags


def _analyze_mixed(preprocess, text, *, shortest, longest):
    return list(words_and_ngrams(preprocess(text), shortest, longest))


def _split_missing(X):
    """Return the texts that are not missing, and a boolean mask of their rows."""
    cells = as_cells(X, noun="text")
    there = np.array([not is_missing(cell) for cell in cells])
    for row in np.flatnonzero(there):
        if not isinstance(cells[row], str):
            raise ValueError(
                f"Expected a text in row {row}, got {describe_cell(cells[row])}. To join lists "
                "of reviews, apply ReviewTruncator first."
            )
    return [cell for cell, is_there in zip(cells, there, strict=True) if is_there], there


def _spread(weights, there):
    """Insert rows of zeros for the missing texts."""
    # Only the row pointers change: a missing row has length 0.
    lengths = np.zeros(len(there), dtype=weights.indptr.dtype)
    lengths[there] = np.diff(weights.indptr)
    indptr = np.concatenate([[0], np.cumsum(lengths)]).astype(weights.indptr.dtype)
    shape = (len(there), weights.shape[1])
    return sparse.csr_matrix((weights.data, weights.indices, indptr), shape=shape)
