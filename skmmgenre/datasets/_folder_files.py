"""The audio files, images and texts in a folder and its subfolders.

Files are recognized by their extensions; covers and texts are found next to audio files, and covers
also inside them.
"""

import os
import stat
import unicodedata
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path

import pandas as pd

from ..image._decode import decode_image
from ..utils import BadItem, first_few, replacing
from ._audio_tags import decode_text


def spell_path(path):
    """Return a path in a normalized spelling, for comparison.

    Parameters
    ----------
    path : str, bytes or path
        "~" is expanded; trailing and doubled slashes and "./" are removed; ".." is kept, because
        after a symbolic link it does not lead back to the folder before it.

    Returns
    -------
    path : str
        Empty if `path` is empty.
    """
    path = os.path.expanduser(os.fsdecode(path))
    return path and str(Path(path))


def place_of(path):
    """Return the path that all spellings of a file share, with the links of its folder resolved."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def fold_name(name):
    """Return a file name in a form that ignores case and Unicode normalization."""
    return unicodedata.normalize("NFC", name).casefold()


@dataclass
class FoundFiles:
    """The content of a folder.

    Parameters
    ----------
    folders : dict of str to list of str
        Folder -> the names of its files, sorted; folders in order.
    faults : list of (str, str, str)
        Path, reason and remedy of everything that was skipped.
    """

    folders: dict = field(default_factory=dict)
    faults: list = field(default_factory=list)

    def places(self):
        """Iterate over all files, as pairs of folder and name."""
        return ((folder, name) for folder, names in self.folders.items() for name in names)


def require_folder(path):
    """Raise FileNotFoundError or NotADirectoryError unless there is such a folder."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"There is no folder {path!r}. Check the path.")
    if not os.path.isdir(path):
        raise NotADirectoryError(f"{path!r} is a file, expected a folder.")


def walk_folder(path):
    """List the files of a folder at any depth, except hidden ones.

    Links to folders are followed, but each folder is entered once, so that a link to a parent
    folder does not cause an endless loop.

    Parameters
    ----------
    path : str

    Returns
    -------
    found : FoundFiles
        Only regular files, and links to them.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If there is no such folder.
    """
    require_folder(path)
    found, met = FoundFiles(), {}
    waiting, links = [path], []
    while waiting or links:  # links last: a folder's own name takes precedence
        folder = waiting.pop() if waiting else links.pop()
        try:
            status = os.stat(folder)
            known = met.setdefault((status.st_dev, status.st_ino), folder)
            if known != folder:
                reason = f"the same folder as {known!r}, by a link"
                found.faults.append((folder, reason, "It is entered once."))
                continue
            names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
        except OSError as error:
            reason = f"the folder cannot be read ({os.strerror(error.errno)})"
            is_gone = isinstance(error, FileNotFoundError)  # deleted since it was listed
            found.faults.append((folder, reason, "" if is_gone else "Check its permissions."))
            continue
        found.folders[folder] = []
        for inside in (os.path.join(folder, name) for name in names):
            is_link = os.path.islink(inside)
            try:
                mode = os.stat(inside).st_mode
            except OSError as error:
                reason = f"it cannot be read ({os.strerror(error.errno)})"
                if is_link:
                    reason = "a broken link, or a link to itself"
                found.faults.append((inside, reason, "Remove the link." if is_link else ""))
                continue
            if stat.S_ISDIR(mode):
                (links if is_link else waiting).append(inside)
            elif stat.S_ISREG(mode):
                found.folders[folder].append(os.path.basename(inside))
            else:
                found.faults.append((inside, "a pipe, socket or device, not a file", ""))
    found.folders = dict(sorted(found.folders.items()))
    return found


def list_around(paths):
    """List the files in the folders of some files, and in their parent folders, not recursively.

    Parameters
    ----------
    paths : list of str

    Returns
    -------
    found : FoundFiles
    """
    folders = {os.path.dirname(path) for path in paths}
    folders |= {os.path.dirname(folder) for folder in folders}
    found = FoundFiles()
    for folder in sorted(folders):
        try:
            names = os.listdir(folder or ".")
        except OSError:  # reported when its files are read
            names = []
        files = (name for name in names if os.path.isfile(os.path.join(folder, name)))
        found.folders[folder] = sorted(name for name in files if not name.startswith("."))
    return found


AUDIO_SUFFIXES = frozenset(
    """.mp3 .flac .ogg .oga .opus .wav .wave .m4a .mp4 .m4b .aac .alac .aif .aiff .wma .ape .wv
    .mpc .3gp .ac3 .aifc .amr .au .avi .caf .dff .dsf .dts .m4p .m4r .mka .mkv .mov .mp2 .ofr .ra
    .shn .snd .spx .tak .tta .w64 .weba .webm""".split()
)
IMAGE_SUFFIXES = frozenset(".jpg .jpeg .png .gif .webp .bmp .tif .tiff".split())
TIMBRE_SUFFIXES = frozenset({".h5"})


def add_paths(table, column, names, directory, suffixes, problems):
    """Add a column with the paths of the user's files, found by their names.

    Parameters
    ----------
    table : DataFrame
        The column is added to it; a missing file is None, or dropped from a list.
    column : str
    names : list of shape (n_rows,)
        The name without its extension, a tuple of alternative names (the first that exists is
        used), or a list of either, for a list of paths.
    directory : str or path, or None
        The files may be at any depth; of files with the same name, the first by path is used. If
        None, the column is empty.
    suffixes : set of str
        File extensions, in lower case.
    problems : list of str
        A message about files that were not found is appended.

    Raises
    ------
    FileNotFoundError
        If there is no such folder.
    ValueError
        If none of the files exists.
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
        held = f"{n_files:,} such files (first: {example!r})" if n_files else "no such file"
        raise ValueError(
            f"None of the {n_wanted:,} files for {column!r} is in {directory!r}, which contains "
            f"{held}. Name each file by its id, such as {absent[0]!r}, with one of the extensions "
            f"{', '.join(sorted(suffixes))}, at any depth."
        )
    if absent:
        problems.append(
            f"{column}: {len(absent):,} of {n_wanted:,} files are not in {directory!r} "
            f"({first_few(absent)})"
        )
    table[column] = pd.Series(cells, index=table.index, dtype=object)


def _files_by_stem(directory, suffixes, column):
    """Return the path of each name, the number of files, and the first of them."""
    if not os.path.isdir(directory):
        raise FileNotFoundError(
            f"There is no folder {os.fspath(directory)!r} with files for {column!r}. Check the "
            "path."
        )
    found, n_files, example = {}, 0, None
    for folder, folders, names in os.walk(directory):
        # In place, so that os.walk enters them in this order on every file system.
        folders.sort()
        for name in sorted(names):
            stem, suffix = os.path.splitext(name)
            if suffix.lower() in suffixes:
                n_files += 1
                example = example or name
                found.setdefault(stem, os.path.join(folder, name))
    return found, n_files, example


# Names of covers, in order of preference.
_COVERS = ("cover", "folder", "front", "album", "albumart", "albumartlarge", "artwork", "thumb")
_TEXTS = ("review", "reviews", "album", "description", "notes", "info", "about")
_SIGNATURES = {
    b"\xff\xd8\xff": ".jpg",
    b"\x89PNG\r\n\x1a\n": ".png",
    b"GIF8": ".gif",
    b"BM": ".bmp",
    b"II*\x00": ".tif",
    b"MM\x00*": ".tif",
}
_MAX_COVER = 20_000_000  # bytes
_MAX_TEXT = 1_000_000  # bytes


def choose_cover(names):
    """Return the name of the cover among the files of a folder, or None.

    Parameters
    ----------
    names : list of str
        Names of the files. "cover.jpg", "Folder.png", "front.webp" and the like are covers; else
        the only image is.
    """
    images = {}
    for name in names:
        stem, suffix = os.path.splitext(name)
        if suffix.lower() in IMAGE_SUFFIXES:
            images.setdefault(stem.lower(), name)
    known = [stem for stem in _COVERS if stem in images]
    known += [stem for stem in images if stem.startswith(_COVERS[:3])]
    if known:
        return images[known[0]]
    return next(iter(images.values())) if len(images) == 1 else None


def choose_album_text(names, tracks, folder):
    """Return the name of the text about an album among the files of its folder.

    Parameters
    ----------
    names : list of str
    tracks : set of str
        The names of the audio files, without extensions and normalized by `fold_name`; texts with
        these names belong to the tracks.
    folder : str
        The name of the folder.

    Returns
    -------
    name : str or None
        "review.txt" and the like, or the text named like the folder; else the only text.
    """
    texts = {}
    for name in names:
        stem, suffix = os.path.splitext(name)
        if suffix.lower() == ".txt" and fold_name(stem) not in tracks:
            texts.setdefault(fold_name(stem), name)
    known = [stem for stem in (*_TEXTS, fold_name(folder)) if stem in texts]
    if known:
        return texts[known[0]]
    return next(iter(texts.values())) if len(texts) == 1 else None


def read_text(path):
    """Read a text file and detect its encoding.

    Parameters
    ----------
    path : str
        UTF-8 with or without a byte order mark, UTF-16 with one; else read as Windows-1252.

    Returns
    -------
    text : str or None
        None if the file contains only white space.

    Raises
    ------
    BadItem
        If the file cannot be read, is larger than 1 MB, or is not text.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_TEXT + 1)
    except OSError as error:
        raise BadItem(f"the text cannot be read ({os.strerror(error.errno)})", "") from error
    if len(data) > _MAX_TEXT:
        raise BadItem("the text is larger than 1 MB", "Keep only the part about the music.")
    # First, because UTF-16 has null bytes, too, which other texts do not have.
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")
    elif b"\x00" in data:
        raise BadItem("its name ends in .txt, but it is not a text file", "Rename or remove it.")
    else:
        text = decode_text(data)
    return text.strip() or None


def write_cover(data, directory):
    """Write an embedded cover to a folder, under a name derived from its content.

    Parameters
    ----------
    data : bytes
    directory : str
        The folder; identical covers share one file.

    Returns
    -------
    path : str

    Raises
    ------
    BadItem
        If the cover is larger than 20 MB, or cannot be decoded as an image.
    """
    if len(data) > _MAX_COVER:
        raise BadItem(
            f"the embedded cover has {len(data) / 1e6:.0f} MB; the limit is {_MAX_COVER / 1e6:.0f} "
            "MB",
            "Scale it down, or put a smaller cover.jpg next to the file.",
        )
    suffix = next((end for start, end in _SIGNATURES.items() if data.startswith(start)), None)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        suffix = ".webp"
    if suffix is None:
        raise BadItem("the embedded cover is not an image", "Embed a JPEG or PNG.")
    path = os.path.join(directory, blake2b(data, digest_size=16).hexdigest() + suffix)
    if not os.path.exists(path):
        os.makedirs(directory, exist_ok=True)
        # Another worker may write the same cover: each writes its own file, and the last one stays.
        # Not durable: waiting for the disk takes ten times as long as writing (8 ms per cover).
        with replacing(path, durable=False) as new:
            with open(new, "wb") as file:
                file.write(data)
            check_cover(new)
    return path


def check_cover(path):
    """Raise an error if an image cannot be decoded, so that another one is used.

    Raises
    ------
    BadItem
        If the image cannot be decoded.
    """
    decode_image(path, min_side=32)
