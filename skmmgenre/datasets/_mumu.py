"""MuMu: multilabel albums with audio, reviews and a cover."""

from collections import Counter
from numbers import Integral
from pathlib import Path
from typing import Any, Literal

import numpy as np
import pandas as pd
from sklearn.utils import Bunch
from sklearn.utils._param_validation import Interval, StrOptions, validate_params

from .._typing import FilePath
from ..labels import GenreTaxonomy
from ..utils import first_few, get_data_home, is_missing
from ._fetch import fetch_and_load
from ._folder_files import AUDIO_SUFFIXES, IMAGE_SUFFIXES, TIMBRE_SUFFIXES, add_paths
from ._published import (
    iterate_json,
    load_vectors,
    note_artists_in_two_parts,
    read_indices,
    rows_of_ids,
    split_entries,
    warn_of_problems,
)

_DOI = "10.5281/zenodo.831189"
_COLUMNS = ("amazon_id", "album_mbid", "MSD_track_id", "recording_mbid", "artist_mbid", "genres")
_FILES = (
    "MuMu_dataset_multi-label.csv, MuMu_dataset_single-label.csv, amazon_metadata_MuMu.json and "
    "the JSON of the reviews"
)
_PATTERNS = {
    "multi": "*multi-label*.csv*",
    "single": "*single-label*.csv*",
    "metadata": "*metadata*.json*",
    "reviews": "*review*.json*",
}
_OF_ALBUM = ["amazon_id", "album_mbid", "artist_mbid"]
_OF_TRACK = ["MSD_track_id", "recording_mbid"]
_TABLE = """amazon_id album_mbid artist_mbid MSD_track_id recording_mbid genres genre split artist
    artist_name title image_url audio text cover""".split()
# Names of keys in the different versions of Amazon's review files and of the authors' files.
_ID_KEYS = ("amazon_id", "amazon-id", "asin")
_TEXT_KEYS = ("reviewText", "text", "review")
_TIME_KEYS = ("unixReviewTime", "time", "timestamp")


@validate_params(
    {
        "unit": [StrOptions({"album", "track"})],
        "reviews": ["boolean"],
        "min_items": [Interval(Integral, 1, None, closed="left")],
    },
    prefer_skip_nested_validation=True,
)
def load_mumu(
    path: FilePath | None = None,
    *,
    unit: Literal["album", "track"] = "album",
    reviews: bool = True,
    audio_directory: FilePath | None = None,
    image_directory: FilePath | None = None,
    timbre_directory: FilePath | None = None,
    vectors: Any = None,
    min_items: int = 12,
    data_home: FilePath | None = None,
) -> Bunch:
    """Load MuMu: albums with labels from 250 genres (section 7.1, Table 4 of the paper).

    Parameters
    ----------
    path : str or path, default=None
        The folder of the published files, at any depth; by default the folder mumu in
        `data_home`. Only one table of tracks is required, MuMu_dataset_multi-label.csv or
        MuMu_dataset_single-label.csv.
    unit : {"album", "track"}, default="album"
        Unit of a row. The paper classifies albums; an audio cell is then a list of paths.
    reviews : bool, default=True
        Whether to read the reviews, a large file.
    audio_directory : str or path, default=None
        Folder of your audio files, named by MSD track id (``TRYDUXK12903CE0C37.mp3``), at any
        depth.
    image_directory : str or path, default=None
        Folder of your covers, named by the Amazon id or MusicBrainz id of the album.
    timbre_directory : str or path, default=None
        Folder of your .h5 files of the Million Song Dataset.
    vectors : str, list of str or dict, default=None
        Published feature vectors to load from the folder: "model_audio", "model_text",
        "model_visual". A dict maps each of them to the name of its block of columns.
    min_items : int, default=12
        Minimum number of albums per label. Only used if the list of the labels
        (genre_labels_MuMu.tsv) is not in the folder.
    data_home : str or path, default=None
        See `get_data_home`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        table : DataFrame, one row per album (or track)
            amazon_id, album_mbid, artist_mbid, MSD_track_id and recording_mbid (lists, or one
            per track), genres (list of str), genre (from the single-label file), split; artist
            (artist_mbid), artist_name, title and image_url (from the metadata); audio (list of
            paths, or a path), text (list of reviews in chronological order), cover; and timbre,
            if `timbre_directory` is given. Missing values are None. ``table.attrs["source"]`` is
            "MuMu".
        y : ndarray of str or None, shape (n,)
            Genre of each album in the single-label file, None without the file.
        Y : DataFrame of int8 or None, shape (n, n_labels)
            Labels of each album in the multi-label file, None without the file. The columns are the
            labels of genre_labels_MuMu.tsv in its order, or those of at least `min_items` albums,
            sorted.
        groups : ndarray of str, shape (n,)
            Artists.
        split : ndarray of str, shape (n,)
            "train", "val" or "test" according to the published index files, "" for a row that is in
            none of them.
        validation : ndarray of bool, shape (n,)
            Marks the rows of "val", for `fit`.
        parts : dict of str to ndarray of int
            The positions of the rows of each part.
        vectors : DataFrame of float32 or None
            One row per album, with the columns ``audio__0``, ``text__0``, ``image__0`` and so on,
            for `FusionClassifier`.
        problems : list of str
            Differences from the published data set, and files that were not found.
        DESCR : str
            Summary of the loaded data.

    Raises
    ------
    FileNotFoundError
        If there is no table of tracks; the message says where to download it.
    ValueError
        If a file lacks a column or is broken, or none of the files of a folder belongs to a track.

    Warns
    -----
    UserWarning
        If there are `problems`.

    See Also
    --------
    fetch_mumu : Download the files first.
    describe_genres : Compute Table 4 of the paper: ``describe_genres(data.Y, data.parts)``.

    Notes
    -----
    The protocol of the paper uses the published split::

        fit, test = np.isin(data.split, ["train", "val"]), data.parts["test"]
        model.fit(data.table[fit], data.Y[fit], groups=data.groups[fit],
                  validation=data.validation[fit])
        macro_auc_score(data.Y.iloc[test], model.predict_proba(data.table.iloc[test]))

    Audio and covers are not published with the data set; `image_url` is the address that a cover
    had.

    The encoder musicnn was trained on the Million Song Dataset, from which these songs come, with
    tags that are close to genres. Scores with it are too optimistic, and `GenrePipeline` warns
    about it. "musicnn-mtt" was trained on other music.

    References
    ----------
    Oramas, S., Barbieri, F., Nieto, O. and Serra, X. (2018). Multimodal Deep Learning for Music
    Genre Classification. TISMIR 1(1). Data set: https://doi.org/10.5281/zenodo.831189
    """
    folder, files = _find(path, data_home)
    problems = []
    tracks = _read_tracks(files)
    table = _albums(tracks) if unit == "album" else tracks.reset_index(drop=True)
    table = table.astype(object).where(table.notna(), None)
    table["artist"] = table["artist_mbid"]
    _add_metadata(table, files["metadata"], problems)
    tracks_of_row, covers = table["MSD_track_id"].tolist(), table[["amazon_id", "album_mbid"]]
    covers = list(covers.itertuples(index=False, name=None))
    add_paths(table, "audio", tracks_of_row, audio_directory, AUDIO_SUFFIXES, problems)
    add_paths(table, "cover", covers, image_directory, IMAGE_SUFFIXES, problems)
    if timbre_directory is not None:
        add_paths(table, "timbre", tracks_of_row, timbre_directory, TIMBRE_SUFFIXES, problems)
    _add_reviews(table, files["reviews"] if reviews else None, problems)
    if reviews and files["reviews"] is None:
        problems.append("there is no JSON of the reviews: text is None")
    indices = read_indices(folder)
    split = _read_split(indices, table, problems)
    table["split"] = pd.Series(split, dtype=object)
    rows_of_id = rows_of_ids(table, _OF_ALBUM[:2] if unit == "album" else _OF_TRACK)
    groups = table["artist_mbid"].to_numpy(dtype=object)
    note_artists_in_two_parts(groups, split, problems)
    Y = None
    if files["multi"] is not None:
        Y = _label_matrix(table, folder, min_items)
        _compare_with_published(Y, folder, indices, rows_of_id, problems)
    vectors = load_vectors(folder, vectors, rows_of_id, problems)
    table = table[[*_TABLE, *table.columns.difference(_TABLE, sort=False)]]
    warn_of_problems(problems, "MuMu", stacklevel=4)  # validate_params adds a frame
    table.attrs["source"] = "MuMu"  # GenrePipeline warns about encoders trained on it
    return Bunch(
        table=table,
        y=None if files["single"] is None else table["genre"].to_numpy(dtype=object),
        Y=Y,
        groups=groups,
        **split_entries(split),
        vectors=vectors,
        problems=problems,
        DESCR=_describe(table, Y, unit),
    )


def fetch_mumu(
    *,
    data_home: FilePath | None = None,
    download_if_missing: bool = True,
    verbose: int = 1,
    **options: Any,
) -> Bunch:
    """Load MuMu, downloading it first if needed.

    Parameters
    ----------
    data_home : str or path, default=None
        See `get_data_home`; the files are stored in its folder mumu.
    download_if_missing : bool, default=True
        Whether to download missing files; if False, missing files raise an error.
    verbose : int, default=1
        1 shows a progress bar.
    **options
        Passed to `load_mumu`.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        As returned by `load_mumu`.

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
        load_mumu,
        _find,
        _DOI,
        "mumu",
        name="MuMu",
        wanted=f"{_FILES} (and the folders splits and train_data, for the split and vectors)",
        data_home=data_home,
        download=download_if_missing,
        verbose=verbose,
        options=options,
    )


def _find(path, data_home):
    """Return the folder of the data set, and its files by their content."""
    folder = get_data_home(data_home) / "mumu" if path is None else Path(path)
    if folder.is_file():
        folder = folder.parent
    files = dict.fromkeys(_PATTERNS)
    for kind, pattern in _PATTERNS.items():
        found = sorted(folder.rglob(pattern))
        if len(found) > 1:
            raise ValueError(
                f"Several files in {str(folder)!r} match the name {pattern!r} of MuMu: "
                f"{first_few([file.relative_to(folder) for file in found])}. Pass the folder of "
                "one of them."
            )
        files[kind] = found[0] if found else None
    if files["multi"] is None and files["single"] is None:
        raise FileNotFoundError(
            f"MuMu was not found: there is no MuMu_dataset_multi-label.csv in {str(folder)!r}. "
            f"Pass the folder of the published files, or let fetch_mumu() download it from "
            f"https://doi.org/{_DOI}."
        )
    return folder, files


def _read_tracks(files):
    """Join both tables, with one row per track in the order of the multi-label table."""
    tables = {kind: _read_table(files[kind]) for kind in ("multi", "single") if files[kind]}
    if "multi" in tables:
        tracks = tables["multi"]
        tracks["genres"] = [_names(cell) for cell in tracks["genres"]]
        one = tables.get("single")
        by_track = {} if one is None else dict(zip(one["MSD_track_id"], one["genres"], strict=True))
        tracks["genre"] = [by_track.get(track) for track in tracks["MSD_track_id"]]
    else:
        tracks = tables["single"]
        tracks["genre"], tracks["genres"] = tracks["genres"], None
    return tracks


def _read_table(file):
    table = pd.read_csv(file, dtype=str, keep_default_na=False)
    absent = [name for name in _COLUMNS if name not in table]
    if absent:
        raise ValueError(
            f"{str(file)!r} lacks the columns {absent} of MuMu; it has "
            f"{table.columns.tolist()[:12]}. Fetch the file again."
        )
    if not len(table):
        raise ValueError(f"{str(file)!r} has no rows. Fetch the file again.")
    table = table[list(_COLUMNS)].astype(object)
    return table.mask(table == "", None)


def _names(cell):
    return [] if is_missing(cell) else [name.strip() for name in cell.split(",") if name.strip()]


def _albums(tracks):
    """Return a table with one row per album, in the order of their first tracks."""
    keys = tracks["amazon_id"].where(tracks["amazon_id"].notna(), tracks["album_mbid"])
    albums = tracks.groupby(keys, sort=False)
    # `first` skips missing values, so that each may come from another track of the album.
    first = albums[[*_OF_ALBUM, "genres"]].first()
    genre = albums["genre"].agg(_most_frequent)
    lists = {column: albums[column].agg(list) for column in _OF_TRACK}
    return first.assign(**lists, genre=genre).reset_index(drop=True)


def _most_frequent(genres):
    counts = Counter(genre for genre in genres if genre is not None)
    return counts.most_common(1)[0][0] if counts else None


def _add_metadata(table, file, problems):
    """Add the title, the name of the artist and the address of the cover."""
    known = {}
    for record in [] if file is None else iterate_json(file):
        known[_first(record, _ID_KEYS)] = record
    records = [known.get(album) for album in table["amazon_id"]]
    for column, key in (("title", "title"), ("artist_name", "artist"), ("image_url", "imUrl")):
        table[column] = pd.Series(
            [None if record is None else record.get(key) or None for record in records],
            dtype=object,
        )
    if file is None:
        problems.append(
            "there is no amazon_metadata_MuMu.json: title, artist_name and image_url are None"
        )
    elif absent := [album for album, r in zip(table["amazon_id"], records, strict=True) if not r]:
        problems.append(f"metadata: missing for {len(absent):,} albums ({first_few(absent)})")


def _add_reviews(table, file, problems):
    """Add the reviews of each album in chronological order; those without a time come first."""
    reviews = {}
    for record in [] if file is None else iterate_json(file):
        album = _first(record, _ID_KEYS)
        nested = record.get("reviews")
        for review in nested if isinstance(nested, list) else [record]:
            text = _first(review, _TEXT_KEYS)
            if isinstance(text, str) and text.strip():
                time = _first(review, _TIME_KEYS)
                reviews.setdefault(album, []).append((float(time or 0), text))
    texts = {
        album: [text for _, text in sorted(found, key=lambda review: review[0])]
        for album, found in reviews.items()
    }
    cells = [texts.get(album) for album in table["amazon_id"]]
    table["text"] = pd.Series(cells, dtype=object)
    absent = [album for album, cell in zip(table["amazon_id"], cells, strict=True) if not cell]
    if file is not None and absent:
        problems.append(
            f"text: {len(absent):,} of {len(table):,} rows have no review "
            f"({first_few(absent)}); their cells are None"
        )


def _first(record, keys):
    return next((record[key] for key in keys if record.get(key) is not None), None)


def _read_split(indices, table, problems):
    """Return the part of each row, from the index files that contain the most rows.

    Index files list albums or tracks, by the ids of any of the catalogues.
    """
    rows_of_id = rows_of_ids(table, [*_OF_ALBUM[:2], *_OF_TRACK])
    best, best_name = {}, next(iter(indices), None)
    for name, parts in indices.items():
        part_of_row = {
            row: part
            for part, ids in parts.items()
            for item in ids
            for row in rows_of_id.get(item, ())
        }
        if len(part_of_row) > len(best):
            best, best_name = part_of_row, name
    absent = [row for row in range(len(table)) if row not in best]
    if not indices:
        problems.append(
            "there is no items_index_train_MuMu-albums.tsv (nor for val and test), the published "
            "split: `split` is empty; train_validation_test_split makes another split by artist"
        )
    elif absent:
        problems.append(
            f"split: {len(absent):,} of {len(table):,} rows are in no part of "
            f"items_index_*_{best_name}.tsv (rows {first_few(absent)})"
        )
    return [best.get(row, "") for row in range(len(table))]


def _label_matrix(table, folder, min_items):
    """Return the indicator matrix of the published labels, or of the frequent ones."""
    items = table["genres"].tolist()
    files = sorted(folder.rglob("genre_labels_*.tsv"))
    if files:
        lines = files[0].read_text(encoding="utf-8").splitlines()
        labels = [line.strip() for line in lines if line.strip()]
    else:
        # Items list the parents of their labels too, and all names differ: a flat taxonomy will do.
        # Albums are counted, also if rows are tracks.
        albums = table.drop_duplicates("amazon_id")["genres"]
        taxonomy = GenreTaxonomy.from_items(items, separator="\n")
        labels = taxonomy.filter(albums.tolist(), min_items=min_items).labels
    place = {label: column for column, label in enumerate(labels)}
    matrix = np.zeros((len(table), len(labels)), dtype=np.int8)
    for row, names in enumerate(items):
        matrix[row, [place[name] for name in names if name in place]] = 1
    return pd.DataFrame(matrix, columns=pd.Index(labels, dtype=object))


def _compare_with_published(Y, folder, indices, rows_of_id, problems):
    """Note where the labels differ from the matrices that the authors trained on."""
    for name, ids_of_part in indices.items():
        for part, ids in ids_of_part.items():
            for file in folder.rglob(f"y_{part}_class_{Y.shape[1]}_{name}.npy"):
                published = np.load(file, allow_pickle=False)
                if published.shape != (len(ids), Y.shape[1]):
                    problems.append(f"{file.name} has shape {published.shape} for {len(ids)} ids")
                    continue
                pairs = [(row, i) for i, item in enumerate(ids) for row in rows_of_id.get(item, ())]
                rows, items = np.array(pairs, dtype=int).reshape(-1, 2).T
                differ = rows[(published[items] != Y.to_numpy()[rows]).any(axis=1)]
                if len(differ):
                    problems.append(
                        f"the labels of {len(differ):,} of {len(rows):,} rows differ from "
                        f"{file.name} (rows {first_few(differ)}); Y follows the table of tracks"
                    )


def _describe(table, Y, unit):
    labels = (
        "one genre each"
        if Y is None
        else f"{Y.shape[1]} labels, {Y.to_numpy().sum(1).mean():.2f} each"
    )
    parts = table["split"].value_counts()
    return (
        f"MuMu: {len(table):,} {unit}s, {labels}, {table['artist'].nunique():,} artists; train "
        f"{parts.get('train', 0):,}, val {parts.get('val', 0):,}, test {parts.get('test', 0):,}. "
        f"Oramas et al. (2018), https://doi.org/{_DOI}. Copyright 2017 Music Technology Group, "
        "Universitat Pompeu Fabra. Paths, if there are any, are the user's own files."
    )
