"""Lists of texts in the cells of a table, as programs write them."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmmgenre.utils import read_cell, read_cells, refuse_left_out


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


def test_an_error_names_the_row():
    assert read_cells(["['a' 'b']", "", None, "c"], "column 'x'") == [["a", "b"], None, None, "c"]
    with pytest.raises(ValueError, match=r"column 'x' of row 1 \(the first is 0\) begins like a l"):
        read_cells(["a", "['a'"], "column 'x'")
    with pytest.raises(ValueError, match="of row 2 .* is long: 'abc'"):

        def read(value):
            if len(value) > 2:
                raise ValueError("is long")

        read_cells(["a", "b", "abc"], "column 'x'", read)


def test_rows_left_out_are_counted_and_the_first_is_named():
    refuse_left_out([False, False], "have no genre", "Fill it.")
    refuse_left_out([], "have no genre", "Fill it.")
    with pytest.raises(ValueError) as found:
        refuse_left_out([False, True, True], "have no genre", "Fill it.")
    said = "2 of 3 rows have no genre (the first is row 1, counted from 0). Fill it."
    assert str(found.value) == said
    with pytest.raises(ValueError, match=r"1 of 2 items .*\(the first is 'b'\)"):
        refuse_left_out([False, True], "have none", "Fill it.", noun="item", names=["a", "b"])
