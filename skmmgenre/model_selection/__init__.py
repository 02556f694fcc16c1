"""Splits that keep artists whole."""

from ._artist_splits import ArtistKFold, ArtistShuffleSplit, train_validation_test_split
from ._inner_validation import inner_validation_mask
from ._label_incidence import label_incidence  # noqa: F401  (for the other rooms)

__all__ = [
    "ArtistKFold",
    "ArtistShuffleSplit",
    "inner_validation_mask",
    "train_validation_test_split",
]
