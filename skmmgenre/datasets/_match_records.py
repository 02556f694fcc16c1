"""Records of two catalogues that are the same music."""

from collections.abc import Sequence
from numbers import Real

import numpy as np
import pandas as pd
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, validate_params

from ..utils import progress_bar
from ._match_keys import candidate_pairs, key_similarity, name_key, text_similarity

_TAKEN = "what is similar enough was matched to another"
_NONE = "nothing is similar enough"


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
    """Find the records of two catalogues that are the same music (section 7.1 of the paper).

    MuMu was made so: albums of a shop were matched to those of an encyclopedia by the similarity
    of their titles and artists.

    Parameters
    ----------
    left, right : DataFrame
        The catalogues, one row a record. The index must be unique.
    on : str or list of str, default=("title", "artist")
        The columns to compare, in both catalogues; of artists alone ``on="artist"``.
    right_on : str or list of str, default=None
        Their names in `right`, if they are others.
    threshold : float in (0, 1], default=0.8
        The least similarity that each of the columns must have. One column alone, which nothing
        else confirms, asks for 0.95 or more.
    margin : float in [0, 1], default=0.05
        How much less similar another pair may be to make a match ambiguous.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    result : :class:`~sklearn.utils.Bunch`
        matches : DataFrame, one row a pair, in the order of `left`
            left and right (labels of the index), score, the similarity of each column
            (``title_similarity``, ...), all in [0, 1], and ambiguous (bool). No record is in
            two pairs.
        ambiguous : DataFrame, one row a pair that was set aside, the most similar first
            left and right, score, left_match and right_match (what the two were matched to
            instead, None if nothing), and what the columns say (``title_left``,
            ``title_right``, ...): pairs within `margin` of the match of one of their records.
        unmatched_left, unmatched_right : Series of str
            Why each other record has no match.

    Raises
    ------
    ValueError
        If a column is missing, or an index has a label twice.

    See Also
    --------
    make_catalogues : Two catalogues of which the pairs are known.
    skmmgenre.labels.GenreTaxonomy : Labels from the branches of genres that a shop gives.

    Notes
    -----
    1. Names are compared without what catalogues write differently: case, accents, punctuation,
       "The X" and "X, The", "&" and "and", guests ("feat. Y"), and, in brackets or after a dash,
       what tells of the copy ("(Deluxe Edition)", "[Remastered 2009]") or of the kind of artist
       ("(band)").
    2. The similarity of two names is 1 minus the number of letters to be put in, taken out,
       replaced or swapped, over the length of the longer one; the words may be sorted first
       ("Davis, Miles"). Names in different scripts are compared in Latin letters. It is 0 if
       they differ in a number ("Vol. 2" and "Part II" do not) or in a word such as "live" or
       "remixes": these are other pieces.
    3. The score of a pair is the least of its columns' similarities.
    4. Compared are only pairs that share rare groups of three letters, so that the work grows with
       the records and not with their product.
    5. Pairs are taken by falling score, each record once: no two records would both rather have
       each other. Of equal scores the mean over columns decides, then how the names are written.

    Needs rapidfuzz, and anyascii for other scripts: ``pip install "skmmgenre[data]"``.

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
    1    nothing is similar enough
    2    nothing is similar enough
    dtype: object
    """
    asked = (on, on if right_on is None else right_on)
    columns = [[names] if isinstance(names, str) else list(names) for names in asked]
    tables = [left, right]
    _check(tables, columns)
    rows, similarities, finer = _compare(tables, columns, threshold, verbose)
    score = similarities.min(axis=0)
    order = np.lexsort((*rows[::-1], *(-part for part in finer[::-1]), -score))
    rows, similarities, score = rows[:, order], similarities[:, order], score[order]
    taken = _take_each_once(rows)
    # What each record was matched to, how well, and how well it could have been otherwise.
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
            f"on and right_on must name as many columns, at least one; got {columns[0]} and "
            f"{columns[1]}."
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
                f"The index of {side} has {repeated[0]!r} twice, and matches are told by it. Pass "
                f"{side}.reset_index(drop=True)."
            )


def _compare(tables, columns, threshold, verbose):
    """Return the pairs of rows that are similar enough, and how similar.

    Returns
    -------
    rows : ndarray of int, shape (2, n_pairs)
    similarities : ndarray of float32, shape (n_columns, n_pairs)
        Of each column.
    finer : list of ndarray, shape (n_pairs,)
        What decides among equal scores: the mean over columns, and how similar the columns are
        as they are written, first without what tells of the copy and then with it.
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
    """Tell which of the pairs, the best first, are of two records that are still free."""
    used = set(), set()
    taken = np.zeros(rows.shape[1], dtype=bool)
    for place, (i, j) in enumerate(rows.T.tolist()):
        if i not in used[0] and j not in used[1]:
            used[0].add(i)
            used[1].add(j)
            taken[place] = True
    return taken


def _describe_rivals(tables, columns, rows, score, partner):
    """Return the pairs that were set aside, with what their columns say."""
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
