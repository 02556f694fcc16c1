"""One spelling of the names of entities and categories, whichever way they are written."""

import json

import pytest

from skmmgenre.text import KnowledgeBase, PrecomputedLinker


@pytest.fixture
def read(tmp_path):
    """A function: the name of an entity, or of a category of it, that a service answered."""

    def read(reference, category="Albums"):
        entity = {"label": "Text", "startChar": 0, "endChar": 4, "confidence": 1, "uri": reference}
        sentence = {"text": "Text.", "entities": [entity | {"categories": [category]}]}
        (tmp_path / "1.json").write_text(json.dumps([sentence]), encoding="utf-8")
        (mention,) = PrecomputedLinker(tmp_path).link("Text.")
        return mention.entity, *mention.categories

    return read


@pytest.mark.parametrize(
    "reference",
    [
        "Beyoncé",
        "Beyonc%C3%A9",
        "Beyonce\u0301",
        "http://dbpedia.org/resource/Beyoncé",
        "http://dbpedia.org/resource/Beyonc%C3%A9",
        "https://fr.dbpedia.org/page/Beyoncé",
        "https://en.wikipedia.org/wiki/Beyonc%C3%A9",
        " Beyoncé ",
    ],
)
def test_one_name(read, reference):
    assert read(reference)[0] == "Beyoncé"


@pytest.mark.parametrize(
    ("reference", "name"),
    [
        ("100% (song)", "100%_(song)"),
        ("50%ff", "50%ff"),  # no UTF-8
        ("AC/DC", "AC/DC"),
        ("http://dbpedia.org/resource/AC/DC", "AC/DC"),
        ("bn:00083221v", "bn:00083221v"),
        ("Blowin\\u0027_in_the_Wind", "Blowin'_in_the_Wind"),
        ("http://example.org/music/Adele", "Adele"),
    ],
)
def test_marks_of_a_name_stay(read, reference, name):
    assert read(reference)[0] == name


@pytest.mark.parametrize(
    "reference",
    [
        "Björk albums",
        "Bj%C3%B6rk_albums",
        "Category:Björk_albums",
        "http://dbpedia.org/resource/Category:Bj%C3%B6rk_albums",
    ],
)
def test_one_category(read, reference):
    assert read("Björk", reference)[1] == "Björk albums"


def test_a_dash_that_was_left_escaped(read):
    name = "Canada\\u2013United_States_relations"
    assert read("Canada", name)[1] == "Canada\u2013United States relations"


@pytest.mark.parametrize(
    ("iri", "name"),
    [
        ("http://dbpedia.org/resource/AC/DC", "AC/DC"),
        ("http://de.dbpedia.org/resource/M%C3%BCnchen", "München"),
        ("https://en.wikipedia.org/wiki/100%_(album)", "100%_(album)"),
        ("http://example.org/ns#Thing", "Thing"),
        ("http://example.org/", "http://example.org/"),
    ],
)
def test_the_name_of_a_resource(tmp_path, iri, name):
    (tmp_path / "labels.nt").write_text(f'<{iri}> <http://x.org/label> "A" .\n', encoding="utf-8")
    kb = KnowledgeBase.build(tmp_path / "a.kb", labels=tmp_path / "labels.nt")
    assert kb.candidates("A") == [(name, 1.0)]


@pytest.mark.parametrize(
    ("category", "title"),
    [
        ("Category:English_pop_singers", "English pop singers"),
        ("Kategorie:Band", "Band"),
        ("Yes: a category", "Yes: a category"),
    ],
)
def test_the_title_of_a_category(tmp_path, category, title):
    kb = KnowledgeBase.build(tmp_path / "a.kb", records=[("A", ["A"], [category], 0)])
    assert kb.categories("A") == (title,)


@pytest.mark.parametrize(
    ("title", "bare", "qualifier"),
    [
        ("Yes (UK band)", "Yes", "UK band"),
        ("(Miss)understood", "(Miss)understood", ""),
        ("What (a) day", "What (a) day", ""),
    ],
)
def test_what_stands_in_brackets_behind_a_title(tmp_path, title, bare, qualifier):
    records = [("A", [title], [], 0), ("Other", ["Other"], [], 0)]
    kb = KnowledgeBase.build(tmp_path / "a.kb", records=records)
    assert kb.candidates(bare) == [("A", 1.0)]
    for part in ("UK band", "Miss", "understood", "What", "day"):
        assert kb.candidates(part) == []
    records[0] = (title, [title], [], 0)
    for words in ("UK band", "Miss", "a"):
        kb = KnowledgeBase.build(tmp_path / "a.kb", records=records, left_out_qualifiers=[words])
        assert (title in kb) == (words != qualifier)
