"""Linking abstracts with a knowledge base of music, beside judged mentions."""

import csv
import gzip
from pathlib import Path
from urllib.parse import unquote

import numpy as np
import pyoxigraph
import pytest
from made_music import judgements, write_music

from skmmgenre.text import GazetteerLinker, KnowledgeBase

JUDGED = Path(__file__).parents[1] / "data" / "judged_mentions.csv"
# Every predicate of the dump but "genre", which is what is to be told.
PREDICATES = {
    "recordLabel": "record label",
    "associatedBand": "associated act",
    "associatedMusicalArtist": "associated act",
    "musicalBand": "artist",
    "musicalArtist": "artist",
    "album": "album",
}


# Judged mentions, and the right ones of them; lines of the dump that say a genre; albums.
N_JUDGED = {"made": (57, 55), "real": (200, 184)}
N_GENRES = {"made": 314, "real": 89_601}
N_ALBUMS = {"made": 14, "real": 1037}


@pytest.fixture(scope="module", params=["made", pytest.param("real", marks=pytest.mark.slow)])
def source(request):
    return request.param


@pytest.fixture(scope="module")
def judged(source):
    if source == "made":
        return judgements()
    with open(JUDGED, newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def dumps(source, request, tmp_path_factory):
    """Paths of the triples and of the albums with abstracts."""
    if source == "made":
        return write_music(tmp_path_factory.mktemp("music"))
    folder = request.getfixturevalue("shared_data") / "kb"
    return folder / "music_mte10.nt.gz", folder / "album_abstracts.ttl.gz"


@pytest.fixture(scope="module")
def kb(dumps, tmp_path_factory):
    path = tmp_path_factory.mktemp("kb") / "music.kb"
    return KnowledgeBase.build(path, categories=dumps[0], links=dumps[0], predicates=PREDICATES)


def name_of(resource):
    """What is behind the namespace; in DBpedia's a name may have slashes."""
    return unquote(resource.value.partition("/resource/")[2] or resource.value.rpartition("/")[2])


@pytest.fixture(scope="module")
def albums(dumps):
    """Abstract and artists of each album."""
    facts = {}
    with gzip.open(dumps[1]) as file:
        for fact in pyoxigraph.parse(file, format=pyoxigraph.RdfFormat.TURTLE, lenient=True):
            subject, predicate = name_of(fact.subject), fact.predicate.value.rpartition("/")[2]
            thing = fact.object
            named = name_of(thing) if isinstance(thing, pyoxigraph.NamedNode) else thing.value
            facts.setdefault(subject, {}).setdefault(predicate, []).append(named)
    return {
        name: (fact["description"][0], fact["artist"])
        for name, fact in facts.items()
        if "Album" in fact.get("22-rdf-syntax-ns#type", ())
    }


@pytest.fixture(scope="module")
def mentions(kb, albums):
    linker = GazetteerLinker(kb)
    return {name: linker.link(text) for name, (text, _) in albums.items()}


def test_the_judgements(judged, source):
    n_judged, n_right = N_JUDGED[source]
    assert len(judged) == n_judged
    for row in judged:
        assert row["mention"] in row["context"] and len(row["context"]) <= 80
        assert row["right"] in ("0", "1") and row["reason"]
    assert sum(row["right"] == "1" for row in judged) == n_right


def test_no_genre_is_a_feature(kb, source):
    info = kb.info()
    assert info["left_out"]["categories with other predicates"] == N_GENRES[source]
    names = map(kb.content.category_name, range(info["categories"]))
    assert {name.partition(": ")[0] for name in names} == set(PREDICATES.values())


def test_offsets(albums, mentions):
    for name, (text, _) in albums.items():
        behind = 0
        for mention in mentions[name]:
            assert behind <= mention.start < mention.end
            assert text[mention.start : mention.end] == mention.label
            behind = mention.end


def test_albums_whose_own_artist_is_found(albums, mentions, source):
    """Of the real ones 1,003 when it was written; artists of 13 are not in the knowledge base."""
    found = [
        any(mention.entity in artists for mention in mentions[name])
        for name, (_, artists) in albums.items()
    ]
    assert len(found) == N_ALBUMS[source]
    assert sum(found) >= {"made": 13, "real": 995}[source]


def test_precision_by_the_judgements(judged, mentions):
    """Nine in ten are right: of the real ones it was 184 of 200 when this was written."""
    made = [
        row["right"] == "1"
        for row in judged
        if any(
            (str(mention.start), mention.label, mention.entity)
            == (row["start"], row["mention"], row["entity"])
            for mention in mentions[row["album"]]
        )
    ]
    print(f"{len(made)} of {len(judged)} judged mentions are made, {np.mean(made):.1%} are right")
    assert len(made) >= 0.95 * len(judged)
    assert np.mean(made) >= 0.9


@pytest.mark.parametrize("source", ["made"], indirect=True)
def test_every_mention_of_the_made_abstracts_is_judged(judged, mentions):
    """Of the real ones a sample is."""
    made = {(name, str(m.start), m.entity) for name, found in mentions.items() for m in found}
    assert made <= {(row["album"], row["start"], row["entity"]) for row in judged}
