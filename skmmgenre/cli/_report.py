"""`skmmgenre report`: one HTML file on a model that one can send."""

import json
import os

import click

from ..utils import is_missing
from ._evaluate import genres_by_model
from ._genre_names import GenreNames
from ._model import check_place, in_threads, load_model
from ._music import open_music
from ._options import (
    example,
    genres_file,
    jobs,
    quiet,
    source_options,
    tell_readings,
    tell_set_aside,
    tell_unlisted,
    tell_written,
    with_tagged,
)
from ._written_genres import leave_out_written

_MEDIA = ("none", "thumbnails", "clips")


@click.command(
    epilog=example(
        "skmmgenre report genres.skmmgenre albums.csv -o report.html\n"
        "  skmmgenre evaluate genres.skmmgenre test.csv --train train.csv --json > metrics.json\n"
        "  skmmgenre report genres.skmmgenre test.csv --evaluation metrics.json -o report.html"
    )
)
@click.argument("path", metavar="MODEL")
@click.argument("source", metavar="TABLE_OR_FOLDER")
@click.option("-o", "--output", metavar="HTML", required=True, help="The file to make.")
@source_options
@genres_file
@click.option("--split", metavar="NAME", help='Only rows with NAME in the column "split".')
@click.option(
    "--evaluation",
    "evaluation_path",
    metavar="JSON",
    help="What skmmgenre evaluate --train --json printed for the same rows: its plain control is "
    "shown beside the model.",
)
@click.option(
    "--media",
    type=click.Choice(_MEDIA),
    default="none",
    show_default=True,
    help="What the best and worst items show: small pictures of the covers; those and ten seconds "
    "of the sound; or neither, for a report that is sent on.",
)
@click.option("--title", metavar="TEXT", help="The heading.")
@with_tagged
@jobs
@quiet
def report(
    path,
    source,
    output,
    names,
    split,
    evaluation_path,
    media,
    title,
    with_tagged,
    jobs,
    quiet,
    **reading,
):
    """Write a report on a MODEL: one HTML file that needs no network.

    The music is what the model was not trained on: rows and artists that it has seen are named and
    not scored. The report shows data, metrics with intervals, genres, confusion, modalities,
    learning curves, a map, the best and worst items with explanations, and the model card. Nothing
    is trained.
    """
    from .._model_summary import genres_of, model_info, read_seen
    from ..inspection._report._report import build_page, write_page

    check_place(output, "report")
    evaluation = None if evaluation_path is None else read_evaluation(evaluation_path)
    fitted, card = load_model(path, on_error="missing", verbose=int(not quiet), n_jobs=jobs)
    with open_music(source, verbose=not quiet, **reading) as music, in_threads(fitted):
        if split is not None:
            music = music.of_split(split)
        if os.path.isdir(source):
            music, n_written = leave_out_written(music, keep=with_tagged, **reading)
            tell_written(n_written, with_tagged)
        tell_readings(music)
        tell_unlisted(names, music.genres)
        tell_set_aside(music.errors)
        base = source if os.path.isdir(source) else os.path.dirname(source)
        page = build_page(
            fitted,
            music.table.reset_index(drop=True),
            genres_by_model(fitted, music, names or GenreNames(aliases=card.get("aliases"))),
            music.artists,
            names=names_in_report(music, base),
            card=card,
            versions=model_info(path)["versions"],
            seen=read_seen(path),
            evaluation=evaluation,
            media=media,
            title=title or f"{os.path.basename(path)}: {len(genres_of(fitted))} genres of music",
            errors=[(_without_folder(item, base), reason) for item, reason in music.errors],
            folder=os.path.abspath(base or "."),
        )
    write_page(page, output)
    click.echo(f"{output}: {len(page.encode()) / 1e6:.1f} MB")


def read_evaluation(path):
    """Return what `evaluate --json` printed into a file.

    Raises
    ------
    ValueError
        If it is no JSON object.
    """
    with open(path, encoding="utf-8") as file:
        try:
            found = json.load(file)
        except ValueError as error:
            raise ValueError(f"--evaluation {path!r} is not valid JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(
            f"--evaluation {path!r} holds no object; pass what skmmgenre evaluate --json prints."
        )
    return found


def names_in_report(music, base):
    """Return what items are called in a report: no path of this machine.

    Of an item that is called by its place, what comes after the folder of the table, and the title
    in a column "title" or "album", if there is one.
    """
    names = [_without_folder(name, base) for name in music.names]
    for column in ("title", "album"):
        if column in music.table:
            titles = music.table[column]
            return [
                name if is_missing(title) else f"{title} ({name})"
                for name, title in zip(names, titles, strict=True)
            ]
    return names


def _without_folder(name, base):
    """A path below a folder from there on; any other with its last two parts."""
    whole = os.path.abspath(name)
    # A link that leads nowhere is a place of this machine, too.
    if os.sep not in name or not (os.path.isabs(name) or os.path.lexists(whole)):
        return name
    inside = os.path.relpath(whole, os.path.abspath(base or "."))
    return os.sep.join(whole.split(os.sep)[-2:]) if inside.startswith(os.pardir) else inside
