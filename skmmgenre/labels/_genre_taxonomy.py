"""The tree of genres, the labels it gives to items, and its picture."""

import difflib
import warnings
from collections.abc import Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from typing import TYPE_CHECKING, Any, Literal, Self, overload

import numpy as np
import pandas as pd
from scipy import sparse

from .._typing import Column, Matrix, ObjectArray
from ..utils import as_pandas, first_few, read_indicator
from ._genre_lists import (
    describe_reading,
    genre_key,
    is_catalogue_name,
    may_stand_in_name,
    read_genres,
)

if TYPE_CHECKING:
    from matplotlib.axes import Axes


class GenreTaxonomy:
    """A tree of genres, made of branches such as "Pop/Oldies/Traditional Pop" (section 7.1.1).

    A branch is the names from the top of the tree down to a genre. Every name is one label,
    wherever it stands: "Jazz/General" and "Rock/General" are two branches, "General" is one
    label with two parents.

    Parameters
    ----------
    branches : iterable of str
        The branches, a longer one bringing all above it with it. White space around names and
        separators at the ends of a branch are dropped, and so are repetitions.
    separator : str or None, default="/"
        What stands between two names. Choose another where names hold a slash ("Pop/Rock"), or
        None: each branch is one name, slashes and all.

    Attributes
    ----------
    branches : list of str
        The branches, in the order given.
    labels : list of str
        The names, sorted: the columns of `label_matrix`.
    roots, leaves : list of str
        The names on top of a branch, and those with nothing below, sorted.
    n_levels : int
        Names in the longest branch.
    separator : str or None
        What stands between two names of a branch; None if each branch is one name.

    Raises
    ------
    ValueError
        If there is no branch; if one is no text, is blank, or has an empty name between two
        separators ("Pop//Oldies"); or if a genre stands above itself, in one branch
        ("Pop/Oldies/Pop") or by several ("Pop/Soul" and "Soul/Pop").

    See Also
    --------
    PPMILabelFactorizer : Factors of the labels.
    skmmgenre.datasets.describe_genres : How often each label occurs.

    Notes
    -----
    A taxonomy is plain data and does not change: `filter` and `collapse` answer with another,
    which still reads the branches of the whole. Iterating gives the branches, ``len`` their
    number.

    Examples
    --------
    >>> from skmmgenre.labels import GenreTaxonomy
    >>> taxonomy = GenreTaxonomy(
    ...     ["Jazz/Vocal Jazz", "Pop/Vocal Pop", "Pop/Oldies/Traditional Pop"]
    ... )
    >>> albums = [["Jazz/Vocal Jazz", "Pop/Vocal Pop"], ["Pop/Oldies/Traditional Pop"]]
    >>> taxonomy.expand(albums)
    [['Jazz', 'Vocal Jazz', 'Pop', 'Vocal Pop'], ['Pop', 'Oldies', 'Traditional Pop']]
    >>> Y = taxonomy.label_matrix(albums)
    >>> Y.columns.tolist()
    ['Jazz', 'Oldies', 'Pop', 'Traditional Pop', 'Vocal Jazz', 'Vocal Pop']
    >>> print(taxonomy.to_text(Y.sum()))
    Pop  2
      Oldies  1
        Traditional Pop  1
      Vocal Pop  1
    Jazz  1
      Vocal Jazz  1
    """

    def __init__(self, branches: Iterable[str], *, separator: str | None = "/"):
        if separator is not None and not (isinstance(separator, str) and separator):
            raise ValueError(
                f"separator must be a text that is not empty, or None, got {separator!r}."
            )
        if isinstance(branches, str):
            raise ValueError(f"branches must be several, got one text: pass [{branches!r}].")
        paths = [
            _parse(branch, separator, f"branch {place}") for place, branch in enumerate(branches)
        ]
        self._set_paths(separator, paths)

    def _set_paths(self, separator, paths):
        if not paths:
            raise ValueError("branches is empty: a taxonomy has at least one branch.")
        self.__setstate__((separator, tuple(dict.fromkeys(paths)), (), None))
        _refuse_cycles(self)

    @classmethod
    def from_items(cls, items: Column, *, separator: str | None = "/") -> Self:
        """Make the taxonomy of all branches that items have.

        Parameters
        ----------
        items : list-like of shape (n,)
            The genres of each item. A list holds branches, each as it is. A text is read as
            `read_genres` and the commands read the cell of a table: "Jazz; Blues" is two. None,
            NaN, "" and an empty list are an item without a genre.
        separator : str or None, default="/"
            What stands between the names of a branch; None: each genre is one name. A name that
            catalogues write with a slash ("Pop/Rock", "R&B/Soul") is one name, too, unless
            another branch begins as it does ("Pop/Oldies").

        Returns
        -------
        taxonomy : GenreTaxonomy
            Its branches are sorted.

        Raises
        ------
        ValueError
            As the constructor; or if an item is no text and no list of them.

        Warns
        -----
        UserWarning
            If texts were split in doubt, or are not genres ("Other").

        Examples
        --------
        >>> from skmmgenre.labels import GenreTaxonomy
        >>> GenreTaxonomy.from_items(["Pop/Rock; R&B", "Jazz", None]).labels
        ['Jazz', 'Pop/Rock', 'R&B']
        """
        taxonomy = cls.__new__(cls)
        branches = sorted({b for cell in _cells(items, separator) for b in cell})
        whole = _whole_names(branches) if separator == "/" else ()
        taxonomy._set_paths(
            separator,
            [(b.strip(),) if b in whole else _parse(b, separator, "items") for b in branches],
        )
        return taxonomy

    # The state is what was written, what is left out of it, and below which level it is cut;
    # all else is derived, so that a stored taxonomy is tuples of str.

    def __getstate__(self):
        return (self.separator, self._written, self._left_out, self._n_kept_levels)

    def __setstate__(self, state):
        self.separator, written, left_out, self._n_kept_levels = state
        self._written = tuple(map(tuple, written))
        self._left_out = tuple(left_out)
        self._written_nodes = _prefixes(self._written)
        kept = [self._kept(path) for path in self._written]
        self._paths = tuple(dict.fromkeys(path for path in kept if path))
        self._nodes = _prefixes(self._paths)
        self._labels = sorted({path[-1] for path in self._nodes})

    def _join(self, path):
        return path[0] if len(path) == 1 else self.separator.join(path)

    def _kept(self, path):
        left_out = set(self._left_out)
        return tuple(name for name in path[: self._n_kept_levels] if name not in left_out)

    def __eq__(self, other):
        if not isinstance(other, GenreTaxonomy):
            return NotImplemented
        return self.__getstate__() == other.__getstate__()

    def __hash__(self):
        return hash(self.__getstate__())

    def __iter__(self) -> Iterator[str]:
        return iter(self.branches)

    def __len__(self) -> int:
        return len(self._paths)

    def __repr__(self):
        return (
            f"<GenreTaxonomy: {len(self._labels)} labels, {len(self)} branches, "
            f"{self.n_levels} levels>"
        )

    def __str__(self):
        return self.to_text()

    @property
    def branches(self) -> list[str]:
        """The branches, in the order given."""
        return [self._join(path) for path in self._paths]

    @property
    def labels(self) -> list[str]:
        """The names, sorted."""
        return list(self._labels)

    @property
    def roots(self) -> list[str]:
        """The names on top of a branch, sorted."""
        return sorted({path[0] for path in self._nodes})

    @property
    def leaves(self) -> list[str]:
        """The names with nothing below, sorted."""
        return sorted(set(self._labels) - {name for path in self._nodes for name in path[:-1]})

    @property
    def n_levels(self) -> int:
        """Names in the longest branch."""
        return max(map(len, self._paths))

    def ancestors(self, label: str) -> list[str]:
        """Return the genres above a label in any of its branches.

        Parameters
        ----------
        label : str
            One of `labels`.

        Returns
        -------
        labels : list of str
            Sorted.

        Raises
        ------
        ValueError
            If there is no such label.
        """
        self._check_label(label)
        return sorted({name for path in self._nodes if path[-1] == label for name in path[:-1]})

    def descendants(self, label: str) -> list[str]:
        """Return the genres below a label in any branch.

        Parameters
        ----------
        label : str
            One of `labels`.

        Returns
        -------
        labels : list of str
            Sorted.

        Raises
        ------
        ValueError
            If there is no such label.
        """
        self._check_label(label)
        return sorted({path[-1] for path in self._nodes if label in path[:-1]})

    def expand(self, items: Column) -> list[list[str]]:
        """Give each item all labels of all its branches.

        Parameters
        ----------
        items : list-like of shape (n,)
            The branches of each item: a list of str, or a text that is read as by `from_items`.
            None, NaN, "" and an empty list are an item without a genre. The bare name of a
            genre stands for its branch, if it is in one place of the tree only.

        Returns
        -------
        labels : list of list of str
            Of each item, in the order of its branches and from the top down, each label once.

        Raises
        ------
        ValueError
            If an item has a branch that is not in the taxonomy, or a bare name that is in
            several places; its position and the branch are named.
        """
        known = {}  # most items share their branches with others
        expanded = []
        for row, cell in enumerate(_cells(items, self.separator, self)):
            for branch in cell:
                if branch not in known:
                    known[branch] = self._kept(self._find(branch, row))
            expanded.append(list(dict.fromkeys(name for branch in cell for name in known[branch])))
        return expanded

    @overload
    def label_matrix(
        self, items: Column, *, sparse_output: Literal[False] = False
    ) -> pd.DataFrame: ...
    @overload
    def label_matrix(self, items: Column, *, sparse_output: Literal[True]) -> sparse.csr_array: ...
    def label_matrix(self, items: Column, *, sparse_output: bool = False) -> Any:
        """Return the indicator matrix of the labels that items have by all their branches.

        Parameters
        ----------
        items : list-like of shape (n,)
            As for `expand`.
        sparse_output : bool, default=False
            Whether to return a sparse array, which takes less memory, instead of a DataFrame.

        Returns
        -------
        Y : DataFrame of int8, or csr_array of int8, shape (n, n_labels)
            0 and 1; the columns are `labels`, those that no item has included. A DataFrame has
            the index of `items` if that is a Series.

        Raises
        ------
        ValueError
            As `expand`.
        """
        column = {label: place for place, label in enumerate(self._labels)}
        rows = [[column[label] for label in labels] for labels in self.expand(items)]
        ends = np.cumsum([0, *map(len, rows)])
        columns = np.array([place for row in rows for place in row], dtype=np.int64)
        matrix = sparse.csr_array(
            (np.ones(len(columns), dtype=np.int8), columns, ends), shape=(len(rows), len(column))
        )
        matrix.sort_indices()
        if sparse_output:
            return matrix
        index = items.index if isinstance(items, pd.Series) else None
        return pd.DataFrame(matrix.toarray(), index=index, columns=self._labels)

    def count(self, items: Matrix) -> pd.Series:
        """Count the items that have each label.

        Parameters
        ----------
        items : list-like of shape (n,), or indicator of shape (n, n_labels)
            Branches, as for `expand`; or 0 and 1 as DataFrame (columns are labels, in any
            order; a label without a column counts 0), ndarray or sparse (columns are `labels`).

        Returns
        -------
        counts : Series of int
            Its index are the labels.

        Raises
        ------
        ValueError
            As `expand`; or if an indicator has other labels or entries.
        """
        matrix, names = self._incidence(items)
        counts = pd.Series(np.asarray(matrix.sum(axis=0, dtype=np.int64)), index=names)
        return counts.reindex(self._labels, fill_value=0).rename("count")

    def single_parents(self, items: Matrix) -> ObjectArray:
        """Return the parent genre of the items that have exactly one genre of the top level.

        These items are the paper's single-parent-label subset (section 7.5): a picture can give
        each of them one colour.

        Parameters
        ----------
        items : list-like of shape (n,), or indicator of shape (n, n_labels)
            As for `count`.

        Returns
        -------
        parents : ndarray of object, shape (n,)
            One of `roots`; None where an item has none of them, or several.

        Raises
        ------
        ValueError
            As `count`.

        Examples
        --------
        >>> from skmmgenre.labels import GenreTaxonomy
        >>> taxonomy = GenreTaxonomy(["Jazz/Bebop", "Jazz/Cool Jazz", "Pop/Vocal Pop"])
        >>> albums = [["Jazz/Bebop", "Jazz/Cool Jazz"], ["Jazz/Bebop", "Pop"], None]
        >>> taxonomy.single_parents(albums).tolist()
        ['Jazz', None, None]
        """
        matrix, names = self._incidence(items)
        roots = set(self.roots)
        columns = [place for place, name in enumerate(names) if name in roots]
        of_roots = sparse.csr_array(sparse.csr_array(matrix)[:, columns], dtype=np.int64)
        of_roots.eliminate_zeros()
        parents = np.full(of_roots.shape[0], None, dtype=object)
        single = np.flatnonzero(np.diff(of_roots.indptr) == 1)
        root_names = np.array([names[column] for column in columns], dtype=object)
        parents[single] = root_names[of_roots.indices[of_roots.indptr[single]]]
        return parents

    def filter(self, items: Matrix, *, min_items: int = 12) -> "GenreTaxonomy":
        """Leave out the labels of few items.

        What is left of a branch closes up: without "Oldies", "Pop/Oldies/Traditional Pop" is
        "Pop/Traditional Pop". Items may keep their branches as they are.

        Parameters
        ----------
        items : list-like of shape (n,), or indicator of shape (n, n_labels)
            As for `count`: usually the items of the training set.
        min_items : int, default=12
            Fewest items a label must have; 12 is the paper's.

        Returns
        -------
        taxonomy : GenreTaxonomy
            A new taxonomy without these labels.

        Raises
        ------
        ValueError
            As `count`; or if no label has so many items.
        """
        counts = self.count(items)
        few = counts.index[counts < min_items].tolist()
        if len(few) == len(counts):
            raise ValueError(
                f"No label has {min_items} items; {counts.idxmax()!r} has the most, "
                f"{counts.max()}. Pass a smaller min_items."
            )
        left_out = tuple(sorted({*self._left_out, *few}))
        return self._with(left_out, self._n_kept_levels)

    def collapse(self, level: int) -> "GenreTaxonomy":
        """Cut the tree below a level: what is lower counts for the genre at that level.

        Parameters
        ----------
        level : int
            Levels kept, from 1 (the top of each branch alone); branches are cut as they were
            first written.

        Returns
        -------
        taxonomy : GenreTaxonomy
            It still reads the longer branches of items.

        Raises
        ------
        ValueError
            If `level` is not an integer from 1 to the number of levels, or `filter` has left
            nothing of what is to be kept.
        """
        deepest = max(map(len, self._written))
        if isinstance(level, bool) or level not in range(1, deepest + 1):
            raise ValueError(f"level must be an integer from 1 to {deepest}, got {level!r}.")
        collapsed = self._with(self._left_out, min(level, self._n_kept_levels or level))
        if not collapsed._paths:
            raise ValueError(f"No label is left at level {level}: collapse first, then filter.")
        return collapsed

    def make_consistent(self, scores: Matrix, labels: Column | None = None) -> Any:
        """Raise the score of every genre to that of its best child at least.

        Nothing else is changed. Of a label under two parents both are raised. An indicator of
        0 and 1 gets the labels above those it has.

        Parameters
        ----------
        scores : DataFrame or ndarray of shape (n, n_scored)
            Any scores, the larger the likelier. Columns of a DataFrame are labels of the
            taxonomy, not necessarily all. NaN spreads to what is above it.
        labels : list-like of str, optional
            The labels of the columns of an array, as a model's `classes_`; default `labels`.

        Returns
        -------
        consistent : DataFrame or ndarray of shape (n, n_scored)
            As `scores`, which is left as it is.

        Raises
        ------
        ValueError
            If a column is no label of the taxonomy, or stands twice.
        """
        scores = as_pandas(scores)
        is_frame = isinstance(scores, pd.DataFrame)
        values = np.array(scores)
        if values.ndim != 2:
            raise ValueError(f"scores must have one column a label, got shape {values.shape}.")
        if is_frame:
            names = scores.columns.tolist()
        else:
            names = self._labels_of_columns(values) if labels is None else list(labels)
        if len(names) != values.shape[1]:
            raise ValueError(f"labels has {len(names)} names, scores {values.shape[1]} columns.")
        column = {name: place for place, name in enumerate(names)}
        if len(column) < len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"scores has two columns of the label {repeated!r}.")
        for name in names:
            self._check_label(name)
        # Through all labels, as one without a column still hands on what is below it.
        children = _children(self._nodes)
        best = {}
        for label in TopologicalSorter(children).static_order():  # children first
            parts = [best[child] for child in children[label] if child in best]
            if label in column:
                parts.append(values[:, column[label]])
            if parts:
                best[label] = np.maximum.reduce(parts)
        if names:
            values = np.column_stack([best[name] for name in names])
        return pd.DataFrame(values, scores.index, scores.columns) if is_frame else values

    def to_text(self, counts: pd.Series | dict[str, Any] | None = None) -> str:
        """Return the tree as text: a line a genre, indented by two spaces a level.

        Parameters
        ----------
        counts : Series or dict, optional
            A number of each label, shown behind it; the larger ones then come first, where
            otherwise the alphabet rules. A label under two parents is shown twice.

        Returns
        -------
        text : str
            Lines separated by "\\n", for `print`.
        """
        lines = []
        for path in self._walk(counts):
            line = "  " * (len(path) - 1) + path[-1]
            if counts is not None and path[-1] in counts:
                line += f"  {counts[path[-1]]:,}"
            lines.append(line)
        return "\n".join(lines)

    def plot(
        self, counts: pd.Series | dict[str, Any] | None = None, *, ax: "Axes | None" = None
    ) -> "Axes":
        """Draw the tree with matplotlib, the top of each branch on the left.

        Parameters
        ----------
        counts : Series or dict, optional
            A number of each label: shown behind it, and as the area of its dot.
        ax : matplotlib Axes, optional
            By default a new figure of a height that all labels fit.

        Returns
        -------
        ax : matplotlib Axes
            What was drawn in.
        """

        return draw_tree(list(self._walk(counts)), counts, ax)

    def _walk(self, counts=None):
        """Go through the tree from the top, children in the order of a picture."""
        below = {}
        for path in self._nodes:
            below.setdefault(path[:-1], []).append(path)

        def order(path):
            size = 0 if counts is None or path[-1] not in counts else counts[path[-1]]
            return -size, path[-1]

        # A stack, with the first child on top: branches may be longer than Python's recursion.
        waiting = sorted(below[()], key=order, reverse=True)
        while waiting:
            path = waiting.pop()
            yield path
            waiting += sorted(below.get(path, ()), key=order, reverse=True)

    def _incidence(self, items):
        """Return which items have which labels, a matrix of 0 and 1, and the labels."""
        items = as_pandas(items)
        if isinstance(items, pd.DataFrame):
            matrix, names = read_indicator(items, "items")
            for name in names.tolist():
                self._check_label(name)
            return matrix, names.tolist()
        if sparse.issparse(items) or (isinstance(items, np.ndarray) and items.ndim == 2):
            matrix, _ = read_indicator(items, "items", keep_sparse=True)
            return matrix, self._labels_of_columns(matrix)
        return self.label_matrix(items, sparse_output=True), self._labels

    def _with(self, left_out, n_kept_levels):
        other = object.__new__(type(self))
        other.__setstate__((self.separator, self._written, left_out, n_kept_levels))
        return other

    def _holds(self, branch):
        try:
            self._find(branch, 0)
        except ValueError:
            return False
        return True

    def _find(self, branch, row):
        """Return the path of a branch, or of a bare name, as it was first written."""
        if (whole := (branch.strip(),)) in self._written_nodes:
            return whole  # it may hold a slash, as "Pop/Rock"
        path = _parse(branch, self.separator, f"item {row}")
        if path in self._written_nodes:
            return path
        if len(path) == 1:
            places = [known for known in self._written_nodes if known[-1] == path[0]]
            if len(places) == 1:
                return places[0]
            if places:
                found = " and ".join(repr(self._join(place)) for place in places)
                raise ValueError(
                    f"The genre {path[0]!r} of item {row} is in several places, {found}: pass "
                    "the branch."
                )
        known = [self._join(node) for node in self._written_nodes]
        raise ValueError(
            f"The branch {branch!r} of item {row} is not in the taxonomy"
            f"{_suggestion(branch, known)}. Add it to the branches, or make the taxonomy by "
            "GenreTaxonomy.from_items."
        )

    def _check_label(self, label):
        if label not in self._labels:
            raise ValueError(
                f"{label!r} is no label of the taxonomy{_suggestion(label, self._labels)}."
            )

    def _labels_of_columns(self, matrix):
        if matrix.shape[1] != len(self._labels):
            raise ValueError(
                f"A matrix of {matrix.shape[1]} columns, but the taxonomy has "
                f"{len(self._labels)} labels. Pass a DataFrame with the labels as columns."
            )
        return self._labels


def _parse(branch, separator, where):
    if not isinstance(branch, str):
        raise ValueError(
            f"A branch must be a text such as 'Pop{separator or '/'}Oldies', got {branch!r} in "
            f"{where}."
        )
    parts = [branch] if separator is None else branch.split(separator)
    names = [name.strip() for name in parts]
    while names and not names[0]:
        del names[0]
    while names and not names[-1]:
        del names[-1]
    if not names:
        raise ValueError(f"The branch {branch!r} ({where}) holds no name.")
    if not all(names):
        raise ValueError(
            f"The branch {branch!r} ({where}) has an empty name between two separators: write "
            "the name, or one separator."
        )
    if len(set(names)) < len(names):
        name = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"The genre {name!r} stands above itself in {branch!r} ({where}).")
    return tuple(names)


def _whole_names(branches):
    """Return names that catalogues write with a slash, unless another branch begins as they do."""
    top = {b: genre_key(b.strip().strip("/").partition("/")[0]) for b in branches if "/" in b}
    tops = {top[b] for b in top if not is_catalogue_name(b)}
    return {b for b in top if is_catalogue_name(b) and top[b] not in tops}


def _prefixes(paths):
    """All nodes of the tree, those above first; a dict, which keeps their order."""
    return dict.fromkeys(path[:end] for path in paths for end in range(1, len(path) + 1))


def _children(nodes):
    """The children of every name, by any branch."""
    children = {path[-1]: {} for path in nodes}
    for path in nodes:
        if len(path) > 1:
            children[path[-2]][path[-1]] = None
    return children


def _refuse_cycles(taxonomy):
    try:
        TopologicalSorter(_children(taxonomy._nodes)).prepare()
    except CycleError as error:
        cycle = error.args[1][::-1]  # from the top down
        steps = list(zip(cycle, cycle[1:], strict=False))
        guilty = [
            taxonomy._join(path) for step in steps for path in taxonomy._nodes if path[-2:] == step
        ]
        raise ValueError(
            f"The genre {cycle[0]!r} stands above itself: {' > '.join(cycle)}, by the branches "
            f"{', '.join(map(repr, guilty))}. Take one of them out, or rename one of its genres."
        ) from None


def _suggestion(name, known):
    close = difflib.get_close_matches(str(name), known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _cells(items, separator, taxonomy=None):
    """Return the branches of each item, as lists; texts may join several."""
    items = as_pandas(items)
    if isinstance(items, (str, dict, pd.DataFrame)) or not hasattr(items, "__iter__"):
        raise ValueError(
            f"items must be one list of branches an item, got a {type(items).__name__}."
        )
    cells = []
    for row, cell in enumerate(items):
        if isinstance(cell, str):
            cells.append(cell)
        elif isinstance(cell, (set, frozenset)):
            cells.append(sorted(cell))
        elif isinstance(cell, (list, tuple, np.ndarray, pd.Series)):
            cells.append([str(b) if isinstance(b, np.str_) else b for b in cell])
        elif pd.isna(cell):
            cells.append([])
        else:
            raise ValueError(f"item {row} must be a list of branches, got {cell!r}.")
        for branch in [] if isinstance(cell, str) else cells[-1]:
            if not isinstance(branch, str):
                raise ValueError(f"item {row} holds {branch!r}; a branch is a text.")
    return _read_texts(cells, separator, taxonomy)


def _read_texts(cells, separator, taxonomy):
    """Read the texts among cells as lists of branches, except the branches of a taxonomy."""
    texts = {cell for cell in cells if isinstance(cell, str)}
    read = {text: [text] for text in texts if taxonomy is not None and taxonomy._holds(text)}
    left = [cell if isinstance(cell, str) and cell not in read else None for cell in cells]
    if separator is not None and not may_stand_in_name(separator):
        read |= {text: [text] if text.strip() else [] for text in left if text is not None}
    else:
        known = () if taxonomy is None else [*taxonomy._labels, *taxonomy.branches]
        genres, readings = read_genres(left, known=known, name="the text")
        read |= zip(left, genres, strict=True)
        if readings:
            said = first_few(
                readings, count=True, name=lambda r: describe_reading(r, "item"), separator="; "
            )
            warnings.warn(
                f"{said}. Pass lists of branches to have them as they are written.",
                UserWarning,
                stacklevel=4,
            )
    return [read[cell] if isinstance(cell, str) else cell for cell in cells]


def draw_tree(paths, counts, ax):
    """Draw nodes as rows, each indented by its level and joined to the one above it.

    Parameters
    ----------
    paths : list of tuple of str
        The names from the top down to each node; a node follows the one above it.
    counts : Series, dict or None
        A number of each label.
    ax : Axes or None

    Returns
    -------
    ax : Axes
    """
    import matplotlib.pyplot as plt

    depth = max(map(len, paths))
    if ax is None:
        size = (1.5 + 2 * depth, 0.5 + 0.22 * len(paths))
        _, ax = plt.subplots(figsize=size, layout="constrained")
    row = {path: place for place, path in enumerate(paths)}
    numbers = {
        path: counts[path[-1]] for path in paths if counts is not None and path[-1] in counts
    }
    largest = max(numbers.values(), default=0)
    for path, y in row.items():
        x = len(path) - 1
        if x:
            ax.plot([x - 1, x - 1, x], [row[path[:-1]], y, y], color="0.7", lw=0.8, zorder=1)
        name = path[-1].replace("$", r"\$")  # no formula
        if path in numbers:
            name += f"  {numbers[path]:,}"
        ax.annotate(name, (x, y), (9, 0), textcoords="offset points", va="center", fontsize=8)
    area = [10 + 140 * numbers.get(path, 0) / largest if largest else 10 for path in paths]
    ax.scatter([len(path) - 1 for path in paths], range(len(paths)), s=area, zorder=2)
    ax.set_xlim(-0.3, depth)
    ax.set_ylim(len(paths) - 0.5, -0.5)
    ax.set_axis_off()
    return ax
