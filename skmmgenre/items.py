"""Public names of `skmmgenre.store` (the loop over cells, the store) and `skmmgenre.utils`."""

from .store import *  # noqa: F403
from .utils import (  # noqa: F401
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
