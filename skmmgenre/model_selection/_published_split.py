"""Read a published split from the column of a table."""

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
        Names of the parts: "train", "val" or "test", or the synonyms "training", "valid",
        "validation", "dev" and "testing". Case and surrounding spaces are ignored.

    Returns
    -------
    parts : ndarray of object, shape (n_rows,)
        "train", "val" or "test" per row; "" if the cell is missing or is not the name of a part.

    Examples
    --------
    >>> from skmmgenre.model_selection import read_split
    >>> read_split(["train", "Validation", " TEST", None]).tolist()
    ['train', 'val', 'test', '']

    Use the rows of ``val`` for early stopping, and exclude those of ``test`` from training::

        parts = read_split(table["split"])
        known = parts != "test"
        model.fit(table[known], y[known], validation=parts[known] == "val")
    """
    cells = [None if is_missing(cell) else str(cell) for cell in as_pandas(column)]
    parts = [_PART_OF.get(cell.strip().casefold(), "") if cell else "" for cell in cells]
    return np.array(parts, dtype=object)
