"""The sound files, images and texts of a folder and of the folders in it.

Files are recognised by the ends of their names; covers and texts are found beside sound files, and
covers also inside of them.
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
    """Return a path in the one spelling by which places are compared.

    Parameters
    ----------
    path : str, bytes or path
        "~" is the user's home; a slash at the end, doubled ones and "./" are dropped, and ".." is
        kept, because behind a link it leads elsewhere than it looks.

    Returns
    -------
    path : str
        Empty if it was.
    """
    path = os.path.expanduser(os.fsdecode(path))
    return path and str(Path(path))


def place_of(path):
    """Return what the spellings of one file share: its folder without links, and its name."""
    folder, name = os.path.split(path)
    return os.path.join(os.path.realpath(folder), name)


def fold_name(name):
    """Return what the spellings of a file's name share, whatever their case and Unicode form."""
    return unicodedata.normalize("NFC", name).casefold()


@dataclass
class FoundFiles:
    """What there is in a folder.

    Parameters
    ----------
    folders : dict of str to list of str
        Folder -> the names of its files, sorted; folders in order.
    faults : list of (str, str, str)
        Path, reason and remedy of what was left out.
    """

    folders: dict = field(default_factory=dict)
    faults: list = field(default_factory=list)

    def places(self):
        """Iterate over all files: folder, name."""
        return ((folder, name) for folder, names in self.folders.items() for name in names)


def require_folder(path):
    """Raise FileNotFoundError or NotADirectoryError unless there is such a folder."""
    if not os.path.exists(path):
        raise FileNotFoundError(f"There is no folder {path!r}. Check the path.")
    if not os.path.isdir(path):
        raise NotADirectoryError(f"{path!r} is a file, a folder is expected.")


def walk_folder(path):
    """List the files of a folder at any depth, hidden ones left out.

    Links to folders are followed, but each folder is entered once, so that a link to a folder
    above does not lead round and round.

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
    while waiting or links:  # links last: a folder is told by its own name if it has one here
        folder = waiting.pop() if waiting else links.pop()
        status = os.stat(folder)
        known = met.setdefault((status.st_dev, status.st_ino), folder)
        if known != folder:
            reason = f"the same folder as {known!r}, by a link"
            found.faults.append((folder, reason, "It is entered once."))
            continue
        try:
            names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
        except OSError as error:
            reason = f"the folder cannot be read ({os.strerror(error.errno)})"
            found.faults.append((folder, reason, "Check its rights."))
            continue
        found.folders[folder] = []
        for inside in (os.path.join(folder, name) for name in names):
            is_link = os.path.islink(inside)
            try:
                mode = os.stat(inside).st_mode
            except OSError as error:
                reason = f"it cannot be read ({os.strerror(error.errno)})"
                if is_link:
                    reason = "a link that leads nowhere, or to itself"
                found.faults.append((inside, reason, "Remove the link." if is_link else ""))
                continue
            if stat.S_ISDIR(mode):
                (links if is_link else waiting).append(inside)
            elif stat.S_ISREG(mode):
                found.folders[folder].append(os.path.basename(inside))
            else:
                found.faults.append((inside, "a pipe, socket or device, and no file", ""))
    found.folders = dict(sorted(found.folders.items()))
    return found


def list_around(paths):
    """List the folders of some files, and those above, not what is deeper.

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
        except OSError:  # the files in it will say so
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


# Names of covers, the likeliest first.
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
    """Return the name of the cover among the files of a folder, None if there is none.

    Parameters
    ----------
    names : list of str
        "cover.jpg", "Folder.png", "front.webp" and the like; else the only image there is.
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
        The names, without their ends and by `fold_name`, of the sound files: texts of these names
        are theirs.
    folder : str
        The name of the folder.

    Returns
    -------
    name : str or None
        "review.txt" and the like, or one of the folder's name; else the only text.
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
    """Read a text file of whichever encoding.

    Parameters
    ----------
    path : str
        UTF-8, with or without mark, UTF-16 with one, else taken for Windows-1252.

    Returns
    -------
    text : str or None
        None if there is nothing but white space in it.

    Raises
    ------
    BadItem
        If it cannot be read, is larger than 1 MB, or is no text.
    """
    try:
        with open(path, "rb") as file:
            data = file.read(_MAX_TEXT + 1)
    except OSError as error:
        raise BadItem(f"the text cannot be read ({os.strerror(error.errno)})", "") from error
    if len(data) > _MAX_TEXT:
        raise BadItem("a text of more than 1 MB", "Shorten it to what is about the music.")
    if data[:2] in (b"\xff\xfe", b"\xfe\xff"):
        text = data.decode("utf-16", "replace")
    elif b"\x00" in data:
        raise BadItem("its name ends in .txt, but it holds no text", "Rename or remove it.")
    else:
        text = decode_text(data)
    return text.strip() or None


def write_cover(data, directory):
    """Write an embedded cover into a folder, under a name by its content.

    Parameters
    ----------
    data : bytes
    directory : str
        The folder; covers that are alike are one file.

    Returns
    -------
    path : str

    Raises
    ------
    BadItem
        If it is larger than 20 MB, or not an image that can be decoded.
    """
    if len(data) > _MAX_COVER:
        raise BadItem(
            f"an embedded cover of {len(data) / 1e6:.0f} MB; at most {_MAX_COVER / 1e6:.0f} MB are "
            "taken",
            "Scale it down, or put a smaller cover.jpg beside the file.",
        )
    suffix = next((end for start, end in _SIGNATURES.items() if data.startswith(start)), None)
    if data[:4] == b"RIFF" and data[8:12] == b"WEBP":
        suffix = ".webp"
    if suffix is None:
        raise BadItem("an embedded cover is no image", "Embed a JPEG or PNG.")
    path = os.path.join(directory, blake2b(data, digest_size=16).hexdigest() + suffix)
    if not os.path.exists(path):
        os.makedirs(directory, exist_ok=True)
        # Another worker may write the same cover: each writes a file of its own, the last stays.
        # Not durable: to wait for the disk takes ten times as long as to write (8 ms a cover).
        with replacing(path, durable=False) as new:
            with open(new, "wb") as file:
                file.write(data)
            check_cover(new)
    return path


def check_cover(path):
    """Refuse an image that cannot be decoded, so that another is taken.

    Raises
    ------
    BadItem
    """
    decode_image(path, min_side=32)
