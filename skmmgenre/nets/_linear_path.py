"""The linear model next to a network, the share of each in the output, and the vectors of both.

The output of a network with ``preset="auto"`` is the weighted mean of two models: the network
itself and a linear model of a summary of its input (all word weights; means and deviations of the
bins; colours), which is solved by `LayerSolver`. The share of the network is the one with the
smallest loss on unseen artists. So the result is no worse than a linear model on few rows, nor than
a network on many.
"""

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import randomized_svd

# Strengths C that are tried, for rows of a length of about 1; and the strength and the share of the
# network that are used if there are no unseen rows to choose them on.
STRENGTHS = np.geomspace(1e-2, 1e5, 15)
STRENGTH = 10.0
SHARE = 0.5
_SHARES = np.linspace(0, 1, 11)


def mean_and_scale(summary, rows):
    """Return a mean and scale that center the columns and give rows a length of about 1.

    A column is divided by the root of its deviation (Pareto scaling). So a column that varies more
    than others of the same unit has more weight, which standard scores would not give it, and yet
    does not dominate them.
    """
    mean, deviation = summary[rows].mean(axis=0), summary[rows].std(axis=0)
    # Columns that are constant but for rounding are excluded: dividing by a scale near 0 would
    # amplify the rounding errors.
    tells = deviation >= 1e-6 * max(1e-30, np.abs(mean).max())
    # Divided by the root of its deviation, a column has its former deviation as variance. Dividing
    # by the root of their sum as well gives rows a mean squared length of 1.
    scale = np.sqrt(deviation * deviation[tells].sum())
    return mean, np.where(tells, scale, np.inf)  # x / inf is 0


def scaled(summary, mean, scale):
    """Return a summary scaled for the linear model, as float32."""
    if mean is None:
        return summary
    return ((summary - mean) / scale).astype(np.float32)


def mixed(target, linear, deep, share):
    """Return the weighted mean of both models' outputs; `share` is the network's weight."""
    if target.name == "cosine":  # only directions matter: a longer output must not have more weight
        linear, deep = _directions(linear), _directions(deep)
    return ((1 - share) * linear + share * deep).astype(np.float32)


def _directions(outputs):
    norm = np.linalg.norm(outputs, axis=1, keepdims=True)
    return outputs / np.where(norm > 0, norm, 1)


def choose_share(target, truth, weight, linear, deep):
    """Return the share of the network that has the smallest loss on unseen rows.

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
    """Fit the transformation of summaries and hidden units to vectors.

    A vector has the width of `hidden`. It contains the summary (its principal directions if it is
    wider than half of the vector; nothing if the share of the linear model is 0), as many hidden
    units as fit next to it, and a last number that gives all vectors the same length, so that a
    fusion layer, which divides by the length, loses no information. The root mean square length of
    each part is the share of its model.

    Parameters
    ----------
    summary : ndarray or csr_array of float32, shape (n_rows, n_summary)
        Summaries of the training rows.
    hidden : ndarray of float32, shape (n_rows, n_hidden)
        Hidden units of the training rows.
    share : float
        Share of the network, in [0, 1].

    Returns
    -------
    recipe : dict of str to ndarray or None
        The fitted transformation, for `make_vectors`.
    """
    n_most = max(1, hidden.shape[1] // 2)
    axes = _main_axes(summary, n_most) if summary.shape[1] > n_most else None
    if share == 1:  # hidden units only
        axes = np.empty((0, summary.shape[1]), dtype=np.float32)
    # The factors are 1 at first, to measure the length of each part, by which they then divide.
    recipe = {"axes": axes, "factors": np.ones(2, dtype=np.float32), "radius": None}
    lengths = [_root_mean_square(part) for part in _parts(recipe, summary, hidden)]
    recipe["factors"] = np.array(
        [
            part / length if length > 0 else 0
            for part, length in zip((share, 1 - share), lengths, strict=True)
        ],
        dtype=np.float32,
    )
    # With the largest length as radius, the last number of every training row is real.
    squares = np.square(np.hstack(_parts(recipe, summary, hidden)), dtype=np.float64)
    # Not 0, even if all hidden units are dead: a vector of zeros would count as missing.
    return {**recipe, "radius": float(np.sqrt(squares.sum(axis=1).max())) or 1.0}


def make_vectors(recipe, summary, hidden):
    """Return the vectors of some rows as float32, as wide as `hidden`."""
    parts = np.hstack(_parts(recipe, summary, hidden)).astype(np.float32)
    if parts.shape[1] == hidden.shape[1]:  # a single unit leaves no place for the last number
        return parts
    squares = np.square(parts, dtype=np.float64).sum(axis=1)
    # A new row may be longer than all training rows; its last number is then 0.
    rest = np.sqrt(np.maximum(recipe["radius"] ** 2 - squares, 0))
    return np.hstack([parts, rest[:, np.newaxis].astype(np.float32)])


def _parts(recipe, summary, hidden):
    """Return the hidden units and the coordinates of the summary, scaled by their factors."""
    from ._forward import apply_layer

    axes = recipe["axes"]
    if axes is not None and not len(axes):
        summary = np.empty((summary.shape[0], 0), dtype=np.float32)
    elif axes is not None:
        # Not a plain matrix product, in which the last bits of a row depend on the other rows.
        summary = apply_layer(summary, axes, np.zeros(len(axes), dtype=np.float32))
    elif sparse.issparse(summary):
        summary = summary.toarray()
    of_hidden, of_summary = recipe["factors"]
    # One column is reserved for the number that `make_vectors` appends.
    n_kept = max(0, hidden.shape[1] - summary.shape[1] - 1)
    return hidden[:, :n_kept] * of_hidden, summary * of_summary


def _main_axes(summary, n_axes):
    """Return the directions in which rows differ most, shape (n_axes or fewer, n_summary)."""
    n_axes = min(n_axes, *summary.shape)
    _, lengths, axes = randomized_svd(summary.astype(np.float64), n_axes, random_state=0)
    return np.ascontiguousarray(axes[lengths > 1e-5 * lengths[0]], dtype=np.float32)


def _root_mean_square(rows):
    return np.sqrt(np.square(rows, dtype=np.float64).sum(axis=1).mean()) if rows.size else 0.0
