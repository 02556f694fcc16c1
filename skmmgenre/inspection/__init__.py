"""Look inside a fitted model: displays of what it confuses and how it learned."""

from ._confusion_matrices import ConfusionMatricesDisplay
from ._learning_curves import LearningCurvesDisplay

__all__ = ["ConfusionMatricesDisplay", "LearningCurvesDisplay"]
