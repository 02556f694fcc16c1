"""Scripts that put no space between words: Chinese, Japanese, Thai and their like."""

import re

from ._category_words import CATEGORY_PREFIX

# Letters and the marks on them, as a class of a regular expression without its brackets: Thai,
# Lao, Burmese, Khmer; kana, Chinese characters, Bopomofo, Yi; half-width kana; rare characters.
UNSPACED = (
    "\u0e01-\u0e3a\u0e40-\u0e4e\u0e81-\u0ebd\u0ec0-\u0ece\u0edc-\u0edf"
    "\u1000-\u103f\u1050-\u108f\u1780-\u17d3\u17dd"
    "\u3005-\u3007\u3041-\u3096\u3099-\u309f\u30a1-\u30fa\u30fc-\u30ff\u3105-\u312f\u31a0-\u31bf"
    "\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua000-\ua48c\uf900-\ufaff\uff66-\uff9f"
    "\U00020000-\U000323af"
)
_RUN = re.compile(f"[{UNSPACED}]+")
_OTHER_LETTER = re.compile(rf"[^\W\d_{UNSPACED}]")
_CATEGORY = re.compile(rf"\b{CATEGORY_PREFIX}\w+")
# A category, a run of a script without spaces, or a word of two or more other characters.
_PART = re.compile(rf"\b{CATEGORY_PREFIX}\w+|[{UNSPACED}]+|[^\W{UNSPACED}]{{2,}}")


def is_unspaced(char):
    """Whether a character belongs to a script without spaces."""
    return _RUN.match(char) is not None


def is_mostly_unspaced(text):
    """Whether more than half of the letters of a text are of a script without spaces.

    So a review in English that names a Chinese band is not, and categories do not count.
    """
    if text.isascii() or not _RUN.search(text):
        return False
    text = _CATEGORY.sub("", text)
    return sum(map(len, _RUN.findall(text))) > len(_OTHER_LETTER.findall(text))


def words_and_ngrams(text, shortest, longest):
    """Words and categories as they are, of runs without spaces their n-grams of characters."""
    for part in _PART.findall(text):
        if not is_unspaced(part[0]):
            yield part
            continue
        for n in range(shortest, longest + 1):
            for start in range(len(part) - n + 1):
                yield part[start : start + n]
