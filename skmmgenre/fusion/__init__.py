"""Fusion of modalities: from the vectors of several modalities to genres."""

from ._fusion_classifier import FusionClassifier
from ._joint_space import JointSpaceProjector
from ._logistic_fusion import LogisticFusionClassifier

__all__ = ["FusionClassifier", "JointSpaceProjector", "LogisticFusionClassifier"]

for _name in __all__:  # pickles and model files refer to public names, so that modules can move
    globals()[_name].__module__ = __name__
