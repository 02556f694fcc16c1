"""Many synthetic albums without files, and what can be known of them."""

import numpy as np
import pandas as pd

from skmmgenre.datasets import AlbumOracle
from skmmgenre.datasets._synthetic._genres import (
    confusion_matrices,
    draw_genres,
    draw_perceived,
    genre_prior,
    genre_tree,
    label_probabilities,
    weaken,
)

ACCURACY = {"shared": 0.65, "audio": 0.65, "text": 0.7, "cover": 0.45}


def simulate(n_albums, *, n_genres=3, c=0.5, genre_strength=1.0, missing=0.0, seed=0):
    """An oracle without files; albums are independent (every artist has one)."""
    rng = np.random.default_rng(seed)
    parents = [genre.parent for genre in genre_tree(n_genres)]
    prior = genre_prior(n_genres)
    confusion = {
        kind: weaken(matrix, prior, genre_strength)
        for kind, matrix in confusion_matrices(parents, ACCURACY).items()
    }
    main = draw_genres(np.arange(n_albums), prior, 0.8, rng)
    perceived = draw_perceived(main, confusion, c, rng)
    classes = np.array([f"g{i:02d}" for i in range(n_genres)], dtype=object)
    probability = label_probabilities(parents, prior, 0.7, 1.0)
    Y = (rng.random((n_albums, n_genres)) < probability[main]).astype(int)
    oracle = AlbumOracle(
        classes=classes,
        prior=prior,
        confusion=confusion,
        complementarity=c,
        perceived=perceived,
        present=rng.random(perceived.shape) >= missing,
        y=classes[main],
        Y=pd.DataFrame(Y, columns=classes),
        label_probability=probability,
        index=pd.RangeIndex(n_albums),
    )
    return oracle, main, perceived


# Of make_albums, for tests that need files but not what is in them.
SHORT = {"duration": 0.5, "cover_size": 32}
