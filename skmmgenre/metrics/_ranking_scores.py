"""All figures of scored labels in one table (Table 6 of the paper)."""

import numpy as np
import pandas as pd

from ._diversity import diversity_ceiling
from ._log_prior import remove_log_prior
from ._ranking_figures import FIGURES_AT_K, MACRO_FIGURES
from ._score_matrix import row_weights, truth_and_scores
from ._top_k import top_k_labels


def ranking_scores(
    Y_true, Y_score, ks=(1, 3, 5), *, prior=None, log_odds=(), references=True, random_state=0
):
    """Compare models of several genres at once by figures of their scores.

    Parameters
    ----------
    Y_true : array-like of shape (n, n_labels)
        Indicator matrix (ndarray, DataFrame or sparse) of 0 and 1.
    Y_score : array-like of shape (n, n_labels), or dict of str to such
        Scores of one model (called "scores" in the table), or of several by name. Of equal
        scores the label of higher index is better.
    ks : sequence of int
        How many labels of each item are looked at.
    prior : array-like of shape (n_labels,), optional
        Share of the training items that have each label.
    log_odds : sequence of str, or True
        The models whose scores are log-odds (True: all). Each gets a second row in which half
        of its log prior is removed (`remove_log_prior`); needs `prior`.
    references : bool, default=True
        Whether to add the rows "random scores" (normal, drawn once) and "ceiling" (the largest
        value that any scores could reach; of the correct diversity a bound).
    random_state : int, Generator or None, default=0
        Seed of the random scores.

    Returns
    -------
    figures : DataFrame
        A row a model; columns macro_auc, macro_average_precision, and for each k precision@k,
        ndcg@k, diversity@k (ADiv@k) and correct_diversity@k, all in [0, 1]. The macro figures
        are means over the labels that have a positive and a negative (NaN if none has); how
        many labels have not is ``figures.attrs["n_skipped"]``.

    Raises
    ------
    ValueError
        If a k is out of range, shapes or names differ, `Y_true` holds other values than 0 and
        1, a score is NaN, or `log_odds` names no model or lacks `prior`.

    Notes
    -----
    Aggregated diversity alone proves little: random scores have all of it, and removing half
    of the log prior raises it at the same AUC. It is a gain at equal precision@k.

    Examples
    --------
    >>> import numpy as np
    >>> from skmmgenre.metrics import ranking_scores
    >>> rng = np.random.default_rng(0)
    >>> prior = np.geomspace(0.6, 0.01, 8)
    >>> Y_true = rng.random((300, 8)) < prior
    >>> logits = rng.normal(size=(300, 8)) + Y_true + np.log(prior)
    >>> figures = ranking_scores(Y_true, {"net": logits}, ks=(1,), prior=prior, log_odds=["net"])
    >>> figures[["macro_auc", "precision@1", "diversity@1"]].round(2)
                                    macro_auc  precision@1  diversity@1
    net                                  0.74         0.63         0.75
    net, half of log prior removed       0.74         0.55         1.00
    random scores                        0.49         0.15         1.00
    ceiling                              1.00         0.83         1.00
    """
    models = dict(Y_score) if isinstance(Y_score, dict) else {"scores": Y_score}
    if not models:
        raise ValueError("Y_score is empty: pass the scores of at least one model.")
    truth = None
    rows = {}
    with_log_odds = _names_of_log_odds(log_odds, models, prior)
    for name, model in models.items():
        label = "Y_score" if model is Y_score else f"Y_score[{name!r}]"
        truth, scores = truth_and_scores(Y_true, model, ("Y_true", label))
        rows[name] = _figures(truth, scores, ks)
        if name in with_log_odds:
            corrected = remove_log_prior(scores, prior)
            rows[f"{name}, half of log prior removed"] = _figures(truth, corrected, ks)
    if references:
        drawn = np.random.default_rng(random_state).normal(size=truth.shape)
        rows["random scores"] = _figures(truth, drawn, ks)
        rows["ceiling"] = _ceilings(truth, ks)
    figures = pd.DataFrame.from_dict(rows, orient="index")
    figures.attrs["n_skipped"] = int((truth.all(axis=0) | ~truth.any(axis=0)).sum())
    return figures


def _names_of_log_odds(log_odds, models, prior):
    names = list(models) if log_odds is True else list(log_odds)
    unknown = [name for name in names if name not in models]
    if unknown:
        raise ValueError(f"log_odds names {unknown[0]!r}; the models are {list(models)}.")
    if names and prior is None:
        raise ValueError(
            "log_odds needs prior, the share of the training items that have each label: "
            "prior=Y_train.mean(axis=0)."
        )
    return names


def _figures(truth, scores, ks):
    weight = row_weights(None, len(truth))
    figures = {name: figure(truth, scores, weight)[0] for name, figure in MACRO_FIGURES.items()}
    best = {k: top_k_labels(scores, k) for k in ks}
    for name, figure in FIGURES_AT_K.items():
        figures |= {f"{name}@{k}": figure(truth, best[k], weight)[0] for k in ks}
    return figures


def _ceilings(truth, ks):
    """The truth as its own scores reaches all but the diversities, which want spread."""
    figures = _figures(truth, truth.astype(float), ks)
    for k in ks:
        ceiling = diversity_ceiling(truth.shape, k)
        figures[f"diversity@{k}"] = ceiling
        figures[f"correct_diversity@{k}"] = min(ceiling, truth.any(axis=0).mean())
    return figures
