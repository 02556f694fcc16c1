"""`skmmgenre predict`: what a model says of each item, as a table, CSV or JSON."""

import csv
import io
import json

import click
from rich.console import Console
from rich.markup import escape

from ._model import answer, load_model, vectors_of
from ._music import open_all
from ._options import (
    POSITIVE,
    example,
    genres_file,
    jobs,
    quiet,
    source_options,
    tell_empty,
    tell_set_aside,
    tell_unknown,
)
from ._terminal import one_line, plain_table, visible

_NAME_WIDTH = 44


@click.command(
    epilog=example(
        "skmmgenre predict genres.skmmgenre ~/Music/new --format csv > genres.csv\n"
        "  skmmgenre predict genres.skmmgenre song.mp3 other.flac"
    )
)
@click.argument("model")
@click.argument("sources", metavar="FOLDERS_OR_FILES...", nargs=-1, required=True)
@source_options
@genres_file
@click.option(
    "--format",
    "kind",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
)
@click.option("--json", "kind", flag_value="json", help="The same as --format json.")
@click.option(
    "--top", type=POSITIVE, default=5, show_default=True, help="Scores of each item in JSON."
)
@jobs
@quiet
@click.pass_context
def predict(ctx, model, sources, kind, top, jobs, quiet, names, **reading):
    """Tell the genres of folders, tables or files by a MODEL.

    Exit code 1 if a file that was named cannot be read; the others are told.
    """

    fitted, _ = load_model(model, on_error="missing", verbose=int(not quiet), n_jobs=jobs)
    tell_unknown(names, fitted)
    with open_all(sources, verbose=not quiet, **reading) as music:
        answers, genres, errors = predict_music(fitted, music, names=names)
    tell_set_aside(music.errors + errors)
    tell_empty(fitted, int(answers.empty.sum()))
    if kind == "table":
        print_answers(music, answers, genres)
    else:
        click.echo(as_text(music, answers, genres, kind, top=top), nl=False)
    unread = {item for item, _ in music.errors} - set(music.names)
    if unread & set(sources):
        ctx.exit(1)


def predict_music(model, music, *, names=None):
    """Tell the genres of music.

    Parameters
    ----------
    model : GenrePipeline
    music : Music
    names : GenreNames or None
        Applied to the genres that are told.

    Returns
    -------
    answers : Answers
    genres : list of list of str
        Of each item, the best first; none of those with nothing to tell them by.
    errors : list of (str, str)
        Item and reason of what was treated as missing.
    """
    vectors, errors = vectors_of(model, music.table)
    answers = answer(model, vectors)
    genres = [answers.genres(row) for row in range(len(music.names))]
    if names is not None:
        genres = [names.map(item) for item in genres]
    return answers, genres, errors


def as_text(music, answers, genres, kind, *, top=5):
    """Write the answers.

    Parameters
    ----------
    music : Music
    answers : Answers
    genres : list of list of str
    kind : {"csv", "json"}
        CSV has all scores, in a column a genre.
    top : int
        How many scores JSON has, the best.

    Returns
    -------
    text : str
        Control characters in names are written as escapes: of JSON its own, which read back.
        An empty item has no genre and no score.
    """
    if kind == "json":
        lines = []
        for row, name in enumerate(music.names):
            scores = {genre: round(score, 6) for genre, score in answers.best(row, top).items()}
            lines.append({"item": name, "genres": genres[row], "scores": scores})
        return json.dumps(lines, indent=2) + "\n"
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["item", "genres", *(visible(name) for name in answers.classes)])
    for row, name in enumerate(music.names):
        scores = ("" if answers.empty[row] else f"{score:.6f}" for score in answers.scores[row])
        writer.writerow([visible(name), visible("; ".join(genres[row])), *scores])
    return text.getvalue()


def print_answers(music, answers, genres):
    """Print the answers as a table for people."""
    table = plain_table(None, "item", overflow="fold", max_width=_NAME_WIDTH)
    table.add_column("genres", overflow="fold")
    table.add_column("score", justify="right", no_wrap=True)
    for row, name in enumerate(music.names):
        told = "; ".join(genres[row]) or "-"
        scores = [f"{score:.2f}" for score in answers.best(row, 1).values()] or ["-"]
        table.add_row(escape(visible(name)), escape(one_line(told)), *scores)
    Console().print(table)
