"""Small networks of vectors, and what they learn from."""

import numpy as np
import pandas as pd

from skmmgenre.fusion import FusionClassifier

LABELS = ["Rock", "Indie", "Jazz", "Bebop", "Vocal"]


def two_genres(n=80, n_features=6, noise=1.0, seed=0):
    rng = np.random.default_rng(seed)
    y = rng.permutation(np.arange(n) % 2)
    X = rng.normal(size=(n, n_features))
    X[:, 0] += 2 * (2 * y - 1) / noise
    return X.astype(np.float32), np.array(["Jazz", "Rock"])[y]


def net(**params):
    defaults = {"max_epochs": 5, "dropout": 0, "validation_fraction": 0, "random_state": 0}
    return FusionClassifier(**{**defaults, **params})


def draw_labels(n_rows, seed=0):
    """A label and its sub-label go together; "Vocal" goes with anything."""
    rng = np.random.default_rng(seed)
    jazz = rng.random(n_rows) < 0.4
    sub = rng.random(n_rows) < 0.5
    Y = np.column_stack([~jazz, ~jazz & sub, jazz, jazz & sub, rng.random(n_rows) < 0.3])
    return pd.DataFrame(Y.astype(int), columns=LABELS)
