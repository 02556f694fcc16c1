"""What all targets of several genres a row have in common."""

import numpy as np

from ...metrics import macro_auc_score


class IndicatorTarget:
    """Base class of the targets of an indicator matrix."""

    @staticmethod
    def row_weight(y, class_weight):
        """Return the weight of each row: 1. Weights of classes are for one genre a row."""
        if class_weight is not None:
            raise ValueError(
                f"class_weight={class_weight!r} is for one genre a row; for several pass "
                "sample_weight."
            )
        return np.ones(len(y))

    def score(self, y, output, sample_weight=None):
        """Macro AUC over the labels with a positive and a negative."""
        if sample_weight is not None:
            raise ValueError("score of several genres takes no sample_weight.")
        return macro_auc_score(y, self.scores(output))
