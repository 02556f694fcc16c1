"""Scores that favour common labels less."""

import numpy as np

from ._score_matrix import score_matrix


def remove_log_prior(log_odds, prior, share=0.5):
    """Take a share of each label's log prior off its scores.

    A logistic scorer ranks common labels first because its log-odds hold the labels' log
    prior. Taking a constant off a label's column leaves the order of items within the label,
    and so its AUC and average precision, as they are, but lets rare labels into the top of
    more items: aggregated diversity rises, whatever the model knows. So a model that claims
    diversity is to be held against this.

    Parameters
    ----------
    log_odds : array-like of shape (n, n_labels)
        Logits: `decision_function` of a model with target "logistic".
    prior : array-like of shape (n_labels,)
        Share of the training items that have each label, in [0, 1]. A label nobody has counts
        as the rarest that somebody has.
    share : float, default=0.5
        How much of the log prior is taken off; 0 leaves the scores as they are.

    Returns
    -------
    scores : ndarray of float64, shape (n, n_labels)

    Raises
    ------
    ValueError
        If `prior` has another length, is not in [0, 1], or is 0 throughout.

    Examples
    --------
    >>> from skmmgenre.metrics import remove_log_prior
    >>> remove_log_prior([[0.5, -1.0]], prior=[0.6, 0.04]).round(2)
    array([[0.76, 0.61]])
    """
    scores = score_matrix(log_odds, "log_odds")
    prior = np.asarray(prior, dtype=float)
    if prior.shape != (scores.shape[1],):
        raise ValueError(f"prior has shape {prior.shape}, there are {scores.shape[1]} labels.")
    if not ((prior >= 0) & (prior <= 1)).all():
        raise ValueError(
            "prior must hold shares in [0, 1]: pass the mean of the training labels, "
            "Y_train.mean(axis=0)."
        )
    if not prior.any():
        raise ValueError("prior is 0 for all labels.")
    return scores - share * np.log(np.maximum(prior, prior[prior > 0].min()))
