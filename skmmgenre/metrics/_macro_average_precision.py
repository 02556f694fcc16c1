"""Average precision, the mean over genres."""

from ._macro_auc import mean_of_judged
from ._ranking_figures import average_precision_by_label
from ._score_matrix import row_weights, truth_and_scores


def macro_average_precision_score(Y_true, Y_score, *, sample_weight=None, return_skipped=False):
    """Mean average precision over the labels that have a positive and a negative.

    The average precision of a label is the area under its precision-recall curve, as steps
    (scikit-learn's `average_precision_score`). That of random scores is the label's share, so
    unlike the AUC it says how pure the top of a rare label's ranking is. The same labels are
    left out as by `macro_auc_score`.

    Parameters
    ----------
    Y_true : array-like of shape (n, n_labels)
        Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
    Y_score : array-like of shape (n, n_labels)
        Any scores, the larger the likelier. Rows of equal score are answered together.
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

    Examples
    --------
    >>> from skmmgenre.metrics import macro_average_precision_score
    >>> Y_true = [[1, 0], [0, 1], [1, 1], [0, 0]]
    >>> Y_score = [[0.9, 0.2], [0.3, 0.4], [0.2, 0.8], [0.1, 0.5]]
    >>> round(macro_average_precision_score(Y_true, Y_score), 3)
    0.833
    """
    truth, scores = truth_and_scores(Y_true, Y_score)
    weight = row_weights(sample_weight, len(truth))
    values = average_precision_by_label(truth, scores, weight)[0]
    score, n_skipped = mean_of_judged(values, "average precision")
    return (score, n_skipped) if return_skipped else score
