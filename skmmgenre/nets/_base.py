"""The base class of all networks: a scikit-learn estimator that composes skorch.

All seeds come from our own generators: the global random state is neither read nor written.
A fitted network consists of numpy arrays and plain Python. Objects derived from its arrays, such
as its torch module, are cached outside of its state.
"""

import os
import sys
import threading
import warnings
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from numbers import Integral, Real
from typing import Any, NamedTuple

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils._param_validation import Interval, Options, StrOptions

from .._typing import BoolArray, RandomState
from ..model_selection import FEWEST_ROWS, inner_validation_mask
from ..utils import Groups, Labels, progress_bar, python_random_kept


def draw_seeds(random_state: RandomState, n_seeds: int) -> list[int]:
    """Return `n_seeds` integers below 2**63, the same ones for the same `random_state`.

    Parameters
    ----------
    random_state : int, RandomState or None
        None draws fresh entropy; a RandomState is advanced by one draw.
    n_seeds : int
        Number of seeds to draw.

    Returns
    -------
    seeds : list of int
        Independent seeds, in [0, 2**63).
    """
    if isinstance(random_state, np.random.RandomState):
        random_state = int(random_state.randint(2**31))
    words = np.random.SeedSequence(random_state).generate_state(n_seeds, np.uint64)
    return [int(word >> np.uint64(1)) for word in words]


# Weak keys, so that what was derived from an estimator is freed with it.
_known = weakref.WeakKeyDictionary()
_lock = threading.Lock()


def _after_fork():
    """Let a forked child process predict and train.

    The threads of the parent do not exist in the child: GNU's OpenMP would wait for them forever,
    and the locks that they held would never be released. So torch computes in one thread, and
    everything derived from arrays is built again.
    """
    global _known, _lock
    _known, _lock = weakref.WeakKeyDictionary(), threading.Lock()
    torch = sys.modules.get("torch")
    if hasattr(torch, "set_num_threads"):  # it may be partially imported
        torch.set_num_threads(1)


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_after_fork)


class _Derived:
    """Objects derived from some arrays: for each name the last key, and the object made for it."""

    def __init__(self, arrays):
        self.arrays, self.made, self.lock = arrays, {}, threading.Lock()


def derived(
    estimator: Any, arrays: Any, what: str, make: Callable[[], Any], key: Any = None
) -> Any:
    """Return the cached result of `make`; it is made again when the estimator's arrays change.

    Threads that request it for the same estimator wait until one of them has made it.

    Parameters
    ----------
    estimator : estimator
        The owner of the arrays. The cache does not keep it alive.
    arrays : object
        The object that the result is derived from; compared by identity.
    what : str
        Name of the result.
    make : callable
        Takes no arguments. It must not call `derived` for the same estimator.
    key : object, default=None
        Anything else that the result depends on. Only the result for the last key is kept.

    Returns
    -------
    made : object
        What `make` returned, in this call or an earlier one.
    """
    # `_lock` is held only to look up the entry. `make` may take seconds, so it runs under the lock
    # of its estimator, and other estimators do not wait for it.
    with _lock:
        known = _known.get(estimator)
        # Fitted arrays are replaced, never changed in place, so identity detects every change.
        if known is None or known.arrays is not arrays:
            known = _known[estimator] = _Derived(arrays)
    with known.lock:
        if what not in known.made or known.made[what][0] != key:
            known.made.pop(what, None)  # two modules need not be in memory at once
            known.made[what] = key, make()
        return known.made[what][1]


_MANY_ROWS = 1000  # predictions for fewer rows show no progress bar


class Split(NamedTuple):
    """Masks of the rows that a trial is trained on, predicts, and is evaluated on.

    A row is not evaluated if no training row has its genre. Its loss says nothing about the
    model: the better a model has learned, the more confidently it predicts another genre. One
    such row may outweigh all others in a mean loss.
    """

    learned: np.ndarray
    unseen: np.ndarray
    judged: np.ndarray


@dataclass(frozen=True)
class Plan:
    """The training data of one call of fit; the fold networks of cross_fit share it.

    Attributes
    ----------
    feed : feed
        Returns the rows as batches; see `ArrayFeed`.
    loss : callable
        ``loss(output, truth)``, one number per row.
    y : Labels
        The genres, as returned by `read_labels`.
    groups : Groups or None
        The artists, if given.
    truth : ndarray of shape (n_rows, ...)
        Training targets that the loss compares outputs with: y, encoded by the target.
    weight : ndarray of float32, shape (n_rows,)
        Weight of each row in the loss.
    held_out : ndarray of bool, shape (n_rows,)
        Mask of the inner validation rows.
    seeds : list of three int
        Seeds of the initial weights, of the order of the rows, and of the module's own draws
        (dropout, augmentation).
    metric : tuple of (str, callable) or None
        Key in `history_` and ``measure(y, output)``, one number for the inner validation
        rows; None if there are no labels to predict.
    folds : ndarray of int, shape (n_rows,), or None
        The inner fold of each row; the number of epochs and the penalties are chosen on them.
    shift : ndarray of float32, shape (n_outputs,), or 0
        What class weights add to the outputs after training.
    """

    feed: object
    loss: object
    y: Labels
    groups: Groups | None
    truth: np.ndarray
    weight: np.ndarray
    held_out: np.ndarray
    seeds: list
    metric: tuple | None = None
    folds: np.ndarray | None = None
    shift: np.ndarray | float = 0

    def splits(self, there: BoolArray | bool = True) -> list[Split]:
        """Return the splits that choices are made on.

        Inner validation rows make one split, inner folds one split each. The list is empty
        without either, and if so few rows can be evaluated that the result would be chance.

        Parameters
        ----------
        there : ndarray of bool, shape (n_rows,), or True, default=True
            Mask of the rows to use; True uses all rows.

        Returns
        -------
        splits : list of Split
            Masks of the rows to train on, to predict, and to evaluate on.
        """
        there = there & self._there
        # Held-out rows take precedence over folds: a published split with validation rows is meant
        # to make choices on them. Folds of the other rows then serve `fold_splits` only.
        if self.held_out.any():
            pairs = [(~self.held_out, self.held_out)]
        else:
            pairs = self._folds_in_turn()
        found = [self._split(there & learned, there & unseen) for learned, unseen in pairs]
        # A fold may have no rows left in this modality.
        found = [split for split in found if split.learned.any() and split.judged.any()]
        n_judged = sum(split.judged.sum() for split in found)
        return found if n_judged >= FEWEST_ROWS else []

    def fold_splits(self) -> list[Split]:
        """Return one split per fold, evaluated on the inner validation rows as the network is.

        A fold is skipped if all of its rows, or all rows outside of it, are missing.

        Returns
        -------
        splits : list of Split
            One per fold; see `splits`. Empty without folds.
        """
        return [
            Split(learned, unseen, self.held_out)
            for learned, unseen in self._folds_in_turn()
            if (learned & self._there).any() and (unseen & self._there).any()
        ]

    @property
    def _there(self):
        """Mask of the rows that can be trained on."""
        return ~self.feed.missing & (self.weight > 0)

    def _folds_in_turn(self):
        """For each fold, the masks of the rows outside of it and of those in it."""
        if self.folds is None:
            return []
        masks = [self.folds == number for number in range(self.folds.max() + 1)]
        return [((self.folds >= 0) & ~mask, mask) for mask in masks]

    def _split(self, learned, unseen):
        if self.truth.ndim > 1:  # of a multilabel row, the other labels can be evaluated
            return Split(learned, unseen, unseen)
        return Split(learned, unseen, unseen & np.isin(self.truth, self.truth[learned]))


class _DeviceName(Options):
    """Constraint of `device`: a name that torch knows, whether or not the device is available."""

    def __init__(self):
        super().__init__(str, {"auto", "accelerate", "cpu"})

    def is_satisfied_by(self, val):
        if super().is_satisfied_by(val):
            return True
        from ._devices import is_device_name

        return isinstance(val, str) and is_device_name(val)

    def __str__(self):
        return "'auto', 'accelerate' or the name of a torch device, such as 'cpu' or 'cuda:0'"


class NetEstimator(BaseEstimator):
    """Base class of the estimators that train a torch module.

    A subclass defines how X becomes a feed (`_read`) and how the module is built from plain
    numbers (`_recipe` and `_make_module`), and, where needed, `_prepare`,
    `_training_view` and `_optimizer`.

    Attributes
    ----------
    n_iter_, best_iter_ : int
        Number of epochs run, and the epoch whose weights were kept, counted from 1.
    history_ : list of dict
        ``epoch``, ``train_loss`` and ``duration`` (seconds) of each epoch; with inner
        validation rows also ``valid_loss`` and their metric.
    n_parameters_ : int
        Number of parameters of the network, including the output layer.
    weights_ : dict of ndarray
        Parameters and buffers of the module.
    sample_shape_ : tuple of int
        Shape of one row of the feed.
    module_recipe_ : dict
        The plain numbers from which the module is rebuilt.
    """

    n_iter_: int
    best_iter_: int
    history_: list[dict[str, Any]]
    n_parameters_: int
    weights_: dict[str, np.ndarray]

    # Groups, marked validation rows and weights reach every network of a Pipeline.
    __metadata_request__fit = {"groups": True, "validation": True, "sample_weight": True}

    _parameter_constraints = {
        "max_epochs": [Interval(Integral, 1, None, closed="left")],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "lr": [Interval(Real, 0, None, closed="neither")],
        "patience": [Interval(Integral, 1, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "device": [_DeviceName()],
        "precision": [StrOptions({"auto", "float32", "bfloat16"})],
        "random_state": ["random_state"],
        "verbose": ["verbose"],
    }

    # Whether convolutions dominate the computing time; "auto" precision depends on it.
    _convolutional = False

    # Whether the batches of an epoch are equally large, or the last one has the remaining rows.
    _even_batches = False

    # Largest batch on a CPU outside of training: more rows would not fit into its caches.
    _most_rows_at_once = None

    # ---- what a subclass defines ---------------------------------------------------

    def _read(self, X, *, reset):
        """Validate X and return it as a feed; `reset` is True in fit."""
        raise NotImplementedError

    def _recipe(self, sample_shape, n_outputs):
        """Return the plain numbers from which `_make_module` builds the network."""
        raise NotImplementedError

    @staticmethod
    def _make_module(**recipe):
        """Build the torch module; it is called on the meta device, where no weight is drawn."""
        raise NotImplementedError

    def _prepare(self, module, plan, rows):
        """Hook: set what is learned from the training rows before training starts."""

    def _training_view(self, module, feed):
        """Hook: the part of the module to train, and its feed."""
        return module, feed

    @staticmethod
    def _for_inference(module):
        """Hook: the same network, arranged for fast inference."""
        return module

    def _optimizer(self):
        """Hook: the optimizer and its parameters."""
        from torch.optim import Adam

        return Adam, {"lr": self.lr, "fused": True}

    def _folds_choose(self, n_rows):
        """Hook: whether choices are made on inner folds if no validation rows are given."""
        return False

    # ---- train ---------------------------------------------------------------------

    def _hold_out(self, labels, groups, validation):
        """Mark the inner validation rows; if folds replace them, only those of `validation`."""
        return inner_validation_mask(
            labels,
            groups=groups,
            validation=validation,
            validation_fraction=0 if self._folds_choose(len(labels)) else self.validation_fraction,
            random_state=self.random_state,
        )

    def _splits(self, plan, consequence):
        """Return the splits that choices are made on; warn if too few rows can be evaluated."""
        # With validation_fraction=0 there may still be folds (those of a pipeline, or cross_fit=k),
        # but they only serve to compute vectors: nothing is chosen on them.
        if self.validation_fraction == 0 and not plan.held_out.any():
            return []
        splits = plan.splits()
        if not splits and (plan.held_out.any() or plan.folds is not None):
            warnings.warn(
                f"{type(self).__name__}: fewer than {FEWEST_ROWS} rows can be used for validation "
                "(the others are missing in this modality, have weight 0, or have a genre that no "
                f"training row has); {consequence}. Pass more rows, or set validation_fraction=0 "
                "to train without validation.",
                UserWarning,
                stacklevel=6,
            )
        return splits

    def _set_recipe(self, plan, n_outputs):
        """Set the numbers that the network is built from, and its size."""
        from ._modules import count_parameters

        self.sample_shape_ = plan.feed.sample_shape
        self.module_recipe_ = self._recipe(self.sample_shape_, n_outputs)
        self.n_parameters_ = count_parameters(self._make_module, self.module_recipe_)

    def _learn(self, plan, n_outputs):
        """Train on all rows that are not held out and set the fitted attributes."""
        self._set_recipe(plan, n_outputs)
        self.weights_, self.history_, self.best_iter_ = self._train(
            plan, train=~plan.held_out, description=type(self).__name__
        )
        self.n_iter_ = len(self.history_)

    def _train(self, plan, *, train, description, unseen=None, max_epochs=None, patience=None):
        """Train one network on the rows of `train`; return its arrays, history and best epoch.

        Early stopping uses the rows of `unseen`, by default those that are held out.
        """
        from ._devices import own_settings

        unseen = plan.held_out if unseen is None else unseen
        with own_settings():
            return self._train_module(
                plan,
                train,
                unseen,
                max_epochs or self.max_epochs,
                patience or self.patience,
                description,
            )

    def _train_module(self, plan, train, unseen, max_epochs, patience, description):
        from ._devices import make_accelerator, resolve_device, to_device, training_dtype
        from ._modules import build_empty, initialize, to_arrays

        with python_random_kept():  # skorch imports rich, which draws from the global state
            from ._training import train as train_module

        accelerator = None
        if self.device == "accelerate":
            accelerator = make_accelerator(self.random_state)
        device = resolve_device(self.device) if accelerator is None else accelerator.device
        module = build_empty(self._make_module, self.module_recipe_)
        # The seed is that of the plan, so that fold networks start from the same weights as the
        # network trained on all rows.
        initialize(module, plan.seeds[0])
        # After `initialize`, which would overwrite what is set here, and only from the training
        # rows of this network, so that no statistics of unseen rows leak into it.
        self._prepare(module, plan, self._rows_to_learn(plan, train))
        part, feed = self._training_view(to_device(module, device), plan.feed)
        # Building the view reads rows, and may have found more of them to be missing.
        train_rows = self._rows_to_learn(plan, train)
        # Rows of weight 0 have no loss: if there were no others, the first epoch would seem best.
        valid_rows = np.flatnonzero(unseen & ~plan.feed.missing & (plan.weight > 0))
        if unseen.any() and not len(valid_rows):
            warnings.warn(
                f"{type(self).__name__}: all inner validation rows are missing in this modality or "
                "have weight 0; all epochs are run and the last weights are kept.",
                UserWarning,
                stacklevel=5,
            )
        optimizer, optimizer_params = self._optimizer()
        history, best_epoch = train_module(
            part,
            plan,
            feed=feed,
            train_rows=train_rows,
            valid_rows=valid_rows,
            optimizer=optimizer,
            optimizer_params=optimizer_params,
            max_epochs=max_epochs,
            batch_size=self.batch_size,
            patience=patience,
            device=device,
            dtype=training_dtype(self.precision, device, convolutional=self._convolutional),
            verbose=int(self.verbose),
            description=description,
            even_batches=self._even_batches,
            accelerator=accelerator,
        )
        return to_arrays(module), history, best_epoch

    def _check_convergence(self, losses):
        """Warn if the validation loss was still decreasing when `max_epochs` was reached."""
        # With max_epochs=1 there is no earlier loss to compare the last one with.
        if 1 < len(losses) == self.max_epochs and np.argmin(losses) == len(losses) - 1:
            warnings.warn(
                f"{type(self).__name__}: the validation loss was still decreasing in the last "
                f"epoch ({self.max_epochs}). Increase max_epochs or lr.",
                ConvergenceWarning,
                stacklevel=5,
            )

    def _rows_to_learn(self, plan, train):
        """Return the rows of `train` that are not missing."""
        missing = plan.feed.missing
        rows = np.flatnonzero(train & ~missing)
        if not len(rows):
            raise ValueError(
                f"{type(self).__name__} has no rows to train on: of {len(missing)} rows "
                f"{int(missing.sum())} are missing and {int((plan.held_out & ~missing).sum())} "
                "are held out for validation. Drop this modality, or pass rows that have it."
            )
        if not plan.weight[rows].any():
            raise ValueError(
                f"{type(self).__name__} has no rows to train on: all {len(rows)} training rows "
                "have weight 0. Pass rows with a label and a sample_weight above 0."
            )
        return rows

    def __sklearn_is_fitted__(self):
        return hasattr(self, "weights_")

    # ---- apply ---------------------------------------------------------------------

    def _module(self, device=None):
        """Return the network with the fitted weights; it is rebuilt on first use."""
        from ._devices import inference_device
        from ._modules import from_arrays

        device = inference_device(self.device) if device is None else device
        return derived(
            self,
            self.weights_,
            "module",
            lambda: self._for_inference(
                from_arrays(self._make_module, self.module_recipe_, self.weights_, device)
            ),
            device,
        )

    def _forward(self, feed, part, rows=None, module=None, advance=None):
        """Apply a part of the network ("embed", ...; None for all of it) to rows of a feed.

        `advance` is the function that moves a progress bar of the caller.
        """
        from ._devices import inference_device, inference_dtype, own_settings
        from ._forward import forward

        device = inference_device(self.device)
        rows = np.flatnonzero(~feed.missing) if rows is None else rows
        bar = nullcontext(advance) if advance else self._answers_bar(len(rows))
        # The module is built inside the context: it is cached for later calls, so it must not
        # depend on the torch settings of this caller (tensors made in inference_mode, another
        # default device).
        with own_settings(), bar as advance:
            module = self._module(device) if module is None else module
            return forward(
                module if part is None else getattr(module, part),
                feed,
                rows,
                batch_size=self._rows_at_once(device),
                device=device,
                dtype=inference_dtype(self.precision),
                advance=advance,
            )

    def _answers_bar(self, n_rows):
        """Return a progress bar for predictions; it is shown for many rows only."""
        verbose = int(self.verbose) if n_rows >= _MANY_ROWS else 0
        return progress_bar(n_rows, f"{type(self).__name__}, predictions", verbose=verbose)

    def _rows_at_once(self, device):
        """Return the batch size outside of training."""
        if self._most_rows_at_once and device.type == "cpu":
            return min(self.batch_size, self._most_rows_at_once)
        return self.batch_size
