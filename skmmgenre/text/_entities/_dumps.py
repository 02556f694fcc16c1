"""Statements of DBpedia and Wikipedia dumps, in a stream."""

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
    """One line of a dump.

    `subject` is the name of a resource; `predicate` the whole IRI, None in a table of two columns;
    `object` the name of a resource if `is_resource`, else a text in `language` ("" if not told).
    In a table of bare cells nobody can tell, and `is_resource` is None.
    """

    subject: str
    predicate: str | None
    object: str
    is_resource: bool | None
    language: str


def read_dump(path, advance=None):
    """Statements of a dump in N-Triples, N-Quads, Turtle or as a table, plain, gz or bz2.

    A table has two or three columns with tabs between them, without a header: subject, predicate
    if there are three, object. A cell is a bare name, an IRI in angle brackets, or a literal;
    quotes around it are dropped. So the dialect is read in which triples lie with tabs, quoted
    predicates and no period at the end.

    Parameters
    ----------
    path : str or path-like
    advance : callable, default=None
        Called now and then with the bytes of the file read so far.

    Yields
    ------
    statement : Statement

    Raises
    ------
    ValueError
        If the file is damaged, cut off, empty, or in no such format; it names file and line.
    """
    name = os.path.basename(path)
    try:
        with _opened(path) as (stream, _):
            form = _format_of(stream.read(_HEAD), name)
        with _opened(path) as (stream, position):
            statements = _table(stream, name) if form == "table" else _rdf(stream, form)
            for count, statement in enumerate(statements):
                if advance is not None and not count % 10_000:
                    advance(position())
                yield statement
    except FileNotFoundError:
        raise
    except SyntaxError as error:
        raise ValueError(
            f"{name}, read as {form}: {error}. Mend or leave out that line, or get the file again."
        ) from None
    except (EOFError, zlib.error, OSError) as error:
        raise ValueError(f"{name} is damaged or cut off ({error}). Get the file again.") from None


@contextmanager
def _opened(path):
    """The bytes of a file, unpacked, and a function that tells how far it is read."""
    with open(path, "rb") as file:
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
        raise ValueError(f"{name} is empty. Leave it out, or get the file again.")
    first = lines[0]
    turtle = ".ttl" in name.lower()
    if _PREAMBLE.match(first):
        return "Turtle"
    if first.startswith((b"<", b"_:")):
        if _STATEMENT_END.search(first):
            return "N-Quads"  # of which N-Triples are a part
        if turtle:
            return "Turtle"
    if b"\t" in first:
        return "table"
    if turtle:
        return "Turtle"
    raise ValueError(
        f"{name} begins with {first[:80].decode(errors='replace')!r}, which is neither N-Triples, "
        "N-Quads or Turtle nor a table of two or three columns with tabs between them. Pass a "
        "dump in one of these formats."
    )


def _rdf(stream, form):
    pyoxigraph = import_from_extra("pyoxigraph", "This", extra="text")
    named, literal = pyoxigraph.NamedNode, pyoxigraph.Literal
    formats = {"N-Quads": pyoxigraph.RdfFormat.N_QUADS, "Turtle": pyoxigraph.RdfFormat.TURTLE}
    # Lenient: the dumps of DBpedia hold IRIs that are none by the letter.
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
                f"{name}, line {number}, is not UTF-8 ({error.reason}). Save the table as UTF-8."
            ) from None
        if cells == [""]:
            continue
        if len(cells) not in (2, 3) or not all(cell.strip() for cell in cells):
            raise ValueError(
                f"{name}, line {number}, has {len(cells)} cells, or an empty one, where two or "
                f"three filled ones with tabs between them are expected: {line[:80]!r}. Mend or "
                "leave out that line."
            )
        (subject, _, _), (thing, is_resource, language) = _cell(cells[0]), _cell(cells[-1])
        predicate = None if len(cells) == 2 else cells[1].strip().strip('"').strip("<>")
        yield Statement(as_name(subject), predicate, thing, is_resource, language)


def _cell(cell):
    """Text of a cell, whether it is a resource (None if nobody can tell), and its language."""
    cell = cell.strip()
    if cell.startswith('"<') and cell.endswith('>"'):
        cell = cell[1:-1]
    if cell.startswith("<") and cell.endswith(">"):
        return resource_name(cell[1:-1]), True, ""
    literal = _CELL.fullmatch(cell)
    if literal:
        return literal[1], False, literal[2] or ""
    return cell, None, ""
