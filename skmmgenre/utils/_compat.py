"""Private parts of other packages, each used here and nowhere else, and packages of extras.

setup.cfg bounds the versions of the packages, and ``tests/utils/test_compat.py`` names every part,
so that a release which drops one is noticed at once.

What the whole ecosystem of scikit-learn relies on is imported where it is used, as in scikit-learn
itself: ``_parameter_constraints`` with ``sklearn.utils._param_validation`` and
``_validate_params``. Every estimator declares the first in its class body, which no wall can hide.
What skops writes into a model file is known to ``_model_types.py`` alone.
"""

from collections.abc import Callable
from importlib import import_module
from typing import Any

import numpy as np
from sklearn.base import _fit_context
from sklearn.utils import Bunch
from sklearn.utils import _safe_indexing as safe_indexing  # noqa: F401
from sklearn.utils._set_output import _get_output_config, _wrap_data_with_container
from sklearn.utils.metaestimators import available_if as _available_if
from sklearn.utils.validation import _check_feature_names_in as check_feature_names_in  # noqa: F401
from sklearn.utils.validation import _check_sample_weight as check_sample_weight  # noqa: F401

from .._typing import Function


def fit_context(*, prefer_skip_nested_validation: bool) -> Callable[[Function], Function]:
    """Return scikit-learn's decorator of `fit`; what it decorates keeps its types."""
    return _fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)


def available_if(check: Callable[[Any], bool]) -> Callable[[Function], Function]:
    """Return scikit-learn's decorator of methods that depend on `check`; they keep their types."""
    return _available_if(check)


def in_container(values, X, estimator):
    """Return what `transform` makes of X in the container that `set_output` asks for."""
    return _wrap_data_with_container("transform", values, X, estimator)


def has_default_output(estimator):
    """Return whether no `set_output` or global configuration asks for a container."""
    return _get_output_config("transform", estimator)["dense"] == "default"


def without_stop_words_id(state):
    """Return the state of a fitted TfidfVectorizer without the memory address of its stop words.

    The address is of no use elsewhere, and never the same.
    """
    return {key: value for key, value in state.items() if key != "_stop_words_id"}


class TrainingSetOnce:
    """Mixin for skorch's NeuralNet, which sets the mode of its modules before every batch."""

    def _set_training(self, training=True):
        if self.module_.training != training:
            super()._set_training(training)


class NamesBetweenSteps:
    """Mixin for scikit-learn's Pipeline, which asks for what a step's `fit` takes beside X and y.

    It asks when the steps before are fitted, so that their names can be among it.
    """

    def _get_metadata_for_step(self, *, step_idx, step_params, all_params):
        params = super()._get_metadata_for_step(
            step_idx=step_idx, step_params=step_params, all_params=all_params
        )
        more = self._metadata_from_steps_before(step_idx)
        if not more:
            return params
        given = {method: {**params.get(method, {}), **more} for method in ("fit", "fit_transform")}
        return Bunch(**{**params, **given})


def processor_has_bfloat16():
    """Return whether torch finds instructions for bfloat16; else it is emulated, and slow."""
    import torch

    has = getattr(torch.cpu, "get_capabilities", dict)()
    if has:
        return any(has.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch before 2.10
    return any(getattr(torch.cpu, name, bool)() for name in names)


def mapped_file(X):
    """Return the file that an array lies in, if nothing was written that the file does not have."""
    found = None
    while isinstance(X, np.ndarray):
        if isinstance(X, np.memmap) and X.mode in ("r", "r+"):
            found = X._mmap
        X = X.base
    return found if hasattr(found, "madvise") else None  # not on Windows


def import_from_extra(name, task, *, extra):
    """Import a package of one of the extras, or say how to get it.

    Parameters
    ----------
    name : str
        The module.
    task : str
        What it is needed for, the first words of the error.
    extra : str
        As setup.cfg names it: "data".

    Returns
    -------
    module
        The imported package.
    """
    try:
        return import_module(name)
    except ImportError as error:
        package = _PACKAGES.get(name, name.partition(".")[0])
        raise ImportError(
            f'{task} needs {package}, which is not installed: pip install "skmmgenre[{extra}]"'
        ) from error


_PACKAGES = {"yaml": "pyyaml"}  # those that are not called as their module is
