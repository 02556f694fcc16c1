"""The arguments of `skmmgenre train`, `predict`, `evaluate` and `info`."""

import json
import os

import click

from ._music_options import (
    genres_file,
    source_options,
    tell_empty,
    tell_set_aside,
    tell_unknown,
    tell_unlisted,
)
from ._parameters import SEED, WholeNumber, as_json, example, jobs, quiet
from ._plain_text import first_of, one_line

_POSITIVE = WholeNumber(lambda number: number >= 1, "it is 1 or above")


@click.command(
    short_help="Learn genres from a table or a folder of music.",
    epilog=example(
        "skmmgenre train ~/Music -o genres.skmmgenre\n"
        "  skmmgenre train albums.csv -o genres.skmmgenre --test-size 0.2 \\\n"
        "    --genres names.yaml --set audio__architecture=time"
    ),
)
@click.argument("source", metavar="TABLE_OR_FOLDER")
@click.option("-o", "--output", metavar="MODEL", required=True, help="The file to make.")
@source_options
@genres_file
@click.option(
    "--min-items", type=_POSITIVE, default=1, help="Leave out genres of fewer items than N."
)
@click.option(
    "--modality",
    "modalities",
    multiple=True,
    type=click.Choice(["audio", "text", "image"]),
    help="Use this one only (may be given several times); by default all there are.",
)
@click.option(
    "--target",
    type=click.Choice(["auto", "softmax", "logistic", "cosine"]),
    default="auto",
    show_default=True,
    help="softmax: one genre an item; logistic, cosine: several; auto: as the music has them.",
)
@click.option(
    "--test-size",
    type=click.FloatRange(0, 1, max_open=True),
    default=0.0,
    metavar="SHARE",
    help="Keep this share of the music, by artist, from training, and tell the figures on it.",
)
@click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    help="A parameter of make_genre_classifier (may be given several times).",
)
@click.option("--strict", is_flag=True, help="End at the first file that cannot be used.")
@click.option("--seed", type=SEED, default=0, show_default=True)
@jobs
@quiet
@as_json
def train(source, output, settings, strict, jobs, quiet, as_json, min_items, **options):
    """Learn the genres of music and write a model.

    A table is CSV, TSV or Parquet, one row a track or an album, with the columns audio (a path,
    or a list of them), text and cover (a path), as many as there are, genres ("Jazz; Blues") and
    artist; paths are relative to the table. Of a folder the tags of the files, their covers and
    the texts beside them are read.
    """
    from .. import save
    from ._models import check_place
    from ._music import open_music
    from ._train import check_settings, parse_settings, train

    check_place(output)
    settings = parse_settings(settings)
    check_settings(settings, options["modalities"], options["target"])
    names = options.pop("names")
    source_keys = ("by", "separators", "genre", "artist")
    reading = {key: options.pop(key) for key in source_keys}
    with open_music(source, verbose=not quiet, **reading) as music:
        tell_unlisted(names, music.genres)
        model, card, errors = train(
            music,
            names=names,
            min_items=min_items,
            settings=settings,
            on_error="raise" if strict else "missing",
            n_jobs=jobs,
            verbose=int(not quiet),
            **options,
        )
    tell_set_aside(music.errors + errors)
    card["trained_on"] = os.path.basename(os.path.abspath(source))
    save(model, output, card=card)
    if as_json:
        click.echo(json.dumps(card, indent=2))
        return
    click.echo(
        f"{output}: {len(card['items_by_genre'])} genres of {card['items']:,} items, from "
        f"{' + '.join(card['modalities'])}"
    )
    for line in _left_out(**card["left_out"]):
        click.echo(f"  left out: {line}")
    if held_out := card.get("held_out"):
        click.echo(f"On {held_out['items']:,} items kept from training:")
        for name, value in held_out["figures"].items():
            click.echo(f"  {name:<26}{'-' if value is None else format(value, '.3f'):>6}")


def _left_out(without_genre, test_rows, rare_genres):
    """Lines on the items that a model did not learn from."""
    if without_genre:
        yield f"items without a genre to learn: {without_genre:,}"
    if test_rows:
        yield f"items of the table's test split: {test_rows:,}"
    if rare_genres:
        named = first_of([one_line(name) for name in rare_genres], 8)
        yield f"genres of too few items: {named}"


@click.command(
    short_help="Tell the genres of files.",
    epilog=example(
        "skmmgenre predict genres.skmmgenre ~/Music/new --format csv > genres.csv\n"
        "  skmmgenre predict genres.skmmgenre song.mp3 other.flac"
    ),
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
    "--top", type=_POSITIVE, default=5, show_default=True, help="Scores of each item in JSON."
)
@jobs
@quiet
@click.pass_context
def predict(ctx, model, sources, kind, top, jobs, quiet, names, **reading):
    """Tell the genres of folders, tables or files by a MODEL.

    Exit code 1 if a file that was named cannot be read; the others are told.
    """
    from ._models import load_model
    from ._music import open_all
    from ._predict import as_text, predict, print_answers

    fitted, _ = load_model(model, on_error="missing", verbose=int(not quiet), n_jobs=jobs)
    tell_unknown(names, fitted)
    with open_all(sources, verbose=not quiet, **reading) as music:
        answers, genres, errors = predict(fitted, music, names=names)
    tell_set_aside(music.errors + errors)
    tell_empty(fitted, int(answers.empty.sum()))
    if kind == "table":
        print_answers(music, answers, genres)
    else:
        click.echo(as_text(music, answers, genres, kind, top=top), nl=False)
    unread = {item for item, _ in music.errors} - set(music.names)
    if unread & set(sources):
        ctx.exit(1)


@click.command(
    short_help="Compare a model with the genres that music has.",
    epilog=example("skmmgenre evaluate genres.skmmgenre test.csv --json > figures.json"),
)
@click.argument("model")
@click.argument("source", metavar="TABLE_OR_FOLDER")
@source_options
@genres_file
@click.option("--split", metavar="NAME", help='Only rows with NAME in the column "split".')
@jobs
@quiet
@as_json
def evaluate(model, source, split, names, jobs, quiet, as_json, **reading):
    """Tell the paper's figures of a MODEL on music whose genres are known.

    Of one genre an item: precision, recall and F1 (means over the genres), accuracy; of several:
    macro AUC, and precision, nDCG and diversity among the best 1, 3 and 5. For all modalities and
    each subset of them (the others called missing), and for each genre.
    """
    from ._evaluate import evaluate
    from ._genre_names import GenreNames
    from ._models import load_model
    from ._music import open_music
    from ._print_evaluation import print_evaluation

    fitted, card = load_model(model, on_error="missing", verbose=int(not quiet), n_jobs=jobs)
    with open_music(source, verbose=not quiet, **reading) as music:
        if split is not None:
            music = music.of_split(split)
        tell_unlisted(names, music.genres)
        names = names or GenreNames(aliases=card.get("aliases"))
        found = evaluate(fitted, music, names=names)
    tell_set_aside(music.errors + found.errors)
    if as_json:
        click.echo(json.dumps(found.as_dict(), indent=2))
    else:
        print_evaluation(found)


@click.command(
    short_help="Tell what a model is.", epilog=example("skmmgenre info genres.skmmgenre")
)
@click.argument("model")
@as_json
def info(model, as_json):
    """Tell what a MODEL is: its genres, what it was trained on, its networks."""
    from ._info import describe, print_info
    from ._models import load_model

    found = describe(model, *load_model(model))
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        print_info(found)
