"""Training targets of networks: single-label (softmax) or multilabel (logistic, cosine).

A target encodes y for the loss, and turns the outputs of a network into scores, probabilities and
labels. Its state is numpy arrays and plain Python. `make_target` resolves "auto";
`CosineTarget.tune` sets the similarity threshold. `measure` computes the metric that `history_`
records after every epoch, under the key `metric`, with the code behind `genre_scores` and
`macro_auc_score` but without their checks and warnings: these would be repeated after every epoch,
and take a sixth of the time of an epoch of a small network.

Arguments and results of the methods of all targets:

y : ndarray of shape (n_rows,), or int ndarray of shape (n_rows, n_labels)
    Genres: one per row, or an indicator of 0 and 1.
truth : ndarray of shape (n_rows,) or (n_rows, n_outputs)
    Encoded labels that the loss compares outputs with: `encode(y)`. In `loss` and `convex_loss`,
    which return one number per row, truth and output are torch tensors.
output : ndarray of float32, shape (n_rows, n_outputs)
    Outputs of the network: logits, or for "cosine" factors.
known : ndarray of bool, shape (n_rows,), or None
    Mask of the rows that are not missing; None for all rows.
sample_weight, weight : ndarray of shape (n_rows,), or None
    Weight of each row; None gives all rows the same weight.
class_weight : dict, "balanced" or None
    Weight of each class.
scores : ndarray of shape (n_rows, n_labels), or (n_rows,) for two classes
    Scores that `decision_function` returns.
"""

import numpy as np
import pandas as pd
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.base import clone
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_class_weight, compute_sample_weight

from .._typing import LabelFactorizer, Target
from ..labels import PPMILabelFactorizer
from ..metrics import macro_auc_score
from ..metrics._genre_scores import precision_recall_f1
from ..metrics._ranking import MACRO_METRICS, row_weights
from ..model_selection import best_f1_threshold, labels_above, tune_thresholds

__all__ = ["CosineTarget", "LogisticTarget", "SoftmaxTarget", "make_target"]

# Labels with fewer positives among the unseen rows are too rare for a threshold of their own.
_MIN_POSITIVES = 5

# Fractions of a class's log prior that are tried as its handicap in `predict`.
_HANDICAPS = (0, 0.25, 0.5, 0.75, 1)

# Keys of the validation metrics in `history_`, and the names that are displayed.
METRICS = {
    "valid_f1": "macro F1",
    "valid_macro_auc": "macro AUC",
    "valid_recall_at_10": "recall at 10",  # of the joint space
}


class SoftmaxTarget:
    """Single-label target: softmax and categorical cross-entropy (section 4).

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The genres, sorted.
    empty_output_ : ndarray of float32, shape (n_classes,)
        Output of a missing row: the log prior.
    offsets_ : ndarray of float64, shape (n_classes,), or None
        Added to the outputs before `predict` takes the argmax. None adds nothing, as in the
        paper.
    """

    name = "softmax"
    metric = "valid_f1"
    n_terms = 1
    offsets_ = None

    def fit(self, y, sample_weight=None):
        """Fit the classes and their prior on all rows."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has one class only ({self.classes_.tolist()[0]!r}); at least 2 classes are "
                "needed to train a classifier."
            )
        self.empty_output_ = self.prior_output(codes, sample_weight)
        return self

    @property
    def n_outputs(self):
        """Number of outputs of the network."""
        return len(self.classes_)

    def prior_output(self, truth, weight=None):
        """Return the outputs that predict the prior of some rows: the log share of each class."""
        share = np.bincount(truth, weights=weight, minlength=self.n_outputs)
        if share.sum() <= 0:
            raise ValueError("sample_weight is zero for all rows.")
        share = np.maximum(share / share.sum(), 1e-6)  # keeps a class without rows finite
        return np.log(share / share.sum()).astype(np.float32)

    def encode(self, y):
        """Return y as the loss takes it: class codes of shape (n_rows,)."""
        return np.searchsorted(self.classes_, y).astype(np.int64)

    @staticmethod
    def row_weight(y, class_weight):
        """Return the weight that `class_weight` gives each row."""
        return compute_sample_weight(class_weight, y)

    def output_shift(self, y, class_weight):
        """Return the shift of `class_weight`, for outputs that were learned without it."""
        weight = compute_class_weight(class_weight, classes=self.classes_, y=y)
        return np.log(np.maximum(weight, 1e-6)).astype(np.float32)

    def decide(self, decision, y=None, output=None):
        """Set the rule by which `predict` chooses a class.

        Parameters
        ----------
        decision : {"tuned", "top1"} or float
            "tuned" gives frequent classes a handicap, a fraction of their log prior, with the
            fraction that maximizes macro F1 on unseen rows. Otherwise `predict` returns the most
            probable class.
        y, output : ndarray
            Classes and outputs of unseen rows, for "tuned".
        """
        self.offsets_ = np.zeros(self.n_outputs)
        if decision == "tuned":
            prior = self.empty_output_.astype(np.float64)
            tried = [self.measure(y, output - share * prior) for share in _HANDICAPS]
            # Of several handicaps with the same F1, argmax returns the first, the smallest.
            self.offsets_ -= _HANDICAPS[int(np.argmax(tried))] * prior

    @staticmethod
    def loss(output, truth):
        """Return the cross-entropy of each row."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(output, truth, reduction="none")

    convex_loss = loss  # of a linear model

    def scores(self, output):
        """Return log-probabilities up to a constant; for two classes, their difference."""
        return output[:, 1] - output[:, 0] if self.n_outputs == 2 else output

    def proba(self, output):
        """Return probabilities, shape (n_rows, n_classes); rows add up to 1."""
        return softmax(output.astype(np.float64), axis=1)

    def log_proba(self, output):
        """Return the logarithm of `proba`, without its underflow."""
        return log_softmax(output.astype(np.float64), axis=1)

    def predict(self, output, known=None):
        """Return the class of each row.

        Rows that are not `known` get the most frequent class: offsets, which favour rare classes,
        are not added to their output, the prior.
        """
        offsets = 0 if self.offsets_ is None else self.offsets_
        if known is not None:
            offsets = known[:, np.newaxis] * offsets
        return self.classes_[(output + offsets).argmax(axis=1)]

    def score(self, y, output, sample_weight=None, known=None):
        """Return the accuracy of `predict`."""
        return accuracy_score(y, self.predict(output, known), sample_weight=sample_weight)

    def measure(self, y, output):
        """Return the macro F1 over all classes, like `genre_scores` with ``labels=classes_``."""
        true, predicted = self.encode(y), output.argmax(axis=1)
        counts = [
            np.bincount(codes, minlength=self.n_outputs)
            for codes in (true[true == predicted], predicted, true)
        ]
        *_, f1 = precision_recall_f1(*counts)
        return float(f1.mean())


class IndicatorTarget:
    """Base class of the multilabel targets.

    Attributes
    ----------
    thresholds_ : ndarray of float64, shape (n_labels,), or None
        A label is predicted if its score is above its threshold; never if that is inf. None
        predicts as in the paper.
    at_least_one_ : bool
        Whether a row in which no score is above its threshold gets the label that is closest.
    """

    metric = "valid_macro_auc"
    thresholds_ = None
    at_least_one_ = False

    def decide(self, decision, y=None, output=None):
        """Set the rule by which `predict` chooses labels.

        Parameters
        ----------
        decision : {"tuned", "top1"} or float
            "tuned" uses the threshold of each label that maximizes its F1 on unseen rows, and
            predicts at least one label per row. "top1" predicts the best label. A number is the
            threshold of all labels.
        y, output : ndarray
            Labels and outputs of unseen rows, for "tuned".
        """
        n_labels = len(self.classes_)
        # A number is meant literally: a row whose scores are all below it gets no label.
        self.at_least_one_ = isinstance(decision, str)
        if decision == "tuned":
            self.thresholds_, _ = tune_thresholds(
                y, self.scores(output), best_f1_threshold, min_positives=_MIN_POSITIVES
            )
        elif decision == "top1":
            # No score is above inf, so `labels_above` adds the best label to every row.
            self.thresholds_ = np.full(n_labels, np.inf)
        else:
            self.thresholds_ = np.full(n_labels, self.score_of(decision))

    def predict(self, output, known=None):
        """Return an indicator of the labels of each row.

        Rows that are not `known` do not get at least one label: there is no evidence for any, so
        they only get labels whose prior is above the threshold.
        """
        if self.thresholds_ is None:
            return self.predict_of_paper(output)
        scores = self.scores(output)
        labels = labels_above(scores, self.thresholds_, at_least_one=self.at_least_one_)
        if known is not None and self.at_least_one_:
            labels[~known] = labels_above(scores[~known], self.thresholds_, at_least_one=False)
        return labels

    @staticmethod
    def row_weight(y, class_weight):
        """Return the weight of each row: 1. Class weights are for single-label y only."""
        if class_weight is not None:
            raise ValueError(
                f"class_weight={class_weight!r} is not supported for multilabel y. Pass "
                "sample_weight instead."
            )
        return np.ones(len(y))

    def output_shift(self, y, class_weight):
        """Return 0; see `row_weight`."""
        self.row_weight(y, class_weight)
        return np.float32(0)

    def score(self, y, output, sample_weight=None, known=None):
        """Return the macro AUC of all rows, over the labels with a positive and a negative."""
        if sample_weight is not None:
            raise ValueError(
                "score does not support sample_weight for multilabel y. Pass sample_weight=None."
            )
        return macro_auc_score(y, self.scores(output))

    def measure(self, y, output):
        """Return the macro AUC like `macro_auc_score`; NaN, without a warning, if undefined."""
        weight = row_weights(None, len(y))
        return float(MACRO_METRICS["macro_auc"](y.astype(bool), self.scores(output), weight)[0])


class LogisticTarget(IndicatorTarget):
    """Multilabel target: one sigmoid per label and binary cross-entropy (section 5).

    Parameters
    ----------
    labels : ndarray of shape (n_labels,)
        The labels, in the order of the columns of y.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        The labels, in the order of the columns of y.
    empty_output_ : ndarray of float32, shape (n_labels,)
        Output of a missing row: the logit of each label's share.
    """

    name = "logistic"

    def __init__(self, labels):
        self.classes_ = labels

    def fit(self, y, sample_weight=None):
        """Fit the share of every label on all rows."""
        self.empty_output_ = self.prior_output(y, sample_weight)
        return self

    @property
    def n_outputs(self):
        """Number of outputs of the network."""
        return len(self.classes_)

    @property
    def n_terms(self):
        """Number of terms that the loss of a row is the mean of."""
        return len(self.classes_)

    def with_label(self, other, n_rows):
        """Return this target with the first label of another one, which has `n_rows`, appended."""
        # Integer labels stay integers beside a name: numpy would make strings of them.
        kinds = {classes.dtype.kind for classes in (self.classes_, other.classes_)}
        old = self.classes_ if len(kinds) == 1 else self.classes_.astype(object)
        both = LogisticTarget(np.append(old, other.classes_[:1]))
        both.empty_output_ = np.append(self.empty_output_, other.empty_output_[:1])
        if self.thresholds_ is not None:
            if other.thresholds_ is None or n_rows < _MIN_POSITIVES:  # too few rows to tune it
                threshold = np.median(self.thresholds_)
            else:
                threshold = other.thresholds_[0]
            both.thresholds_ = np.append(self.thresholds_, threshold)
            both.at_least_one_ = self.at_least_one_
        return both

    @staticmethod
    def prior_output(truth, weight=None):
        """Return the outputs that predict the prior of some rows: the logit of each share."""
        if weight is not None and np.sum(weight) <= 0:
            raise ValueError("sample_weight is zero for all rows.")
        share = np.average(truth, axis=0, weights=weight)
        margin = 0.5 / len(truth)  # keeps the logit of a label of no row, or of all, finite
        return logit(np.clip(share, margin, 1 - margin)).astype(np.float32)

    def encode(self, y):
        """Return y as the loss takes it: 0 and 1 of shape (n_rows, n_labels), as float32."""
        return y.astype(np.float32)

    @staticmethod
    def loss(output, truth):
        """Return the mean binary cross-entropy of each row."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        return binary_cross_entropy_with_logits(output, truth, reduction="none").mean(dim=1)

    convex_loss = loss  # of a linear model

    def scores(self, output):
        """Return the logits, shape (n_rows, n_labels)."""
        return output

    def proba(self, output):
        """Return the probability of each label, shape (n_rows, n_labels)."""
        return expit(output.astype(np.float64))

    def log_proba(self, output):
        """Return the logarithm of `proba`."""
        # log(1 / (1 + exp(-x))), in a form in which nothing underflows or overflows.
        return -np.logaddexp(0, -output.astype(np.float64))

    @staticmethod
    def score_of(probability):
        """Return the logit of a probability."""
        return logit(probability)

    @staticmethod
    def predict_of_paper(output):
        """Return an indicator of the labels whose probability is above 0.5."""
        return (output > 0).astype(np.int64)


class CosineTarget(IndicatorTarget):
    """Multilabel target: cosine regression of the l2-normalized label factors (section 5).

    Parameters
    ----------
    labels : ndarray of shape (n_labels,)
        The labels, in the order of the columns of y.
    label_factorizer : estimator or None
        An estimator with `fit`, `transform` and `score_labels`. None uses `PPMILabelFactorizer`
        with min(50, rank) components.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        The labels, in the order of the columns of y.
    label_factorizer_ : estimator
        Fitted on all rows of y.
    empty_output_ : ndarray of float32, shape (n_components,)
        Output of a missing row: the mean factor of all rows.
    threshold_ : float
        Similarity at or above which a label is predicted; set by `tune`.
    """

    name = "cosine"
    n_terms = 1

    def __init__(self, labels, label_factorizer=None):
        self.classes_ = labels
        if label_factorizer is None:
            label_factorizer = PPMILabelFactorizer(n_components="auto")
        self.label_factorizer_ = clone(label_factorizer)

    def fit(self, y, sample_weight=None):
        """Factorise the labels of all rows."""
        self.label_factorizer_.fit(self._named(y), None)  # fit of FrozenEstimator requires y
        truth = self.encode(y)
        self.n_outputs = truth.shape[1]
        self.empty_output_ = self.prior_output(truth, sample_weight)
        return self

    def _named(self, y):
        return pd.DataFrame(y, columns=self.classes_)

    @staticmethod
    def prior_output(truth, weight=None):
        """Return the mean direction of some rows."""
        if weight is not None and np.sum(weight) <= 0:
            raise ValueError("sample_weight is zero for all rows.")
        return np.average(truth, axis=0, weights=weight).astype(np.float32)

    def encode(self, y):
        """Return y as the loss takes it: factors of length 1; 0 for a row without a label."""
        factors = np.asarray(self.label_factorizer_.transform(self._named(y)))
        norm = np.linalg.norm(factors, axis=1, keepdims=True)
        return (factors / np.where(norm > 0, norm, 1)).astype(np.float32)

    def row_weight(self, y, class_weight):
        """Return the weight of each row: 1, or 0 for a row without a label: it has no direction."""
        return super().row_weight(y, class_weight) * self.encode(y).any(axis=1)

    @staticmethod
    def loss(output, truth):
        """Return 1 - cosine similarity of each row."""
        from torch.nn.functional import cosine_similarity

        return 1 - cosine_similarity(output, truth, dim=1)

    @staticmethod
    def convex_loss(output, truth):
        """Return half the squared distance of each row, which is `loss` for outputs of length 1.

        A linear model is not fitted with `loss`, which ignores the length of outputs: arbitrarily
        small weights could then memorize all rows, whatever the penalty.
        """
        return (output - truth).square().sum(dim=1) / 2

    def tune(self, y, output):
        """Set `threshold_` to the similarity that maximizes micro F1 on some rows."""
        # For micro F1, all pairs of a row and a label are ranked together.
        scores = self.scores(output).ravel()
        self.threshold_ = best_f1_threshold(y.ravel(), scores, inclusive=True, lowest=-1)

    def scores(self, output):
        """Return the cosine with each label's factors, in [-1, 1], shape (n_rows, n_labels)."""
        return self.label_factorizer_.score_labels(output).astype(np.float32)

    @staticmethod
    def score_of(similarity):
        """Return a similarity as it is: scores are similarities."""
        return similarity

    def predict_of_paper(self, output):
        """Return an indicator of the labels whose similarity is at least `threshold_`."""
        return (self.scores(output) >= self.threshold_).astype(np.int64)


def make_target(
    name: Target, names: np.ndarray | None, label_factorizer: LabelFactorizer | None = None
) -> "SoftmaxTarget | LogisticTarget | CosineTarget":
    """Return an unfitted target by its name.

    Parameters
    ----------
    name : {"auto", "softmax", "logistic", "cosine"}
        Name of the target. "auto" is softmax if y is one column of labels, and logistic if it is
        an indicator matrix.
    names : ndarray or None
        The labels if y is an indicator matrix.
    label_factorizer : estimator or None
        For target "cosine"; see `CosineTarget`.

    Returns
    -------
    target : SoftmaxTarget, LogisticTarget or CosineTarget
        Not fitted.
    """
    if name == "auto":
        name = "softmax" if names is None else "logistic"
    if name == "softmax":
        if names is not None:
            raise ValueError(
                "target='softmax' requires single-label y, but y is an indicator matrix. "
                "Use target='logistic', 'cosine' or 'auto'."
            )
        return SoftmaxTarget()
    if names is None:
        raise ValueError(
            f"target={name!r} requires an indicator matrix of two or more labels, but y is one "
            "column. Use target='softmax' or 'auto', or pass pandas.get_dummies(y)."
        )
    if name == "cosine":
        return CosineTarget(names, label_factorizer)
    return LogisticTarget(names)
