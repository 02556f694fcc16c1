"""Build, feed, train and store networks; nothing here is specific to music.

A network of this package is a scikit-learn estimator (`NetClassifier`, or `NetEmbedder`
where its last hidden layer is used as an embedding) that composes skorch. It is trained on a
*feed* (rows in, float32 batches out), it learns a *target* (softmax, logistic, cosine), and its
fitted state is numpy arrays.
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

for _name in __all__:  # pickles refer to public names, so that files can move
    if _name != "targets":
        globals()[_name].__module__ = __name__
