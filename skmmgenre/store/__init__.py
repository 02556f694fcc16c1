"""The one loop over cells, in parallel and with progress, and the feature store."""

from ._feature_store import FeatureStore, RawCodec, StepCodec
from ._loop import (
    CellTransformer,
    bad_cell,
    map_cells,
    no_warning_of_skipped_cells,
    settle_in_rounds,
    warn_of_skipped_cells,
)
from ._store import Store

__all__ = [
    "CellTransformer",
    "FeatureStore",
    "RawCodec",
    "StepCodec",
    "Store",
    "bad_cell",
    "map_cells",
    "no_warning_of_skipped_cells",
    "settle_in_rounds",
    "warn_of_skipped_cells",
]

for _name in __all__:  # pickles name what is public, so that files can move
    globals()[_name].__module__ = __name__
