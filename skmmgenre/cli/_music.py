"""Music named on the command line, a table, a folder or files, as one thing."""

import ast
import os
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import pandas as pd

from ..datasets import load_music_folder
from ..utils import import_from_extra, is_missing

MODALITIES = {"audio": "audio", "text": "text", "image": "cover"}  # and their columns
_TABLES = (".csv", ".tsv", ".parquet")


@dataclass
class Music:
    """Items, one a row.

    Parameters
    ----------
    table : DataFrame
        Columns audio, text and cover, empty where there is nothing, and those of the source.
    names : list of str
        What an item is called: its id, path or place.
    genres : list of list of str
    artists : ndarray or None
    errors : list of (str, str)
        Item and reason of what was left out or is odd.
    """

    table: pd.DataFrame
    names: list
    genres: list
    artists: np.ndarray | None = None
    errors: list = field(default_factory=list)

    def take(self, rows):
        """Return some of the items, by their positions or a boolean array."""
        rows = np.arange(len(self.names))[rows]
        return Music(
            self.table.iloc[rows],
            [self.names[row] for row in rows],
            [self.genres[row] for row in rows],
            None if self.artists is None else self.artists[rows],
            self.errors,
        )

    def of_split(self, name):
        """Return the items that a column split gives this name."""
        if "split" not in self.table:
            raise ValueError("there is no column split; leave --split away")
        rows = (self.table["split"] == name).to_numpy(dtype=bool)
        if not rows.any():
            parts = sorted(map(str, self.table["split"].dropna().unique()))
            raise ValueError(f"no row has the split {name!r}; there are {parts[:5]}")
        return self.take(rows)


def is_music_source(path):
    """Tell whether a path is a folder or a table, and no sound file."""
    return os.path.isdir(path) or os.path.splitext(path)[1].lower() in _TABLES


@contextmanager
def open_music(path, *, by="track", separators=None, genre=None, artist=None, verbose=1):
    """Read a table or a folder; covers from inside sound files last as long as the context.

    Parameters
    ----------
    path : str
        A folder, or a file of comma- or tab-separated values or Parquet.
    by : {"track", "album"}
        What an item of a folder is.
    separators : str or None
        Letters between genres; None is those of `load_music_folder`, for a table ";|".
    genre, artist : str or None
        Columns of a table; None is "genres" or else "genre", and "artist".
    verbose : int

    Yields
    ------
    music : Music
    """
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no folder or table {path!r}")
    if not os.path.isdir(path) and is_music_source(path):
        yield _read_table(path, separators or ";|", genre, artist)
        return
    if os.path.isfile(path):
        raise ValueError(f"{path!r} is neither a folder nor a table ({', '.join(_TABLES)}).")
    with open_folder(path, by=by, separators=separators, verbose=verbose) as music:
        yield music


@contextmanager
def open_folder(path, *, by="track", separators=None, verbose=1):
    """Read a folder; see `open_music`."""
    options = {} if separators is None else {"genre_separators": separators}
    with _loaded(path, by=by, verbose=verbose, **options) as data:
        yield _as_music(data, slice(None))


@contextmanager
def open_files(paths, *, verbose=1):
    """Read sound files as `open_music` does a folder; what lies beside them counts, too.

    Parameters
    ----------
    paths : list of str
    verbose : int

    Yields
    ------
    music : Music
        In the order of `paths`; those that cannot be read are in `errors`.
    """
    with _loaded(list(paths), verbose=verbose) as data:
        place = {path: row for row, path in enumerate(data.table["audio"])}
        yield _as_music(data, [place[path] for path in paths if path in place])


@contextmanager
def open_all(paths, *, verbose=1, **reading):
    """Read folders, tables and sound files in their order, as `open_music` and `open_files` do.

    Parameters
    ----------
    paths : sequence of str
    verbose : int
    **reading
        Options of `open_music`.

    Yields
    ------
    music : Music
        Of several sources without the further columns and the artists; those in which nothing can
        be read are in `errors`.
    """
    groups = []
    for is_source, group in groupby(paths, is_music_source):
        group = list(group)
        groups += [[path] for path in group] if is_source else [group]
    parts, unread = [], []
    with ExitStack() as opened:
        for group in groups:
            if is_music_source(group[0]):
                source = open_music(group[0], verbose=verbose, **reading)
            else:
                source = open_files(group, verbose=verbose)
            try:
                parts.append(opened.enter_context(source))
            except ValueError as error:  # nothing in it can be read; the others may
                if len(groups) == 1:
                    raise
                unread += [(path, str(error)) for path in group]
        if not parts:
            raise ValueError(f"nothing that was named can be read; {unread[0][1]}")
        yield parts[0] if len(groups) == 1 else _join_music(parts, unread)


def _join_music(parts, unread):
    columns = list(MODALITIES.values())
    tables = [part.table.reindex(columns=columns).astype(object) for part in parts]
    return Music(
        pd.concat(tables, ignore_index=True),
        [name for part in parts for name in part.names],
        [genres for part in parts for genres in part.genres],
        errors=unread + [error for part in parts for error in part.errors],
    )


@contextmanager
def _loaded(path, **options):
    with tempfile.TemporaryDirectory(prefix="skmmgenre_covers_") as covers:
        yield load_music_folder(path, cover_directory=covers, **options)


def _as_music(data, rows):
    table = data.table.iloc[rows]
    return Music(
        table,
        [_name_of(cell) for cell in table["audio"]],
        table["genres"].tolist(),
        data.groups[rows],
        list(zip(data.errors["item"], data.errors["reason"], strict=True)),
    )


def _name_of(cell):
    """An album is called by the folder of its first track."""
    return cell if isinstance(cell, str) else os.path.dirname(cell[0]) or "."


def _read_table(path, separators, genre, artist):
    table = _read_columns(path)
    held = list(table.columns)
    folder = os.path.dirname(path)
    for column in MODALITIES.values():
        if column not in table:
            table[column] = None
        cells = [_cell(value) for value in table[column]]
        if column != "text":
            cells = [_join(folder, cell) for cell in cells]
        table[column] = pd.Series(cells, index=table.index, dtype=object)
    if all(is_missing(cell) for column in MODALITIES.values() for cell in table[column]):
        raise ValueError(
            f"{path!r} has nothing in the columns audio, text and cover; at least one of them is "
            f"needed. Its columns are {held[:12]}."
        )
    genre = _column(held, path, genre, ("genres", "genre"))
    artist = _column(held, path, artist, ("artist",))
    return Music(
        table,
        _names(table),
        [[]] * len(table) if genre is None else [_split(c, separators) for c in table[genre]],
        None if artist is None else table[artist].to_numpy(dtype=object),
    )


def _read_columns(path):
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".parquet":
        import_from_extra("pyarrow", "Reading Parquet", extra="cli")
        try:
            table = pd.read_parquet(path, engine="pyarrow")
        except ValueError as error:
            raise ValueError(f"{path!r} is no Parquet table: {error}") from error
    else:
        separator = "\t" if suffix == ".tsv" else ","
        try:
            table = pd.read_csv(
                path, sep=separator, dtype=object, keep_default_na=False, na_values=[""]
            )
        except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise ValueError(f"{path!r} is no table in UTF-8: {error}") from error
        table = table.astype(object).where(table.notna(), None)
    if not len(table):
        raise ValueError(f"{path!r} has no row.")
    return table


def _column(held, path, asked, usual):
    """The column that was asked for, or the first of the usual ones that is there, or None."""
    if asked is not None and asked not in held:
        raise ValueError(f"{path!r} has no column {asked!r}; its columns are {held[:12]}.")
    return asked or next((name for name in usual if name in held), None)


def _cell(value):
    """A text, a list of texts (also as written by Python or JSON into CSV), or None."""
    if isinstance(value, str) and value.startswith("[") and value.endswith("]"):
        try:
            found = ast.literal_eval(value)
        except (ValueError, SyntaxError):
            return value
        return found if all(isinstance(part, str) for part in found) else value
    if isinstance(value, np.ndarray):
        value = value.tolist()
    return None if is_missing(value) else value


def _join(folder, cell):
    if isinstance(cell, list):
        return [_join(folder, part) for part in cell]
    return cell if cell is None else os.path.join(folder, cell)


def _split(value, separators):
    cell = _cell(value)
    parts = cell if isinstance(cell, list) else [] if cell is None else [str(cell)]
    for separator in separators:
        parts = [piece for part in parts for piece in part.split(separator)]
    names = (" ".join(part.split()) for part in parts)
    return list(dict.fromkeys(filter(None, names)))


def _names(table):
    if "id" in table and table["id"].notna().all():
        return [str(value) for value in table["id"]]
    return [
        f"row {row}" if cell is None else _name_of(cell) for row, cell in enumerate(table["audio"])
    ]
