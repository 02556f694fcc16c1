"""What several networks learn from."""

import numpy as np
import pytest
from small_nets import draw_labels, two_genres


@pytest.fixture
def overfitting():
    """Labels that cannot be learned, so that the validation loss soon rises."""
    X, _ = two_genres(60, 40)
    y = np.random.default_rng(1).permutation(np.arange(60) % 3)
    validation = np.arange(60) % 4 == 0
    return X, y, validation


@pytest.fixture(scope="module")
def albums():
    """Vectors that several genres each leave their mark in, and artists of three albums."""
    Y = draw_labels(300)
    rng = np.random.default_rng(1)
    X = Y.to_numpy() @ rng.normal(size=(5, 12)) + 0.5 * rng.normal(size=(300, 12))
    return X, Y, np.arange(300) // 3
