"""Artist-wise splits, and decision thresholds tuned on them."""

from ._artist_splits import ArtistKFold, ArtistShuffleSplit, train_validation_test_split
from ._inner_folds import FEWEST_ROWS, inner_folds, read_folds  # noqa: F401
from ._inner_validation import inner_validation_mask
from ._label_thresholds import LabelThresholds
from ._published_split import read_split
from ._thresholds import best_f1_threshold, labels_above, tune_thresholds  # noqa: F401

__all__ = [
    "ArtistKFold",
    "ArtistShuffleSplit",
    "LabelThresholds",
    "inner_validation_mask",
    "read_split",
    "train_validation_test_split",
]

for _name in __all__:  # pickles refer to the public module, so that private files can move
    globals()[_name].__module__ = __name__
