"""Private functions of other packages, which are used only here, and packages of extras.

setup.cfg bounds the versions of these packages, and ``tests/utils/test_compat.py`` checks for every
function, so that a release which removes one is noticed at once.

Private names on which the whole scikit-learn ecosystem relies are imported where they are used, as
in scikit-learn itself: ``_parameter_constraints`` with ``sklearn.utils._param_validation``, and
``_validate_params``. Every estimator declares the first in its class body, where it cannot be
wrapped. The format that skops writes into a model file is known to ``_model_types.py`` only.
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
    """Return scikit-learn's decorator of `fit`; the method keeps its type annotations."""
    return _fit_context(prefer_skip_nested_validation=prefer_skip_nested_validation)


def available_if(check: Callable[[Any], bool]) -> Callable[[Function], Function]:
    """Return scikit-learn's `available_if(check)`; the method keeps its type annotations."""
    return _available_if(check)


def in_container(values, X, estimator):
    """Return the output of `transform` for X in the container set by `set_output`."""
    return _wrap_data_with_container("transform", values, X, estimator)


def has_default_output(estimator):
    """Return whether neither `set_output` nor the global configuration sets a container."""
    return _get_output_config("transform", estimator)["dense"] == "default"


def without_stop_words_id(state):
    """Return the state of a fitted TfidfVectorizer without the memory address of its stop words.

    The address is useless in another process, and would make every pickle different.
    """
    return {key: value for key, value in state.items() if key != "_stop_words_id"}


class TrainingSetOnce:
    """Mixin for skorch's NeuralNet that sets the mode of its module only when it changes.

    skorch sets it before every batch, which walks all submodules.
    """

    def _set_training(self, training=True):
        if self.module_.training != training:
            super()._set_training(training)


class NamesBetweenSteps:
    """Mixin for scikit-learn's Pipeline that adds metadata from fitted steps to a step's `fit`.

    scikit-learn requests a step's metadata when the steps before it are fitted, so that their
    feature names can be passed on.
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
    """Return whether the CPU has bfloat16 instructions; without them it is emulated, and slow."""
    import torch

    has = getattr(torch.cpu, "get_capabilities", dict)()
    if has:
        return any(has.get(name) for name in ("avx512_bf16", "amx_bf16", "bf16"))
    names = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")  # torch before 2.10
    return any(getattr(torch.cpu, name, bool)() for name in names)


def mapped_file(X):
    """Return the memory map behind an array; None if the array may differ from the file."""
    found = None
    while isinstance(X, np.ndarray):
        # Not a private copy (mode "c"): releasing its pages would discard what was written to them.
        if isinstance(X, np.memmap) and X.mode in ("r", "r+"):
            found = X._mmap
        X = X.base
    return found if hasattr(found, "madvise") else None  # not on Windows


def import_from_extra(name, task, *, extra):
    """Import an optional package, or raise an error that says how to install it.

    Parameters
    ----------
    name : str
        Name of the module.
    task : str
        What the module is needed for; the first words of the error.
    extra : str
        Name of the extra in setup.cfg, such as "data".

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


_PACKAGES = {"yaml": "pyyaml"}  # packages whose name differs from that of their module
