"""Names that live in `skmmgenre.store` (the loop over cells, the store) and `skmmgenre.utils`."""

from .store import (
    CellTransformer,
    FeatureStore,
    RawCodec,
    StepCodec,
    Store,
    bad_cell,
    map_cells,
    settle_in_rounds,
)
from .utils import (
    BadItem,
    ErrorsMixin,
    SetupError,
    as_cells,
    describe_cell,
    import_from_extra,
    is_missing,
    progress_bar,
    python_random_kept,
    refuse_repeated_columns,
    workers,
)

__all__ = [
    "BadItem",
    "CellTransformer",
    "ErrorsMixin",
    "FeatureStore",
    "RawCodec",
    "SetupError",
    "StepCodec",
    "Store",
    "as_cells",
    "bad_cell",
    "describe_cell",
    "import_from_extra",
    "is_missing",
    "map_cells",
    "progress_bar",
    "python_random_kept",
    "refuse_repeated_columns",
    "settle_in_rounds",
    "workers",
]
