"""Words so common that their being written says little about a name."""

import functools
import gzip
import json
from importlib.resources import files
from typing import NamedTuple

from ._form_key import split_words

# Beyond these the lists hold more names than common words; the first are those of grammar.
_MOST_COMMON, _MOST_FREQUENT = 10_000, 200


class CommonWords(NamedTuple):
    """Keys of the common words of a language, and of the most frequent, its grammar."""

    common: frozenset
    frequent: frozenset


@functools.cache
def common_words_of(language):
    """The common words of a language, by the frequencies that pyspellchecker brings."""
    folder = files("spellchecker") / "resources"
    file = folder / f"{language}.json.gz"
    if not file.is_file():
        known = sorted(path.name.partition(".")[0] for path in folder.iterdir())
        raise ValueError(
            f"There is no list of common words for common_words={language!r}. Pass one of {known}, "
            "a list of words, or None."
        )
    counts = json.loads(gzip.decompress(file.read_bytes()))
    words = sorted(counts, key=counts.get, reverse=True)
    return CommonWords(keys_of(words[:_MOST_COMMON]), keys_of(words[:_MOST_FREQUENT]))


def keys_of(words):
    """Keys of words as they are in texts; of "don't" both parts."""
    return frozenset(key for word in words for key in split_words(word).keys)
