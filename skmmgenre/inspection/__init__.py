"""Inspect fitted models: confusion, learning curves, explanations and nearest albums."""

from ._annotations import read_annotations
from ._compare_annotators import compare_annotators
from ._confusion_matrices import ConfusionMatricesDisplay
from ._explanation import Explanation, explain
from ._explanation_display import ExplanationDisplay
from ._informative_words import InformativeWordsDisplay, informative_words
from ._learning_curves import LearningCurvesDisplay
from ._maps import ActivationMapDisplay, class_activation_map
from ._modality_contributions import modality_contributions
from ._neighbors import EmbeddingMapDisplay, NearestAlbums
from ._report import report

__all__ = [
    "ActivationMapDisplay",
    "ConfusionMatricesDisplay",
    "EmbeddingMapDisplay",
    "Explanation",
    "ExplanationDisplay",
    "InformativeWordsDisplay",
    "LearningCurvesDisplay",
    "NearestAlbums",
    "class_activation_map",
    "compare_annotators",
    "explain",
    "informative_words",
    "modality_contributions",
    "read_annotations",
    "report",
]

for _name in __all__:  # model files and pickles refer to the public path, so that files can move
    globals()[_name].__module__ = __name__
