"""The arguments of `skmmgenre demo`."""

import click

from ._parameters import JOBS, SEED, WholeNumber, example

_ALBUMS = WholeNumber(
    lambda number: number >= 60, "at least 60 albums are needed to split by artist"
)


@click.command(
    short_help="Make synthetic albums, train, show what each modality brings.",
    epilog=example("skmmgenre demo --albums 800 --output my_report"),
)
@click.option("--albums", type=_ALBUMS, default=400, show_default=True)
@click.option("--seed", type=SEED, default=0, show_default=True)
@click.option("--jobs", type=JOBS, default=2, show_default=True, help="Workers.")
@click.option("--output", metavar="DIR", default="demo_report", show_default=True)
def demo(albums, seed, jobs, output):
    """Make synthetic albums and learn their genres.

    Makes albums (sound, reviews, covers), splits them by artist, trains all networks, prints
    what each modality brings beside what is attainable, and writes model, table and pictures.
    """
    from ..nets import interruption_ends_all
    from ._demo import run_demo

    with interruption_ends_all():
        run_demo(n_albums=albums, seed=seed, n_jobs=jobs, output=output)
