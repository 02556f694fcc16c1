"""The loop over cells, in parallel and with a progress bar, and the feature store.

Every transformer of files or texts uses this one loop (`map_cells`), so that missing and bad cells,
`n_jobs`, `on_error`, `errors_` and the cache work the same in all of them.
"""

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

for _name in __all__:  # pickles refer to public names, so that files can move
    globals()[_name].__module__ = __name__
