"""Split texts and names into words, folded so that all spellings of a name have the same key.

Case, diacritics, width, ligatures and most punctuation are folded; every word keeps its position
in the original text. In a script without spaces every character is a word, so a name may start
and end anywhere."""

import functools
import re
import unicodedata
from typing import NamedTuple

from ._segmentation import UNSPACED

# Bits that describe the gap before a word. HARD: a comma, a period or similar; a name matches
# across it only if it is written with one. START: a sentence may begin here, so a capital gives
# no evidence.
HARD, START = 1, 2

# A key is bytes: every word ends with a space, and a word after a hard gap begins with a comma. So
# a key that is a prefix of another always ends at the end of a word.
_END, _HARD_GAP = b" ", b","

_SOFT = frozenset("-‐‑_/+'\"`´‘’‚‛“”„«»·・")
_SENTENCE_END = frozenset(".!?…。！？｡؟।")
_AND = ("&", "＆")
# Invisible characters inside words: soft hyphen, joiners, direction marks.
_UNSEEN = "\u00ad\u061c\u200c-\u200f\u2060\ufeff"
# Letters with a stroke or ligature that Unicode does not decompose.
_PLAIN = str.maketrans(
    {"ø": "o", "ł": "l", "đ": "d", "ð": "d", "þ": "th", "æ": "ae", "œ": "oe", "ı": "i", "ħ": "h"}
)

_MOST_KEPT = 50_000
_LONGEST_KEPT = 40


class Words(NamedTuple):
    """Words of a text.

    `starts` and `ends` are character offsets in the text, `keys` the folded words as bytes, and
    `gaps` the bits of the gap before each word.
    """

    starts: list
    ends: list
    keys: list
    gaps: list


def split_words(text):
    """Return the words of a text and their positions."""
    words = starts, ends, keys, gaps = Words([], [], [], [])
    # The pattern has one group, so gaps and runs alternate; the first and the last part are gaps.
    parts = _patterns().run.split(text)
    position = bits_behind = 0
    for gap, run in zip(parts[::2], parts[1::2], strict=False):  # the last gap has no run
        start = position + len(gap)
        position = start + len(run)
        bits = _kept_gaps.get(gap)
        if bits is None:
            bits = _read_gap(gap)
        if bits and ends and gap in (".", ". ") and ends[-1] - starts[-1] <= 2:
            bits = START  # the period of "Dr." or "J. J." is not a hard gap
        bits |= bits_behind
        inside, bits_behind = _kept_runs.get(run) or _read_run(run)
        if type(inside) is bytes:
            starts.append(start)
            ends.append(position)
            keys.append(inside)
            gaps.append(bits)
            continue
        for word_start, word_end, key, inner_bits in inside:
            starts.append(start + word_start)
            ends.append(start + word_end)
            keys.append(key)
            gaps.append(bits | inner_bits)
            bits = 0
        # A run without a word, such as invisible characters, passes on the bits of the gap before
        # it.
        bits_behind |= bits
    if gaps:
        gaps[0] |= START
    return words


def form_keys(form):
    """Return the keys of a name: as it is written and, if it has hard gaps, also without them.

    The first key matches texts that write the name in the same way. A name without letters and
    digits has no key.
    """
    words = split_words(form)
    strict, loose = stream_of(words)[0], b"".join(words.keys)
    return [key for key in dict.fromkeys((strict, loose)) if key]


def stream_of(words):
    """Concatenate the keys of all words; return the bytes and the offsets of the keys and end."""
    pieces, offsets, at = [], [], 0
    for key, bits in zip(words.keys, words.gaps, strict=True):
        if bits & HARD and pieces:
            pieces.append(_HARD_GAP)
            at += 1
        offsets.append(at)
        pieces.append(key)
        at += len(key)
    offsets.append(at)
    return b"".join(pieces), offsets


def count_words(key):
    """Return the number of words of a key."""
    return key.count(_END)


def fold(word):
    """Remove case, diacritics, width and ligatures from a word; the result may be empty."""
    if word.isascii():
        return word.lower()
    # Until nothing changes, so that a folded word is folded to itself.
    while True:
        folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", word).casefold())
        folded = "".join(char for char in folded.translate(_PLAIN) if _is_kept(char))
        folded = unicodedata.normalize("NFC", folded)
        if folded == word:
            return folded
        word = folded


def _is_kept(char):
    if char.isalnum():
        return True
    category = unicodedata.category(char)
    if category[0] != "M":
        return category == "Sc"
    # Keep marks that make a different letter: vowel signs, nukta, voiced kana, virama, tones.
    # Drop accents (class 1, 200 and above) and Hebrew and Arabic points (10 to 35).
    order = unicodedata.combining(char)
    return order != 1 and not 10 <= order <= 35 and order < 200 and not _picks_a_glyph(char)


def _picks_a_glyph(char):
    return "\ufe00" <= char <= "\ufe0f" or "\U000e0100" <= char <= "\U000e01ef"


_kept_gaps = {"": 0, " ": 0}
_kept_runs = {}


def _read_gap(gap):
    """Return the bits of the gap between two words."""
    if gap.count("\n") > 1:
        bits = HARD | START
    else:
        bits = 0
        for char in gap:
            if char in _SENTENCE_END:
                bits |= HARD | START
            elif char == "\n":
                bits |= START
            elif not char.isspace() and char not in _SOFT:
                bits |= HARD
    if len(gap) <= _LONGEST_KEPT:
        _keep(_kept_gaps, gap, bits)
    return bits


def _read_run(run):
    """Return the words of a run and the bits of the gap after the last one.

    The words are a key if the run is a single word, otherwise a tuple of the start, end, key and
    bits of each word.
    """
    if run.isascii() and run.isalnum():
        read = run.lower().encode() + _END, 0
    else:
        inside, end = [], 0
        for match in _patterns().word.finditer(run):
            folded = "and" if match[0] in _AND else fold(match[0])
            if folded:
                bits = _read_gap(run[end : match.start()])
                end = match.end()
                inside.append((match.start(), end, folded.encode() + _END, bits))
        read = tuple(inside), _read_gap(run[end:])
        if len(inside) == 1 and inside[0][:2] == (0, len(run)):
            read = inside[0][2], 0
    if len(run) <= _LONGEST_KEPT:
        _keep(_kept_runs, run, read)
    return read


def _keep(kept, key, value):
    if len(kept) >= _MOST_KEPT:
        kept.clear()
    kept[key] = value


class _Patterns(NamedTuple):
    run: re.Pattern
    word: re.Pattern


@functools.cache
def _patterns():
    """Return the pattern that splits a text coarsely into runs and the one that finds words."""
    marks = _char_class(lambda category: category[0] == "M")
    money = _char_class(lambda category: category == "Sc")
    # Splits a text at once into runs; `word` is only applied to those with other characters than
    # ASCII letters and digits.
    coarse = rf"[\w&＆{_UNSEEN}{marks}{money}\U00010000-\U0010ffff]"
    letter = rf"[^\W_{UNSPACED}]"
    marks += _char_class(lambda category: category[0] == "M", 0x10000, 0x20000)
    marks += "\U000e0100-\U000e01ef"
    part = rf"(?:{letter}|[{marks}{money}])"
    word = (
        rf"[&＆]|[{UNSPACED}][{marks}ﾞﾟ]*|"
        rf"(?:{letter}|[{money}]){part}*(?:[{_UNSEEN}]+{part}+)*"
    )
    return _Patterns(re.compile(f"({coarse}+)"), re.compile(word))


def _char_class(belongs, first=0, end=0x10000):
    """Return the characters of some categories as ranges of a regular expression class."""
    codes = [code for code in range(first, end) if belongs(unicodedata.category(chr(code)))]
    known = set(codes)
    starts = [code for code in codes if code - 1 not in known]
    ends = [code for code in codes if code + 1 not in known]
    return "".join(f"{chr(a)}-{chr(b)}" for a, b in zip(starts, ends, strict=True))
