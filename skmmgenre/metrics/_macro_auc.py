"""Area under the ROC curve, the mean over genres (Tables 4 to 6 of the paper)."""

import warnings

import numpy as np
from scipy import sparse
from scipy.stats import rankdata
from sklearn.exceptions import UndefinedMetricWarning

from ._score_matrix import score_matrix


def macro_auc_score(Y_true, Y_score, *, return_skipped=False):
    """Mean area under the ROC curve over the labels that have one.

    A label without a positive, or without a negative, in the test set has no ROC curve: it is
    left out of the mean, where scikit-learn's macro average is NaN.

    Parameters
    ----------
    Y_true : array-like of shape (n, n_labels)
        Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
    Y_score : array-like of shape (n, n_labels)
        Any scores, the larger the likelier: probabilities, logits or cosine similarities,
        which are used as they are.
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
        If shapes differ, `Y_true` holds other values than 0 and 1, or a score is NaN.

    Examples
    --------
    >>> from skmmgenre.metrics import macro_auc_score
    >>> Y_true = [[1, 0, 0], [0, 1, 0], [1, 1, 0]]
    >>> Y_score = [[0.9, 0.2, 0.1], [0.3, 0.4, 0.1], [0.2, 0.8, 0.3]]
    >>> macro_auc_score(Y_true, Y_score, return_skipped=True)
    (0.75, 1)
    """
    scores = score_matrix(Y_score, "Y_score")
    truth = Y_true.toarray() if sparse.issparse(Y_true) else np.asarray(Y_true)
    if truth.ndim == 1:
        truth = truth[:, None]
    if truth.shape != scores.shape:
        raise ValueError(
            f"Y_true has shape {truth.shape}, Y_score has {scores.shape}. Pass the same rows "
            "and labels to both; one column of labels must be made an indicator matrix."
        )
    if not np.isin(truth, (0, 1)).all():
        raise ValueError("Y_true must be an indicator matrix of 0 and 1.")
    truth = truth.astype(bool)
    n_positive = truth.sum(axis=0)
    n_negative = len(truth) - n_positive
    judged = (n_positive > 0) & (n_negative > 0)
    n_skipped = int((~judged).sum())
    if judged.any():
        ranks = rankdata(scores[:, judged], axis=0)  # ties share their mean rank
        n_positive, n_negative = n_positive[judged], n_negative[judged]
        above = (ranks * truth[:, judged]).sum(axis=0) - n_positive * (n_positive + 1) / 2
        score = float((above / (n_positive * n_negative)).mean())
    else:
        warnings.warn(
            "No label has both a positive and a negative row, so the macro AUC is undefined.",
            UndefinedMetricWarning,
            stacklevel=2,
        )
        score = float("nan")
    return (score, n_skipped) if return_skipped else score
