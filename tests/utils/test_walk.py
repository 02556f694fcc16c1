"""walk: every step of a model, once, by the path that set_params takes."""

import numpy as np
import pytest
from sklearn.compose import ColumnTransformer
from sklearn.ensemble import VotingClassifier
from sklearn.feature_selection import SelectFromModel
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import FeatureUnion, Pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler

from skmmgenre.utils import estimators_in, find_steps, walk, walk_parts

X = np.random.default_rng(0).normal(size=(30, 4))
Y = np.arange(30) % 2


def model():
    chosen = Pipeline(
        [("scale", MinMaxScaler()), ("select", SelectFromModel(LogisticRegression()))]
    )
    both = FeatureUnion([("plain", StandardScaler()), ("chosen", chosen), ("none", "drop")])
    branches = ColumnTransformer(
        [("left", both, [0, 1]), ("right", StandardScaler(), [2]), ("gone", "drop", [3])],
        remainder=MinMaxScaler(),
    )
    last = OneVsRestClassifier(LogisticRegression())
    return Pipeline([("branches", branches), ("nothing", "passthrough"), ("last", last)])


PATHS = [
    "",
    "branches",
    "branches__left",
    "branches__left__plain",
    "branches__left__chosen",
    "branches__left__chosen__scale",
    "branches__left__chosen__select",
    "branches__left__chosen__select__estimator",
    "branches__right",
    "branches__remainder",
    "last",
    "last__estimator",
]


@pytest.mark.parametrize("form", ["new", "of parameters", "fitted"])
def test_all_steps_in_the_order_of_the_data(form):
    found = model() if form == "new" else model().fit(X, Y)
    met = {"__".join(path): step for path, step, _ in walk(found, fitted=form != "of parameters")}
    # A fitted ColumnTransformer lists the remainder only where columns are left for it.
    left_out = {"branches__remainder"} if form == "fitted" else set()
    assert list(met) == [path for path in PATHS if path not in left_out]
    params = found.get_params()
    same = {path for path, step in met.items() if path and params[path] is step}
    of_copies = {path for path in met if path.startswith("branches__")}
    assert same == met.keys() - {""} - (of_copies if form == "fitted" else set())


def test_parents():
    held = {path: (step, parent) for path, step, parent in walk(model())}
    assert held[()][1] is None
    for path, (_, parent) in held.items():
        if path:
            assert parent is held[path[:-1]][0]


def test_fitted_steps_are_fitted():
    search = GridSearchCV(model(), {"last__estimator__C": [1.0]}, cv=2).fit(X, Y)
    scaler = find_steps(search, MinMaxScaler)["left"]
    assert scaler.data_min_.shape == (2,)
    assert {path[:1] for path, _, _ in walk(search)} == {(), ("estimator",)}
    inside = find_steps(search, MinMaxScaler, fitted=False)
    assert not hasattr(inside["left"], "data_min_")


def test_one_that_is_frozen_holds_what_it_learned_but_no_parameters():
    frozen = FrozenEstimator(Pipeline([("scale", StandardScaler())]).fit(X))
    whole = Pipeline([("frozen", frozen)])
    assert [path for path, _, _ in walk(whole)][2:] == [
        ("frozen", "estimator"),
        ("frozen", "estimator", "scale"),
    ]
    assert [path for path, _, _ in walk(whole, fitted=False)] == [(), ("frozen",)]


def names_of(model):
    return [" ".join(names) for names, _, _ in walk_parts(model)]


def test_names_of_parts():
    of_model = ["left plain", "left chosen scale", "left chosen select", "left chosen select"]
    of_model += ["right", "remainder", "last", "last"]
    assert names_of(model()) == of_model
    assert names_of(GridSearchCV(model(), {})) == ["", *of_model]
    # Branches have their names however deep they are.
    outer = Pipeline([("front", model()[:1]), ("end", StandardScaler())])
    assert names_of(outer) == [*of_model[:-2], "end"]
    inner = ColumnTransformer([("one", model()[:1], [0, 1, 2, 3])])
    assert names_of(inner) == [f"one {name}" for name in of_model[:-2]]
    assert names_of(StandardScaler()) == [""]


def test_every_step_has_a_name_of_its_own():
    def branch():
        return ColumnTransformer([("x", StandardScaler(), [0])])

    twice = Pipeline([("a", branch()), ("b", branch()), ("x", StandardScaler())])
    assert list(find_steps(twice, StandardScaler)) == ["x", "x (2)", "x (3)"]
    assert list(find_steps(StandardScaler(), StandardScaler)) == ["StandardScaler"]


def test_every_estimator_that_a_model_holds():
    """Parameters and fitted copies, in lists and dicts too, each once."""
    fitted = model().fit(X, Y)
    found = list(estimators_in(fitted))
    assert len({id(step) for step in found}) == len(found)
    walked = [step for form in (True, False) for _, step, _ in walk(fitted, fitted=form)]
    assert {id(step) for step in walked} <= {id(step) for step in found}
    vote = VotingClassifier([("a", LogisticRegression()), ("b", LogisticRegression())])
    assert len(list(estimators_in(vote))) == 3
    inside = len([s for s in estimators_in(vote.fit(X, Y)) if isinstance(s, LogisticRegression)])
    assert inside == 4  # two parameters and two copies
    vote.itself = {"vote": vote}
    assert len(list(estimators_in(vote))) > 0


def test_parameters_and_copies_by_the_same_path():
    fitted = model().fit(X, Y)
    met = [("__".join(path), id(step)) for path, step, _ in walk(fitted, fitted=None)]
    assert len(set(met)) == len(met)
    expected = {
        ("__".join(path), id(step))
        for form in (True, False)
        for path, step, _ in walk(fitted, fitted=form)
    }
    assert expected <= set(met) and {path for path, _ in met} == set(PATHS)
