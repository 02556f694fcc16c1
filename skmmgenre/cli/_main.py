"""Reading the command line."""

import argparse
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
    arguments = parser.parse_args(argv)
    from ..nets import interruption_ends_all
    from ._demo import run_demo

    try:
        with interruption_ends_all():
            run_demo(
                n_albums=arguments.albums,
                seed=arguments.seed,
                n_jobs=arguments.jobs,
                output=arguments.output,
            )
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except (ValueError, OSError) as error:
        print(f"skmmgenre {arguments.command}: {error}", file=sys.stderr)
        return 1
    return 0


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
