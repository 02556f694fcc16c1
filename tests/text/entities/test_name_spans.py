"""Where names stand in a text, and which of them are none."""

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from small_gazetteer import RECORDS, found


@pytest.mark.parametrize(
    ("text", "label", "entity"),
    [
        ("with Miles Davis.", "Miles Davis", "Miles_Davis"),
        ("Miles Davis's band", "Miles Davis", "Miles_Davis"),
        ("the late MILES DAVIS", "MILES DAVIS", "Miles_Davis"),
        ("i love miles davis", "miles davis", "Miles_Davis"),
        ("Miles\nDavis", "Miles\nDavis", "Miles_Davis"),
        ("by motorhead-like bands and Motorhead", "Motorhead", "Motörhead"),
        ("the “Mo\u0308torhead” sound", "Mo\u0308torhead", "Motörhead"),
        ("Ｍｉｌｅｓ Ｄａｖｉｓ", "Ｍｉｌｅｓ Ｄａｖｉｓ", "Miles_Davis"),
        ("Earth, Wind and Fire play", "Earth, Wind and Fire", "Earth,_Wind_&_Fire"),
        ("as Earth Wind & Fire", "Earth Wind & Fire", "Earth,_Wind_&_Fire"),
        ("with Dr. Dre.", "Dr. Dre", "Dr._Dre"),
        ("bands such as R.E.M. were", "R.E.M", "R.E.M."),
        ("it is AC-DC again", "AC-DC", "AC/DC"),
        ("by the band Talk Talk", "Talk Talk", "Talk_Talk"),
        ("the record by The The", "The The", "The_The"),
        ("と坂本龍一の音楽", "坂本龍一", "坂本龍一"),
        ("昔はビートルズだけ", "ビートルズ", "ビートルズ"),
        ("ฟังคาราบาวทุกวัน", "คาราบาว", "Carabao"),
        ("غنت فَيْرُوز هنا", "فَيْرُوز", "Fairuz"),
        ("the album Off the Wall sold", "Off the Wall", "Off_the_Wall"),
    ],
)
def test_a_name(linker, text, label, entity):
    assert (label, entity) in found(linker, text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Yes, it is. Yes! And yes",
        "the the",
        "We talk talk",
        "LOVE IT, YES AND QUEEN",
        "Off you go",
        "an album of 1977 and 1 more",
        "雪が降る",
        "the milesdavis tapes",
        "a smile, Davis",
        "miles, davis",  # a comma that the name has not
        "Miles. Davis",
        "Queen Elizabeth came",
        'the song "Yes"',
        "\ud800",
        "\x00",
    ],
)
def test_no_name(linker, text):
    assert found(linker, text) == []


def test_the_longest_name_is_taken(linker):
    text = "from 1979's Off the Wall, by Miles Davis Bill Evans"
    assert [label for label, _ in found(linker, text)] == [
        "Off the Wall",
        "Miles Davis",
        "Bill Evans",
    ]


# The names, and what may stand around and within them.
PIECES = st.sampled_from(
    [form for _, forms, _, _ in RECORDS for form in forms]
    + list("!?.,;:&'’-_/()[]\"“”«»\n\t \x00\u2028\u200d\u0301\u0338\u3099\ufe0f\u202e\u00ad")
    + ["\U0001f3b8", "\U0001f469\u200d\U0001f3a4", "\U0001f3fd", "אבּ", "عَر", "Ａｂ", "ß", "İ", "ﬁ"]
    + ["yes", "Yes", "YES", "the", "band", "坂", "か", "ｶﾞ", "ﷺ", "½", "\ud800", "각", "\u1161"]
)
TEXTS = st.one_of(
    st.text(max_size=80), st.lists(PIECES, max_size=30).map("".join), st.lists(PIECES).map(" ".join)
)


@settings(max_examples=400, deadline=None)
@given(TEXTS)
@example("ﬁ Miles Davis ß İ Miles Davis")
@example("\U0001f3b8Yes\U0001f3b8\u0301 Miles\u0301 Davis\u0301")
def test_offsets(linker, text):
    found(linker, text)


@settings(max_examples=60, deadline=None)
@given(st.sampled_from(["Miles Davis", "坂本龍一", "Motörhead"]), TEXTS)
def test_a_name_in_a_paragraph_of_its_own_is_found(linker, name, text):
    """Whatever stands before it."""
    assert found(linker, f"{text}\n\n{name}")[-1][0] == name


@pytest.mark.slow
def test_a_text_of_10_mb(linker):
    unit = "With MILES DAVIS, ﬁne \U0001f3b8 songs of 坂本龍一 " + "and the straße; " * 20
    text = unit * (10_000_000 // len(unit.encode()))
    mentions = linker.link(text)
    starts = [mention.start for mention in mentions]
    assert len(mentions) == 2 * text.count("MILES")
    assert np.diff(starts[::2]).tolist() == [len(unit)] * (len(mentions) // 2 - 1)
    assert {text[mention.start : mention.end] for mention in mentions} == {
        "MILES DAVIS",
        "坂本龍一",
    }
    assert {mention.label for mention in mentions} == {"MILES DAVIS", "坂本龍一"}
