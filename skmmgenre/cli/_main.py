"""Reading the command line."""

import argparse
import json
import sys

from .. import __version__


def main(argv=None):
    """Run the command.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments; None takes those of the process.

    Returns
    -------
    exit_code : int

    Examples
    --------
    >>> from skmmgenre.cli import main
    >>> main(["demo", "--help"])  # doctest: +SKIP
    """
    parser = argparse.ArgumentParser(
        prog="skmmgenre", description="Tell the genres of music from sound, reviews and cover."
    )
    parser.add_argument("--version", action="version", version=f"skmmgenre {__version__}")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    demo = commands.add_parser(
        "demo",
        help="make synthetic albums, train on them, show what each modality brings",
        description=(
            "Makes synthetic albums (sound, reviews, covers), splits them by artist, trains all "
            "networks, prints what each modality brings beside what is attainable, and writes "
            "model, table and pictures."
        ),
        epilog="example: skmmgenre demo --albums 800 --output my_report",
    )
    demo.add_argument("--albums", type=_count, default=400, metavar="N", help="default: 400")
    demo.add_argument("--seed", type=_seed, default=0, metavar="N", help="default: 0")
    demo.add_argument("--jobs", type=_jobs, default=2, metavar="N", help="workers; default: 2")
    demo.add_argument("--output", default="demo_report", metavar="DIR", help="default: demo_report")
    demo.set_defaults(run=_run_demo)
    _add_kb(commands)
    _add_cache(commands)
    arguments = parser.parse_args(argv)
    try:
        arguments.run(arguments)
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"skmmgenre {arguments.command}: {error}", file=sys.stderr)
        return 1
    return 0


def _run_demo(arguments):
    from ..nets import interruption_ends_all
    from ._demo import run_demo

    with interruption_ends_all():
        run_demo(
            n_albums=arguments.albums,
            seed=arguments.seed,
            n_jobs=arguments.jobs,
            output=arguments.output,
        )


def _add_kb(commands):
    """The commands about knowledge bases."""
    kb = commands.add_parser(
        "kb",
        help="build a knowledge base for linking entities, or look at one",
        description="Knowledge bases: names, the entities that bear them, their categories.",
    ).add_subparsers(dest="kb_command", required=True, metavar="KB_COMMAND")
    build = kb.add_parser(
        "build",
        help="make the file of a knowledge base from DBpedia or Wikipedia dumps",
        description=(
            "Makes the file of a knowledge base. Dumps are N-Triples, N-Quads, Turtle, or tables "
            "with tabs (subject, predicate if there are three columns, object), plain, gz or bz2."
        ),
        epilog=(
            "example: skmmgenre kb build music.kb --labels labels_en.ttl.bz2 --redirects "
            "redirects_en.ttl.bz2 --categories article_categories_en.ttl.bz2 --links "
            "page_links_en.ttl.bz2"
        ),
    )
    build.add_argument("output", metavar="OUT", help="the file to make")
    for role, what in {
        "labels": "titles of the entities",
        "redirects": "names that lead to an entity",
        "categories": "categories of the entities",
        "links": "links between pages, counted for the priors",
    }.items():
        build.add_argument(f"--{role}", nargs="+", default=[], metavar="FILE", help=what)
    build.add_argument(
        "--predicate",
        action="append",
        metavar="NAME=TEXT",
        help=(
            "read only this predicate of categories and links (may be given several times); "
            "TEXT and a colon stand before its categories"
        ),
    )
    build.add_argument("--language", metavar="CODE", help="leave out labels in other languages")
    build.add_argument("--quiet", action="store_true", help="show no progress")
    build.set_defaults(run=_run_kb_build)
    info = kb.add_parser("info", help="tell what is in a knowledge base, and test its checksums")
    info.add_argument("file", metavar="FILE")
    info.add_argument("--json", action="store_true", help="print one JSON object")
    info.set_defaults(run=_run_kb_info)


def _add_cache(commands):
    """The commands about stores of features."""
    cache = commands.add_parser(
        "cache",
        help="look at a store of features, or make room in it",
        description="Stores of features, which cache= of CQTExtractor names.",
    ).add_subparsers(dest="cache_command", required=True, metavar="CACHE_COMMAND")
    info = cache.add_parser("info", help="tell what is in a store")
    info.add_argument("file", metavar="FILE")
    info.add_argument("--json", action="store_true", help="print one JSON object")
    info.set_defaults(run=_run_cache_info)
    prune = cache.add_parser(
        "prune",
        help="remove what was used longest ago",
        epilog="example: skmmgenre cache prune patches.sqlite --unused-days 90 --max-size 20G",
    )
    prune.add_argument("file", metavar="FILE")
    prune.add_argument(
        "--unused-days", type=float, metavar="N", help="remove what was not used for N days"
    )
    prune.add_argument(
        "--max-size", type=_size, metavar="SIZE", help="then remove more, down to SIZE (500M, 20G)"
    )
    prune.set_defaults(run=_run_cache_prune)


def _run_cache_info(arguments):
    from ._cache import cache_info

    info = cache_info(arguments.file)
    if arguments.json:
        print(json.dumps(info))
        return
    print(f"{info['bytes_on_disk'] / 1e6:.1f} MB on the disk")
    for kind, found in info["kinds"].items():
        print(f"{found['entries']:>10,} {kind} ({found['bytes'] / 1e6:.1f} MB)")


def _run_cache_prune(arguments):
    from ._cache import prune_cache

    removed = prune_cache(
        arguments.file, unused_days=arguments.unused_days, max_size=arguments.max_size
    )
    print(f"removed {removed['entries']:,} entries ({removed['bytes'] / 1e6:.1f} MB)")


def _size(text):
    from ._cache import bytes_of

    try:
        return bytes_of(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _run_kb_build(arguments):
    from ._kb import as_predicates, build_kb

    build_kb(
        arguments.output,
        {role: getattr(arguments, role) for role in ("labels", "redirects", "categories", "links")},
        predicates=as_predicates(arguments.predicate),
        language=arguments.language,
        verbose=not arguments.quiet,
    )


def _run_kb_info(arguments):
    from ._kb import show_kb

    show_kb(arguments.file, as_json=arguments.json)


def _count(text):
    number = _integer(text)
    if number < 60:
        raise argparse.ArgumentTypeError("at least 60 albums are needed to split by artist")
    return number


def _seed(text):
    number = _integer(text)
    if number < 0:
        raise argparse.ArgumentTypeError("a seed is 0 or above")
    return number


def _jobs(text):
    number = _integer(text)
    if number == 0:
        raise argparse.ArgumentTypeError("at least 1 worker is needed; -1 is one for each core")
    return number


def _integer(text):
    try:
        return int(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a whole number") from None
