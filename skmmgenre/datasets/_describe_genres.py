"""Frequencies of genres, in total and in the parts of a split (Tables 1 and 4)."""

from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse

from .._typing import Genres
from ..utils import read_labels


def describe_genres(Y: Genres, split: Any = None) -> pd.DataFrame:
    """Count the items of each genre, in total and in each part of a split.

    The result has the form of Tables 1 and 4 of Oramas et al. (2018), for any data.

    Parameters
    ----------
    Y : array-like of shape (n,) or (n, n_labels)
        One genre per item, or an indicator matrix of 0 and 1 (ndarray, DataFrame or sparse).
    split : array-like of shape (n,), or dict of str to array of int, optional
        The name of the part of each item; or the positions of the items of each part, as returned
        by `train_validation_test_split` (not every item has to be in a part).

    Returns
    -------
    table : DataFrame
        One row per genre, the most frequent first (ties in the order of the columns of Y, or in
        alphabetical order), with the columns `count`, and `share`, the fraction of items that have
        the genre. Each part, for example "train", adds `train_count` and `train_share` (the
        fraction of the items of that part). Parts are in the order of the categories of `split`,
        of its dict, or of its rows.

        ``table.attrs["n_items"]`` is the number of items, and
        ``table.attrs["labels_per_item"]`` the mean and the population standard deviation (divided
        by n) of the number of labels per item; both are dicts with the keys "all" and the parts.

    Raises
    ------
    ValueError
        If a genre or a part is missing, an indicator contains values other than 0 and 1, lengths
        differ, or an item is in two parts.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmmgenre.datasets import describe_genres
    >>> Y = pd.DataFrame({"Jazz": [1, 1, 0, 0], "Pop": [0, 1, 1, 1]})
    >>> table = describe_genres(Y, split=["train", "train", "train", "test"])
    >>> table.round(2)
          count  share  train_count  train_share  test_count  test_share
    Pop       3   0.75            2         0.67           1         1.0
    Jazz      2   0.50            2         0.67           0         0.0
    >>> table.attrs["labels_per_item"]["all"]
    {'mean': 1.25, 'std': 0.4330127018922193}
    """
    matrix, names = _incidence(Y)
    n = matrix.shape[0]
    if not n:
        raise ValueError("Y has 0 rows.")
    parts = {"all": np.arange(n)} | ({} if split is None else _parts(split, n))
    columns, n_items, labels_per_item = {}, {}, {}
    for part, rows in parts.items():
        prefix = "" if part == "all" else f"{part}_"
        inside = matrix[rows]
        count = np.asarray(inside.sum(axis=0)).ravel()
        columns[f"{prefix}count"] = count
        columns[f"{prefix}share"] = count / len(rows)
        of_item = np.asarray(inside.sum(axis=1)).ravel()
        n_items[part] = len(rows)
        labels_per_item[part] = {"mean": float(of_item.mean()), "std": float(of_item.std())}
    table = pd.DataFrame(columns, index=names)
    table = table.sort_values("count", ascending=False, kind="stable")
    table.attrs = {"n_items": n_items, "labels_per_item": labels_per_item}
    return table


def _incidence(Y):
    """Return the indicator matrix of items and genres (csr_array of int64), and the genres."""
    labels = read_labels(Y, "Y", keep_sparse=True)
    if labels.several:
        return sparse.csr_array(labels.values, dtype=np.int64), labels.names
    names, codes = np.unique(labels.values, return_inverse=True)
    n = len(codes)
    ones = np.ones(n, dtype=np.int64)
    return sparse.csr_array((ones, (np.arange(n), codes)), shape=(n, len(names))), names


def _parts(split, n):
    """Return the positions of the items of each part, keyed by the name of the part."""
    if isinstance(split, dict):
        parts = {str(part): np.asarray(rows) for part, rows in split.items()}
        _check_positions(parts, n)
    else:
        column = pd.Series(split).reset_index(drop=True)
        if len(column) != n:
            raise ValueError(f"split has {len(column)} rows, Y has {n}.")
        if column.isna().any():
            raise ValueError(
                f"split is missing in row {int(np.argmax(column.isna()))}. Give a part for every "
                "row, or pass a dict of positions."
            )
        if isinstance(column.dtype, pd.CategoricalDtype):
            names = [part for part in column.cat.categories if (column == part).any()]
        else:
            names = column.unique().tolist()
        parts = {str(part): np.flatnonzero(column == part) for part in names}
    if "all" in parts:
        raise ValueError("A part of the split is named 'all', which is reserved. Rename this part.")
    return parts


def _check_positions(parts, n):
    taken = {}
    for part, rows in parts.items():
        if rows.ndim != 1 or rows.dtype.kind not in "iu" or not rows.size:
            raise ValueError(
                f"The part {part!r} of the split must be positions of rows, at least one; got "
                f"dtype {rows.dtype}, shape {rows.shape}."
            )
        if rows.min() < 0 or rows.max() >= n:
            raise ValueError(f"The part {part!r} of the split has positions outside 0 to {n - 1}.")
        for row in rows.tolist():
            if row in taken:
                raise ValueError(
                    f"Row {row} is in the part {taken[row]!r} and again in {part!r} of the split."
                )
            taken[row] = part
