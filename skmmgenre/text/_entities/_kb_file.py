"""File format of a knowledge base: a zip archive of tries and arrays in their in-memory layout.

Every member is stored uncompressed at a multiple of 64 bytes. The tries and the arrays over
categories are memory-mapped; the large arrays are read in small pieces where they are needed. Both
use the page cache of the system, of which all processes share one copy. The large arrays are not
mapped because the system maps 100 kB or more around each number that is read, so that each
process would soon seem to occupy all of that memory.

The zip format provides checksums and standard tools to list and test a file:
``unzip -lv music.kb``."""

import json
import mmap
import os
import struct
import sys
import tempfile
import time
import weakref
import zipfile
import zlib
from array import array
from contextlib import contextmanager
from pathlib import Path

import marisa_trie

from ...utils import replacing

# The first member, so that the type is at a fixed offset, as in EPUB and OpenDocument.
_TYPE = b"application/x-skmmgenre-knowledge-base"
_HEAD = b"mimetype" + _TYPE
_HEAD_AT = 30
_MANIFEST = "manifest.json"
FORMAT = 1

_ALIGNMENT = 64
_ALIGNMENT_FIELD = 0xD935  # the extra field by which Android aligns members of archives
_CHUNK = 1 << 20

# Arrays contain unsigned integers of 4 bytes.
TRIES = ("forms", "entities", "categories")
READ_ARRAYS = (
    # For each form its entity or, with the bit LISTED, the position of its candidates. The bit
    # SHARED marks a form that is not the whole title of any entity, but only a title without its
    # qualifier; these are always LISTED.
    "form_entities",
    # For each listed form: the number of candidates, then entity and number of links of each, the
    # most linked first.
    "candidates",
    # The categories of entity e are [entity_category_starts[e] : entity_category_starts[e + 1]].
    "entity_category_starts",
    "entity_categories",
)
# For each category the number of entities that have it, and 1 + the entity it is named after, or 0.
MAPPED_ARRAYS = ("category_sizes", "category_entities")
MEMBERS = TRIES + READ_ARRAYS + MAPPED_ARRAYS
SHARED, LISTED = 1 << 31, 1 << 30
NUMBER = LISTED - 1

# Files whose checksums this process has verified. A file written less than _SETTLED ago is not
# added: it could change again without a new time stamp, because the clock of the file system is
# coarse.
_verified = set()
_SETTLED = 2.0  # seconds

# Exceptions of zipfile and json if the directory of the archive or the manifest is damaged.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    LookupError,
    TypeError,
    ValueError,
    EOFError,
    OSError,
    RuntimeError,
)


class KnowledgeBaseFile:
    """Tries and arrays of a knowledge base.

    Parameters
    ----------
    path : str or path-like
    verify : bool or "once"
        Whether to read the whole file and verify all checksums. "once" does so unless this
        process has already verified the file and it has not changed since. A trie does not detect
        that its file is damaged: it returns wrong results or reads out of bounds.

    Raises
    ------
    ValueError
        If the file is not a knowledge base, is damaged or truncated, or has another format.
    """

    def __init__(self, path, *, verify):
        name = os.path.basename(path)
        with open(path, "rb") as file:
            status = os.fstat(file.fileno())
            self._members, self.manifest = _read_manifest(file, name)
            if verify and not (verify == "once" and _identity(status) in _verified):
                _verify(file, name, status)
            self._written = _last_write(status)
            self._view = memoryview(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ))
            # Kept open to detect changes in place, and to read the arrays that are not mapped.
            self._descriptor = os.dup(file.fileno())
        weakref.finalize(self, os.close, self._descriptor)
        self.forms, self.entities, self.categories = map(self._trie, TRIES)
        self.category_sizes, self.category_entities = (
            self._view[start : start + size].cast("I")
            for start, size in map(self._members.get, MAPPED_ARRAYS)
        )

    def has_changed(self):
        """Return whether the file was modified or truncated in place."""
        return _last_write(os.fstat(self._descriptor)) != self._written

    def _trie(self, member):
        start, size = self._members[member]
        trie = marisa_trie.BinaryTrie()
        trie.map(self._view[start : start + size])
        return trie

    def _numbers(self, member, first, last):
        """Read the numbers `first` to `last` (exclusive) of an array that is not mapped."""
        start = self._members[member][0] + 4 * first
        size = 4 * (last - first)
        numbers = array("I")
        # `pread` does not move the position of the descriptor, which threads and forked processes
        # share.
        if hasattr(os, "pread"):
            numbers.frombytes(os.pread(self._descriptor, size, start))
        else:
            numbers.frombytes(self._view[start : start + size])
        return numbers

    def form_entity(self, form):
        """Return the entry of a form in `form_entities`.

        It is an entity or the position of the candidates, with the bits LISTED and SHARED.
        """
        return self._numbers("form_entities", form, form + 1)[0]

    def candidates_of(self, value, most=NUMBER):
        """Return the candidates of a form as (entity, number of links), the most linked first.

        `value` is the result of `form_entity` for the form.
        """
        first = value & NUMBER
        if not value & LISTED:
            return [(first, 0)]
        n_candidates = self._numbers("candidates", first, first + 1)[0]
        pairs = self._numbers("candidates", first + 1, first + 1 + 2 * min(n_candidates, most))
        return list(zip(pairs[::2], pairs[1::2], strict=True))

    def categories_of(self, entity):
        """Return the numbers of the categories of an entity."""
        start, end = self._numbers("entity_category_starts", entity, entity + 2)
        return self._numbers("entity_categories", start, end)

    def entity_name(self, entity):
        """Return the name of an entity by its number."""
        return self.entities.restore_key(entity).decode()

    def category_name(self, category):
        """Return the name of a category by its number."""
        return self.categories.restore_key(category).decode()


@contextmanager
def writing(path):
    """Yield a temporary folder for the members, and ``write(manifest)``, which writes the file.

    The folder is next to the file. The file is replaced atomically: opening the path gives either
    the old file or the complete new one.
    """
    path = Path(path)
    if not path.parent.is_dir():
        raise FileNotFoundError(
            f"The folder {str(path.parent)!r} for {path.name} does not exist. Create it first, or "
            "check the path."
        )
    with tempfile.TemporaryDirectory(prefix=f".{path.name}-", dir=path.parent) as folder:
        folder = Path(folder)

        def write(manifest):
            # The archive is closed, and so complete, before `replacing` moves it.
            with replacing(path) as new, zipfile.ZipFile(new, "w") as archive:
                archive.writestr(_member("mimetype", len(_TYPE)), _TYPE)
                sizes = {member: (folder / member).stat().st_size for member in MEMBERS}
                header = {"format": FORMAT, "byteorder": sys.byteorder, "sizes": sizes, **manifest}
                text = json.dumps(header, ensure_ascii=False, indent=1).encode()
                archive.writestr(_member(_MANIFEST, len(text)), text)
                for member, size in sizes.items():
                    info = _member(member, size, archive.start_dir)
                    with open(folder / member, "rb") as source, archive.open(info, "w") as target:
                        while chunk := source.read(_CHUNK):
                            target.write(chunk)

        yield folder, write


def _member(name, size, offset=None):
    """Return the zip entry of a member, padded so that content at `offset` will be aligned."""
    # Its date is always 1980, so that the same input gives the same bytes.
    info = zipfile.ZipInfo(name)
    info.file_size = size
    info.external_attr = 0o644 << 16
    if offset is not None:
        # zipfile adds a field of 20 bytes on this condition, for sizes beyond 32 bits.
        header = 30 + len(name) + (20 if size * 1.05 > zipfile.ZIP64_LIMIT else 0)
        padding = -(offset + header + 4) % _ALIGNMENT
        info.extra = struct.pack("<HH", _ALIGNMENT_FIELD, padding) + bytes(padding)
    return info


def _read_manifest(file, name):
    """Return the extent (start, size) of each member's content, and the manifest."""
    head = file.read(_HEAD_AT + len(_HEAD))
    if head[_HEAD_AT:] != _HEAD:
        raise ValueError(
            f"{name} is not a knowledge base. Pass a file written by KnowledgeBase.build or "
            "`skmmgenre kb build`."
        )
    try:
        with zipfile.ZipFile(file) as archive:
            manifest = json.loads(archive.read(_MANIFEST))
            members = {info.filename: _extent(file, info) for info in archive.infolist()}
        sizes = dict(manifest["sizes"])
        made_in, byteorder, version = (manifest[k] for k in ("format", "byteorder", "version"))
    except _DAMAGE as error:
        raise _damaged(name, error) from None
    if made_in != FORMAT:
        raise ValueError(
            f"{name} is a knowledge base of format {made_in}, but this version reads format "
            f"{FORMAT}. Build it again, or install the version that wrote it: skmmgenre {version}."
        )
    if byteorder != sys.byteorder:
        raise ValueError(
            f"{name} was built on a machine with the other byte order ({byteorder}). Build it "
            "again on this machine."
        )
    end = os.fstat(file.fileno()).st_size
    for member in MEMBERS:
        start, size = members.get(member, (0, None))
        if size is None or size != sizes.get(member) or start % _ALIGNMENT or start + size > end:
            raise _damaged(name, f"{member} does not have the expected size")
    return members, manifest


def _extent(file, info):
    file.seek(info.header_offset)
    # The local header, because only it tells its own length.
    header = file.read(30)
    if header[:4] != b"PK\x03\x04":
        raise zipfile.BadZipFile(f"{info.filename} is not at the expected position")
    name_length, extra_length = struct.unpack("<HH", header[26:30])
    return info.header_offset + 30 + name_length + extra_length, info.file_size


def _verify(file, name, status):
    """Verify the checksums of all members; remember it if no later change can be missed."""
    try:
        with zipfile.ZipFile(file) as archive:
            bad = archive.testzip()
    except _DAMAGE as error:
        raise _damaged(name, error) from None
    if bad is not None:
        raise _damaged(name, f"the checksum of {bad} does not match")
    if time.time() - status.st_mtime > _SETTLED:
        _verified.add(_identity(status))


def _identity(status):
    """Return a key from `os.stat` that differs between files and changes when the file does."""
    return status.st_dev, status.st_ino, status.st_ctime_ns, *_last_write(status)


def _last_write(status):
    return status.st_size, status.st_mtime_ns


def _damaged(name, reason):
    return ValueError(
        f"The knowledge base {name} is damaged or truncated ({reason}). Copy it again from its "
        "source, or build it again with `skmmgenre kb build`."
    )
