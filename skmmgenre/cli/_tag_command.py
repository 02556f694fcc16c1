"""The arguments of `skmmgenre tag`."""

import json

import click

from ._music_options import genres_file, tell_set_aside, tell_unknown
from ._parameters import as_json, example, jobs, quiet
from ._plain_text import one_line, visible

_VERBS = {
    "write": "gets",
    "restore": "gets back",
    "keep": "keeps",
    "skip": "skipped",
    "fail": "fails",
}


@click.command(
    short_help="Write genres into the files of a folder, or undo that.",
    epilog=example(
        "skmmgenre tag genres.skmmgenre ~/Music            # only tells\n"
        "  skmmgenre tag genres.skmmgenre ~/Music --write\n"
        "  skmmgenre tag --undo ~/Music"
    ),
)
@click.argument("places", metavar="MODEL FOLDER", nargs=-1)
@click.option("--write", is_flag=True, help="Write; without it, only tell what would be.")
@click.option("--replace", is_flag=True, help="Write over genres that are there.")
@click.option("--undo", is_flag=True, help="Put the tags back that were changed; takes no MODEL.")
@click.option(
    "--by",
    type=click.Choice(["track", "album"]),
    default="track",
    show_default=True,
    help="What gets genres of its own.",
)
@click.option(
    "--min-score",
    type=click.FloatRange(0, 1),
    metavar="SCORE",
    help="Only where the best genre has this score, from 0 to 1.",
)
@genres_file
@jobs
@quiet
@as_json
@click.pass_context
def tag(ctx, places, write, replace, undo, by, min_score, names, jobs, quiet, as_json):
    """Write the genres of a MODEL into the tags of a FOLDER's files.

    Files that have a genre or are read-only are left alone, and nothing is written without
    --write. Each file is changed at once or not at all; its sound stays bit for bit. What was
    there is kept in the folder (.skmmgenre_tags.jsonl) until --undo puts it back.

    Exit code 1 if a file could not be changed; the others are.
    """
    from ._tag import undo_tags, write_tags

    if undo:
        if len(places) != 1:
            raise click.UsageError("--undo takes FOLDER alone.", ctx)
        outcomes = undo_tags(places[0], verbose=not quiet)
        done = True
    else:
        if len(places) != 2:
            raise click.UsageError("MODEL and FOLDER are needed.", ctx)
        outcomes = _plan(*places, by, names, replace, min_score, jobs, quiet)
        done = write
        if write:
            write_tags(places[1], outcomes, verbose=not quiet)
    if as_json:
        files = [vars(outcome) for outcome in outcomes]
        click.echo(json.dumps({"written": done, "files": files}, indent=2))
    else:
        _print(outcomes, done)
    if any(outcome.action == "fail" for outcome in outcomes):
        ctx.exit(1)


def _plan(model, folder, by, names, replace, min_score, jobs, quiet):
    from ._models import load_model
    from ._music import open_folder
    from ._predict import predict
    from ._tag import plan_tags

    fitted, _ = load_model(model, on_error="missing", verbose=int(not quiet), n_jobs=jobs)
    tell_unknown(names, fitted)
    with open_folder(folder, by=by, verbose=not quiet) as music:
        answers, genres, errors = predict(fitted, music, names=names)
    tell_set_aside(music.errors + errors)
    return plan_tags(music, genres, answers, replace=replace, min_score=min_score)


def _print(outcomes, done):
    for outcome in outcomes:
        if outcome.action == "keep":  # which is most of a tidy folder
            continue
        genres = "; ".join(outcome.genres) or ("no genre" if outcome.action == "restore" else "")
        reason = f"({outcome.reason})" if outcome.reason else ""
        words = (_VERBS[outcome.action], genres, reason)
        click.echo(f"{visible(outcome.file)}: {one_line(' '.join(filter(None, words)))}")
    counts = {action: sum(o.action == action for o in outcomes) for action in _VERBS}
    told = {
        "write": "tagged" if done else "would be tagged",
        "restore": "restored",
        "keep": "kept the genres they have",
        "skip": "skipped",
        "fail": "failed",
    }
    parts = [f"{counts[action]:,} {words}" for action, words in told.items() if counts[action]]
    click.echo(f"{len(outcomes):,} files: {', '.join(parts) or 'nothing to do'}")
    if counts["write"] and not done:
        click.echo("Nothing was written; --write does.")
