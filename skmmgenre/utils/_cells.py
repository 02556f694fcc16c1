"""A cell of the table: what it may hold, what an error calls it, and what makes it unusable."""

import os
from collections import Counter

import numpy as np
import pandas as pd

_TEXT_KINDS = "OUST"  # numpy's kinds of objects and strings


def is_missing(cell):
    """Tell whether a cell is empty: None, NaN, NA, NaT, "" or a list of such cells."""
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return True
    if isinstance(cell, str):
        return cell == ""
    if isinstance(cell, (float, np.floating)):
        return bool(np.isnan(cell))
    if isinstance(cell, (list, tuple)) or (
        isinstance(cell, np.ndarray) and cell.ndim and cell.dtype.kind in _TEXT_KINDS
    ):  # a list read from Parquet is an array
        return all(is_missing(part) for part in cell)
    return False


def as_cells(X, *, noun="item"):
    """Return the cells of one column as a list.

    Parameters
    ----------
    X : Series, list, tuple, ndarray, or DataFrame of one column
        A numeric array of two or more dimensions is taken as one item a row.
    noun : str
        What a cell holds, for the error.

    Raises
    ------
    ValueError
        If there is no row, or more than one column.
    """
    if isinstance(X, (str, bytes, os.PathLike)):
        raise ValueError(
            f"Expected a column of {noun}s, got a single value: {X!r}. Put it into a list: [{X!r}]."
        )
    if isinstance(X, pd.DataFrame):
        if X.shape[1] != 1:
            if X.shape[1] == 0:
                raise ValueError(f"Expected one column of {noun}s, got a table without columns.")
            remedy = (
                f"Select one, for example X[{X.columns[0]!r}]."
                if X.columns.is_unique
                else "Names occur twice: drop the duplicates, X.loc[:, ~X.columns.duplicated()]."
            )
            raise ValueError(
                f"Expected one column of {noun}s, got {X.shape[1]} columns: "
                f"{list(X.columns)}. {remedy}"
            )
        X = X.iloc[:, 0]
    if isinstance(X, np.ndarray):
        if X.ndim == 0:
            raise ValueError(f"Expected a column of {noun}s, got a 0-D array.")
        if X.ndim == 2 and X.dtype.kind in _TEXT_KINDS:
            if X.shape[1] != 1:
                raise ValueError(
                    f"Expected one column of {noun}s, got an array of shape {X.shape}. "
                    "Select one, for example X[:, 0]."
                )
            X = X[:, 0]
    cells = list(X)
    if not cells:
        raise ValueError(
            f"Found a column with 0 rows (shape=(0,)) while a minimum of 1 {noun} "
            "is required: the table is empty."
        )
    return cells


def describe_cell(cell, *, max_chars=200):
    """Name a cell in an error: its path as given, its first words, or its shape."""
    if isinstance(cell, os.PathLike):
        cell = os.fspath(cell)
    if isinstance(cell, (str, bytes)):
        if len(cell) > max_chars:  # both ends: a path is told by its last part
            dots = "..." if isinstance(cell, str) else b"..."
            half = (max_chars - len(dots)) // 2
            cell = cell[:half] + dots + cell[-half:]
        return repr(cell)
    if hasattr(cell, "shape") and hasattr(cell, "dtype"):
        return f"array of shape {tuple(cell.shape)}, dtype {cell.dtype}"
    if isinstance(cell, (list, tuple)):
        return f"{type(cell).__name__} of {len(cell)}"
    return f"{type(cell).__name__} object"


def first_few(items, n=3, *, count=False, name=str, separator=", "):
    """Name the first of many things in a message: "a, b, c, and 5 more" or "a, b, c, ...".

    Parameters
    ----------
    items : iterable
    n : int, default=3
        How many are named.
    count : bool, default=False
        Whether to say how many more there are, where the message does not give their number.
    name : callable, default=str
        What one of them is called.
    separator : str, default=", "

    Returns
    -------
    named : str
    """
    items = list(items)
    named = [name(item) for item in items[:n]]
    if len(items) > n:
        named.append(f"and {len(items) - n:,} more" if count else "...")
    return separator.join(named)


def refuse_repeated_columns(X, name="X"):
    """Raise an error if two columns of a table have the same name.

    Parameters
    ----------
    X : array-like
        Whatever has no column names is let through.
    name : str
        What X is called, for the error.

    Raises
    ------
    ValueError
        It names the columns.
    """
    repeated = [column for column, n in Counter(getattr(X, "columns", ())).items() if n > 1]
    if repeated:
        raise ValueError(
            f"{name} has duplicate columns: {repeated[:5]}. Rename or drop all but one."
        )


class BadItem(ValueError):
    """A cell that cannot be used.

    Parameters
    ----------
    reason : str
        What is wrong, without the name of the item.
    remedy : str
        The way out.
    row : int or str or None
        Where it stands in the table; `map_cells` fills it in.
    """

    def __init__(self, reason, remedy="", row=None):
        super().__init__(reason, remedy, row)
        self.reason = reason
        self.remedy = remedy
        self.row = row

    def __str__(self):
        where = "" if self.row is None else f"Row {self.row}: "
        return f"{where}{self.reason}. {self.remedy}".rstrip()


class SetupError(RuntimeError):
    """What no cell is to blame for, such as the lack of a file that all of them need.

    It ends the loop over cells whatever `on_error` is.
    """


class ErrorsMixin:
    """Adds `errors_`: what the last call set aside because of `on_error="missing"`."""

    _errors = ()

    @property
    def errors_(self):
        """DataFrame with a line for every item treated as missing: row, item, reason, remedy."""
        return pd.DataFrame(list(self._errors), columns=["row", "item", "reason", "remedy"])

    def __getstate__(self):
        state = super().__getstate__()
        return {key: value for key, value in state.items() if key != "_errors"}


class NoContainer:
    """Mixin for transformers whose answer has no form as a table, whatever is asked for."""

    def set_output(self, *, transform=None):
        """Do nothing: the answer has no form as a table.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Ignored.

        Returns
        -------
        self : estimator
        """
        return self
