"""Join the reviews of an item into one text of limited length."""

import functools
import unicodedata
from numbers import Integral

import numpy as np
from sklearn.utils._param_validation import Interval

from .._typing import Column, ObjectArray, OnError
from ..utils import BadType, is_missing
from ._entities._segmentation import is_unspaced, sentence_ends
from ._text_column import TextColumnTransformer, as_column

_SEPARATOR = "\n"
# Characters read beyond the limit, to see whether the last sentence ends at the limit.
_LOOK_AHEAD = 100


class ReviewTruncator(TextColumnTransformer, auto_wrap_output_keys=None):
    """Join the reviews of an item and truncate them at the end of a sentence.

    Reviews are joined in order, one per line. If the text is longer than `max_chars`, the
    sentence that crosses the limit and everything after it are dropped (section 7.3.2 of Oramas
    et al. 2018). The end of a review ends a sentence. If the first sentence alone is too long, it
    is cut at the end of a word; if the first word alone is too long, it is cut within the word.
    Scripts without spaces between words (Chinese, Japanese, Thai) are cut after any character.
    The transformer is stateless, so calling `fit` is optional.

    Parameters
    ----------
    max_chars : int, default=1500
        Maximum number of characters (Unicode code points) of a text.
    on_error : {"raise", "missing"}, default="raise"
        What to do with a cell that is not text. "raise" raises an error that names its row;
        "missing" treats the cell as missing and lists it in `errors_`.
    n_jobs : int or None, default=None
        Number of joblib workers.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    errors_ : DataFrame
        One row per cell that the last `transform` treated as missing because of
        ``on_error="missing"``, with the columns row, item, reason and remedy.

    See Also
    --------
    ReviewVectorizer : Convert the texts to word weights.

    Notes
    -----
    Sentences are found by spaCy's rule-based sentencizer, which needs no model. It treats an
    abbreviation with a period ("Dr.") as the end of a sentence.

    Examples
    --------
    >>> from skmmgenre.text import ReviewTruncator
    >>> reviews = ["A fine record. Calm and warm.", "The best of the year! I keep playing it."]
    >>> ReviewTruncator(max_chars=60).transform([reviews, None, "Loud."]).tolist()
    ['A fine record. Calm and warm.\\nThe best of the year!', '', 'Loud.']
    """

    _parameter_constraints: dict = {
        **TextColumnTransformer._parameter_constraints,
        "max_chars": [Interval(Integral, 1, None, closed="left")],
    }

    def __init__(
        self,
        *,
        max_chars: int = 1500,
        on_error: OnError = "raise",
        n_jobs: int | None = None,
        verbose: int = 0,
    ):
        self.max_chars = max_chars
        self.on_error = on_error
        self.n_jobs = n_jobs
        self.verbose = verbose

    def transform(self, X: Column) -> ObjectArray:
        """Join and truncate the reviews of each row.

        Parameters
        ----------
        X : Series, list, array, or DataFrame of one column
            A cell is a text or a list of texts in chronological order; None, NaN and "" are
            missing.

        Returns
        -------
        texts : ndarray of object, shape (n,)
            A str of at most `max_chars` characters; "" where the cell is missing or blank.

        Raises
        ------
        BadItem
            If a cell is neither a str nor a list of str and ``on_error="raise"``.
        """
        self._validate_params()
        truncate = functools.partial(_truncate, max_chars=self.max_chars)
        return as_column(self._map(truncate, X, description="reviews"))


def _truncate(cell, *, max_chars):
    """Return the truncated text of a cell, or None if it is blank."""
    reviews = list(cell) if isinstance(cell, (list, tuple, np.ndarray)) else [cell]
    for review in reviews:
        if not isinstance(review, str) and not is_missing(review):
            raise BadType(
                f"expected a text, got {type(review).__name__}",
                "Pass a str, or a list of str in chronological order.",
            )
    reviews = [text for review in reviews if not is_missing(review) and (text := review.strip())]
    if not reviews:
        return None
    text = _SEPARATOR.join(reviews)
    if len(text) <= max_chars:
        return text
    end = 0  # end of the last whole review
    for review in reviews:
        start = end + len(_SEPARATOR) if end else 0
        if start + len(review) > max_chars:
            break
        end = start + len(review)
    # `review` is now the one that crosses the limit. Only the part of it that can fit is split,
    # however long the review is.
    part = review[: max(max_chars - start, 0) + _LOOK_AHEAD]
    # The last sentence of the part crosses the limit, or its end is not in the part.
    whole = [start + stop for stop in sentence_ends(part)[:-1] if start + stop <= max_chars]
    if whole:
        end = whole[-1]
    return text[:end].rstrip() if end else _cut_at_word(text, max_chars)


def _cut_at_word(text, max_chars):
    end = max_chars
    blank = next((place for place in range(end, 0, -1) if text[place].isspace()), None)
    if not is_unspaced(text[end]):
        end = blank or end
    elif blank and end - blank < _LOOK_AHEAD:
        end = blank  # here a blank separates phrases, not only words
    else:  # no word boundaries: cut anywhere, but not before a combining mark
        while end > 1 and unicodedata.category(text[end])[0] == "M":
            end -= 1
    return text[:end].rstrip()
