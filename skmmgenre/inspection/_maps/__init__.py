"""Activation maps: the parts of a sound or cover that support a genre."""

from ._activation_map_display import ActivationMapDisplay
from ._activation_maps import class_activation_map

__all__ = ["ActivationMapDisplay", "class_activation_map"]
