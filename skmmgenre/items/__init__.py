"""The one loop over cells: what is missing, what is bad, in parallel, with progress; a store."""

from ._cell_transformer import CellTransformer
from ._cells import as_cells, describe_cell, is_missing
from ._errors import BadItem, ErrorsMixin, SetupError
from ._loop import map_cells
from ._progress import progress_bar, python_random_kept
from ._store import Store

__all__ = [
    "BadItem",
    "CellTransformer",
    "ErrorsMixin",
    "SetupError",
    "Store",
    "as_cells",
    "describe_cell",
    "is_missing",
    "map_cells",
    "progress_bar",
    "python_random_kept",
]
