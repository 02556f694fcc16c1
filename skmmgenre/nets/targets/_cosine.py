"""Several genres a row as a direction in the space of label factors (section 5)."""

import numpy as np
import pandas as pd
from sklearn.base import clone

from ...labels import PPMILabelFactorizer
from ...model_selection import best_f1_threshold
from ._indicator_target import IndicatorTarget


class CosineTarget(IndicatorTarget):
    """Several genres a row: cosine regression of the l2-normalised factors (section 5).

    Parameters
    ----------
    labels : ndarray of shape (n_labels,)
    label_factorizer : estimator or None
        With `fit`, `transform` and `score_labels`; None stands for `PPMILabelFactorizer`
        with min(50, rank) components.

    Attributes
    ----------
    classes_ : ndarray of shape (n_labels,)
        The labels, in the order of the columns of y.
    label_factorizer_ : estimator
        Fitted on all rows of y.
    empty_output_ : ndarray of float32, shape (n_components,)
        Output of a row with nothing in it: the mean factor of all rows.
    threshold_ : float
        Similarity from which on a label is told; set by `tune`.
    """

    name = "cosine"

    def __init__(self, labels, label_factorizer=None):
        self.classes_ = labels
        if label_factorizer is None:
            label_factorizer = PPMILabelFactorizer(n_components="auto")
        self.label_factorizer_ = clone(label_factorizer)

    def fit(self, y, sample_weight=None):
        """Factorise the labels of all rows."""
        self.label_factorizer_.fit(self._named(y), None)  # FrozenEstimator insists on y
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
        """Return what the loss compares with: factors of length 1; 0 for a row without a label."""
        factors = np.asarray(self.label_factorizer_.transform(self._named(y)))
        norm = np.linalg.norm(factors, axis=1, keepdims=True)
        return (factors / np.where(norm > 0, norm, 1)).astype(np.float32)

    def row_weight(self, y, class_weight):
        """Return the weight of each row: 1, or 0 without a label, which is no direction."""
        return super().row_weight(y, class_weight) * self.encode(y).any(axis=1)

    @staticmethod
    def loss(output, truth):
        """1 - cosine similarity of each row."""
        from torch.nn.functional import cosine_similarity

        return 1 - cosine_similarity(output, truth, dim=1)

    def tune(self, y, output):
        """Set `threshold_` to the similarity at which micro F1 of some rows is largest."""
        scores = self.scores(output).ravel()
        self.threshold_ = best_f1_threshold(y.ravel(), scores, inclusive=True, lowest=-1)

    def scores(self, output):
        """Cosine similarity with each label's factors, in [-1, 1], shape (n_rows, n_labels)."""
        return self.label_factorizer_.score_labels(output).astype(np.float32)

    def predict(self, output):
        """Indicator of the labels whose similarity is at least `threshold_`."""
        return (self.scores(output) >= self.threshold_).astype(np.int64)
