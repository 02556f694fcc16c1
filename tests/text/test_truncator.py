import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from skmmgenre.text import ReviewTruncator, ReviewVectorizer
from skmmgenre.utils import BadItem

# Letters, ends of sentences, blanks, emoji, right-to-left, a combining accent, a null character.
ALPHABET = 'abc .!?\n\t\u3002\U0001f3b8\U0001f469\u200d\U0001f3a4\u05d0\u0628\u0301\x00"'
TEXTS = st.one_of(st.text(max_size=120), st.text(ALPHABET, max_size=300))

# Takes words of two letters and more, but single characters of scripts without spaces.
unspaced = ReviewVectorizer(analyzer="mixed", lowercase=False).build_analyzer()


def truncate(cell, max_chars=1500, **params):
    return ReviewTruncator(max_chars=max_chars, **params).transform([cell])[0]


def test_a_text_within_the_limit_stays_whole():
    text = "One sentence. And half of another"
    assert truncate(text, len(text)) == text


def test_the_unfinished_sentence_is_dropped():
    text = "First one. Second one! Third one is unfinished."
    assert truncate(text, len(text) - 1) == "First one. Second one!"
    assert truncate(text, len("First one. Second one!")) == "First one. Second one!"
    assert truncate(text, len("First one. Second one!") - 1) == "First one."


def test_quotes_and_marks_belong_to_their_sentence():
    text = 'He says "buy it." Rated 3.5 of 5?! The rest is silence, and then some more.'
    assert truncate(text, 20) == 'He says "buy it."'
    assert truncate(text, 40) == 'He says "buy it." Rated 3.5 of 5?!'


def test_reviews_are_joined_in_order():
    assert truncate(["One.", "Two"]) == "One.\nTwo"
    assert truncate(("Two ", None, "", " One.")) == "Two\nOne."
    assert truncate(np.array(["One.", "Two"], dtype=object)) == "One.\nTwo"


def test_the_end_of_a_review_ends_a_sentence():
    assert truncate(["No period at its end", "Another review. More"], 25) == "No period at its end"
    assert truncate(["abc", "def. ghi"], 7) == "abc"
    assert truncate(["abc", "def. ghi"], 8) == "abc\ndef."
    assert truncate(["abc", "def"], 3) == "abc"


def test_a_first_sentence_that_is_too_long_is_cut_at_a_word():
    assert truncate("a sentence without an end", 10) == "a sentence"
    assert truncate("a sentence without an end", 11) == "a sentence"
    assert truncate("a sentence without an end", 13) == "a sentence"


def test_a_word_that_is_too_long_is_cut_hard():
    assert truncate("a" * 50, 20) == "a" * 20


@pytest.mark.parametrize(
    ("text", "kept"),
    [
        ("这张专辑很好。我很喜欢！你呢？最后一句", "这张专辑很好。我很喜欢！你呢？"),
        ("とても良い。「いいね。」彼は言った", "とても良い。「いいね。」"),
        ("好｡很好｡不好", "好｡很好｡"),
        ("သီချင်း။ကောင်းတယ်", "သီချင်း။"),
        ("Good. 很好。And more", "Good. 很好。"),
    ],
)
def test_sentences_without_spaces_behind_them(text, kept):
    for max_chars in range(len(kept), len(text)):
        assert truncate(text, max_chars) == kept
    assert len(truncate(text, len(kept) - 1)) < len(kept)


def test_words_that_no_space_tells():
    assert truncate("这张专辑" * 10, 9) == "这张专辑这张专辑这"
    assert truncate("Foo " + "这张专辑" * 100, 200) == "Foo " + "这张专辑" * 49
    assert truncate("เพลง นี้ดีมาก", 8) == "เพลง"  # at the blank, which is near
    assert truncate("นี้", 2) == "น"  # with all marks of a letter or none


def test_a_long_text_is_not_read_to_its_end():
    text = "Word after word. " * 200_000
    kept = truncate(text)
    assert 1450 < len(kept) <= 1500
    assert kept.endswith("word.")


@settings(max_examples=150, deadline=None)
@given(st.one_of(TEXTS, st.lists(TEXTS, max_size=4)), st.integers(1, 80))
@example("\x00", 1)
@example("a.\x85b c", 3)
def test_whatever_the_text(cell, max_chars):
    reviews = [cell] if isinstance(cell, str) else cell
    joined = "\n".join(review.strip() for review in reviews if review.strip())
    kept = truncate(cell, max_chars)
    if not joined:
        assert kept == ""
        return
    assert 0 < len(kept) <= max_chars
    assert joined.startswith(kept)
    assert kept == kept.strip()
    if len(joined) <= max_chars:
        assert kept == joined
        return
    rest = joined[len(kept) :]
    one_word = not any(char.isspace() for char in joined[: max_chars + 1])
    # Behind a word or a mark; within a word only if it is the first and too long, or if words
    # are not told by spaces.
    assert (
        rest[0].isspace()
        or not kept[-1].isalnum()
        or (one_word and len(kept) == max_chars)
        or unspaced(rest[0])
    )


def test_missing_cells_stay_missing():
    texts = ReviewTruncator().fit_transform(
        pd.Series(["Text.", None, np.nan, "", "  ", [], [None, ""], pd.NA])
    )
    assert texts.dtype == object and texts.shape == (8,)
    assert texts[0] == "Text."
    assert texts[1:].tolist() == [""] * 7


@pytest.mark.parametrize("bad", [3, 2.5, b"bytes", {"text": "x"}, ["fine", 3]])
def test_a_cell_that_is_no_text(bad):
    with pytest.raises(
        BadItem, match="Row 1.*expected a text, got.*list of str.*on_error='missing'"
    ):
        ReviewTruncator().transform(["fine", bad])
    truncator = ReviewTruncator(on_error="missing")
    assert truncator.transform(["fine", bad, "x"]).tolist() == ["fine", "", "x"]
    assert truncator.errors_.row.tolist() == [1]


def test_bad_parameters_and_tables():
    with pytest.raises(ValueError, match="max_chars"):
        ReviewTruncator(max_chars=0).fit(["x"])
    with pytest.raises(ValueError, match="0 rows"):
        ReviewTruncator().transform([])
    with pytest.raises(ValueError, match="one column"):
        ReviewTruncator().transform(pd.DataFrame({"a": ["x"], "b": ["y"]}))


@pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
def test_workers_answer_the_same(backend):
    texts = [f"Sentence {i}. " * 20 for i in range(30)]
    one = ReviewTruncator(max_chars=50).transform(texts)
    with joblib.parallel_config(backend):
        two = ReviewTruncator(max_chars=50, n_jobs=2).transform(texts)
    assert two.tolist() == one.tolist()


def test_it_is_an_estimator():
    truncator = clone(ReviewTruncator(max_chars=9))
    truncator.transform(["Some words. More words."])
    assert truncator.set_output(transform="pandas") is truncator
    assert isinstance(truncator.fit_transform(["x"]), np.ndarray)
    assert truncator.get_feature_names_out().tolist() == ["text"]
    assert truncator.get_feature_names_out(["review"]).tolist() == ["review"]
    stored = skops.io.dumps(truncator)
    untrusted = skops.io.get_untrusted_types(data=stored)
    assert all(name.startswith("skmmgenre.") for name in untrusted)
    assert skops.io.loads(stored, trusted=untrusted).max_chars == 9


@pytest.mark.parametrize("times", [1, 80])
def test_half_an_emoji_is_kept_in_texts_of_any_length(times):
    text = "A fine record. Calm and warm. \ud83d " * times
    (truncated,) = ReviewTruncator(max_chars=200).transform([text])
    assert text.startswith(truncated) and truncated[-1] in ".\ud83d"
