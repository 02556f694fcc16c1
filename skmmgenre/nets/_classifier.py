"""A network that tells classes."""

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
            f"{type(estimator).__name__} with target='cosine' gives similarities, no "
            "probabilities: use decision_function."
        )
    return True


# One class for all of so many rows is no chance, and this share of rows without a label is small.
_MANY_OF_ONE, _FEW_WITHOUT = 20, 0.05


class NetClassifier(ClassifierMixin, NetEstimator):
    """Base class of the networks that learn genres.

    The module of a subclass has ``embed(x)``, the activations of the last hidden layer,
    and ``head``, the output layer on top of them.

    Parameters
    ----------
    target : {"auto", "softmax", "logistic", "cosine"}
        "auto" is softmax for one column of labels, logistic for several. "cosine" regresses
        the l2-normalised label factors of several genres (section 5).
    label_factorizer : estimator or None
        Of target "cosine", fitted on the y of all rows given to `fit`; None stands for
        `PPMILabelFactorizer` with min(50, rank) components.
    max_epochs, batch_size, lr, patience, validation_fraction
        Training; inner validation rows as `inner_validation_mask` chooses them.
    class_weight : dict, "balanced" or None
        Of one genre a row. With ``preset="paper"`` it weighs the rows of each class. Else its
        logarithm is added to the class's logit after training (logit adjustment, Menon et al.
        2021): what weighted rows tend to where they are many, without their noise where a
        class has few.
    device : str
        "auto" takes the GPU if there is one. "accelerate" trains on the devices of all
        processes that ``accelerate launch`` or ``torchrun`` has started: each holds the whole
        of X and learns from its part of every batch.
    precision : {"auto", "float32", "bfloat16"}
        What layers compute in. "auto" is, in training, bfloat16 where the device has it
        natively (a processor: for networks of convolutions only), and float32 in answers.
    random_state : int, RandomState or None
        Seed of all draws in training. None draws a new one in each `fit`.
    verbose : int
        1 shows a progress bar, 2 also skorch's table of epochs and bar of batches.

    Attributes
    ----------
    classes_ : ndarray
        The genres.
    target_ : target
        What was learned of y.
    label_factorizer_ : estimator
        The fitted factors; target "cosine" only.
    history_ : list of dict
        ``epoch``, ``train_loss`` and ``duration`` (seconds) of each epoch. Where there are inner
        validation rows also ``valid_loss``, which early stopping watches, and the metric of
        the same outputs: ``valid_f1``, the macro F1 over all classes (target "softmax"), or
        ``valid_macro_auc`` ("logistic", "cosine"), NaN where no label has both a positive
        and a negative among these rows.
    thresholds_ : ndarray of float64, shape (n_labels,), or None
        Of several genres: the score above which `predict` tells each; inf for never. None with
        ``preset="paper"``.
    offsets_ : ndarray of float64, shape (n_classes,), or None
        Of one genre: added to the logits before `predict` takes the largest. None with
        ``preset="paper"``.
    threshold_ : float
        Similarity from which on `predict` tells a genre, unless `decision` says otherwise: where
        micro F1 is largest on unseen rows, or on the training rows if there are none with a
        genre; target "cosine" only.
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
            Rows that are missing are dropped after the inner validation rows are chosen.
        y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
            Genres: one a row, or several at once.
        groups : array-like of shape (n_rows,), default=None
            Artists. No artist is in both the training and the inner validation rows.
        validation : array-like of bool, shape (n_rows,), default=None
            Marks the inner validation rows of a published split.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row in the loss, 0 or more; None weighs all rows the same.

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
        if not unseen:  # there is nothing to tell a threshold by
            rows = np.flatnonzero(there & ~plan.held_out)
        self._shift_outputs(plan)
        output = self._forward(plan.feed, None, rows)
        self._decide(plan, rows, output, unseen=unseen)
        epochs = [epoch for epoch in self.history_ if "valid_loss" in epoch]
        self._check_convergence([epoch["valid_loss"] for epoch in epochs])

    def _shift_outputs(self, plan):
        """Add to the bias of the output layer what class weights do."""
        bias = self.weights_["head.bias"] + plan.shift
        self.weights_ = {**self.weights_, "head.bias": bias}

    def _decide(self, plan, rows, output, *, unseen):
        """Set how labels follow from scores, by the labels and outputs of some rows."""
        target, truth = self.target_, plan.y.values[rows]
        if target.name == "cosine":
            target.tune(truth, output)
        decision = self.decision
        if decision == "auto":
            decision = None if self.preset == "paper" else "tuned"
        if decision == "tuned" and not unseen:
            decision = None  # what fits the rows that were learned from fits no others
        if decision == "tuned" and self.class_weight is not None:
            decision = "top1"  # how classes count has been said
        if decision is not None:
            target.decide(decision, truth, output)
        self._keep_target()
        self._tell_of_silence(target.predict(output), "unseen" if unseen else "training")

    def _tell_of_silence(self, predicted, which):
        """Tell of one class for all of some rows, of rows without a label and labels without a row.

        `which` rows they are, in words.
        """
        name, n_rows = type(self).__name__, len(predicted)
        if predicted.ndim == 1:
            if n_rows >= _MANY_OF_ONE and (predicted == predicted[0]).all():
                warnings.warn(
                    f"{name} predicts {str(predicted[0])!r} for all {n_rows:,} {which} rows: it "
                    "has learned nothing that tells classes apart. If most rows are of this "
                    "class, pass class_weight='balanced'; else see \"One genre for everything\" "
                    "in the FAQ.",
                    UserWarning,
                    stacklevel=4,
                )
            return
        n_without = int((~predicted.any(axis=1)).sum())
        never = [str(label) for label in self.classes_[~predicted.any(axis=0)]]
        if n_without or never:
            remedy = " decision='tuned' gives every row one." if n_without else ""
            logger.log(
                logging.WARNING if n_without > _FEW_WITHOUT * n_rows else logging.INFO,
                f"{name}: {n_without:,} of {n_rows:,} {which} rows get no label; labels that no "
                f"row gets: {', '.join(never) or 'none'}.{remedy}",
            )

    def _keep_target(self):
        """Show what the target has learned, and nothing of another one that was before."""
        for name in ("threshold_", "thresholds_", "offsets_", "label_factorizer_"):
            vars(self).pop(name, None)
            if hasattr(self.target_, name):
                setattr(self, name, getattr(self.target_, name))

    def _plan(self, X, y, groups, validation, sample_weight, *, folds=None, **reading):
        """Learn the target and say what is trained on which rows.

        `reading` is what `_read` of a subclass takes beside X.
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
                    f"decision={self.decision!r} is no probability. Pass one from 0 to 1; only "
                    "the similarities of target='cosine' may be below 0."
                )
        self.target_.fit(y, sample_weight)
        self.classes_ = self.target_.classes_
        held_out = self._hold_out(labels, groups, validation)
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
        """The inner fold of each row; None where none is asked for."""
        return None

    def _weight(self, y, class_weight, sample_weight, rows):
        """One weight a row, 1 on average over the training rows."""
        weight = self.target_.row_weight(y, class_weight)
        if sample_weight is not None:
            weight = weight * sample_weight
        mean = weight[rows].mean() if rows.any() else 1
        return (weight / (mean or 1)).astype(np.float32)

    def _output(self, X):
        """Outputs of the network; a row with nothing gets those of the class prior."""
        return self._output_of(self._feed(X))

    def _feed(self, X):
        check_is_fitted(self)
        return self._read(X, reset=False)

    def _output_of(self, feed):
        output = np.tile(self.target_.empty_output_, (len(feed), 1))
        rows = np.flatnonzero(~feed.missing)
        if len(rows):
            answers = self._outputs(feed, rows)
            there = ~feed.missing[rows]  # some may turn out to be bad on the way
            output[rows[there]] = answers[there]
        return output

    def _outputs(self, feed, rows):
        """Outputs for some rows."""
        return self._forward(feed, None, rows)

    def decision_function(self, X: Matrix) -> Float32Array:
        """Return the scores of each row.

        Parameters
        ----------
        X : array-like
            Rows of the kind that `fit` was given.

        Returns
        -------
        scores : ndarray of float32, shape (n_rows, n_classes), or (n_rows,) for two classes
            Logits; for target "cosine" similarities in [-1, 1]. A row with nothing in it
            gets the class prior's, or those of the mean factor.
        """
        output = self._output(X)
        return self.target_.scores(output)

    @available_if(_gives_probabilities)
    def predict_proba(self, X: Matrix) -> Float64Array:
        """Return the probability of each class or label; not for target "cosine".

        Parameters
        ----------
        X : array-like
            Rows of the kind that `fit` was given.

        Returns
        -------
        probabilities : ndarray of float64, shape (n_rows, n_classes)
            Rows add up to 1 for one genre a row. A row with nothing in it gets the class
            prior.
        """
        output = self._output(X)
        return self.target_.proba(output)

    @available_if(_gives_probabilities)
    def predict_log_proba(self, X: Matrix) -> Float64Array:
        """Return the logarithm of `predict_proba`.

        Parameters
        ----------
        X : array-like
            Rows of the kind that `fit` was given.

        Returns
        -------
        log_probabilities : ndarray of float64, shape (n_rows, n_classes)
            Of probabilities too small for a float, too.
        """
        output = self._output(X)
        return self.target_.log_proba(output)

    def predict(self, X: Matrix) -> np.ndarray:
        """Return the genre of each row, or an indicator matrix of its genres.

        Parameters
        ----------
        X : array-like
            Rows of the kind that `fit` was given.

        Returns
        -------
        y : ndarray of shape (n_rows,), or int ndarray of shape (n_rows, n_labels)
            Genres, or for a multilabel y an indicator of 0 and 1 with the columns of `classes_`.
        """
        feed = self._feed(X)
        output = self._output_of(feed)
        return self.target_.predict(output, ~feed.missing)

    def score(self, X: Matrix, y: Genres, sample_weight: Column | None = None) -> float:
        """Return the accuracy for one genre a row, the macro AUC for several.

        Parameters
        ----------
        X : array-like
            Rows of the kind that `fit` was given.
        y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
            True genres, in the form that `fit` was given.
        sample_weight : array-like of shape (n_rows,), default=None
            Weight of each row, for accuracy only; None weighs all rows the same.

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
