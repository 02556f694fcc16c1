"""What of a name is compared."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from skmmgenre.datasets._match_keys import name_key

pytest.importorskip("anyascii")


@pytest.mark.parametrize(
    "names",
    [
        ("The Beatles", "Beatles, The", "beatles", "THE BEATLES"),
        ("R.E.M.", "REM", "r. e. m."),
        ("Björk", "Bjork", "BJÖRK", "Bjo\u0308rk"),
        ("Øystein Sevåg", "oystein sevag"),
        ("Simon & Garfunkel", "Simon and Garfunkel", "Simon + Garfunkel"),
        ("Guns N' Roses", "Guns 'n' Roses", "Guns and Roses"),
        ("Ke$ha", "Kesha"),
        ("Don't Stop", "Dont Stop", "Don’t stop!"),
        ("Thriller", "Thriller (Deluxe Edition)", "Thriller [Remastered 2009]"),
        (
            "Thriller",
            "Thriller - 25th Anniversary Edition",
            "Thriller (UK Import)",
            "thriller (2 CD)",
        ),
        ("Hello", "Hello - EP", "Hello (feat. Lionel)", "Hello featuring Lionel", "Hello ft. L."),
        ("Air", "Air (French band)", "Air [group]"),
        ("Derek Bailey", "Derek Bailey (guitarist)"),
        ("Sessions, Vol. 2", "Sessions Volume II", "Sessions Pt. 02", "Sessions 2"),
        ("Led Zeppelin IV", "Led Zeppelin 4"),
        ("Fabulosos Cadillacs, Los", "Los Fabulosos Cadillacs"),
        ("ＡＢＢＡ", "ABBA"),
    ],
    ids=lambda names: names[0],
)
def test_ways_to_write_the_same(names):
    assert len({name_key(name).words for name in names}) == 1
    assert len({name_key(name).marks for name in names}) == 1


@pytest.mark.parametrize(
    "one, other",
    [
        ("Sessions, Vol. 1", "Sessions, Vol. 2"),
        ("Led Zeppelin", "Led Zeppelin II"),
        ("Chicago V", "Chicago VI"),
        ("1989", "1999"),
        ("Blink", "Blink-182"),
        ("Stones", "Stones (Live)"),
        ("Homework", "Homework (Remixes)"),
        ("The White Room (CD 1)", "The White Room (CD 2)"),
        ("In Concert, Part 1", "In Concert, Part One Hundred"),
    ],
)
def test_other_pieces(one, other):
    assert name_key(one).marks != name_key(other).marks


@pytest.mark.parametrize(
    "name, words, latin",
    [
        ("Кино", "кино", "kino"),
        ("ガール", "ガール", "garu"),
        ("서울", "서울", "seoul"),
        ("Νέος Ήλιος", "νεοσ ηλιοσ", "neos ilios"),
    ],
)
def test_other_scripts(name, words, latin):
    assert (name_key(name).words, name_key(name).latin) == (words, latin)


@pytest.mark.parametrize("name", ["The The", "Deluxe", "(Live)", "!!!", "The", "II", "feat. X"])
def test_something_is_always_left(name):
    assert name_key(name).words


@pytest.mark.parametrize("missing", [None, float("nan"), "", "  ", "\n"])
def test_missing(missing):
    assert name_key(missing) is None


@given(st.text())
def test_any_text(text):
    key = name_key(text)
    assert (key is None) == (not text.split())
    if key is not None:
        assert key.latin.isascii() and key.words == key.words.strip() and key.words
        again = name_key(key.words)
        assert again is not None
