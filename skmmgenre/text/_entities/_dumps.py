"""Read the statements of DBpedia and Wikipedia dumps as a stream."""

import bz2
import gzip
import os
import re
import zlib
from contextlib import contextmanager
from typing import NamedTuple

from ...utils import import_from_extra
from ._titles import as_name, resource_name

_PREAMBLE = re.compile(rb"@?(prefix|base)\b", re.IGNORECASE)
_STATEMENT_END = re.compile(rb'(>|"|@[\w-]+|_:\w+)\s*\.\s*(#.*)?$')
_CELL = re.compile(r'"(.*)"(?:@([A-Za-z0-9-]+)|\^\^<[^>]*>)?', re.DOTALL)
_HEAD = 1 << 16


class Statement(NamedTuple):
    """Statement of a dump.

    `subject` is the name of a resource; `predicate` is the whole IRI, or None in a table with two
    columns; `object` is the name of a resource if `is_resource`, otherwise a text in `language`
    ("" if not specified). `is_resource` is None for bare cells of a table, where it is unknown.
    """

    subject: str
    predicate: str | None
    object: str
    is_resource: bool | None
    language: str


def read_dump(path, advance=None):
    """Read the statements of a dump, plain or compressed with gzip or bzip2.

    Supported formats: N-Triples, N-Quads, Turtle, and tab-separated tables without a header. A
    table has two columns (subject, object) or three (subject, predicate, object). A cell is a bare
    name, an IRI in angle brackets, or a literal; quotes around it are removed. This includes the
    dialect of triples separated by tabs, with quoted predicates and no period at the end.

    Parameters
    ----------
    path : str or path-like
    advance : callable, default=None
        Called from time to time with the number of bytes of the file read so far.

    Yields
    ------
    statement : Statement

    Raises
    ------
    ValueError
        If the file is damaged, truncated, empty or in another format. The message contains the
        file and the line.
    """
    name = os.path.basename(path)
    if os.path.exists(path) and not os.path.isfile(path):
        # The file is opened twice, which would block if it is a pipe.
        raise ValueError(f"{name} is a folder, a pipe or a device. Pass a file.")
    try:
        with _opened(path) as (stream, _):
            form = _format_of(stream.read(_HEAD), name)
        with _opened(path) as (stream, position):
            statements = _table(stream, name) if form == "table" else _rdf(stream, form)
            for count, statement in enumerate(statements):
                if advance is not None and not count % 10_000:
                    advance(position())
                yield statement
    # An OSError, too, but the file is not damaged.
    except FileNotFoundError:
        raise
    except SyntaxError as error:
        raise ValueError(
            f"{name}, read as {form}: {error}. Fix or remove that line, or download the file again."
        ) from None
    except (EOFError, zlib.error, OSError) as error:
        raise ValueError(
            f"{name} is damaged or truncated ({error}). Download the file again."
        ) from None


@contextmanager
def _opened(path):
    """Open a file, decompressing it; yield the stream and a function for the read position."""
    with open(path, "rb") as file:
        # The kind of compression is detected from the content, not the name. Progress is measured
        # in the compressed file, because only its size is known.
        magic = file.peek(3)[:3]
        if magic[:2] == b"\x1f\x8b":
            with gzip.open(file) as stream:
                yield stream, file.tell
        elif magic == b"BZh":
            with bz2.open(file) as stream:
                yield stream, file.tell
        else:
            yield file, file.tell


def _format_of(head, name):
    lines = [line.strip(b"\r\n\xef\xbb\xbf") for line in head.split(b"\n")]
    lines = [line for line in lines if line.strip() and not line.startswith(b"# ")]
    if not lines:
        raise ValueError(f"{name} is empty. Omit it, or download the file again.")
    first = lines[0]
    turtle = ".ttl" in name.lower()
    if _PREAMBLE.match(first):
        return "Turtle"
    if first.startswith((b"<", b"_:")):
        # Before the test for a table: triples may be separated by tabs, too, but end with a period.
        if _STATEMENT_END.search(first):
            return "N-Quads"  # a superset of N-Triples
        if turtle:
            return "Turtle"
    if b"\t" in first:
        return "table"
    if turtle:
        return "Turtle"
    raise ValueError(
        f"The format of {name} is not supported: it begins with "
        f"{first[:80].decode(errors='replace')!r}. Supported formats: N-Triples, N-Quads, Turtle, "
        "and tab-separated tables with two or three columns."
    )


def _rdf(stream, form):
    pyoxigraph = import_from_extra("pyoxigraph", "This", extra="text")
    named, literal = pyoxigraph.NamedNode, pyoxigraph.Literal
    formats = {"N-Quads": pyoxigraph.RdfFormat.N_QUADS, "Turtle": pyoxigraph.RdfFormat.TURTLE}
    # Lenient, because the dumps of DBpedia contain IRIs that are not strictly valid.
    for quad in pyoxigraph.parse(stream, format=formats[form], lenient=True):
        subject, thing = quad.subject, quad.object
        if type(subject) is not named:
            continue  # a blank node has no name
        if type(thing) is named:
            name, is_resource, language = resource_name(thing.value), True, ""
        elif type(thing) is literal:
            name, is_resource, language = thing.value, False, thing.language or ""
        else:
            continue
        yield Statement(
            resource_name(subject.value), quad.predicate.value, name, is_resource, language
        )


def _table(stream, name):
    for number, line in enumerate(stream, 1):
        try:
            cells = line.decode("utf-8-sig" if number == 1 else "utf-8").strip("\r\n").split("\t")
        except UnicodeDecodeError as error:
            raise ValueError(
                f"{name}, line {number}: not valid UTF-8 ({error.reason}). Save the table as UTF-8."
            ) from None
        if cells == [""]:
            continue
        if len(cells) not in (2, 3) or not all(cell.strip() for cell in cells):
            raise ValueError(
                f"{name}, line {number}: expected two or three tab-separated cells, none of them "
                f"empty, got {len(cells)} cells: {line[:80]!r}. Fix or remove that line."
            )
        (subject, _, _), (thing, is_resource, language) = _cell(cells[0]), _cell(cells[-1])
        predicate = None if len(cells) == 2 else cells[1].strip().strip('"').strip("<>")
        yield Statement(as_name(subject), predicate, thing, is_resource, language)


def _cell(cell):
    """Return the text of a cell, whether it is a resource (None if unknown), and its language."""
    cell = cell.strip()
    if cell.startswith('"<') and cell.endswith('>"'):
        cell = cell[1:-1]
    if cell.startswith("<") and cell.endswith(">"):
        return resource_name(cell[1:-1]), True, ""
    literal = _CELL.fullmatch(cell)
    if literal:
        return literal[1], False, literal[2] or ""
    return cell, None, ""
