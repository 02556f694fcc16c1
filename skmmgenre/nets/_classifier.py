"""Networks that predict classes or labels."""

import logging
import warnings
from numbers import Real
from typing import Self

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.utils import check_consistent_length
from sklearn.utils._param_validation import HasMethods, Interval, StrOptions
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_is_fitted

from .._typing import Column, Float32Array, Float64Array, Genres, Matrix
from ..model_selection import read_folds
from ..utils import (
    available_if,
    check_rows,
    check_sample_weight,
    fit_context,
    logger,
    read_groups,
    read_labels,
    read_labels_like,
)
from ._base import NetEstimator, Plan, draw_seeds
from .targets import make_target


def _gives_probabilities(estimator):
    fitted = getattr(estimator, "target_", None)
    if (estimator.target if fitted is None else fitted.name) == "cosine":
        raise AttributeError(
            f"{type(estimator).__name__} with target='cosine' predicts similarities, not "
            "probabilities. Use decision_function."
        )
    return True


# Warn if this many rows or more all get one class, or if a larger share than this gets no label.
_MANY_OF_ONE, _FEW_WITHOUT = 20, 0.05


class NetClassifier(ClassifierMixin, NetEstimator):
    """Base class of the networks that learn genres.

    The module of a subclass has ``embed(x)``, the activations of the last hidden layer,
    and ``head``, the output layer on top of them.

    Parameters
    ----------
    target : {"auto", "softmax", "logistic", "cosine"}
        "auto" uses softmax for single-label y (one column) and logistic for a multilabel
        indicator. "cosine" regresses the l2-normalized label factors of a multilabel y
        (section 5).
    label_factorizer : estimator or None
        For target "cosine", fitted on the y of all rows given to `fit`. None uses
        `PPMILabelFactorizer` with min(50, rank) components.
    max_epochs, batch_size, lr, patience, validation_fraction
        Training parameters. Inner validation rows are chosen by `inner_validation_mask`.
    class_weight : dict, "balanced" or None
        Class weights for single-label y. With ``preset="paper"`` they weight the rows of each
        class. Otherwise their logarithm is added to the logit of the class after training (logit
        adjustment, Menon et al. 2021): this approaches the effect of weighted rows where a class
        has many rows, without their noise where it has few.
    device : str
        "auto" uses the GPU if one is available. "accelerate" trains on the devices of all
        processes started by ``accelerate launch`` or ``torchrun``: each process loads all of X
        and learns from its part of every batch.
    precision : {"auto", "float32", "bfloat16"}
        Data type in which layers compute. "auto" trains in bfloat16 on devices that support it
        natively (on a CPU only for convolutional networks), and predicts in float32.
    random_state : int, RandomState or None
        Seed of all random draws in training. None uses a new seed in each `fit`.
    verbose : int
        1 shows a progress bar, 2 also skorch's table of epochs and its progress bar of batches.

    Attributes
    ----------
    classes_ : ndarray
        The genres.
    target_ : target
        The fitted target: classes, prior and decision thresholds.
    label_factorizer_ : estimator
        The fitted factorizer; target "cosine" only.
    history_ : list of dict
        ``epoch``, ``train_loss`` and ``duration`` (seconds) of each epoch. With inner
        validation rows also ``valid_loss``, which early stopping monitors, and a metric of
        the same outputs: ``valid_f1``, the macro F1 over all classes (target "softmax"), or
        ``valid_macro_auc`` ("logistic", "cosine"), NaN if no label has both a positive
        and a negative among these rows.
    thresholds_ : ndarray of float64, shape (n_labels,), or None
        For multilabel y: the score above which `predict` assigns each label; inf if it never
        does. None if no threshold was set: by default with ``preset="paper"``, or without
        unseen rows to tune them on; then `predict` assigns the labels whose probability is above
        0.5 (target "cosine": whose similarity is above ``threshold_``).
    offsets_ : ndarray of float64, shape (n_classes,), or None
        For single-label y: added to the logits before `predict` takes the argmax. None if no
        offset was set: by default with ``preset="paper"``, or without unseen rows.
    threshold_ : float
        Similarity at or above which `predict` assigns a label, unless `decision` says otherwise.
        It maximizes micro F1 on unseen rows, or on the training rows if no unseen row has a
        label. Target "cosine" only.
    """

    classes_: np.ndarray
    thresholds_: Float64Array | None
    threshold_: float

    _parameter_constraints = {
        **NetEstimator._parameter_constraints,
        "target": [StrOptions({"auto", "softmax", "logistic", "cosine"})],
        "label_factorizer": [HasMethods(["fit", "transform", "score_labels"]), None],
        "class_weight": [StrOptions({"balanced"}), dict, None],
        "decision": [StrOptions({"auto", "tuned", "top1"}), Interval(Real, -1, 1, closed="both")],
        "preset": [StrOptions({"auto", "paper"})],
    }

    @fit_context(prefer_skip_nested_validation=True)
    def fit(
        self,
        X: Matrix,
        y: Genres,
        groups: Column | None = None,
        validation: Column | None = None,
        sample_weight: Column | None = None,
    ) -> Self:
        """Train the network.

        Parameters
        ----------
        X : array-like
            Missing rows are dropped after the inner validation rows have been chosen.
        y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
            Genres: single-label, or a multilabel indicator.
        groups : array-like of shape (n_rows,), default=None
            Artists. No artist is in both the training and the inner validation rows.
        validation : array-like of bool, shape (n_rows,), default=None
            Marks the inner validation rows of a published split.
        sample_weight : array-like of shape (n_rows,), default=None
            Non-negative weight of each row in the loss. None gives all rows the same weight.

        Returns
        -------
        self : object
            The fitted network.
        """
        plan = self._plan(X, y, groups, validation, sample_weight)
        self._learn(plan, self.target_.n_outputs)
        return self

    def _learn(self, plan, n_outputs):
        super()._learn(plan, n_outputs)
        there = ~plan.feed.missing
        rows = np.flatnonzero(there & plan.held_out)
        unseen = plan.y.values[rows].any() if plan.y.several else len(rows) > 0
        if not unseen:  # no labels to set a threshold by
            rows = np.flatnonzero(there & ~plan.held_out)
        # Before the outputs are computed: decisions are made on the scores that `predict` will see.
        self._shift_outputs(plan)
        output = self._forward(plan.feed, None, rows)
        self._decide(plan, rows, output, unseen=unseen)
        epochs = [epoch for epoch in self.history_ if "valid_loss" in epoch]
        self._check_convergence([epoch["valid_loss"] for epoch in epochs])

    def _shift_outputs(self, plan):
        """Add the shift of the class weights to the bias of the output layer."""
        bias = self.weights_["head.bias"] + plan.shift
        # A new dict: `derived` would return the module that was built from the old one.
        self.weights_ = {**self.weights_, "head.bias": bias}

    def _decide(self, plan, rows, output, *, unseen):
        """Set how labels follow from scores, from the labels and outputs of some rows."""
        target, truth = self.target_, plan.y.values[rows]
        if target.name == "cosine":
            target.tune(truth, output)
        decision = self.decision
        if decision == "auto":
            decision = None if self.preset == "paper" else "tuned"
        if decision == "tuned" and not unseen:
            decision = None  # thresholds tuned on training rows do not generalize
        if decision == "tuned" and self.class_weight is not None:
            decision = "top1"  # the user has already said how classes count
        if decision is not None:
            target.decide(decision, truth, output)
        self._keep_target()
        self._tell_of_silence(target.predict(output), "unseen" if unseen else "training")

    def _tell_of_silence(self, predicted, which):
        """Report a constant prediction, rows without a label and labels that are never predicted.

        `which` says in words which rows were predicted.
        """
        name, n_rows = type(self).__name__, len(predicted)
        if predicted.ndim == 1:
            if n_rows >= _MANY_OF_ONE and (predicted == predicted[0]).all():
                warnings.warn(
                    f"{name} predicts {str(predicted[0])!r} for all {n_rows:,} {which} rows: it "
                    "has not learned to distinguish the classes. If most rows have this "
                    "class, pass class_weight='balanced'; otherwise see \"The model predicts one "
                    'genre for everything" in the FAQ.',
                    UserWarning,
                    stacklevel=4,
                )
            return
        n_without = int((~predicted.any(axis=1)).sum())
        never = [str(label) for label in self.classes_[~predicted.any(axis=0)]]
        if n_without or never:
            remedy = " decision='tuned' gives every row at least one label." if n_without else ""
            logger.log(
                logging.WARNING if n_without > _FEW_WITHOUT * n_rows else logging.INFO,
                f"{name}: {n_without:,} of {n_rows:,} {which} rows get no label; labels never "
                f"predicted: {', '.join(never) or 'none'}.{remedy}",
            )

    def _keep_target(self):
        """Copy the target's fitted attributes, and remove those of the target of an earlier fit."""
        for name in ("threshold_", "thresholds_", "offsets_", "label_factorizer_"):
            vars(self).pop(name, None)
            if hasattr(self.target_, name):
                setattr(self, name, getattr(self.target_, name))

    def _plan(self, X, y, groups, validation, sample_weight, *, folds=None, **reading):
        """Fit the target and return the plan of the training.

        `reading` has the further arguments of a subclass's `_read`.
        """
        feed = self._read(X, reset=True, **reading)
        labels = read_labels(y)
        y = labels.values
        check_consistent_length(feed, y)
        groups = None if groups is None else read_groups(groups, len(feed))
        check_rows(X, labels, groups)
        if not labels.several:
            check_classification_targets(y)
        if sample_weight is not None:
            sample_weight = check_sample_weight(
                sample_weight, np.empty((len(feed), 1)), ensure_non_negative=True
            )
        self.target_ = make_target(self.target, labels.names, self.label_factorizer)
        if self.target_.name == "logistic" and not isinstance(self.decision, str):
            if self.decision < 0:
                raise ValueError(
                    f"decision={self.decision!r} is not a probability. Pass a number from 0 to 1; "
                    "only the similarities of target='cosine' can be below 0."
                )
        # Fitted on the genres of all rows, including missing and held-out ones, so that all steps
        # of a pipeline have the same classes and label factors.
        self.target_.fit(y, sample_weight)
        self.classes_ = self.target_.classes_
        # Chosen before missing rows are dropped: steps that lack different rows must hold out the
        # same artists, or one step would be trained on rows that stop another.
        held_out = self._hold_out(labels, groups, validation)
        # Class weights act either on the loss of the rows (preset="paper") or on the outputs after
        # training, never on both.
        of_rows, of_outputs = self.class_weight, None
        if self.preset == "auto":
            of_rows, of_outputs = of_outputs, of_rows
        return Plan(
            feed=feed,
            loss=self.target_.loss,
            y=labels,
            groups=groups,
            truth=self.target_.encode(y),
            weight=self._weight(y, of_rows, sample_weight, ~feed.missing & ~held_out),
            shift=self.target_.output_shift(y, of_outputs),
            held_out=held_out,
            seeds=draw_seeds(self.random_state, 3),
            metric=(self.target_.metric, self.target_.measure),
            folds=self._folds(folds, labels, groups, held_out),
        )

    def _folds(self, folds, labels, groups, held_out):
        if folds is None:
            return self._inner_folds(labels, groups, held_out)
        return read_folds(folds, held_out)

    def _inner_folds(self, labels, groups, held_out):
        """Return the inner fold of each row; None if no folds are needed."""
        return None

    def _weight(self, y, class_weight, sample_weight, rows):
        """Return one weight per row, with mean 1 over the training rows."""
        weight = self.target_.row_weight(y, class_weight)
        if sample_weight is not None:
            weight = weight * sample_weight
        # Only the ratios of the weights should matter: a larger loss would weaken the penalty. If
        # all weights are 0, `_rows_to_learn` raises later.
        mean = weight[rows].mean() if rows.any() else 1
        return (weight / (mean or 1)).astype(np.float32)

    def _output(self, X):
        """Return the outputs of the network; a missing row gets those of the class prior."""
        return self._output_of(self._feed(X))

    def _feed(self, X):
        check_is_fitted(self)
        return self._read(X, reset=False)

    def _output_of(self, feed):
        output = np.tile(self.target_.empty_output_, (len(feed), 1))
        rows = np.flatnonzero(~feed.missing)
        if len(rows):
            answers = self._outputs(feed, rows)
            there = ~feed.missing[rows]  # some rows may have turned out to be unreadable
            output[rows[there]] = answers[there]
        return output

    def _outputs(self, feed, rows):
        """Return the outputs for some rows."""
        return self._forward(feed, None, rows)

    def decision_function(self, X: Matrix) -> Float32Array:
        """Return the scores of each row.

        Parameters
        ----------
        X : array-like
            Rows in the form that was passed to `fit`.

        Returns
        -------
        scores : ndarray of float32, shape (n_rows, n_classes), or (n_rows,) for two classes
            Logits; for target "cosine" similarities in [-1, 1]. A missing row gets the
            scores of the class prior, or those of the mean factor.
        """
        output = self._output(X)
        return self.target_.scores(output)

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Matrix) -> Float64Array:
        """Return the probability of each class or label; not for target "cosine".

        Parameters
        ----------
        X : array-like
            Rows in the form that was passed to `fit`.

        Returns
        -------
        probabilities : ndarray of float64, shape (n_rows, n_classes)
            Each row adds up to 1 if y is single-label. A missing row gets the class prior.
        """
        output = self._output(X)
        return self.target_.proba(output)

    @available_if(_gives_probabilities)
    def predict_log_proba(self, X: Matrix) -> Float64Array:
        """Return the logarithm of `predict_proba`.

        Parameters
        ----------
        X : array-like
            Rows in the form that was passed to `fit`.

        Returns
        -------
        log_probabilities : ndarray of float64, shape (n_rows, n_classes)
            Finite even where the probability itself underflows.
        """
        output = self._output(X)
        return self.target_.log_proba(output)

    def predict(self, X: Matrix) -> np.ndarray:
        """Return the genre of each row, or a multilabel indicator matrix.

        Parameters
        ----------
        X : array-like
            Rows in the form that was passed to `fit`.

        Returns
        -------
        y : ndarray of shape (n_rows,), or int ndarray of shape (n_rows, n_labels)
            Genres, or for a multilabel y an indicator of 0 and 1 whose columns are `classes_`.
        """
        feed = self._feed(X)
        output = self._output_of(feed)
        return self.target_.predict(output, ~feed.missing)

    def score(self, X: Matrix, y: Genres, sample_weight: Column | None = None) -> float:
        """Return the accuracy if y is single-label, the macro AUC if it is multilabel.

        Parameters
        ----------
        X : array-like
            Rows in the form that was passed to `fit`.
        y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
            True genres, in the form that was passed to `fit`.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row, for accuracy only. None gives all rows the same weight.

        Returns
        -------
        score : float
            Accuracy or macro AUC, in [0, 1].
        """
        feed = self._feed(X)
        output = self._output_of(feed)
        labels = read_labels_like(y, self.classes_)
        return self.target_.score(labels.values, output, sample_weight, ~feed.missing)

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
