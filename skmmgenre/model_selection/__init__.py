"""Splits that keep artists whole."""

from ._artist_splits import ArtistKFold, ArtistShuffleSplit, train_validation_test_split
from ._inner_validation import inner_validation_mask
from ._label_incidence import label_incidence

__all__ = [
    "ArtistKFold",
    "ArtistShuffleSplit",
    "inner_validation_mask",
    "label_incidence",
    "train_validation_test_split",
]
