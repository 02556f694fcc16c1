"""MSD-I: tracks of the Million Song Dataset with one genre and a cover each."""

import os
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from .._typing import FilePath
from ..utils import first_few, get_data_home
from ._fetch import fetch_and_load
from ._folder_files import AUDIO_SUFFIXES, IMAGE_SUFFIXES, TIMBRE_SUFFIXES, add_paths
from ._published import (
    PARTS,
    load_vectors,
    note_artists_in_two_parts,
    rows_of_ids,
    split_entries,
    warn_of_problems,
)

_DOI = "10.5281/zenodo.1240485"
_FILE = "MSD-I_dataset.tsv"
_COLUMNS = ("msd_track_id", "set", "msd_artist_id", "album_index", "image_url")
# The name of the genre column distinguishes the two files.
_PUBLISHED, _REDUCED = "genre", "genre_label"


def load_msdi(
    path: FilePath | None = None,
    *,
    audio_directory: FilePath | None = None,
    image_directory: FilePath | None = None,
    timbre_directory: FilePath | None = None,
    vectors: Any = None,
    data_home: FilePath | None = None,
) -> Bunch:
    """Load MSD-I: tracks with one of 15 genres (section 6.1, Tables 1 to 3 of the paper).

    Parameters
    ----------
    path : str or path, default=None
        The published MSD-I_dataset.tsv, or a folder that contains it at any depth; by default the
        folder msdi in `data_home`. A table with the same columns also works, such as the
        reduction to one track per album (`genre_label` instead of `genre`).
    audio_directory : str or path, default=None
        Folder of your audio files, named by MSD track id (``TRABKJU128F422A7FE.mp3``), at any
        depth.
    image_directory : str or path, default=None
        Folder of your covers, named by MSD track id or as in `image_url`.
    timbre_directory : str or path, default=None
        Folder of your .h5 files of the Million Song Dataset.
    vectors : str, list of str or dict, default=None
        Published feature vectors to load from the folder: "audio", "visual", "mm-audio",
        "mm-visual". A dict maps each of them to the name of its block of columns.
    data_home : str or path, default=None
        See `get_data_home`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        table : DataFrame, one row per track
            msd_track_id, album_index (int), msd_artist_id, image_url, genre, split; artist
            (msd_artist_id), audio and cover (paths, None if there is no file); and timbre, if
            `timbre_directory` is given. ``table.attrs["source"]`` is "MSD-I".
        y : ndarray of str, shape (n,)
            Genre of each track.
        groups : ndarray of str, shape (n,)
            Artists.
        split : ndarray of str, shape (n,)
            "train", "val" or "test", as published: each artist is in one part only.
        validation : ndarray of bool, shape (n,)
            Marks the rows of "val", for `fit`.
        parts : dict of str to ndarray of int
            The positions of the rows of each part.
        vectors : DataFrame of float32 or None
            One row per track, with the columns ``audio__0``, ``image__0``, ``mm_audio__0``,
            ``mm_image__0`` and so on, for `FusionClassifier`.
        problems : list of str
            Differences from the published data set, and files that were not found.
        DESCR : str
            Summary of the loaded data.

    Raises
    ------
    FileNotFoundError
        If there is no such file; the message says where to download it.
    ValueError
        If a column is missing, a row has no genre or an unknown part, or none of the files of a
        folder belongs to a track.

    Warns
    -----
    UserWarning
        If there are `problems`.

    See Also
    --------
    fetch_msdi : Download the files first.

    Notes
    -----
    The protocol of the paper uses the published split. A model is fitted on train and val, with
    early stopping on val::

        fit = data.split != "test"
        model.fit(data.table[fit], data.y[fit], groups=data.groups[fit],
                  validation=data.validation[fit])
        model.score(data.table[~fit], data.y[~fit])

    Audio and covers are not published with the data set: they are previews and images of a shop.
    `image_url` is the address that a cover had.

    The encoder musicnn was trained on the Million Song Dataset, from which these songs come, with
    tags that are close to genres. Scores with it are too optimistic, and `GenrePipeline` warns
    about it. "musicnn-mtt" was trained on other music.

    References
    ----------
    Oramas, S., Barbieri, F., Nieto, O. and Serra, X. (2018). Multimodal Deep Learning for Music
    Genre Classification. TISMIR 1(1). Data set: https://doi.org/10.5281/zenodo.1240485
    """
    folder, file = _find(path, data_home)
    published, genre_column = _read(file)
    problems = []
    tracks = published["msd_track_id"].tolist()
    repeated = published["msd_track_id"][published["msd_track_id"].duplicated()]
    if len(repeated):
        problems.append(f"{len(repeated):,} tracks occur twice ({first_few(repeated)})")
    note_artists_in_two_parts(published["msd_artist_id"], published["set"], problems)
    table = pd.DataFrame(
        {
            "msd_track_id": tracks,
            "album_index": published["album_index"].astype(np.int64),
            "msd_artist_id": published["msd_artist_id"],
            "image_url": published["image_url"],
            "genre": published[genre_column],
            "split": published["set"],
            "artist": published["msd_artist_id"],
        }
    )
    table = table.astype(dict.fromkeys(table.columns.drop("album_index"), object))
    covers = list(zip(tracks, map(_stem, published["image_url"]), strict=True))
    add_paths(table, "audio", tracks, audio_directory, AUDIO_SUFFIXES, problems)
    add_paths(table, "cover", covers, image_directory, IMAGE_SUFFIXES, problems)
    if timbre_directory is not None:
        add_paths(table, "timbre", tracks, timbre_directory, TIMBRE_SUFFIXES, problems)
    vectors = load_vectors(folder, vectors, rows_of_ids(table, ["msd_track_id"]), problems)
    warn_of_problems(problems, "MSD-I")
    table.attrs["source"] = "MSD-I"  # GenrePipeline warns about encoders trained on it
    return Bunch(
        table=table,
        y=table["genre"].to_numpy(dtype=object),
        groups=table["msd_artist_id"].to_numpy(dtype=object),
        **split_entries(published["set"]),
        vectors=vectors,
        problems=problems,
        DESCR=_describe(table, genre_column),
    )


def fetch_msdi(
    *,
    data_home: FilePath | None = None,
    download_if_missing: bool = True,
    verbose: int = 1,
    **options: Any,
) -> Bunch:
    """Load MSD-I, downloading it first if needed.

    Parameters
    ----------
    data_home : str or path, default=None
        See `get_data_home`; the files are stored in its folder msdi.
    download_if_missing : bool, default=True
        Whether to download missing files; if False, missing files raise an error.
    verbose : int, default=1
        1 shows a progress bar.
    **options
        Passed to `load_msdi`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        As returned by `load_msdi`.

    Raises
    ------
    OSError
        If the download fails; the message says which files to download by hand, and where to put
        them.

    Notes
    -----
    Every file is compared with the checksum of the record on Zenodo; the checksums of the first
    download are stored next to the files. Requires pooch: ``pip install "skmmgenre[data]"``.
    """
    return fetch_and_load(
        load_msdi,
        _find,
        _DOI,
        "msdi",
        name="MSD-I",
        wanted=f"{_FILE} (and the folders splits and train_data, for vectors)",
        data_home=data_home,
        download=download_if_missing,
        verbose=verbose,
        options=options,
    )


def _find(path, data_home):
    """Return the folder of the data set, and its table."""
    path = get_data_home(data_home) / "msdi" if path is None else Path(path)
    if path.is_file():
        return path.parent, path
    if path.is_dir():
        tables = sorted(file for end in ("tsv", "csv") for file in path.rglob(f"*.{end}"))
        tables = [file for file in tables if _genre_column(_header(file)[0]) is not None]
        if len(tables) == 1:
            return path, tables[0]
        if tables:
            raise ValueError(
                f"There are several tables of MSD-I in {str(path)!r}: "
                f"{first_few([file.relative_to(path) for file in tables])}. Pass the path of one."
            )
        reason = f"{str(path)!r} does not contain a table with the columns of MSD-I"
    else:
        reason = f"there is no {str(path)!r}"
    raise FileNotFoundError(
        f"MSD-I was not found: {reason}. Pass the path of {_FILE}, or let fetch_msdi() download "
        f"it from https://doi.org/{_DOI}."
    )


def _header(file):
    """Return the names of the columns, and their separator."""
    with open(file, encoding="utf-8", errors="replace") as lines:
        line = lines.readline().rstrip("\r\n").removeprefix("\ufeff")
    separator = "\t" if "\t" in line else ","
    return line.split(separator), separator


def _genre_column(columns):
    if {"msd_track_id", "set"} <= set(columns):
        return next((name for name in (_PUBLISHED, _REDUCED) if name in columns), None)
    return None


def _read(file):
    """Read and validate the table; return it and the name of the genre column."""
    header, separator = _header(file)
    genre_column = _genre_column(header)
    absent = [name for name in _COLUMNS if name not in header]
    if genre_column is None or absent:
        absent = absent or [_PUBLISHED]
        raise ValueError(
            f"{str(file)!r} lacks the columns {absent} of MSD-I; it has {header[:12]}. Pass the "
            f"published {_FILE}."
        )
    table = pd.read_csv(
        file, sep=separator, dtype=str, keep_default_na=False, usecols=[*_COLUMNS, genre_column]
    )
    faults = {"set": ~table["set"].isin(PARTS), genre_column: table[genre_column] == ""}
    expected = {"set": " or ".join(PARTS), genre_column: "a genre"}
    for column, bad in faults.items():
        if bad.any():
            row = int(np.argmax(bad))
            raise ValueError(
                f"{str(file)!r} has {table[column][row]!r} as {column!r} in row {row} "
                f"({int(bad.sum()):,} rows in all), expected {expected[column]}. Fetch the file "
                "again."
            )
    return table, genre_column


def _stem(url):
    """Return the file name of a URL, without its extension."""
    return os.path.splitext(url.rpartition("/")[2])[0]


def _describe(table, genre_column):
    kind = (
        "as published"
        if genre_column == _PUBLISHED
        else "a third party's reduction of MSD-I to one track per album; according to the paper, "
        "the published file has 30,713 rows"
    )
    parts = table["split"].value_counts()
    return (
        f"MSD-I ({kind}): {len(table):,} tracks, {table['genre'].nunique()} genres, "
        f"{table['artist'].nunique():,} artists; train {parts.get('train', 0):,}, val "
        f"{parts.get('val', 0):,}, test {parts.get('test', 0):,}. Oramas et al. (2018), "
        f"https://doi.org/{_DOI}. Paths, if there are any, are the user's own files."
    )
