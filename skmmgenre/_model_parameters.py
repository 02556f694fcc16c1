"""Parameters of estimators that were saved by another version of their class.

A class may get a parameter whose default answers as the class did before; it may lose one.
"""

import inspect
import io
import json
import zipfile
from functools import cache

import skops.io
from sklearn.base import BaseEstimator

from ._model_schema import Strange, estimators_of


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
        return _without_ids(json.loads(archive.read("schema.json"))["content"])


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
