"""Linking with a knowledge base: which entity a name means, and the linker as an estimator."""

import pickle

import joblib
import pytest
from sklearn.base import clone
from small_gazetteer import found

from skmmgenre.text import EntityEnricher, GazetteerLinker, KnowledgeBase
from skmmgenre.utils import BadItem


def test_what_it_answers_with(linker):
    (mention,) = linker.link("Recorded with Miles Davis in May.")
    assert (mention.start, mention.end, mention.confidence) == (14, 25, 1.0)
    assert sorted(mention.categories) == ["American jazz trumpeters", "Cool jazz musicians"]


def test_common_words_are_those_of_the_language(gazetteer_path):
    text = "we talk talk all day"
    assert found(GazetteerLinker(gazetteer_path), text) == []
    assert found(GazetteerLinker(gazetteer_path, common_words=None), text) != []
    assert found(GazetteerLinker(gazetteer_path, common_words=["Talk"]), text) == []
    assert found(GazetteerLinker(gazetteer_path, common_words=["Walk"]), text) != []


def test_the_lists_of_two_languages(tmp_path):
    records = [(name, [name], [], 900) for name in ("Nicht", "Yes")]
    records += [("Zwarl_(band)", ["Zwarl (band)"], [], 5)]
    KnowledgeBase.build(tmp_path / "a.kb", records=records)
    german, english = (GazetteerLinker(tmp_path / "a.kb", common_words=c) for c in ("de", "en"))
    assert found(english, "Nicht heute") == [("Nicht", "Nicht")] and found(german, "Nicht so") == []
    assert found(english, "Yes indeed") == []
    # A shared name needs a noun before it, and "nicht" is none in German.
    assert found(english, "Es war nicht Zwarl") == [("Zwarl", "Zwarl_(band)")]
    assert found(german, "Es war nicht Zwarl") == []


# ---- which entity it is -------------------------------------------------------------------


def test_by_the_prior(linker):
    (mention,) = linker.link("It is said that John Smith was there.")
    assert mention.entity == "John_Smith_(politician)"
    assert mention.confidence == pytest.approx(91 / 102)


def test_by_the_categories_of_the_others(gazetteer_path):
    text = "Art Blakey hired Bill Evans, and then John Smith for a week."
    assert ("John Smith", "John_Smith_(politician)") in found(GazetteerLinker(gazetteer_path), text)
    strong = GazetteerLinker(gazetteer_path, coherence=30.0)
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


def test_only_the_best_candidates_are_weighed(gazetteer_path):
    text = "the trumpeter John Smith"
    assert found(GazetteerLinker(gazetteer_path, max_candidates=1), text) == [
        ("John Smith", "John_Smith_(politician)")
    ]


# ---- as a parameter, in a file, in workers --------------------------------------------------


def test_parameters(gazetteer_path, linker):
    kb = KnowledgeBase.open(gazetteer_path)
    twin = clone(GazetteerLinker(kb, coherence=0.5))
    assert twin.kb is kb and twin.get_params()["coherence"] == 0.5
    enricher = EntityEnricher(twin).set_params(linker__coherence=2.0)
    assert enricher.linker.coherence == 2.0
    assert found(twin, "with Miles Davis") == found(linker, "with Miles Davis")


def test_a_changed_parameter_counts_at_once(gazetteer_path):
    linker = GazetteerLinker(gazetteer_path)
    assert found(linker, "we talk talk") == []
    linker.set_params(common_words=None)
    assert found(linker, "we talk talk") == [("talk talk", "Talk_Talk")]


def test_a_pickle_holds_the_path_only(gazetteer_path):
    linker = GazetteerLinker(KnowledgeBase.open(gazetteer_path))
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
        ({"common_words": "xx"}, "No list .* is available for common_words='xx'.*'en'"),
    ],
)
def test_bad_parameters(linker, params, told):
    with pytest.raises(ValueError, match=told):
        clone(linker).set_params(**params).link("text")


@pytest.mark.parametrize("text", [None, 3, b"text", ["text"]])
def test_what_is_no_text(linker, text):
    with pytest.raises(BadItem, match="expected a text"):
        linker.link(text)


def test_no_file(tmp_path):
    with pytest.raises(FileNotFoundError, match="does not exist"):
        GazetteerLinker(tmp_path / "absent.kb").link("text")
