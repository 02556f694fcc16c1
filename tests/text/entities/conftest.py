"""What several of the room's tests share: services to ask, and two small knowledge bases."""

import pytest
import small_dumps
import small_gazetteer
from linking_services import KEY, Server, running
from small_dumps import LABEL, ONTOLOGY, triples

from skmmgenre.text import GazetteerLinker, KnowledgeBase


@pytest.fixture(scope="module")
def shared_server():
    with running(Server()) as server:
        yield server


@pytest.fixture
def server(shared_server, monkeypatch):
    shared_server.forms, shared_server.replies = [], []
    shared_server.counting = "utf-16"
    for name in ("BABELFY_KEY", "TAGME_KEY"):
        monkeypatch.setenv(name, KEY)
    return shared_server


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
def kb_file(tmp_path):
    KnowledgeBase.build(tmp_path / "some.kb", records=small_dumps.RECORDS)
    return tmp_path / "some.kb"


@pytest.fixture(scope="module")
def gazetteer_path(tmp_path_factory):
    path = tmp_path_factory.mktemp("kb") / "small.kb"
    KnowledgeBase.build(path, records=small_gazetteer.RECORDS)
    return path


@pytest.fixture(scope="module")
def linker(gazetteer_path):
    return GazetteerLinker(gazetteer_path)
