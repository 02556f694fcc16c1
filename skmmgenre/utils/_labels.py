"""Read y (all of the package uses this reader), and warn if y or groups may not match X."""

import html
import warnings
from collections import Counter
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from functools import cached_property
from numbers import Number

import numpy as np
import pandas as pd
from scipy import sparse
from sklearn.exceptions import DataConversionWarning

from ._cells import as_pandas


@dataclass(frozen=True, eq=False)
class Labels:
    """Labels as returned by `read_labels`.

    Attributes
    ----------
    values : ndarray of shape (n_rows,), or indicator of int8, shape (n_rows, n_labels)
        One label per row; or 0 and 1 as an ndarray or csr_array.
    names : ndarray of shape (n_labels,) or None
        The labels (columns) of an indicator; None if y is single-label.
    index : Index or None
        Index of a pandas object.
    """

    values: np.ndarray | sparse.csr_array
    names: np.ndarray | None = None
    index: pd.Index | None = None

    def __len__(self):
        return self.values.shape[0]

    @property
    def several(self):
        """Whether y is multilabel."""
        return self.names is not None

    @cached_property
    def incidence(self):
        """Indicator of the labels: csr_array of float64, shape (n_rows, n_labels)."""
        if self.several:
            return sparse.csr_array(self.values, dtype=np.float64)
        # Unlabelled rows, which a split may have, share one code.
        codes, labels = pd.factorize(self.values, use_na_sentinel=False)
        n = len(codes)
        return sparse.csr_array((np.ones(n), (np.arange(n), codes)), shape=(n, len(labels)))

    def take(self, rows):
        """Return the labels of some rows."""
        return Labels(self.values[rows], self.names)


def read_labels(y, name="y", *, keep_sparse=False, allow_missing=False):
    """Read y as a column of labels, or as an indicator matrix with names.

    Parameters
    ----------
    y : array-like of shape (n_rows,), indicator of shape (n_rows, n_labels), or Labels
        An indicator may be an ndarray, nested lists, a DataFrame (its column names are the
        labels) or a sparse matrix. Labels are returned unchanged.
    name : str
        Name of the argument in error messages.
    keep_sparse : bool, default=False
        Whether a sparse indicator stays sparse.
    allow_missing : bool, default=False
        Whether rows of a column may be unlabelled, as in a split; they share one label.

    Returns
    -------
    labels : Labels

    Raises
    ------
    ValueError
        If y contains NaN, continuous numbers, labels that cannot be sorted, or an indicator with
        values other than 0 and 1.

    Warns
    -----
    DataConversionWarning
        If y is a matrix or a DataFrame with one column, which is read as a column.
    """
    if isinstance(y, Labels):
        return y
    return _read(y, name, keep_sparse, allow_missing)


def read_labels_like(y, classes):
    """Read a y for evaluation, whose labels must be those that the model was fitted with.

    Parameters
    ----------
    y : array-like of shape (n_rows,), or indicator of shape (n_rows, n_labels)
    classes : ndarray of shape (n_labels,)

    Returns
    -------
    labels : Labels

    Raises
    ------
    ValueError
        If an indicator has column names that are not `classes`, in this order.
    """
    labels = read_labels(y)
    names = labels.names
    if labels.several and names.dtype.kind == classes.dtype.kind:
        refuse_other_labels(names.tolist(), classes.tolist())
    return labels


def refuse_other_labels(names, learned):
    """Raise a ValueError if labels, or their order, differ from those seen in `fit`."""
    if names == learned:
        return
    raise ValueError(
        f"y has the labels {_shortened(names)}, but fit had {_shortened(learned)}. Pass the same "
        "columns in the same order."
    )


def _shortened(names):
    return f"{names[:5]}{f' and {len(names) - 5} more' if len(names) > 5 else ''}"


def _read(y, name, keep_sparse, allow_missing):
    if y is None:
        raise ValueError(
            f"This call requires {name} to be passed, but the target {name} is None: "
            "pass one genre per row, or an indicator matrix."
        )
    index = y.index if isinstance(y, (pd.Series, pd.DataFrame)) else None
    y = as_pandas(y)
    if sparse.issparse(y) or (isinstance(y, pd.DataFrame) and y.shape[1] > 1):
        return Labels(*read_indicator(y, name, keep_sparse=keep_sparse), index)
    values = plain_labels(y, name)
    if values.ndim == 2 and values.shape[1] > 1:
        return Labels(*read_indicator(values, name), index)
    if values.ndim == 2 and values.shape[1] == 1:
        if not _checked.get():
            warnings.warn(
                f"A column-vector {name} was passed when a 1d array was expected. Please change "
                f"the shape of {name} to (n_samples,), for example using ravel().",
                DataConversionWarning,
                stacklevel=4,
            )
        values = values[:, 0]
    if values.ndim != 1:
        raise ValueError(f"{name} must be 1-D or an indicator matrix, got shape {values.shape}.")
    missing = pd.isna(values)
    if missing.any() and not allow_missing:
        raise ValueError(
            f"Input {name} contains NaN: the first is in row {int(np.argmax(missing))}, "
            f"{int(missing.sum())} in all. Drop the rows without a genre."
        )
    _refuse_continuous(values[~missing], name)
    return Labels(values, None, index)


def _refuse_continuous(values, name):
    if values.dtype.kind != "f":
        return
    if np.isinf(values).any():
        raise ValueError(
            f"Input {name} contains infinity or a value too large for dtype('float64')."
        )
    broken = values[values != np.floor(values)]
    if len(broken):
        raise ValueError(
            f"Unknown label type: continuous. {name} contains {broken[0]}, but genres must be "
            "names or integers."
        )


def read_indicator(Y, name="y", *, keep_sparse=False):
    """Read an indicator matrix and its labels.

    Parameters
    ----------
    Y : array-like of shape (n_rows, n_labels)
        0 and 1 (or booleans) as ndarray, nested lists, DataFrame (its column names are the
        labels) or sparse matrix.
    name : str
        Name of the argument in error messages.
    keep_sparse : bool, default=False
        If True, a sparse `Y` is returned as a sparse array, and is never made dense. If False, it
        is made dense.

    Returns
    -------
    matrix : ndarray of int8, or csr_array of int8 without explicit zeros
    names : ndarray of shape (n_labels,)
        The labels; without a DataFrame 0, 1, ...

    Raises
    ------
    ValueError
        If `Y` is not 2-D, has duplicate labels, or contains values other than 0 and 1; the
        message has the row and the label of the first such value.
    """
    labels, Y = None, as_pandas(Y)
    if sparse.issparse(Y):
        values = Y
    elif isinstance(Y, pd.DataFrame):
        if Y.columns.nlevels > 1:
            raise ValueError(
                f"{name} has column names of {Y.columns.nlevels} levels, but a label has one name. "
                "Join the levels, for example "
                f"{name}.columns = ['/'.join(c) for c in {name}.columns]."
            )
        if Y.columns.has_duplicates:
            twice = list(Y.columns[Y.columns.duplicated()].unique())
            raise ValueError(f"{name} has duplicate columns: {twice}. Rename or merge them.")
        labels = plain_labels(Y.columns, f"{name}.columns")
        values = Y.to_numpy()
    else:
        values = plain_labels(Y, name)
    if values.ndim != 2:
        raise ValueError(
            f"{name} must be an indicator matrix with one row per item and one column per label, "
            f"got shape {values.shape}. If it is single-label, pass pandas.get_dummies({name})."
        )
    names = np.arange(values.shape[1]) if labels is None else labels
    if not sparse.issparse(values):
        bad = _neither_0_nor_1(values)
        if bad.any():
            row, column = np.argwhere(bad)[0]
            _refuse(name, values[row, column], row, column, labels, values.shape[1])
        return values.astype(bool).astype(np.int8), names
    matrix = _read_sparse(values, name)
    return (matrix if keep_sparse else matrix.toarray()), names


def _read_sparse(Y, name):
    matrix = sparse.csr_array(Y)
    if not matrix.has_canonical_format:
        # Duplicate entries are summed, so that they are rejected (as 2) rather than counted as 1.
        matrix = matrix.copy()  # it may share its arrays with Y
        matrix.sum_duplicates()
    bad = _neither_0_nor_1(matrix.data)
    if bad.any():
        entry = int(np.argmax(bad))
        row = int(np.searchsorted(matrix.indptr, entry, side="right")) - 1
        _refuse(name, matrix.data[entry], row, matrix.indices[entry])
    matrix = matrix.astype(bool).astype(np.int8)
    if not matrix.data.all():
        matrix.eliminate_zeros()
    return matrix


def _neither_0_nor_1(values):
    if values.dtype.kind in "biufc":
        return (values != 0) & (values != 1)
    # Strings, and objects: pandas' nullable types, or None among numbers.
    bad = [not (np.isscalar(entry) and entry in (0, 1)) for entry in values.flat]
    return np.array(bad, dtype=bool).reshape(values.shape)


def _refuse(name, entry, row, column, labels=None, n_columns=None):
    entry = entry.item() if isinstance(entry, np.generic) else entry
    where = f"row {row}, " + (
        f"column {column}" if labels is None else f"label {labels.tolist()[column]!r}"
    )
    if pd.api.types.is_scalar(entry) and pd.isna(entry):
        raise ValueError(f"{name} is NaN in {where}. Drop such rows, or replace NaN by 0.")
    if isinstance(entry, str) and n_columns == 1:
        way_out = f"If it is single-label, pass pandas.get_dummies({name}) of the column."
    elif isinstance(entry, Number):
        way_out = (
            "Pass 1 if a row has the label, else 0; apply a threshold to scores first, for example "
            "with the model's predict."
        )
    else:
        way_out = "For lists of genres use sklearn.preprocessing.MultiLabelBinarizer."
    raise ValueError(
        f"{name} must be an indicator matrix of 0 and 1, got {entry!r} in {where}. {way_out}"
    )


def plain_labels(y, name="y"):
    """Return labels as a numpy array of numbers or strings, of objects if some are missing.

    Parameters
    ----------
    y : array-like of any shape
        Labels as list, tuple, ndarray, Series or Index.
    name : str
        Name of the argument in error messages.

    Raises
    ------
    ValueError
        If a row is a list of labels, or labels have types that cannot be sorted.
    """
    # As objects first: numpy would convert the NaN in ["Jazz", nan] to the label "nan".
    labels = np.array(y, dtype=object) if isinstance(y, (list, tuple)) else np.asarray(y)
    if labels.dtype.kind not in "OT":
        return labels
    labels = labels.astype(object)
    if not labels.size:
        return labels.astype(float)
    if any(isinstance(label, (list, tuple, set, np.ndarray)) for label in labels.flat):
        raise ValueError(
            f"{name} contains lists of genres. Pass a multilabel {name} as an indicator matrix: "
            "use sklearn.preprocessing.MultiLabelBinarizer."
        )
    if pd.isna(labels).any():
        return labels
    is_string = [isinstance(label, str) for label in labels.flat]
    if all(is_string):
        return labels.astype(str)
    if any(is_string):
        kinds = sorted({type(label).__name__ for label in labels.flat})
        raise ValueError(
            f"{name} mixes types that cannot be sorted: {kinds}. Convert all genres to strings."
        )
    # From a list, so that numpy chooses the dtype of the numbers or booleans.
    return np.array(labels.tolist())


# Separators of genres in one string, and whether they also occur in names of single genres
# ("Folk, World, & Country"). "/" is not listed: "Pop/Rock" and "R&B/Soul" are single genres.
_SEPARATORS = {";": False, "|": False, ",": True}
_FEWEST_JOINED = 0.05  # share of the rows

# Whether a caller has already checked the rows, so that no warning is repeated.
_checked = ContextVar("rows_checked", default=False)


@contextmanager
def rows_checked():
    """Silence `check_rows` and the warnings of `read_labels` in the body: one fit warns once.

    It has no effect on workers in other threads and processes, which may warn again.
    """
    token = _checked.set(True)
    try:
        yield
    finally:
        _checked.reset(token)


def check_rows(X, y, groups=None, *, noun="X"):
    """Warn if the order of y or groups seems to differ from that of X, or if y has joined genres.

    Parameters
    ----------
    X : any
        Only its pandas index is used, if it has one.
    y : Labels, array-like or None
        Only single-label `Labels` are searched for joined genres.
    groups : Groups, array-like or None
    noun : str
        Name of the argument `X` in the warning.
    """
    if _checked.get():
        return
    for name, given in (("y", y), ("groups", groups)):
        if _in_another_order(getattr(X, "index", None), getattr(given, "index", None)):
            warnings.warn(
                f"The index of {name} has the same labels as {noun}.index, but in another order. "
                f"Rows are matched by position, so {name} may be wrong for most rows. Pass "
                f"{name}.loc[{noun}.index], or {name}.to_numpy() if the positions are right.",
                UserWarning,
                stacklevel=3,
            )
    values = getattr(y, "values", None)
    if getattr(y, "names", 0) is None and values.dtype.kind == "U":
        _warn_of_joined_genres(values)


def _in_another_order(index, other):
    if not (isinstance(index, pd.Index) and isinstance(other, pd.Index)):
        return False
    if len(index) != len(other) or index.equals(other):
        return False
    # Repeated labels have no definite order, and other labels do not indicate a wrong one.
    return index.is_unique and other.is_unique and bool((index.get_indexer(other) >= 0).all())


def _warn_of_joined_genres(values):
    if not len(values):
        return
    labels, counts = np.unique(values, return_counts=True)
    for separator, in_names_too in _SEPARATORS.items():
        joined = _joined_labels(labels.tolist(), separator, in_names_too)
        share = counts[np.isin(labels, joined)].sum() / len(values)
        if share >= _FEWEST_JOINED:
            spaced = all(f"{separator} " in label for label in joined)
            warnings.warn(
                f"y is one column of labels, but {share:.0%} of its rows look like joined genres, "
                f"such as {joined[0]!r}. Each of these {len(joined)} combinations is treated as a "
                "genre of its own. If y is multilabel, pass an indicator matrix: "
                f"pandas.Series(y).str.get_dummies(sep={separator + ' ' * spaced!r}).",
                UserWarning,
                stacklevel=4,
            )
            return


def _joined_labels(labels, separator, in_names_too):
    """Return labels that a separator splits.

    If the separator also occurs in names, only labels whose parts all occur elsewhere, too.
    """
    # Unescaped first: the ";" of "R&amp;B" is not a separator.
    parts = {
        label: [part.strip() for part in html.unescape(label).split(separator)] for label in labels
    }
    seen = Counter(part for some in parts.values() for part in set(some))
    joined = [
        label
        for label, some in parts.items()
        if len(some) > 1 and all(part and (not in_names_too or seen[part] > 1) for part in some)
    ]
    return [] if in_names_too and len(joined) < 2 else joined
