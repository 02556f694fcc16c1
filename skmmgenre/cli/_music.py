"""Read the music of a command (a table, a folder or files) into one structure."""

import os
import tempfile
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from itertools import groupby

import numpy as np
import pandas as pd

from ..datasets import load_music_folder
from ..datasets._folder_files import place_of, spell_path
from ..labels import describe_reading, read_genres
from ..labels._genre_lists import NOT_GENRES, GenreReading
from ..model_selection import read_split
from ..utils import import_from_extra, is_missing, read_cell, read_cells

MODALITIES = {"audio": "audio", "text": "text", "image": "cover"}  # and their columns
_TABLES = (".csv", ".tsv", ".parquet")


@dataclass
class Music:
    """Items of music, one per row.

    Parameters
    ----------
    table : DataFrame
        The columns audio, text and cover (missing values where there is nothing), and the other
        columns of the source.
    names : list of str
        Name of each item: its id, path or row.
    genres : list of list of str
    artists : ndarray or None
    errors : list of (str, str)
        Item and reason of what was skipped or is unusual.
    readings : list of str
        Messages on texts that were split into genres, renamed or dropped.
    """

    table: pd.DataFrame
    names: list
    genres: list
    artists: np.ndarray | None = None
    errors: list = field(default_factory=list)
    readings: list = field(default_factory=list)

    def take(self, rows):
        """Return the items at some positions or of a boolean mask."""
        rows = np.arange(len(self.names))[rows]
        return Music(
            self.table.iloc[rows],
            [self.names[row] for row in rows],
            [self.genres[row] for row in rows],
            None if self.artists is None else self.artists[rows],
            self.errors,
            self.readings,
        )

    def parts(self):
        """Return the split of each item; without a column split, all are "train"."""
        column = self.table.get("split")
        if column is None or all(map(is_missing, column)):
            return np.full(len(self.names), "train", dtype=object)
        return read_split(column)

    def of_split(self, name):
        """Return the items of one split."""
        if "split" not in self.table:
            raise ValueError("--split: the table has no column 'split'; run without --split")
        parts, (part,) = read_split(self.table["split"]), read_split([name])
        rows = parts == part if part else (self.table["split"] == name).to_numpy(dtype=bool)
        if not rows.any():
            parts = sorted(map(str, self.table["split"].dropna().unique()))
            raise ValueError(
                f"no row has the split {name!r}; the values of the column are {parts[:5]}"
            )
        return self.take(rows)


def is_music_source(path):
    """Return whether a path is a folder or a table, and not a sound file."""
    return os.path.isdir(path) or os.path.splitext(path)[1].lower() in _TABLES


@contextmanager
def open_music(
    path,
    *,
    by="track",
    separators=None,
    not_genres=None,
    genre=None,
    artist=None,
    covers=True,
    verbose=1,
):
    """Read a table or a folder; covers extracted from sound files exist within the context only.

    Parameters
    ----------
    path : str
        A folder, or a CSV, TSV or Parquet file.
    by : {"track", "album"}
        Whether each track or each album of a folder is one item.
    separators : str or None
        Characters that separate genres. None uses the defaults of `load_music_folder`, for a table
        without the slash.
    not_genres : sequence of str or None
        Names that are not genres. None uses the default of `load_music_folder`.
    genre, artist : str or None
        Columns of a table. None uses "genres" or else "genre", and "artist".
    covers : bool
        Whether to look for the covers of a folder.
    verbose : int

    Yields
    ------
    music : Music
    """
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no folder or table {path!r}")
    if not os.path.isdir(path) and is_music_source(path):
        yield _read_table(path, separators, not_genres, genre, artist)
        return
    if os.path.isfile(path):
        raise ValueError(f"{path!r} is neither a folder nor a table ({', '.join(_TABLES)}).")
    reading = {"by": by, "separators": separators, "not_genres": not_genres, "covers": covers}
    with open_folder(path, **reading, verbose=verbose) as music:
        yield music


@contextmanager
def open_folder(path, *, by="track", separators=None, not_genres=None, covers=True, verbose=1):
    """Read a folder; see `open_music`."""
    not_genres = NOT_GENRES if not_genres is None else not_genres
    reading = {"by": by, "genre_separators": separators, "not_genres": not_genres}
    with _loaded(path, **reading, covers=covers, verbose=verbose) as data:
        yield _as_music(data, slice(None))


@contextmanager
def open_files(paths, *, covers=True, verbose=1):
    """Read sound files with the covers and texts next to them, as `open_music` reads a folder.

    Parameters
    ----------
    paths : list of str
    covers : bool
    verbose : int

    Yields
    ------
    music : Music
        Items in the order of `paths`, named by their path. Unreadable files are listed in `errors`.
    """
    # A file may be named several times, in different spellings or by links. It is loaded once, and
    # each of its names gets a row.
    spelled = {path: spell_path(path) for path in paths}
    places = {path: place_of(spelled[path]) for path in spelled}
    once = {place: spelled[path] for path, place in places.items()}
    with _loaded(list(once.values()), covers=covers, verbose=verbose) as data:
        row_of = {place_of(path): row for row, path in enumerate(data.table["audio"])}
        readable = [path for path in paths if places[path] in row_of]
        music = _as_music(data, [row_of[places[path]] for path in readable])
        music.names = readable
        named = {spelling: path for path, spelling in spelled.items()}
        music.errors = [(named.get(item, item), reason) for item, reason in music.errors]
        yield music


@contextmanager
def open_all(paths, *, covers=True, verbose=1, **reading):
    """Read folders, tables and sound files in order, with `open_music` and `open_files`.

    Parameters
    ----------
    paths : sequence of str
    covers : bool
    verbose : int
    **reading
        Options of `open_music`.

    Yields
    ------
    music : Music
        For several sources, without further columns and artists. Sources in which nothing can be
        read are listed in `errors`.
    """
    groups = []
    # Only adjacent files are read together, so that the order of the arguments is kept.
    for is_source, group in groupby(paths, is_music_source):
        group = list(group)
        groups += [[path] for path in group] if is_source else [group]
    parts, unread = [], []
    with ExitStack() as opened:
        for group in groups:
            if is_music_source(group[0]):
                source = open_music(group[0], covers=covers, verbose=verbose, **reading)
            else:
                source = open_files(group, covers=covers, verbose=verbose)
            try:
                # All sources stay open until the end, because of the covers extracted from them.
                parts.append(opened.enter_context(source))
            except ValueError as error:  # nothing in this source can be read; others may be fine
                if len(groups) == 1:
                    raise
                unread += [(path, str(error)) for path in group]
        if not parts:
            raise ValueError(f"none of the files and folders can be read: {unread[0][1]}")
        yield parts[0] if len(groups) == 1 else _join_music(parts, unread)


def reads_covers(modalities):
    """Return whether a model of these modalities reads the column of covers.

    Parameters
    ----------
    modalities : dict of str to str or list of str
        Columns by modality, as in the summary of a model.
    """
    columns = modalities.values()
    return any(not isinstance(held, str | list) or MODALITIES["image"] in held for held in columns)


def with_genres_of_folders(music, folder):
    """Return music with the names of its folders as genres.

    Parameters
    ----------
    music : Music
        As read by `open_folder`.
    folder : str
        The folder that was read. Each folder directly in it is a genre; files outside of these
        folders have no genre.

    Returns
    -------
    music : Music

    Raises
    ------
    ValueError
        If all files are outside of such folders.
    """
    top = spell_path(folder)
    cells = (cell if isinstance(cell, str) else cell[0] for cell in music.table["audio"])
    inside = [os.path.relpath(path, top).split(os.sep) for path in cells]
    genres = [parts[:1] if len(parts) > 1 else [] for parts in inside]
    if not any(genres):
        raise ValueError(
            f"--genres-from folders: no folder in {folder!r} contains sound files. Put the files "
            "of each genre into a folder with its name."
        )
    return replace(music, genres=genres, readings=[])


def _join_music(parts, unread):
    columns = list(MODALITIES.values())
    tables = [part.table.reindex(columns=columns).astype(object) for part in parts]
    return Music(
        pd.concat(tables, ignore_index=True),
        [name for part in parts for name in part.names],
        [genres for part in parts for genres in part.genres],
        errors=unread + [error for part in parts for error in part.errors],
        readings=[reading for part in parts for reading in part.readings],
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
        [
            describe_reading(GenreReading(*values), "file")
            for values in data.genre_readings.itertuples(index=False)
        ],
    )


def _name_of(cell):
    """Return the name of an item: the path of a track, or the folder of an album's first track."""
    return cell if isinstance(cell, str) else os.path.dirname(cell[0]) or "."


def _read_table(path, separators, not_genres, genre, artist):
    table = _read_columns(path)
    held = list(table.columns)
    folder = os.path.dirname(path)
    for column in MODALITIES.values():
        if column not in table:
            table[column] = None
        cells = _read_cells(table, column, path)
        if column != "text":
            cells = [_join(folder, cell) for cell in cells]
        table[column] = pd.Series(cells, index=table.index, dtype=object)
    if all(is_missing(cell) for column in MODALITIES.values() for cell in table[column]):
        raise ValueError(
            f"{path!r} has no value in the columns audio, text and cover; fill at least one of "
            f"them. Its columns are {held[:12]}."
        )
    genre = _column(held, path, genre, ("genres", "genre"))
    artist = _column(held, path, artist, ("artist",))
    genres, readings = read_genres(
        [None] * len(table) if genre is None else table[genre],
        separators,
        not_genres=NOT_GENRES if not_genres is None else not_genres,
        name=f"{path!r}: column {genre!r}",
    )
    return Music(
        table,
        _names(table),
        genres,
        None if artist is None else table[artist].to_numpy(dtype=object),
        readings=[describe_reading(reading, "row") for reading in readings],
    )


def _read_cells(table, column, path):
    read = partial(read_cell, is_free_text=True) if column == "text" else _read_paths
    return read_cells(
        table[column],
        f"{path!r}: column {column!r}",
        lambda value: value if _is_vector(value) else read(value),
    )


def _is_vector(cell):
    """Return whether a cell is a ready vector, which only Parquet can contain."""
    return isinstance(cell, np.ndarray) and cell.dtype.kind in "biuf"


def _read_paths(value):
    cell = read_cell(value)
    parts = cell if isinstance(cell, list) else [cell]
    if not all(part is None or isinstance(part, str) for part in parts):
        raise ValueError("does not contain a path")
    return cell


def _read_columns(path):
    suffix = os.path.splitext(path)[1].lower()
    if suffix == ".parquet":
        import_from_extra("pyarrow", "Reading Parquet", extra="cli")
        try:
            table = pd.read_parquet(path, engine="pyarrow")
        except ValueError as error:
            raise ValueError(f"{path!r} is not a valid Parquet table: {error}") from error
    else:
        separator = "\t" if suffix == ".tsv" else ","
        try:
            # All cells are text, only empty ones missing: an artist may be called "NA" or "311".
            table = pd.read_csv(
                path, sep=separator, dtype=object, keep_default_na=False, na_values=[""]
            )
        except (UnicodeDecodeError, pd.errors.ParserError, pd.errors.EmptyDataError) as error:
            raise ValueError(f"{path!r} is not a valid table in UTF-8: {error}") from error
    # Parquet tables have NaN, NA or NaT, too.
    table = table.astype(object).where(table.notna(), None)
    if not len(table):
        raise ValueError(f"{path!r} has no rows.")
    return table


def _column(held, path, asked, usual):
    """Return the requested column, or else the first of the usual ones that exists, or None."""
    if asked is not None and asked not in held:
        raise ValueError(f"{path!r} has no column {asked!r}; its columns are {held[:12]}.")
    return asked or next((name for name in usual if name in held), None)


def _join(folder, cell):
    if isinstance(cell, list):
        return [_join(folder, part) for part in cell]
    return os.path.join(folder, cell) if isinstance(cell, str) else cell


def _names(table):
    if "id" in table and table["id"].notna().all():
        return [str(value) for value in table["id"]]
    return [
        f"row {row}" if cell is None or _is_vector(cell) else _name_of(cell)
        for row, cell in enumerate(table["audio"])
    ]
