"""Genre taxonomy: a tree of genres, the labels of items, and plots of the tree."""

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
    """Tree of genres, given by branches such as "Pop/Oldies/Traditional Pop" (section 7.1.1).

    A branch is the path of names from the root of the tree down to a genre. Each name is one
    label, regardless of its position: "Jazz/General" and "Rock/General" are two branches, but
    "General" is one label with two parents.

    Parameters
    ----------
    branches : iterable of str
        Branches of the tree. A branch includes all genres above its last name. White space around
        names, separators at the ends of a branch, and repeated branches are removed.
    separator : str or None, default="/"
        Separator between the names of a branch. Change it if names contain a slash ("Pop/Rock").
        With None each branch is a single name, including any slashes.

    Attributes
    ----------
    branches : list of str
        Branches, in the order given.
    labels : list of str
        Names of all genres, sorted. These are the columns of `label_matrix`.
    roots, leaves : list of str
        Genres at the top of a branch, and genres without children, sorted.
    n_levels : int
        Number of names in the longest branch.
    separator : str or None
        Separator between the names of a branch; None if each branch is a single name.

    Raises
    ------
    ValueError
        If there are no branches; if a branch is not a str, is blank, or has an empty name between
        two separators ("Pop//Oldies"); or if a genre is its own ancestor, in one branch
        ("Pop/Oldies/Pop") or through several ("Pop/Soul" and "Soul/Pop").

    See Also
    --------
    PPMILabelFactorizer : Compute factors of the labels.
    skmmgenre.datasets.describe_genres : Count how often each label occurs.

    Notes
    -----
    A taxonomy is immutable: `filter` and `collapse` return a new one, which still accepts the
    branches of the original. Iterating over a taxonomy yields its branches, and ``len`` is their
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
            raise ValueError(f"separator must be a non-empty str or None, got {separator!r}.")
        if isinstance(branches, str):
            raise ValueError(f"branches must be a list of str, got a str. Pass [{branches!r}].")
        paths = [
            _parse(branch, separator, f"branch {place}") for place, branch in enumerate(branches)
        ]
        self._set_paths(separator, paths)

    def _set_paths(self, separator, paths):
        if not paths:
            raise ValueError("branches is empty. Pass at least one branch.")
        self.__setstate__((separator, tuple(dict.fromkeys(paths)), (), None))
        _refuse_cycles(self)

    @classmethod
    def from_items(cls, items: Column, *, separator: str | None = "/") -> Self:
        """Create a taxonomy from the branches of items.

        Parameters
        ----------
        items : list-like of shape (n,)
            Genres of each item. A list contains branches, which are taken literally. A str is
            parsed like a table cell, by `read_genres`: "Jazz; Blues" is two genres. None, NaN, ""
            and an empty list are items without genres.
        separator : str or None, default="/"
            Separator between the names of a branch; with None each genre is a single name. A name
            that catalogues write with a slash ("Pop/Rock", "R&B/Soul") is also a single name,
            unless another branch starts with the same genre ("Pop/Oldies").

        Returns
        -------
        taxonomy : GenreTaxonomy
            The taxonomy, with sorted branches.

        Raises
        ------
        ValueError
            If the branches are invalid, as in the constructor, or if an item is neither a str nor
            a list of str.

        Warns
        -----
        UserWarning
            If the split of a text is uncertain, or a text is not a genre ("Other").

        Examples
        --------
        >>> from skmmgenre.labels import GenreTaxonomy
        >>> GenreTaxonomy.from_items(["Pop/Rock; R&B", "Jazz", None]).labels
        ['Jazz', 'Pop/Rock', 'R&B']
        """
        # Not by calling the class, which would split whole names such as "Pop/Rock".
        taxonomy = cls.__new__(cls)
        branches = sorted({b for cell in _cells(items, separator) for b in cell})
        whole = _whole_names(branches) if separator == "/" else ()
        taxonomy._set_paths(
            separator,
            [(b.strip(),) if b in whole else _parse(b, separator, "items") for b in branches],
        )
        return taxonomy

    # The state consists of the original branches, the excluded labels and the number of kept
    # levels; everything else is derived, so that a pickled taxonomy contains tuples of str only.

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
        """Branches, in the order given."""
        return [self._join(path) for path in self._paths]

    @property
    def labels(self) -> list[str]:
        """Names of all genres, sorted."""
        return list(self._labels)

    @property
    def roots(self) -> list[str]:
        """Genres at the top of a branch, sorted."""
        return sorted({path[0] for path in self._nodes})

    @property
    def leaves(self) -> list[str]:
        """Genres without children, sorted."""
        return sorted(set(self._labels) - {name for path in self._nodes for name in path[:-1]})

    @property
    def n_levels(self) -> int:
        """Number of names in the longest branch."""
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
            Ancestors of the label, sorted.

        Raises
        ------
        ValueError
            If the label is not in the taxonomy.
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
            Descendants of the label, sorted.

        Raises
        ------
        ValueError
            If the label is not in the taxonomy.
        """
        self._check_label(label)
        return sorted({path[-1] for path in self._nodes if label in path[:-1]})

    def expand(self, items: Column) -> list[list[str]]:
        """Return all labels of each item, including the genres above them.

        Parameters
        ----------
        items : list-like of shape (n,)
            Branches of each item: a list of str, or a str that is parsed as in `from_items`. None,
            NaN, "" and an empty list are items without genres. The name of a genre may be used
            instead of its branch if it occurs at only one position in the tree.

        Returns
        -------
        labels : list of list of str
            Labels of each item, in the order of its branches and from the root down, without
            repetitions.

        Raises
        ------
        ValueError
            If a branch of an item is not in the taxonomy, or a name occurs at several positions;
            the message contains the item and the branch.
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
        """Return the indicator matrix of the labels of items.

        Parameters
        ----------
        items : list-like of shape (n,)
            Branches of each item, as in `expand`.
        sparse_output : bool, default=False
            Whether to return a sparse array, which takes less memory, instead of a DataFrame.

        Returns
        -------
        Y : DataFrame of int8, or csr_array of int8, shape (n, n_labels)
            Indicators 0 and 1. The columns are `labels`, including those that no item has. A
            DataFrame has the index of `items` if `items` is a Series.

        Raises
        ------
        ValueError
            As in `expand`.
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
            Branches of each item, as in `expand`, or an indicator matrix of 0 and 1. The columns
            of a DataFrame are labels, in any order; a label without a column has count 0. The
            columns of an ndarray or sparse matrix are `labels`.

        Returns
        -------
        counts : Series of int
            Number of items per label, indexed by `labels`.

        Raises
        ------
        ValueError
            As in `expand`, or if an indicator matrix has other labels or entries.
        """
        matrix, names = self._incidence(items)
        counts = pd.Series(np.asarray(matrix.sum(axis=0, dtype=np.int64)), index=names)
        return counts.reindex(self._labels, fill_value=0).rename("count")

    def single_parents(self, items: Matrix) -> ObjectArray:
        """Return the top-level genre of the items that have exactly one.

        These items are the single-parent-label subset of the paper (section 7.5). In a plot, each
        of them can be shown in the color of its genre.

        Parameters
        ----------
        items : list-like of shape (n,), or indicator of shape (n, n_labels)
            Branches or indicators, as in `count`.

        Returns
        -------
        parents : ndarray of object, shape (n,)
            One of `roots` per item; None if an item has none of them, or more than one.

        Raises
        ------
        ValueError
            As in `count`.

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
        # In these rows, `indptr` is the position of the only entry.
        parents[single] = root_names[of_roots.indices[of_roots.indptr[single]]]
        return parents

    def filter(self, items: Matrix, *, min_items: int = 12) -> "GenreTaxonomy":
        """Remove the labels that have few items.

        The remaining names of a branch are joined: without "Oldies", "Pop/Oldies/Traditional Pop"
        becomes "Pop/Traditional Pop". The branches of items need not be changed.

        Parameters
        ----------
        items : list-like of shape (n,), or indicator of shape (n, n_labels)
            Branches or indicators, as in `count`, usually of the training set.
        min_items : int, default=12
            Minimum number of items per label. The default is the value in the paper.

        Returns
        -------
        taxonomy : GenreTaxonomy
            A new taxonomy without these labels.

        Raises
        ------
        ValueError
            As in `count`, or if no label has `min_items` items.
        """
        counts = self.count(items)
        few = counts.index[counts < min_items].tolist()
        if len(few) == len(counts):
            raise ValueError(
                f"No label has {min_items} items; the most frequent one is "
                f"{counts.idxmax()!r} with {counts.max()}. Pass a smaller min_items."
            )
        left_out = tuple(sorted({*self._left_out, *few}))
        return self._with(left_out, self._n_kept_levels)

    def collapse(self, level: int) -> "GenreTaxonomy":
        """Cut the tree below a level; lower genres are mapped to their ancestor at that level.

        Parameters
        ----------
        level : int
            Number of levels to keep; 1 keeps only the top of each branch. Levels are counted in
            the original branches, before `filter`.

        Returns
        -------
        taxonomy : GenreTaxonomy
            A new taxonomy, which still accepts the longer branches of items.

        Raises
        ------
        ValueError
            If `level` is not an integer from 1 to the number of levels, or if `filter` has
            removed all labels of the levels to keep.
        """
        deepest = max(map(len, self._written))
        if isinstance(level, bool) or level not in range(1, deepest + 1):
            raise ValueError(f"level must be an integer from 1 to {deepest}, got {level!r}.")
        collapsed = self._with(self._left_out, min(level, self._n_kept_levels or level))
        if not collapsed._paths:
            raise ValueError(
                f"No labels remain with level={level}, because filter has removed them. Call "
                "collapse before filter."
            )
        return collapsed

    def make_consistent(self, scores: Matrix, labels: Column | None = None) -> Any:
        """Increase the score of each genre to at least that of its best child.

        All other scores are unchanged. If a label has two parents, both are adjusted. In an
        indicator matrix of 0 and 1, the ancestors of each label are added.

        Parameters
        ----------
        scores : DataFrame or ndarray of shape (n, n_scored)
            Scores, where larger means more likely. The columns of a DataFrame are labels of the
            taxonomy, not necessarily all of them. NaN propagates to the ancestors.
        labels : list-like of str, optional
            Labels of the columns of an array, such as the `classes_` of a model. By default the
            `labels` of the taxonomy.

        Returns
        -------
        consistent : DataFrame or ndarray of shape (n, n_scored)
            Adjusted copy of `scores`.

        Raises
        ------
        ValueError
            If a column is not a label of the taxonomy, or occurs twice.
        """
        scores = as_pandas(scores)
        is_frame = isinstance(scores, pd.DataFrame)
        values = np.array(scores)
        if values.ndim != 2:
            raise ValueError(f"scores must have one column per label, got shape {values.shape}.")
        if is_frame:
            names = scores.columns.tolist()
        else:
            names = self._labels_of_columns(values) if labels is None else list(labels)
        if len(names) != values.shape[1]:
            raise ValueError(
                f"labels has {len(names)} names, but scores has {values.shape[1]} columns."
            )
        column = {name: place for place, name in enumerate(names)}
        if len(column) < len(names):
            repeated = next(name for name in names if names.count(name) > 1)
            raise ValueError(f"scores has two columns of the label {repeated!r}.")
        for name in names:
            self._check_label(name)
        # Visit all labels: one without a column still passes on the scores of its descendants.
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
        """Return the tree as text, with one line per genre and an indent of two spaces per level.

        Parameters
        ----------
        counts : Series or dict, optional
            Number to show after each label. Siblings are sorted by decreasing number; without
            `counts` they are in alphabetical order. A label with two parents is shown twice.

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
        """Draw the tree with matplotlib, with the top of each branch on the left.

        Parameters
        ----------
        counts : Series or dict, optional
            Number of each label, shown after the label and as the area of its dot.
        ax : matplotlib Axes, optional
            Axes to draw in. By default a new figure that is high enough for all labels.

        Returns
        -------
        ax : matplotlib Axes
            The axes with the tree.
        """

        return draw_tree(list(self._walk(counts)), counts, ax)

    def _walk(self, counts=None):
        """Yield the nodes of the tree from the top, with children in display order."""
        below = {}
        for path in self._nodes:
            below.setdefault(path[:-1], []).append(path)

        def order(path):
            size = 0 if counts is None or path[-1] not in counts else counts[path[-1]]
            return -size, path[-1]

        # A stack with the first child on top, because branches may exceed the recursion limit.
        waiting = sorted(below[()], key=order, reverse=True)
        while waiting:
            path = waiting.pop()
            yield path
            waiting += sorted(below.get(path, ()), key=order, reverse=True)

    def _incidence(self, items):
        """Return the indicator matrix of the items and the labels of its columns."""
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
        """Return the original path of a branch, or of the name of a genre."""
        if (whole := (branch.strip(),)) in self._written_nodes:
            return whole  # it may contain a slash, as in "Pop/Rock"
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
                    f"The genre {path[0]!r} of item {row} is ambiguous: it occurs as {found}. "
                    "Pass the branch."
                )
        known = [self._join(node) for node in self._written_nodes]
        raise ValueError(
            f"The branch {branch!r} of item {row} is not in the taxonomy"
            f"{_suggestion(branch, known)}. Add it to the branches, or create the taxonomy with "
            "GenreTaxonomy.from_items."
        )

    def _check_label(self, label):
        if label not in self._labels:
            raise ValueError(
                f"{label!r} is not a label of the taxonomy{_suggestion(label, self._labels)}."
            )

    def _labels_of_columns(self, matrix):
        if matrix.shape[1] != len(self._labels):
            raise ValueError(
                f"The matrix has {matrix.shape[1]} columns, but the taxonomy has "
                f"{len(self._labels)} labels. Pass a DataFrame with the labels as columns."
            )
        return self._labels


def _parse(branch, separator, where):
    if not isinstance(branch, str):
        raise ValueError(
            f"A branch must be a str such as 'Pop{separator or '/'}Oldies', got {branch!r} in "
            f"{where}."
        )
    parts = [branch] if separator is None else branch.split(separator)
    names = [name.strip() for name in parts]
    while names and not names[0]:
        del names[0]
    while names and not names[-1]:
        del names[-1]
    if not names:
        raise ValueError(f"The branch {branch!r} ({where}) does not contain a name.")
    if not all(names):
        raise ValueError(
            f"The branch {branch!r} ({where}) has an empty name between two separators. Insert "
            "the name, or remove a separator."
        )
    if len(set(names)) < len(names):
        name = next(name for name in names if names.count(name) > 1)
        raise ValueError(
            f"The genre {name!r} occurs twice in the branch {branch!r} ({where}), so it is its "
            "own ancestor."
        )
    return tuple(names)


def _whole_names(branches):
    """Return the catalogue names with a slash, unless another branch starts with the same genre."""
    top = {b: genre_key(b.strip().strip("/").partition("/")[0]) for b in branches if "/" in b}
    tops = {top[b] for b in top if not is_catalogue_name(b)}
    return {b for b in top if is_catalogue_name(b) and top[b] not in tops}


def _prefixes(paths):
    """Return all nodes of the tree, parents first, as a dict, which keeps their order."""
    return dict.fromkeys(path[:end] for path in paths for end in range(1, len(path) + 1))


def _children(nodes):
    """Return the children of every name, over all branches."""
    children = {path[-1]: {} for path in nodes}
    for path in nodes:
        if len(path) > 1:
            children[path[-2]][path[-1]] = None
    return children


def _refuse_cycles(taxonomy):
    try:
        # A graph of names, not of nodes: a name is one label wherever it occurs, so two branches
        # can form a cycle together.
        TopologicalSorter(_children(taxonomy._nodes)).prepare()
    except CycleError as error:
        cycle = error.args[1][::-1]  # from the top down
        steps = list(zip(cycle, cycle[1:], strict=False))
        guilty = [
            taxonomy._join(path) for step in steps for path in taxonomy._nodes if path[-2:] == step
        ]
        raise ValueError(
            f"The genre {cycle[0]!r} is its own ancestor: {' > '.join(cycle)}, because of the "
            f"branches {', '.join(map(repr, guilty))}. Remove one of these branches, or rename one "
            "of its genres."
        ) from None


def _suggestion(name, known):
    close = difflib.get_close_matches(str(name), known, n=1)
    return f" (did you mean {close[0]!r}?)" if close else ""


def _cells(items, separator, taxonomy=None):
    """Return the branches of each item as lists; a text may contain several."""
    items = as_pandas(items)
    if isinstance(items, (str, dict, pd.DataFrame)) or not hasattr(items, "__iter__"):
        raise ValueError(
            f"items must be a sequence with a list of branches per item, got "
            f"{type(items).__name__}."
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
            raise ValueError(f"Item {row} must be a list of branches, got {cell!r}.")
        for branch in [] if isinstance(cell, str) else cells[-1]:
            if not isinstance(branch, str):
                raise ValueError(f"A branch must be a str, got {branch!r} in item {row}.")
    return _read_texts(cells, separator, taxonomy)


def _read_texts(cells, separator, taxonomy):
    """Parse the texts among cells into lists of branches, except the branches of a taxonomy."""
    texts = {cell for cell in cells if isinstance(cell, str)}
    read = {text: [text] for text in texts if taxonomy is not None and taxonomy._holds(text)}
    left = [cell if isinstance(cell, str) and cell not in read else None for cell in cells]
    # The reader of genre cells would split at such a separator, so each text is taken as a branch.
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
                f"{said}. Pass lists of branches to use the names as they are written.",
                UserWarning,
                stacklevel=4,
            )
    return [read[cell] if isinstance(cell, str) else cell for cell in cells]


def draw_tree(paths, counts, ax):
    """Draw nodes as rows, each indented by its level and connected to its parent.

    Parameters
    ----------
    paths : list of tuple of str
        Names from the root down to each node; a node comes after its parent.
    counts : Series, dict or None
        Number of each label.
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
        name = path[-1].replace("$", r"\$")  # do not parse as a formula
        if path in numbers:
            name += f"  {numbers[path]:,}"
        ax.annotate(name, (x, y), (9, 0), textcoords="offset points", va="center", fontsize=8)
    area = [10 + 140 * numbers.get(path, 0) / largest if largest else 10 for path in paths]
    ax.scatter([len(path) - 1 for path in paths], range(len(paths)), s=area, zorder=2)
    ax.set_xlim(-0.3, depth)
    ax.set_ylim(len(paths) - 0.5, -0.5)
    ax.set_axis_off()
    return ax
