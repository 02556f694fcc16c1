"""What is left of a title or a name when all that catalogues write differently is taken away."""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

from ..utils import import_from_extra, is_missing

# Letters that have no accent to take away.
_PLAIN = [*"oldd", *"hit", "ae", "oe", "th", *"''''", *'""', *"---"]
_LETTERS = str.maketrans(dict(zip("øłđðħıŧæœþ’‘´`“”–—−", _PLAIN, strict=True)))
_ACCENTS = re.compile("[\u0300-\u036f]")

# Behind a title, in brackets or after a dash, these words tell of the copy, not of the music.
_EDITION = (
    r"deluxe|edition|expanded|remaster(?:ed)?|bonus|explicit|clean|reissue|anniversary|vinyl|"
    r"import|limited|special|collectors?|collector's|enhanced|digipa[ck]k?|digital|mono|stereo|"
    r"original recording|soundtrack|ost|cd(?!\s*\d)|\d+\s?cds?|lp|ep|single"
)
# Of a name these words tell apart namesakes, or tell who else is there.
_KIND = (
    r"band|group|duo|musician|singer|songwriter|rapper|dj|producer|composer|artist|entertainer|"
    r"vocalist|guitarist|bassist|pianist|organist|violinist|cellist|saxophonist|trumpeter|drummer"
)
_GUESTS = r"(?:feat|ft)\b\.?|featuring\b"
_BRACKETS = re.compile(
    rf"[(\[{{][^()\[\]{{}}]*\b(?:{_EDITION}|{_KIND}|{_GUESTS})(?!\w)[^()\[\]{{}}]*[)\]}}]"
)
_AFTER_DASH = re.compile(rf"(?:\s-|:)\s[^-:]*\b(?:{_EDITION})\b[^-:]*$")
_WITH_GUESTS = re.compile(rf"\s[(\[]?(?:{_GUESTS}).*$")
_ARTICLE_BEHIND = re.compile(r"^(.+), (the|an?|los|las|les|l[aeo]|el|die|der|das|il|gli)$")
_INITIALS = re.compile(r"\b(\w)[.\s]+(?=\w\b(?!'))")
_APOSTROPHE = re.compile(r"(?<=\w)'(?=\w)|'")
_SWAPPED = re.compile(r"(?<=\w)[!$@](?=\w)")
_NO_WORD = re.compile(r"[\W_]+")
_AND = re.compile(r"(?<=\s)'?n'?(?=\s)|[&+]")

# Before a number these words say the same, or nothing.
_VOLUME = frozenset("vol volume pt part disc disk cd".split())
_ROMAN = {
    numeral: str(number)
    for number, numeral in enumerate(
        "i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi xvii xviii xix xx".split(), 1
    )
}
# A title with one of these is another piece of music than the title without it.
_VERSION = frozenset(
    """live unplugged acoustic instrumental instrumentals remix remixes remixed karaoke demos
    tribute""".split()
)


@dataclass(frozen=True)
class NameKey:
    """A name in the form in which it is compared.

    Parameters
    ----------
    words : str
        Lower case, no accents, no punctuation, words separated by one space.
    latin : str
        The same in Latin letters, where `words` is in others.
    marks : tuple of str
        Numbers, and words such as "live", in order: of another piece if they differ.
    written : str
        The name as it is written, in lower case, without what tells of the copy or of the kind.
    """

    words: str
    latin: str
    marks: tuple
    written: str


def name_key(text):
    """Take from a title or a name what catalogues write differently.

    Taken away are case, accents, punctuation, the article in front or behind ("X, The"),
    guests ("feat. Y") and, in brackets or after a dash, what tells of the copy ("(Deluxe
    Edition)", "- Remastered 2009") or of the kind of artist ("(band)"). "&" is "and"; Roman
    numerals after "Vol." and "Part", at the end, or of more than one letter are numbers.

    Parameters
    ----------
    text : str

    Returns
    -------
    key : NameKey or None
        None for a missing cell or one without a letter or sign.
    """
    if is_missing(text):
        return None
    plain = _plain(str(text))
    rest = _BRACKETS.sub(" ", plain)
    rest = _AFTER_DASH.sub("", rest)
    rest = written = _WITH_GUESTS.sub("", rest).strip()
    rest = _ARTICLE_BEHIND.sub(r"\2 \1", rest)
    words = _words(rest) or _words(plain)
    if not words:  # a name of signs, such as "!!!"
        signs = "".join(plain.split()) or "".join(str(text).split())
        return NameKey(signs, _latin(signs), (), signs) if signs else None
    compared = " ".join(words)
    marks = tuple(word for word in words if word in _VERSION or word.isdecimal())
    return NameKey(compared, _latin(compared), marks, written)


def _plain(text):
    text = unicodedata.normalize("NFKC", text).casefold().translate(_LETTERS)
    if not text.isascii():
        text = _ACCENTS.sub("", unicodedata.normalize("NFD", text))
        text = unicodedata.normalize("NFC", text)
    return text


def _words(text):
    text = _INITIALS.sub(r"\1", text)
    text = _AND.sub(" and ", text)
    text = _APOSTROPHE.sub("", text)
    text = _SWAPPED.sub(lambda sign: {"!": "i", "$": "s", "@": "a"}[sign[0]], text)
    words = _NO_WORD.sub(" ", text).split()
    if len(words) > 1 and words[0] == "the":
        del words[0]
    numbered = []
    for place, word in enumerate(words):
        after_volume = place > 0 and words[place - 1] in _VOLUME
        is_last = 0 < place == len(words) - 1
        if word in _ROMAN and (after_volume or is_last or len(word) > 1):
            word = _ROMAN[word]
        if word.isdecimal():
            word = word.lstrip("0") or "0"
            if after_volume:
                numbered.pop()
        numbered.append(word)
    return numbered


@lru_cache(maxsize=1 << 16)
def _latin(text):
    if text.isascii():
        return text
    anyascii = import_from_extra(
        "anyascii", "Comparing names in other than Latin letters", extra="data"
    )
    return " ".join(_NO_WORD.sub(" ", anyascii.anyascii(text).lower()).split())
