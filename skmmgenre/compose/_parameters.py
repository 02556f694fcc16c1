"""Short names of a model's parameters, and the parameters that may change after `fit`."""

import os
from collections.abc import Mapping
from difflib import get_close_matches

from sklearn.compose import ColumnTransformer
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.utils._param_validation import validate_parameter_constraints

from ..nets import NetEstimator
from ..utils import estimators_in, walk, walk_parts

# Parameters of how a model runs: `transform` and `predict` read them again in every call, and they
# affect neither what was learned nor which part of a cell is used.
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
# Parameters of `make_genre_classifier` that choose the steps, so that no step has them.
_BRANCHES = ("audio", "text", "image")
_CHOOSES_STEPS = (*_BRANCHES, *(f"{name}_model" for name in _BRANCHES), "joint_space", "linker")
# Their own parameters mean something else: a bare n_jobs does not set the workers over branches.
_CONTAINERS = (Pipeline, ColumnTransformer, FeatureUnion)


def find_parameter(model, name, *, fitted=False, bare_names=True):
    """Resolve a short parameter name.

    Parameters
    ----------
    model : estimator
    name : str
        ``part__parameter``: the parameter of the network of a part, or else of its last step that
        has it. A bare ``parameter``: that of every step that has it.
    fitted : bool or None, default=False
        Whether to look at the fitted copies of the steps, as in `walk`.
    bare_names : bool, default=True
        Whether the error message may suggest bare names.

    Returns
    -------
    parts : dict of str to str
        The full name of each parameter, as in `get_params`, and the part it belongs to.

    Raises
    ------
    ValueError
        If no step has the parameter; the message lists the parts, or parameters with similar names.
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
    # Networks first, then the other steps from the last to the first.
    steps = sorted(steps[::-1], key=lambda found: not isinstance(found[2], NetEstimator))
    found, known = {}, {}
    for owner, path, step in steps:
        if part in ("", owner):
            own = step.get_params(deep=False).keys() - {"estimator"}  # which is the next step
            for parameter in own:
                known.setdefault(parameter, set()).add(owner)
            if bare in own:
                found["__".join((*path, bare))] = owner
    if not found:
        owners = {own: [owner for owner in parts if owner in of] for own, of in known.items()}
        raise ValueError(f"Unknown parameter {name!r}: {_why_unknown(name, owners, bare_names)}")
    return dict(list(found.items())[:1]) if part else found


def _why_unknown(name, owners, bare_names):
    """Return why no step has a parameter, and names to use instead, given the parts by parameter.

    All suggestions are names that `find_parameter` resolves.
    """
    part, _, bare = name.rpartition("__")
    # One underscore instead of two.
    close = [
        f"{owner}__{own}" for own in owners for owner in owners[own] if name == f"{owner}_{own}"
    ]
    reason = f"no step has the parameter {bare!r}"
    if name in _CHOOSES_STEPS:
        reason = "it is a parameter of make_genre_classifier, not of the model"
        if not close:
            branch = name.removesuffix("_model")
            remedy = "pass it to make_genre_classifier"
            if name != branch and any(branch in of for of in owners.values()):
                remedy = f"to use another model, set 'modalities__{branch}' to another step"
            return f"{reason}; {remedy}."
    for own in [] if close else get_close_matches(bare, sorted(owners)):
        if part or bare_names:
            close.append("__".join(filter(None, (part, own))))
        else:
            close += [f"{owner}__{own}" for owner in owners[own]]
    if close:
        return f"{reason}; did you mean {' or '.join(map(repr, close))}?"
    return f"{reason}; see the API reference for the parameters of each step."


def by_precedence(model, names):
    """Sort parameter names: bare names, names with a part, names of `get_params`.

    If parameters are set in this order, the more specific name takes precedence.
    """
    known = model.get_params()
    return sorted(names, key=lambda name: (name in known, "__" in name or "." in name))


def find_runtime_parameter(model, name, *, also=()):
    """Find the runtime parameters of a fitted model that a name refers to.

    Parameters
    ----------
    model : estimator
    name : str
        ``parameter``: that of all steps that have it, and of objects inside them, such as linkers.
        A bare ``cache`` skips fine-tuned networks, which cannot have a cache.
        ``part__parameter``: as in `find_parameter`. A name of `get_params`. ``Class.parameter``:
        that of all estimators of the class.
    also : collection of str, default=()
        Names ``Class.parameter`` of parameters that are allowed in addition to `RUNTIME`.

    Returns
    -------
    found : list of (estimator, str)
        Each estimator, including fitted copies, and the parameter. Empty if the name is a bare name
        of `RUNTIME` and no step has it.

    Raises
    ------
    ValueError
        If the name is unknown, or the parameter is fixed in `fit`.
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
    """Return whether a bare name applies to a step; it skips containers and uncached networks."""
    if parameter == "cache" and getattr(step, "fine_tune", False):
        return False
    return not isinstance(step, _CONTAINERS)


def _addressed(model, name):
    """Return the estimators that a name with a part, or a name of `get_params`, refers to."""
    steps = {}
    for path, step, _ in walk(model, fitted=None):
        steps.setdefault(path, []).append(step)
    *owner, parameter = name.split("__")
    inside = []  # names of objects inside a step that are not steps, such as a linker
    # Ends with the model itself at the latest, whose path is ().
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
    """Return the error message for a parameter that cannot be set."""
    known = {name for step in estimators_in(model) for name in step.get_params(deep=False)}
    can_be_set = [*(other for other in RUNTIME if other in known), *sorted(also)]
    listed = ", ".join(can_be_set) or "none"
    if bare in known and "." not in name:
        return (
            f"The parameter {name!r} is fixed once a model is fitted: set it before fit. "
            f"Parameters that can be set on this model: {listed}."
        )
    close = get_close_matches(bare, can_be_set) or get_close_matches(name, can_be_set)
    return (
        f"Unknown parameter {name!r}: "
        + (f"did you mean {' or '.join(map(repr, close))}? " if close else "")
        + f"Parameters that can be set on this model: {listed}."
    )


def set_runtime_params(model, params, *, also=()):
    """Set parameters of a fitted model, including the fitted copies of its steps.

    Parameters
    ----------
    model : estimator
    params : dict
        Names that `find_runtime_parameter` accepts, and values. The more specific name takes
        precedence.
    also : collection of str, default=()
        As in `find_runtime_parameter`.

    Returns
    -------
    names : set of str
        The parameters that were set, as ``Class.parameter``.

    Raises
    ------
    TypeError
        If `params` is not a dict, or a name is not a str.
    ValueError
        If a name is unknown, or the parameter is fixed in `fit`.
    InvalidParameterError
        If a value is not valid for a step; this is both a ValueError and a TypeError.
    """
    if not isinstance(params, Mapping):
        raise TypeError(
            f"params must be a dict such as {{'device': 'cpu'}}, got {type(params).__name__}."
        )
    for name in params:
        if not isinstance(name, str):
            raise TypeError(
                f"The keys of params must be parameter names, such as 'device', got {name!r} "
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
