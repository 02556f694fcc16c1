"""Dumps and records to the file of a knowledge base: what is taken, and what is refused."""

import gzip

import pytest
from small_dumps import BASE, ONTOLOGY, RECORDS

from skmmgenre.text import KnowledgeBase


def facts(folder):
    """Triples of several kinds in one file, as a dump about music may be."""
    path = folder / "facts.tsv"
    rows = [
        ("MGMT", "recordLabel", "<Columbia_Records>"),
        ("MGMT", "genre", "<Disco>"),
        ("MGMT", "name", '"MGMT"@en'),
        ("MGMT", "abstract", '"A band."@en'),
    ]
    path.write_text("".join("\t".join(row) + "\n" for row in rows))
    return path


def test_a_label_is_a_text_behind_a_predicate_of_names(tmp_path):
    kb = KnowledgeBase.build(tmp_path / "a.kb", labels=facts(tmp_path))
    assert kb.candidates("MGMT") == [("MGMT", 1.0)]
    assert kb.candidates("disco") == kb.candidates("A band") == []
    kb = KnowledgeBase.build(
        tmp_path / "b.kb", labels=facts(tmp_path), label_predicates=["abstract"]
    )
    assert kb.candidates("A band") == [("MGMT", 1.0)]


def test_labels_without_a_predicate_of_names(tmp_path):
    path = facts(tmp_path)
    path.write_text("".join(path.read_text().splitlines(True)[:2]))
    with pytest.raises(
        ValueError, match="dumps of labels contain no text.*recordLabel.*label_predicates"
    ):
        KnowledgeBase.build(tmp_path / "a.kb", labels=path)


def test_predicates_that_do_not_occur(tmp_path):
    with pytest.raises(ValueError, match=r"\['recordLable'\] do not occur.*'recordLabel'"):
        KnowledgeBase.build(
            tmp_path / "a.kb",
            categories=facts(tmp_path),
            predicates={"genre": "", "recordLable": "label"},
        )
    with pytest.raises(ValueError, match="none were passed"):
        KnowledgeBase.build(tmp_path / "a.kb", records=RECORDS, predicates={"genre": ""})
    assert not (tmp_path / "a.kb").exists()


@pytest.mark.parametrize("record", [("A", ["B"]), "A", 3])
def test_a_record_of_other_parts(tmp_path, record):
    with pytest.raises(
        ValueError, match="Record 1 is .* Expected .entity, forms, categories, prior"
    ):
        KnowledgeBase.build(tmp_path / "a.kb", records=[("A", ["A"], [], 0), record])


def test_info(kb, dumps):
    info = kb.info()
    assert {name: info[name] for name in ("entities", "categories", "category_links", "links")} == {
        "entities": 5,
        "categories": 3,
        "category_links": 3,
        "links": 13,
    }
    assert info["bytes"] == kb.path.stat().st_size
    assert info["sources"] == [{"role": role, "name": path.name} for role, path in dumps.items()]
    # Nothing is lost without being told.
    assert info["left_out"] == {
        "forms without letters or digits": 1,
        "labels of excluded names, or of redirects to unknown entities": 2,
        "redirects to unknown entities": 3,
        "categories of names that are not entities": 1,
        "links to names that are not entities": 1,
    }
    assert str(kb.path.parent) not in repr(info)


def test_labels_of_one_language(dumps, tmp_path):
    kb = KnowledgeBase.build(tmp_path / "en.kb", **dumps, language="en")
    assert kb.candidates("マイルス・デイヴィス") == []
    assert kb.info()["left_out"]["labels in another language"] == 1


def test_the_role_of_a_predicate(tmp_path):
    """A table of triples without labels, of which the genres are not taken."""
    rows = [
        ("ABBA", "genre", "Pop_music"),
        ("ABBA", "recordLabel", "Polar_Music"),
        ("Blur_(band)", "recordLabel", "Food_Records"),
        ("Blur_(band)", "associatedBand", "ABBA"),
    ]
    path = tmp_path / "music.nt.gz"
    lines = [f'<{BASE}{a}>\t"<{ONTOLOGY}{b}>"\t<{BASE}{c}>\n' for a, b, c in rows]
    path.write_bytes(gzip.compress("".join(lines).encode()))
    predicates = {"recordLabel": "record label", ONTOLOGY + "associatedBand": ""}
    kb = KnowledgeBase.build(
        tmp_path / "music.kb", categories=[path], links=path, predicates=predicates
    )
    assert kb.categories("ABBA") == ("record label: Polar Music",)
    assert sorted(kb.categories("Blur_(band)")) == ["ABBA", "record label: Food Records"]
    assert kb.candidates("blur") == [("Blur_(band)", 1.0)]
    assert kb.candidates("polar music") == [("Polar_Music", 1.0)]
    assert "Pop_music" not in kb
    assert kb.info()["links"] == 3
    assert kb.info()["left_out"]["categories with other predicates"] == 1
    named = {
        kb.content.category_name(category): kb.content.entity_name(entity - 1)
        for category, entity in enumerate(kb.content.category_entities)
        if entity
    }
    assert named["record label: Polar Music"] == "Polar_Music" and named["ABBA"] == "ABBA"


def test_without_labels_the_targets_of_redirects_are_entities(tmp_path):
    """And what has categories or is linked to; no name that redirects is one."""
    for name, line in {
        "redirects": "Queens\tQueen_(band)\nQueen_band\tQueens\n",
        "categories": "ABBA\tSwedish pop groups\n",
        "links": "Oasis\tBlur\n",
    }.items():
        (tmp_path / f"{name}.tsv").write_text(line)
    dumps = {name: tmp_path / f"{name}.tsv" for name in ("redirects", "categories", "links")}
    kb = KnowledgeBase.build(tmp_path / "some.kb", **dumps)
    entities = ["Queen_(band)", "ABBA", "Blur"]
    others = ["Queens", "Queen_band", "Oasis", "Swedish_pop_groups"]
    assert [name for name in [*entities, *others] if name in kb] == entities
    assert kb.candidates("queens") == [("Queen_(band)", 1.0)]


def test_tables_are_enough(tmp_path):
    (tmp_path / "labels.tsv").write_text("Q1\tMiles Davis\nQ2\tYes (band)\n")
    (tmp_path / "categories.tsv").write_text("Q1\tCool_jazz\nQ2\tCategory:English rock\n")
    kb = KnowledgeBase.build(
        tmp_path / "some.kb",
        labels=str(tmp_path / "labels.tsv"),
        categories=[tmp_path / "categories.tsv"],
    )
    assert kb.candidates("miles davis") == [("Q1", 1.0)]
    assert kb.candidates("Q1") == []  # its label is its title
    assert kb.categories("Q2") == ("English rock",)


def test_a_bracket_that_is_part_of_the_title(tmp_path):
    records = [("A", ["I Can't Help Myself (Sugar Pie, Honey Bunch)"], [], 0)]
    kb = KnowledgeBase.build(tmp_path / "some.kb", records=records)
    assert kb.candidates("I can't help myself (sugar pie, honey bunch)") == [("A", 1.0)]
    assert kb.candidates("I Can't Help Myself") == [("A", 1.0)]


def test_the_same_input_gives_the_same_bytes(dumps, tmp_path):
    for name in ("a.kb", "b.kb"):
        KnowledgeBase.build(tmp_path / name, **dumps)
    assert (tmp_path / "a.kb").read_bytes() == (tmp_path / "b.kb").read_bytes()


# ---- what is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([], "No entities"),
        ([("A", "abc", [], 0)], "'A'.*str as forms"),
        ([("A", ["a"], "abc", 0)], "'A'.*str as forms"),
        ([("A", ["a"], [], -1)], "'A'.*prior -1"),
        ([("A", ["a"], [], float("nan"))], "'A'.*prior nan"),
        ([("A", ["a"], [], float("inf"))], "'A'.*prior inf"),
        ([("A\ud800", ["a"], [], 0)], "UTF-8"),
        ([("A (disambiguation)", ["a"], [], 0)], "No entities"),
    ],
)
def test_records_that_make_no_sense(tmp_path, records, told):
    with pytest.raises(ValueError, match=told):
        KnowledgeBase.build(tmp_path / "some.kb", records=records)
    assert list(tmp_path.iterdir()) == []


def test_a_bad_dump_leaves_the_old_file(kb_file, tmp_path):
    before = kb_file.read_bytes()
    (tmp_path / "labels.tsv").write_text("a\tb\nc\n")
    with pytest.raises(ValueError, match="labels.tsv, line 2"):
        KnowledgeBase.build(kb_file, labels=tmp_path / "labels.tsv")
    assert kb_file.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"some.kb", "labels.tsv"}


def test_an_interruption_leaves_the_old_file(kb_file, tmp_path):
    before = kb_file.read_bytes()

    def records():
        yield ("A", ["a"], [], 0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        KnowledgeBase.build(kb_file, records=records())
    assert kb_file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["some.kb"]
