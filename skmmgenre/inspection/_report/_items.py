"""Select the rows that a report scores: not seen in training, and with a known genre."""

from collections import Counter
from dataclasses import dataclass, field

import numpy as np
import pandas as pd

from ..._seen import rows_checked_by
from ...utils import as_pandas, is_missing, read_groups, read_labels


@dataclass
class Items:
    """The rows that are scored.

    Parameters
    ----------
    table : DataFrame
    names : list of str
    genres : list of list of str
        The genres of each row that the model knows; a single one for single-label models.
    artists : ndarray of object or None
        None for rows without an artist.
    """

    table: pd.DataFrame
    names: list
    genres: list
    artists: np.ndarray | None

    def artist(self, row):
        """Return the artist of a row as a str, "" if there is none."""
        if self.artists is None or self.artists[row] is None:
            return ""
        return str(self.artists[row])


@dataclass
class LeftOut:
    """The rows that are not scored, and why.

    Parameters
    ----------
    n_rows : int
        Number of rows of the whole table.
    knows_artists, knows_items : bool
        Whether the artists, or items, of the training set are known.
    artists : dict of str to int
        Artists of the training set, with the number of their rows.
    items : list of str
        Other rows of the training set.
    n_without : int
        Rows without a genre that the model knows.
    unknown : dict of str to int
        Genres that it does not know, with the number of rows.
    n_first_only : int
        Multilabel rows of which only the first genre counts.
    """

    n_rows: int
    knows_artists: bool
    knows_items: bool
    artists: dict = field(default_factory=dict)
    items: list = field(default_factory=list)
    n_without: int = 0
    unknown: dict = field(default_factory=dict)
    n_first_only: int = 0

    @property
    def n_seen(self):
        """Number of rows that are excluded because they were seen in training."""
        return sum(self.artists.values()) + len(self.items)


def genres_of_rows(y, classes):
    """Return the genres of each row as lists of str.

    Parameters
    ----------
    y : array-like of shape (n,) or (n, n_labels), or list of lists of str
        Genres in the format of `fit`; the columns of an array are `classes`.
    classes : list of str

    Returns
    -------
    genres : list of list of str
    """
    if isinstance(y, list) and y and all(isinstance(item, list) for item in y):
        if all(isinstance(name, str) for item in y for name in item):
            return y
    y = as_pandas(y)
    if getattr(y, "ndim", 1) == 1:
        return [[] if is_missing(label) else [str(label)] for label in np.asarray(y, dtype=object)]
    labels = read_labels(y)
    names = [str(name) for name in y.columns] if isinstance(y, pd.DataFrame) else classes
    if len(names) != labels.values.shape[1]:
        raise ValueError(
            f"y has {labels.values.shape[1]} columns, but the model has {len(names)} genres. Pass "
            "a DataFrame whose columns are the names of the genres."
        )
    return [[names[k] for k in np.flatnonzero(row)] for row in np.asarray(labels.values)]


def choose_items(table, genres, groups, names, *, classes, several, columns, seen):
    """Exclude rows that were seen in training, and rows without a known genre.

    Parameters
    ----------
    table : DataFrame
    genres : list of list of str
    groups : array-like or None
    names : list of str
    classes : list of str
        Genres of the model.
    several : bool
        Whether the model is multilabel.
    columns : sequence of str
        Columns that the model reads, by which seen rows are recognized.
    seen : Seen or None
        What the model was trained on; None if unknown.

    Returns
    -------
    items : Items
    left_out : LeftOut

    Raises
    ------
    ValueError
        If no row is left, or lengths differ.
    """
    for what, found in {"y": genres, "names": names}.items():
        if len(found) != len(table):
            raise ValueError(f"{what} has {len(found)} rows, but the table has {len(table)}.")
    artists = None if groups is None else read_groups(groups, len(table)).names
    left_out = LeftOut(
        n_rows=len(table),
        knows_artists=seen is not None and bool(seen.artists) and artists is not None,
        knows_items=seen is not None and bool(seen.items),
    )
    is_seen = _mark_seen(left_out, table, artists, names, columns, seen)
    known = [[name for name in item if name in classes] for item in genres]
    if not several:
        new = [item for row, item in enumerate(known) if not is_seen[row]]
        left_out.n_first_only = sum(len(item) > 1 for item in new)
        known = [item[:1] for item in known]
    of_new = [item for row, item in enumerate(genres) if not is_seen[row]]
    others = Counter(name for item in of_new for name in item if name not in classes)
    left_out.unknown = dict(others.most_common())
    rows = np.array([row for row, item in enumerate(known) if item and not is_seen[row]], dtype=int)
    left_out.n_without = len(table) - int(np.sum(is_seen)) - len(rows)
    if not len(rows):
        raise ValueError(_nothing_left(left_out, classes))
    kept = None if artists is None else artists[rows]
    chosen = [known[row] for row in rows]
    return Items(table.iloc[rows], [names[row] for row in rows], chosen, kept), left_out


def _mark_seen(left_out, table, artists, names, columns, seen):
    is_seen = np.zeros(len(table), dtype=bool)
    if left_out.knows_artists:
        is_seen = np.array(seen.artists_among(artists), dtype=bool)
        left_out.artists = dict(Counter(map(str, artists[is_seen])).most_common())
    if left_out.knows_items:
        again = np.array(seen.items_among(rows_checked_by(table, columns)), dtype=bool) & ~is_seen
        left_out.items = [names[row] for row in np.flatnonzero(again)]
        is_seen |= again
    return is_seen


def _nothing_left(left_out, classes):
    if left_out.n_seen and not left_out.n_without:
        return (
            f"The model was trained on all {left_out.n_rows:,} rows, or on their artists, so the "
            "metrics would be too optimistic. Pass rows of other artists."
        )
    others = f"; they have {sorted(left_out.unknown)[:8]}" if left_out.unknown else ""
    return (
        f"No row is left to score: {left_out.n_seen:,} of {left_out.n_rows:,} were seen in "
        f"training, and {left_out.n_without:,} have no genre that the model knows "
        f"({sorted(classes)[:8]}){others}."
    )
