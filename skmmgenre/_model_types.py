"""The types allowed in a model file, and the parameters that are left out of it.

skops describes an object by nodes: dicts with a loader (how the object is rebuilt), a module and a
class. This module only inspects them; nothing is imported or created by their names. All knowledge
of the skops format in this package is here.
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
from .pretrained._catalogue import MODELS

_ROOMS = "audio compose fusion image labels model_selection nets.targets text".split()
_PLAIN_CLASSES = {"ArtistKFold", "ArtistShuffleSplit", "GenreTaxonomy"}
_PLAIN_CLASSES |= {"CosineTarget", "LogisticTarget", "SoftmaxTarget"}
# Left out although they are not paths: the URL that reviews are sent to, and the environment
# variable of the secret that is sent; the model that a hub is queried for (names that
# `pretrained.fetch` knows are kept), and whether its code may run.
_GUARDED = {"url", "key_env", "memory", "model", "trust_remote_code"}
# Without one of these the loaded estimator raises an error: with the default, an encoder would
# compute other vectors, and a linker would send reviews to another service.
_REQUIRED = {"model", "url"}

_HEADER = {"__class__": str, "__module__": str, "__loader__": str}
# Loader -> the other keys of its nodes, with the JSON type of each. Arrays have two forms.
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
# The largest node, an empty array of objects, has seven keys, itself, and its entry in a parent.
_VALUES_OF_A_NODE = 9


class Strange(ValueError):
    """Error for a node that is not allowed in a model file."""


class Misshapen(Strange):
    """Error for a node, or a whole schema, that does not have the form that skops writes."""


@cache
def estimator_types():
    """Return the classes whose objects are allowed in a file, by public name: an explicit list.

    Creating one of their objects, or setting its state, has no side effects.
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
    """Return the full names of the types that each skops loader may create."""
    numbers = {
        f"numpy.{kind.__name__}"
        for kind in np.sctypeDict.values()
        if not issubclass(kind, (np.object_, np.void))
    }
    numbers |= {"numpy.bool_"}  # the name in NumPy 1
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
    """Return the full names to pass to skops as trusted types; it trusts the others by default.

    Parameters
    ----------
    schema : dict
        A schema that `check_schema` accepted.

    Returns
    -------
    names : list of str
        Names of the types, as few as possible: skops copies the list for every node.
    """
    objects = {_type_name(s) for s in _nodes(schema) if s["__loader__"] == "ObjectNode"}
    return [*sorted(objects), "builtins.frozenset", "numpy.bool_"]


def parse_schema(text):
    """Parse a schema, unless it has more values than its nodes can have.

    Parameters
    ----------
    text : bytes
        The content of skops' schema.json.

    Returns
    -------
    schema : object
        The schema. Classes of this package with the name of a private module, as in files of
        version 0.1, get the name of their subpackage.

    Raises
    ------
    Misshapen
        If there is padding. It is detected before any object is created from it.
    ValueError
        If it is not valid JSON.
    """
    _check_padding(text)
    # Decoded here: given bytes, json would also accept UTF-16, whose brackets were not counted.
    return json.loads(text.decode("utf-8"), object_hook=_named_publicly)


def schema_text(schema):
    """Serialize a schema, in a form that `parse_schema` and `check_schema` accept.

    Parameters
    ----------
    schema : dict

    Returns
    -------
    text : bytes

    Raises
    ------
    Strange
        If they would not accept it.
    """
    check_schema(schema)
    text = json.dumps(schema, separators=(",", ":"), ensure_ascii=False).encode()
    _check_padding(text)
    return text


def _check_padding(text):
    # Every node has each of these keys, so the rarest one limits the number of nodes.
    nodes = min(text.count(f'"{key}":'.encode()) for key in _HEADER)
    if has_more_values(text, _VALUES_OF_A_NODE * nodes + len(_ROOT_MAY_HAVE)):
        raise Misshapen(f"{SCHEMA!r} has more values than its {nodes:,} nodes can have")


def _named_publicly(node):
    """Replace the module skmmgenre.x._y of an object by skmmgenre.x if that exports the class."""
    module = node.get("__module__")
    if node.get("__loader__") == "ObjectNode" and isinstance(module, str):
        room = module.partition("._")[0]
        if room.startswith("skmmgenre.") and f"{room}.{node.get('__class__')}" in estimator_types():
            node["__module__"] = room
    return node


def check_schema(schema):
    """Check that all types are on the list, and that nodes are consistent.

    Parameters
    ----------
    schema : dict
        skops' schema.json, parsed.

    Raises
    ------
    Strange
        If a node is not allowed; the message says what is wrong, and where.
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
            raise Misshapen(f"{place} contains a {type(state).__name__} instead of a node")
        loader, number, file = (state.get(key) for key in ("__loader__", "__id__", "file"))
        if not isinstance(loader, str) or _type_name(state) not in types.get(loader, ()):
            raise Strange(f"{place} contains a {_type_name(state)}")
        if loader == "ObjectNode":
            _check_state(state)
        if number is not None:
            if type(number) is not int or number < 1:
                raise Strange(f"{place} has the number {number!r}")
            # skops creates one object for all nodes with the same number, whatever later ones say:
            # a node that was not checked could hide behind one that was.
            if (first := nodes.setdefault(number, state)) is not state:
                if first != state:
                    raise Strange(f"{place} has the number of another node")
                continue  # otherwise nested nodes would be compared again at each level
        # skops would read the array once for each number, until it fills the memory.
        if file is not None and (number is None or owners.setdefault(str(file), number) != number):
            raise Strange(f"{place} reads {file!r} again")
        _check_shape(state, place, _ROOT_MAY_HAVE if state is schema else _MAY_HAVE)
        if loader == "DictNode":
            dicts.append((state, place))
            to_see.append((state["key_types"], where))
        to_see += reversed(_parts(state, where))
    # Only now, because the loop above also checks the nodes in the key types.
    for state, place in dicts:
        kinds = state["key_types"].get("content")
        if type(kinds) is not list or len(kinds) != len(state["content"]):
            raise Misshapen(f"{place} does not have one type for each of its keys")
        if any(kind["__loader__"] != "TypeNode" for kind in kinds):
            raise Misshapen(f"{place} has a key whose type is not a type")


def _check_shape(state, place, optional):
    """Check that a node has only the keys that skops writes for its loader, of the right types."""
    found = {key: type(value) for key, value in state.items() if key not in optional}
    loader, content = state["__loader__"], state.get("content")
    fits = any(found == _HEADER | shape for shape in _SHAPES[loader])
    # skops parses this text again. As a string, it was not counted by `has_more_values`.
    if loader == "JsonNode":  # one value; skops has nodes for lists and dicts
        fits = fits and content[:1] not in ("", "[", "{", " ", "\t", "\n", "\r")
    elif loader == "SliceNode":
        fits = fits and content.keys() == {"start", "stop", "step"}
        fits = fits and {type(part) for part in content.values()} <= {int, str, type(None)}
    if not fits:
        raise Misshapen(f"{place} contains a {loader} that skops would not write")


def _check_state(state):
    """Check that attributes are a plain dict, in which guarded parameters can be found."""
    attributes = state.get("content")
    kind = attributes.get("__loader__") if isinstance(attributes, dict) else None
    expected = "TupleNode" if state.get("__class__") == "GenreTaxonomy" else "DictNode"
    if kind != expected or (kind == "DictNode" and not isinstance(attributes.get("content"), dict)):
        raise Strange(f"{_type_name(state)} has a state of an unexpected type")


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
    """Replace ids, which are memory addresses, by consecutive numbers, and rename files likewise.

    So the same model gives the same file. Nodes of the same object become identical.

    Parameters
    ----------
    schema : dict

    Returns
    -------
    schema : dict
    names : dict of str to str
        Old file name -> new file name.
    """
    made, names = {}, {}

    def anew(value):
        if isinstance(value, list):
            return [anew(part) for part in value]
        if not isinstance(value, dict):
            return value
        # The content of a user's dict may have this key, too, but with a node as its value.
        is_node = isinstance(value.get("__loader__"), str)
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
    """Yield the class of each object with named attributes, and the node of its attributes.

    Parameters
    ----------
    schema : dict
        A schema that `check_schema` accepted.

    Yields
    ------
    cls : type
    attributes : dict
        The skops node of a dict: "content" has the values, "key_types" the type of each key. It
        is part of the schema, and may be modified.
    """
    for state in _nodes(schema):
        cls = estimator_types().get(_type_name(state))
        if state["__loader__"] == "ObjectNode" and cls is not None:
            attributes = state["content"]
            if isinstance(attributes["content"], dict):  # a GenreTaxonomy has a list
                yield cls, attributes


def fit_parameters(schema):
    """Give each estimator of a schema exactly the parameters that its class has in this version.

    Parameters
    ----------
    schema : dict
        Changed in place. Parameters that an estimator lacks get their defaults. Parameters that
        its class, if it is from this package, no longer has are removed; they are distinguished
        from fitted attributes by their names, which neither start nor end with "_".

    Returns
    -------
    lost : list of str
        Names of the removed parameters: "AudioCNN.patches".

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
                raise Strange(f"it contains a {cls.__name__} without {name}")
            values[name] = _described(cls)[name]
        if cls.__module__.startswith("skmmgenre."):
            # A scikit-learn estimator among its base classes may set parameters of its own.
            known = set().union(*(_parameters(base) for base in cls.__mro__[:-1]))
            strays = {name for name in values.keys() - known if name.strip("_") == name}
            lost |= {f"{cls.__name__}.{name}" for name in strays}
            for name in strays:
                del values[name]
        # skops pairs keys and types by position, so there must be one type per key.
        attributes["key_types"] = _types_of_names(len(values))
    return sorted(lost)


@cache
def _parameters(cls):
    """Return the parameters of a class with their defaults."""
    return {
        name: parameter.default
        for name, parameter in list(inspect.signature(cls.__init__).parameters.items())[1:]
        if parameter.kind in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY)
    }


@cache
def _described(cls):
    """Return the nodes of the default values of a class."""
    defaults = {n: d for n, d in _parameters(cls).items() if d is not inspect.Parameter.empty}
    with zipfile.ZipFile(io.BytesIO(skops.io.dumps(defaults))) as archive:
        return _without_ids(json.loads(archive.read(SCHEMA))["content"])


def _types_of_names(number):
    """Return the node of the key types that skops requires next to the content of a dict."""
    kind = {"__class__": "str", "__module__": "builtins", "__loader__": "TypeNode"}
    kinds = {"__class__": "list", "__module__": "builtins", "__loader__": "ListNode"}
    return {**kinds, "content": [kind] * number}


def _without_ids(value):
    """Return a node without ids, which are memory addresses and could clash with the file's."""
    if isinstance(value, list):
        return [_without_ids(part) for part in value]
    if isinstance(value, dict):
        return {key: _without_ids(part) for key, part in value.items() if key != "__id__"}
    return value


def leave_out(schema, before=()):
    """Reset the parameters that contain a local path or a host.

    Parameters
    ----------
    schema : dict
        Changed in place: the parameters get their defaults, None if they have none. The model of
        an encoder and the URL of a linker become None.
    before : collection of str
        Names that were left out when the file was written. Earlier versions then wrote the default
        model or URL.

    Returns
    -------
    names : list of str
        Names of the parameters that were reset: "GazetteerLinker.kb".
    """
    names = set()
    for name, values, parameter, blank in _guarded_values(schema):
        if parameter in _REQUIRED and (name in before or _is_plain(values[parameter], (None,))):
            values[parameter] = _plain(None)
            names.add(name)
        elif parameter == "model" and _may_stay(values[parameter]):
            continue
        elif not _is_plain(values[parameter], (None, blank)):
            values[parameter] = _plain(None if parameter in _REQUIRED else blank)
            names.add(name)
    return sorted(names)


def may_be_left_out(schema):
    """Return the names of the parameters of a model that `leave_out` may reset.

    Parameters
    ----------
    schema : dict

    Returns
    -------
    names : set of str
    """
    return {name for name, *_ in _guarded_values(schema)}


def _may_stay(node):
    """Return whether a node need not be reset: a name of `pretrained.fetch`, or no name at all.

    A callable is not reset, since `check_schema` rejects it.
    """
    is_place = node["__loader__"] == "JsonNode" or node["__module__"].startswith("pathlib")
    return not is_place or _is_plain(node, MODELS)


def _guarded_values(schema):
    """Yield the name, the dict of values, the key and the default of each guarded parameter."""
    for cls, attributes in estimators_of(schema):
        values = attributes["content"]
        for parameter, blank in _guarded_parameters(cls).items():
            if parameter in values:
                yield f"{cls.__name__}.{parameter}", values, parameter, blank


@cache
def _guarded_parameters(cls):
    """Return the parameters of a class that may be a path or a host, with their defaults."""
    constraints = getattr(cls, "_parameter_constraints", {})
    guarded = {}
    for name, parameter in inspect.signature(cls.__init__).parameters.items():
        constraint = constraints.get(name)
        paths = isinstance(constraint, list) and os.PathLike in constraint
        if paths or name in _GUARDED:
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
    """Yield all nodes that contain others or a file, at any depth, parents first."""
    to_see = [schema]
    while to_see:
        state = to_see.pop()
        yield state
        parts = [part for part, _ in reversed(_parts(state))]
        to_see += [part for part in parts if part["__loader__"] not in ("JsonNode", "TypeNode")]


def _parts(state, where=""):
    """Return the nodes in a node, each with the class and attribute it is in, "" at the top."""
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
