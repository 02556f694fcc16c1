"""Multimodal pipelines, albums as the mean of their tracks, and ablations."""

from ._ablation import ablate_modalities
from ._genre_pipeline import GenrePipeline
from ._make_genre_classifier import make_genre_classifier
from ._make_plain_classifier import make_plain_classifier
from ._mean_over_tracks import MeanOverTracks
from ._ready_model import TagClassifier, load_ready_model
from ._ready_vectors import ReadyVectors

__all__ = [
    "GenrePipeline",
    "MeanOverTracks",
    "ReadyVectors",
    "TagClassifier",
    "ablate_modalities",
    "load_ready_model",
    "make_genre_classifier",
    "make_plain_classifier",
]

for _name in __all__:  # model files and pickles store public paths, so private files can move
    globals()[_name].__module__ = __name__
