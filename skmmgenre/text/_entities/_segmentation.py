"""Pieces of texts: sentences, parts of long texts, and what counts as a word.

Scripts that put no space between words (Chinese, Japanese, Thai and their like) are told apart.
Categories become words that a vectorizer leaves whole.
"""

import re
import threading
import unicodedata

CATEGORY_PREFIX = "cat_"

_BETWEEN = re.compile(r"[\W_]+")
_NO_SPACE = re.compile(r"\S")
_HALVES = re.compile("[\ud800-\udfff]")  # of surrogate pairs


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


# Marks that end sentences, and what may close one behind them, in scripts without spaces:
# there spaCy takes all up to the next space as one token, unless it is told to part it here.
_MARKS_WITHOUT_SPACES = "[。｡！？」』”）】》〉។။]"

_own = threading.local()


def sentence_ends(text):
    """Positions behind the sentences of `text`, in order, the last one its end.

    Sentences end at punctuation, as spaCy's rule-based splitter sees it for any language.
    """
    nlp = getattr(_own, "nlp", None)
    if nlp is None:
        # One a thread: memory zones, which free the words of a text again, cannot be nested.
        nlp = _own.nlp = _make_splitter()
    text = _HALVES.sub("\ufffd", text)  # spaCy refuses half an emoji, as scraped texts hold
    with nlp.memory_zone():
        return [sentence.end_char for sentence in nlp(text).sents]


def _make_splitter():
    import spacy
    from spacy.util import compile_infix_regex

    nlp = spacy.blank("xx")
    infixes = compile_infix_regex([*nlp.Defaults.infixes, _MARKS_WITHOUT_SPACES])
    nlp.tokenizer.infix_finditer = infixes.finditer
    nlp.add_pipe("sentencizer")
    nlp.max_length = float("inf")
    return nlp


# Characters in which the end of a sentence is looked for at a time, from the limit backwards:
# spaCy needs the square of the length for a run of marks without a space.
_BLOCK = 400
# Characters read behind a block, to see whether its last sentence ends there.
_LOOK_AHEAD = 100


def split_text(text, max_chars):
    """Split a text behind sentences into parts of at most `max_chars` characters.

    A sentence that is too long is split behind a word, and a word that is too long within.

    Returns
    -------
    parts : list of (int, str)
        Where each part starts, and the part, without whitespace at its ends. Together they
        hold all of the text but whitespace.
    """
    parts, end = [], 0
    # Whitespace is skipped first, for it would take room from a word that fits.
    while found := _NO_SPACE.search(text, end):
        start = found.start()
        end = _part_end(text, start, max_chars)
        parts.append((start, text[start:end].rstrip()))
    return parts


def _part_end(text, start, max_chars):
    if len(text) - start <= max_chars:
        return len(text)
    for stop in range(start + max_chars, start, -_BLOCK):
        first = max(stop - _BLOCK, start)
        # The last sentence goes on behind the block, or its end is not seen.
        ends = [first + end for end in sentence_ends(text[first : stop + _LOOK_AHEAD])[:-1]]
        whole = [end for end in ends if end <= stop]
        if whole:
            return whole[-1]
    words = [end for end in range(1, max_chars + 1) if text[start + end].isspace()]
    return start + (words[-1] if words else max_chars)
