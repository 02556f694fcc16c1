"""What every linker keeps to."""

import inspect
import re

import pytest
from numpydoc.docscrape import ClassDoc
from sklearn.base import BaseEstimator, clone

import skmmgenre.text

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
