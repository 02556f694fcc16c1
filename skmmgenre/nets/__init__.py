"""The one way a network is built, fed, trained and kept. Knows no music.

A network of this package is a scikit-learn estimator (`NetClassifier`, or `NetEmbedder`
where its last hidden layer is of use) that composes skorch: what it learns from is a
*feed* (rows in, float32 batches out), what it learns is a *target* (softmax, logistic, cosine),
and what it keeps is numpy arrays.
"""

from ..utils import TrainingInterrupted, interruption_ends_all
from . import targets
from ._base import NetEstimator, Plan, derived, draw_seeds
from ._classifier import NetClassifier
from ._embedder import NetEmbedder
from ._feeds import ArrayFeed, release_pages, take_rows

__all__ = [
    "ArrayFeed",
    "NetClassifier",
    "NetEmbedder",
    "NetEstimator",
    "Plan",
    "TrainingInterrupted",
    "derived",
    "draw_seeds",
    "interruption_ends_all",
    "release_pages",
    "take_rows",
    "targets",
]

for _name in __all__:  # pickles name what is public, so that files can move
    if _name != "targets":
        globals()[_name].__module__ = __name__
