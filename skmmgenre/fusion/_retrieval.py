"""How well the two views of items find each other."""

import warnings

import numpy as np
from scipy.stats import binom

# Items that are searched at once; more would only take longer.
LARGEST_GALLERY = 2000
NEAREST = 10


def search(first, second, codes):
    """Look for the second view of each item by its first one, and the other way round.

    Parameters
    ----------
    first, second : ndarray of float32, shape (n_items, n_components)
    codes : ndarray of int, shape (n_items, 2)
        The same for equal vectors of a view, which are not told apart.

    Returns
    -------
    ranks, n_candidates : ndarray of shape (2 * n_items,)
        The rank of the right answer among how many vectors. A vector that is as close as the
        right one counts as half.
    """
    first, second = (
        part / np.maximum(np.linalg.norm(part, axis=1, keepdims=True), 1e-12)
        for part in (first, second)
    )
    similarity = first @ second.T
    own = similarity.diagonal()[:, np.newaxis]
    ranks, n_candidates = [], []
    for asked, found in ((similarity, codes[:, 1]), (similarity.T, codes[:, 0])):
        others = found[:, np.newaxis] != found
        above, alike = (others & (asked > own)).sum(axis=1), (others & (asked == own)).sum(axis=1)
        ranks.append(1 + above + alike / 2)
        n_candidates.append(1 + others.sum(axis=1))
    return np.concatenate(ranks), np.concatenate(n_candidates)


def summarise(found):
    """Return the metrics of `retrieval_` from ranks and numbers of candidates, pair by pair."""
    ranks, n_candidates = map(np.concatenate, zip(*found, strict=True))
    return {
        "recall_at_1": float((ranks <= 1).mean()),
        "recall_at_10": float((ranks <= NEAREST).mean()),
        "median_rank": float(np.median(ranks)),
        "chance_recall_at_1": float((1 / n_candidates).mean()),
        "chance_recall_at_10": float(np.minimum(1, NEAREST / n_candidates).mean()),
        "chance_median_rank": float(np.median((n_candidates + 1) / 2)),
        "n_candidates": float(n_candidates.mean()),
        "n_pairs": len(ranks) // 2,
    }


def warn_of_chance(name, retrieval):
    nearest = NEAREST if retrieval["chance_recall_at_10"] < 1 else 1  # of ten all are found
    recall, chance = (retrieval[f"{of}recall_at_{nearest}"] for of in ("", "chance_"))
    # Both views of an item are looked for, but these are not independent: items are counted.
    highest = binom.ppf(0.975, retrieval["n_pairs"], chance) / retrieval["n_pairs"]
    if recall > highest or chance == 1:
        return
    warnings.warn(
        f"{name}: of {retrieval['n_pairs']} unseen pairs, {recall:.1%} have their other view "
        f"among the {nearest} nearest, by chance {chance:.1%} (up to {highest:.1%} would not be "
        "strange): the space may know nothing of what belongs together. Give more rows that have "
        "both views, check that the views of a row belong together, or leave this step out.",
        UserWarning,
        stacklevel=4,
    )
