"""Categories as words, such that a vectorizer leaves each of them whole."""

import re
import unicodedata

CATEGORY_PREFIX = "cat_"

_BETWEEN = re.compile(r"[\W_]+")


def category_word(category):
    """Return the word that stands for a category in an enriched text.

    "English pop singers" is ``cat_english_pop_singers``: letters and digits of any script in
    lower case, with one underscore for blanks and punctuation between them. So it is one token
    of TfidfVectorizer's default pattern, and its lower-casing and stripping of accents leave
    it one.

    Categories that differ in case, in punctuation or in forms that Unicode holds equal
    (NFKC) are one word. Nothing else makes two of them one: symbols, and marks that no letter
    takes in (vowel signs of Hindi), are told by their code points, and so is punctuation where
    there is nothing else.

    Parameters
    ----------
    category : str
        With spaces or with underscores.

    Returns
    -------
    word : str
    """
    plain = unicodedata.normalize("NFKC", category).lower().replace("i\u0307", "i")  # of "İ"
    plain = unicodedata.normalize("NFKC", plain)
    words = "".join(
        _told(char) if unicodedata.category(char)[0] in "MS" else char for char in plain
    )
    words = _BETWEEN.sub("_", words).strip("_")
    return CATEGORY_PREFIX + (words or "".join(map(_told, plain.strip(" _"))))


def is_category_word(word):
    """Whether a word of a vocabulary stands for a category."""
    return word.startswith(CATEGORY_PREFIX)


def readable_category(word):
    """Return the words of a category for people to read: "english pop singers"."""
    return word.removeprefix(CATEGORY_PREFIX).replace("_", " ")


def _told(char):
    return f"u{ord(char):x}"
