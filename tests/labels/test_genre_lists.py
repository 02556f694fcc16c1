"""Which genres there are in a text that joins several names."""

import pandas as pd
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from mutagen.id3 import TCON

from skmmgenre.labels._genre_lists import (
    _CATALOGUE_NAMES,
    NOT_GENRES,
    describe_reading,
    genre_key,
    may_stand_in_name,
    read_genre_lists,
    read_genres,
)

KNOWN = sorted(" ".join(name.split()) for name in _CATALOGUE_NAMES.replace("\n", " ").split(";"))


def read(text, *others, **options):
    """The genres of an item with one text, among others."""
    return read_genre_lists([[text], *([other] for other in others)], **options)[0][0]


@pytest.mark.parametrize("name", KNOWN)
def test_known_names_are_whole(name):
    assert read(name) == [name] and read(name.upper()) == [name.upper()]
    assert read(f"{name}/Zeuhl") == [name, "Zeuhl"]
    assert read(f"Zeuhl/{name}; Dub") == ["Zeuhl", name, "Dub"]
    assert read(name, slash=False) == [name]


@pytest.mark.parametrize("name", [name for name in TCON.GENRES if name not in NOT_GENRES])
def test_names_of_id3_tell_a_list_and_are_whole(name):
    assert read(name) == [name]
    assert read(f"{name}, Bubblegum", "Bubblegum") == [name, "Bubblegum"]


@pytest.mark.parametrize(
    "text, genres",
    [
        ("Pop/Rock/Jazz", ["Pop/Rock", "Jazz"]),
        ("Jazz/Pop/Rock", ["Jazz", "Pop/Rock"]),
        ("Pop / Rock", ["Pop / Rock"]),
        ("Funk/Soul", ["Funk/Soul"]),
        ("Children\u2019s/Family", ["Children\u2019s/Family"]),
        ("Rock/Zydeco", ["Rock", "Zydeco"]),
        ("Comedy/Spoken Word/Other", ["Comedy/Spoken Word/Other"]),  # the longest counts
        ("Rock, Pop, Jazz", ["Rock", "Pop", "Jazz"]),
        ("Rock, Pop/Rock, Jazz", ["Rock", "Pop/Rock", "Jazz"]),
        ("Rock, Zydeco", ["Rock, Zydeco"]),
        ("Sea, Sun", ["Sea, Sun"]),
        ("Jazz, Folk, World, & Country", ["Jazz", "Folk, World, & Country"]),
        ("Rock\\Pop", ["Rock", "Pop"]),
        ("Rock\\Zydeco", ["Rock\\Zydeco"]),
        ("Sea\\\\Sun", ["Sea", "Sun"]),
        ("Sea\0Sun", ["Sea", "Sun"]),
        ("[Jazz, Blues]", ["Jazz", "Blues"]),
        ("[Live]", ["[Live]"]),
        ("N/A", []),
        ("other", []),
        ("Rock/Other", ["Rock"]),
        ("Rock, Unknown", ["Rock"]),
        ("  Free   Jazz ;free jazz", ["Free Jazz"]),
        ("/;|,", [","]),
        ("Rock／Zydeco", ["Rock", "Zydeco"]),  # fullwidth
        ("Pop／Rock", ["Pop／Rock"]),
        ("Pop／Rock/Jazz", ["Pop／Rock", "Jazz"]),
        ("Jazz，Blues、Rock", ["Jazz", "Blues", "Rock"]),
        ("Sea，Sun", ["Sea，Sun"]),
        ("Sea；Sun｜Moon", ["Sea", "Sun", "Moon"]),
        ("Rock＼Pop", ["Rock", "Pop"]),
    ],
)
def test_joined_names(text, genres):
    assert read(text) == genres


def test_names_of_other_items_tell_a_list():
    assert read("Rock, Zydeco", "Zydeco") == ["Rock", "Zydeco"]
    assert read("Rock, Zydeco", "Rock, Zydeco") == ["Rock, Zydeco"]


def test_separators_that_are_given_are_the_only_ones():
    assert read("Pop/Rock|Jazz", separators="/|") == ["Pop", "Rock", "Jazz"]
    assert read("Pop/Rock; Jazz, Blues", separators=";") == ["Pop/Rock", "Jazz, Blues"]
    assert read("Pop/Rock; Jazz", separators="") == ["Pop/Rock; Jazz"]
    assert read("N/A", separators="/") == []


def test_spaces_beside_other_separators_do_not_count():
    assert read("Hip Hop; Free Jazz", separators="; ") == ["Hip Hop", "Free Jazz"]
    assert read("Rock Jazz", separators=" ") == ["Rock", "Jazz"]


def test_known_names_are_whole_and_kept():
    known = ["Rock, Jazz", "Other", "A; B"]
    assert read("Rock, Jazz; Blues", known=known) == ["Rock, Jazz", "Blues"]
    assert read("other; Misc", known=known) == ["other"]
    assert read("A; B", known=known) == ["A; B"]
    assert read("Rock, Jazz; Blues") == ["Rock", "Jazz", "Blues"]


def test_fullwidth_forms_of_the_separators_that_are_given():
    assert read("Sea／Sun、Moon", separators="/") == ["Sea", "Sun、Moon"]
    assert read("Sea／Sun、Moon", separators=",") == ["Sea／Sun", "Moon"]


@pytest.mark.parametrize("text", ["/", ",", "a/", "x,", "\\", "a" * 20, ";", " /", "\0"])
def test_long_texts_are_no_lists_and_cost_nothing(text, monkeypatch):
    def fail(*_):
        raise AssertionError("It is split.")

    monkeypatch.setattr("skmmgenre.labels._genre_lists._split", fail)
    text *= 100_000
    for separators in (None, text[0]):
        genres, readings = read_genre_lists([[text]], separators)
        assert genres == [[]]
        ((shortened, read_as, n),) = readings
        assert (read_as, n) == ([], 1) and len(shortened) == 60 and shortened.endswith("...")
        assert len(describe_reading(readings[0], "file")) < 300  # null characters are escaped


def test_the_most_names_in_a_text_and_the_most_texts():
    names = [f"g{number}" for number in range(65)]
    assert read("/".join(names[:64])) == names[:64]
    assert read("/".join(names)) == []
    assert read(",".join(names), separators="/") == [",".join(names)]
    assert read("a" * 1_000) == ["a" * 1_000]
    assert read("a" * 1_001) == []
    genres, readings = read_genre_lists([names, [names[64]]])
    assert genres == [names[:64], names[64:]] and readings == [(names[64], [], 1)]


def test_long_names_are_shortened_where_they_are_said():
    _, (reading,) = read_genre_lists([["/".join(letter * 100 for letter in "abcdefghi")]])
    said = describe_reading(reading, "file")
    assert "'aaa" in said and said.endswith(", and 1 more") and len(said) < 10 * 65


def test_what_is_not_a_genre():
    assert read("Other", not_genres=()) == ["Other"]
    assert read("Zydeco; Other", not_genres=["ZYDECO"]) == ["Other"]


def test_what_was_done_is_counted():
    items = [["Rock/Dub"], ["Rock/Dub", "Dub"], ["other"], ["Jazz; Blues"], ["Pop/Rock"], []]
    _, readings = read_genre_lists(items)
    assert [describe_reading(reading, "file") for reading in readings] == [
        "2 files: 'Rock/Dub' read as 'Rock', 'Dub'",
        "1 file: 'other' is not a genre",
    ]
    _, readings = read_genre_lists(items, ";/")  # as it was asked for
    assert [reading.text for reading in readings] == ["other"]


names = st.one_of(
    st.sampled_from(
        ["Rock", "Jazz", "Zydeco", "R&B", "Other", "Pop/Rock", "Folk, World, & Country"]
    ),
    st.sampled_from(KNOWN),
    st.text("ab/,;|\\ \0&[]é", max_size=8),
)
texts = st.lists(names, max_size=4).flatmap(
    lambda parts: st.sampled_from([";", "/", "|", ", ", "\\", "\\\\", " / "]).map(
        lambda letter: letter.join(parts)
    )
)
collections = st.lists(st.lists(texts, max_size=3), max_size=4)


@settings(deadline=None)
@given(collections, st.booleans(), st.sampled_from([None, ";", ";/", ""]))
@example([["Rock, [/,&", "["]], True, None)
def test_no_name_is_empty_or_there_twice_and_reading_again_changes_nothing(items, slash, letters):
    genres, _ = read_genre_lists(items, letters, slash=slash)
    for found in genres:
        keys = list(map(genre_key, found))
        assert all(keys) and len(set(keys)) == len(keys)
        assert not set(keys) & set(map(genre_key, NOT_GENRES))
    again, readings = read_genre_lists(genres, letters, slash=slash)
    assert again == genres and not readings


@settings(deadline=None)
@given(st.lists(st.sampled_from(KNOWN), min_size=1, max_size=4), st.sampled_from([";", "|"]))
def test_joined_known_names_come_back(parts, letter):
    parts = list({genre_key(name): name for name in parts}.values())
    assert read(letter.join(parts)) == parts


def test_cells_of_a_table():
    cells = pd.Series(["Pop/Rock; R&B", ["Jazz", "Blues, Rock"], None, 3, "['Dub', 'Ska']"])
    genres, readings = read_genres(cells)
    assert genres == [["Pop/Rock", "R&B"], ["Jazz", "Blues", "Rock"], [], ["3"], ["Dub", "Ska"]]
    assert readings == [("Blues, Rock", ["Blues", "Rock"], 1)]
    assert read_genres(["Other; A/B"], "/", not_genres=()) == ([["Other; A", "B"]], [])
    assert read_genres([]) == ([], [])


@pytest.mark.parametrize("cell", [b"Rock", {"genre": "Rock"}, ["Rock", b"Jazz"], "['Rock'"])
def test_a_cell_that_holds_no_names_is_named(cell):
    with pytest.raises(ValueError, match=r"the genre cell of row 1 \(the first is 0\)"):
        read_genres(["Jazz", cell])
    with pytest.raises(ValueError, match="column 'x' of row 1"):
        read_genres(["Jazz", cell], name="column 'x'")


@pytest.mark.parametrize("text", ["/", " > ", " - ", "::", "a"])
def test_what_may_stand_in_a_name(text):
    assert may_stand_in_name(text) and read(f"x{text}y", slash=False) == [f"x{text}y"]


@pytest.mark.parametrize("text", [";", " | ", ",", "\n", "\t", "  ", "\\", "\0", "；"])
def test_what_may_not_stand_in_a_name(text):
    assert not may_stand_in_name(text)
