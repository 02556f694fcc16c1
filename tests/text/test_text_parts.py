import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmmgenre.text._entities._segmentation import split_text

ALPHABET = 'abc .!?\n\t\u3002\U0001f3b8\U0001f469\u200d\u05d0\u0628\u0301\x00"'
TEXTS = st.one_of(st.text(max_size=150), st.text(ALPHABET, max_size=300))


def test_a_text_within_the_limit_is_one_part():
    assert split_text(" One. Two. ", 11) == [(1, "One. Two.")]
    assert split_text("", 5) == split_text(" \n\t", 2) == []


def test_parts_end_with_sentences():
    text = "First one. Second one! Third one is longer than the others. End"
    assert [part for _, part in split_text(text, 30)] == [
        "First one. Second one!",
        "Third one is longer than the",  # too long by itself
        "others. End",
    ]


def test_a_word_that_is_too_long_is_cut():
    assert split_text("abcdefgh ij", 3) == [(0, "abc"), (3, "def"), (6, "gh"), (9, "ij")]


@settings(deadline=None)
@given(text=TEXTS, max_chars=st.integers(1, 60))
def test_nothing_is_lost(text, max_chars):
    parts = split_text(text, max_chars)
    assert all(text.startswith(part, start) for start, part in parts)
    assert all(0 < len(part) <= max_chars and part == part.strip() for _, part in parts)
    assert all(a + len(part) <= b for (a, part), (b, _) in zip(parts, parts[1:], strict=False))
    assert "".join("".join(part.split()) for _, part in parts) == "".join(text.split())


PIECES = {
    "punctuation": "?!",
    "emoji": "\U0001f3b8",
    "right-to-left": "\u05e9\u05d9\u05e8 ",
    "combining": "e\u0301 ",
    "null": "\x00",
    "one word": "a",
}


@pytest.mark.parametrize("piece", PIECES.values(), ids=PIECES)
def test_a_text_of_one_thing(piece):
    text = piece * (10_000 // len(piece))
    parts = split_text(text, 3000)
    assert all(text.startswith(part, start) for start, part in parts)
    n_letters = sum(len("".join(part.split())) for _, part in parts)
    assert n_letters == len("".join(text.split()))


def test_ten_megabytes():
    sentence = "So What by Miles Davis, again. "
    text = sentence * (10_000_000 // len(sentence))
    parts = split_text(text, 3000)
    assert all(text.startswith(part, start) and part.endswith("again.") for start, part in parts)
    assert sum(len(part) + 1 for _, part in parts) == len(text)
