"""Checks, in the style of scikit-learn, for custom estimators as branches of a `GenrePipeline`.

A branch takes one column of the table and returns one vector per row. Pass an estimator and a few
cells to `check_branch`, or several estimators to `parametrize_with_checks` in a pytest test.
"""

import inspect
import os
import pickle
import random
import sys
import warnings
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from typing import Any
from unittest import SkipTest

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.exceptions import NotFittedError
from sklearn.utils import get_tags
from sklearn.utils.metadata_routing import get_routing_for_object

from .._typing import Transformer
from ._cells import is_missing
from ._walk import estimators_in

__all__ = ["branch_checks", "check_branch", "parametrize_with_checks"]

_FEWEST = 6
_METADATA = ("groups", "validation", "sample_weight")
_MISSING = (None, float("nan"), "")


def check_branch(
    estimator: Transformer,
    cells: list[Any] | Callable[[], list[Any]],
    *,
    bad_cell: Any = None,
    atol: float = 0.0,
    expected_failed_checks: dict[str, str] | None = None,
) -> list[dict[str, Any]]:
    """Check that an estimator meets the requirements of a branch of a `GenrePipeline`.

    Parameters
    ----------
    estimator : estimator
        A transformer or a Pipeline of transformers. Keep it small: it is fitted about thirty
        times.
    cells : list, or callable that returns one
        At least six cells of one column (paths, texts, arrays), all different and none missing.
        A callable is called when the checks run.
    bad_cell : object, default=None
        A cell that cannot be used, such as the path of a broken file. None skips the check of
        bad cells.
    atol : float, default=0.0
        Absolute tolerance for differences between vectors that are computed with other rows or
        another n_jobs. 0 requires the same bits. A transformer that multiplies the matrix of all
        rows at once needs about 1e-6.
    expected_failed_checks : dict of str to str, default=None
        Names of checks that are expected to fail, each with the reason.

    Returns
    -------
    results : list of dict
        check_name, status ("passed", "skipped" or "xfail") and exception of each check. A check
        is skipped if it does not apply to the estimator, for example if it has no `n_jobs`.

    Raises
    ------
    AssertionError
        If a check fails that is not expected to fail. The message names the check, what is wrong
        and what to do.

    See Also
    --------
    parametrize_with_checks : Make one pytest test of each check.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.audio import TimbreStatistics
    >>> from skmmgenre.utils.estimator_checks import check_branch
    >>> segments = [np.random.default_rng(k).normal(size=(9, 12)) for k in range(6)]
    >>> results = check_branch(TimbreStatistics(), segments)
    >>> [result["check_name"] for result in results][:3]
    ['check_parameters', 'check_not_fitted', 'check_rows']
    """
    expected = expected_failed_checks or {}
    results = []
    for name, check in branch_checks(cells, bad_cell=bad_cell, atol=atol):
        status, exception = "passed", None
        try:
            check(estimator)
        except SkipTest as error:
            status, exception = "skipped", error
        except Exception as error:
            if name not in expected:
                raise
            status, exception = "xfail", error
        results.append({"check_name": name, "status": status, "exception": exception})
    return results


def parametrize_with_checks(
    branches: Iterable[tuple[Any, ...]],
    *,
    expected_failed_checks: Callable[[Any], dict[str, str]] | None = None,
) -> Any:
    """Return a pytest decorator that makes one test of each check of each estimator.

    Parameters
    ----------
    branches : list of tuple
        (estimator, cells), or (estimator, cells, keywords) with a dict of `bad_cell` and `atol`;
        see `check_branch`.
    expected_failed_checks : callable, default=None
        Takes an estimator and returns a dict as in `check_branch`. The tests in it are marked as
        xfail. None expects no failures.

    Returns
    -------
    decorator : pytest.mark.parametrize
        The decorator, for a test with the parameters `estimator` and `check`.

    Examples
    --------
    >>> from sklearn.preprocessing import FunctionTransformer
    >>> from skmmgenre.utils.estimator_checks import parametrize_with_checks
    >>> @parametrize_with_checks([(FunctionTransformer(), lambda: ["a"] * 6)])
    ... def test_branch(estimator, check):
    ...     check(estimator)
    """
    import pytest

    cases = []
    for estimator, cells, *keywords in branches:
        expected = expected_failed_checks(estimator) if expected_failed_checks else {}
        for name, check in branch_checks(cells, **(keywords[0] if keywords else {})):
            marks = [pytest.mark.xfail(reason=expected[name])] if name in expected else []
            title = f"{type(estimator).__name__}-{name}"
            cases.append(pytest.param(estimator, check, marks=marks, id=title))
    return pytest.mark.parametrize("estimator, check", cases)


def branch_checks(
    cells: list[Any] | Callable[[], list[Any]], *, bad_cell: Any = None, atol: float = 0.0
) -> Iterator[tuple[str, Callable[[Any], None]]]:
    """Yield the name and the function of each check.

    Parameters
    ----------
    cells : list, or callable that returns one
        As in `check_branch`.
    bad_cell : object, default=None
        As in `check_branch`.
    atol : float, default=0.0
        As in `check_branch`.

    Yields
    ------
    name : str
        Name of the check, such as "check_rows".
    check : callable
        Takes an estimator, which is not changed. Raises AssertionError if the check fails, and
        unittest.SkipTest if it does not apply to the estimator.
    """
    for check in _CHECKS:
        yield check.__name__, partial(_run, check, cells=cells, bad_cell=bad_cell, atol=atol)


def _run(check, estimator, *, cells, bad_cell, atol):
    column = _as_column(list(cells() if callable(cells) else cells))
    if len(column) < _FEWEST or any(map(is_missing, column)):
        raise ValueError(f"cells must have at least {_FEWEST} cells, none of them missing.")
    try:
        check(_Case(estimator, column, bad_cell, atol))
    except SkipTest:
        raise
    except AssertionError as error:
        raise AssertionError(f"{check.__name__}: {error}") from error
    except Exception as error:
        raise AssertionError(
            f"{check.__name__}: the estimator raised {type(error).__name__}: {error}"
        ) from error


class _Case:
    """Input of a check: an estimator with a fixed seed, its cells, genres, and comparisons."""

    def __init__(self, estimator, column, bad_cell, atol):
        self.estimator = clone(estimator)
        self.set("random_state", 0)
        self.column, self.bad_cell, self.atol = column, bad_cell, atol
        self.y = np.array(["Jazz", "Rock"] * len(column))[: len(column)]

    def names(self, parameter):
        """Return the full names of the parameters with this name, at any depth."""
        return [n for n in self.estimator.get_params() if n.rpartition("__")[2] == parameter]

    def set(self, parameter, value):
        """Set all parameters with this name."""
        self.estimator.set_params(**dict.fromkeys(self.names(parameter), value))

    def fit(self, column=None, y=None, **metadata):
        """Return a fitted clone."""
        column = self.column if column is None else column
        return clone(self.estimator).fit(column, self.y if y is None else y, **metadata)

    def vectors(self, fitted, column=None):
        """Return the output of `transform` as an array, after checking its shape and dtype."""
        column = self.column if column is None else column
        found = _as_array(fitted.transform(column))
        assert found.ndim == 2 and len(found) == len(column), (
            f"transform returned an array of shape {found.shape} for {len(column)} cells. Return "
            "one row per cell, including missing ones."
        )
        assert found.dtype.kind in "fiub", (
            f"transform returned an array of dtype {found.dtype}. Return numbers."
        )
        return found.astype(float)

    def check_same(self, found, expected, message):
        """Compare vectors; `message` says what must not change them, and what to do."""
        same = found.shape == expected.shape and np.allclose(
            found, expected, rtol=0, atol=self.atol, equal_nan=True
        )
        assert same, message


def check_parameters(case):
    """Check that parameters are stored as given, and that `clone` and `set_params` work."""
    params = case.estimator.get_params(deep=False)
    twin = clone(case.estimator)
    assert twin.get_params(deep=False).keys() == params.keys(), (
        "a clone has other parameters. Name all parameters in __init__ and store them unchanged."
    )
    assert twin.set_params(**params) is twin, "set_params must return the estimator."
    repr(case.estimator)
    fitted = clone(case.estimator)
    params = fitted.get_params(deep=False)
    assert fitted.fit(case.column, case.y) is fitted, "fit must return the estimator."
    # A Pipeline copies the list of its steps.
    changed = [
        name
        for name, value in fitted.get_params(deep=False).items()
        if value is not params[name] and not (isinstance(value, list) and value == params[name])
    ]
    assert not changed, (
        f"fit changed the parameters {changed}. Store fitted attributes under names ending in '_'."
    )


def check_not_fitted(case):
    """Check that `transform` before `fit` raises NotFittedError."""
    if not get_tags(case.estimator).requires_fit:
        raise SkipTest("Its tags say that it does not require fit.")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # scikit-learn's own Pipeline warns first
        try:
            clone(case.estimator).transform(case.column)
        except NotFittedError:
            return
        except Exception as error:
            raise AssertionError(
                f"transform before fit raised {type(error).__name__}. Call check_is_fitted(self)."
            ) from error
    raise AssertionError(
        "transform before fit returned something. Call check_is_fitted(self), or set the tag "
        "requires_fit to False."
    )


def check_rows(case):
    """Check that each cell gives one vector of finite numbers."""
    found = case.vectors(case.fit())
    assert found.shape[1] > 0, "transform returned vectors of length 0."
    assert np.isfinite(found).all(), "transform returned NaN or infinity for non-missing cells."


def check_missing_cells(case):
    """Check that a missing cell gives a row of NaN and changes no other row."""
    fitted = case.fit()
    expected = case.vectors(fitted)
    for missing in _MISSING:
        column = case.column.copy()
        column.iloc[[1, 4]] = missing
        found = case.vectors(fitted, column)
        assert np.isnan(found[[1, 4]]).all(), (
            f"transform returned numbers for a missing cell ({missing!r}). Return a row of NaN, "
            "which FusionClassifier treats as a missing modality."
        )
        there = np.setdiff1d(np.arange(len(column)), [1, 4])
        case.check_same(
            found[there],
            expected[there],
            f"a missing cell ({missing!r}) changed the vectors of other rows.",
        )
        # fit must skip missing cells, too.
        again = case.fit(column)
        found = case.vectors(again, column)
        assert np.isnan(found[[1, 4]]).all() and np.isfinite(found[there]).all(), (
            f"after fit with a missing cell ({missing!r}), transform returned numbers for it, or "
            "NaN for others. Drop missing rows in fit."
        )


def check_column_of_missing_cells(case):
    """Check that a column of missing cells can be transformed, and that `fit` rejects it."""
    nothing = _as_column([None] * len(case.column))
    found = case.vectors(case.fit(), nothing)
    assert np.isnan(found).all(), "transform returned numbers for a column of missing cells."
    for column, what in ((nothing, "a column of missing cells"), (nothing[:0], "an empty column")):
        try:
            fitted = case.fit(column, case.y[: len(column)])
        except ValueError as error:
            assert str(error), f"fit of {what} raised a ValueError without a message."
        except Exception as error:
            raise AssertionError(
                f"fit of {what} raised {type(error).__name__}: {error}. Raise a ValueError that "
                "says that there are no rows to fit on."
            ) from error
        else:  # a stateless transformer, which may accept it
            if len(column):
                case.vectors(fitted, column)


def check_rows_alone(case):
    """Check that the vector of a cell does not depend on the other rows or their order."""
    fitted = case.fit()
    expected = case.vectors(fitted)
    order = np.random.default_rng(0).permutation(len(case.column))
    for rows in (order, order[:3], *([row] for row in range(len(case.column)))):
        case.check_same(
            case.vectors(fitted, case.column.iloc[rows]),
            expected[rows],
            f"the vectors of the rows {list(map(int, rows))} change if they are transformed alone. "
            "Compute each row independently, from the fitted attributes.",
        )


def check_index(case):
    """Check that the vectors do not depend on the index of the column."""
    other = case.column.set_axis([f"album {k // 2}" for k in range(len(case.column))])
    expected = case.vectors(case.fit())
    found = case.vectors(case.fit(other), other)
    case.check_same(found, expected, "the index of the column changed the vectors. Use positions.")


def check_n_jobs(case):
    """Check that the vectors do not depend on the number of workers."""
    if not case.names("n_jobs"):
        raise SkipTest("It has no parameter n_jobs.")
    expected = case.vectors(case.fit())
    case.set("n_jobs", 2)
    case.check_same(case.vectors(case.fit()), expected, "n_jobs=2 changed the vectors.")


def check_fit_again(case):
    """Check that a second `fit` gives the same vectors as the first."""
    expected = case.vectors(case.fit())
    fitted = case.fit(case.column[:-1], case.y[:-1]).fit(case.column, case.y)
    case.check_same(
        case.vectors(fitted),
        expected,
        "a second fit gave other vectors than the first. Reset all fitted attributes in fit, and "
        "draw from check_random_state(self.random_state).",
    )
    before = case.vectors(fitted)
    case.check_same(case.vectors(fitted), before, "a second transform gave other vectors.")


def check_global_random_state(case):
    """Check that the global random generators are neither read nor written."""
    states, found = (random.getstate(), np.random.get_state()), []
    try:
        for seed in (0, 1):
            random.seed(seed)
            np.random.seed(seed)
            seeded = _global_states()
            found.append(case.vectors(case.fit()))
            written = [name for name, state in _global_states().items() if state != seeded[name]]
            assert not written, (
                f"fit or transform changed the global random state of {written}. Draw from a "
                "generator of its own."
            )
    finally:
        random.setstate(states[0])
        np.random.set_state(states[1])
    case.check_same(
        found[1],
        found[0],
        "the vectors depend on the seed of a global generator. Draw from "
        "check_random_state(self.random_state).",
    )


def check_input_is_left_alone(case):
    """Check that neither the cells nor y are changed."""
    before = pickle.dumps((list(case.column), case.y.tolist()))
    case.vectors(case.fit())
    after = pickle.dumps((list(case.column), case.y.tolist()))
    assert after == before, "fit or transform changed the cells or y. Work on a copy."


def check_names_and_container(case):
    """Check `get_feature_names_out` and `set_output`."""
    fitted = case.fit()
    expected = case.vectors(fitted)
    names = list(fitted.get_feature_names_out())
    assert len(set(names)) == len(names) == expected.shape[1], (
        f"get_feature_names_out returned {len(names)} names, {len(set(names))} of them unique, "
        f"for vectors of length {expected.shape[1]}."
    )
    assert hasattr(fitted, "set_output"), (
        "it has no set_output, which the enclosing ColumnTransformer calls. Inherit from "
        "TransformerMixin and define get_feature_names_out."
    )
    table = fitted.set_output(transform="pandas").transform(case.column)
    # An array is fine, too: the ColumnTransformer names its columns.
    assert list(getattr(table, "columns", names)) == names, (
        "with set_output(transform='pandas'), transform returned other columns than "
        "get_feature_names_out."
    )
    case.check_same(_as_array(table).astype(float), expected, "set_output changed the vectors.")


def _as_array(vectors):
    """Return vectors as an array. In a sparse matrix, a row of zeros means a missing row."""
    if not sparse.issparse(vectors):
        return np.asarray(vectors)
    vectors = vectors.toarray().astype(float)
    vectors[~vectors.any(axis=1)] = np.nan
    return vectors


def check_pickle(case):
    """Check that a pickle gives the same vectors and contains no local path."""
    fitted = case.fit()
    expected = case.vectors(fitted)
    stored = pickle.dumps(fitted)
    case.check_same(case.vectors(pickle.loads(stored)), expected, "a pickle gave other vectors.")
    given = pickle.dumps(clone(case.estimator))  # what the user passed may be a path
    places = {os.getcwd(), os.path.expanduser("~"), sys.prefix}
    places |= {os.path.dirname(c) for c in case.column if isinstance(c, str) and os.path.isabs(c)}
    found = [p for p in places if len(p) > 1 and p.encode() in stored and p.encode() not in given]
    assert not found, (
        f"a pickle contains the path {found[0]!r}, which is not a parameter. Remove it in "
        "__getstate__."
    )


def check_multilabel(case):
    """Check that `fit` takes a multilabel indicator."""
    rows = np.arange(len(case.y))
    Y = pd.DataFrame({"Jazz": rows % 2 == 0, "Pop": rows % 3 == 0}).astype(int)
    found = case.vectors(case.fit(y=Y))
    assert np.isfinite(found).all(), "after fit with a multilabel y, transform returned NaN."


def check_metadata(case):
    """Check that `fit` requests the groups, validation and sample_weight that it takes."""
    n = len(case.column)
    values = {
        "groups": [f"artist {k // 2}" for k in range(n)],
        "validation": np.arange(n) >= n - 2,
        "sample_weight": np.ones(n),
    }
    with config_context(enable_metadata_routing=True):
        for step in estimators_in(case.estimator):
            named = inspect.signature(step.fit).parameters if hasattr(step, "fit") else {}
            named = [name for name in ("groups", "validation") if name in named]
            asked = get_routing_for_object(step).consumes("fit", named)
            assert set(named) == set(asked), (
                f"fit of {type(step).__name__} takes {sorted(set(named) - set(asked))} but does "
                "not request it, so it is never passed. Set __metadata_request__fit = "
                f"{dict.fromkeys(named, True)} in the class."
            )
        taken = get_routing_for_object(case.estimator).consumes("fit", _METADATA)
        if not taken:
            raise SkipTest("It requests no metadata.")
        case.vectors(case.fit(**{name: values[name] for name in taken}))


def check_bad_cell(case):
    """Check that a bad cell raises, or counts as missing and is listed in `errors_`."""
    if case.bad_cell is None:
        raise SkipTest("No bad_cell was passed.")
    column = case.column.copy()
    column.iloc[2] = case.bad_cell
    fitted = case.fit()
    try:
        found = case.vectors(fitted, column)
    except (ValueError, TypeError, OSError):
        found = None
    if found is not None:
        listed = len(getattr(fitted, "errors_", ()))
        assert listed, (
            "transform returned a row for a bad cell without an error. Raise a ValueError that "
            "names the cell, or list it in errors_."
        )
    if not case.names("on_error"):
        return
    case.set("on_error", "missing")
    fitted = case.fit()
    expected = case.vectors(fitted)
    found = case.vectors(fitted, column)
    expected[2] = np.nan
    case.check_same(
        found,
        expected,
        "with on_error='missing', a bad cell must give a row of NaN and change no other row.",
    )
    errors = [step for step in estimators_in(fitted) if len(getattr(step, "errors_", ()))]
    assert errors and list(errors[0].errors_["row"]) == [2], (
        "with on_error='missing', errors_ must list the row of a bad cell."
    )


def check_in_a_genre_pipeline(case):
    """Check that it works together with another modality if either is missing."""
    # Imported here because utils must not depend on compose. These checks are for the tests of
    # other packages; nothing in this package imports them.
    from ..compose import GenrePipeline
    from ..fusion import FusionClassifier

    n = len(case.column)
    own = case.column.reset_index(drop=True)
    own.iloc[1] = None
    other = np.random.default_rng(0).normal(size=(n, 3))
    other[[0, 3]] = np.nan
    table = pd.DataFrame(other, columns=["a", "b", "c"]).assign(own=own)
    branches = [("own", case.estimator, "own"), ("other", "passthrough", ["a", "b", "c"])]
    fusion = FusionClassifier(max_epochs=2, validation_fraction=0, random_state=0)
    modalities = ColumnTransformer(branches).set_output(transform="pandas")
    model = GenrePipeline([("modalities", modalities), ("fusion", fusion)])
    model.fit(table, case.y, groups=[f"artist {k // 2}" for k in range(n)])
    expected = model.predict_proba(table)
    assert expected.shape == (n, 2) and np.isfinite(expected).all(), (
        "a GenrePipeline with this branch returned no probabilities."
    )
    blocks = {name.partition("__")[0] for name in model["modalities"].get_feature_names_out()}
    assert blocks == {"own", "other"}, (
        f"the columns of a ColumnTransformer with this branch have the prefixes {sorted(blocks)}, "
        "not the names of the branches."
    )
    for rows in ([1], [0, 3], list(range(n))[::-1]):
        case.check_same(
            model.predict_proba(table.iloc[rows]),
            expected[rows],
            f"the predictions for the rows {rows} change if they are predicted alone.",
        )


_CHECKS = (
    check_parameters,
    check_not_fitted,
    check_rows,
    check_missing_cells,
    check_column_of_missing_cells,
    check_rows_alone,
    check_index,
    check_n_jobs,
    check_fit_again,
    check_global_random_state,
    check_input_is_left_alone,
    check_names_and_container,
    check_pickle,
    check_multilabel,
    check_metadata,
    check_bad_cell,
    check_in_a_genre_pipeline,
)


def _as_column(cells):
    values = np.empty(len(cells), dtype=object)
    for row, cell in enumerate(cells):  # a list of arrays would become one array
        values[row] = cell
    return pd.Series(values, name="own", dtype=object)


def _global_states():
    """Return the states of the global random generators, as values that can be compared."""
    kind, keys, *rest = np.random.get_state()
    states = {"random": random.getstate(), "numpy.random": (kind, keys.tobytes(), *rest)}
    if "torch" in sys.modules:
        states["torch"] = sys.modules["torch"].get_rng_state().numpy().tobytes()
    return states
