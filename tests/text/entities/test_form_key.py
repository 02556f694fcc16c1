"""Words of a text and keys of names: folding and offsets."""

import unicodedata

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from skmmgenre.text._entities._form_key import (
    HARD,
    START,
    count_words,
    fold,
    form_keys,
    split_words,
)

# Punctuation, emoji with joiners and skin tones, right-to-left with points, combining marks, null,
# both widths, letters whose folding is longer, scripts without spaces, surrogates.
ALPHABET = (
    "aZ é.,!?&'’-_/()\n\t\x00\x85\u2028\U0001f3b8\U0001f469\u200d\U0001f3a4\U0001f3fd\ufe0fאבּשׁعَر"
    "\u0301\u0327\u0338\u3099\u00ad\u200c\u200b\u202eＡｂ３ßİıﬁﷺ½ŉ坂本かガｶﾞ각\u1100\u1161กุ้कि्$€"
    "\ud800"
)
TEXTS = st.one_of(st.text(max_size=60), st.text(ALPHABET, max_size=120))


def keys(text):
    return [key.decode() for key in split_words(text).keys]


@settings(max_examples=400, deadline=None)
@given(TEXTS)
@example("ﬁ ß İ")
@example("e\u0301\u0301e")
@example("\u0301")
def test_words_lie_in_the_text_in_order(text):
    starts, ends, keys, gaps = split_words(text)
    behind = 0
    for start, end, key, gap in zip(starts, ends, keys, gaps, strict=True):
        assert behind <= start < end <= len(text)
        behind = end
        assert key.endswith(b" ") and count_words(key) == 1 and key != b" "
        assert 0 <= gap <= (HARD | START)
        word = text[start:end]
        assert unicodedata.category(word[0])[0] not in "PZ" or word in "&＆"
        assert key.decode()[:-1] == ("and" if word in "&＆" else fold(word))


@settings(max_examples=300, deadline=None)
@given(TEXTS)
def test_folding_twice_changes_nothing(text):
    assert fold(fold(text)) == fold(text)
    assert fold(unicodedata.normalize("NFD", text)) == fold(unicodedata.normalize("NFC", text))


@settings(max_examples=200, deadline=None)
@given(TEXTS, TEXTS)
def test_a_name_is_found_by_its_own_words(name, other):
    """What splits a text and what makes the keys of names are the same."""
    alone = keys(name)
    assert keys(f"{other}\n\n{name}")[-len(alone) :] == alone or not alone
    for key in form_keys(name):
        assert key.replace(b" ,", b" ") == "".join(alone).encode()


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("Motörhead", "MOTORHEAD"),
        ("Sinéad O'Connor", "Sine\u0301ad O’Connor"),
        ("AC/DC", "ac dc"),
        ("Jay-Z", "Jay Z"),
        ("Simon & Garfunkel", "simon and garfunkel"),
        ("R.E.M.", "R. E. M."),
        ("Guns N' Roses", "Guns N’ Roses"),
        ("“Weird Al” Yankovic", '"Weird Al" Yankovic'),
        ("Røyksopp", "royksopp"),
        ("Straße", "STRASSE"),
        ("İstanbul", "istanbul"),
        ("ﬁne", "FINE"),
        ("ＹＭＯ", "YMO"),
        ("ｶﾞ", "ガ"),
        ("か\u3099", "が"),
        ("\u1100\u1161\u11a8", "각"),
        ("شَمْس", "شمس"),
        ("שָׁלוֹם", "שלום"),
        ("so\u00adft", "soft"),
        ("Dr. Dre", "Dr Dre"),
    ],
)
def test_ways_to_write_a_name_meet(one, other):
    assert form_keys(one)[-1] == form_keys(other)[-1]


@pytest.mark.parametrize(
    ("one", "other"), [("か", "が"), ("दद", "दि"), ("ดุ", "ดู"), ("a$ap", "asap"), ("u2", "u 2")]
)
def test_what_differs_stays_apart(one, other):
    assert not set(form_keys(one)) & set(form_keys(other))


def test_hard_gaps_are_part_of_a_key():
    assert form_keys("Earth, Wind & Fire") == [b"earth ,wind and fire ", b"earth wind and fire "]
    assert form_keys("Miles Davis") == [b"miles davis "]
    assert form_keys("Godspeed You! Black") == [b"godspeed you ,black ", b"godspeed you black "]


@pytest.mark.parametrize("name", ["", "!!!", "+/-", "\x00", "\U0001f3b8", "\u0301", "…", "\ud800"])
def test_a_name_without_letter_or_digit_has_no_key(name):
    assert form_keys(name) == []


def test_where_a_sentence_may_begin():
    text = "Yes. Then a comma, and Dr. Dre\nA line\n\nA paragraph"
    words = split_words(text)
    bits = {text[s:e]: g for s, e, g in zip(words.starts, words.ends, words.gaps, strict=True)}
    assert bits["Yes"] == START
    assert bits["Then"] == HARD | START
    assert bits["and"] == HARD
    assert bits["Dre"] == START  # a period that may be that of an abbreviation
    assert bits["line"] == 0
    assert bits["paragraph"] == 0
    assert words.gaps[words.keys.index(b"a ", 3)] == START


def test_scripts_without_spaces_are_taken_apart():
    assert keys("坂本龍一とYMO") == ["坂 ", "本 ", "龍 ", "一 ", "と ", "ymo "]
    assert keys("Yes坂本") == ["yes ", "坂 ", "本 "]


@pytest.mark.parametrize(
    "piece",
    [
        "!",
        "\U0001f3b8",
        "\u0301",
        "א",
        "a\u200d",
        "坂",
        "\x00",
        "a!",
        "_",
        "\u200d",
        "e\u0301",
        "&",
    ],
    ids=ascii,
)
def test_a_long_text_of_one_character(piece):
    """A pattern that went back and forth would not come to an end here."""
    text = piece * (300_000 // len(piece))
    words = split_words(text)
    assert all(key.isspace() is False for key in set(words.keys))
    assert words.ends[-1:] <= [len(text)]
    assert words.starts == sorted(set(words.starts))
