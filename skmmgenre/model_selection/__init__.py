"""Splits that keep artists whole, and thresholds tuned on them."""

from ._artist_splits import ArtistKFold, ArtistShuffleSplit, train_validation_test_split
from ._inner_validation import inner_validation_mask
from ._label_thresholds import (
    LabelThresholds,
    best_f1_threshold,  # noqa: F401
)

__all__ = [
    "ArtistKFold",
    "ArtistShuffleSplit",
    "LabelThresholds",
    "inner_validation_mask",
    "train_validation_test_split",
]
