"""Look inside a fitted model: what it confuses, how it learned, which words tell a genre."""

from ._confusion_matrices import ConfusionMatricesDisplay
from ._informative_words import InformativeWordsDisplay, informative_words
from ._learning_curves import LearningCurvesDisplay

__all__ = [
    "ConfusionMatricesDisplay",
    "InformativeWordsDisplay",
    "LearningCurvesDisplay",
    "informative_words",
]

for _name in __all__:  # model files and pickles name what is public, so that files can move
    globals()[_name].__module__ = __name__
