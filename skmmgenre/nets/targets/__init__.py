"""What a network learns: one genre (softmax), or several at once (logistic, cosine).

A target turns y into what the loss compares with, and the outputs of a network into
scores, probabilities and labels. Its state is numpy arrays and plain Python.
"""

from ._cosine import CosineTarget
from ._logistic import LogisticTarget
from ._make_target import make_target
from ._softmax import SoftmaxTarget

__all__ = ["CosineTarget", "LogisticTarget", "SoftmaxTarget", "make_target"]
