"""Split texts into sentences, parts of limited length and words.

Scripts without spaces between words (Chinese, Japanese, Thai and similar) are detected. Categories
become words that a vectorizer does not split.
"""

import re
import threading
import unicodedata

CATEGORY_PREFIX = "cat_"

_BETWEEN = re.compile(r"[\W_]+")
_NO_SPACE = re.compile(r"\S")
_HALVES = re.compile("[\ud800-\udfff]")  # of surrogate pairs


def category_word(category):
    """Return the word that represents a category in an enriched text.

    "English pop singers" becomes ``cat_english_pop_singers``: the letters and digits of any script
    in lower case, with one underscore in place of blanks and punctuation between them. The word is
    a single token for the default pattern of TfidfVectorizer, and remains one after lowercasing
    and stripping accents.

    Categories that differ only in case, in punctuation or in forms that are equivalent in Unicode
    (NFKC) give the same word. All others give different words: symbols, and marks that do not
    combine with a letter (such as vowel signs of Hindi), are replaced by their code points, and so
    is punctuation in a name that contains nothing else.

    Parameters
    ----------
    category : str
        Name of the category, with spaces or underscores.

    Returns
    -------
    word : str
    """
    plain = unicodedata.normalize("NFKC", category).lower().replace("i\u0307", "i")  # of "İ"
    plain = unicodedata.normalize("NFKC", plain)
    words = "".join(
        _code_point(char) if unicodedata.category(char)[0] in "MS" else char for char in plain
    )
    words = _BETWEEN.sub("_", words).strip("_")
    return CATEGORY_PREFIX + (words or "".join(map(_code_point, plain.strip(" _"))))


def is_category_word(word):
    """Return whether a word of a vocabulary represents a category."""
    return word.startswith(CATEGORY_PREFIX)


def readable_category(word):
    """Return the readable name of a category word: "english pop singers"."""
    return word.removeprefix(CATEGORY_PREFIX).replace("_", " ")


def _code_point(char):
    return f"u{ord(char):x}"


# Letters and combining marks, as a regular expression class without its brackets: Thai, Lao,
# Burmese, Khmer; kana, Chinese characters, Bopomofo, Yi; half-width kana; rare characters.
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
    """Return whether a character belongs to a script without spaces."""
    return _RUN.match(char) is not None


def is_mostly_unspaced(text):
    """Return whether more than half of the letters of a text are in a script without spaces.

    An English review that mentions a Chinese band is therefore not such a text. Category words
    are not counted.
    """
    if text.isascii() or not _RUN.search(text):
        return False
    text = _CATEGORY.sub("", text)
    return sum(map(len, _RUN.findall(text))) > len(_OTHER_LETTER.findall(text))


def words_and_ngrams(text, shortest, longest):
    """Yield words and categories as they are, and the character n-grams of runs without spaces."""
    for part in _PART.findall(text):
        if not is_unspaced(part[0]):
            yield part
            continue
        for n in range(shortest, longest + 1):
            for start in range(len(part) - n + 1):
                yield part[start : start + n]


# Marks that end sentences, and closing brackets and quotes after them, in scripts without spaces:
# spaCy takes everything up to the next space as one token unless it splits at these as infixes.
_MARKS_WITHOUT_SPACES = "[。｡！？」』”）】》〉។။]"

_own = threading.local()


def sentence_ends(text):
    """Return the end positions of the sentences of `text`, in order.

    Sentences end at punctuation, by spaCy's rule-based sentencizer for any language.
    """
    nlp = getattr(_own, "nlp", None)
    if nlp is None:
        # One per thread: memory zones, which free the words of a text again, cannot be nested.
        nlp = _own.nlp = _make_splitter()
    text = _HALVES.sub("\ufffd", text)  # spaCy rejects lone surrogates, which scraped texts contain
    with nlp.memory_zone():
        return [sentence.end_char for sentence in nlp(text).sents]


def _make_splitter():
    import spacy
    from spacy.util import compile_infix_regex

    nlp = spacy.blank("xx")
    infixes = compile_infix_regex([*nlp.Defaults.infixes, _MARKS_WITHOUT_SPACES])
    nlp.tokenizer.infix_finditer = infixes.finditer
    nlp.add_pipe("sentencizer")
    # spaCy's limit is for models whose memory grows with the text; there are none here.
    nlp.max_length = float("inf")
    return nlp


# Number of characters searched for the end of a sentence at a time, from the limit backwards: the
# time spaCy needs for a run of marks without a space is quadratic in its length.
_BLOCK = 400
# Characters read beyond a block, to see whether its last sentence ends there.
_LOOK_AHEAD = 100


def split_text(text, max_chars):
    """Split a text after sentences into parts of at most `max_chars` characters.

    A sentence that is too long is split after a word, and a word that is too long within it.

    Returns
    -------
    parts : list of (int, str)
        Start of each part, and the part without whitespace at its ends. Together the parts
        contain the whole text except whitespace.
    """
    parts, end = [], 0
    # Whitespace is skipped first; otherwise a word that fits could become too long.
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
        # The last sentence continues after the block, or its end is not visible.
        ends = [first + end for end in sentence_ends(text[first : stop + _LOOK_AHEAD])[:-1]]
        whole = [end for end in ends if end <= stop]
        if whole:
            return whole[-1]
    words = [end for end in range(1, max_chars + 1) if text[start + end].isspace()]
    return start + (words[-1] if words else max_chars)
