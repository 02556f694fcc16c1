"""Files that the authors published with their data sets: splits, feature vectors, JSON records.

Vectors follow one naming scheme: ``items_index_PART_NAME.tsv`` contains one id per line, and
``X_PART_SETTING_NAME.npy`` the vectors of these items, for the parts train, val and test. A JSON
file may be large, so its records are read one at a time.
"""

import gzip
import json
import re
import warnings

import numpy as np
import pandas as pd

from ..utils import first_few

PARTS = ("train", "val", "test")


def split_entries(split):
    """Return the entries of a data set's Bunch that describe its published split.

    Parameters
    ----------
    split : list of str, shape (n,)
        "train", "val", "test", or "" for a row that is in none of them.

    Returns
    -------
    entries : dict
        split : ndarray of str; validation : ndarray of bool; parts : dict of positions.
    """
    split = np.array(split, dtype=object)
    return {
        "split": split,
        "validation": split == "val",
        "parts": {part: np.flatnonzero(split == part) for part in PARTS},
    }


def note_artists_in_two_parts(groups, split, problems):
    """Note the artists that are in more than one part; there should be none."""
    pairs = pd.DataFrame({"artist": groups, "part": split})
    pairs = pairs[pairs["artist"].notna() & (pairs["part"] != "")].drop_duplicates()
    n_parts = pairs["artist"].value_counts()
    if artists := sorted(n_parts.index[n_parts > 1]):
        problems.append(
            f"{len(artists):,} artists are in more than one part ({first_few(artists)})"
        )


def warn_of_problems(problems, name, *, stacklevel=3):
    """Warn about all problems of a data set at once, on behalf of the loader."""
    if problems:
        lines = "".join(f"\n- {problem}" for problem in problems)
        message = f"{name} is not complete, see `problems`:{lines}"
        warnings.warn(message, UserWarning, stacklevel=stacklevel)


# Names of the authors' experiments -> names of blocks in this package.
BLOCK_OF_SETTING = {
    "audio": "audio",
    "visual": "image",
    "mm-audio": "mm_audio",
    "mm-visual": "mm_image",
    "model_audio": "audio",
    "model_text": "text",
    "model_visual": "image",
}
_INDEX_FILE = re.compile(r"items_index_(train|val|test)_(.+)\.tsv")


def read_indices(folder):
    """Read the ids of the items of each part.

    Parameters
    ----------
    folder : Path
        The files may be at any depth.

    Returns
    -------
    indices : dict of str to dict of str to list of str
        Name of the data set ("MuMu-albums") -> part -> ids.
    """
    indices = {}
    for path in sorted(folder.rglob("items_index_*.tsv")):
        if match := _INDEX_FILE.fullmatch(path.name):
            part, name = match.groups()
            lines = path.read_text(encoding="utf-8").splitlines()
            ids = [line.partition("\t")[0].strip() for line in lines if line.strip()]
            indices.setdefault(name, {})[part] = ids
    return indices


def rows_of_ids(table, columns):
    """Return the rows of each id, as a dict of str to list of int.

    Parameters
    ----------
    table : DataFrame
    columns : list of str
        A cell is an id or a list of ids; a missing cell is None.
    """
    rows = {}
    for column in columns:
        for row, cell in enumerate(table[column]):
            for name in cell if isinstance(cell, list) else [cell]:
                if name is not None:
                    rows.setdefault(name, []).append(row)
    return rows


def load_vectors(folder, settings, rows_of_id, problems):
    """Read published vectors into a table.

    Parameters
    ----------
    folder : Path
        The files may be at any depth.
    settings : str, list of str, dict of str to str, or None
        Settings as in the names of the files; a dict maps each of them to the name of its block.
    rows_of_id : dict of str to list of int
        Rows of each item.
    problems : list of str
        A message about rows without a vector is appended.

    Returns
    -------
    vectors : DataFrame of float32, shape (n_rows, n_columns)
        Columns BLOCK__0, BLOCK__1, ...; NaN where an item has no vector. None if `settings` is
        None.

    Raises
    ------
    ValueError
        If there is no file of a setting, or the rows of a file do not match its index.
    """
    if settings is None:
        return None
    if not isinstance(settings, dict):
        settings = [settings] if isinstance(settings, str) else settings
        settings = {s: BLOCK_OF_SETTING.get(s, s.replace("-", "_")) for s in settings}
    indices = read_indices(folder)
    files = _find_arrays(folder, indices)
    n_rows = 1 + max((row for rows in rows_of_id.values() for row in rows), default=-1)
    chosen = []
    for setting in settings:
        names = [name for found, name in files if found == setting]
        if len(names) != 1:
            raise ValueError(_which_files(setting, names, files, folder))
        ids = indices[names[0]]
        arrays = {
            path: (_open_array(path), ids.get(part, []))
            for part, path in files[setting, names[0]].items()
        }
        _check_shapes(arrays)
        chosen.append(arrays)
    widths = [next(iter(arrays.values()))[0].shape[1] for arrays in chosen]
    vectors = np.full((n_rows, sum(widths)), np.nan, dtype=np.float32)
    columns = []
    for (setting, block), arrays, width in zip(settings.items(), chosen, widths, strict=True):
        place = slice(len(columns), len(columns) + width)
        columns += [f"{block}__{i}" for i in range(width)]
        filled = np.zeros(n_rows, dtype=bool)
        for array, ids in arrays.values():
            pairs = [(row, i) for i, item in enumerate(ids) for row in rows_of_id.get(item, ())]
            # The shape matters if there are no pairs.
            rows, items = np.array(pairs, dtype=int).reshape(-1, 2).T
            vectors[rows, place] = array[items]
            filled[rows] = True
        if not filled.all():
            problems.append(
                f"vectors {setting!r}: {n_rows - filled.sum():,} of {n_rows:,} rows have no vector "
                f"(rows {first_few(np.flatnonzero(~filled))}); they are NaN"
            )
    return pd.DataFrame(vectors, columns=columns, copy=False)


def _find_arrays(folder, indices):
    """Return the files of vectors: (setting, name of the data set) -> part -> path."""
    files = {}
    names = "|".join(map(re.escape, indices))
    # The shortest setting, so that of the names "A" and "B_A" the longer one is found.
    pattern = re.compile(rf"X_({'|'.join(PARTS)})_(.+?)_({names})\.npy")
    for path in sorted(folder.rglob("X_*.npy")) if indices else ():
        if match := pattern.fullmatch(path.name):
            part, setting, name = match.groups()
            files.setdefault((setting, name), {})[part] = path
    return files


def _open_array(path):
    try:
        # Mapped, so that a file is not in memory in addition to the table.
        return np.load(path, mmap_mode="r", allow_pickle=False)
    except (ValueError, OSError) as error:
        raise ValueError(
            f"{str(path)!r} is not a valid .npy file of numbers ({error}). Download it again."
        ) from error


def _check_shapes(arrays):
    widths = {array.shape[1:] for array, _ in arrays.values()}
    for path, (array, ids) in arrays.items():
        if array.ndim != 2 or len(widths) > 1:
            raise ValueError(
                f"{path.name} has shape {array.shape}, expected one vector per row, with the same "
                "length in all parts. Download the data set again."
            )
        if len(ids) != len(array):
            raise ValueError(
                f"{path.name} has {len(array)} rows, but its index file items_index_* has "
                f"{len(ids)} ids. Download the data set again."
            )


def _which_files(setting, names, files, folder):
    if names:
        return (
            f"Vectors {setting!r} of several data sets were found in {str(folder)!r}: "
            f"{', '.join(names)}. Pass the folder of one of them."
        )
    known = sorted({found for found, _ in files})
    held = f"there are {', '.join(map(repr, known))}" if known else "there are none"
    return (
        f"No vectors {setting!r} were found in {str(folder)!r}: {held}. Expected files "
        f"X_train_{setting}_NAME.npy and items_index_train_NAME.tsv, and so for val and test."
    )


def iterate_json(path):
    """Yield the records of a JSON file one by one.

    Parameters
    ----------
    path : Path
        An array of records, or consecutive records, with or without line breaks (JSON lines).
        ".gz" files are decompressed. Only the text of the file is kept in memory, not all of its
        records.

    Yields
    ------
    record : dict

    Raises
    ------
    ValueError
        If the file is not valid JSON; the message gives the position.
    """
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt", encoding="utf-8") as file:
        text = file.read()
    decoder, place = json.JSONDecoder(), 0
    while True:
        # The brackets and commas of an array are skipped like white space, so that arrays, JSON
        # lines and records without separators need no cases of their own.
        while place < len(text) and text[place] in " \t\r\n[],\ufeff":
            place += 1
        if place == len(text):
            return
        try:
            record, place = decoder.raw_decode(text, place)
        except json.JSONDecodeError as error:
            raise ValueError(
                f"{str(path)!r} is not valid JSON at character {error.pos:,}, line "
                f"{error.lineno:,} ({error.msg}): it may be truncated. Download it again."
            ) from error
        if not isinstance(record, dict):
            raise ValueError(
                f"{str(path)!r} contains {str(record)[:40]!r} instead of a record before "
                f"character {place:,}."
            )
        yield record
