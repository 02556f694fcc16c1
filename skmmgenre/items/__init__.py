"""The one loop over cells: what is missing, what is bad, in parallel, with progress."""

from ._cell_transformer import CellTransformer
from ._cells import as_cells, describe_cell, is_missing
from ._errors import BadItem, ErrorsMixin
from ._loop import bad_cell, map_cells
from ._progress import progress_bar, python_random_kept

__all__ = [
    "BadItem",
    "CellTransformer",
    "ErrorsMixin",
    "as_cells",
    "bad_cell",
    "describe_cell",
    "is_missing",
    "map_cells",
    "progress_bar",
    "python_random_kept",
]
