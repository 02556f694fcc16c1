"""The types that a model file may hold: skops' description of a model, and what is left out of it.

skops describes an object by nodes: dicts with a loader (how it is made again), a module and a
class. Here they are only looked at; nothing is imported or made by their names. All that this
package knows of nodes is here.
"""

import inspect
import io
import json
import os
import zipfile
from functools import cache
from importlib import import_module

import numpy as np
import skops.io
from sklearn.base import BaseEstimator
from sklearn.utils import all_estimators

from ._model_archive import SCHEMA, has_more_values

_ROOMS = "audio compose fusion image labels model_selection nets.targets text".split()
_PLAIN_CLASSES = {"ArtistKFold", "ArtistShuffleSplit", "GenreTaxonomy"}
_PLAIN_CLASSES |= {"CosineTarget", "LogisticTarget", "SoftmaxTarget"}
# Left out though no path: where reviews are sent to, and which variable holds a secret to send.
_GUARDED = {"url", "key_env", "memory"}
# Of those left out, what the predictions do not depend on.
_IDLE = {"cache", "memory", "weights"}

_HEADER = {"__class__": str, "__module__": str, "__loader__": str}
# Loader -> the other keys of its nodes, with the JSON type of each; of an array in either way.
_SHAPES = {
    "JsonNode": [{"content": str, "is_json": bool}],
    "DictNode": [{"content": dict, "key_types": dict}],
    "ListNode": [{"content": list}],
    "TupleNode": [{"content": list}],
    "SetNode": [{"content": list}],
    "SliceNode": [{"content": dict}],
    "ConstructorFromReduceNode": [{"content": dict}],
    "TypeNode": [{}],
    "NdArrayNode": [{"type": str, "file": str}, {"type": str, "content": list, "shape": dict}],
    "RandomStateNode": [{"content": dict}],
    "ObjectNode": [{"content": dict}],
}
_MAY_HAVE = {"__id__"}
_ROOT_MAY_HAVE = {"__id__", "protocol", "_skops_version"}
# An array of objects has seven keys, a place in another node, and may be empty.
_VALUES_OF_A_NODE = 9


class Strange(ValueError):
    """A node that has no place in a model file."""


class Misshapen(Strange):
    """A node, or a whole schema, of another shape than skops gives it."""


@cache
def estimator_types():
    """Return the classes whose objects may be in a file, by public name: an explicit list.

    None of them does anything when it is made or given its state but to keep it.
    """
    found = {f"{c.__module__}.{c.__name__}": c for _, c in all_estimators()}
    found = {name: c for name, c in found.items() if name.startswith("sklearn.")}
    for room in _ROOMS:
        module = import_module(f"skmmgenre.{room}")
        for name in module.__all__:
            public = getattr(module, name)
            if name in _PLAIN_CLASSES or (
                inspect.isclass(public) and issubclass(public, BaseEstimator)
            ):
                found[f"skmmgenre.{room}.{name}"] = public
    return found


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


def trusted_types(schema):
    """Return the full names that skops is told to trust; it knows the others itself.

    Parameters
    ----------
    schema : dict
        One that `check_schema` let through.

    Returns
    -------
    names : list of str
        As few as possible: skops copies the list for every node.
    """
    objects = {_type_name(s) for s in _nodes(schema) if s["__loader__"] == "ObjectNode"}
    return [*sorted(objects), "builtins.frozenset", "numpy.bool_"]


def parse_schema(text):
    """Read a schema, unless it holds more values than its nodes have.

    Parameters
    ----------
    text : bytes
        The content of skops' schema.json.

    Returns
    -------
    schema : object
        Classes of this package that are named by a private module, as in files of version 0.1,
        are named by their room.

    Raises
    ------
    Misshapen
        If there is padding. It is found before any object is made of it.
    ValueError
        If it is not valid JSON.
    """
    _check_padding(text)
    # Decoded here: of bytes, json would take UTF-16 as well, whose brackets were not counted.
    return json.loads(text.decode("utf-8"), object_hook=_named_publicly)


def schema_text(schema):
    """Write a schema as `parse_schema` and `check_schema` accept it.

    Parameters
    ----------
    schema : dict

    Returns
    -------
    text : bytes

    Raises
    ------
    Strange
        If they do not.
    """
    check_schema(schema)
    text = json.dumps(schema, separators=(",", ":"), ensure_ascii=False).encode()
    _check_padding(text)
    return text


def _check_padding(text):
    nodes = min(text.count(f'"{key}":'.encode()) for key in _HEADER)
    if has_more_values(text, _VALUES_OF_A_NODE * nodes + len(_ROOT_MAY_HAVE)):
        raise Misshapen(f"{SCHEMA!r} holds more values than its {nodes:,} nodes have")


def _named_publicly(node):
    """Replace the module skmmgenre.ROOM._any of an object by skmmgenre.ROOM if it has the class."""
    module = node.get("__module__")
    if node.get("__loader__") == "ObjectNode" and isinstance(module, str):
        room = module.partition("._")[0]
        if room.startswith("skmmgenre.") and f"{room}.{node.get('__class__')}" in estimator_types():
            node["__module__"] = room
    return node


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
    nodes, owners, dicts = {}, {}, []
    to_see = [(schema, "")]
    while to_see:
        state, where = to_see.pop()
        place = where or "it"
        if not isinstance(state, dict):
            raise Misshapen(f"{place} holds a {type(state).__name__} in place of a node")
        loader, number, file = (state.get(key) for key in ("__loader__", "__id__", "file"))
        if not isinstance(loader, str) or _type_name(state) not in types.get(loader, ()):
            raise Strange(f"{place} holds a {_type_name(state)}")
        if loader == "ObjectNode":
            _check_state(state)
        if number is not None:
            if type(number) is not int or number < 1:
                raise Strange(f"{place} has the number {number!r}")
            # skops makes one object of all nodes of a number, whatever the later ones say.
            if (first := nodes.setdefault(number, state)) is not state:
                if first != state:
                    raise Strange(f"{place} has the number of something else")
                continue  # or nodes in nodes are compared once more at each level
        if file is not None and (number is None or owners.setdefault(str(file), number) != number):
            raise Strange(f"{place} reads {file!r} once more")
        _check_shape(state, place, _ROOT_MAY_HAVE if state is schema else _MAY_HAVE)
        if loader == "DictNode":
            dicts.append((state, place))
            to_see.append((state["key_types"], where))
        to_see += reversed(_parts(state, where))
    for state, place in dicts:
        kinds = state["key_types"].get("content")
        if type(kinds) is not list or len(kinds) != len(state["content"]):
            raise Misshapen(f"{place} has not one type for each of its keys")
        if any(kind["__loader__"] != "TypeNode" for kind in kinds):
            raise Misshapen(f"{place} has keys of a type that is none")


def _check_shape(state, place, optional):
    """Only the keys that skops writes for a loader, each with a value of its kind."""
    found = {key: type(value) for key, value in state.items() if key not in optional}
    loader, content = state["__loader__"], state.get("content")
    fits = any(found == _HEADER | shape for shape in _SHAPES[loader])
    if loader == "JsonNode":  # one value; skops has nodes for lists and dicts
        fits = fits and content[:1] not in ("", "[", "{", " ", "\t", "\n", "\r")
    elif loader == "SliceNode":
        fits = fits and content.keys() == {"start", "stop", "step"}
        fits = fits and {type(part) for part in content.values()} <= {int, str, type(None)}
    if not fits:
        raise Misshapen(f"{place} holds a {loader} of another shape than skops gives it")


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
    return {state["file"] for state in _nodes(schema) if "file" in state}


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
        is_node = isinstance(value.get("__loader__"), str)  # no dict that has such a key
        number = value.get("__id__") if is_node else None
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
    for state in _nodes(schema):
        cls = estimator_types().get(_type_name(state))
        if state["__loader__"] == "ObjectNode" and cls is not None:
            attributes = state["content"]
            if isinstance(attributes["content"], dict):  # a GenreTaxonomy has a list
                yield cls, attributes


def fit_parameters(schema):
    """Give each estimator of a schema exactly the parameters that its class has here.

    Parameters
    ----------
    schema : dict
        Changed in place. What an estimator lacks gets its default; what its class, if of this
        package, has no longer is taken away. It is told from what is learned by its name, which
        neither starts nor ends with "_".

    Returns
    -------
    lost : list of str
        Names of the parameters taken away: "AudioCNN.patches".

    Raises
    ------
    Strange
        If an estimator lacks a parameter that has no default.
    """
    lost = set()
    for cls, attributes in estimators_of(schema):
        if not issubclass(cls, BaseEstimator):
            continue
        values, parameters = attributes["content"], _parameters(cls)
        for name in parameters.keys() - values.keys():
            if parameters[name] is inspect.Parameter.empty:
                raise Strange(f"it holds a {cls.__name__} without {name}")
            values[name] = _described(cls)[name]
        if cls.__module__.startswith("skmmgenre."):
            # An estimator of scikit-learn below it may set its own too.
            known = set().union(*(_parameters(base) for base in cls.__mro__[:-1]))
            strays = {name for name in values.keys() - known if name.strip("_") == name}
            lost |= {f"{cls.__name__}.{name}" for name in strays}
            for name in strays:
                del values[name]
        attributes["key_types"] = _types_of_names(len(values))
    return sorted(lost)


@cache
def _parameters(cls):
    """Parameters of a class with their defaults."""
    return {
        name: parameter.default
        for name, parameter in list(inspect.signature(cls.__init__).parameters.items())[1:]
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }


@cache
def _described(cls):
    """The defaults of a class as skops describes them."""
    defaults = {n: d for n, d in _parameters(cls).items() if d is not inspect.Parameter.empty}
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(defaults))) as archive:
        return _without_ids(json.loads(archive.read(SCHEMA))["content"])


def _types_of_names(number):
    """What skops wants beside the content of a dict: the type of each key."""
    kind = {"__class__": "str", "__module__": "builtins", "__loader__": "TypeNode"}
    kinds = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode"}
    return {**kinds, "content": [kind] * number}


def _without_ids(value):
    """Ids are addresses in memory, and others than those of the file."""
    if isinstance(value, list):
        return [_without_ids(part) for part in value]
    if isinstance(value, dict):
        return {key: _without_ids(part) for key, part in value.items() if key != "__id__"}
    return value


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


def _nodes(schema):
    """Yield all nodes at any depth that hold others or a file, each before those in it."""
    to_see = [schema]
    while to_see:
        state = to_see.pop()
        yield state
        parts = [part for part, _ in reversed(_parts(state))]
        to_see += [part for part in parts if part["__loader__"] not in ("JsonNode", "TypeNode")]


def _parts(state, where=""):
    """The nodes in a node, each with the class and attribute it is found in, "" at the top."""
    loader, content = state["__loader__"], state.get("content")
    if loader == "ObjectNode":
        return [(content, state["__class__"])]
    if loader in ("ConstructorFromReduceNode", "RandomStateNode"):
        return [(content, where)]
    if loader == "DictNode":
        below = where and "." not in where  # attributes, as it is directly below an object
        return [(part, f"{where}.{key}" if below else where) for key, part in content.items()]
    if isinstance(content, list):
        shape = [state["shape"]] if "shape" in state else []  # of an array of objects
        return [(part, where) for part in content + shape]
    return []
