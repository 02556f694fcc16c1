"""Opening, asking and sharing a knowledge base."""

import copy
import pickle
import threading

import joblib
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_dumps import name_of, title_of

from skmmgenre.text import KnowledgeBase
from skmmgenre.text._entities._form_key import form_keys

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


def test_records(kb_file):
    kb = KnowledgeBase.open(kb_file)
    assert kb.candidates("Yes") == [("Yes_(band)", 0.9), ("Yes_(Alvin_Slaughter_album)", 0.1)]
    assert kb.candidates("miles dewey davis iii") == [("Miles_Davis", 1.0)]
    assert kb.info()["links"] == 138


NAMES = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=12).filter(
    lambda text: name_of(text) and "(" not in text and "\uff08" not in text
)

ROWS = st.tuples(
    NAMES, st.lists(NAMES, max_size=3), st.lists(NAMES, max_size=3), st.integers(0, 2**32 - 1)
)


@settings(max_examples=60, deadline=None)
@given(st.lists(ROWS, min_size=1, max_size=8, unique_by=lambda row: name_of(row[0])))
def test_whatever_the_records_they_are_found_again(tmp_path_factory, rows):
    path = tmp_path_factory.mktemp("kb") / "some.kb"
    kb = KnowledgeBase.build(path, records=rows, left_out_qualifiers=())
    counts = {name_of(entity): count for entity, _, _, count in rows}
    bearers = {}
    for entity, forms, categories, _ in rows:
        entity = name_of(entity)
        assert entity in kb
        assert set(kb.categories(entity)) <= {*map(title_of, categories)} | {
            title_of(category).partition(":")[2].lstrip() for category in categories
        }
        for form in forms or [title_of(entity)]:
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


def test_no_file(tmp_path):
    with pytest.raises(
        FileNotFoundError, match="knowledge base .*absent.kb.* does not exist.*skmmgenre kb build"
    ):
        KnowledgeBase.open(tmp_path / "absent.kb")


# ---- sharing --------------------------------------------------------------------------------


def test_a_pickle_holds_the_path_and_nothing_else(kb_file, monkeypatch):
    monkeypatch.chdir(kb_file.parent)
    kb = KnowledgeBase.open("some.kb")
    kb.candidates("yes")
    data = pickle.dumps(kb)
    assert b"some.kb" in data and str(kb_file.parent).encode() not in data and len(data) < 200
    again = pickle.loads(data)
    assert again.path == "some.kb" and again.candidates("yes") == kb.candidates("yes")
    assert joblib.hash(again) == joblib.hash(KnowledgeBase("some.kb"))
    kb_file.unlink()
    lost = pickle.loads(data)  # opened when it is needed
    with pytest.raises(FileNotFoundError, match="'some.kb'"):
        lost.candidates("yes")
    assert kb.candidates("yes")  # the file is still mapped


def test_copies_are_the_same_object(kb_file):
    kb = KnowledgeBase.open(kb_file)
    assert copy.copy(kb) is kb and copy.deepcopy([kb])[0] is kb
    assert repr(kb) == f"KnowledgeBase({str(kb_file)!r})"


def test_a_path_of_either_kind(kb_file):
    assert KnowledgeBase.open(str(kb_file)).info() == KnowledgeBase.open(kb_file).info()


@pytest.mark.parametrize("prefer", [pytest.param("processes", marks=pytest.mark.slow), "threads"])
def test_in_workers(kb_file, prefer):
    kb = KnowledgeBase(kb_file)
    found = joblib.Parallel(n_jobs=2, prefer=prefer)(
        joblib.delayed(kb.candidates)("yes") for _ in range(8)
    )
    assert found == [kb.candidates("yes")] * 8


def test_threads_that_open_at_the_same_time(kb_file):
    kb, found, together = KnowledgeBase(kb_file), [], threading.Barrier(8)

    def look():
        together.wait()
        found.append(kb.categories("Miles_Davis"))

    threads = [threading.Thread(target=look) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == [("Cool jazz musicians",)] * 8
