"""Labels of several genres a row, and scores that know something of them."""

import numpy as np


def drawn(seed=0, n=40, n_labels=6, ties=True):
    rng = np.random.default_rng(seed)
    Y = (rng.random((n, n_labels)) < np.linspace(0.2, 0.7, n_labels)).astype(int)
    Y[0], Y[1] = 1, 0  # every label has a positive and a negative
    scores = rng.normal(size=Y.shape) + Y
    return Y, np.round(scores * 2) / 2 if ties else scores
