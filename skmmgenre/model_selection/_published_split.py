"""A published split, as a column of a table names its parts."""

import numpy as np

from .._typing import Column, ObjectArray
from ..utils import as_pandas, is_missing

_PARTS = {
    "train": ("train", "training"),
    "val": ("val", "valid", "validation", "dev"),
    "test": ("test", "testing"),
}
_PART_OF = {name: part for part, names in _PARTS.items() for name in names}


def read_split(column: Column) -> ObjectArray:
    """Read the part of each row from a column of a published split.

    Parameters
    ----------
    column : iterable of shape (n_rows,)
        Case and spaces around a name do not matter; "training", "valid", "validation", "dev" and
        "testing" are read, too.

    Returns
    -------
    parts : ndarray of object, shape (n_rows,)
        "train", "val" or "test"; "" where the cell is missing or names no part.

    Examples
    --------
    >>> from skmmgenre.model_selection import read_split
    >>> read_split(["train", "Validation", " TEST", None]).tolist()
    ['train', 'val', 'test', '']

    The rows of ``val`` stop the training early, those of ``test`` are kept from it::

        parts = read_split(table["split"])
        known = parts != "test"
        model.fit(table[known], y[known], validation=parts[known] == "val")
    """
    cells = [None if is_missing(cell) else str(cell) for cell in as_pandas(column)]
    parts = [_PART_OF.get(cell.strip().casefold(), "") if cell else "" for cell in cells]
    return np.array(parts, dtype=object)
