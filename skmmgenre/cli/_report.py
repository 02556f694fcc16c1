"""`skmmgenre report`: write a report on a model as one HTML file."""

import json
import os

import click

from ..utils import is_missing
from ._evaluate import genres_by_model
from ._genre_names import GenreNames
from ._labelling import Labelling
from ._model import check_place, in_threads, load_model
from ._options import (
    example,
    genres_file,
    jobs,
    label_options,
    left_out,
    quiet,
    report_readings,
    report_skipped,
    report_unlisted,
    source_options,
)
from ._terminal import size_of

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
@click.option("-o", "--output", metavar="HTML", required=True, help="File to write.")
@source_options
@label_options
@genres_file
@click.option("--split", metavar="NAME", help='Use only rows with NAME in the column "split".')
@click.option(
    "--evaluation",
    "evaluation_path",
    metavar="JSON",
    help="Output of skmmgenre evaluate --train --json for the same rows; the report compares the "
    "model with its plain control.",
)
@click.option(
    "--media",
    type=click.Choice(_MEDIA),
    default="none",
    show_default=True,
    help="Media of the best and worst items in the report. thumbnails: small covers; clips: small "
    "covers and ten seconds of sound; none: neither, for a report that you pass on.",
)
@click.option("--title", metavar="TEXT", help="Title of the report.")
@left_out
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
    genres_from,
    labels,
    with_tagged,
    settings,
    jobs,
    quiet,
    **reading,
):
    """Write a report on a MODEL as one HTML file, which can be read offline.

    Pass music that the model was not trained on: rows and artists of its training data are listed,
    but not scored. The report shows the data, metrics with intervals, genres, confusion matrix,
    modalities, learning curves, a map of the items, the best and worst items with explanations,
    and the model card. Nothing is trained.
    """
    from .._model_summary import genres_of, model_info, read_seen
    from ..inspection._report._report import build_page, write_page

    check_place(output, "report")
    labelling = Labelling.of_options(source, genres_from, labels, with_tagged, by=reading["by"])
    evaluation = None if evaluation_path is None else read_evaluation(evaluation_path)
    fitted, card = load_model(
        path, on_error="missing", verbose=int(not quiet), n_jobs=jobs, settings=settings
    )
    opened = labelling.open(source, verbose=not quiet, **reading)
    with opened as (music, *_), in_threads(fitted):
        if split is not None:
            music = music.of_split(split)
        report_readings(music)
        report_unlisted(names, music.genres)
        report_skipped(music.errors)
        base = source if os.path.isdir(source) else os.path.dirname(source)
        page = build_page(
            fitted,
            music.table.reset_index(drop=True),
            genres_by_model(fitted, music, names or GenreNames.of_card(card)),
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
    click.echo(f"{output}: {size_of(len(page.encode()))}")


def read_evaluation(path):
    """Return the output of `evaluate --json` from a file.

    Raises
    ------
    ValueError
        If the file is not a JSON object.
    """
    with open(path, encoding="utf-8") as file:
        try:
            found = json.load(file)
        except ValueError as error:
            raise ValueError(f"--evaluation {path!r} is not valid JSON: {error}") from error
    if not isinstance(found, dict):
        raise ValueError(
            f"--evaluation {path!r} is not a JSON object; pass the output of skmmgenre evaluate "
            "--json"
        )
    return found


def names_in_report(music, base):
    """Return the names of items in a report, without local paths.

    An item named by a path is named by the part below the folder of the table, and by its title
    if there is a column "title" or "album".
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
    """Return a path relative to a folder if it is inside; otherwise its last two parts."""
    whole = os.path.abspath(name)
    # `lexists` because a broken link is a local path, too.
    if os.sep not in name or not (os.path.isabs(name) or os.path.lexists(whole)):
        return name
    inside = os.path.relpath(whole, os.path.abspath(base or "."))
    return os.sep.join(whole.split(os.sep)[-2:]) if inside.startswith(os.pardir) else inside
