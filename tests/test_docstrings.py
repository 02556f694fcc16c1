"""Every public parameter, attribute and return value has a description."""

import importlib
import inspect
from dataclasses import is_dataclass

import pytest
from numpydoc.docscrape import NumpyDocString, get_doc_object
from numpydoc.validate import validate
from public_names import BESIDE_THE_ROOMS, MODULES, function_of, public_objects

import skmmgenre

# Parameters that are missing in the docstring, unknown, in another order, without description or
# with one in lower case; returned values without a section or a description.
CODES = {"PR01", "PR02", "PR03", "PR07", "PR08", "RT01", "RT03"}
# The arrays that methods of targets take are described once, in the docstring of the module.
OF_TARGETS = {"PR01", "RT01"}


def faults_of(value, codes=CODES):
    """What the docstring of a function, method, property or class lacks."""
    function = inspect.unwrap(function_of(value))
    if isinstance(value, property):
        return [] if inspect.getdoc(function) else ["no docstring"]
    sections = NumpyDocString(inspect.getdoc(function) or "")
    faults = [
        f"{section}: {entry.name or entry.type!r} has no description"
        for section in ("Attributes", "Yields")
        for entry in sections[section]
        if not "".join(entry.desc).strip()
    ]
    if inspect.isclass(value):
        # Of a base class the subclasses take the parameters; fields of a dataclass are attributes.
        if value.__init__ is object.__init__ or not inspect.isfunction(value.__init__):
            codes = codes - {"PR02"}
        if is_dataclass(value) and not sections["Parameters"]:
            described = {name for entry in sections["Attributes"] for name in names_in(entry)}
            left = sorted(set(value.__dataclass_fields__) - described)
            faults += [f"Attributes: {name!r} is missing" for name in left]
            codes = codes - {"PR01"}
    errors = validate(get_doc_object(function))["errors"]
    return faults + [f"{code}: {text}" for code, text in errors if code in codes]


def names_in(entry):
    return [name.strip() for name in entry.name.split(",")]


@pytest.mark.parametrize("name", MODULES)
def test_all_is_described(name):
    module = importlib.import_module(f"skmmgenre.{name}")
    faults = []
    for path, value in public_objects(module):
        codes = CODES - OF_TARGETS if name == "nets.targets" and "." in path else CODES
        faults += [f"{path}: {fault}" for fault in faults_of(value, codes)]
    assert faults == []


@pytest.mark.parametrize("name", BESIDE_THE_ROOMS)
def test_functions_beside_the_rooms_are_described(name):
    assert faults_of(getattr(skmmgenre, name)) == []


def test_items_are_described():
    """What `skmmgenre.items` takes from `utils`, which has no public names of its own."""
    items = {name: value for name, value in vars(skmmgenre.items).items() if callable(value)}
    assert "as_cells" in items
    assert {name: faults_of(value) for name, value in items.items() if faults_of(value)} == {}


# ---- the test itself --------------------------------------------------------------------


class Described:
    """Do a thing.

    Parameters
    ----------
    a : int
        How many.

    Attributes
    ----------
    total_ : int
        The sum.
    """

    def __init__(self, a):
        self.a = a

    def add(self, b):
        """Add a number.

        Parameters
        ----------
        b : int
            What to add.

        Returns
        -------
        total : int
            The sum.
        """
        return self.a + b


@pytest.mark.parametrize(
    "owner, left_out, fault",
    [
        (Described, "        How many.\n", "PR07"),
        (Described, "        The sum.\n", "Attributes"),
        (Described, "    a : int\n        How many.\n", "PR01"),
        (Described.add, "            What to add.\n", "PR07"),
        (Described.add, "            The sum.\n", "RT03"),
        (
            Described.add,
            "        Returns\n        -------\n        total : int\n            The sum.\n",
            "RT01",
        ),
    ],
)
def test_what_is_left_out_is_found(owner, left_out, fault, monkeypatch):
    assert faults_of(owner) == []
    # Python 3.13 stores docstrings without their indentation.
    doc, part = inspect.cleandoc(owner.__doc__) + "\n", inspect.cleandoc("\n" + left_out)
    lines = [line.strip() for line in part.splitlines()]
    kept = doc.splitlines()
    places = range(len(kept))
    stripped = [line.strip() for line in kept]
    start = next(i for i in places if stripped[i : i + len(lines)] == lines)
    monkeypatch.setattr(owner, "__doc__", "\n".join(kept[:start] + kept[start + len(lines) :]))
    assert any(found.startswith(fault) for found in faults_of(owner))
