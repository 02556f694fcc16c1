"""What every linker keeps to."""

import inspect
import re
from dataclasses import FrozenInstanceError, replace

import pytest
from numpydoc.docscrape import ClassDoc
from sklearn.base import BaseEstimator, clone

import skmmgenre.text
from skmmgenre.text import GazetteerLinker, Mention
from skmmgenre.utils import BadItem

LINKERS = [
    linker
    for linker in map(skmmgenre.text.__dict__.get, skmmgenre.text.__all__)
    if inspect.isclass(linker) and hasattr(linker, "link")
]
POSITIONAL = {
    "GazetteerLinker": ["kb"],
    "PrecomputedLinker": ["folder"],
    "VotingLinker": ["linkers"],
}
EVERY = pytest.mark.parametrize("linker", LINKERS, ids=lambda linker: linker.__name__)


def test_all_are_here():
    names = {name for name in skmmgenre.text.__all__ if name.endswith("Linker")}
    assert {linker.__name__ for linker in LINKERS} == names
    assert len(names) == 6
    assert all(issubclass(linker, BaseEstimator) for linker in LINKERS)


@EVERY
def test_init_only_stores(linker):
    parameters = inspect.signature(linker).parameters.values()
    marks = {parameter.name: object() for parameter in parameters}
    made = linker(**marks)
    assert vars(made) == marks
    assert made.get_params(deep=False) == marks
    positional = [p.name for p in parameters if p.kind is not p.KEYWORD_ONLY]
    assert positional == POSITIONAL.get(linker.__name__, [])
    assert all(p.default is not p.empty for p in parameters if p.name not in positional)


@EVERY
def test_clone(linker):
    values = {name: [] for name in POSITIONAL.get(linker.__name__, [])}
    made = linker(**values)
    assert clone(made).get_params() == made.get_params()
    with pytest.raises(ValueError, match="Invalid parameter"):
        made.set_params(no_such_parameter=1)


@EVERY
def test_docstring(linker):
    doc = ClassDoc(linker)
    assert doc["Summary"] and doc["Parameters"] and doc["Examples"]
    described = [word for line in doc["Parameters"] for word in re.findall(r"\w+", line.name)]
    assert set(inspect.signature(linker).parameters) <= set(described)
    for part in ("Parameters", "Returns", "Raises"):
        assert f"\n{part}\n---" in inspect.getdoc(linker.link)


@EVERY
@pytest.mark.parametrize("text", [None, 3, b"text", ["text"]])
def test_only_a_str_is_linked(linker, text, tmp_path):
    values = {"kb": "no.kb", "folder": str(tmp_path), "linkers": [GazetteerLinker("no.kb")] * 2}
    made = linker(**{name: values[name] for name in POSITIONAL.get(linker.__name__, [])})
    with pytest.raises(BadItem, match=f"expected a text, got {type(text).__name__}"):
        made.link(text)


def test_a_mention_cannot_be_changed():
    mention = Mention(0, 5, "Adele", "Adele", 0.5)
    assert mention == Mention(0, 5, "Adele", "Adele", 0.5, ())
    assert len({mention, replace(mention), replace(mention, entity="Adele_(singer)")}) == 2
    with pytest.raises(FrozenInstanceError):
        mention.end = 4
