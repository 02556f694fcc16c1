"""Pieces of texts: parts behind sentences, words of categories, scripts without spaces."""

import re
import unicodedata
import warnings

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator
from sklearn.feature_extraction.text import TfidfVectorizer

from skmmgenre.text import EntityEnricher, Mention, ReviewVectorizer
from skmmgenre.text._entities._segmentation import is_category_word, readable_category, split_text

# ---- parts of long texts -----------------------------------------------------------------

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
    assert split_text(" abc\n abc", 3) == [(1, "abc"), (6, "abc")]
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


@pytest.mark.slow
def test_ten_megabytes():
    sentence = "So What by Miles Davis, again. "
    text = sentence * (10_000_000 // len(sentence))
    parts = split_text(text, 3000)
    assert all(text.startswith(part, start) and part.endswith("again.") for start, part in parts)
    assert sum(len(part) + 1 for _, part in parts) == len(text)


# ---- words of categories -----------------------------------------------------------------


class Categorised(BaseEstimator):
    """Finds in every text one thing, of one category."""

    def __init__(self, category):
        self.category = category

    def link(self, text):
        return [Mention(0, 1, text[:1], "Thing", 1.0, (self.category,))]


def category_word(category):
    """The word that stands for a category behind a text."""
    (enriched,) = EntityEnricher(Categorised(category)).transform(["A text."])
    text, word = enriched.split("\n")
    assert text == "A text."
    return word


@pytest.mark.parametrize(
    ("category", "word"),
    [
        ("English pop singers", "cat_english_pop_singers"),
        ("English_pop_singers", "cat_english_pop_singers"),
        ("People from Saint John's, Antigua", "cat_people_from_saint_john_s_antigua"),
        ("R&B (1990s)", "cat_r_b_1990s"),
        ("日本の歌手", "cat_日本の歌手"),
        ("Музыканты Санкт-Петербурга", "cat_музыканты_санкт_петербурга"),
        ("Café", "cat_café"),
        ("Cafe\u0301", "cat_café"),
        ("İstanbul", "cat_istanbul"),
        ("C++", "cat_cu2bu2b"),
        ("!!!", "cat_u21u21u21"),
        ("हिन्दी", "cat_हu93fनu94dदu940"),
    ],
)
def test_known_words(category, word):
    assert category_word(category) == word
    assert is_category_word(word)


@pytest.mark.parametrize(
    ("one", "other"), [("की", "का"), ("+44", "44"), ("!!!", "???"), ("♥ albums", "albums")]
)
def test_what_differs_in_more_than_punctuation_stays_apart(one, other):
    assert category_word(one) != category_word(other)


@settings(max_examples=500, deadline=None)
@given(st.text(min_size=1))
@example("İİ")
@example("ΑΣ ΑΣ")
@example("½ ﬁ ǅ ㎏")
@example("ＡＢＣ")
@example("\u0345\u1fbc")
def test_a_vectorizer_leaves_it_whole(category):
    word = category_word(category)
    for strip_accents in (None, "unicode"):
        analyze = TfidfVectorizer(strip_accents=strip_accents).build_analyzer()
        tokens = analyze(f"A review.\n{word} {word}")
        assert tokens[0] == "review" and len(tokens) == 3
        assert tokens[1] == tokens[2]
        if strip_accents is None:
            assert tokens[1] == word
    assert re.fullmatch(r"cat_\w*", word)


@settings(max_examples=200)
@given(st.text(min_size=1), st.sampled_from([str.upper, str.lower, lambda s: f" {s}_"]))
def test_case_and_blanks_do_not_count(category, change):
    if category.upper().lower() == category.lower() and category.strip(" _"):
        assert category_word(change(category)) == category_word(category)


def test_for_people_to_read():
    assert readable_category("cat_english_pop_singers") == "english pop singers"


# ---- scripts without spaces --------------------------------------------------------------

CHINESE = "这张专辑很好"
JAPANESE = "とても良いアルバムです"
THAI = "เพลงนี้ดีมาก"
KOREAN = "이 앨범은 정말 좋다"
HINDI = "यह अच्छा एल्बम है"


def mixed(text, ngram_range=(1, 1)):
    return ReviewVectorizer(analyzer="mixed", ngram_range=ngram_range).build_analyzer()(text)


def is_mostly_unspaced(text):
    """Whether the vectorizer warns of the text, which it takes for a few long words."""
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("always")
        ReviewVectorizer(max_df=1.0).fit([text, "two words"])
    assert len(told) <= 1 and all("script without spaces" in str(w.message) for w in told)
    return bool(told)


@pytest.mark.parametrize("text", [CHINESE, JAPANESE, THAI, "ဒီသီချင်းကောင်းတယ်", "ភាសាខ្មែរ", "ພາສາລາວ"])
def test_scripts_without_spaces(text):
    letters = [char for char in text if unicodedata.category(char)[0] in "LM"]
    assert mixed(text) == letters
    assert is_mostly_unspaced(text)
    assert is_mostly_unspaced(f"{text} ABC")


@pytest.mark.parametrize("text", ["English", KOREAN, HINDI, "Русский", "עברית", "", "123", "...。"])
def test_scripts_with_spaces(text):
    assert not is_mostly_unspaced(text)


def test_a_foreign_name_in_a_review():
    assert not is_mostly_unspaced("A fine album by 五月天, once more.")


def test_categories_do_not_count():
    assert is_mostly_unspaced(f"{CHINESE}\ncat_taiwanese_rock_music_groups cat_musical_quintets")
    assert not is_mostly_unspaced("Two words\ncat_日本の歌手 cat_日本の作曲家")


def test_words_stay_and_runs_are_cut():
    text = "五月天's album 2020年 a\ncat_日本の歌手 cat_english_singers"
    assert mixed(text, (1, 2)) == [
        *["五", "月", "天", "五月", "月天"],
        *["album", "2020", "年"],
        *["cat_日本の歌手", "cat_english_singers"],
    ]
    assert mixed("一二三", (2, 3)) == ["一二", "二三", "一二三"]
    assert mixed("一 二", (2, 3)) == []
