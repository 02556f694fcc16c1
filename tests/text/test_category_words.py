import re

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.feature_extraction.text import TfidfVectorizer

from skmmgenre.text._entities._segmentation import (
    category_word,
    is_category_word,
    readable_category,
)


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
