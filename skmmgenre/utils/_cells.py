"""Cells of a table: their valid content, their names in messages, and errors of bad cells."""

import io
import os
import re
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator

from .._typing import Column

_TEXT_KINDS = "OUST"  # numpy's kinds of objects and strings
_LONGEST_PATH = 4096  # bytes
_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+://")
_FILE_KEYS = {"bytes", "path"}  # keys of a file in a data set of Hugging Face


def is_missing(cell: Any) -> bool:
    """Return whether a cell is missing: None, NaN, NA, NaT, "" or a list of such cells.

    Parameters
    ----------
    cell : object
        A cell of a column.

    Returns
    -------
    missing : bool
        True if the cell is missing.
    """
    if cell is None or cell is pd.NA or cell is pd.NaT:
        return True
    if isinstance(cell, str):
        return cell == ""
    if isinstance(cell, (float, np.floating)):
        return bool(np.isnan(cell))
    if isinstance(cell, (list, tuple)) or (
        isinstance(cell, np.ndarray) and cell.ndim and cell.dtype.kind in _TEXT_KINDS
    ):  # lists in a Parquet file are read as arrays
        return all(is_missing(part) for part in cell)
    if isinstance(cell, dict) and cell.keys() and cell.keys() <= _FILE_KEYS:
        return all(is_missing(part) for part in cell.values())
    return False


def as_pandas(X):
    """Convert a table or a column of pyarrow or polars to pandas.

    Parameters
    ----------
    X : any

    Returns
    -------
    X : DataFrame, Series, or the object that was passed
        Lists in cells become arrays, and integers stay integers even if some are missing. Objects
        of other libraries are returned unchanged.

    Raises
    ------
    ValueError
        If it is a LazyFrame, or a table of another library that has `to_pandas`.
    """
    library, kind = type(X).__module__.partition(".")[0], type(X).__name__
    if library == "pyarrow" and hasattr(X, "to_pandas"):
        return X.to_pandas(integer_object_nulls=True)
    if library != "polars":
        if hasattr(X, "to_pandas") and not hasattr(X, "__array__"):
            raise ValueError(
                f"Expected a pandas, polars or pyarrow table, got a {kind} of {library}. "
                "Pass X.to_pandas()."
            )
        return X
    if kind == "LazyFrame":
        raise ValueError("Expected a table, got a polars LazyFrame. Pass X.collect().")
    if kind == "DataFrame":
        return pd.DataFrame({column.name: as_pandas(column) for column in X.iter_columns()})
    # Not polars' own to_pandas, which requires pyarrow.
    if X.dtype.is_nested() or (X.dtype.is_integer() and X.has_nulls()):
        return pd.Series([_array_of_polars(cell) for cell in X], dtype=object, name=X.name)
    return pd.Series(X.to_numpy(), name=X.name)


def _array_of_polars(cell):
    """Return a list in a polars cell as an array, any other cell unchanged."""
    if not type(cell).__module__.startswith("polars."):
        return cell
    if type(cell.dtype).__name__ != "Struct":
        return cell.to_numpy()
    dicts = np.empty(len(cell), dtype=object)  # to_numpy would lose the names
    dicts[:] = cell.to_list()
    return dicts


def as_cells(X: Column, *, noun: str = "item") -> list[Any]:
    """Return the cells of one column as a list.

    Parameters
    ----------
    X : Series, list, tuple, ndarray, or DataFrame of one column
        A column of pandas, polars or pyarrow, or another sequence. A numeric array of two or more
        dimensions has one item per row.
    noun : str
        Name of a cell's content in messages, such as "audio file".

    Returns
    -------
    cells : list
        One cell per row.

    Raises
    ------
    ValueError
        If there are no rows, or more than one column.
    """
    if isinstance(X, (str, bytes, os.PathLike)):
        raise ValueError(
            f"Expected a column of {noun}s, got a single value: {X!r}. Pass a list: [{X!r}]."
        )
    X = as_pandas(X)
    if isinstance(X, pd.DataFrame):
        if X.shape[1] != 1:
            if X.shape[1] == 0:
                raise ValueError(f"Expected one column of {noun}s, got a table without columns.")
            remedy = (
                f"Select one, for example X[{X.columns[0]!r}]."
                if X.columns.is_unique
                else "Names are repeated: drop the duplicates, X.loc[:, ~X.columns.duplicated()]."
            )
            raise ValueError(
                f"Expected one column of {noun}s, got {X.shape[1]} columns: "
                f"{list(X.columns)}. {remedy}"
            )
        X = X.iloc[:, 0]
    if hasattr(getattr(X, "dtype", None), "pyarrow_dtype"):
        X = as_pandas(X.array.__arrow_array__())  # converts its lists to arrays
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
    cells = [_that_workers_take(cell) for cell in X]
    if not cells:
        raise ValueError(
            f"Found a column with 0 rows (shape=(0,)) while a minimum of 1 {noun} "
            "is required: the table is empty."
        )
    return cells


class UnreadableFile:
    """Placeholder for an open file that cannot be read: open files cannot be sent to workers."""


def _that_workers_take(cell):
    """Return the content of an open file or a memory view, any other cell unchanged.

    Neither can be sent to a worker, and the position of an open file must not be changed.
    """
    if isinstance(cell, (bytearray, memoryview)):
        return io.BytesIO(bytes(cell))
    if isinstance(cell, io.BytesIO) or not (hasattr(cell, "read") and hasattr(cell, "seek")):
        return cell
    try:
        position = cell.tell()
        cell.seek(0)
        content = cell.read()
        cell.seek(position)
    except (OSError, ValueError):  # it is closed or not seekable
        return UnreadableFile()
    if not isinstance(content, bytes):
        return UnreadableFile()
    held = io.BytesIO(content)
    held.name = getattr(cell, "name", None)
    return held


def is_path(cell):
    """Return whether a cell is a path: str, PathLike, or bytes that are not file content."""
    if isinstance(cell, bytes):
        return len(cell) <= _LONGEST_PATH and b"\0" not in cell
    return isinstance(cell, (str, os.PathLike))


def file_in(cell):
    """Return the path or the content of the file in a cell.

    Parameters
    ----------
    cell : object
        A path; the content of a file as bytes, bytearray, memoryview or BytesIO (bytes are treated
        as content if they contain a zero byte or are longer than 4,096, as media files do and
        paths do not); or a dict of "bytes" and "path", as in data sets of Hugging Face.

    Returns
    -------
    file : str, bytes, PathLike, BytesIO or None
        The path, or the content at position 0. None if the cell is neither.
    name : bytes
        The name of the file without its folder; b"" if only the content is known.

    Raises
    ------
    BadItem
        If the cell is a URL, an open file that cannot be read, or a path that begins with "~" and
        does not exist.
    """
    content, name = cell, None
    if isinstance(cell, dict) and cell.keys() >= _FILE_KEYS:
        content, name = cell["bytes"], cell["path"]
        if content is None:
            content = cell = name
    if is_path(content) and content is cell:  # not the bytes of a dict
        _refuse_what_is_no_path(cell)
        return cell, os.fsencode(os.path.basename(os.fspath(cell)))
    if isinstance(content, (bytes, bytearray, memoryview)):
        file = io.BytesIO(bytes(content))
    elif isinstance(content, io.BytesIO) and not content.closed:
        file, name = io.BytesIO(content.getvalue()), getattr(content, "name", name)
    elif isinstance(content, (UnreadableFile, io.BytesIO)):
        raise BadType(
            "the open file cannot be read: it is closed, opened as text, or not seekable",
            "Pass its path, or its content: io.BytesIO(file.read()).",
        )
    else:
        return None, b""
    return file, os.fsencode(os.path.basename(name)) if isinstance(name, str) else b""


def _refuse_what_is_no_path(cell):
    text = os.fsdecode(os.fspath(cell))
    if _URL.match(text):
        raise BadType("it is a URL", "Download the file and pass its path or its content as bytes.")
    if text.startswith("~") and not os.path.exists(text):
        raise BadItem(
            "there is no such file", '"~" is not expanded in paths: pass os.path.expanduser(path).'
        )


def describe_cell(cell: Any, *, max_chars: int = 200) -> str:
    """Describe a cell for a message: its path as given, its text, or its shape.

    Parameters
    ----------
    cell : object
        A cell of a column.
    max_chars : int, default=200
        Longer texts and paths are shortened in the middle.

    Returns
    -------
    description : str
        The description, on one line.
    """
    if isinstance(cell, dict) and is_path(cell.get("path")):
        return f"dict of {describe_cell(cell['path'])}"
    if isinstance(cell, os.PathLike):
        cell = os.fspath(cell)
    if isinstance(cell, bytes) and not is_path(cell):
        return f"{len(cell):,} bytes"
    if isinstance(cell, (str, bytes)):
        if len(cell) > max_chars:  # keep both ends: the last part of a path identifies it
            dots = "..." if isinstance(cell, str) else b"..."
            half = (max_chars - len(dots)) // 2
            cell = cell[:half] + dots + cell[-half:]
        return repr(cell)
    if hasattr(cell, "shape") and hasattr(cell, "dtype"):
        return f"array of shape {tuple(cell.shape)}, dtype {cell.dtype}"
    if isinstance(cell, (list, tuple)):
        if len(cell) == 1 and isinstance(cell[0], str):
            return describe_cell(cell[0])
        return f"{type(cell).__name__} of {len(cell)}"
    return f"{type(cell).__name__} object"


def first_few(items, n=3, *, count=False, name=str, separator=", "):
    """List the first of many items for a message: "a, b, c, and 5 more" or "a, b, c, ...".

    Parameters
    ----------
    items : iterable
    n : int, default=3
        Number of items to list.
    count : bool, default=False
        Whether to say how many more there are, for messages that do not give the total.
    name : callable, default=str
        Converts an item to its name.
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
        An X without column names is accepted.
    name : str
        Name of X in the error message.

    Raises
    ------
    ValueError
        If there are duplicates; the message lists them.
    """
    # `columns` of a pyarrow table are not names.
    names = getattr(X, "column_names", getattr(X, "columns", ()))
    repeated = [column for column, n in Counter(names).items() if n > 1]
    if repeated:
        raise ValueError(
            f"{name} has duplicate columns: {repeated[:5]}. Rename or drop all but one."
        )


class BadItem(ValueError):
    """Error for a cell that cannot be used.

    Parameters
    ----------
    reason : str
        What is wrong, without the name of the item.
    remedy : str
        What to do about it.
    row : int or str or None
        Row of the cell in the table; set by `map_cells`.
    """

    def __init__(self, reason, remedy="", row=None):
        super().__init__(reason, remedy, row)
        self.reason = reason
        self.remedy = remedy
        self.row = row

    def __str__(self):
        where = "" if self.row is None else f"Row {self.row}: "
        return f"{where}{self.reason}. {self.remedy}".rstrip()


class BadType(BadItem):
    """Error for a cell of an unsupported type.

    If there are many of them, the cause is in the table or the program rather than in the data.
    """


class SetupError(RuntimeError):
    """Error that no cell is the cause of, such as a missing file that all of them need.

    It ends the loop over cells whatever `on_error` is.
    """


def require_parameter(estimator: BaseEstimator, name: str, what: str) -> None:
    """Raise an error if a parameter was left out of a model file, so that it is None.

    Parameters
    ----------
    estimator : estimator
    name : str
        A parameter without a default that could take its place.
    what : str
        What model files do not contain, such as "folders or hub names".

    Raises
    ------
    SetupError
    """
    if getattr(estimator, name) is None:
        cls = type(estimator).__name__
        raise SetupError(
            f"{cls} needs a {name}: model files do not contain {what}. Pass {cls}.{name} in "
            f"`params` of skmmgenre.load, or as --set {cls}.{name}=... on the command line."
        )


@contextmanager
def calling_function() -> Iterator[None]:
    """Mark errors of the function that a user passed: they are bugs, not the fault of a cell.

    They end the loop over cells whatever `on_error` is. BadItem and MemoryError are not marked,
    because they depend on the cell.
    """
    try:
        yield
    except (BadItem, MemoryError):
        raise
    except Exception as error:
        error._is_of_function = True
        raise


def is_of_function(error: Exception) -> bool:
    """Return whether an error was raised within `calling_function`."""
    return getattr(error, "_is_of_function", False)


class ErrorsMixin:
    """Mixin with `errors_`: the items that the last call skipped due to `on_error="missing"`."""

    _errors = ()

    @property
    def errors_(self) -> pd.DataFrame:
        """DataFrame of the items treated as missing, with columns row, item, reason, remedy."""
        return pd.DataFrame(list(self._errors), columns=["row", "item", "reason", "remedy"])

    def __getstate__(self):
        state = super().__getstate__()
        return {key: value for key, value in state.items() if key != "_errors"}


class NoContainer:
    """Mixin for transformers whose output cannot be a table, whatever container is requested."""

    def set_output(self, *, transform: str | None = None) -> Self:
        """Do nothing: the output of this transformer cannot be a table.

        Parameters
        ----------
        transform : {"default", "pandas", "polars"} or None, default=None
            Ignored.

        Returns
        -------
        self : estimator
            The estimator, unchanged.
        """
        return self
