"""A network whose last hidden layer is of use to others."""

from dataclasses import dataclass
from numbers import Integral
from typing import Self

import numpy as np
from scipy import sparse
from sklearn.base import ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.linear_model import Ridge
from sklearn.utils._param_validation import Interval, Options, StrOptions
from sklearn.utils.validation import check_is_fitted

from .._typing import Column, Float32Array, Genres, Matrix
from ..model_selection import inner_folds
from ..utils import fit_context, in_container, interruption_ends_all
from ._budget import add_losses_of_folds, mean_losses, n_batches, n_epochs
from ._classifier import NetClassifier
from ._linear_path import (
    SHARE,
    STRENGTH,
    STRENGTHS,
    choose_share,
    learn_vectors,
    make_vectors,
    mean_and_scale,
    mixed,
    scaled,
)

# Ridge penalty of a row, as a share of the mean square of an activation (1e-4 to 0.1 do alike).
_PENALTY = 1e-2


def fit_coordinates(theirs, own):
    """Learn the linear map from one network's vectors to another's on the same rows."""
    power = np.mean(theirs.astype(np.float64) ** 2)
    return Ridge(alpha=_PENALTY * len(theirs) * max(power, 1e-12)).fit(theirs, own)


@dataclass
class _Trial:
    """A network that has learned from some rows, a mask, and answers for others.

    `judged` marks those of `rows` by which choices are made.
    """

    learned: np.ndarray
    rows: np.ndarray
    judged: np.ndarray
    weights: dict
    history: list
    best_epoch: int
    hidden: np.ndarray
    outputs: np.ndarray


class NetEmbedder(
    ClassNamePrefixFeaturesOutMixin, TransformerMixin, NetClassifier, auto_wrap_output_keys=None
):
    """A `NetClassifier` that is a transformer too: X to its last hidden layer's activations.

    Parameters
    ----------
    preset : {"auto", "paper"}
        "paper" trains the network alone, as Oramas et al. (2018) did: stopped on the inner
        validation rows, which are not learned from. "auto" chooses all that there is to
        choose on unseen artists, in three folds: how long the network is trained, the penalty
        of a linear model of the same input, and the share of each in the answer. Then both
        learn from all rows. The last units of a vector are then the answer itself.
    refit : bool
        Of "auto": False keeps to the inner validation rows instead of folds, and does not
        learn from them.
    cross_fit : int or "auto"
        How many networks answer for artists they have not seen in `fit_transform`, so that
        what learns from the vectors does not learn from memorised ones; "auto" is the three
        folds with ``preset="auto"``, and 0 with "paper" or ``validation_fraction=0``. 0:
        vectors of rows that the network learned from. k > 1: k networks, started from the
        same weights. Hidden units of two networks drift apart even from the same start, so a
        fold's hidden units are brought into the coordinates of the network of all rows, which
        `transform` uses, by ridge
        regression on the rows that both learned from. Inner validation rows, never learned
        from, are answered by the network of all rows.

    Attributes
    ----------
    share_ : float
        Of the network in the answer; the rest is the linear model's. With "auto".
    C_ : float
        Inverse strength of the linear model's penalty. With "auto".
    tried_ : list of dict
        ``C`` and ``valid_loss`` of each strength that was tried. With "auto".
    """

    share_: float
    C_: float

    _parameter_constraints = {
        **NetClassifier._parameter_constraints,
        "refit": ["boolean"],
        "cross_fit": [
            StrOptions({"auto"}),
            Options(Integral, {0}),
            Interval(Integral, 2, None, closed="left"),
        ],
    }

    __metadata_request__fit = {"folds": True}

    # Whether training changes what `transform` answers; if not, no fold needs a network.
    _learns_vectors = True

    @property
    def _even_batches(self):
        return self.preset == "auto"

    # ---- what a subclass says ------------------------------------------------------

    def _summarise(self, feed, rows):
        """What the linear model sees of some rows: (n, n_summary), dense or CSR."""
        raise NotImplementedError

    # Whether the columns of a summary are brought to one scale.
    _scales_summary = True

    # ---- train ---------------------------------------------------------------------

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Matrix,
        y: Genres,
        groups: Column | None = None,
        validation: Column | None = None,
        sample_weight: Column | None = None,
        folds: Column | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like
            Rows that are missing are dropped after inner folds and validation rows are chosen.
        y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
            Genres: one a row, or several at once.
        groups : array-like of shape (n_rows,), default=None
            Artists. No artist is in two inner folds, or in both the training and the inner
            validation rows.
        validation : array-like of bool, shape (n_rows,), default=None
            Marks the inner validation rows of a published split.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row in the loss, 0 or more; None weighs all rows the same.
        folds : array-like of int, shape (n_rows,), default=None
            The inner fold of each row, counted from 0, -1 of rows that are not learned from;
            by default they are made of y and groups. `MeanOverTracks` passes those of albums.

        Returns
        -------
        self : object
            The fitted network.
        """
        self._fit(self._plan(X, y, groups, validation, sample_weight, folds=folds), vectors=False)
        return self

    @fit_context(prefer_skip_nested_validation=True)
    def fit_transform(
        self,
        X: Matrix,
        y: Genres,
        groups: Column | None = None,
        validation: Column | None = None,
        sample_weight: Column | None = None,
        folds: Column | None = None,
    ) -> Float32Array:
        """Train the network and return the vector of every row; see `cross_fit`.

        Parameters
        ----------
        X : array-like
            As in `fit`.
        y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
            As in `fit`.
        groups : array-like of shape (n_rows,), default=None
            Artists, as in `fit`.
        validation : array-like of bool, shape (n_rows,), default=None
            As in `fit`.
        sample_weight : array-like of shape (n_rows,), default=None
            As in `fit`.
        folds : array-like of int, shape (n_rows,), default=None
            As in `fit`.

        Returns
        -------
        vectors : ndarray of float32, shape (n_rows, n_features_out)
            With folds, each from a network that has not seen the row's artist; NaN in a row that is
            missing.
        """
        plan = self._plan(X, y, groups, validation, sample_weight, folds=folds)
        return self._in_container(self._fit(plan, vectors=True), X)

    @property
    def _chooses(self):
        return self.preset == "auto" and self.validation_fraction > 0

    @property
    def _cross_fits(self):
        """Whether `fit_transform` is to answer by networks that have not seen the rows."""
        return self._chooses if self.cross_fit == "auto" else self.cross_fit > 0

    def _folds_choose(self, n_rows):
        return self.preset == "auto" and self.refit

    def _inner_folds(self, labels, groups, held_out):
        """The fold of each row that is learned from, -1 of the others; None without folds."""
        for_vectors = self._learns_vectors and self._cross_fits
        for_choices = self._chooses and self.refit and not held_out.any()
        if not (for_vectors or for_choices):
            return None
        rows = np.flatnonzero(~held_out)
        found = inner_folds(
            labels.take(rows),
            groups=None if groups is None else groups.take(rows),
            n_folds=self.cross_fit if self.cross_fit in range(2, len(labels) + 1) else None,
            warn=for_choices,
        )
        if found is None:
            return None
        folds = np.full(len(labels), -1)
        folds[rows] = found
        return folds

    def _fit(self, plan, *, vectors):
        """Learn from a plan, and return the vectors of its rows if they are asked for."""
        for name in ("share_", "C_", "tried_", "_linear", "_units"):  # of another preset
            vars(self).pop(name, None)
        if self.preset == "paper":
            self._learn(plan, self.target_.n_outputs)
            return self._vectors_of_paper(plan) if vectors else None
        return self._learn_both(plan, vectors)

    def _vectors_of_paper(self, plan):
        own = self._transform(plan.feed)
        vectors = own.copy()
        for trial in self._trials(plan, plan.fold_splits(), stops=True):
            vectors[trial.rows] = self._in_own_coordinates(plan, trial, own)
        return vectors

    def _learn_both(self, plan, vectors):
        """Train the network and the linear model, and mix them as unseen rows ask for."""
        self._set_recipe(plan, self.target_.n_outputs)
        rows = self._rows_to_learn(plan, ~plan.held_out)
        splits = []
        if self.validation_fraction > 0 or plan.held_out.any():
            splits = self._splits(plan, "all epochs are run, and penalties are not chosen")
        trials = self._trials(plan, splits, stops=True)
        self._check_convergence(mean_losses(trials))
        self._train_on_all(plan, rows, trials)
        linear = self._solve_linear(plan, rows, trials)
        self._mix(plan, rows, trials, linear)
        return self._vectors_to_learn_from(plan, trials) if vectors else None

    def _solve_linear(self, plan, rows, trials):
        """Find the weights of the linear model; its outputs for the unseen rows of all trials."""
        from ._devices import own_settings, resolve_device
        from ._solver import LayerSolver

        with own_settings():
            solver = LayerSolver(
                self._summary_to_learn(plan, rows),
                plan.truth,
                plan.weight,
                target=self.target_,
                device=resolve_device("cpu"),
            )
            self.tried_, outputs = solver.choose(
                [(np.flatnonzero(trial.learned), trial.rows[trial.judged]) for trial in trials],
                STRENGTHS,
            )
            best = min(self.tried_, key=lambda one: one["valid_loss"], default={"C": STRENGTH})
            self.C_ = best["C"]
            weight, bias, _ = solver.solve(rows, self.C_)
        self._linear = {**self._linear, "weight": weight, "bias": bias}
        return outputs

    def _mix(self, plan, rows, trials, linear):
        """Choose the share of the network, how labels follow from scores, and the vectors."""
        hidden = self._hidden(plan.feed, rows)
        if trials:
            told = np.concatenate([trial.rows[trial.judged] for trial in trials])
            deep = np.concatenate([trial.outputs[trial.judged] for trial in trials])
            linear = np.concatenate(linear)
            truth, weight = plan.truth[told], plan.weight[told]
            self.share_ = choose_share(self.target_, truth, weight, linear, deep)
            output = mixed(self.target_, linear, deep, self.share_) + plan.shift
        self._shift_outputs(plan)
        if not trials:
            self.share_ = SHARE
            told, output = rows, self._outputs(plan.feed, rows)
        self._decide(plan, told, output, unseen=bool(trials))
        self._units = learn_vectors(self._summary(plan.feed, rows), hidden, self.share_)

    def _shift_outputs(self, plan):
        super()._shift_outputs(plan)
        if self.preset == "auto":
            self._linear["bias"] = self._linear["bias"] + plan.shift

    def _trials(self, plan, splits, *, stops):
        """Train a network on the learned rows of each split, and answer for the unseen ones.

        `stops` tells whether the rows that it is judged by end the training.
        """
        trials = []
        for number, split in enumerate(splits, start=1):
            which = f" fold {number} of {len(splits)}" if len(splits) > 1 else ""
            with interruption_ends_all():
                weights, history, best = self._train(
                    plan,
                    train=split.learned,
                    unseen=split.judged & stops,
                    max_epochs=None if stops else self._as_many_steps(plan, split.learned),
                    description=f"{type(self).__name__}{which}",
                )
            rows = np.flatnonzero(split.unseen & ~plan.feed.missing)
            hidden = self._hidden(plan.feed, rows, weights)
            outputs = self._head(hidden, weights)
            judged = split.judged[rows]
            trials.append(
                _Trial(split.learned, rows, judged, weights, history, best, hidden, outputs)
            )
        return trials

    def _as_many_steps(self, plan, learned):
        """How many epochs of some rows are as many steps as the network itself has learned in."""
        rows = self._rows_to_learn(plan, ~plan.held_out)
        n_steps = self.best_iter_ * n_batches(len(rows), self.batch_size)
        return max(1, round(n_steps / n_batches(learned.sum(), self.batch_size)))

    def _train_on_all(self, plan, rows, trials):
        """Keep the network of all rows that may be learned from."""
        if plan.held_out.any() and trials:
            (trial,) = trials
            self.weights_, self.history_, self.best_iter_ = (
                trial.weights,
                trial.history,
                trial.best_epoch,
            )
        else:
            self.weights_, self.history_, self.best_iter_ = self._train(
                plan,
                train=~plan.held_out,
                unseen=np.zeros(len(plan.y), dtype=bool),
                max_epochs=n_epochs(trials, len(rows), self.batch_size),
                description=type(self).__name__,
            )
            add_losses_of_folds(self.history_, trials, len(rows), self.batch_size)
        self.n_iter_ = len(self.history_)

    def _summary_to_learn(self, plan, rows):
        """The summary of all rows, zeros where they are missing; its scale is kept."""
        there = np.flatnonzero(~plan.feed.missing)
        summary = self._summarise(plan.feed, there)
        mean, scale = None, None
        if self._scales_summary:
            mean, scale = mean_and_scale(summary, np.isin(there, rows))
        self._linear = {"mean": mean, "scale": scale}
        summary = scaled(summary, mean, scale)
        if len(there) == len(plan.y):
            return summary
        if sparse.issparse(summary):
            place = sparse.csr_array(
                (np.ones(len(there), dtype=np.float32), (there, np.arange(len(there)))),
                shape=(len(plan.y), len(there)),
            )
            return place @ summary
        filled = np.zeros((len(plan.y), summary.shape[1]), dtype=np.float32)
        filled[there] = summary
        return filled

    def _vectors_to_learn_from(self, plan, trials):
        """Vectors of all rows, those of folds from networks that have not seen them."""
        vectors = self._transform(plan.feed)
        if not (self.cross_fit and self.share_ > 0 and self._learns_vectors):
            return vectors
        if plan.held_out.any() or not trials:
            trials = self._trials(plan, plan.fold_splits(), stops=False)
        own = self._hidden_of_all(plan) if trials else None
        for trial in trials:
            hidden = self._in_own_coordinates(plan, trial, own)
            summary = self._summary(plan.feed, trial.rows)
            vectors[trial.rows] = make_vectors(self._units, summary, hidden)
        return vectors

    def _hidden_of_all(self, plan):
        rows = np.flatnonzero(~plan.feed.missing)
        hidden = self._hidden(plan.feed, rows)
        all_rows = np.full((len(plan.y), hidden.shape[1]), np.nan, dtype=np.float32)
        all_rows[rows] = hidden
        return all_rows

    def _in_own_coordinates(self, plan, trial, own):
        """Hidden units of a trial's unseen rows, as if the network of all rows had them.

        `own` are that network's hidden units of all rows.
        """
        seen = np.flatnonzero(trial.learned & ~plan.feed.missing)
        theirs = self._hidden(plan.feed, seen, trial.weights)
        to_own = fit_coordinates(theirs, own[seen])
        return to_own.predict(trial.hidden).astype(np.float32)

    @property
    def _n_features_out(self):
        """Width of the last hidden layer: the output layer's weights are (outputs, width)."""
        return self.weights_["head.weight"].shape[1]

    def transform(self, X: Matrix) -> Float32Array:
        """Return the activations of the last hidden layer.

        Parameters
        ----------
        X : array-like
            Rows of the kind that `fit` was given.

        Returns
        -------
        vectors : ndarray of float32, shape (n_rows, n_features_out)
            NaN in a row that is missing.
        """
        check_is_fitted(self)
        return self._in_container(self._transform(self._read(X, reset=False)), X)

    def _in_container(self, vectors, X):
        """Do what `set_output` asks for, unless the rows of X have lost their names.

        Behind a step that answers in sparse or 3-D arrays, rows would be numbered anew; a
        ColumnTransformer could not put them beside those of other branches. It names the
        rows and columns of a plain array itself.
        """
        nameless = not hasattr(X, "index") and getattr(X, "ndim", 0) != 2
        if nameless or sparse.issparse(X):
            return vectors
        return in_container(vectors, X, self)

    def _transform(self, feed):
        present = np.flatnonzero(~feed.missing)
        vectors = np.full((len(feed), self._n_features_out), np.nan, dtype=np.float32)
        if len(present):
            vectors[present] = self._embed(feed, present)
        vectors[feed.missing] = np.nan  # some may have turned out to be bad on the way
        return vectors

    def _embed(self, feed, rows):
        hidden = self._hidden(feed, rows)
        if not hasattr(self, "_units"):
            return hidden
        return make_vectors(self._units, self._summary(feed, rows), hidden)

    def _summary(self, feed, rows):
        """The summary of some rows as the linear model takes it."""
        return scaled(self._summarise(feed, rows), self._linear["mean"], self._linear["scale"])

    def _hidden(self, feed, rows, weights=None):
        """Activations of the last hidden layer, of other weights than the own if given."""
        module = None
        if weights is not None:
            from ._devices import inference_device
            from ._modules import from_arrays

            device = inference_device(self.device)
            module = from_arrays(self._make_module, self.module_recipe_, weights, device)
        return self._forward(feed, "embed", rows, module)

    def _head(self, hidden, weights):
        """Outputs of the network for hidden units."""
        from ._forward import apply_layer

        return apply_layer(hidden, weights["head.weight"], weights["head.bias"])

    def _outputs(self, feed, rows):
        """Outputs of the network, with "auto" mixed with those of the linear model."""
        deep = self._forward(feed, None, rows)
        if not hasattr(self, "_linear"):
            return deep
        from ._forward import apply_layer

        summary = self._summary(feed, rows)
        linear = apply_layer(summary, self._linear["weight"], self._linear["bias"])
        return mixed(self.target_, linear, deep, self.share_)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.transformer_tags.preserves_dtype = ["float32"]
        return tags
