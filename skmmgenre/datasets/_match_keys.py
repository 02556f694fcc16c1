"""Candidate pairs of records in two catalogues, and the similarity of their names.

A key is a normalized title or name, without the parts that catalogues write differently.
"""

import re
import unicodedata
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from scipy import sparse

from ..utils import import_from_extra, is_missing

# Letters and signs that Unicode does not decompose into a plain letter and an accent.
_PLAIN = [*"oldd", *"hit", "ae", "oe", "th", *"''''", *'""', *"---"]
_LETTERS = str.maketrans(dict(zip("øłđðħıŧæœþ’‘´`“”–—−", _PLAIN, strict=True)))
_ACCENTS = re.compile("[\u0300-\u036f]")

# After a title, in brackets or after a dash, these words describe the edition, not the music.
_EDITION = (
    r"deluxe|edition|expanded|remaster(?:ed)?|bonus|explicit|clean|reissue|anniversary|vinyl|"
    r"import|limited|special|collectors?|collector's|enhanced|digipa[ck]k?|digital|mono|stereo|"
    r"original recording|soundtrack|ost|cd(?!\s*\d)|\d+\s?cds?|lp|ep|single"
)
# After a name, these words distinguish namesakes, or introduce guests.
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

# Before a number, these words are synonyms or can be dropped.
_VOLUME = frozenset("vol volume pt part disc disk cd".split())
_ROMAN = {
    numeral: str(number)
    for number, numeral in enumerate(
        "i ii iii iv v vi vii viii ix x xi xii xiii xiv xv xvi xvii xviii xix xx".split(), 1
    )
}
# A title with one of these words is a different piece of music than the title without it.
_VERSION = frozenset(
    """live unplugged acoustic instrumental instrumentals remix remixes remixed karaoke demos
    tribute""".split()
)


@dataclass(frozen=True)
class NameKey:
    """A name in its normalized form, for comparison.

    Parameters
    ----------
    words : str
        Lower case, no accents, no punctuation, words separated by one space.
    latin : str
        The same, transliterated to Latin letters if `words` is in another script.
    marks : tuple of str
        Numbers, and words such as "live", in order; if they differ, so do the pieces of music.
    written : str
        The name as it is written, in lower case, without edition and kind of artist.
    """

    words: str
    latin: str
    marks: tuple
    written: str


def name_key(text):
    """Normalize a title or a name, removing the parts that catalogues write differently.

    Removed are case, accents, punctuation, the article before or after the name ("X, The"),
    guests ("feat. Y") and, in brackets or after a dash, the edition ("(Deluxe Edition)", "-
    Remastered 2009") or the kind of artist ("(band)"). "&" becomes "and"; Roman numerals become
    numbers after "Vol." and "Part", at the end, or if they have more than one letter.

    Parameters
    ----------
    text : str

    Returns
    -------
    key : NameKey or None
        None for a missing cell or one without any letter or sign.
    """
    if is_missing(text):
        return None
    plain = _plain(str(text))
    rest = _BRACKETS.sub(" ", plain)
    rest = _AFTER_DASH.sub("", rest)
    rest = written = _WITH_GUESTS.sub("", rest).strip()
    rest = _ARTICLE_BEHIND.sub(r"\2 \1", rest)
    # A title may be nothing but such a part, as "(Special Edition)".
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
            # "Vol. 2", "Part II" and "2" get the same words.
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


def text_similarity(texts, others):
    """Compare texts pair by pair.

    Parameters
    ----------
    texts, others : list of str, shape (n,)

    Returns
    -------
    similarity : ndarray of float32, shape (n,)
        1 minus the number of letters inserted, deleted, replaced or swapped with their neighbour,
        divided by the length of the longer text.
    """
    if not texts:
        return np.empty(0, dtype=np.float32)
    process = import_from_extra("rapidfuzz.process", "Matching records", extra="data")
    distance = import_from_extra("rapidfuzz.distance", "Matching records", extra="data")
    scorer = distance.OSA.normalized_similarity
    return process.cpdist(texts, others, scorer=scorer, dtype=np.float32)


def key_similarity(keys, others):
    """Compare names pair by pair.

    Parameters
    ----------
    keys, others : list of NameKey, shape (n,)

    Returns
    -------
    similarity : ndarray of float32, shape (n,)
        Similarity of the words in their order or sorted, whichever is higher; in Latin letters if
        the scripts differ; 0 if the marks differ.
    """
    pairs = [_same_script(key, other) for key, other in zip(keys, others, strict=True)]
    texts, other_texts = [text for text, _ in pairs], [text for _, text in pairs]
    similarity = np.maximum(
        text_similarity(texts, other_texts),
        text_similarity(_sorted_words(texts), _sorted_words(other_texts)),
    )
    similarity[[key.marks != other.marks for key, other in zip(keys, others, strict=True)]] = 0.0
    return similarity


def _same_script(key, other):
    if key.words.isascii() == other.words.isascii():
        return key.words, other.words
    return key.latin, other.latin


def _sorted_words(texts):
    return [" ".join(sorted(text.split())) for text in texts]


_END = 3  # letters
_N_ENDS = 10  # the rarest ends of a record
_N_MET = 1000  # records found per record, at most
_N_CANDIDATES = 12  # the best of these
_CHUNK = 1000  # records


def candidate_pairs(left, right, advance):
    """Find the records that share a rare pair of word ends.

    The ends of a word are its first and its last three letters: a typo leaves one of them intact.
    The whole text of a field counts as an end too. Each record on the left is looked up by the
    pairs of ends in its fields, the rarest pair on the right first, until 1,000 records have been
    found. Its candidates are the 12 of them that share the most pairs, weighted by rarity. The
    work grows with the number of records, not with its square.

    Parameters
    ----------
    left, right : list of list of str
        For each field, the words of all records, in Latin letters.
    advance : callable
        Called with the number of records on the left that are done.

    Returns
    -------
    rows, columns : ndarray of int
        Positions on the left and on the right.
    """
    n_left, n_right = len(left[0]), len(right[0])
    rows, columns = [np.empty(0, dtype=np.int64)], [np.empty(0, dtype=np.int64)]
    if n_left and n_right:
        lookup, index = _index(left, right)
        for start in range(0, n_left, _CHUNK):
            shared = (lookup[start : start + _CHUNK] @ index).tocoo()
            row, column = _largest(shared, _N_CANDIDATES)
            rows.append(row + start)
            columns.append(column)
            advance(min(_CHUNK, n_left - start))
    return np.concatenate(rows), np.concatenate(columns)


def _index(left, right):
    """Return the keys to look up for each record on the left, and the index of the right.

    Returns
    -------
    lookup : csr_array of float32, shape (n_left, n_keys)
        Weights of the pairs of ends.
    index : csr_array of float32, shape (n_keys, n_right)
        1 if a record has the pair.
    """
    numbers = {}
    ends = [_number_ends(records, numbers) for records in (left, right)]
    # Number of records on the right with each end.
    frequency = np.bincount(np.concatenate(ends[1]), minlength=len(numbers))
    codes = [_pair_up(_rarest_ends(records, frequency), len(numbers)) for records in ends]
    keys, place = np.unique(codes[1][1], return_inverse=True)
    n_left, n_right = len(left[0]), len(right[0])
    ones = np.ones(len(place), dtype=np.float32)
    index = sparse.csr_array((ones, (place, codes[1][0])), shape=(len(keys), n_right))

    # Of the pairs on the left, only those that occur on the right can be looked up.
    row, code = codes[0]
    place = np.minimum(np.searchsorted(keys, code), len(keys) - 1)
    known = keys[place] == code
    row, place = row[known], place[known]
    n_met = np.diff(index.indptr)[place]
    # By record, the rarest pair first.
    order = np.lexsort((n_met, row))
    row, place, n_met = row[order], place[order], n_met[order]
    total = np.cumsum(n_met)
    first = np.searchsorted(row, np.arange(n_left))
    # Records met up to and including each pair, in a total that restarts at each record.
    met = total - np.r_[0, total][first][row]
    keep = (met <= _N_MET) | (met == n_met)  # at least one pair
    # As in idf, pairs that few records share weigh more.
    weight = np.log(1.0 + n_right / n_met[keep]).astype(np.float32)
    lookup = sparse.csr_array((weight, (row[keep], place[keep])), shape=(n_left, len(keys)))
    return lookup, index


def _number_ends(fields, numbers):
    """Return the word ends of each record as arrays of numbers; add new ends to `numbers`."""
    records = []
    for texts in zip(*fields, strict=True):
        found = set()
        for field, text in enumerate(texts):
            found.add((field, text))  # so that equal texts match, however short
            for word in text.split():
                found.add((field, "^" + word[:_END]))
                if len(word) > _END:
                    found.add((field, word[-_END:] + "$"))
        records.append(np.array([numbers.setdefault(end, len(numbers)) for end in found]))
    return records


def _rarest_ends(records, frequency):
    """Return the rarest ends of each record in ascending order, padded with -1."""
    chosen = np.full((len(records), _N_ENDS), -1, dtype=np.int64)
    for row, ends in enumerate(records):
        if len(ends) > _N_ENDS:
            # Ends that do not occur on the right are useless; most of them are due to typos.
            often = np.where(frequency[ends] > 0, frequency[ends], np.iinfo(np.int64).max)
            ends = ends[np.argsort(often, kind="stable")[:_N_ENDS]]
        # Sorted, so that a pair of ends has the same code in both catalogues.
        chosen[row, : len(ends)] = np.sort(ends)
    return chosen


def _pair_up(chosen, n_ends):
    """Return the record and a code of each pair of ends, and of each end paired with itself."""
    first, second = np.triu_indices(_N_ENDS)
    codes = chosen[:, first] * n_ends + chosen[:, second]
    valid = (chosen[:, first] >= 0) & (chosen[:, second] >= 0)
    return np.nonzero(valid)[0], codes[valid]


def _largest(matrix, n):
    """Return the positions of the n largest entries of each row; ties go to the first."""
    order = np.lexsort((matrix.col, -matrix.data, matrix.row))
    row = matrix.row[order]
    # `row` is sorted, so searchsorted finds where the entries of each row begin.
    rank = np.arange(len(row)) - np.searchsorted(row, row)
    keep = order[rank < n]
    return matrix.row[keep].astype(np.int64), matrix.col[keep].astype(np.int64)
