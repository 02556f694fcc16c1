"""Find the names of a knowledge base in a text, and the doubt that they are used as names."""

from typing import NamedTuple

from ._form_key import HARD, START, count_words, stream_of

# Doubt: the weight of "none of these entities" compared with their priors, which add up to 1. The
# values were chosen on album abstracts that are not in the test set for precision.
_COMMON = 0.5  # all words are common, but one has a capital that is not due to a sentence start
_SMALL_WORD, _SMALL_WORDS = 1.0, 0.25  # no capital, in a name of one word and of several words
_GOES_ON = 1.0  # a capital or number follows: part of a longer name
_GOES_ON_LATER = 0.5  # a common word, then a short word and a capital: "Off the Wall"
_BEGINS_BEFORE = 0.75  # one word or common words, and a capital precedes
_QUOTED, _COMMON_QUOTED = 0.5, 1.0  # more often the title of a song than a name

_SHORT = 3
_QUOTES = frozenset("\"'“”‘’„«»「」『』")


class Span(NamedTuple):
    """Words ``first`` to ``last`` (exclusive) that match the form with the number ``form``."""

    first: int
    last: int
    form: int
    doubt: float


def find_spans(text, words, forms, most_words, common):
    """Find the longest names from left to right, except those that are just common words.

    Parameters
    ----------
    text : str
    words : Words
        Words of the text.
    forms : BinaryTrie
        Keys of all names.
    most_words : int
        Number of words of the longest name.
    common : frozenset of bytes
        Keys of common words.

    Returns
    -------
    spans : list of Span
        In order; none overlaps another.
    """
    stream, offsets = stream_of(words)
    starts, n_words = words.starts, len(words.keys)
    is_shouted = text.isupper()
    spans = []
    first = 0
    while first < n_words:
        reach = stream[offsets[first] : offsets[min(first + most_words, n_words)]]
        # A key is a series of words, so the names that begin here are prefixes of the rest of the
        # text. The longest comes last.
        found = forms.prefixes(reach)
        next_first = first + 1
        if found and found[0] in common and not text[starts[first]].isupper():
            del found[0]  # a single common word in lower case, by far the most frequent case
        for key in reversed(found):
            last = first + count_words(key)
            doubt = _doubt(text, words, first, last, common, is_shouted)
            if doubt is not None:
                spans.append(Span(first, last, forms[key], doubt))
                next_first = last
                break
        first = next_first
    return spans


def _doubt(text, words, first, last, common, is_shouted):
    """Return the doubt about a name from the way it is written; None if it cannot be a name."""
    start, end = words.starts[first], words.ends[last - 1]
    is_single = last == first + 1
    is_common = _are_common(words.keys[first:last], common)
    is_small = text[start:end].islower()
    if is_common and (is_small or is_shouted or not _has_telling_capital(text, words, first, last)):
        return None
    before, behind = text[start - 1 : start], text[end : end + 1]
    if before == "&" or behind == "&" or behind == "." and _is_abbreviated(words, last):
        return None  # "R&B" and "M.I.U." are one word each
    doubt = 0.0
    if is_common:
        doubt += _COMMON
    elif is_small:
        doubt += _SMALL_WORD if is_single else _SMALL_WORDS
    is_opened, is_closed = before in _QUOTES, behind in _QUOTES
    if is_common:  # a quote at either end: part of a longer title
        # An apostrophe behind a name is more often a possessive than a quote.
        if is_opened or is_closed and behind not in "'’":
            doubt += _COMMON_QUOTED
    elif is_opened and is_closed:
        doubt += _QUOTED
    if _is_capital(text, words, last, last):
        doubt += _GOES_ON
    elif is_common and is_single and _is_short(words, last):
        if _is_capital(text, words, last + 1, last + 1):
            doubt += _GOES_ON_LATER
    if (is_single or is_common) and _begins_before(text, words, first):
        doubt += _BEGINS_BEFORE
    return doubt


def _is_abbreviated(words, last):
    """Return whether an abbreviation of single letters and periods continues at word `last`."""
    ends, starts = words.ends, words.starts
    return (
        last < len(starts)
        and starts[last] == ends[last - 1] + 1
        and ends[last] - starts[last] == ends[last - 1] - starts[last - 1] == 1
    )


def _are_common(keys, common):
    """Return whether all words are common, numbers or single letters.

    A name that consists of a single non-ASCII character counts too.
    """
    if common.issuperset(keys):
        return True
    words = [key[:-1] for key in keys if key not in common]
    return all(
        len(word) == 1
        or word.rstrip(b"s").isdigit()
        or len(keys) == 1
        and len(word) < 5
        and len(word.decode()) == 1
        for word in words
    )


def _has_telling_capital(text, words, first, last):
    """Return whether common words have a capital that is not due to the start of a sentence.

    In a name of several words, short ones may be in lower case ("Made in Japan"), longer ones
    must not.
    """
    is_telling = False
    for word in range(first, last):
        if text[words.starts[word]].isupper():
            is_telling |= word > first or not words.gaps[word] & START
        elif last == first + 1 or _length(words, word) > _SHORT:
            return False
    return is_telling


def _begins_before(text, words, first):
    """Return whether a capital precedes, with at most one short word between: "Brick in"."""
    word = first - 1
    if word > 0 and not words.gaps[first] & HARD and 1 < _length(words, word) <= _SHORT:
        word -= not text[words.starts[word]].isupper()
    return (
        word >= 0
        and not (words.gaps[word + 1] or words.gaps[first])
        and text[words.starts[word]].isupper()
    )


def _length(words, word):
    return words.ends[word] - words.starts[word]


def _is_capital(text, words, word, gap):
    """Return whether a word begins with a digit or capital, with no stop in the gap before `gap`.

    A period after an abbreviation may end a sentence ("R.E.M. It"), but not before a digit
    ("No. 1").
    """
    if not 0 <= word < len(words.keys) or words.gaps[gap] & HARD:
        return False
    first = text[words.starts[word]]
    return first.isdigit() or first.isupper() and not words.gaps[gap] & START


def _is_short(words, word):
    return (
        0 <= word < len(words.keys)
        and _length(words, word) <= _SHORT
        and not words.gaps[word] & HARD
    )
