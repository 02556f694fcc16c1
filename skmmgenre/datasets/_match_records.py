"""Matching of the records of two catalogues."""

from collections.abc import Sequence
from numbers import Real

import numpy as np
import pandas as pd
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, validate_params

from ..utils import progress_bar
from ._match_keys import candidate_pairs, key_similarity, name_key, text_similarity

_TAKEN = "every record that is similar enough was matched to another one"
_NONE = "no record is similar enough"


@validate_params(
    {
        "left": [pd.DataFrame],
        "right": [pd.DataFrame],
        "on": [str, list, tuple],
        "right_on": [str, list, tuple, None],
        "threshold": [Interval(Real, 0, 1, closed="right")],
        "margin": [Interval(Real, 0, 1, closed="both")],
        "verbose": ["verbose"],
    },
    prefer_skip_nested_validation=True,
)
def match_records(
    left: pd.DataFrame,
    right: pd.DataFrame,
    on: str | Sequence[str] = ("title", "artist"),
    *,
    right_on: str | Sequence[str] | None = None,
    threshold: float = 0.8,
    margin: float = 0.05,
    verbose: int = 0,
) -> Bunch:
    """Match the records of two catalogues that are the same music (section 7.1 of the paper).

    MuMu was built this way: albums of a shop were matched to those of an encyclopedia by the
    similarity of their titles and artists.

    Parameters
    ----------
    left, right : DataFrame
        The catalogues, one row per record. The index must be unique.
    on : str or list of str, default=("title", "artist")
        The columns to compare, in both catalogues; ``on="artist"`` to match artists alone.
    right_on : str or list of str, default=None
        The names of these columns in `right`, if they differ.
    threshold : float in (0, 1], default=0.8
        The minimum similarity of each column. Use 0.95 or more for a single column, since no other
        column confirms the match.
    margin : float in [0, 1], default=0.05
        A match is ambiguous if another pair with one of its records has at least the score of the
        match minus `margin`.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        matches : DataFrame, one row per pair, in the order of `left`
            left and right (labels of the index), score, the similarity of each column
            (``title_similarity``, ...), all in [0, 1], and ambiguous (bool). No record is in
            two pairs.
        ambiguous : DataFrame, one row per rejected pair, the most similar first
            The pairs within `margin` of the match of one of their records: left and right, score,
            left_match and right_match (the records that the two were matched to instead, or None),
            and the values of the columns (``title_left``, ``title_right``, ...).
        unmatched_left, unmatched_right : Series of str
            The reason why each of the other records has no match.

    Raises
    ------
    ValueError
        If a column is missing, or an index has duplicate labels.

    See Also
    --------
    make_catalogues : Make two catalogues with known pairs.
    skmmgenre.labels.GenreTaxonomy : Labels from the genre branches of a shop.

    Notes
    -----
    1. Names are normalized before they are compared. Differences in case, accents, punctuation,
       "The X" and "X, The", "&" and "and", guests ("feat. Y"), and, in brackets or after a dash,
       the edition ("(Deluxe Edition)", "[Remastered 2009]") or the kind of artist ("(band)") are
       ignored.
    2. The similarity of two names is 1 minus the number of letters to insert, delete, replace or
       swap, divided by the length of the longer one; words are also compared in sorted order
       ("Davis, Miles"). Names in different scripts are compared in Latin letters. The similarity
       is 0 if they differ in a number ("Vol. 2" and "Part II" do not) or in a word such as "live"
       or "remixes": these are different pieces.
    3. The score of a pair is the minimum of the similarities of its columns.
    4. Only pairs that share rare groups of three letters are compared, so that the work grows with
       the number of records and not with the product of both numbers.
    5. Pairs are accepted in order of decreasing score, and each record is matched at most once, so
       the matching is stable: no two records prefer each other to their matches. Ties are broken
       by the mean over columns, then by how the names are written.

    Requires rapidfuzz, and anyascii for other scripts: ``pip install "skmmgenre[data]"``.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmmgenre.datasets import match_records
    >>> shop = pd.DataFrame({
    ...     "title": ["Help! [Remastered]", "Chicago II", "Revolver"],
    ...     "artist": ["Beatles, The", "Chicago", "The Beatles"],
    ... })
    >>> encyclopedia = pd.DataFrame({
    ...     "title": ["Help", "Chicago III"], "artist": ["The Beatels", "Chicago"]
    ... })
    >>> result = match_records(shop, encyclopedia)
    >>> result.matches[["left", "right", "score"]].round(2)
       left  right  score
    0     0      0   0.86
    >>> result.unmatched_left
    1    no record is similar enough
    2    no record is similar enough
    dtype: object
    """
    asked = (on, on if right_on is None else right_on)
    columns = [[names] if isinstance(names, str) else list(names) for names in asked]
    tables = [left, right]
    _check(tables, columns)
    rows, similarities, finer = _compare(tables, columns, threshold, verbose)
    score = similarities.min(axis=0)
    # lexsort sorts by its last key first: by score, then by the tie-breakers in their order, then
    # by position, so that the result is always the same.
    order = np.lexsort((*rows[::-1], *(-part for part in finer[::-1]), -score))
    rows, similarities, score = rows[:, order], similarities[:, order], score[order]
    taken = _take_each_once(rows)
    # The match of each record, its score, and the best score among its rejected pairs.
    partner, matched_at, runner_up = [], [], []
    for side, table in enumerate(tables):
        partner.append(np.full(len(table), -1))
        partner[side][rows[side, taken]] = rows[1 - side, taken]
        for best, of in ((matched_at, taken), (runner_up, ~taken)):
            best.append(np.full(len(table), -np.inf))
            np.maximum.at(best[side], rows[side, of], score[of])
    closest = np.max([runner_up[side][rows[side]] for side in (0, 1)], axis=0)
    is_rival = ~taken & np.any(
        [score >= matched_at[side][rows[side]] - margin for side in (0, 1)], axis=0
    )
    matches = pd.DataFrame(
        {
            "left": left.index[rows[0, taken]],
            "right": right.index[rows[1, taken]],
            "score": score[taken],
            **{
                f"{name}_similarity": part[taken]
                for name, part in zip(columns[0], similarities, strict=True)
            },
            "ambiguous": (closest >= score - margin)[taken],
        }
    )
    return Bunch(
        matches=matches.iloc[np.argsort(rows[0, taken])].reset_index(drop=True),
        ambiguous=_describe_rivals(tables, columns, rows[:, is_rival], score[is_rival], partner),
        unmatched_left=_tell_why(left, columns[0], rows[0], partner[0]),
        unmatched_right=_tell_why(right, columns[1], rows[1], partner[1]),
    )


def _check(tables, columns):
    if not columns[0] or len(columns[0]) != len(columns[1]):
        raise ValueError(
            f"on and right_on must name the same number of columns, at least one; got {columns[0]} "
            f"and {columns[1]}."
        )
    for side, table, names in zip(("left", "right"), tables, columns, strict=True):
        absent = [name for name in names if name not in table]
        if absent:
            raise ValueError(
                f"{side} has no column {absent[0]!r}; it has {table.columns.tolist()[:12]}. Name "
                f"the columns with on= and right_on=."
            )
        repeated = table.index[table.index.duplicated()]
        if len(repeated):
            raise ValueError(
                f"The index of {side} contains {repeated[0]!r} twice, but must be unique. Pass "
                f"{side}.reset_index(drop=True)."
            )


def _compare(tables, columns, threshold, verbose):
    """Return the pairs of rows that are similar enough, and their similarities.

    Returns
    -------
    rows : ndarray of int, shape (2, n_pairs)
    similarities : ndarray of float32, shape (n_columns, n_pairs)
        Similarity of each column.
    finer : list of ndarray, shape (n_pairs,)
        Tie-breakers for equal scores: the mean over columns, and the similarity of the columns as
        they are written, first without the edition and then with it.
    """
    keys = [
        [[name_key(cell) for cell in table[name]] for name in names]
        for table, names in zip(tables, columns, strict=True)
    ]
    named = [np.flatnonzero([None not in key for key in zip(*side, strict=True)]) for side in keys]
    latin = [
        [[column[row].latin for row in rows] for column in side]
        for side, rows in zip(keys, named, strict=True)
    ]
    with progress_bar(len(named[0]), "records", verbose=verbose) as advance:
        found = candidate_pairs(*latin, advance)
    rows = np.array([rows[places] for rows, places in zip(named, found, strict=True)])
    parts = []
    # Pairs that fail in one column are not compared in the next ones.
    for of_left, of_right in zip(*keys, strict=True):
        part = key_similarity([of_left[i] for i in rows[0]], [of_right[j] for j in rows[1]])
        enough = part >= threshold
        rows, parts = rows[:, enough], [*(part[enough] for part in parts), part[enough]]
    similarities, finer = np.array(parts), [np.mean(parts, axis=0)]
    for texts_of in (_written, _as_in_the_table):
        texts = [
            texts_of(table[names], side, place)
            for table, names, side, place in zip(tables, columns, keys, rows, strict=True)
        ]
        finer.append(text_similarity(*texts))
    return rows, similarities, finer


def _written(cells, keys, rows):
    return [" ".join(column[row].written for column in keys) for row in rows]


def _as_in_the_table(cells, keys, rows):
    columns = [cells[name].tolist() for name in cells]
    return [" ".join(str(column[row]).casefold() for column in columns) for row in rows]


def _take_each_once(rows):
    """Return a mask of the accepted pairs: the best first, each record at most once."""
    used = set(), set()
    taken = np.zeros(rows.shape[1], dtype=bool)
    for place, (i, j) in enumerate(rows.T.tolist()):
        if i not in used[0] and j not in used[1]:
            used[0].add(i)
            used[1].add(j)
            taken[place] = True
    return taken


def _describe_rivals(tables, columns, rows, score, partner):
    """Return the rejected pairs, with the values of their columns."""
    report = {"left": tables[0].index[rows[0]], "right": tables[1].index[rows[1]], "score": score}
    for side, name in enumerate(("left", "right")):
        others = partner[side][rows[side]]
        labels = tables[1 - side].index[others]
        report[f"{name}_match"] = pd.Series(labels, dtype=object).where(others >= 0, None)
    for names in zip(*columns, strict=True):
        for table, column, side, place in zip(tables, names, ("left", "right"), rows, strict=True):
            report[f"{names[0]}_{side}"] = table[column].to_numpy(dtype=object)[place]
    return pd.DataFrame(report)


def _tell_why(table, names, similar, partner):
    """Return the reason for each record that has no match."""
    reason = pd.Series(_NONE, index=table.index, dtype=object)
    reason.iloc[np.unique(similar)] = _TAKEN
    reason = reason[partner < 0]
    for name in reversed(names):
        cells = table[name][partner < 0]
        reason[[name_key(cell) is None for cell in cells]] = f"{name!r} is missing"
    return reason
