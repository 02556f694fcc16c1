"""The three web services, against a real server that answers as these document."""

import json
import re
from urllib.parse import quote_plus

import pytest
from linking_services import CLASSES, KEY, TEXT, babelfy, content, entries, make, spotlight, tagme
from sklearn.base import clone

from skmmgenre.text import Mention
from skmmgenre.utils import BadItem, SetupError

EVERY = pytest.mark.parametrize("name", CLASSES)


@EVERY
def test_mentions(server, name):
    mentions = make(server, name).link(TEXT)
    assert [(m.start, m.end, m.label, m.entity, m.confidence) for m in mentions] == [
        (0, 5, "Adele", "Adele_(singer)", 0.9),
        (16, 29, "XL Recordings", "XL_Recordings", 0.5),
    ]
    with_categories = ("English pop singers", "Torch singers") if name == "tagme" else ()
    assert mentions[0].categories == with_categories
    assert all(isinstance(mention, Mention) for mention in mentions)


EVERY = pytest.mark.parametrize("name", CLASSES)


@EVERY
def test_nothing_found(server, name):
    assert make(server, name).link("Nobody we know.") == []


def test_what_has_no_page_has_its_synset(server):
    def sense(handler, form):
        (record,) = babelfy(form)
        handler.reply(json.dumps([record | {"DBpediaURL": ""}]).encode())

    server.replies = [sense]
    assert make(server, "babelfy").link("Adele")[0].entity == "bn:03099661n"


def test_what_has_no_title_is_left_out(server):
    def untitled(handler, form):
        answer = tagme(form)
        del answer["annotations"][0]["title"]
        handler.reply(json.dumps(answer).encode())

    server.replies = [untitled]
    assert [m.label for m in make(server).link(TEXT)] == ["XL Recordings"]


def test_confidences_as_text(server):
    def as_text(handler, form):
        answer = tagme(form)
        answer["annotations"][0]["rho"] = "0.31514"
        handler.reply(json.dumps(answer).encode())

    server.replies = [as_text]
    assert make(server).link("Adele")[0].confidence == 0.31514


ANNOTATION = tagme({"gcube-token": KEY, "include_categories": "true", "text": "Adele"})[
    "annotations"
][0]

RESOURCE = spotlight({"confidence": "0.2", "support": "20", "text": "Adele"})["Resources"][0]

FRAGMENT = babelfy({"key": KEY, "lang": "EN", "annType": "ALL", "text": "Adele"})[0]

UNEXPECTED = [
    ("tagme", [], "JSON without a list 'annotations'"),
    ("tagme", {"annotations": None}, "JSON without a list 'annotations'"),
    ("tagme", {"annotations": ["Adele"]}, "an annotation without 'start'"),
    ("tagme", ANNOTATION | {"start": "0"}, "an annotation whose 'start' has type str"),
    ("tagme", ANNOTATION | {"start": True}, "an annotation whose 'start' has type bool"),
    ("tagme", ANNOTATION | {"end": 99}, "a mention at 0:99 of a text of 5 characters"),
    ("tagme", ANNOTATION | {"start": -1}, "a mention at -1:5"),
    ("tagme", ANNOTATION | {"start": 2}, "the mention 'Adele' at 2, where 'ele' is"),
    ("tagme", ANNOTATION | {"rho": "high"}, "an annotation with an invalid confidence"),
    ("tagme", ANNOTATION | {"rho": 1.5}, "the confidence 1.5 is not in"),
    ("tagme", ANNOTATION | {"rho": float("nan")}, "the confidence nan is not in"),
    ("tagme", ANNOTATION | {"title": 5}, "whose 'title' has type int"),
    ("tagme", ANNOTATION | {"title": " "}, "an entity without a name"),
    ("tagme", ANNOTATION | {"dbpedia_categories": "Music"}, "categories that are not a list"),
    ("tagme", ANNOTATION | {"dbpedia_categories": [1]}, "categories that are not a list"),
    ("spotlight", {}, "JSON without a list 'Resources'"),
    ("spotlight", {"@text": "Adele", "Resources": {}}, "JSON without a list 'Resources'"),
    ("spotlight", RESOURCE | {"@offset": "two"}, "the offset 'two'"),
    ("spotlight", RESOURCE | {"@surfaceForm": "Adel"[::-1]}, "the mention 'ledA' at 0"),
    ("spotlight", RESOURCE | {"@URI": None}, "an annotation without '@URI'"),
    ("babelfy", {"charFragment": {}}, "a JSON dict instead of a list"),
    ("babelfy", 5, "a JSON int instead of a list"),
    ("babelfy", [5], "an annotation without 'charFragment'"),
    ("babelfy", FRAGMENT | {"charFragment": {"start": 0}}, "an annotation without 'end'"),
    ("babelfy", FRAGMENT | {"charFragment": {"start": 0, "end": 5}}, "a mention at 0:6 of"),
    ("babelfy", FRAGMENT | {"DBpediaURL": "", "babelSynsetID": ""}, "without a name"),
]


@pytest.mark.parametrize(("name", "answer", "message"), UNEXPECTED)
def test_an_unexpected_answer(server, name, answer, message, tmp_path):
    record = {"rho": "annotations", "@URI": "Resources", "score": "list"}
    for field, place in record.items():
        if isinstance(answer, dict) and field in answer:
            answer = [answer] if place == "list" else {place: [answer]}
    server.replies = [content(answer)]
    linker = make(server, name, cache=tmp_path / "cache")
    with pytest.raises(BadItem, match=re.escape(message)) as caught:
        linker.link("Adele")
    assert linker._service in str(caught.value) and caught.value.remedy
    assert entries(tmp_path / "cache") == 0
    assert len(server.forms) == 1


@pytest.mark.parametrize("written", [KEY, quote_plus(KEY)])
def test_a_service_that_repeats_the_key(server, written):
    server.replies = [content({"message": f"the key {written} is not valid"})]
    with pytest.raises(SetupError, match=r"the key \*\*\* is not valid'. Check the key in"):
        make(server, "babelfy").link("Adele")


@EVERY
def test_params(name):
    linker = CLASSES[name]()
    params = linker.get_params()
    assert clone(linker).get_params() == params
    assert linker.set_params(max_chars=5, cache="file").get_params() == params | {
        "max_chars": 5, "cache": "file"
    }  # fmt: skip


@EVERY
@pytest.mark.parametrize(
    "bad", [{"max_chars": 0}, {"timeout": 0}, {"max_retries": -1}, {"categories_from": 5}]
)
def test_bad_parameters(name, bad):
    (parameter,) = bad
    with pytest.raises(ValueError, match=parameter):
        CLASSES[name](**bad).link("text")


@EVERY
def test_no_text(name):
    with pytest.raises(BadItem, match="expected a text, got list"):
        CLASSES[name]().link(["Adele"])
