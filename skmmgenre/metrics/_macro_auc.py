"""Area under the ROC curve, the mean over genres (Tables 4 to 6 of the paper)."""

import warnings

import numpy as np
from sklearn.exceptions import UndefinedMetricWarning

from ._ranking_figures import auc_by_label
from ._score_matrix import row_weights, truth_and_scores


def macro_auc_score(Y_true, Y_score, *, sample_weight=None, return_skipped=False):
    """Mean area under the ROC curve over the labels that have one.

    A label without a positive, or without a negative, in the test set has no ROC curve: it is
    left out of the mean, where scikit-learn's macro average is NaN.

    Parameters
    ----------
    Y_true : array-like of shape (n, n_labels)
        Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
    Y_score : array-like of shape (n, n_labels)
        Any scores, the larger the likelier: probabilities, logits or cosine similarities,
        which are used as they are. Rows of equal score count half.
    sample_weight : array-like of shape (n,), optional
    return_skipped : bool, default=False
        Also answer how many labels were left out.

    Returns
    -------
    score : float
        In [0, 1]; NaN, with a warning, if no label can be judged.
    n_skipped : int
        Only if `return_skipped`.

    Raises
    ------
    ValueError
        If shapes or names differ, `Y_true` holds other values than 0 and 1, or a score is NaN.

    See Also
    --------
    macro_average_precision_score : Looks at the top of each label's ranking.
    genre_scores : The figure of each label.

    Examples
    --------
    >>> from skmmgenre.metrics import macro_auc_score
    >>> Y_true = [[1, 0, 0], [0, 1, 0], [1, 1, 0]]
    >>> Y_score = [[0.9, 0.2, 0.1], [0.3, 0.4, 0.1], [0.2, 0.8, 0.3]]
    >>> macro_auc_score(Y_true, Y_score, return_skipped=True)
    (0.75, 1)
    """
    truth, scores = truth_and_scores(Y_true, Y_score)
    values = auc_by_label(truth, scores, row_weights(sample_weight, len(truth)))[0]
    score, n_skipped = mean_of_judged(values, "AUC")
    return (score, n_skipped) if return_skipped else score


def mean_of_judged(values, name):
    """Return the mean over the labels that have a value, and how many have none."""
    judged = ~np.isnan(values)
    if judged.any():
        return float(values[judged].mean()), int((~judged).sum())
    warnings.warn(
        f"No label has both a positive and a negative row, so the macro {name} is undefined.",
        UndefinedMetricWarning,
        stacklevel=3,
    )
    return float("nan"), len(values)
