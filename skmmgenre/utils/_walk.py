"""Walk over a model: visit all its steps, however nested, in the order of the data flow."""

from itertools import chain, count

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline

_SPLITS = (ColumnTransformer, FeatureUnion)  # all branches get the same rows


def walk(model, *, fitted=True):
    """Yield the model and all steps inside it, outer steps before the steps they contain.

    Pipelines, ColumnTransformers, FeatureUnions and estimators that wrap another one (a search,
    `LabelThresholds`, `MeanOverTracks`) are descended into. "drop", "passthrough" and None are
    skipped.

    Parameters
    ----------
    model : estimator
    fitted : bool or None, default=True
        True visits the fitted copies (`transformers_`, `estimator_`, `best_estimator_`) if there
        are any, else the parameters. False visits the parameters, as `set_params` and `clone` do;
        the content of a FrozenEstimator cannot be set, so it is skipped. None visits both, under
        the same path.

    Yields
    ------
    path : tuple of str
        Names that lead from the model to the step, () for the model. Joined by "__" they are
        a prefix for `set_params`; so a wrapped estimator is named "estimator", fitted or not.
    step : estimator
    parent : estimator or None
        The estimator that contains the step.
    """
    waiting = [((), model, None)]
    while waiting:
        path, step, parent = waiting.pop()
        yield path, step, parent
        # Reversed, because the last one of the stack is visited first.
        for name, inner in reversed(_inside(step, fitted)):
            if inner is not None and not isinstance(inner, str):
                waiting.append(((*path, name), inner, step))


def _inside(step, fitted):
    """Return the estimators directly inside a step, with their names."""
    if fitted is None:
        both = [*_inside(step, True), *_inside(step, False)]
        return list({id(inner): (name, inner) for name, inner in both}.values())
    if isinstance(step, Pipeline):
        return step.steps
    if isinstance(step, FeatureUnion):
        return step.transformer_list
    # Not getattr: a FrozenEstimator also has the attributes of the estimator it wraps.
    held = getattr(step, "__dict__", {})
    if isinstance(step, ColumnTransformer):
        if fitted and "transformers_" in held:
            return [(name, branch) for name, branch, _ in step.transformers_]
        branches = [(name, branch) for name, branch, _ in step.transformers]
        return [*branches, ("remainder", step.remainder)]
    if isinstance(step, FrozenEstimator) and not fitted:
        return []
    names = ["best_estimator_", "estimator_", "estimator"] if fitted else ["estimator"]
    return [("estimator", held[name]) for name in names if name in held][:1]


def walk_parts(model, *, fitted=True):
    """Yield the estimators of a model that process data, with short names for users.

    Pipelines, ColumnTransformers and FeatureUnions themselves are skipped.

    Parameters
    ----------
    model : estimator
    fitted : bool, default=True
        As in `walk`.

    Yields
    ------
    names : tuple of str
        The path without containers: wrappers, and the ColumnTransformer of the branches with
        everything before it. ("modalities", "audio", "estimator", "cnn") becomes
        ("audio", "cnn"). The first name is that of the part: a branch, or a step after it.
    path : tuple of str
    step : estimator
    """
    names, in_branch = {(): ()}, set()
    for path, step, parent in walk(model, fitted=fitted):
        splits, of_split = isinstance(step, _SPLITS), isinstance(parent, _SPLITS)
        if path:
            above = path[:-1]
            if of_split or above in in_branch:
                in_branch.add(path)
            is_named = of_split or (isinstance(parent, Pipeline) and not splits)
            names[path] = (*names[above], path[-1]) if is_named else names[above]
        # Names begin at the branches of the outermost ColumnTransformer.
        if splits and path not in in_branch:
            names[path] = ()
        if not splits and not isinstance(step, Pipeline):
            yield names[path], path, step


def find_steps(model, kind, *, fitted=True):
    """Return the steps of a class by the shortest name that is unique.

    Parameters
    ----------
    model : estimator
    kind : type
    fitted : bool, default=True
        As in `walk`.

    Returns
    -------
    steps : dict of str to estimator
        The key is the name of the part, such as "audio"; for a further step of the same part its
        full name, such as "audio / second", or a number, "audio (2)"; for the model itself the
        name of its class.
    """
    found = {}
    for names, _, step in walk_parts(model, fitted=fitted):
        if isinstance(step, kind):
            short = names[0] if names else type(step).__name__
            numbered = (f"{short} ({number})" for number in count(2))
            titles = chain([short, " / ".join(names)], numbered)
            found[next(title for title in titles if title not in found)] = step
    return found


def estimators_in(model):
    """Yield every estimator inside a model, at any depth, each once.

    In addition to the steps that `walk` visits, these are both the parameters and their fitted
    copies, and estimators that a step uses internally: the linker of an `EntityEnricher`, the
    estimators of an ensemble.

    Parameters
    ----------
    model : estimator

    Yields
    ------
    step : estimator
    """
    waiting, seen = [model], set()
    while waiting:
        held = waiting.pop()
        if isinstance(held, BaseEstimator) and id(held) not in seen:
            yield held
            waiting += vars(held).values()
        elif isinstance(held, (list, tuple)) and id(held) not in seen:
            waiting += held
        elif isinstance(held, dict) and id(held) not in seen:
            waiting += held.values()
        seen.add(id(held))
