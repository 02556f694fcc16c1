"""`skmmgenre predict`: print the predictions for each item as a table, CSV or JSON."""

import csv
import io
import json
import os

import click
import numpy as np
from rich.console import Console
from rich.markup import escape

from .._model_summary import genres_of, modalities_of
from ..utils import import_from_extra, is_missing, replacing
from ._model import answer, check_place, vectors_of
from ._model_source import find_model, ready_model, tags_file
from ._music import open_all, reads_covers
from ._options import (
    POSITIVE,
    example,
    genres_file,
    jobs,
    left_out,
    quiet,
    report_empty,
    report_skipped,
    report_unknown,
    source_options,
)
from ._terminal import one_line, plain_table, visible

_NAME_WIDTH = 44


@click.command(
    epilog=example(
        "skmmgenre predict --model musicnn ~/Music/new\n"
        "  skmmgenre predict genres.skmmgenre ~/Music/new --format csv > genres.csv\n"
        "  skmmgenre predict genres.skmmgenre ~/Music/new --vectors vectors.parquet\n"
        "  skmmgenre predict genres.skmmgenre song.mp3 other.flac"
    )
)
@click.argument("sources", metavar="[MODEL] FOLDERS_OR_FILES...", nargs=-1, required=True)
@ready_model
@tags_file
@source_options
@genres_file
@click.option(
    "--format",
    "kind",
    type=click.Choice(["table", "csv", "json"]),
    default="table",
    show_default=True,
    help="Format of the output.",
)
@click.option("--json", "kind", flag_value="json", help="Short for --format json.")
@click.option(
    "--top", type=POSITIVE, default=5, show_default=True, help="Number of scores per item in JSON."
)
@click.option(
    "--vectors",
    "vectors_path",
    metavar="FILE",
    help="Also write the embeddings of each item to a Parquet table, with one column of vectors "
    "per modality.",
)
@left_out
@jobs
@quiet
@click.pass_context
def predict(
    ctx, sources, ready, tags, kind, top, vectors_path, settings, jobs, quiet, names, **reading
):
    """Predict the genres of folders, tables or files with a MODEL or with --model.

    The exit code is 1 if a file that was named cannot be read; the others are predicted.
    """

    path = None
    if ready is None:
        path, *sources = sources
        if not sources:
            raise click.UsageError(
                "Missing argument: pass MODEL and the files or folders to predict. Without a "
                "MODEL, add --model musicnn.",
                ctx,
            )
    if vectors_path is not None:
        check_vectors_path(vectors_path)
    fitted = find_model(path, ready, tags, settings).load(jobs=jobs, verbose=int(not quiet))
    report_unknown(names, genres_of(fitted))
    covers = reads_covers(modalities_of(fitted))
    with open_all(sources, covers=covers, verbose=not quiet, **reading) as music:
        vectors, errors = vectors_of(fitted, music.table)
        answers = answer(fitted, vectors)
    genres = named_genres(answers, names)
    if vectors_path is not None:
        write_vectors(vectors_path, fitted, music, vectors)
    report_skipped(music.errors + errors)
    report_empty(fitted, int(answers.empty.sum()))
    if kind == "table":
        print_answers(music, answers, genres)
    else:
        click.echo(as_text(music, answers, genres, kind, top=top), nl=False)
    # Errors also list files that were read, such as those with a wrong extension.
    unread = {item for item, _ in music.errors} - set(music.names)
    if unread & set(sources):
        ctx.exit(1)


def named_genres(answers, names=None):
    """Return the predicted genres of each item, renamed and filtered by --genres."""
    genres = [answers.genres(row) for row in range(len(answers.empty))]
    return genres if names is None else [names.map(item) for item in genres]


def check_vectors_path(path):
    """Raise an error before the work if vectors cannot be written to a path.

    Raises
    ------
    ValueError, OSError
    """
    import_from_extra("pyarrow", "Writing Parquet", extra="cli")
    if os.path.splitext(path)[1].lower() != ".parquet":
        raise ValueError(
            f"--vectors {path!r}: only Parquet is supported; name a file that ends in .parquet. In "
            "Python, numpy.stack(pandas.read_parquet(path)['audio'].dropna()) returns a column as "
            "an array."
        )
    check_place(path, "table of vectors", "--vectors")


def write_vectors(path, model, music, vectors):
    """Write the embeddings of music to a table that `train` can read.

    Parameters
    ----------
    path : str
        Parquet file; an existing file is replaced.
    model : GenrePipeline
    music : Music
    vectors : DataFrame
        Embeddings, as returned by `vectors_of`. In the file, the column of a modality has the name
        of the column that the model reads and contains lists of float32; a missing vector is null.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    columns = {"id": pa.array(list(map(visible, music.names)), pa.string())}
    if any(music.genres):
        columns["genres"] = pa.array(music.genres, pa.list_(pa.string()))
    if music.artists is not None:
        artists = [None if is_missing(artist) else str(artist) for artist in music.artists]
        columns["artist"] = pa.array(artists, pa.string())
    owners = np.array([name.partition("__")[0] for name in vectors.columns])
    for block in dict.fromkeys(owners):
        source = modalities_of(model).get(block)
        values = vectors.loc[:, owners == block].to_numpy(dtype=np.float32)
        cells = [None if np.isnan(vector).all() else vector for vector in values]
        name = source if isinstance(source, str) else block
        columns[name] = pa.array(cells, pa.list_(pa.float32()))
    with replacing(path) as new:
        pq.write_table(pa.table(columns), new)


def as_text(music, answers, genres, kind, *, top=5):
    """Return the predictions as CSV or JSON.

    Parameters
    ----------
    music : Music
    answers : Answers
    genres : list of list of str
    kind : {"csv", "json"}
        CSV has all scores, one column per genre.
    top : int
        Number of scores per item in JSON, the highest first.

    Returns
    -------
    text : str
        Control characters in names are escaped; JSON has its own escapes, which JSON readers
        restore. An empty item has no genre and no score.
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
    """Print the predictions as a table."""
    table = plain_table(None, "item", overflow="fold", max_width=_NAME_WIDTH)
    table.add_column("genres", overflow="fold")
    table.add_column("score", justify="right", no_wrap=True)
    for row, name in enumerate(music.names):
        named = "; ".join(genres[row]) or "-"
        scores = [f"{score:.2f}" for score in answers.best(row, 1).values()] or ["-"]
        table.add_row(escape(visible(name)), escape(one_line(named)), *scores)
    Console().print(table)
