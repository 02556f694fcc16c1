"""`skmmgenre annotate`: serve a local web page on which an expert labels genres blind."""

import os
from collections import Counter
from dataclasses import replace

import click

from ..inspection._annotations import MODES
from ..utils import import_from_extra
from ._annotation import AnswerLog, draw_items, keep_plan, names_of, read_labels, with_labels
from ._annotation._draw import draw_unlabelled, modes_there
from ._music import open_music
from ._options import (
    POSITIVE,
    SEED,
    Parsed,
    example,
    genres_file,
    quiet,
    report_only_first,
    report_readings,
    report_skipped,
    report_unlisted,
    report_written,
    source_options,
    with_tagged,
)
from ._terminal import count_of
from ._written_genres import leave_out_written

_LONGEST_NAME = 100


def _read_name(text):
    name = text.strip()
    if not name or len(name) > _LONGEST_NAME or not name.isprintable():
        raise ValueError(f"expected a name of 1 to {_LONGEST_NAME} characters, got {text!r}")
    return name


def _read_seconds(text):
    try:
        seconds = float(text)
    except ValueError:
        seconds = 0.0
    if not 1 <= seconds <= 600:
        raise ValueError(f"expected 1 to 600 seconds, got {text!r}")
    return seconds


@click.command(
    epilog=example(
        "skmmgenre annotate test.csv -o annotations.csv --annotator Ann\n"
        "  skmmgenre annotate albums.csv --split test --items 90 --mode sound\n"
        "  skmmgenre annotate ~/Music --label --genres names.yaml -o labels.csv"
    )
)
@click.argument("source", metavar="TABLE_OR_FOLDER")
@click.option(
    "-o",
    "--output",
    default="annotations.csv",
    show_default=True,
    metavar="FILE",
    help="CSV file that answers are appended to. Run again with the same file to continue.",
)
@click.option(
    "--annotator",
    type=Parsed("NAME", _read_name),
    default="annotator",
    show_default=True,
    help="Name of the annotator. All annotators get the same items, in different orders.",
)
@click.option(
    "--items",
    "n_items",
    type=POSITIVE,
    default=300,
    show_default=True,
    help="Total number of items; without --label, it is divided among the modes.",
)
@click.option(
    "--mode",
    "modes",
    type=click.Choice(MODES),
    multiple=True,
    help="What is shown of an item (may be repeated). Default: all modes that the music allows.",
)
@click.option(
    "--balance",
    type=click.Choice(["equal", "table"]),
    default="equal",
    show_default=True,
    help="equal: the same number of items per genre; table: the shares of the genres in the music. "
    "Not used with --label.",
)
@click.option(
    "--seed", type=SEED, default=0, show_default=True, help="Seed of the items and their order."
)
@click.option(
    "--seconds",
    type=Parsed("N", _read_seconds),
    default="30",
    show_default=True,
    help="Length of the excerpt from the middle of the track, in seconds.",
)
@click.option(
    "--label",
    is_flag=True,
    help="Label music for training: only items without a genre are shown, each with its sound and "
    "its cover, as far as it has them. The genres to choose from are those of --genres, or else "
    "those of the other items. Then pass the output to train --labels.",
)
@click.option(
    "--labels",
    multiple=True,
    metavar="FILE",
    help="With --label: leave out the items that this earlier output labels (may be repeated).",
)
@click.option("--split", metavar="NAME", help='Use only rows with NAME in the column "split".')
@source_options
@genres_file
@with_tagged
@click.option(
    "--host",
    default="127.0.0.1",
    show_default=True,
    help="Address to listen on; 0.0.0.0 allows access from other machines.",
)
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=8642,
    show_default=True,
    help="Port to listen on; 0 chooses a free one.",
)
@quiet
def annotate(
    source,
    output,
    annotator,
    n_items,
    modes,
    balance,
    seed,
    seconds,
    label,
    labels,
    split,
    names,
    with_tagged,
    host,
    port,
    quiet,
    **reading,
):
    """Serve a local web page on which an expert labels the genres of items of a table or folder.

    Items are drawn once, with the same number per genre, and shown blind: the sound only, the cover
    only, or both. Each answer is saved to disk before the next item is shown. If an item has
    several genres, the first is used. Ctrl-C stops the server; the same command continues.

    With --label, the page collects genres for training instead: it shows items that have none.
    """
    uvicorn = import_from_extra("uvicorn", "The page", extra="serve")
    import_from_extra("starlette", "The page", extra="serve")
    from ._annotation._server import listen, make_app

    if labels and not label:
        raise click.UsageError("--labels is used with --label only")
    if os.path.isdir(output):
        raise IsADirectoryError(f"--output {output!r} is a folder; name a CSV file")
    # Open until the server stops, because covers extracted from the files are deleted at the end.
    with open_music(source, verbose=not quiet, **reading) as music:
        plan, is_new = _plan_of(
            music,
            source,
            output,
            {
                "n_items": n_items,
                "modes": modes,
                "balance": balance,
                "seed": seed,
                "label": label,
                "by": reading["by"] if os.path.isdir(source) else None,
            },
            labels=labels,
            split=split,
            names=names,
            with_tagged=with_tagged,
            reading=reading,
        )
        log = AnswerLog(output, annotator)
        if log.n_cut_off:
            click.echo(f"{output}: removed an incomplete last line", err=True)
        with listen(host, port) as listening:
            app = make_app(plan, log, seconds=seconds, host=host)
            config = uvicorn.Config(app, log_level="warning", server_header=False, lifespan="off")
            _report_start(plan, log, is_new, listening.getsockname())
            try:
                uvicorn.Server(config).run(sockets=[listening])
            except KeyboardInterrupt:
                # uvicorn has shut down, and raises the signal again.
                pass
        click.echo(f"{_progress(plan, log)}; in {output}")


def _plan_of(music, source, output, options, *, labels, split, names, with_tagged, reading):
    """Return the items of an earlier run, or draw them."""
    if split is not None:
        music = music.of_split(split)
    if os.path.isdir(source):
        music, n_written = leave_out_written(music, keep=with_tagged, **reading)
        report_written(n_written, with_tagged)
    if labels:
        music, *_ = with_labels(music, read_labels(labels, by=options["by"]), source)
    item_names = names_of(music, source)
    modes = list(options["modes"] or modes_there(music))
    if not modes:
        raise ValueError(f"{source!r} has no sound and no cover to show")

    def draw():
        report_readings(music)
        drawing = {"n_items": options["n_items"], "modes": modes, "seed": options["seed"]}
        if options["label"]:
            genres = [item[0] if item else None for item in music.genres]
            choices = _choices(names, genres)
            drawn, errors = draw_unlabelled(music, item_names, genres, **drawing)
            report_skipped(music.errors + errors)
            _report_fewer(drawn, options)
            return drawn, choices
        report_unlisted(names, music.genres)
        mapped = [names.map(item) for item in music.genres] if names else music.genres
        report_only_first(sum(len(item) > 1 for item in mapped))
        genres = [item[0] if item else None for item in mapped]
        drawing["balance"] = options["balance"]
        drawn, errors, n_again = draw_items(music, item_names, genres, **drawing)
        report_skipped(music.errors + errors)
        _report_fewer(drawn, options)
        _report_draw(drawn, genres, options, n_again)
        return drawn, sorted({genre for genre in genres if genre is not None})

    kept = options | {"modes": modes, "split": split}
    plan, is_new = keep_plan(output, kept, item_names, music, draw)
    if options["label"] and names is not None and names.genres:
        plan = replace(plan, genres=names.genres)  # the list may have grown since the first run
    return plan, is_new


def _choices(names, genres):
    """Return the genres to choose from, given the genre of each item or None."""
    listed = names.genres if names is not None else []
    choices = listed or sorted({genre for genre in genres if genre is not None})
    if len(choices) < 2:
        raise ValueError(
            f"--label needs at least two genres to choose from, got {len(choices)}. List them in a "
            'YAML file, such as "genres: [Jazz, Rock, Techno]", and pass it as --genres'
        )
    return choices


def _report_fewer(drawn, options):
    """Print to standard error how many items were drawn, if fewer than requested."""
    if len(drawn) < options["n_items"]:
        click.echo(
            f"only {count_of(len(drawn), 'item')} could be drawn, {options['n_items']:,} were "
            "requested",
            err=True,
        )


def _report_draw(drawn, genres, options, n_again):
    """Print to standard error how the genres of the drawn items differ from the requested ones."""
    by_mode = Counter((one["mode"], genres[one["row"]]) for one in drawn)
    numbers = {mode: [n for (m, _), n in by_mode.items() if m == mode] for mode, _ in by_mode}
    if options["balance"] == "equal" and any(max(n) - min(n) > 1 for n in numbers.values()):
        click.echo(
            "genres with too few items are represented by fewer items than the others", err=True
        )
    if n_again:
        click.echo(f"{count_of(n_again, 'item')} by an artist that was already drawn", err=True)


def _report_start(plan, log, is_new, address):
    host = f"[{address[0]}]" if ":" in address[0] else address[0]
    modes = Counter(item.mode for item in plan.items)
    shares = ", ".join(f"{mode} {modes[mode]}" for mode in MODES if modes[mode])
    click.echo(
        f"{count_of(len(plan.items), 'item')} ({shares}), {len(plan.genres)} genres, "
        f"{'newly drawn' if is_new else 'drawn in an earlier run'}; {_progress(plan, log)}"
    )
    click.echo(f"http://{host}:{address[1]}/ (press Ctrl-C to stop)")


def _progress(plan, log):
    n = sum(answer.revision > 0 for answer in log.of_items(plan.items))
    return f"{n:,} of {len(plan.items):,} answered by {log.annotator}"
