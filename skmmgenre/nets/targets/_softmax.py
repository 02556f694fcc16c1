"""One genre a row."""

import numpy as np
from scipy.special import log_softmax, softmax
from sklearn.metrics import accuracy_score
from sklearn.utils.class_weight import compute_sample_weight


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
