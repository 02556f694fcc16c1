"""Retrieval of one view of an item by the other."""

import warnings

import numpy as np
from scipy.stats import binom

# Maximum number of items searched at once; more would only take longer.
LARGEST_GALLERY = 2000
NEAREST = 10


def search(first, second, codes):
    """Rank the second view of each item by its first one, and the other way round.

    Parameters
    ----------
    first, second : ndarray of float32, shape (n_items, n_components)
    codes : ndarray of int, shape (n_items, 2)
        Equal vectors of a view have the same code, and are not candidates for each other.

    Returns
    -------
    ranks, n_candidates : ndarray of shape (2 * n_items,)
        Rank of the correct vector, and the number of vectors it is ranked among. Another vector
        at the same distance adds one half to the rank.
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


def summarize(found):
    """Return the metrics of `retrieval_` from the ranks and candidate counts of each search."""
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
    # With ten candidates or fewer, the recall at 10 is always 1.
    nearest = NEAREST if retrieval["chance_recall_at_10"] < 1 else 1
    recall, chance = (retrieval[f"{of}recall_at_{nearest}"] for of in ("", "chance_"))
    # The two searches of an item are not independent, so the test counts items.
    highest = binom.ppf(0.975, retrieval["n_pairs"], chance) / retrieval["n_pairs"]
    if recall > highest or chance == 1:
        return
    warnings.warn(
        f"{name}: of {retrieval['n_pairs']} unseen pairs, {recall:.1%} have their other view "
        f"among the {nearest} nearest, which is not significantly above chance ({chance:.1%}; "
        f"significant above {highest:.1%}). The shared space may be uninformative. Add rows that "
        "have both views, check that the views of each row belong together, or remove this step.",
        UserWarning,
        stacklevel=4,
    )
