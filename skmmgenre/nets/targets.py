"""What a network learns: one genre (softmax) or several at once (logistic).

A target turns y into what the loss compares with, and the outputs of a network into
scores, probabilities and labels. Its state is numpy arrays and plain Python.
"""

import warnings

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.special import expit, log_softmax, logit, softmax
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_sample_weight
from sklearn.utils.multiclass import check_classification_targets

from ..metrics import macro_auc_score

__all__ = ["LogisticTarget", "SoftmaxTarget", "make_target", "read_labels"]


def read_labels(y):
    """Read y as a column of labels, or as an indicator matrix with names.

    Parameters
    ----------
    y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
        An indicator may be an ndarray, a DataFrame (its column names are the labels) or a
        sparse matrix.

    Returns
    -------
    y : ndarray of shape (n_rows,) or int8 ndarray of shape (n_rows, n_labels)
    names : ndarray or None
        The labels of an indicator.

    Raises
    ------
    ValueError
        If y holds NaN, labels that cannot be sorted, or indicators other than 0 and 1.
    """
    if y is None:
        raise ValueError(
            "This estimator requires y to be passed, but the target y is None: "
            "pass one genre a row, or an indicator matrix."
        )
    if sparse.issparse(y):
        return _read_indicator(y.toarray(), np.arange(y.shape[1]))
    if isinstance(y, pd.DataFrame) and y.shape[1] > 1:
        if y.columns.has_duplicates:
            names = list(y.columns[y.columns.duplicated()].unique())
            raise ValueError(f"y has duplicate columns: {names}. Name every label once.")
        names = _plain(y.columns)
        return _read_indicator(y.to_numpy(), names)
    labels = _plain(y)
    if labels.ndim == 2 and labels.shape[1] > 1:
        return _read_indicator(labels, np.arange(labels.shape[1]))
    if labels.ndim == 2 and labels.shape[1] == 1:
        warnings.warn(
            "A column-vector y was passed when a 1d array was expected. Please change "
            "the shape of y to (n_samples,), for example using ravel().",
            DataConversionWarning,
            stacklevel=4,
        )
        labels = labels[:, 0]
    if labels.ndim != 1:
        raise ValueError(f"y must be 1-D or an indicator matrix, got shape {labels.shape}.")
    _refuse_missing(labels)
    check_classification_targets(labels)
    return labels, None


def _plain(y):
    """A numpy array of numbers or of strings; one with missing labels stays one of objects."""
    # numpy would turn the NaN of ["Jazz", nan] into the label "nan", so objects first.
    labels = np.array(y, dtype=object) if isinstance(y, (list, tuple)) else np.asarray(y)
    if labels.dtype.kind not in "OT":
        return labels
    labels = labels.astype(object)
    if not labels.size:
        return labels.astype(float)
    if any(isinstance(label, (list, tuple, set, np.ndarray)) for label in labels.flat):
        raise ValueError(
            "y holds a list of genres in a row. Several genres are passed as an indicator "
            "matrix: use sklearn.preprocessing.MultiLabelBinarizer."
        )
    if pd.isna(labels).any():
        return labels
    is_string = [isinstance(label, str) for label in labels.flat]
    if all(is_string):
        return labels.astype(str)
    if any(is_string):
        kinds = sorted({type(label).__name__ for label in labels.flat})
        raise ValueError(f"y mixes types that cannot be sorted: {kinds}. Make all genres strings.")
    return np.array(labels.tolist())


def _refuse_missing(labels):
    if labels.dtype.kind == "f" and np.isinf(labels).any():
        raise ValueError("Input y contains infinity or a value too large for dtype('float64').")
    bad = pd.isna(labels)
    if bad.any():
        row = int(np.flatnonzero(bad)[0])
        raise ValueError(
            f"Input y contains NaN: the first is in row {row}, {int(bad.sum())} in all. "
            "Drop the rows without a genre before fit."
        )


def _read_indicator(Y, names):
    values = np.asarray(Y)
    if values.dtype.kind == "O":  # pandas' nullable types, or None among numbers
        try:
            values = np.where(pd.isna(values), np.nan, values).astype(float)
        except (TypeError, ValueError):
            pass  # told below
    if values.dtype.kind not in "biuf":
        raise ValueError(
            f"An indicator matrix y must hold 0 and 1, got dtype {values.dtype}. "
            "Use sklearn.preprocessing.MultiLabelBinarizer for lists of genres."
        )
    bad = ~np.isin(values, (0, 1))
    if bad.any():
        row, column = np.argwhere(bad)[0]
        if np.isnan(values.astype(float)).any():
            row, column = np.argwhere(np.isnan(values.astype(float)))[0]
            raise ValueError(
                f"Input y contains NaN: the first is in row {row}, label "
                f"{names.tolist()[column]!r}."
            )
        raise ValueError(
            f"An indicator matrix y must hold 0 and 1, got {values[row, column].item()!r} in row "
            f"{row}, label {names.tolist()[column]!r}."
        )
    return values.astype(np.int8), names


class SoftmaxTarget:
    """One genre a row: softmax and categorical cross-entropy (section 4).

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
    empty_output_ : ndarray of float32, shape (n_classes,)
        Output of a row with nothing in it: the log prior.
    """

    name = "softmax"

    def fit(self, y, sample_weight=None):
        """Learn the classes and their prior from all rows."""
        self.classes_, codes = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise ValueError(
                f"y has one class only ({self.classes_.tolist()[0]!r}); at least 2 classes are "
                "needed to tell genres apart."
            )
        self.empty_output_ = self.prior_output(codes, sample_weight)
        return self

    @property
    def n_outputs(self):
        """Number of outputs of the network."""
        return len(self.classes_)

    def prior_output(self, truth, weight=None):
        """Return the outputs that say the share of each class in some rows: its logarithm."""
        share = np.bincount(truth, weights=weight, minlength=self.n_outputs)
        if share.sum() <= 0:
            raise ValueError("sample_weight is zero for all rows.")
        share = np.maximum(share / share.sum(), 1e-6)  # a class without a row stays finite
        return np.log(share / share.sum()).astype(np.float32)

    def encode(self, y):
        """Return what the loss compares with: codes of shape (n_rows,)."""
        return np.searchsorted(self.classes_, y).astype(np.int64)

    @staticmethod
    def row_weight(y, class_weight):
        """Return the weight that `class_weight` gives each row."""
        return compute_sample_weight(class_weight, y)

    @staticmethod
    def loss(output, truth):
        """Cross-entropy of each row."""
        from torch.nn.functional import cross_entropy

        return cross_entropy(output, truth, reduction="none")

    def scores(self, output):
        """Log-probabilities up to a constant; of two classes, the difference."""
        return output[:, 1] - output[:, 0] if self.n_outputs == 2 else output

    def proba(self, output):
        """Probabilities, shape (n_rows, n_classes); rows add up to 1."""
        return softmax(output.astype(np.float64), axis=1)

    def log_proba(self, output):
        """Logarithm of `proba`, without its underflow."""
        return log_softmax(output.astype(np.float64), axis=1)

    def predict(self, output):
        """The likeliest class of each row."""
        return self.classes_[output.argmax(axis=1)]

    def score(self, y, output, sample_weight=None):
        """Accuracy."""
        return accuracy_score(y, self.predict(output), sample_weight=sample_weight)


class LogisticTarget:
    """Several genres a row: one sigmoid a label and binary cross-entropy (section 5).

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        The labels, in the order of the columns of y.
    empty_output_ : ndarray of float32, shape (n_labels,)
        Output of a row with nothing in it: the logit of each label's share.
    """

    name = "logistic"

    def __init__(self, labels):
        self.classes_ = labels

    def fit(self, y, sample_weight=None):
        """Learn the share of every label from all rows."""
        self.empty_output_ = self.prior_output(y, sample_weight)
        return self

    @property
    def n_outputs(self):
        """Number of outputs of the network."""
        return len(self.classes_)

    @staticmethod
    def prior_output(truth, weight=None):
        """Return the outputs that say the share of each label in some rows: its logit."""
        if weight is not None and np.sum(weight) <= 0:
            raise ValueError("sample_weight is zero for all rows.")
        share = np.average(truth, axis=0, weights=weight)
        margin = 0.5 / len(truth)  # a label nobody has, or all have, keeps a finite logit
        return logit(np.clip(share, margin, 1 - margin)).astype(np.float32)

    def encode(self, y):
        """Return what the loss compares with: 0 and 1 of shape (n_rows, n_labels)."""
        return y.astype(np.float32)

    @staticmethod
    def row_weight(y, class_weight):
        """Return the weight of each row: 1. Weights of classes are for one genre a row."""
        if class_weight is not None:
            raise ValueError(
                f"class_weight={class_weight!r} is for one genre a row; for several pass "
                "sample_weight."
            )
        return np.ones(len(y))

    @staticmethod
    def loss(output, truth):
        """Mean binary cross-entropy of each row."""
        from torch.nn.functional import binary_cross_entropy_with_logits

        return binary_cross_entropy_with_logits(output, truth, reduction="none").mean(dim=1)

    def scores(self, output):
        """Logits, shape (n_rows, n_labels)."""
        return output

    def proba(self, output):
        """Probability of each label, shape (n_rows, n_labels)."""
        return expit(output.astype(np.float64))

    def log_proba(self, output):
        """Logarithm of `proba`."""
        return -np.logaddexp(0, -output.astype(np.float64))

    def predict(self, output):
        """Indicator of the labels whose probability is above 0.5."""
        return (output > 0).astype(np.int64)

    def score(self, y, output, sample_weight=None):
        """Macro AUC over the labels with a positive and a negative."""
        if sample_weight is not None:
            raise ValueError("score of several genres takes no sample_weight.")
        return macro_auc_score(y, output)


def make_target(name, names):
    """Return the target that a name stands for.

    Parameters
    ----------
    name : {"auto", "softmax", "logistic"}
    names : ndarray or None
        The labels if y is an indicator matrix.
    """
    if name == "auto":
        name = "softmax" if names is None else "logistic"
    if name == "softmax":
        if names is not None:
            raise ValueError(
                "target='softmax' takes one genre a row, y is an indicator matrix. "
                "Use target='logistic' or 'auto'."
            )
        return SoftmaxTarget()
    if names is None:
        raise ValueError(
            "target='logistic' takes an indicator matrix, y is one column of labels. "
            "Use target='softmax' or 'auto', or pass pandas.get_dummies(y)."
        )
    return LogisticTarget(names)
