"""One walk over a model: its steps wherever they stand, in the order in which data pass them."""

from itertools import chain, count

from sklearn.base import BaseEstimator
from sklearn.compose import ColumnTransformer
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import FeatureUnion, Pipeline

_SPLITS = (ColumnTransformer, FeatureUnion)  # each branch gets the same rows


def walk(model, *, fitted=True):
    """Yield the model and all steps inside it, the outer ones before those they hold.

    Pipelines, ColumnTransformers and FeatureUnions are opened, and so is whatever wraps another
    estimator (a search, `LabelThresholds`, `MeanOverTracks`). "drop", "passthrough" and None are
    skipped.

    Parameters
    ----------
    model : estimator
    fitted : bool or None, default=True
        Whether to visit the fitted copies where there are any (`transformers_`, `estimator_`,
        `best_estimator_`); what holds none is visited as it is. False visits the parameters,
        which `set_params` and `clone` know; what is in a FrozenEstimator cannot be set, so it is
        not among them. None visits both, by the same path.

    Yields
    ------
    path : tuple of str
        Names that lead from the model to the step, () for the model. Joined by "__" they are
        what `set_params` takes, so what is wrapped is called "estimator", fitted or not.
    step : estimator
    parent : estimator or None
        What holds the step.
    """
    waiting = [((), model, None)]
    while waiting:
        path, step, parent = waiting.pop()
        yield path, step, parent
        for name, inner in reversed(_inside(step, fitted)):
            if inner is not None and not isinstance(inner, str):
                waiting.append(((*path, name), inner, step))


def _inside(step, fitted):
    """Names of the estimators that a step holds, and these."""
    if fitted is None:
        both = [*_inside(step, True), *_inside(step, False)]
        return list({id(inner): (name, inner) for name, inner in both}.values())
    if isinstance(step, Pipeline):
        return step.steps
    if isinstance(step, FeatureUnion):
        return step.transformer_list
    # The object's own attributes, since a FrozenEstimator has those of what it wraps, too.
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
    """Yield what works on data in a model, by names that a user has for it.

    Pipelines, ColumnTransformers and FeatureUnions themselves are left out.

    Parameters
    ----------
    model : estimator
    fitted : bool, default=True
        As in `walk`.

    Yields
    ------
    names : tuple of str
        The path without what only leads to a step: wrappers, and the ColumnTransformer of the
        branches with all in front of it. ("modalities", "audio", "estimator", "cnn") becomes
        ("audio", "cnn"). The first name is that of the part: a branch, or a step behind it.
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
        if splits and path not in in_branch:
            names[path] = ()
        if not splits and not isinstance(step, Pipeline):
            yield names[path], path, step


def find_steps(model, kind, *, fitted=True):
    """Return the steps of a class by their names, the shortest that is free.

    Parameters
    ----------
    model : estimator
    kind : type
    fitted : bool, default=True
        As in `walk`.

    Returns
    -------
    steps : dict of str to estimator
        The name of the part, such as "audio"; of a further step in it all names, as in
        "audio / second", or a number, "audio (2)"; of the model itself the name of its class.
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
    """Yield every estimator that a model holds, at any depth, each once.

    Beside what `walk` visits these are both the parameters and their fitted copies, and what a
    step holds for its own use: the linker of an `EntityEnricher`, the estimators of an ensemble.

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
