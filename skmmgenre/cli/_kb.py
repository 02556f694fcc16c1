"""`skmmgenre kb`: build a knowledge base from dumps, or inspect one."""

import json
import os
import time

import click

from ._options import as_json, example, quiet
from ._terminal import size_of

_DUMPS = {
    "labels": "Names of the entities.",
    "redirects": "Alternative names that redirect to an entity.",
    "categories": "Categories of the entities.",
    "links": "Links between pages; their counts give the priors of the entities.",
}


class _SeveralFiles(click.Command):
    """Command whose options take several files, ``--labels a b``, which click does not support."""

    def parse_args(self, ctx, args):
        spread, option = [], None
        # Repeat the option before each further file: --labels a b becomes --labels a --labels b.
        for word in args:
            if word.startswith("-"):
                option = word if word.removeprefix("--") in _DUMPS else None
                waits = option is not None
                spread.append(word)
            else:
                spread += [word] if option is None or waits else [option, word]
                waits = False
        return super().parse_args(ctx, spread)


@click.group(epilog=example("skmmgenre kb info music.kb"))
def kb():
    """Build or inspect a knowledge base for entity linking.

    It contains names, the entities they refer to, and the categories of the entities.
    """


def _dump_options(command):
    for role, what in reversed(_DUMPS.items()):
        option = click.option(f"--{role}", multiple=True, metavar="FILE...", help=what)
        command = option(command)
    return command


@kb.command(
    cls=_SeveralFiles,
    epilog=example(
        "skmmgenre kb build music.kb --labels labels_en.ttl.bz2 \\\n"
        "    --redirects redirects_en.ttl.bz2 --links page_links_en.ttl.bz2 \\\n"
        "    --categories article_categories_en.ttl.bz2"
    ),
)
@click.argument("output", metavar="OUT")
@_dump_options
@click.option(
    "--predicate",
    multiple=True,
    metavar="NAME=TEXT",
    help="Read only this predicate of categories and links (may be repeated). TEXT and a colon are "
    "put before its categories.",
)
@click.option(
    "--label-predicate",
    multiple=True,
    metavar="NAME",
    help="Read names from this predicate of labels (may be repeated). Default: label, name, title, "
    "alias, prefLabel, altLabel.",
)
@click.option("--language", metavar="CODE", help="Ignore labels in other languages.")
@quiet
def build(output, predicate, label_predicate, language, quiet, **dumps):
    """Build the knowledge base OUT from DBpedia or Wikipedia dumps.

    Supported formats: N-Triples, N-Quads, Turtle, and tab-separated tables with the columns
    (subject, object) or (subject, predicate, object). Files may be compressed with gz or bz2.
    """

    from ..text import KnowledgeBase

    if not any(dumps.values()):
        raise ValueError(
            "no dump was given. Pass at least one file with --labels, --redirects, --categories "
            "or --links."
        )
    start = time.perf_counter()
    made = KnowledgeBase.build(
        output,
        **{role: list(files) for role, files in dumps.items()},
        predicates=as_predicates(predicate),
        label_predicates=label_predicate or None,
        language=language,
        verbose=not quiet,
    )
    print(f"{os.path.basename(output)}, built in {time.perf_counter() - start:.0f} s")
    _print_info(made.info())


@kb.command(epilog=example("skmmgenre kb info music.kb --json"))
@click.argument("file")
@as_json
def info(file, as_json):
    """Show what a knowledge base contains, and verify its checksums."""

    from ..text import KnowledgeBase

    held = KnowledgeBase.open(file).info()
    if as_json:
        print(json.dumps(held, ensure_ascii=False, indent=2))
    else:
        print(os.path.basename(file))
        _print_info(held)


def as_predicates(pairs):
    """Return the mapping for `KnowledgeBase.build` from texts like "recordLabel=record label"."""
    if not pairs:
        return None
    predicates = {}
    for pair in pairs:
        name, found, role = pair.rpartition("=")
        if not found or not name:
            raise ValueError(
                f"--predicate {pair!r} is not NAME=TEXT. Write recordLabel='record label', or "
                "recordLabel= for no text."
            )
        predicates[name] = role
    return predicates


def _print_info(info):
    for key in ("entities", "forms", "categories", "category_links", "links"):
        print(f"  {key.replace('_', ' '):<16}{info[key]:>14,}")
    print(f"  {'size':<16}{size_of(info['bytes']):>14}")
    for source in info["sources"]:
        print(f"  {source['role']:<16}{source['name']}")
    for reason, times in info["left_out"].items():
        print(f"  skipped: {reason}, {times:,}")
    print(f"  built with skmmgenre {info['version']}, format {info['format']}")
