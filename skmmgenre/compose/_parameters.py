"""Parameters of a model by short names, and those that may change once it is fitted."""

import os
from collections.abc import Mapping
from difflib import get_close_matches

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils._param_validation import validate_parameter_constraints

from ..nets import NetEstimator
from ..utils import estimators_in, walk, walk_parts

# How a model runs: what `transform` and `predict` read anew in every call, and what decides
# neither what was learned nor what of a cell is looked at.
RUNTIME = (
    "device",
    "n_jobs",
    "batch_size",
    "precision",
    "on_error",
    "cache",
    "keep_mentions",
    "timeout",
    "max_retries",
    "backoff",
    "verbose",
)
# Their own parameters are those of other work: a bare n_jobs is not meant for the branches.
_CONTAINERS = (Pipeline, ColumnTransformer, FeatureUnion)


def find_parameter(model, name, *, fitted=False):
    """Find what a short name stands for.

    Parameters
    ----------
    model : estimator
    name : str
        ``part__parameter``: the one of the network of a part, or else of its last step that has
        it. A bare ``parameter``: those of all steps that have it.
    fitted : bool or None, default=False
        Whether to look at the fitted copies of the steps, as in `walk`.

    Returns
    -------
    parts : dict of str to str
        The long name of each parameter, as in `get_params`, and the part it is in.

    Raises
    ------
    ValueError
        If there is none; it names the parts, or parameters of a similar name.
    """
    part, _, bare = name.rpartition("__")
    parts_of = walk_parts(model, fitted=fitted)
    steps = [("".join(names[:1]), path, step) for names, path, step in parts_of]
    parts = list(dict.fromkeys(owner for owner, _, _ in steps))
    if part and part not in parts:
        close = get_close_matches(name, model.get_params(), n=1)
        raise ValueError(
            f"Unknown parameter {name!r}: there is no part {part!r}; the parts are {parts}."
            + "".join(f" Did you mean {long!r}?" for long in close)
        )
    # Networks first, and the last step before those in front of it.
    steps = sorted(steps[::-1], key=lambda found: not isinstance(found[2], NetEstimator))
    found, known = {}, set()
    for owner, path, step in steps:
        if part in ("", owner):
            own = step.get_params(deep=False).keys() - {"estimator"}  # that is the next step
            known |= own
            if bare in own:
                found["__".join((*path, bare))] = owner
    if not found:
        close = get_close_matches(bare, sorted(known))
        raise ValueError(
            f"Unknown parameter {name!r}: no step of it has the parameter {bare!r}; "
            + (
                f"did you mean {' or '.join(map(repr, close))}?"
                if close
                else "the API reference names those of each step."
            )
        )
    return dict(list(found.items())[:1]) if part else found


def by_precedence(model, names):
    """Sort names of parameters: bare ones, those with a part, those of `get_params`.

    Set in this order, the more exact name has the last word.
    """
    known = model.get_params()
    return sorted(names, key=lambda name: (name in known, "__" in name or "." in name))


def find_runtime_parameter(model, name, *, also=()):
    """Find what a name means of the parameters that may change once a model is fitted.

    Parameters
    ----------
    model : estimator
    name : str
        ``parameter``: of all steps that have it, and of what they hold, such as linkers.
        A bare ``cache`` leaves out a fine-tuned network, which cannot have one.
        ``part__parameter``: as in `find_parameter`. A name of `get_params`. ``Class.parameter``:
        of all estimators of that class.
    also : collection of str, default=()
        Names ``Class.parameter`` of parameters beside `RUNTIME`.

    Returns
    -------
    found : list of (estimator, str)
        Each estimator, the fitted copies among them, and the parameter. Empty if the name is
        one of `RUNTIME` alone and no step has it.

    Raises
    ------
    ValueError
        If the name is not known, or is one of a parameter that is fixed in `fit`.
    """
    bare = name.replace(".", "__").rpartition("__")[2]
    if bare not in {*RUNTIME, *(other.rpartition(".")[2] for other in also)}:
        raise ValueError(_why_not(model, name, bare, also))
    if "." in name:
        cls = name.rpartition(".")[0]
        estimators = [step for step in estimators_in(model) if type(step).__name__ == cls]
    elif name == bare:
        estimators = [step for step in estimators_in(model) if _takes_bare(step, bare)]
    else:
        estimators = _addressed(model, name)
    found = [
        (step, bare)
        for step in estimators
        if bare in step.get_params(deep=False)
        if bare in RUNTIME or f"{type(step).__name__}.{bare}" in also
    ]
    if not found and name not in RUNTIME:
        raise ValueError(_why_not(model, name, bare, also))
    return found


def _takes_bare(step, parameter):
    """Whether a bare name is meant for a step: not a container, nor a network without a store."""
    if parameter == "cache" and getattr(step, "fine_tune", False):
        return False
    return not isinstance(step, _CONTAINERS)


def _addressed(model, name):
    """The estimators of a name with its part, or of a name of `get_params`."""
    steps = {}
    for path, step, _ in walk(model, fitted=None):
        steps.setdefault(path, []).append(step)
    *owner, parameter = name.split("__")
    inside = []  # names of what a step holds beside steps, such as a linker
    while tuple(owner) not in steps:
        inside.insert(0, owner.pop())
    found = steps[tuple(owner)]
    if inside:
        found = [step.get_params().get("__".join(inside)) for step in found]
    found = [held for held in found if parameter in _own_params(held)]
    if found:
        return found
    places = find_parameter(model, name, fitted=None)
    return [step for place in places for step in steps[tuple(place.split("__")[:-1])]]


def _own_params(held):
    return held.get_params(deep=False) if hasattr(held, "get_params") else ()


def _why_not(model, name, bare, also):
    """The message for a name that is not one of a parameter to set."""
    known = {name for step in estimators_in(model) for name in step.get_params(deep=False)}
    can_be_set = [*(other for other in RUNTIME if other in known), *sorted(also)]
    listed = ", ".join(can_be_set) or "none"
    if bare in known and "." not in name:
        return (
            f"The parameter {name!r} is fixed once a model is fitted: set it before fit. Of this "
            f"model these can be set: {listed}."
        )
    close = get_close_matches(bare, can_be_set) or get_close_matches(name, can_be_set)
    return (
        f"Unknown parameter {name!r}: "
        + (f"did you mean {' or '.join(map(repr, close))}? " if close else "")
        + f"Of this model these can be set: {listed}."
    )


def set_runtime_params(model, params, *, also=()):
    """Set parameters of a fitted model, in the fitted copies of its steps too.

    Parameters
    ----------
    model : estimator
    params : dict
        By names that `find_runtime_parameter` knows. The more exact name has the last word.
    also : collection of str, default=()
        As in `find_runtime_parameter`.

    Returns
    -------
    names : set of str
        What was set, as ``Class.parameter``.

    Raises
    ------
    TypeError
        If `params` is not a dict, or a name is not a str.
    ValueError
        If a name is not known, or is one of a parameter that is fixed in `fit`.
    InvalidParameterError
        If a value is not one that a step takes; it is both a ValueError and a TypeError.
    """
    if not isinstance(params, Mapping):
        raise TypeError(
            f"params must be a dict such as {{'device': 'cpu'}}, got {type(params).__name__}."
        )
    for name in params:
        if not isinstance(name, str):
            raise TypeError(
                f"params must have names of parameters as keys, such as 'device', got {name!r} "
                f"({type(name).__name__})."
            )
    names = set()
    for name in by_precedence(model, params):
        value = params[name]
        value = os.fspath(value) if isinstance(value, os.PathLike) else value
        for step, parameter in find_runtime_parameter(model, name, also=also):
            cls, constraints = type(step).__name__, getattr(step, "_parameter_constraints", {})
            validate_parameter_constraints(constraints, {parameter: value}, caller_name=cls)
            step.set_params(**{parameter: value})
            names.add(f"{cls}.{parameter}")
    return names
