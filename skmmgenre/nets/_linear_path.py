"""The linear model beside a network, how much of either is heard, and the vectors of both.

A network of ``preset="auto"`` answers with the mean of two models: the network itself and a linear
one of a summary of its input (all word weights; means and deviations of the bins; colours), whose
best weights are found by `LayerSolver`. The share of the network is the one that answers best for
unseen artists. So it is no worse than a linear model where rows are few, and a network where they
are many.
"""

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

# Strengths that are tried, for rows of length 1 or so, and what strength and what share of the
# network are taken without unseen rows.
STRENGTHS = np.geomspace(1e-2, 1e5, 15)
STRENGTH = 10.0
SHARE = 0.5
_SHARES = np.linspace(0, 1, 11)


def mean_and_scale(summary, rows):
    """Return what brings the columns of some rows to mean 0 and the rows to length 1 or so.

    A column is divided by the root of its deviation (Pareto scaling): columns of one unit that
    differ more from row to row count for more, which they would not as standard scores, yet none
    hides the others.
    """
    mean, deviation = summary[rows].mean(axis=0), summary[rows].std(axis=0)
    tells = deviation >= 1e-6 * max(1e-30, np.abs(mean).max())
    scale = np.sqrt(deviation * deviation[tells].sum())
    return mean, np.where(tells, scale, np.inf)  # a constant one tells nothing


def scaled(summary, mean, scale):
    """Return a summary as the linear model takes it, float32."""
    if mean is None:
        return summary
    return ((summary - mean) / scale).astype(np.float32)


def mixed(target, linear, deep, share):
    """Return the outputs of both models together, `share` of them the network's."""
    if target.name == "cosine":  # directions, whatever their length
        linear, deep = _directions(linear), _directions(deep)
    return ((1 - share) * linear + share * deep).astype(np.float32)


def _directions(outputs):
    norm = np.linalg.norm(outputs, axis=1, keepdims=True)
    return outputs / np.where(norm > 0, norm, 1)


def choose_share(target, truth, weight, linear, deep):
    """Return the share of the network whose answers for unseen rows have the smallest loss.

    Parameters
    ----------
    target : target
    truth, weight : ndarray of shape (n_rows, ...), (n_rows,)
    linear, deep : ndarray of shape (n_rows, n_outputs)
        Outputs of both models.

    Returns
    -------
    share : float
    """
    import torch

    truth = torch.from_numpy(truth)
    losses = []
    for share in _SHARES:
        output = torch.from_numpy(mixed(target, linear, deep, share))
        losses.append(np.average(target.loss(output, truth).numpy(), weights=weight))
    return float(_SHARES[int(np.argmin(losses))])


def learn_vectors(summary, hidden, share):
    """Learn how a summary and hidden units become the vector of a row.

    In a vector stand as many hidden units as there is room for, the summary (its main
    directions, if it is wider than half of the vector; nothing of it, if the share of its model is
    0), and a last number that makes all
    vectors equally long, so that a fusion layer, which divides by the length, loses nothing.
    Hidden units and summary are on average as long as the shares of the two models.

    Parameters
    ----------
    summary : ndarray or csr_array of float32, shape (n_rows, n_summary)
        Of the rows that were learned from.
    hidden : ndarray of float32, shape (n_rows, n_hidden)
    share : float

    Returns
    -------
    recipe : dict of str to ndarray or None
        For `make_vectors`.
    """
    n_most = max(1, hidden.shape[1] // 2)
    axes = _main_axes(summary, n_most) if summary.shape[1] > n_most else None
    if share == 1:  # all room is for hidden units
        axes = np.empty((0, summary.shape[1]), dtype=np.float32)
    recipe = {"axes": axes, "factors": np.ones(2, dtype=np.float32), "radius": None}
    lengths = [_root_mean_square(part) for part in _parts(recipe, summary, hidden)]
    recipe["factors"] = np.array(
        [
            part / length if length > 0 else 0
            for part, length in zip((share, 1 - share), lengths, strict=True)
        ],
        dtype=np.float32,
    )
    squares = np.square(np.hstack(_parts(recipe, summary, hidden)), dtype=np.float64)
    # Not 0: a vector that says nothing (all hidden units are dead) is not one that is missing.
    return {**recipe, "radius": float(np.sqrt(squares.sum(axis=1).max())) or 1.0}


def make_vectors(recipe, summary, hidden):
    """Return the vectors of some rows, float32, of the width of `hidden`."""
    parts = np.hstack(_parts(recipe, summary, hidden)).astype(np.float32)
    if parts.shape[1] == hidden.shape[1]:  # of one unit: there is no room for another number
        return parts
    squares = np.square(parts, dtype=np.float64).sum(axis=1)
    rest = np.sqrt(np.maximum(recipe["radius"] ** 2 - squares, 0))
    return np.hstack([parts, rest[:, np.newaxis].astype(np.float32)])


def _parts(recipe, summary, hidden):
    """Hidden units and coordinates of the summary, as long as they are to be."""
    from ._forward import apply_layer

    axes = recipe["axes"]
    if axes is not None and not len(axes):
        summary = np.empty((summary.shape[0], 0), dtype=np.float32)
    elif axes is not None:
        summary = apply_layer(summary, axes, np.zeros(len(axes), dtype=np.float32))
    elif sparse.issparse(summary):
        summary = summary.toarray()
    of_hidden, of_summary = recipe["factors"]
    n_kept = max(0, hidden.shape[1] - summary.shape[1] - 1)
    return hidden[:, :n_kept] * of_hidden, summary * of_summary


def _main_axes(summary, n_axes):
    """The directions in which rows differ most, (n_axes or less, n_summary)."""
    n_axes = min(n_axes, *summary.shape)
    _, lengths, axes = randomized_svd(summary.astype(np.float64), n_axes, random_state=0)
    return np.ascontiguousarray(axes[lengths > 1e-5 * lengths[0]], dtype=np.float32)


def _root_mean_square(rows):
    return np.sqrt(np.square(rows, dtype=np.float64).sum(axis=1).mean()) if rows.size else 0.0
