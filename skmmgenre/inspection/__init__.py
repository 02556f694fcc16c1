"""Look inside a fitted model: what it confuses, how it learned, why it gives an answer."""

from ._activation_map_display import ActivationMapDisplay
from ._activation_maps import class_activation_map
from ._confusion_matrices import ConfusionMatricesDisplay
from ._explanation import Explanation, explain
from ._explanation_display import ExplanationDisplay
from ._informative_words import InformativeWordsDisplay, informative_words
from ._learning_curves import LearningCurvesDisplay
from ._modality_contributions import modality_contributions
from ._report import report

__all__ = [
    "ActivationMapDisplay",
    "ConfusionMatricesDisplay",
    "Explanation",
    "ExplanationDisplay",
    "InformativeWordsDisplay",
    "LearningCurvesDisplay",
    "class_activation_map",
    "explain",
    "informative_words",
    "modality_contributions",
    "report",
]

for _name in __all__:  # model files and pickles name what is public, so that files can move
    globals()[_name].__module__ = __name__
