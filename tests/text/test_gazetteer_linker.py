"""Linking with a knowledge base: what is found, what is refused, and where it stands."""

import pickle

import joblib
import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from sklearn.base import clone

from skmmgenre.text import EntityEnricher, GazetteerLinker, KnowledgeBase
from skmmgenre.text._entities._gazetteer_linker import common_words_of
from skmmgenre.utils import BadItem

RECORDS = [
    ("Miles_Davis", ["Miles Davis"], ["Cool jazz musicians", "American jazz trumpeters"], 500),
    ("Bill_Evans", ["Bill Evans"], ["Cool jazz musicians"], 200),
    ("Motörhead", ["Motörhead"], ["English heavy metal groups"], 300),
    ("Yes_(band)", ["Yes (band)"], ["English progressive rock groups"], 200),
    ("Queen_(band)", ["Queen (band)"], ["English rock groups"], 900),
    ("The_The", ["The The"], ["English post-punk groups"], 100),
    ("Talk_Talk", ["Talk Talk"], ["English new wave groups"], 100),
    ("Off!", ["Off!"], ["American hardcore punk groups"], 5),
    ("Off_the_Wall", ["Off the Wall"], ["1979 albums"], 80),
    ("Earth,_Wind_&_Fire", ["Earth, Wind & Fire"], ["American funk groups"], 100),
    ("Dr._Dre", ["Dr. Dre"], ["American rappers"], 100),
    ("R.E.M.", ["R.E.M."], ["American alternative rock groups"], 100),
    ("AC/DC", ["AC/DC"], ["Australian rock groups"], 100),
    ("1_Giant_Leap", ["1 Giant Leap"], ["English electronic groups"], 1),
    ("1977_(song)", ["1977 (song)"], ["The Clash songs"], 1),
    ("坂本龍一", ["坂本龍一"], ["日本の作曲家"], 50),
    ("ビートルズ", ["ビートルズ"], ["イギリスのロックバンド"], 90),
    ("雪", ["雪"], ["気象"], 90),
    ("Carabao", ["คาราบาว"], ["Thai rock groups"], 10),
    ("Fairuz", ["فيروز"], ["Lebanese singers"], 10),
    # Namesakes: the more linked one is no musician.
    ("John_Smith_(politician)", ["John Smith (politician)", "John Smith"], ["Ministers"], 90),
    ("John_Smith_(trumpeter)", ["John Smith (trumpeter)", "John Smith"], ["Hard bop people"], 10),
    ("Nova_(band)", ["Nova (band)"], ["Italian jazz groups", "Hard bop people"], 2),
    ("Art_Blakey", ["Art Blakey"], ["Hard bop people"], 50),
    ("Genesis_(band)", ["Genesis (band)"], ["English progressive rock groups"], 50),
    ("Genesis", ["Genesis"], ["Books of the Bible"], 50),
]


@pytest.fixture(scope="module")
def path(tmp_path_factory):
    path = tmp_path_factory.mktemp("kb") / "small.kb"
    KnowledgeBase.build(path, records=RECORDS)
    return path


@pytest.fixture(scope="module")
def linker(path):
    return GazetteerLinker(path)


def found(linker, text):
    mentions = linker.link(text)
    behind = 0
    for mention in mentions:
        assert behind <= mention.start < mention.end <= len(text)
        assert text[mention.start : mention.end] == mention.label
        assert 0 < mention.confidence <= 1
        behind = mention.end
    return [(mention.label, mention.entity) for mention in mentions]


# ---- what is found ----------------------------------------------------------------------


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


def test_what_it_answers_with(linker):
    (mention,) = linker.link("Recorded with Miles Davis in May.")
    assert (mention.start, mention.end, mention.confidence) == (14, 25, 1.0)
    assert sorted(mention.categories) == ["American jazz trumpeters", "Cool jazz musicians"]


def test_common_words_are_those_of_the_language(path):
    text = "we talk talk all day"
    assert found(GazetteerLinker(path), text) == []
    assert found(GazetteerLinker(path, common_words=None), text) != []
    assert found(GazetteerLinker(path, common_words=["Talk"]), text) == []
    assert found(GazetteerLinker(path, common_words=["Walk"]), text) != []
    german, english = common_words_of("de"), common_words_of("en")
    assert b"nicht " in german.frequent - english.common and b"yes " in english.common


# ---- which entity it is -------------------------------------------------------------------


def test_by_the_prior(linker):
    (mention,) = linker.link("It is said that John Smith was there.")
    assert mention.entity == "John_Smith_(politician)"
    assert mention.confidence == pytest.approx(91 / 102)


def test_by_the_categories_of_the_others(path):
    text = "Art Blakey hired Bill Evans, and then John Smith for a week."
    assert ("John Smith", "John_Smith_(politician)") in found(GazetteerLinker(path), text)
    strong = GazetteerLinker(path, coherence=30.0)
    assert ("John Smith", "John_Smith_(trumpeter)") in found(strong, text)
    assert ("John Smith", "John_Smith_(politician)") in found(strong, "Bill Evans and John Smith")


def test_by_what_it_is_called(linker):
    assert ("Genesis", "Genesis_(band)") in found(linker, "the English band Genesis plays")
    assert ("John Smith", "John_Smith_(trumpeter)") in found(linker, "the trumpeter John Smith")


def test_one_sense_of_a_name_in_a_text(linker):
    text = "A band Genesis is. And much later again comes old Genesis here."
    assert [entity for _, entity in found(linker, text)] == ["Genesis_(band)"] * 2


def test_a_shared_name_needs_a_reason(linker):
    assert found(linker, "It was in Nova that I heard it") == []
    assert found(linker, "It was the band Nova that I heard") == [("Nova", "Nova_(band)")]
    assert ("Nova", "Nova_(band)") in found(
        GazetteerLinker(linker.kb, coherence=3.0), "It was Art Blakey with Nova whom I heard"
    )


def test_only_the_best_candidates_are_weighed(path):
    text = "the trumpeter John Smith"
    assert found(GazetteerLinker(path, max_candidates=1), text) == [
        ("John Smith", "John_Smith_(politician)")
    ]


# ---- any text at all ------------------------------------------------------------------------

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


# ---- as a parameter, in a file, in workers --------------------------------------------------


def test_parameters(path, linker):
    kb = KnowledgeBase.open(path)
    twin = clone(GazetteerLinker(kb, coherence=0.5))
    assert twin.kb is kb and twin.get_params()["coherence"] == 0.5
    enricher = EntityEnricher(twin).set_params(linker__coherence=2.0)
    assert enricher.linker.coherence == 2.0
    assert found(twin, "with Miles Davis") == found(linker, "with Miles Davis")


def test_a_changed_parameter_counts_at_once(path):
    linker = GazetteerLinker(path)
    assert found(linker, "we talk talk") == []
    linker.set_params(common_words=None)
    assert found(linker, "we talk talk") == [("talk talk", "Talk_Talk")]


def test_a_pickle_holds_the_path_only(path):
    linker = GazetteerLinker(KnowledgeBase.open(path))
    mentions = linker.link("with Miles Davis")
    data = pickle.dumps(linker)
    assert len(data) < 500 and b"Cool jazz" not in data
    assert pickle.loads(data).link("with Miles Davis") == mentions


@pytest.mark.parametrize("prefer", ["processes", "threads"])
def test_in_workers(linker, prefer):
    texts = ["with Miles Davis", "と坂本龍一の音楽"] * 4
    answers = joblib.Parallel(n_jobs=2, prefer=prefer)(
        joblib.delayed(linker.link)(text) for text in texts
    )
    assert answers == [linker.link(text) for text in texts]


@pytest.mark.parametrize(
    ("params", "told"),
    [
        ({"kb": 3}, "kb"),
        ({"max_candidates": 0}, "max_candidates"),
        ({"coherence": -1.0}, "coherence"),
        ({"common_words": 3}, "common_words"),
        ({"common_words": "xx"}, "no list of common words for common_words='xx'.*'en'"),
    ],
)
def test_bad_parameters(linker, params, told):
    with pytest.raises(ValueError, match=told):
        clone(linker).set_params(**params).link("text")


@pytest.mark.parametrize("text", [None, 3, b"text", ["text"]])
def test_what_is_no_text(linker, text):
    with pytest.raises(BadItem, match="is no text"):
        linker.link(text)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="no knowledge base"):
        GazetteerLinker(tmp_path / "absent.kb").link("text")
