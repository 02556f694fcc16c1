"""The one loop over cells: what is missing, what is bad, in parallel, with progress; a store."""

from ..utils import import_from_extra
from ._cell_transformer import CellTransformer
from ._cells import as_cells, describe_cell, is_missing
from ._codecs import RawCodec, StepCodec
from ._columns import refuse_repeated_columns
from ._errors import BadItem, ErrorsMixin, SetupError
from ._feature_store import FeatureStore
from ._loop import bad_cell, map_cells, settle_in_rounds
from ._progress import progress_bar, python_random_kept
from ._store import Store
from ._workers import workers

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
