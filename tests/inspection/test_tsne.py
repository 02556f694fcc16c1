"""t-SNE for the maps of displays and reports."""

import numpy as np
import pytest
from sklearn.manifold import TSNE

from skmmgenre.inspection._tsne import project


def test_it_is_the_t_sne_of_scikit_learn():
    vectors = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)
    positions, perplexity = project(vectors, random_state=0)
    assert perplexity == pytest.approx(13)
    expected = TSNE(init="pca", perplexity=perplexity, random_state=0).fit_transform(vectors)
    np.testing.assert_array_equal(positions, expected)


@pytest.mark.parametrize("n_columns", [1, 8])
def test_equal_vectors_are_one_point(n_columns):
    """They crash scikit-learn's TSNE, and the interpreter with it."""
    positions, _ = project(np.full((40, n_columns), 0.3), random_state=0)
    assert positions.shape == (40, 2) and not positions.any()
