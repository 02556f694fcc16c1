"""Lists of texts in the cells of a table, as programs write them."""

import json

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmmgenre.cli._music import open_music
from skmmgenre.cli._table_cells import read_cell


def genres_of(path):
    with open_music(str(path), verbose=0) as music:
        return music.genres


@pytest.mark.parametrize(
    "text, texts",
    [
        ("['Jazz' 'Blues']", ["Jazz", "Blues"]),
        ("['Jazz'\n 'Blues']", ["Jazz", "Blues"]),
        ("['Jazz', 'Blues']", ["Jazz", "Blues"]),
        ('["Jazz", "Blues"]', ["Jazz", "Blues"]),
        ("[np.str_('Jazz'), np.str_('Blues')]", ["Jazz", "Blues"]),
        ("('Jazz', 'Blues')", ["Jazz", "Blues"]),
        ("('Jazz',)", ["Jazz"]),
        ("{'Jazz'}", ["Jazz"]),
        ("{'Jazz', 'Blues'}", ["Jazz", "Blues"]),
        ("[['Jazz' 'Blues']\n ['Dub' 'Ska']]", ["Jazz", "Blues", "Dub", "Ska"]),
        ("[['Jazz'], ['Blues', []]]", ["Jazz", "Blues"]),
        ("['Jazz', nan]", ["Jazz"]),
        ("['Jazz' None]", ["Jazz"]),
        ('["Jazz", null, NaN]', ["Jazz"]),
        ('["Jazz\\/Funk", "\\ud83c\\udfb9"]', ["Jazz/Funk", "🎹"]),
        ("['Drum\\'n\\'Bass' \"Rock'n'Roll\"]", ["Drum'n'Bass", "Rock'n'Roll"]),
        (" ['Jazz'] ", ["Jazz"]),
        ("[]", None),
        ("[None]", None),
        ("", None),
    ],
)
def test_lists(text, texts):
    assert read_cell(text) == texts and read_cell(text, is_free_text=True) == texts


@pytest.mark.parametrize(
    "text",
    [
        *("[Live]", "[1999]", "[untitled]", "[1] [x]", "[...]", "(Live)", "('60s) Rock", "{x}"),
        *("Jazz", "[", "(", "it's ['a']", "[" * 100_000),
    ],
)
def test_what_is_not_a_list_is_a_text(text):
    assert read_cell(text) == text


@pytest.mark.parametrize(
    "text",
    [
        *("['Jazz', Blues]", "['Jazz' + 'Blues']", "['Jazz''Blues']", "['Jazz", "['Jazz'"),
        *("('Jazz' 'Blues')", "{'Jazz' 'Blues'}", "('Jazz')", "[b'Jazz']", '["Jazz", 1]'),
        *("['Jazz'] and ['Blues']", '{"path": "a.mp3"}', "{'a': 1}", r"['C:\Music\a.mp3']"),
        *("array(['Jazz'], dtype=object)", "frozenset({'Jazz'})", '{"Hip Hop",Jazz}'),
        *("['Jazz')", "['Jazz']]"),
    ],
)
def test_what_begins_like_a_list_and_is_not_one(text):
    """It is never a name of a genre or a file; a review may begin so."""
    with pytest.raises(ValueError, match="begins like a list but cannot be read"):
        read_cell(text)
    assert read_cell(text, is_free_text=True) == text


def test_values_of_other_tables_than_csv():
    cell = [np.array(["Jazz", "Dub"], dtype=object), ("Ska",)]
    assert read_cell(cell) == ["Jazz", "Dub", "Ska"]
    assert read_cell(np.array(["Jazz"])) == ["Jazz"]
    assert read_cell(float("nan")) is None and read_cell(np.array([], dtype=object)) is None
    assert read_cell(1999) == 1999


def test_a_table_of_arrays_through_csv(tmp_path):
    genres = [["Jazz", "Deep House"], ["Blues"], [f"Genre of a long name {i}" for i in range(9)]]
    for kind in (np.array, lambda names: np.array(names, dtype=object), tuple, list):
        table = pd.DataFrame({"text": "x", "genres": [kind(names) for names in genres]})
        table.to_csv(tmp_path / "t.csv", index=False)
        assert genres_of(tmp_path / "t.csv") == genres
    paths = pd.DataFrame({"audio": [np.array(["a.mp3", "b c.mp3"])]})
    paths.to_csv(tmp_path / "t.csv", index=False)
    with open_music(str(tmp_path / "t.csv"), verbose=0) as music:
        expected = [str(tmp_path / "a.mp3"), str(tmp_path / "b c.mp3")]
        assert music.table["audio"].tolist() == [expected]


def test_what_cannot_be_read_is_named(tmp_path):
    long = str(np.array(["Jazz"] * 2000))
    for column, text, told in (
        ("genres", long, "holds a list that was shortened"),
        ("text", long, "holds a list that was shortened"),
        ("audio", "['a.mp3' b.mp3]", "begins like a list but cannot be read"),
        ("cover", "['a.png'", "begins like a list but cannot be read"),
    ):
        table = pd.DataFrame({"text": ["x", "y"], "genres": "Jazz"})
        table[column] = ["", text]
        table.to_csv(tmp_path / "t.csv", index=False)
        with pytest.raises(ValueError, match=f"t.csv': column '{column}' of row 1 .* {told}"):
            genres_of(tmp_path / "t.csv")


def test_cells_that_are_not_paths(tmp_path):
    pytest.importorskip("pyarrow")
    for cell in (b"RIFF", {"bytes": b"RIFF", "path": None}, [0.5, 0.25]):
        pd.DataFrame({"audio": [cell]}).to_parquet(tmp_path / "t.parquet")
        with pytest.raises(ValueError, match="column 'audio' of row 0 .* does not hold a path"):
            genres_of(tmp_path / "t.parquet")


words = st.text(st.characters(codec="utf-8", exclude_characters="\0"), min_size=1)
words |= st.text("ab'\"\\ ,[](){}\n", min_size=1)


@settings(deadline=None)
@given(st.lists(words, min_size=1, max_size=6))
def test_what_programs_write_is_read(texts):
    objects = np.array(texts, dtype=object)
    for written in (str(texts), str(tuple(texts)), str(objects), str(list(np.array(texts)))):
        assert read_cell(written) == texts
    for ascii_only in (True, False):
        assert read_cell(json.dumps(texts, ensure_ascii=ascii_only)) == texts
    assert sorted(read_cell(str(set(texts)))) == sorted(set(texts))


@settings(deadline=None)
@given(st.text("ab'\"\\ ,.[](){}NonenapstrU_x0\n", max_size=30))
def test_any_text_is_a_text_a_list_or_refused(text):
    try:
        cell = read_cell(text)
    except ValueError as error:
        assert "list" in str(error)
    else:
        assert cell is None or cell == text or all(isinstance(part, str) for part in cell)
