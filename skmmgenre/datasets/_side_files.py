"""What lies beside sound files: covers and texts, and covers inside of them."""

import os
from hashlib import blake2b

from ..utils import BadItem, replacing
from ._media_files import IMAGE_SUFFIXES

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
        The names, without their ends, of the sound files: texts of these names are theirs.
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
        if suffix.lower() == ".txt" and stem not in tracks:
            texts.setdefault(stem.lower(), name)
    known = [stem for stem in (*_TEXTS, folder.lower()) if stem in texts]
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
        try:
            text = data.decode("utf-8-sig")
        except UnicodeDecodeError:
            text = data.decode("cp1252", "replace")
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
        If it is larger than 20 MB, or no image.
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
        with replacing(path, durable=False) as new, open(new, "wb") as file:
            file.write(data)
    return path
