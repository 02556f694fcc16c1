"""Warnings where y or groups may not be what their rows of X need."""

import html
import warnings
from collections import Counter
from contextlib import contextmanager
from contextvars import ContextVar

import numpy as np
import pandas as pd

# Separators of genres in one string, and whether names of single genres hold them too
# ("Folk, World, & Country"). "/" is not among them: "Pop/Rock" and "R&B/Soul" are single genres.
_SEPARATORS = {";": False, "|": False, ",": True}
_FEWEST_JOINED = 0.05  # share of the rows

_checked = ContextVar("rows_checked", default=False)


def are_rows_checked():
    """Return whether a caller has checked the rows, so that nothing is said twice."""
    return _checked.get()


@contextmanager
def rows_checked():
    """Keep `check_rows` silent inside: one call of fit warns once, not once per network."""
    token = _checked.set(True)
    try:
        yield
    finally:
        _checked.reset(token)


def check_rows(X, y, groups=None, *, noun="X"):
    """Warn if y or groups seem to be in another order than X, or if y joins several genres.

    Parameters
    ----------
    X : any
        Its pandas index is looked at, where it has one.
    y : Labels, array-like or None
        Only `Labels` of one label per row are searched for joined genres.
    groups : Groups, array-like or None
    noun : str
        The name of the argument `X`, for the warning.
    """
    if _checked.get():
        return
    for name, given in (("y", y), ("groups", groups)):
        if _in_another_order(getattr(X, "index", None), getattr(given, "index", None)):
            warnings.warn(
                f"The index of {name} holds the labels of {noun}.index in another order. Rows are "
                f"matched by position, so {name} may be wrong for most rows. Pass "
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
    return index.is_unique and other.is_unique and bool((index.get_indexer(other) >= 0).all())


def _warn_of_joined_genres(values):
    labels, counts = np.unique(values, return_counts=True)
    for separator, in_names_too in _SEPARATORS.items():
        joined = _joined_labels(labels.tolist(), separator, in_names_too)
        share = counts[np.isin(labels, joined)].sum() / len(values)
        if share >= _FEWEST_JOINED:
            spaced = all(f"{separator} " in label for label in joined)
            warnings.warn(
                f"y is one column of labels, but {share:.0%} of its rows look like several genres "
                f"joined, such as {joined[0]!r}. Each of these {len(joined)} combinations counts "
                "as a genre of its own. If they are several genres, pass an indicator matrix: "
                f"pandas.Series(y).str.get_dummies(sep={separator + ' ' * spaced!r}).",
                UserWarning,
                stacklevel=4,
            )
            return


def _joined_labels(labels, separator, in_names_too):
    """Labels that a separator parts; if names hold it too, only those of parts seen elsewhere."""
    # "R&amp;B" holds no separator.
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
