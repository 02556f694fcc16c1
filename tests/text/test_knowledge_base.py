"""Building, opening and sharing a knowledge base."""

import copy
import gzip
import pickle
import random
import threading
import zipfile

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmmgenre.text import KnowledgeBase
from skmmgenre.text._entities._form_key import form_keys
from skmmgenre.text._entities._titles import as_name, as_title

BASE = "http://dbpedia.org/resource/"
ONTOLOGY = "http://dbpedia.org/ontology/"
LABEL = "http://www.w3.org/2000/01/rdf-schema#label"
RECORDS = [
    ("Yes_(band)", ["Yes (band)"], ["English rock bands"], 89),
    ("Yes_(Alvin_Slaughter_album)", ["Yes (Alvin Slaughter album)"], ["2010 albums"], 9),
    ("Miles Davis", ["Miles Davis", "Miles Dewey Davis III"], ["Cool jazz musicians"], 40),
]


def triples(path, predicate, pairs):
    """A dump of N-Triples: names, and names or (in quotes) texts."""
    lines = [
        f"<{BASE}{a}> <{predicate}> " + (b if b[0] == '"' else f"<{BASE}{b}>") + " .\n"
        for a, b in pairs
    ]
    path.write_text("".join(lines), encoding="utf-8")
    return path


@pytest.fixture(scope="module")
def dumps(tmp_path_factory):
    """Small dumps as DBpedia has them."""
    folder = tmp_path_factory.mktemp("dumps")
    labels = [
        ("Miles_Davis", '"Miles Davis"@en'),
        ("Miles_Davis", '"マイルス・デイヴィス"@ja'),
        ("Queen", '"Queen"@en'),
        ("Queen_(band)", '"Queen (band)"@en'),
        ("Queen_(Queen_album)", '"Queen (Queen album)"@en'),
        ("Queen_(disambiguation)", '"Queen (disambiguation)"@en'),
        ("Queen_band", '"Queen band"@en'),  # dumps of labels hold redirects too
        ("!!!", '"!!!"@en'),
        ("Dead_end", '"Dead end"@en'),
    ]
    redirects = [
        ("Queen_band", "Queens"),
        ("Queens", "Queen_(band)"),
        ("Prince_of_darkness_(Miles)", "Miles_Davis"),
        ("Dead_end", "Nowhere"),
        ("Round", "And_round"),
        ("And_round", "Round"),
    ]
    categories = [
        ("Miles_Davis", "Category:Cool_jazz_musicians"),
        ("Miles_Davis", "Category:American_jazz_trumpeters"),
        ("Miles_Davis", "Category:Cool_jazz_musicians"),  # twice
        ("Queen_band", "Category:English_rock_bands"),
        ("Nobody", "Category:Living_people"),
    ]
    links = [("A", "Queen_(band)")] * 7 + [("A", "Queens")] * 2 + [("A", "Queen")] * 4
    links += [("A", "Nobody")]
    return {
        "labels": triples(folder / "labels.nt", LABEL, labels),
        "redirects": triples(folder / "redirects.nt", ONTOLOGY + "wikiPageRedirects", redirects),
        "categories": triples(
            folder / "categories.nt", "http://purl.org/dc/terms/subject", categories
        ),
        "links": triples(folder / "links.nt", ONTOLOGY + "wikiPageWikiLink", links),
    }


@pytest.fixture(scope="module")
def kb(dumps, tmp_path_factory):
    return KnowledgeBase.build(tmp_path_factory.mktemp("kb") / "small.kb", **dumps)


@pytest.fixture
def file(tmp_path):
    KnowledgeBase.build(tmp_path / "some.kb", records=RECORDS)
    return tmp_path / "some.kb"


# ---- what is said wrongly ----------------------------------------------------------------


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
    with pytest.raises(ValueError, match="labels have none.*recordLabel.*label_predicates"):
        KnowledgeBase.build(tmp_path / "a.kb", labels=path)


def test_predicates_that_do_not_occur(tmp_path):
    with pytest.raises(ValueError, match=r"\['recordLable'\] do not occur.*'recordLabel'"):
        KnowledgeBase.build(
            tmp_path / "a.kb",
            categories=facts(tmp_path),
            predicates={"genre": "", "recordLable": "label"},
        )
    with pytest.raises(ValueError, match="there are none"):
        KnowledgeBase.build(tmp_path / "a.kb", records=RECORDS, predicates={"genre": ""})
    assert not (tmp_path / "a.kb").exists()


@pytest.mark.parametrize("record", [("A", ["B"]), "A", 3])
def test_a_record_of_other_parts(tmp_path, record):
    with pytest.raises(ValueError, match="Record 1 is .* Give .entity, forms, categories, prior"):
        KnowledgeBase.build(tmp_path / "a.kb", records=[("A", ["A"], [], 0), record])


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder '.*absent' for a.kb"):
        KnowledgeBase.build(tmp_path / "absent" / "a.kb", records=RECORDS)


# ---- what it holds ----------------------------------------------------------------------


def test_candidates_by_their_links(kb):
    # 9 links to the band (2 through a redirect), 4 to the monarch, none to the album
    assert kb.candidates("queen") == [
        ("Queen_(band)", 10 / 16),
        ("Queen", 5 / 16),
        ("Queen_(Queen_album)", 1 / 16),
    ]
    assert kb.candidates("MILES  DAVIS") == [("Miles_Davis", 1.0)]


@pytest.mark.parametrize(
    "form", ["Queen band", "Queens", "マイルス・デイヴィス", "prince of darkness"]
)
def test_labels_and_redirects_are_forms(kb, form):
    expected = "Queen_(band)" if form.startswith("Queen") else "Miles_Davis"
    assert kb.candidates(form) == [(expected, 1.0)]


@pytest.mark.parametrize("form", ["", "!!!", "Dead end", "Round", "Nobody", "disambiguation"])
def test_no_candidates(kb, form):
    assert kb.candidates(form) == []


def test_categories(kb):
    found = kb.categories("Miles_Davis")
    assert sorted(found) == ["American jazz trumpeters", "Cool jazz musicians"]
    assert kb.categories("Miles Davis") == found
    assert kb.categories("Queen_(band)") == ("English rock bands",)
    assert kb.categories("Queen") == kb.categories("Nobody") == ()
    assert "Queen" in kb and "Miles Davis" in kb
    assert "Queens" not in kb and "Queen_(disambiguation)" not in kb and "Dead_end" not in kb


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
        "forms without letter or digit": 1,
        "labels of what is left out or redirected to no entity": 2,
        "redirects to no entity": 3,
        "categories of what is no entity": 1,
        "links to what is no entity": 1,
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
    assert kb.info()["left_out"]["categories by other predicates"] == 1
    named = {
        kb.content.category_name(category): kb.content.entity_name(entity - 1)
        for category, entity in enumerate(kb.content.category_entities)
        if entity
    }
    assert named["record label: Polar Music"] == "Polar_Music" and named["ABBA"] == "ABBA"


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


def test_records(file):
    kb = KnowledgeBase.open(file)
    assert kb.candidates("Yes") == [("Yes_(band)", 0.9), ("Yes_(Alvin_Slaughter_album)", 0.1)]
    assert kb.candidates("miles dewey davis iii") == [("Miles_Davis", 1.0)]
    assert kb.info()["links"] == 138


NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12).filter(
    lambda text: as_name(text) and "(" not in text and "\uff08" not in text
)
ROWS = st.tuples(
    NAMES, st.lists(NAMES, max_size=3), st.lists(NAMES, max_size=3), st.integers(0, 2**32 - 1)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=8, unique_by=lambda row: as_name(row[0])))
def test_whatever_the_records_they_are_found_again(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("kb") / "some.kb"
    kb = KnowledgeBase.build(path, records=rows, left_out_qualifiers=())
    counts = {as_name(entity): count for entity, _, _, count in rows}
    bearers = {}
    for entity, forms, categories, _ in rows:
        entity = as_name(entity)
        assert entity in kb
        assert set(kb.categories(entity)) <= {*map(as_title, categories)} | {
            as_title(category).partition(":")[2].lstrip() for category in categories
        }
        for form in forms or [as_title(entity)]:
            for key in form_keys(" ".join(form.split())):
                bearers.setdefault(key, set()).add(entity)
    assert kb.info()["forms"] == len(bearers)
    for _, forms, _, _ in rows:
        for form in forms:
            form = " ".join(form.split())
            found = kb.candidates(form)
            keys = form_keys(form)
            assert {entity for entity, _ in found} == (bearers[keys[0]] if keys else set())
            total = sum(counts[entity] + 1 for entity, _ in found)
            for entity, prior in found:
                assert prior == pytest.approx((counts[entity] + 1) / total, rel=1e-6)
            assert [prior for _, prior in found] == sorted((p for _, p in found), reverse=True)


def test_the_same_input_gives_the_same_bytes(dumps, tmp_path):
    for name in ("a.kb", "b.kb"):
        KnowledgeBase.build(tmp_path / name, **dumps)
    assert (tmp_path / "a.kb").read_bytes() == (tmp_path / "b.kb").read_bytes()


# ---- what is refused ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("records", "told"),
    [
        ([], "No entity"),
        ([("A", "abc", [], 0)], "'A'.*str for its forms"),
        ([("A", ["a"], "abc", 0)], "'A'.*str for its forms"),
        ([("A", ["a"], [], -1)], "'A'.*prior -1"),
        ([("A", ["a"], [], float("nan"))], "'A'.*prior nan"),
        ([("A", ["a"], [], float("inf"))], "'A'.*prior inf"),
        ([("A\ud800", ["a"], [], 0)], "UTF-8"),
        ([("A (disambiguation)", ["a"], [], 0)], "No entity"),
    ],
)
def test_records_that_make_no_sense(tmp_path, records, told):
    with pytest.raises(ValueError, match=told):
        KnowledgeBase.build(tmp_path / "some.kb", records=records)
    assert list(tmp_path.iterdir()) == []


def test_a_bad_dump_leaves_the_old_file(file, tmp_path):
    before = file.read_bytes()
    (tmp_path / "labels.tsv").write_text("a\tb\nc\n")
    with pytest.raises(ValueError, match="labels.tsv, line 2"):
        KnowledgeBase.build(file, labels=tmp_path / "labels.tsv")
    assert file.read_bytes() == before
    assert {path.name for path in tmp_path.iterdir()} == {"some.kb", "labels.tsv"}


def test_an_interruption_leaves_the_old_file(file, tmp_path):
    before = file.read_bytes()

    def records():
        yield ("A", ["a"], [], 0)
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        KnowledgeBase.build(file, records=records())
    assert file.read_bytes() == before
    assert [path.name for path in tmp_path.iterdir()] == ["some.kb"]


def test_no_file(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="no knowledge base .*absent.kb.*skmmgenre kb build"
    ):
        KnowledgeBase.open(tmp_path / "absent.kb")


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"x" * 1000, b'{"not": "this"}'])
def test_a_foreign_file(tmp_path, content):
    (tmp_path / "foreign.kb").write_bytes(content)
    with pytest.raises(ValueError, match="foreign.kb is no knowledge base"):
        KnowledgeBase.open(tmp_path / "foreign.kb")


def test_a_foreign_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "foreign.kb", "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
    with pytest.raises(ValueError, match="foreign.kb is no knowledge base"):
        KnowledgeBase.open(tmp_path / "foreign.kb")


def test_a_file_that_is_cut_off(file):
    content = file.read_bytes()
    for kept in [*range(80, len(content), 97), len(content) - 1]:
        file.write_bytes(content[:kept])
        with pytest.raises(ValueError, match="some.kb is a knowledge base that is damaged or cut"):
            KnowledgeBase.open(file)


def test_a_file_with_a_wrong_byte(file):
    """Wherever it is it is noticed, or the byte is one that says nothing (padding, a date)."""
    content = file.read_bytes()
    expected = KnowledgeBase.open(file).candidates("yes")
    refused = 0
    places = random.Random(0).sample(range(len(content)), 400)
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 0x55
        file.write_bytes(damaged)
        try:
            kb = KnowledgeBase.open(file)
        except ValueError as error:
            assert "some.kb" in str(error)
            refused += 1
        else:
            assert kb.candidates("yes") == expected
    assert refused > 300


def test_a_file_of_a_later_format(file):
    content = file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(file, "w") as archive:
        for info, data in members:
            archive.writestr(info, data.replace(b'"format": 1,', b'"format": 9,'))
    with pytest.raises(ValueError, match="format 9, this version reads format 1. Build it again"):
        KnowledgeBase.open(file)
    file.write_bytes(content)
    KnowledgeBase.open(file)


# ---- sharing --------------------------------------------------------------------------------


def test_a_pickle_holds_the_path_and_nothing_else(file, monkeypatch):
    monkeypatch.chdir(file.parent)
    kb = KnowledgeBase.open("some.kb")
    kb.candidates("yes")
    data = pickle.dumps(kb)
    assert b"some.kb" in data and str(file.parent).encode() not in data and len(data) < 200
    again = pickle.loads(data)
    assert again.path == "some.kb" and again.candidates("yes") == kb.candidates("yes")
    assert joblib.hash(again) == joblib.hash(KnowledgeBase("some.kb"))
    file.unlink()
    lost = pickle.loads(data)  # opened when it is needed
    with pytest.raises(FileNotFoundError, match="'some.kb'"):
        lost.candidates("yes")
    assert kb.candidates("yes")  # the file is still mapped


def test_copies_are_the_same_object(file):
    kb = KnowledgeBase.open(file)
    assert copy.copy(kb) is kb and copy.deepcopy([kb])[0] is kb
    assert repr(kb) == f"KnowledgeBase({str(file)!r})"


def test_a_path_of_either_kind(file):
    assert KnowledgeBase.open(str(file)).info() == KnowledgeBase.open(file).info()


@pytest.mark.parametrize("prefer", ["processes", "threads"])
def test_in_workers(file, prefer):
    kb = KnowledgeBase(file)
    found = joblib.Parallel(n_jobs=2, prefer=prefer)(
        joblib.delayed(kb.candidates)("yes") for _ in range(8)
    )
    assert found == [kb.candidates("yes")] * 8


def test_threads_that_open_at_the_same_time(file):
    kb, found, together = KnowledgeBase(file), [], threading.Barrier(8)

    def look():
        together.wait()
        found.append(kb.categories("Miles_Davis"))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [("Cool jazz musicians",)] * 8


def test_members_lie_where_they_can_be_mapped(file):
    """Any tool for archives reads the file, and the arrays are at multiples of 64 bytes."""
    content = file.read_bytes()
    with zipfile.ZipFile(file) as archive:
        assert archive.testzip() is None
        assert archive.read("mimetype") == b"application/x-skmmgenre-knowledge-base"
        starts = np.frombuffer(archive.read("entity_category_starts"), np.uint32)
        assert starts.tolist() == [0, 1, 2, 3]
        assert content.find(starts.tobytes()) % 64 == 0
