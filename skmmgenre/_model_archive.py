"""The zip archive of a model file: members with checksums, read with bounded memory."""

import hashlib
import io
import json
import math
import os
import re
import zipfile
import zlib
from contextlib import contextmanager

from . import __version__

FORMAT = 1
MANIFEST = "skmmgenre.json"
SCHEMA = "schema.json"  # skops' name for it
_TEXT_BYTES = {MANIFEST: 2**24, SCHEMA: 2**26}  # limits, as JSON takes many times that in memory
_SHRINKS = 100  # limit of the compression ratio: that of models is 15 to 25, of padding 1,000
_MANIFEST_VALUES = 2**20
_PICKLES = (b"\x80", b"\x1f\x8b", b"\x78", b"BZh", b"\xfd7zXZ", b"\x5d\x00")  # compressed ones too


class Refused(ValueError):
    """Error for a model file that cannot or must not be opened.

    Parameters
    ----------
    path : str, path-like or file object
    reason, remedy : str
    """

    def __init__(self, path, reason, remedy):
        super().__init__(f"Model file {name_of(path)}: {shown(reason)}. {shown(remedy)}")


def name_of(path):
    """Return the name of a model file in messages.

    Parameters
    ----------
    path : str, path-like or file object

    Returns
    -------
    name : str
        The path, or the name of the file object, in quotes; if it has none, its type:
        ``<BytesIO>``.
    """
    name = os.fspath(path) if is_path(path) else getattr(path, "name", None)
    return repr(name) if isinstance(name, (str, bytes)) else f"<{type(path).__name__}>"


def is_path(path):
    """Return whether a model file is given by its path, rather than as a file object."""
    return isinstance(path, (str, bytes, os.PathLike))


def check_file(path, mode):
    """Check that `path` is a path or an open binary file object, and can be written to for "wb".

    Parameters
    ----------
    path : object
    mode : {"rb", "wb"}
        Whether the file is to be read or written.

    Raises
    ------
    TypeError
        If it is neither, such as the content of a file or a text file object.
    ValueError
        If it is a closed file object, or an empty path.
    FileNotFoundError, NotADirectoryError, IsADirectoryError
        If no file can be created at a path, for "wb".
    io.UnsupportedOperation
        If it is a file object opened in the other mode. This is both a ValueError and an
        OSError.
    """
    if _is_content(path):
        way_out = "Pass io.BytesIO(content)." if mode == "rb" else "Pass an empty io.BytesIO()."
        raise TypeError(
            "path must be a path or a binary file object, got the content of a file "
            f"({type(path).__name__}). {way_out}"
        )
    if is_path(path):
        if mode == "wb":
            _check_place(path)
        return
    methods, able, verb = {
        "rb": (("read", "seek", "tell"), "readable", "reading"),
        "wb": (("write",), "writable", "writing"),
    }[mode]
    if isinstance(path, type) or not all(hasattr(path, method) for method in methods):
        raise TypeError(f"path must be a path or a binary file object, got {type(path).__name__}.")
    name, way_out = f"The file object {name_of(path)}", f"Open it with mode {mode!r}."
    if hasattr(path, "encoding"):
        raise TypeError(f"{name} is open in text mode. {way_out}")
    if getattr(path, "closed", False):
        raise ValueError(f"{name} is closed. {way_out}")
    # Objects that do not derive from io.IOBase may lack this method.
    if hasattr(path, able) and not getattr(path, able)():
        raise io.UnsupportedOperation(f"{name} is not open for {verb}. {way_out}")


def _check_place(path):
    place = os.fsdecode(path)
    if not place:
        raise ValueError("path is empty. Pass the path of a file.")
    # A trailing slash means a folder, whether or not it exists.
    folder, name = os.path.split(place)
    if not name or os.path.isdir(place):
        raise IsADirectoryError(f"{place!r} is a folder. Pass the path of a file.")
    if folder and not os.path.exists(folder):
        raise FileNotFoundError(f"{place!r} cannot be written: there is no folder {folder!r}.")
    if folder and not os.path.isdir(folder):
        raise NotADirectoryError(f"{place!r} cannot be written: {folder!r} is not a folder.")


def _is_content(path):
    """Return whether this is file content: paths are not empty bytes and have no null character."""
    if isinstance(path, (bytearray, memoryview)) or path == b"":
        return True
    return is_path(path) and "\0" in os.fsdecode(path)


def shown(text):
    """Return a text from a file without control characters for terminals, cut to 500 characters.

    Parameters
    ----------
    text : str
    """
    return "".join(c if c.isprintable() else "?" for c in text[:500])


def has_more_values(text, most):
    """Return whether a JSON text has more values than allowed, without parsing it.

    Parsing makes an object of each value, which takes many times the memory of the text.

    Parameters
    ----------
    text : bytes
    most : int
        Limit of the number of values: each dict, list and item is one. Each value may have two
        strings (a key and a value), and 16 other characters.
    """
    # Strings can contain anything. Without escaped quotes, a string ends at the next quote.
    # Escaped backslashes go first: in "a\\" the last quote ends the string.
    text = text.replace(rb"\\", b"").replace(rb"\"", b"")
    if text.count(b'"') > 4 * most:  # a key and a string, of two quotes each
        return True
    frame = re.sub(rb'"[^"]*"', b"", text)
    return len(frame) > 16 * most or sum(map(frame.count, (b"{", b"[", b","))) > most


def _may_declare(name, compressed_size):
    """Return the largest size that a text member of this compressed size may declare."""
    # A megabyte is harmless at any ratio.
    return min(_TEXT_BYTES[name], max(2**20, _SHRINKS * compressed_size))


def write_archive(path, manifest, members):
    """Write a model file; an existing file is replaced when the new one is complete.

    Parameters
    ----------
    path : str, path-like or file object
        A file object is written to from its current position.
    manifest : dict
        The manifest; a checksum of each member is added to it.
    members : dict of str to bytes

    Raises
    ------
    ValueError
        If a text member is longer than the limit for reading.
    OSError
        If a path cannot be written.
    """
    checksums = {name: [len(data), _checksum(data)] for name, data in members.items()}
    text = json.dumps({**manifest, "members": checksums}, indent=1, ensure_ascii=False).encode()
    members = {MANIFEST: text, **members}
    # The limits of reading: a file that could not be opened again must not be written.
    for name, most in _TEXT_BYTES.items():
        if len(members[name]) > most:
            raise ValueError(
                f"{name} of the model would be {len(members[name]):,} bytes, more than the limit "
                f"of {most:,}: "
                + (
                    "shorten the card."
                    if name == MANIFEST
                    else "train with a smaller vocabulary (max_features)."
                )
            )
    if has_more_values(text, _MANIFEST_VALUES):
        raise ValueError(
            f"The card of the model has more than {_MANIFEST_VALUES:,} values, the limit of a "
            "model file: shorten the card."
        )
    if is_path(path):
        from .utils import replacing  # imports pandas, which reading does not need

        place = os.fsdecode(path)
        try:
            with replacing(place) as new:
                _write_zip(new, members)
        except OSError as error:
            if error.filename is None:
                raise
            # The error names the temporary file.
            raise OSError(error.errno, error.strerror, place) from error
        return
    content = io.BytesIO()  # zipfile would also seek and read
    _write_zip(content, members)
    rest = content.getbuffer()
    while rest:
        written = path.write(rest)  # an unbuffered file may write only a part
        rest = rest[written:] if written else rest[len(rest) :]


def _write_zip(file, members):
    with zipfile.ZipFile(file, "w") as archive:
        for name, data in members.items():
            # Without a date, so that the same model gives the same bytes.
            entry = zipfile.ZipInfo(name)
            # A text that shrinks by more than readers allow is not compressed. Arrays never are, so
            # that they cannot be larger than the file. wbits=-15 is raw deflate, as in zip files.
            if name in _TEXT_BYTES and len(data) <= _may_declare(
                name, len(zlib.compress(data, wbits=-15))
            ):
                entry.compress_type = zipfile.ZIP_DEFLATED
            archive.writestr(entry, data)


def read_manifest(path):
    """Read only the manifest.

    Parameters
    ----------
    path : str, path-like or file object

    Returns
    -------
    manifest : dict
    n_bytes : int
        Size of the file.

    Raises
    ------
    Refused
        If it is not a model file, has another format, or its manifest is damaged.
    """
    with _archive(path) as (archive, n_bytes):
        return _manifest(path, archive, _entries(path, archive, n_bytes)), n_bytes


def read_archive(path):
    """Read all members and verify their checksums.

    Parameters
    ----------
    path : str, path-like or file object

    Returns
    -------
    manifest : dict
    members : dict of str to bytes
        The members. Arrays (.npy) are checked to have their declared size and no Python objects.

    Raises
    ------
    Refused
    """
    with _archive(path) as (archive, n_bytes):
        entries = _entries(path, archive, n_bytes)
        manifest = _manifest(path, archive, entries)
        return manifest, dict(_members(path, archive, entries, manifest["members"]))


@contextmanager
def _archive(path):
    """Yield the zip archive of a model file and its size; all errors of the body become Refused."""
    with _opened(path) as (file, n_bytes):
        # zipfile looks for the directory at the end, and accepts any bytes before the archive.
        start = file.read(6)
        if not start.startswith(b"PK"):
            raise _no_zip(path, start, 0 if is_path(path) else file.tell() - len(start))
        try:
            with zipfile.ZipFile(file) as archive:
                yield archive, n_bytes
        except Refused:
            raise
        except (
            Exception
        ) as error:  # damaged bytes cause a dozen types of errors in zipfile and zlib
            raise damaged(path, f"it cannot be read ({error})") from error


@contextmanager
def _opened(path):
    """Yield a file to read and its size; a file object stays open, at its position."""
    check_file(path, "rb")
    if is_path(path):
        with open(path, "rb") as file:
            yield file, os.fstat(file.fileno()).st_size
        return
    try:
        start = path.tell()
        path.seek(0, os.SEEK_END)
        n_bytes = path.tell() - start
        path.seek(start)
    except (OSError, ValueError) as error:
        raise Refused(
            path,
            f"it is not seekable ({error})",
            "Read it into memory first: io.BytesIO(file.read()).",
        ) from error
    if n_bytes <= 0:
        if start == 0:
            raise Refused(path, "it is empty", "Save a model to it, or pass another file.")
        raise Refused(
            path,
            f"there is nothing after its current position, {start:,}",
            "A file object is read from its current position: call its seek(0) first.",
        )
    try:
        yield path, n_bytes
    finally:
        path.seek(start)


def damaged(path, reason):
    """Return the error for a damaged file."""
    return Refused(path, reason, "It is damaged: copy it again, or save the model again.")


def remedy_of_strangers(manifest):
    """Return the remedy for a file that this version cannot have written."""
    versions = manifest.get("versions")  # of any type in another format
    made_with = versions.get("skmmgenre") if isinstance(versions, dict) else None
    if made_with == __version__:
        return "skmmgenre.save does not write such files: do not use it."
    if made_with is None:
        return "If you trust it, install the version of skmmgenre that saved it."
    return (
        f"According to the file, it was saved with skmmgenre {made_with}: if you trust it, install "
        "that version."
    )


def _no_zip(path, start, position):
    if position:
        return Refused(
            path,
            f"no model begins at its current position, {position:,}",
            "A file object is read from its current position: call its seek(0) first.",
        )
    if start.startswith(_PICKLES):
        return Refused(
            path,
            "it looks like a pickle (joblib file), not like a file of skmmgenre.save",
            "joblib.load opens it, but runs any code in it: do so only if you trust its author, "
            "and then save the model again with skmmgenre.save.",
        )
    return Refused(
        path, "it was not written by skmmgenre.save, or is damaged", "Pass another file."
    )


def _entries(path, archive, size):
    """Return the members by name, after checking all declared sizes."""
    entries = {}
    for entry in archive.infolist():
        name = entry.filename
        if name in entries:
            raise damaged(path, f"it contains {name!r} twice")
        entries[name] = entry
        most = _may_declare(name, entry.compress_size) if name in _TEXT_BYTES else size
        if entry.file_size > most or entry.compress_size > size:
            raise Refused(
                path,
                f"{name!r} declares {entry.file_size:,} bytes, more than the limit of {most:,}",
                "It is damaged, or designed to exhaust the memory: do not use it.",
            )
        if name not in _TEXT_BYTES and entry.compress_type != zipfile.ZIP_STORED:
            raise Refused(
                path, f"{name!r} is compressed", "skmmgenre.save does not write such files."
            )
    if MANIFEST not in entries:
        raise Refused(
            path,
            f"it is a zip file without {MANIFEST}",
            "It was not written by skmmgenre.save. If it is a skops file, use skops.io.load.",
        )
    # Members may refer to the same bytes, so that a small file would become a huge model. If they
    # lie side by side, they are at most as large as the file.
    if sum(e.file_size for n, e in entries.items() if n not in _TEXT_BYTES) > size:
        raise damaged(path, "its members overlap")
    return entries


def _content(path, archive, entry):
    with archive.open(entry) as member:
        # Only its declared length: otherwise zipfile would decompress all there is.
        content = member.read(entry.file_size)
    if len(content) != entry.file_size:
        raise damaged(path, f"{entry.filename!r} is truncated")
    return content


def _manifest(path, archive, entries):
    text = _content(path, archive, entries[MANIFEST])
    if has_more_values(text, _MANIFEST_VALUES):
        raise Refused(
            path,
            f"{MANIFEST} has more than {_MANIFEST_VALUES:,} values",
            "It is damaged, or designed to exhaust the memory: do not use it.",
        )
    manifest = json.loads(text.decode("utf-8"))  # given bytes, json would also accept UTF-16
    form = manifest.get("format") if isinstance(manifest, dict) else None
    if type(form) is not int:
        raise damaged(path, f"{MANIFEST} has no format number")
    # First, because a manifest of another format may have any content.
    if form != FORMAT:
        raise Refused(
            path,
            f"it has format {form}, but skmmgenre {__version__} reads format {FORMAT}",
            remedy_of_strangers(manifest),
        )
    kinds = {"versions": dict, "card": dict, "left_out": list, "members": dict}
    if not all(isinstance(manifest.get(name), kind) for name, kind in kinds.items()):
        raise damaged(path, f"{MANIFEST} lacks one of {', '.join(kinds)}")
    return manifest


def _members(path, archive, entries, checksums):
    if missing := sorted(checksums.keys() - entries.keys()):
        raise damaged(path, f"{missing[0]!r} is missing from it")
    if added := sorted(entries.keys() - checksums.keys() - {MANIFEST}):
        raise Refused(
            path,
            f"it contains {added[0]!r}, which skmmgenre.save did not write",
            "The file was modified: get the original.",
        )
    for name, checksum in checksums.items():
        content = _content(path, archive, entries[name])
        if [len(content), _checksum(content)] != checksum:
            raise damaged(path, f"the checksum of {name!r} does not match")
        if name != SCHEMA:
            check_array(path, name, content)
        yield name, content


def check_array(path, name, content):
    """Check that a member is a plain array of exactly its declared size.

    Parameters
    ----------
    path : str, path-like or file object
    name : str
    content : bytes
        Content of a file in the format of `numpy.save`.

    Raises
    ------
    Refused
    """
    import numpy as np  # not needed to read a manifest

    try:
        # Only the header: numpy.load would allocate the declared size before it reads the data.
        stream = io.BytesIO(content)
        version = np.lib.format.read_magic(stream)
        if version == (1, 0):
            shape, _, dtype = np.lib.format.read_array_header_1_0(stream)
        else:
            shape, _, dtype = np.lib.format.read_array_header_2_0(stream)
    except Exception as error:
        raise damaged(path, f"{name!r} is not an array ({error})") from error
    # Object arrays are pickles, which run code, and structured ones may have such fields. An array
    # of items without bytes could have any shape.
    if dtype.kind not in "biufcSU" or not dtype.itemsize:
        raise Refused(
            path,
            f"{name!r} is an array of {dtype!r}, which may contain Python objects",
            "skmmgenre.save does not write such files: do not use it.",
        )
    # math.prod cannot overflow. Two negative lengths would have a plausible product.
    declared, there = math.prod(shape) * dtype.itemsize, len(content) - stream.tell()
    if min(shape, default=0) < 0 or declared != there:
        raise Refused(
            path,
            f"{name!r} declares an array of {declared:,} bytes but has {there:,}",
            "It is damaged, or designed to exhaust the memory: do not use it.",
        )


def _checksum(data):
    return hashlib.sha256(data).hexdigest()
