"""skops' description of a stored model: what may be in it, and what is left out of it.

skops describes an object by nodes: dicts with a loader (how it is made again), a module and a
class. Here they are only looked at; nothing is imported or made by their names.
"""

import inspect
import json
import os
from collections.abc import Iterator
from functools import cache
from importlib import import_module
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.utils import all_estimators

_ROOMS = ("audio", "compose", "fusion", "image", "labels", "model_selection", "text")
# Left out though no path: where reviews are sent to, and which variable holds a secret to send.
_GUARDED = {"url", "key_env", "memory"}
# Of those left out, what the predictions do not depend on.
_IDLE = {"cache", "memory", "weights"}


class Strange(ValueError):
    """A node that has no place in a model file."""


class _Node(NamedTuple):
    state: dict
    where: str  # class and attribute it is found in, "" at the top


@cache
def estimator_types():
    """Return the classes whose objects may be in a file, by full name: an explicit list.

    None of them does anything when it is made or given its state but to keep it.
    """
    found = {c for _, c in all_estimators() if c.__module__.startswith("sklearn.")}
    for room in _ROOMS:
        module = import_module(f"skmmgenre.{room}")
        for name in module.__all__:
            public = getattr(module, name)
            if inspect.isclass(public) and issubclass(public, BaseEstimator):
                found.add(public)
    from .labels import GenreTaxonomy
    from .model_selection import ArtistKFold, ArtistShuffleSplit
    from .nets.targets import CosineTarget, LogisticTarget, SoftmaxTarget

    found |= {CosineTarget, LogisticTarget, SoftmaxTarget}
    found |= {ArtistKFold, ArtistShuffleSplit, GenreTaxonomy}
    return {f"{c.__module__}.{c.__name__}": c for c in found}


@cache
def _types():
    """Loader of skops -> full names of what it may make."""
    numbers = {
        f"numpy.{kind.__name__}"
        for kind in np.sctypeDict.values()
        if not issubclass(kind, (np.object_, np.void))
    }
    numbers |= {"numpy.bool_"}  # the name that NumPy 1 wrote
    return {
        "JsonNode": {"builtins.str"},
        "DictNode": {"builtins.dict", "collections.OrderedDict"},
        "ListNode": {"builtins.list"},
        "TupleNode": {"builtins.tuple"},
        "SetNode": {"builtins.set"},
        "SliceNode": {"builtins.slice"},
        "ConstructorFromReduceNode": {"builtins.frozenset"},
        "TypeNode": {f"builtins.{kind}" for kind in ("str", "int", "float", "bool")} | numbers,
        "NdArrayNode": {"numpy.ndarray"} | numbers,
        "RandomStateNode": {"numpy.random.mtrand.RandomState"},
        "ObjectNode": set(estimator_types()),
    }


def trusted_types():
    """Return the full names that skops is told to trust; it knows the others itself.

    Returns
    -------
    names : list of str
    """
    return [*estimator_types(), "builtins.frozenset", "numpy.bool_"]


def check_schema(schema):
    """Refuse types that are not on the list, and nodes that are not what they seem.

    Parameters
    ----------
    schema : dict
        As `json.loads` gives skops' schema.json.

    Raises
    ------
    Strange
        It tells what is wrong, and where.
    """
    types = _types()
    if schema.get("__loader__") != "ObjectNode":
        raise Strange(f"it is a {_type_name(schema)}")
    nodes, owners = {}, {}
    for node in _nodes(schema):
        state, number, file = node.state, node.state.get("__id__"), node.state.get("file")
        loader = state["__loader__"]
        if not isinstance(loader, str) or _type_name(state) not in types.get(loader, ()):
            raise Strange(f"{node.where or 'it'} holds a {_type_name(state)}")
        if loader == "ObjectNode":
            _check_state(state)
        # skops makes one object of all nodes of a number, whatever the later ones say.
        if number is not None and (type(number) is not int or number < 1):
            raise Strange(f"{node.where or 'it'} has the number {number!r}")
        if number is not None and nodes.setdefault(number, state) != state:
            raise Strange(f"{node.where or 'it'} has the number of something else")
        if file is not None and (number is None or owners.setdefault(str(file), number) != number):
            raise Strange(f"{node.where or 'it'} reads {file!r} once more")


def _check_state(state):
    """Attributes in a plain dict, where those that are left out can be found."""
    attributes = state.get("content")
    kind = attributes.get("__loader__") if isinstance(attributes, dict) else None
    expected = "TupleNode" if state.get("__class__") == "GenreTaxonomy" else "DictNode"
    if kind != expected or (kind == "DictNode" and not isinstance(attributes.get("content"), dict)):
        raise Strange(f"{_type_name(state)} has a state of another kind")


def _type_name(state):
    return f"{state.get('__module__')}.{state.get('__class__')}"


def files_of(schema):
    """Return the names of the members that a schema refers to.

    Parameters
    ----------
    schema : dict

    Returns
    -------
    names : set of str
    """
    return {n.state["file"] for n in _nodes(schema) if isinstance(n.state.get("file"), str)}


def number_anew(schema):
    """Replace ids, which are addresses in memory, by numbers, and files by names after them.

    So the same model makes the same file. Nodes of one object become the same.

    Parameters
    ----------
    schema : dict

    Returns
    -------
    schema : dict
    names : dict of str to str
        Old names of files -> new ones.
    """
    made, names = {}, {}

    def anew(value):
        if isinstance(value, list):
            return [anew(part) for part in value]
        if not isinstance(value, dict):
            return value
        number = value.get("__id__") if "__loader__" in value else None
        if number in made:
            return made[number]
        node = {key: anew(part) for key, part in value.items()}
        if number is not None:
            made[number] = node
            node["__id__"] = len(made)
            if isinstance(file := node.get("file"), str):
                suffix = file.rpartition(".")[2]
                node["file"] = names.setdefault(file, f"{len(names)}.{suffix}")
        return node

    return anew(schema), names


def estimators_of(schema):
    """Yield the class of each object that has attributes by name, and the dict of them.

    Parameters
    ----------
    schema : dict
        One that `check_schema` let through.

    Yields
    ------
    cls : type
    attributes : dict
        As skops describes a dict: its "content" has the values, its "key_types" the type of
        each key. The schema's own, to be changed.
    """
    for node in _nodes(schema):
        cls = estimator_types().get(_type_name(node.state))
        if node.state["__loader__"] == "ObjectNode" and cls is not None:
            attributes = node.state["content"]
            if isinstance(attributes["content"], dict):  # a GenreTaxonomy has a list
                yield cls, attributes


def leave_out(schema):
    """Set back the parameters that name a place of a machine, or a host.

    Parameters
    ----------
    schema : dict
        Changed in place: the parameters get their defaults, None where there is none.

    Returns
    -------
    names : list of str
        Of what was set back: "GazetteerLinker.kb".
    """
    names = set()
    for name, values, parameter, blank in _guarded_values(schema):
        if not _is_plain(values[parameter], (None, blank)):
            values[parameter] = _plain(blank)
            names.add(name)
    return sorted(names)


def may_be_left_out(schema):
    """Return the names of the parameters of a model that `leave_out` looks at.

    Parameters
    ----------
    schema : dict

    Returns
    -------
    names : set of str
    """
    return {name for name, *_ in _guarded_values(schema)}


def put_in(schema, given):
    """Set parameters of the kind that `leave_out` sets back.

    Parameters
    ----------
    schema : dict
        Changed in place.
    given : dict of str to str or path-like

    Raises
    ------
    ValueError
        If the model has no such parameter.
    TypeError
        If a value is neither text nor path.
    """
    known = may_be_left_out(schema)
    for name, value in given.items():
        if name not in known:
            takes = ", ".join(sorted(known)) or "none"
            raise ValueError(f"params has {name!r}; of this model it takes {takes}.")
        if not isinstance(value, (str, os.PathLike)):
            raise TypeError(f"params[{name!r}] must be a str or path, got {value!r}.")
    for name, values, parameter, _ in _guarded_values(schema):
        if name in given:
            values[parameter] = _plain(os.fspath(given[name]))


def is_needed(name):
    """Whether predictions depend on a parameter that was left out.

    Parameters
    ----------
    name : str
        As `leave_out` returns it.
    """
    return name.rpartition(".")[2] not in _IDLE


def _guarded_values(schema):
    """Name, the dict it is in, key and default of each guarded parameter."""
    for cls, attributes in estimators_of(schema):
        values = attributes["content"]
        for parameter, blank in _guarded_parameters(cls).items():
            if parameter in values:
                yield f"{cls.__name__}.{parameter}", values, parameter, blank


@cache
def _guarded_parameters(cls):
    """Parameters of a class that may be a path or name a host, with their defaults."""
    constraints = getattr(cls, "_parameter_constraints", {})
    guarded = {}
    for name, parameter in inspect.signature(cls.__init__).parameters.items():
        constraint = constraints.get(name)
        paths = isinstance(constraint, list) and os.PathLike in constraint
        if paths or name in _GUARDED or name == "categories_from":
            default = parameter.default
            guarded[name] = None if default is inspect.Parameter.empty else default
    return guarded


def _plain(value):
    return {
        "__class__": "str",
        "__module__": "builtins",
        "__loader__": "JsonNode",
        "content": json.dumps(value),
        "is_json": True,
    }


def _is_plain(node, values):
    return {**node, "__id__": None} in [{**_plain(value), "__id__": None} for value in values]


def _nodes(schema) -> Iterator[_Node]:
    """All nodes at any depth, each before those in it."""
    to_see = [(schema, "")]
    while to_see:
        value, where = to_see.pop()
        if isinstance(value, list):
            parts = [(part, where) for part in value]
        elif "__loader__" in value:
            yield _Node(value, where)
            if value["__loader__"] == "ObjectNode":
                where = str(value.get("__class__"))
            parts = [(part, where) for part in value.values()]
        else:  # parts by name; attributes, if it is directly below an object
            below = where and "." not in where
            parts = [(part, f"{where}.{key}" if below else where) for key, part in value.items()]
        to_see += [part for part in reversed(parts) if isinstance(part[0], (dict, list))]
