"""Networks whose last hidden layer is used as an embedding.

Training with ``preset="auto"`` (`_learn_both`) has four steps:

1. Trials: a network is trained on all rows but those of one fold (or of the inner validation
   rows), and stopped on the excluded rows.
2. Refit: the network is trained on all rows for as many steps as were best in the trials. With
   inner validation rows, the network of the only trial is kept instead.
3. A linear model of a summary of the same input is fitted, its penalty chosen on the same rows.
4. The share of each model in the output, and the decision thresholds, are chosen on the trials'
   predictions.

No choice is made on predictions for rows that the predicting network was trained on: such
predictions are too good, and the choice would favour the model that memorizes most.
"""

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

# Ridge penalty per row, as a share of the mean square of an activation (1e-4 to 0.1 work equally
# well).
_PENALTY = 1e-2


def fit_coordinates(theirs, own):
    """Fit the linear map from one network's vectors to another's on the same rows."""
    power = np.mean(theirs.astype(np.float64) ** 2)
    # Ridge adds alpha to the sum of squares of each column, which grows with the number of rows and
    # the scale of the activations. The floor keeps alpha positive if all units are dead.
    return Ridge(alpha=_PENALTY * len(theirs) * max(power, 1e-12)).fit(theirs, own)


@dataclass
class _Trial:
    """A network trained on some rows (`learned`, a mask), with its outputs for other `rows`.

    `judged` is a mask of those of `rows` on which choices are made.
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
    """A `NetClassifier` whose `transform` returns the activations of its last hidden layer.

    Parameters
    ----------
    preset : {"auto", "paper"}
        "paper" trains the network alone, as Oramas et al. (2018) did, with early stopping on the
        inner validation rows, which are not trained on. "auto" chooses the number of epochs,
        the penalty of a linear model of the same input, and the share of each model in the
        output on unseen artists, in three folds. Then both models are fitted on all rows. The
        last units of a vector then describe the input of the linear model.
    refit : bool
        Used with "auto" only. False makes these choices on the inner validation rows instead of
        on folds, and does not train on them.
    cross_fit : int or "auto"
        Number of networks that compute the out-of-fold vectors of `fit_transform`, each for
        artists that it was not trained on, so that the next step is not trained on memorized
        vectors. "auto" uses the three folds with ``preset="auto"``, and 0 with "paper" or
        ``validation_fraction=0``. 0 returns vectors of rows that the network was trained on.
        k > 1 trains k networks from the same initial weights. Hidden units of two networks
        diverge even from the same initial weights, so the hidden units of a fold are mapped to
        those of the network trained on all rows, which `transform` uses, by ridge regression on
        the rows that both were trained on. The vectors of inner validation rows, which are never
        trained on, come from the network trained on all rows.

    Attributes
    ----------
    share_ : float
        Share of the network in the output; the rest is the linear model's. "auto" only.
    C_ : float
        Inverse strength of the linear model's penalty. "auto" only.
    tried_ : list of dict
        ``C`` and ``valid_loss`` of each strength that was tried. "auto" only.
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

    # Whether training changes the output of `transform`; if not, no fold needs a network.
    _learns_vectors = True

    @property
    def _even_batches(self):
        return self.preset == "auto"

    # ---- what a subclass defines ---------------------------------------------------

    def _summarize(self, feed, rows):
        """Return the input of the linear model for some rows: (n, n_summary), dense or CSR."""
        raise NotImplementedError

    # Whether the columns of a summary are scaled.
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
            Missing rows are dropped after inner folds and validation rows have been chosen.
        y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
            Genres: single-label, or a multilabel indicator.
        groups : array-like of shape (n_rows,), default=None
            Artists. No artist is in two inner folds, or in both the training and the inner
            validation rows.
        validation : array-like of bool, shape (n_rows,), default=None
            Marks the inner validation rows of a published split.
        sample_weight : array-like of shape (n_rows,), default=None
            Non-negative weight of each row in the loss. None gives all rows the same weight.
        folds : array-like of int, shape (n_rows,), default=None
            The inner fold of each row, counted from 0, and -1 for rows that are not trained on.
            None makes folds from y and groups. `MeanOverTracks` passes the folds of albums.

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
            With folds, each vector comes from a network that was not trained on the row's artist.
            NaN for missing rows.
        """
        plan = self._plan(X, y, groups, validation, sample_weight, folds=folds)
        return self._in_container(self._fit(plan, vectors=True), X)

    @property
    def _chooses(self):
        return self.preset == "auto" and self.validation_fraction > 0

    @property
    def _cross_fits(self):
        """Whether `fit_transform` returns vectors of networks that were not trained on the rows."""
        return self._chooses if self.cross_fit == "auto" else self.cross_fit > 0

    def _folds_choose(self, n_rows):
        return self.preset == "auto" and self.refit

    def _inner_folds(self, labels, groups, held_out):
        """Return the fold of each row to train on, -1 for the others; None without folds."""
        for_vectors = self._learns_vectors and self._cross_fits
        for_choices = self._chooses and self.refit and not held_out.any()
        if not (for_vectors or for_choices):
            return None
        # Held-out rows are in no fold, so that no fold network is trained on them either.
        rows = np.flatnonzero(~held_out)
        found = inner_folds(
            labels.take(rows),
            groups=None if groups is None else groups.take(rows),
            # None is the default number of folds.
            n_folds=None if self.cross_fit in ("auto", 0) else self.cross_fit,
            warn=for_choices,
        )
        if found is None:
            return None
        folds = np.full(len(labels), -1)
        folds[rows] = found
        return folds

    def _fit(self, plan, *, vectors):
        """Train by a plan, and return the vectors of its rows if `vectors`."""
        # Attributes of an earlier fit with another preset would change `transform`.
        for name in ("share_", "C_", "tried_", "_linear", "_units"):
            vars(self).pop(name, None)
        if self.preset == "paper":
            self._learn(plan, self.target_.n_outputs)
            return self._vectors_of_paper(plan) if vectors else None
        return self._learn_both(plan, vectors)

    def _vectors_of_paper(self, plan):
        own = self._transform(plan.feed)
        # Held-out rows are in no fold and keep the vectors of the network itself. `own` is not
        # changed, because the map of every fold is fitted to it.
        vectors = own.copy()
        for trial in self._trials(plan, plan.fold_splits(), stops=True):
            vectors[trial.rows] = self._in_own_coordinates(plan, trial, own)
        return vectors

    def _learn_both(self, plan, vectors):
        """Train the network and the linear model, and choose their shares on unseen rows."""
        self._set_recipe(plan, self.target_.n_outputs)
        rows = self._rows_to_learn(plan, ~plan.held_out)
        splits = self._splits(plan, "all epochs are run, and penalties are not chosen")
        trials = self._trials(plan, splits, stops=True)
        self._check_convergence(mean_losses(trials))
        self._train_on_all(plan, rows, trials)
        linear = self._solve_linear(plan, rows, trials)
        self._mix(plan, rows, trials, linear)
        return self._vectors_to_learn_from(plan, trials) if vectors else None

    def _solve_linear(self, plan, rows, trials):
        """Fit the linear model; return its outputs for the unseen rows of all trials."""
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
            # The splits are those of the trials, so that `_mix` has the outputs of both models for
            # the same unseen rows.
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
        """Choose the share of the network and the thresholds, and fit the form of the vectors."""
        hidden = self._hidden(plan.feed, rows)
        if trials:
            told = np.concatenate([trial.rows[trial.judged] for trial in trials])
            deep = np.concatenate([trial.outputs[trial.judged] for trial in trials])
            linear = np.concatenate(linear)
            truth, weight = plan.truth[told], plan.weight[told]
            # The outputs of the trials lack the shift of the class weights. The share is chosen
            # without it: class weights would make a choice on few rows noisier.
            self.share_ = choose_share(self.target_, truth, weight, linear, deep)
            output = mixed(self.target_, linear, deep, self.share_) + plan.shift
        self._shift_outputs(plan)
        if not trials:
            # `_outputs` mixes by `share_`, so it must be set first.
            self.share_ = SHARE
            told, output = rows, self._outputs(plan.feed, rows)
        self._decide(plan, told, output, unseen=bool(trials))
        self._units = learn_vectors(self._summary(plan.feed, rows), hidden, self.share_)

    def _shift_outputs(self, plan):
        super()._shift_outputs(plan)
        if self.preset == "auto":
            # Both biases are shifted, and the weights of their mean sum to 1, so the output is
            # shifted once.
            self._linear["bias"] = self._linear["bias"] + plan.shift

    def _trials(self, plan, splits, *, stops):
        """Train a network on the learned rows of each split, and predict the unseen ones.

        `stops` says whether training is stopped early on the rows that the trial is evaluated on.
        If not, it has as many steps as the network of all rows.
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
            # Reading rows in training may have found more of them to be missing.
            rows = np.flatnonzero(split.unseen & ~plan.feed.missing)
            hidden = self._hidden(plan.feed, rows, weights)
            # Only the head is applied, instead of the whole network a second time.
            outputs = self._head(hidden, weights)
            judged = split.judged[rows]
            trials.append(
                _Trial(split.learned, rows, judged, weights, history, best, hidden, outputs)
            )
        return trials

    def _as_many_steps(self, plan, learned):
        """Return the epochs on some rows that have as many steps as the network was trained for."""
        n_rows = len(self._rows_to_learn(plan, ~plan.held_out))
        n_learned = len(self._rows_to_learn(plan, learned))
        n_steps = self.best_iter_ * n_batches(n_rows, self.batch_size)
        return max(1, round(n_steps / n_batches(n_learned, self.batch_size)))

    def _train_on_all(self, plan, rows, trials):
        """Set the weights of the network that is trained on all rows but those held out."""
        # With held-out rows there is one trial, whose training rows are all that may be trained
        # on: its network is the final one. The networks of folds lack a fold each, so that one
        # more is trained on all rows. No row is left to stop it on; hence the number of epochs.
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
        """Return the summary of all rows, zeros for missing ones; set its scale."""
        there = np.flatnonzero(~plan.feed.missing)
        summary = self._summarize(plan.feed, there)
        mean, scale = None, None
        if self._scales_summary:
            # Only training rows determine the scale, since held-out rows must not influence it.
            mean, scale = mean_and_scale(summary, np.isin(there, rows))
        self._linear = {"mean": mean, "scale": scale}
        summary = scaled(summary, mean, scale)
        if len(there) == len(plan.y):
            return summary
        if sparse.issparse(summary):
            # The product with this 0/1 matrix moves rows to their places and keeps them sparse.
            place = sparse.csr_array(
                (np.ones(len(there), dtype=np.float32), (there, np.arange(len(there)))),
                shape=(len(plan.y), len(there)),
            )
            return place @ summary
        filled = np.zeros((len(plan.y), summary.shape[1]), dtype=np.float32)
        filled[there] = summary
        return filled

    def _vectors_to_learn_from(self, plan, trials):
        """Return the vectors of all rows; those of folds from networks not trained on them."""
        vectors = self._transform(plan.feed)
        # The summary is not learned from the genres, so only hidden units need networks that have
        # not seen the row. If the share is 0, these are zeros in the vectors.
        if not (self.cross_fit and self.share_ > 0 and self._learns_vectors):
            return vectors
        # The networks of the folds that chose the number of epochs are used again. There are none
        # yet with held-out rows (the only trial is the final network itself) or without trials.
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
        """Map the hidden units of a trial's unseen rows to those of the network of all rows.

        `own` contains the latter for all rows. The map is fitted on the trial's training rows:
        both networks were trained on these.
        """
        seen = np.flatnonzero(trial.learned & ~plan.feed.missing)
        theirs = self._hidden(plan.feed, seen, trial.weights)
        to_own = fit_coordinates(theirs, own[seen])
        return to_own.predict(trial.hidden).astype(np.float32)

    @property
    def _n_features_out(self):
        """Width of the last hidden layer; the output layer's weights are (outputs, width)."""
        return self.weights_["head.weight"].shape[1]

    def transform(self, X: Matrix) -> Float32Array:
        """Return the activations of the last hidden layer.

        Parameters
        ----------
        X : array-like
            Rows in the form that was passed to `fit`.

        Returns
        -------
        vectors : ndarray of float32, shape (n_rows, n_features_out)
            NaN for missing rows.
        """
        check_is_fitted(self)
        return self._in_container(self._transform(self._read(X, reset=False)), X)

    def _in_container(self, vectors, X):
        """Apply `set_output`, unless the rows of X have lost their index.

        After a step that returns sparse or 3-D arrays, a DataFrame would get a new index, and a
        ColumnTransformer could not align it with those of other branches. The ColumnTransformer
        sets the index and columns of a plain array itself.
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
        vectors[feed.missing] = np.nan  # some rows may have turned out to be unreadable
        return vectors

    def _embed(self, feed, rows):
        hidden = self._hidden(feed, rows)
        if not hasattr(self, "_units"):
            return hidden
        return make_vectors(self._units, self._summary(feed, rows), hidden)

    def _summary(self, feed, rows):
        """Return the summary of some rows, scaled for the linear model."""
        return scaled(self._summarize(feed, rows), self._linear["mean"], self._linear["scale"])

    def _hidden(self, feed, rows, weights=None):
        """Return the activations of the last hidden layer, with other `weights` if given."""
        module = None
        if weights is not None:
            from ._devices import inference_device
            from ._modules import from_arrays

            device = inference_device(self.device)
            # Not cached in `derived`, because the networks of trials are discarded after `fit`.
            module = from_arrays(self._make_module, self.module_recipe_, weights, device)
        return self._forward(feed, "embed", rows, module)

    def _head(self, hidden, weights):
        """Return the outputs of the network for hidden units."""
        from ._forward import apply_layer

        return apply_layer(hidden, weights["head.weight"], weights["head.bias"])

    def _outputs(self, feed, rows):
        """Return the outputs of the network, with "auto" mixed with those of the linear model."""
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
