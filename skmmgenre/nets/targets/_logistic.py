"""Several genres a row, one sigmoid each."""

import numpy as np
from scipy.special import expit, logit

from ._indicator_target import IndicatorTarget


class LogisticTarget(IndicatorTarget):
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
