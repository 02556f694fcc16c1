"""Linking real abstracts with a real knowledge base of music, beside judged mentions."""

import csv
from pathlib import Path

import pytest

from skmmgenre.text import GazetteerLinker, KnowledgeBase
from skmmgenre.text._dumps import read_dump

JUDGED = Path(__file__).parent / "data" / "judged_mentions.csv"
# Every predicate of the dump but "genre", which is what is to be told.
PREDICATES = {
    "recordLabel": "record label",
    "associatedBand": "associated act",
    "associatedMusicalArtist": "associated act",
    "musicalBand": "artist",
    "musicalArtist": "artist",
    "album": "album",
}


@pytest.fixture(scope="module")
def judged():
    with open(JUDGED, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def kb(shared_data, tmp_path_factory):
    dump = shared_data / "kb" / "music_mte10.nt.gz"
    path = tmp_path_factory.mktemp("kb") / "music.kb"
    return KnowledgeBase.build(path, categories=dump, links=dump, predicates=PREDICATES)


@pytest.fixture(scope="module")
def albums(shared_data):
    """Abstract and artists of each album."""
    facts = {}
    for subject, predicate, thing, _, _ in read_dump(shared_data / "kb" / "album_abstracts.ttl.gz"):
        name = predicate.rpartition("/")[2]
        facts.setdefault(subject, {}).setdefault(name, []).append(thing)
    return {
        name: (fact["description"][0], fact["artist"])
        for name, fact in facts.items()
        if "Album" in fact.get("22-rdf-syntax-ns#type", ())
    }


@pytest.fixture(scope="module")
def mentions(kb, albums):
    linker = GazetteerLinker(kb)
    return {name: linker.link(text) for name, (text, _) in albums.items()}


def test_the_judgements(judged):
    assert len(judged) == 200
    for row in judged:
        assert row["mention"] in row["context"] and len(row["context"]) <= 80
        assert row["right"] in ("0", "1") and row["reason"]
    assert sum(row["right"] == "1" for row in judged) == 184


def test_no_genre_is_a_feature(kb):
    info = kb.info()
    assert info["left_out"]["categories by other predicates"] == 89_601
    names = map(kb.content.category_name, range(info["categories"]))
    assert {name.partition(": ")[0] for name in names} == set(PREDICATES.values())


def test_offsets(albums, mentions):
    for name, (text, _) in albums.items():
        behind = 0
        for mention in mentions[name]:
            assert behind <= mention.start < mention.end
            assert text[mention.start : mention.end] == mention.label
            behind = mention.end


def test_albums_whose_own_artist_is_found(albums, mentions):
    """1,003 of 1,037 when it was written; the artists of 13 are not in the knowledge base."""
    found = [
        any(mention.entity in artists for mention in mentions[name])
        for name, (_, artists) in albums.items()
    ]
    assert len(found) == 1037
    assert sum(found) >= 995


def test_precision_by_the_judgements(judged, mentions):
    """184 of 200 when it was written: of those still made nine in ten are right."""
    made = [
        row["right"] == "1"
        for row in judged
        if any(
            (str(mention.start), mention.label, mention.entity)
            == (row["start"], row["mention"], row["entity"])
            for mention in mentions[row["album"]]
        )
    ]
    print(f"{len(made)} of 200 judged mentions are made, {sum(made) / len(made):.1%} are right")
    assert len(made) >= 190
    assert sum(made) / len(made) >= 0.9
