"""Artists by name, where some rows have none."""

import numpy as np

from ._groups import group_names


def artist_names(groups, n_rows):
    """Name the artist of every row; a row without one is an artist of its own.

    Parameters
    ----------
    groups : array-like of shape (n_rows,) or None
        None, NaN, NA and "" are missing; None for all of them.
    n_rows : int

    Returns
    -------
    names : ndarray of object, shape (n_rows,)
        A row without an artist is called after its position, so that it is the same artist
        in whatever subset or repetition of the rows it is met.
    """
    names = np.full(n_rows, None) if groups is None else group_names(groups, n_rows)
    for row in np.flatnonzero([name is None for name in names]):
        # A null character keeps it apart from an artist called "12".
        names[row] = f"\0{row}"
    return names
