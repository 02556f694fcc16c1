import io
import pickle
import re

import joblib
import numpy as np
import pandas as pd
import pytest
import skops.io
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.base import BaseEstimator, clone
from sklearn.pipeline import make_pipeline

from skmmgenre.store import Store
from skmmgenre.text import (
    EntityEnricher,
    GazetteerLinker,
    KnowledgeBase,
    Mention,
    PrecomputedLinker,
    ReviewVectorizer,
    TagMeLinker,
    VotingLinker,
    _entity_enricher,
)
from skmmgenre.utils import BadItem, SetupError

ENTITIES = {
    "ABBA": ("Swedish pop music groups", "Musical quartets"),
    "Roxette": ("Swedish pop music groups", "Musical duos"),
    "Nobody": (),
    "Björk": ("Icelandic singers",),
}
SURE = {"Roxette": 0.4}


class DictionaryLinker(BaseEstimator):
    """Finds names exactly as they are written; counts how often it is asked."""

    asked = 0

    def __init__(self, entities=None):
        self.entities = entities

    def link(self, text):
        DictionaryLinker.asked += 1
        if "unlinkable" in text:
            raise RuntimeError("the service is on fire")
        entities = self.entities or ENTITIES
        return [
            Mention(*found.span(), found[0], found[0], SURE.get(found[0], 1.0), entities[found[0]])
            for found in re.finditer("|".join(entities), text)
        ]


def enrich(text, **params):
    return EntityEnricher(DictionaryLinker(), **params).transform([text])[0]


def test_categories_are_words_at_the_end():
    assert enrich("We like ABBA.") == (
        "We like ABBA.\ncat_swedish_pop_music_groups cat_musical_quartets"
    )


def test_an_entity_counts_once_and_a_category_once_for_each_entity():
    words = enrich("ABBA, ABBA and again ABBA. And Roxette.").split("\n")[1].split()
    assert sorted(words) == [
        "cat_musical_duos",
        "cat_musical_quartets",
        "cat_swedish_pop_music_groups",
        "cat_swedish_pop_music_groups",
    ]


@pytest.mark.parametrize("text", ["Nothing to see.", "Nobody was there.", "  "])
def test_a_text_without_categories_stays_as_it_is(text):
    assert enrich(text) == text


def test_min_confidence():
    assert enrich("Roxette and Björk", min_confidence=0.4).count("cat_") == 3
    assert enrich("Roxette and Björk", min_confidence=0.5).count("cat_") == 1


def test_missing_cells_stay_missing():
    texts = EntityEnricher(DictionaryLinker()).transform(
        pd.Series(["ABBA", None, np.nan, "", pd.NA])
    )
    assert texts.dtype == object and texts.shape == (5,)
    assert texts[0].startswith("ABBA\ncat_")
    assert texts[1:].tolist() == [""] * 4


def test_mentions():
    texts = ["So ABBA.", None, "no one", "Björk, Roxette, Björk"]
    enricher = EntityEnricher(DictionaryLinker(), keep_mentions=True, min_confidence=0.5)
    with pytest.raises(AttributeError, match="keep_mentions=True"):
        _ = enricher.mentions_
    enricher.transform(texts)
    mentions = enricher.mentions_
    assert list(mentions) == ["row", "start", "end", "label", "entity", "confidence", "categories"]
    assert mentions.row.tolist() == [0, 3, 3]
    assert mentions.label.tolist() == ["ABBA", "Björk", "Björk"]
    for line in mentions.itertuples():
        assert texts[line.row][line.start : line.end] == line.label
    assert mentions.categories[1] == ("Icelandic singers",)
    enricher.transform(["no one"])
    assert enricher.mentions_.empty and list(enricher.mentions_) == list(mentions)


def test_mentions_are_kept_on_request_and_in_no_file():
    enricher = EntityEnricher(DictionaryLinker())
    enricher.transform(["ABBA"])
    assert not hasattr(enricher, "mentions_")
    enricher.set_params(keep_mentions=True).transform(["ABBA"])
    assert len(enricher.mentions_) == 1
    buffer = io.BytesIO()
    joblib.dump(enricher, buffer)
    assert b"Swedish" not in buffer.getvalue()
    buffer.seek(0)
    assert not hasattr(joblib.load(buffer), "mentions_")


@pytest.mark.parametrize("bad", [3, 2.5, b"bytes", ["a", "list"]])
def test_a_cell_that_is_no_text(bad):
    enricher = EntityEnricher(DictionaryLinker())
    with pytest.raises(BadItem, match="Row 1.*expected a text, got.*ReviewTruncator"):
        enricher.transform(["fine", bad])
    enricher.set_params(on_error="missing")
    assert enricher.transform(["fine", bad, "x"]).tolist() == ["fine", "", "x"]
    assert enricher.errors_.row.tolist() == [1]


def test_a_text_that_cannot_be_linked():
    enricher = EntityEnricher(DictionaryLinker())
    with pytest.raises(BadItem, match="Row 1.*'unlinkable'.*on fire.*on_error='missing'"):
        enricher.transform(["fine", "unlinkable"])
    enricher.set_params(on_error="missing", keep_mentions=True)
    with pytest.warns(UserWarning, match="1 of 3 texts could not be linked .*errors_") as caught:
        texts = enricher.transform(["ABBA", "unlinkable", 3])
    assert len(caught) == 1
    assert texts[1:].tolist() == ["unlinkable", ""] and "cat_" in texts[0]
    assert enricher.errors_.reason.tolist() == [
        "RuntimeError: the service is on fire",
        "expected a text, got int",
    ]
    assert enricher.mentions_.row.tolist() == [0]


def test_texts_that_cannot_be_linked_are_not_called_missing():
    enricher = EntityEnricher(DictionaryLinker(), on_error="missing")
    with pytest.warns(UserWarning) as caught:
        texts = enricher.transform(["unlinkable", "unlinkable"])
    assert texts.tolist() == ["unlinkable", "unlinkable"]
    (warning,) = caught
    assert "2 of 2 texts could not be linked" in str(warning.message)
    with pytest.warns(
        UserWarning, match="^2 of 3 texts .* missing; .* row 1, int object"
    ) as caught:
        enricher.transform(["ABBA", 3, 4, None])
    assert len(caught) == 1


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"linker": "babelfy"}, "linker"),
        ({"linker": "my.kb"}, r"did you mean GazetteerLinker\('my.kb'\)\?"),
        ({"linker": KnowledgeBase("my.kb")}, r"mean GazetteerLinker\(KnowledgeBase\('my.kb'\)\)"),
        ({"linker": None}, "linker"),
        ({"min_confidence": 2}, "min_confidence"),
        ({"cache": 3}, "cache"),
        ({"on_error": "skip"}, "on_error"),
    ],
)
def test_bad_parameters(params, message):
    with pytest.raises(ValueError, match=message):
        EntityEnricher(**{"linker": DictionaryLinker(), **params}).fit(["x"])


NO_SETUP = {
    "parameter": (GazetteerLinker("x.kb", coherence=-1), ValueError, "coherence"),
    "no linkers": (VotingLinker(["a", "b"]), ValueError, r"linkers\[0\] is 'a', which has no"),
    "votes": (
        VotingLinker([DictionaryLinker()]),
        ValueError,
        "min_votes=2 is larger than the number",
    ),
    "folder": (PrecomputedLinker("no/where"), SetupError, "folder 'no/where' cannot be read"),
    "key": (TagMeLinker(key_env="NO_SUCH_KEY"), SetupError, "variable NO_SUCH_KEY is not set"),
    "key name": (TagMeLinker(key_env="no name"), ValueError, "key_env is not a valid name"),
    "a folder": (GazetteerLinker("."), ValueError, "'.' is a folder, not a knowledge base"),
    "knowledge base": (
        GazetteerLinker("no.kb"),
        SetupError,
        "knowledge base 'no.kb' does not exist",
    ),
}


@pytest.mark.parametrize("what", NO_SETUP)
@pytest.mark.parametrize("on_error", ["raise", "missing"])
def test_a_mistake_in_the_setup_is_no_texts_fault(what, on_error):
    linker, kind, message = NO_SETUP[what]
    for nested in (linker, VotingLinker([linker, DictionaryLinker()])):
        enricher = EntityEnricher(nested, on_error=on_error)
        for call in (enricher.fit, enricher.transform):
            with pytest.raises(kind, match=message) as caught:
                call(["ABBA"])
            assert not isinstance(caught.value, BadItem)


def test_a_parameter_error_of_a_linker_that_does_not_check():
    class Late(BaseEstimator):
        def link(self, text):
            return GazetteerLinker("x.kb", max_candidates=0).link(text)

    with pytest.raises(SetupError, match="max_candidates"):
        EntityEnricher(Late(), on_error="missing").transform(["ABBA"])


def test_workers_answer_the_same():
    texts = [f"{name} and words {i}" for i, name in enumerate([*ENTITIES] * 10)]
    one = EntityEnricher(DictionaryLinker(), keep_mentions=True)
    two = EntityEnricher(DictionaryLinker(), keep_mentions=True, n_jobs=2)
    with joblib.parallel_config("threading"):
        assert two.transform(texts).tolist() == one.transform(texts).tolist()
    pd.testing.assert_frame_equal(two.mentions_, one.mentions_)


class TestCache:
    @pytest.fixture
    def path(self, tmp_path):
        return tmp_path / "links.sqlite"

    def ask(self, texts, path, linker=None, **params):
        """What the enricher answers, and how often the linker was asked for it."""
        before = DictionaryLinker.asked
        linker = linker or DictionaryLinker()
        texts = EntityEnricher(linker, cache=path, **params).transform(texts).tolist()
        return texts, DictionaryLinker.asked - before

    def test_no_text_is_linked_twice(self, path):
        texts = ["ABBA", "Roxette and Björk", "no one", None]
        first, asked = self.ask(texts, path)
        assert asked == 3
        with Store(path) as store:
            assert [(kind, n) for kind, (n, _) in store.info().items()] == [("entities linked", 3)]
        assert self.ask(texts, str(path)) == (first, 0)
        assert first == EntityEnricher(DictionaryLinker()).transform(texts).tolist()
        # what is kept does not depend on what was asked for
        assert self.ask(["Roxette"], path, min_confidence=0.9) == (["Roxette"], 1)
        text, asked = self.ask(["Roxette"], path)
        assert asked == 0 and "cat_musical_duos" in text[0]

    def test_mentions_are_the_same(self, path):
        kept = []
        for _ in range(2):
            enricher = EntityEnricher(DictionaryLinker(), cache=path, keep_mentions=True)
            enricher.transform(["ABBA and Roxette"])
            kept.append(enricher.mentions_)
        pd.testing.assert_frame_equal(*kept)

    def test_other_parameters_other_answers(self, path):
        self.ask(["ABBA"], path)
        texts, asked = self.ask(["ABBA"], path, DictionaryLinker({"ABBA": ("Else",)}))
        assert (texts, asked) == (["ABBA\ncat_else"], 1)

    def test_a_file_that_a_linker_reads(self, path, tmp_path):
        file = tmp_path / "entities.txt"
        file.write_text("old")

        def asked():
            return self.ask(["ABBA"], path, FileLinker(str(file)))[1]

        assert (asked(), asked()) == (1, 0)
        file.write_text("newer")
        assert (asked(), asked()) == (1, 0)
        moved = tmp_path / "elsewhere"
        moved.mkdir()
        file = file.rename(moved / file.name)
        assert asked() == 0
        assert str(tmp_path).encode() not in path.read_bytes()

    def test_a_failure_is_not_kept(self, path):
        for _ in range(2):
            with pytest.raises(BadItem, match="on fire"):
                self.ask(["unlinkable"], path)
        with pytest.warns(UserWarning, match="1 of 2 texts"):
            assert self.ask(["unlinkable", "ABBA"], path, on_error="missing")[1] == 2

    def test_work_before_a_stop_is_kept(self, path):
        texts = [f"ABBA {i}" for i in range(20)] + ["unlinkable"]
        with pytest.raises(BadItem):
            self.ask(texts, path)
        assert self.ask(texts[:20], path)[1] == 0

    def test_a_linker_without_parameters(self, path):
        class Bare:
            def link(self, text):
                return []

        assert EntityEnricher(Bare()).transform(["x"]).tolist() == ["x"]
        with pytest.raises(ValueError, match="Bare has no method get_params.*cache=None"):
            EntityEnricher(Bare(), cache=path).transform(["x"])

    def test_a_cache_that_cannot_be_used(self, tmp_path):
        path = tmp_path / "text.txt"
        path.write_text("No database at all." * 100)
        for on_error in ("raise", "missing"):
            with pytest.raises(SetupError, match="text.txt': the file is not a store"):
                self.ask(["ABBA"], path, on_error=on_error)


class TestKnowledgeBase:
    """With the linker that works offline."""

    TEXTS = ["We like Hugo Vance.", None, "Nothing.", "Ada Rook and Hugo Vance"] * 10

    @pytest.fixture(scope="class")
    @staticmethod
    def path(tmp_path_factory):
        path = str(tmp_path_factory.mktemp("kb") / "people.kb")
        records = [
            ("Hugo_Vance", ["Hugo Vance"], ["Secret agents", "Living people"], 3),
            ("Ada_Rook", ["Ada Rook"], ["Secret agents"], 3),
        ]
        KnowledgeBase.build(path, records=records)
        return path

    def test_categories(self, path):
        texts = EntityEnricher(GazetteerLinker(path)).transform(self.TEXTS[:4])
        assert texts[0].split("\n")[0] == self.TEXTS[0]
        assert sorted(texts[0].split("\n")[1].split()) == ["cat_living_people", "cat_secret_agents"]
        assert texts[3].split("\n")[1].split().count("cat_secret_agents") == 2
        assert texts[1:3].tolist() == ["", "Nothing."]

    @pytest.mark.parametrize("form", [str, KnowledgeBase])
    @pytest.mark.parametrize("nested", [False, True])
    def test_a_file_holds_the_path_and_no_content(self, path, form, nested, tmp_path):
        linker = GazetteerLinker(form(path))
        if nested:
            linker = VotingLinker([linker], min_votes=1)
        enricher = EntityEnricher(linker, keep_mentions=True)
        expected = enricher.transform(self.TEXTS).tolist()
        joblib.dump(enricher, tmp_path / "enricher")
        content = (tmp_path / "enricher").read_bytes()
        assert path.encode() in content
        assert b"ecret" not in content and b"Hugo" not in content
        assert joblib.load(tmp_path / "enricher").transform(self.TEXTS).tolist() == expected
        assert clone(enricher).transform(self.TEXTS).tolist() == expected

    def test_skops(self, path):
        enricher = EntityEnricher(GazetteerLinker(path))
        expected = enricher.transform(self.TEXTS).tolist()
        stored = skops.io.dumps(enricher)
        unknown = skops.io.get_untrusted_types(data=stored)
        assert all(name.startswith("skmmgenre.") for name in unknown)
        assert skops.io.loads(stored, trusted=unknown).transform(self.TEXTS).tolist() == expected

    @pytest.mark.parametrize("on_error", ["raise", "missing"])
    def test_a_knowledge_base_that_is_not_there_is_no_texts_fault(self, path, on_error):
        enricher = EntityEnricher(GazetteerLinker(path + ".gone"), on_error=on_error)
        with pytest.raises(SetupError, match=r"knowledge base '.*people.kb.gone' does not exist"):
            enricher.transform(self.TEXTS)

    def test_a_language_without_common_words(self, path):
        enricher = EntityEnricher(GazetteerLinker(path, common_words="zh"), on_error="missing")
        with pytest.raises(ValueError, match="common_words='zh'. Pass one of"):
            enricher.transform(self.TEXTS)

    @pytest.mark.parametrize("backend", ["threading", pytest.param("loky", marks=pytest.mark.slow)])
    def test_workers_answer_the_same(self, path, backend, tmp_path):
        one = EntityEnricher(GazetteerLinker(path), keep_mentions=True)
        two = clone(one).set_params(n_jobs=2, cache=tmp_path / "links")
        with joblib.parallel_config(backend):
            for _ in range(2):
                assert two.transform(self.TEXTS).tolist() == one.transform(self.TEXTS).tolist()
        pd.testing.assert_frame_equal(two.mentions_, one.mentions_)


def test_a_worker_keeps_the_linker_that_came_first():
    """What it has opened is not opened again for every few texts."""
    first = _entity_enricher._Enrich(DictionaryLinker(), 0.0)
    arrived = [pickle.loads(pickle.dumps(first)) for _ in range(2)]
    assert arrived[0].linker is arrived[1].linker
    other = pickle.loads(pickle.dumps(_entity_enricher._Enrich(DictionaryLinker(), 0.0)))
    assert other.linker is not arrived[0].linker
    assert pickle.loads(pickle.dumps(first)).linker is not other.linker


class FileLinker(DictionaryLinker):
    def __init__(self, path):
        self.path = path

    entities = None


@settings(max_examples=200, deadline=None)
@given(st.text(), st.lists(st.text(min_size=1), max_size=5))
def test_whatever_the_text_and_the_categories(text, categories):
    class Fixed(BaseEstimator):
        def link(self, text):
            return [Mention(0, 1, text[:1], "entity", 1.0, tuple(categories))]

    if not text:
        return
    enriched = EntityEnricher(Fixed()).transform([text])[0]
    assert enriched.startswith(text)
    added = enriched[len(text) :].split()
    assert len(added) <= len(categories)
    analyze = ReviewVectorizer().build_analyzer()
    assert analyze(enriched) == analyze(text) + added


def test_categories_enter_the_vocabulary_like_words():
    texts = ["ABBA sing", "Roxette sing", None, "others sing", "others hum"]
    words = make_pipeline(
        EntityEnricher(DictionaryLinker()), ReviewVectorizer(max_df=1.0, max_features=3)
    ).fit(texts)
    assert words.get_feature_names_out().tolist() == [
        "cat_swedish_pop_music_groups",
        "others",
        "sing",
    ]


def test_it_is_an_estimator():
    enricher = clone(EntityEnricher(DictionaryLinker(ENTITIES), min_confidence=0.3))
    assert enricher.get_params()["linker__entities"] == ENTITIES
    assert enricher.set_output(transform="pandas") is enricher
    assert isinstance(enricher.fit_transform(["x"]), np.ndarray)
    assert enricher.get_feature_names_out().tolist() == ["text"]
    assert enricher.get_feature_names_out(["review"]).tolist() == ["review"]
