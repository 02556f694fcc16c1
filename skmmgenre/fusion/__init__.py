"""Vectors of several modalities to genres."""

from ._fusion_classifier import FusionClassifier
from ._joint_space import JointSpaceProjector

__all__ = ["FusionClassifier", "JointSpaceProjector"]
