"""Read the cells of a table: a text, a list of texts (possibly written as text), or missing."""

import ast
import json
import re

import numpy as np

from ._cells import describe_cell, is_missing

_CLOSING = {"[": "]", "(": ")", "{": "}"}
# Only escapes that Python writes: the backslashes in 'C:\Music\a.mp3' are not escapes.
_QUOTED = r"""(?:'(?:[^'\\]|\\[\\'"nrtxuU])*'|"(?:[^"\\]|\\[\\'"nrtxuU])*")"""
_TOKEN = re.compile(
    rf"""
    (?P<text>{_QUOTED} | np\.str_\({_QUOTED}\))
    | (?P<missing>None|nan|NaN|NaT|null|<NA>)
    | (?P<dots>\.\.\.)
    | (?P<open>[\[({{])
    | (?P<close>[\])}}])
    | (?P<comma>,)
    | (?P<space>\s+)
    """,
    re.VERBOSE,
)
_BEGINS_LIKE_A_LIST = re.compile(
    r"""(?:(?:array|frozenset|set|tuple|list)\()?[\[({][\[({\s]*(?:np\.str_\(|[bBuUrR]{0,2}['"])"""
)


def read_cells(values, name, read=None):
    """Read the cells of a column; error messages name the row.

    Parameters
    ----------
    values : iterable of object
    name : str
        Name of the column in error messages, such as "column 'genres'".
    read : callable, default=None
        Reads one cell and raises ValueError with the reason. None uses `read_cell`.

    Returns
    -------
    cells : list

    Raises
    ------
    ValueError
        If a cell cannot be read.
    """
    cells = []
    for row, value in enumerate(values):
        try:
            cells.append((read or read_cell)(value))
        except ValueError as error:
            raise ValueError(
                f"{name} of row {row} (the first is 0) {error}: "
                f'{describe_cell(value, max_chars=60)}. Write it as ["a", "b"]: convert arrays to '
                "lists (.tolist()) before writing the table, or write Parquet."
            ) from None
    return cells


def read_cell(value, *, is_free_text=False):
    """Read a cell of a table.

    Parameters
    ----------
    value : object
        A list may be a string as Python, numpy or JSON write it: ``['a', 'b']``, ``['a' 'b']``,
        ``["a", "b"]``. Sets, tuples and nested lists are also read as lists.
    is_free_text : bool, default=False
        Whether a string that begins like a list but is not one may be text, such as a review.

    Returns
    -------
    cell : object
        A list of str, any other value unchanged, or None if it is missing.

    Raises
    ------
    ValueError
        If it begins like a list but cannot be read as one, or if the list was truncated.
    """
    if isinstance(value, str):
        texts = parse_texts(value)
        if texts is not None:
            value = texts
        elif not is_free_text and _is_list_like(value.strip()):
            raise ValueError("begins like a list but cannot be read as one")
    elif isinstance(value, (list, tuple, set, np.ndarray)):
        value = _flatten(value)
    return None if is_missing(value) else value


def _is_list_like(value):
    """Return whether a text that is not a list was probably meant as a list or a mapping."""
    return bool(_BEGINS_LIKE_A_LIST.match(value)) and (value[0] == "[" or value[-1] in "])}")


def parse_texts(value):
    """Read a list of texts that is written as text.

    Parameters
    ----------
    value : str

    Returns
    -------
    texts : list of str or None
        The texts without missing ones; None if `value` is not a list of texts, such as "[Live]"
        and "[1999]".

    Raises
    ------
    ValueError
        If the list was truncated.
    """
    value = value.strip()
    if value[:1] not in _CLOSING:
        return None
    try:
        held = _flatten(json.loads(value))
    except (ValueError, RecursionError):
        return _parse_printed(value)
    texts = [text for text in held if not is_missing(text)]
    return texts if all(isinstance(text, str) for text in texts) else None


def _parse_printed(value):
    """Read a list as Python or numpy print it: numpy has no commas, and dots in long lists."""
    texts, is_short = [], False
    around = []  # for each open list: its closing bracket, and its number of items and of commas
    place, is_apart = 0, True
    while place < len(value):
        token = _TOKEN.match(value, place)
        # Unknown text, or text after the outermost bracket was closed.
        if token is None or (place and not around):
            return None
        kind, place = token.lastgroup, token.end()
        if kind in ("comma", "space"):
            is_apart = True
            around[-1][2] += kind == "comma"
        elif kind == "close":
            closing, n_items, n_commas = around.pop()
            if token[0] != closing or not _is_parted(closing, n_items, n_commas):
                return None
            is_apart = False
        elif not is_apart:
            return None  # 'it''s' is ambiguous: one text in SQL, two texts in Python
        else:
            if around:
                around[-1][1] += 1
            is_apart = kind == "open"
            if kind == "open":
                around.append([_CLOSING[token[0]], 0, 0])
            elif kind == "text":
                try:
                    texts.append(ast.literal_eval(token[0].removeprefix("np.str_")))
                except (ValueError, SyntaxError):
                    return None
            is_short |= kind == "dots"
    if around:
        return None
    if is_short and texts:
        raise ValueError('is a list that was truncated with "..." when it was written')
    return None if is_short else texts


def _is_parted(closing, n_items, n_commas):
    """Return whether there are as many commas as Python writes: ('a') is not a tuple."""
    return closing == "]" or n_commas >= n_items - (closing == "}" or n_items > 1)


def _flatten(values):
    """Return the items of nested lists as one flat list."""
    # A stack instead of recursion, which deep nesting could exhaust.
    flat, waiting = [], [iter([values])]
    while waiting:
        for value in waiting[-1]:
            if isinstance(value, (list, tuple, set, np.ndarray)):
                waiting.append(iter(value.tolist() if isinstance(value, np.ndarray) else value))
                break
            flat.append(value)
        else:
            waiting.pop()
    return flat


def refuse_left_out(left_out, reason, way_out, *, noun="row", names=None):
    """Raise an error if rows would be dropped; it counts them and names the first.

    Parameters
    ----------
    left_out : array-like of bool
        Mask of the rows that would be dropped.
    reason : str
        Why they would be dropped, such as "have no genre".
    way_out : str
        What to do, with the option that drops them.
    noun : str, default="row"
        Name of a row in the message.
    names : sequence of str, default=None
        Names of the rows. None uses their numbers, counted from 0.

    Raises
    ------
    ValueError
    """
    rows = np.flatnonzero(left_out)
    if len(rows):
        first = f"{noun} {rows[0]}, counted from 0" if names is None else repr(names[rows[0]])
        nouns = f"{noun}s" if len(left_out) != 1 else noun
        raise ValueError(
            f"{len(rows):,} of {len(left_out):,} {nouns} {reason} (the first is {first}). {way_out}"
        )
