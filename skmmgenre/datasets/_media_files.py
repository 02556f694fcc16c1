"""Sound and image files in a folder, told by the ends of their names."""

import os

import pandas as pd

from ..utils import first_few

AUDIO_SUFFIXES = frozenset(
    """.mp3 .flac .ogg .oga .opus .wav .wave .m4a .mp4 .m4b .aac .alac .aif .aiff .wma .ape .wv
    .mpc""".split()
)
IMAGE_SUFFIXES = frozenset(".jpg .jpeg .png .gif .webp .bmp .tif .tiff".split())
TIMBRE_SUFFIXES = frozenset({".h5"})


def add_paths(table, column, names, directory, suffixes, problems):
    """Add a column with the paths of files that the user has, told by their names.

    Parameters
    ----------
    table : DataFrame
        Gets the column; a file that is not there is None, and none of a list.
    column : str
    names : list of shape (n_rows,)
        The name without its end, a tuple of names of which the first that is there counts, or
        a list of either, for a list of paths.
    directory : str or path, or None
        The files may be at any depth; of two of one name the first by path counts. None: the
        column is empty.
    suffixes : set of str
        Ends of the names, lower case.
    problems : list of str
        What was not found is appended.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If not one of the files is there.
    """
    if directory is None:
        table[column] = pd.Series([None] * len(table), index=table.index, dtype=object)
        return
    found, n_files, example = _files_by_stem(directory, suffixes, column)
    n_wanted, absent, cells = 0, [], []
    for cell in names:
        paths = []
        for name in cell if isinstance(cell, list) else [cell]:
            known = [n for n in ((name,) if isinstance(name, str) else name) if n]
            path = next((found[n] for n in known if n in found), None)
            n_wanted += 1
            if path is None:
                absent.append(known[0] if known else None)
            else:
                paths.append(path)
        cells.append((paths if isinstance(cell, list) else paths[0]) if paths else None)
    directory = os.fspath(directory)
    if len(absent) == n_wanted:
        held = f"{n_files:,} such files, the first is {example!r}" if n_files else "no such file"
        raise ValueError(
            f"Not one of the {n_wanted:,} files for {column!r} is in {directory!r}, which holds "
            f"{held}. A file is to be named by its id, as {absent[0]!r} with one of "
            f"{', '.join(sorted(suffixes))} behind it, at any depth."
        )
    if absent:
        problems.append(
            f"{column}: {len(absent):,} of {n_wanted:,} files are not in {directory!r} "
            f"({first_few(absent)})"
        )
    table[column] = pd.Series(cells, index=table.index, dtype=object)


def _files_by_stem(directory, suffixes, column):
    """Return the path of each name, the number of files and the first of them."""
    if not os.path.isdir(directory):
        raise FileNotFoundError(
            f"There is no folder {os.fspath(directory)!r} with files for {column!r}. Check the "
            "path."
        )
    found, n_files, example = {}, 0, None
    for folder, folders, names in os.walk(directory):
        folders.sort()
        for name in sorted(names):
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in suffixes:
                n_files += 1
                example = example or name
                found.setdefault(stem, os.path.join(folder, name))
    return found, n_files, example
