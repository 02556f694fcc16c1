import unicodedata

import pytest

from skmmgenre.text._entities._segmentation import is_mostly_unspaced, is_unspaced, words_and_ngrams

CHINESE = "这张专辑很好"
JAPANESE = "とても良いアルバムです"
THAI = "เพลงนี้ดีมาก"
KOREAN = "이 앨범은 정말 좋다"
HINDI = "यह अच्छा एल्बम है"


@pytest.mark.parametrize("text", [CHINESE, JAPANESE, THAI, "ဒီသီချင်းကောင်းတယ်", "ភាសាខ្មែរ", "ພາສາລາວ"])
def test_scripts_without_spaces(text):
    assert all(is_unspaced(char) for char in text if unicodedata.category(char)[0] in "LM")
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
    assert list(words_and_ngrams(text, 1, 2)) == [
        *["五", "月", "天", "五月", "月天"],
        *["album", "2020", "年"],
        *["cat_日本の歌手", "cat_english_singers"],
    ]
    assert list(words_and_ngrams("一二三", 2, 3)) == ["一二", "二三", "一二三"]
    assert list(words_and_ngrams("一 二", 2, 3)) == []
