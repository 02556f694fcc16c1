"""Read the genre annotations that people made without seeing the true labels."""

import codecs
import csv
import io
import os
import re
from typing import Any

import pandas as pd

from ..utils import first_few

MODES = ("sound", "cover", "both")  # what an annotator hears or sees of each item
# Columns that `skmmgenre annotate` writes. Rows are appended per item and never changed.
COLUMNS = ("annotator", "item", "mode", "genre", "seconds", "time", "revision", "answer")
_NEEDED = COLUMNS[:4]
# Content of the last cell of a row; a row without it was cut off.
ANSWER_ID = re.compile(r"[0-9a-f]{32}")


def read_annotations(source: Any) -> pd.DataFrame:
    """Return the last annotation of each item, mode and annotator.

    Parameters
    ----------
    source : path, DataFrame, or list of these
        Files written by ``skmmgenre annotate``, or tables with the columns annotator, item, mode
        and genre. Rows must be in chronological order: if an item was annotated several times,
        the last annotation counts.

    Returns
    -------
    annotations : DataFrame
        Columns annotator, item, mode, genre (None if the item was skipped) and, if present,
        seconds, time, revision and answer.

    Raises
    ------
    ValueError
        If a column is missing, a row has more or fewer cells than the header, or a mode is
        unknown.

    See Also
    --------
    compare_annotators : Compare the annotations with the true genres and with a model.

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
        raise ValueError("annotations is empty; pass at least one file or table.")
    tables = []
    for number, one in enumerate(sources):
        is_table = isinstance(one, pd.DataFrame)
        name = f"annotations[{number}]" if is_table else repr(os.fspath(one))
        table = one if is_table else _read_file(one)
        absent = [column for column in _NEEDED if column not in table.columns]
        if absent:
            raise ValueError(
                f"{name} has no column {absent[0]!r}; annotations need the columns "
                f"{', '.join(_NEEDED)}."
            )
        strange = sorted(set(map(str, table["mode"])) - set(MODES))
        if strange:
            raise ValueError(
                f"{name}: unknown mode {strange[0]!r}; expected one of {', '.join(MODES)}."
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
    with open(path, "rb") as file:
        text, is_cut = decode_lines(file.read(), path, "Save it as UTF-8.")
    rows, _ = read_rows(text)
    # Only a line of the page may be dropped as cut; a table of the user's is in another encoding.
    if is_cut and rows[:1] != [list(COLUMNS)]:
        raise ValueError(
            f"{os.fspath(path)!r} is not valid UTF-8: its last line ends inside a character. Save "
            "it as UTF-8."
        )
    if not rows:
        raise ValueError(f"{os.fspath(path)!r} is empty; expected a file of skmmgenre annotate.")
    head, *rows = rows
    wrong = [number for number, row in enumerate(rows, 2) if len(row) != len(head)]
    if wrong:
        raise ValueError(
            f"{os.fspath(path)!r}: expected {len(head)} cells per row, as in the header, but got a "
            f"different number in {first_few(wrong, 3, count=True, name='row {}'.format)}. Fix or "
            "remove the row."
        )
    table = pd.DataFrame(rows, columns=head, dtype=object)
    if "seconds" in table:
        table["seconds"] = pd.to_numeric(table["seconds"], errors="coerce")
    return table


def decode_lines(content, path, remedy):
    """Return the text of a UTF-8 file, and whether its last line is cut inside a character.

    Such a line, of a process that was killed while it wrote, is not part of the text.

    Parameters
    ----------
    content : bytes
    path : str or path-like
        Path of the file, for the error.
    remedy : str
        What to do about a file in another encoding.

    Raises
    ------
    ValueError
        If the file is not valid UTF-8 elsewhere.
    """
    decoder = codecs.getincrementaldecoder("utf-8-sig")()
    try:
        text = decoder.decode(content)
    except UnicodeDecodeError as error:
        raise ValueError(f"{os.fspath(path)!r} is not valid UTF-8: {error}. {remedy}") from error
    if not decoder.getstate()[0]:  # the bytes of an incomplete character
        return text, False
    return text[: text.rfind("\n") + 1], True


def read_rows(text):
    """Return the rows of a CSV text, and an incomplete last row.

    Parameters
    ----------
    text : str

    Returns
    -------
    rows : list of list of str
        Includes the header. A last row without a newline is kept if its last cell is complete,
        because an editor may have removed the newline.
    rest : str
        The text of the last row if it is incomplete, else "".
    """
    rows = [row for row in csv.reader(io.StringIO(text)) if row]
    cut_off = rows and not text.endswith("\n")
    if cut_off and rows[0] == list(COLUMNS) and not _is_whole(rows[-1]):
        # Names contain no line breaks: the server of the page escapes them.
        return rows[:-1], text[text.rfind("\n") + 1 :]
    return rows, ""


def _is_whole(row):
    return row == list(COLUMNS) or (len(row) == len(COLUMNS) and bool(ANSWER_ID.fullmatch(row[-1])))
