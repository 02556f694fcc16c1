"""Answers of people who tell the genres of items blind: the table they are kept in."""

import csv
import io
import os
import re
from typing import Any

import pandas as pd

from ..utils import first_few

MODES = ("sound", "cover", "both")  # what an annotator hears or sees of an item
# What `skmmgenre annotate` writes. An answer is added after each item, and none is ever changed.
COLUMNS = ("annotator", "item", "mode", "genre", "seconds", "time", "revision", "answer")
_NEEDED = COLUMNS[:4]
# The last cell of a line, so that a line which was cut off is known by it.
ANSWER_ID = re.compile(r"[0-9a-f]{32}")


def read_annotations(source: Any) -> pd.DataFrame:
    """Return the answer that counts for each item, mode and annotator.

    Parameters
    ----------
    source : path, DataFrame, or list of these
        Files of ``skmmgenre annotate``, or tables with the columns annotator, item, mode and
        genre. Rows are in order of time: of several for the same item the last one counts.

    Returns
    -------
    annotations : DataFrame
        Columns annotator, item, mode, genre (None where the item was skipped) and, where there
        are any, seconds, time, revision and answer.

    Raises
    ------
    ValueError
        If a column is missing, a line has other cells than the first, or a mode is unknown.

    See Also
    --------
    compare_annotators : How right they are, beside a model.

    Examples
    --------
    >>> import pandas as pd
    >>> from skmmgenre.inspection import read_annotations
    >>> said = [("Ann", "a.mp3", "sound", "Rap"), ("Ann", "a.mp3", "sound", "Jazz")]
    >>> said = pd.DataFrame(said, columns=["annotator", "item", "mode", "genre"])
    >>> read_annotations(said)["genre"].tolist()
    ['Jazz']
    """
    sources = source if isinstance(source, (list, tuple)) else [source]
    if not sources:
        raise ValueError("annotations names no file and no table; pass at least one.")
    tables = []
    for number, one in enumerate(sources):
        is_table = isinstance(one, pd.DataFrame)
        name = f"annotations[{number}]" if is_table else repr(os.fspath(one))
        table = one if is_table else _read_file(one)
        absent = [column for column in _NEEDED if column not in table.columns]
        if absent:
            raise ValueError(
                f"{name} has no column {absent[0]!r}; annotations have the columns "
                f"{', '.join(_NEEDED)}."
            )
        strange = sorted(set(map(str, table["mode"])) - set(MODES))
        if strange:
            raise ValueError(
                f"{name}: the mode {strange[0]!r} is unknown; modes are {', '.join(MODES)}."
            )
        tables.append(table)
    table = pd.concat(tables, ignore_index=True)
    for column in ("annotator", "item"):
        table[column] = table[column].astype(str)
    skipped = table["genre"].isna() | (table["genre"] == "")
    table["genre"] = table["genre"].astype(object).where(~skipped, None)
    table = table.drop_duplicates(["annotator", "item", "mode"], keep="last")
    return table.reset_index(drop=True)


def _read_file(path):
    with open(path, encoding="utf-8-sig", newline="") as file:
        rows, _ = read_rows(file.read())
    if not rows:
        raise ValueError(f"{os.fspath(path)!r} is empty; skmmgenre annotate writes annotations.")
    head, *rows = rows
    wrong = [number for number, row in enumerate(rows, 2) if len(row) != len(head)]
    if wrong:
        raise ValueError(
            f"{os.fspath(path)!r}: {first_few(wrong, 3, count=True, name='row {}'.format)} has not "
            f"the {len(head)} cells of the first row. Correct it, or remove it."
        )
    table = pd.DataFrame(rows, columns=head, dtype=object)
    if "seconds" in table:
        table["seconds"] = pd.to_numeric(table["seconds"], errors="coerce")
    return table


def read_rows(text):
    """Return the rows of a CSV, and the text that a writer left unfinished at its end.

    Parameters
    ----------
    text : str

    Returns
    -------
    rows : list of list of str
        With the head. A last line without its end counts if its last cell is whole, as an
        editor may have taken the end away.
    rest : str
        The last line if it does not count, else "".
    """
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    cut_off = rows and not text.endswith("\n")
    if cut_off and rows[0] == list(COLUMNS) and not _is_whole(rows[-1]):
        # A name holds no line break: the page's server writes it as an escape.
        return rows[:-1], text[text.rfind("\n") + 1 :]
    return rows, ""


def _is_whole(row):
    return row == list(COLUMNS) or (len(row) == len(COLUMNS) and bool(ANSWER_ID.fullmatch(row[-1])))
