"""`skmmgenre tag`: write predicted genres into the files of a folder, or restore the old tags."""

import json
import os
import stat
from collections import Counter
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial

import click

from ..datasets._folder_files import require_folder, spell_path
from ..utils import BadItem, changing, progress_bar, remove_parts
from ._model_answers import ModelAnswers, usual_store
from ._model_source import find_model, ready_model, tags_file
from ._music import open_folder, reads_covers
from ._options import (
    as_json,
    example,
    genres_file,
    jobs,
    left_out,
    not_genres,
    quiet,
    report_skipped,
    report_unknown,
)
from ._predict import named_genres
from ._tag_files import (
    genres_in,
    is_as_before,
    read_state,
    restore_state,
    restored_genres,
    undo_write,
    why_untaggable,
    write_genres,
)
from ._tags import NAME, TagBackup, locked
from ._terminal import count_of, floor_of, one_line, visible

_WORDS = {  # in the line of a file, and in the summary
    "write": ("gets", "tagged"),
    "restore": ("gets back", "restored"),
    "keep": ("keeps", "already had genres"),
    "skip": ("skipped", "skipped"),
    "fail": ("failed", "failed"),
}


@click.command(
    epilog=example(
        "skmmgenre tag --model musicnn ~/Music             # dry run\n"
        "  skmmgenre tag --model musicnn ~/Music --write\n"
        "  skmmgenre tag genres.skmmgenre ~/Music\n"
        "  skmmgenre tag --undo ~/Music"
    )
)
@click.argument("places", metavar="[MODEL] FOLDER", nargs=-1)
@ready_model
@tags_file
@click.option(
    "--write", is_flag=True, help="Write the genres. Without it, only show what would be written."
)
@click.option("--replace", is_flag=True, help="Replace existing genres.")
@click.option("--undo", is_flag=True, help="Restore the tags that were changed; takes no MODEL.")
@click.option(
    "--by",
    type=click.Choice(["track", "album"]),
    default="track",
    show_default=True,
    help="Predict genres per track, or per album for all of its tracks.",
)
@click.option(
    "--min-score",
    type=click.FloatRange(0, 1),
    metavar="SCORE",
    help="Tag only items whose best genre has at least this score, from 0 to 1.",
)
@click.option(
    "--cache",
    metavar="FILE",
    help="Store of predictions, so that another run does not compute them again. Default: "
    "tag.sqlite in the data home (SKMMGENRE_DATA, or ~/skmmgenre_data).",
)
@click.option("--no-cache", is_flag=True, help="Do not store predictions.")
@genres_file
@not_genres
@left_out
@jobs
@quiet
@as_json
@click.pass_context
def tag(
    ctx,
    places,
    ready,
    tags,
    write,
    replace,
    undo,
    min_score,
    cache,
    no_cache,
    settings,
    quiet,
    as_json,
    **reading,
):
    """Write the genres predicted by MODEL, or by --model, into the tags of the files in FOLDER.

    Nothing is written without --write. Files that already have a genre and read-only files are
    skipped. A file is changed completely or not at all, and its sound stays the same bit for bit.
    The old tags are kept in the folder (.skmmgenre_tags.jsonl) until --undo restores them.

    Only files that may get a genre are decoded. Predictions are stored by the content of the file,
    so an interrupted or repeated run continues where the last one ended.

    The exit code is 1 if a file could not be changed; all others are changed. After Ctrl-C, the
    command still lists what was done.
    """

    if undo and (len(places) != 1 or ready or settings):
        raise click.UsageError("--undo takes only FOLDER.", ctx)
    if not undo and ready and len(places) != 1:
        raise click.UsageError("--model replaces MODEL: pass only FOLDER.", ctx)
    if not undo and not ready and len(places) != 2:
        raise click.UsageError("Pass MODEL and FOLDER. Without a MODEL, add --model musicnn.", ctx)
    if cache and no_cache:
        raise click.UsageError("--cache and --no-cache cannot be combined.", ctx)
    *path, folder = places
    source = None if undo else find_model(*(path or [None]), ready, tags, settings)
    folder = spell_path(folder)
    require_folder(folder)
    change = None
    if (
        write or undo
    ):  # held until the end, so that no other run works on the same files in the meantime
        ctx.with_resource(locked(folder))
    if undo:
        backup, outcomes = plan_undo(folder)
        change = partial(undo_tags, backup)
    else:
        names, not_genres = reading["names"], reading["not_genres"]
        store = None if no_cache else cache or usual_store()
        fitted = ModelAnswers(source, store=store, jobs=reading["jobs"], verbose=int(not quiet))
        report_unknown(names, fitted.genres)
        covers = reads_covers(source.summary["modalities"])
        with open_folder(
            folder, by=reading["by"], not_genres=not_genres, covers=covers, verbose=not quiet
        ) as music:
            if write:
                TagBackup(folder)  # a foreign file of this name is an error before the long work
            looking = {"replace": replace, "not_genres": not_genres}
            files = look_at_files(music, **looking)
            rows = sorted({file.row for file in files if file.outcome is None})
            answers, errors = fitted.of_rows(music, rows)
        report_skipped(music.errors + errors)
        genres = named_genres(answers, names)
        outcomes = plan_tags(music, genres, answers, min_score=min_score, **looking)
        if write:
            change = partial(write_tags, folder)
    done, ended_by = change is not None, None
    try:
        if done:
            change(outcomes, verbose=not quiet)
    except (Exception, KeyboardInterrupt) as error:  # raised again after the outcomes are printed
        ended_by = click.Abort() if isinstance(error, KeyboardInterrupt) else error
    if as_json:
        files = [vars(outcome) for outcome in outcomes]
        click.echo(json.dumps({"written": done, "files": files}, indent=2))
    else:
        _print(outcomes, done)
    if ended_by is not None:
        raise ended_by
    if any(outcome.action == "fail" for outcome in outcomes):
        ctx.exit(1)


def _print(outcomes, done):
    for outcome in outcomes:
        if outcome.action == "keep":  # most files of a well tagged folder
            continue
        words = (_WORDS[outcome.action][0], *_genres_and_reason(outcome))
        click.echo(f"{visible(outcome.file)}: {one_line(' '.join(filter(None, words)))}")
    counts = Counter(outcome.action for outcome in outcomes)
    summary = {action: words for action, (_, words) in _WORDS.items() if counts[action]}
    if "write" in summary and not done:
        summary["write"] = "would be tagged"
    parts = [f"{counts[action]:,} {words}" for action, words in summary.items()]
    click.echo(f"{count_of(len(outcomes), 'file')}: {', '.join(parts) or 'nothing to do'}")
    if counts["write"] and not done:
        click.echo("Nothing was written; add --write to write these genres.")


def _genres_and_reason(outcome):
    genres, reasons = "", [outcome.reason]
    if outcome.action in ("write", "restore"):  # the other actions write no genres
        genres = "; ".join(outcome.genres) or "no genre"
    if outcome.action == "write" and outcome.score is not None:
        reasons.insert(0, f"best score {floor_of(outcome.score)}")
    reasons = ", ".join(filter(None, reasons))
    return genres, f"({reasons})" if reasons else ""


@dataclass
class Outcome:
    """What is done with a file.

    Parameters
    ----------
    file : str
    action : {"write", "keep", "skip", "fail", "restore"}
        "keep": the file already has genres; "skip": nothing is done; "fail": see `reason`.
    genres : list of str
        Genres to write or restore, or for "keep" those of the file.
    reason : str
    score : float or None
        Score of the best genre, which need not be in `genres`; None without a prediction.
    """

    file: str
    action: str
    genres: list
    reason: str = ""
    score: float | None = None


@dataclass
class FileToTag:
    """A file of an item, before it is tagged.

    Parameters
    ----------
    row : int
        Row of the item.
    path : str
    outcome : Outcome or None
        Outcome if it is known without a prediction, else None.
    others : list of str
        Texts in its genre tag that are not genres.
    """

    row: int
    path: str
    outcome: Outcome | None = None
    others: list = field(default_factory=list)


def look_at_files(music, *, replace=False, not_genres=None):
    """Find the files that may get a genre by their tags and permissions, without decoding them.

    Parameters
    ----------
    music : Music
        As read from a folder. If an item is an album, all its tracks get its genres.
    replace : bool
        Whether to replace existing genres.
    not_genres : sequence of str or None
        Names that are not genres, as in `open_music`. A file with no other names has no genre.

    Returns
    -------
    files : list of FileToTag
    """
    files = []
    for row, cell in enumerate(music.table["audio"]):
        for path in [cell] if isinstance(cell, str) else cell:
            file = FileToTag(row, path)
            files.append(file)
            try:
                there = music.genres[row]
                # The genres of an album are those of all its tracks, so each track is read again.
                # So is a file without genres, for texts such as "Other" that a genre would replace.
                if not there or not isinstance(cell, str):
                    there, file.others = genres_in(path, not_genres)
                if there and not replace:
                    file.outcome = Outcome(path, "keep", there, "it has genres")
                elif hindrance := why_untaggable(path) or _why_read_only(path):
                    file.outcome = Outcome(path, "skip", [], hindrance)
            except Exception as error:  # such as a file that was deleted; go on with the others
                file.outcome = Outcome(path, "fail", [], _reason(error))
    return files


def plan_tags(music, genres, answers, *, replace=False, min_score=None, not_genres=None):
    """Return the outcomes for `write_tags`.

    Parameters
    ----------
    music : Music
    genres : list of list of str
        Genres of each item.
    answers : Answers
        Predictions for each item; ignored for items without a file that may get a genre.
    replace, not_genres
        As in `look_at_files`. Files are checked again, as predicting may have taken hours.
    min_score : float or None
        Items whose best score is lower are skipped.

    Returns
    -------
    outcomes : list of Outcome
        One per file.
    """
    files = look_at_files(music, replace=replace, not_genres=not_genres)
    return [file.outcome or _outcome(file, genres, answers, min_score) for file in files]


def _outcome(file, genres, answers, min_score):
    """Return the outcome of a file from the predictions for its item."""
    row, path = file.row, file.path
    best = answers.best_score(row)
    if answers.empty[row]:
        return Outcome(path, "skip", [], "all inputs of the model are missing or empty")
    if not genres[row]:
        reason = "none of the predicted genres is in --genres"
        if not answers.genres(row):
            reason = f"no genre reaches its threshold: the best is {_best_genre(answers, row)}"
        return Outcome(path, "skip", [], reason, best)
    if not answers.reaches(row, min_score):
        return Outcome(
            path, "skip", [], f"the best score, {floor_of(best)}, is below --min-score", best
        )
    reason = f"replaces {', '.join(map(repr, file.others))}" if file.others else ""
    return Outcome(path, "write", genres[row], reason, best)


def _best_genre(answers, row):
    """Return the genre with the best score, the score, and the threshold if it is known."""
    ((genre, score),) = answers.best(row, 1).items()
    threshold = "" if answers.thresholds is None else f" of {answers.thresholds[genre]:g}"
    return f"{genre} with {floor_of(score)}{threshold}"


def write_tags(folder, outcomes, *, verbose=1):
    """Write genres into files, each completely or not at all, and the old tags into the backup.

    Parameters
    ----------
    folder : str
    outcomes : list of Outcome
        Outcomes with the action "write" are carried out. The action becomes "fail" on an error, and
        "skip" for files that are not reached because of Ctrl-C.
    verbose : int

    Raises
    ------
    BlockingIOError
        If another process or thread is changing tags in the folder.
    ValueError
        If a file that is not a backup has the name of the backup.
    """
    chosen = [outcome for outcome in outcomes if outcome.action == "write"]
    with locked(folder), _marking_unreached(chosen) as reached:
        backup = TagBackup(folder)
        folders = {os.path.dirname(os.path.realpath(outcome.file)) for outcome in chosen}
        # Copies that killed runs have left. A run in a subfolder has its own lock: if its copy is
        # removed here, it fails for this file, which stays as it was.
        remove_parts(folders | {folder})
        _change_each(chosen, partial(_write, backup), reached, "writing", verbose)


def plan_undo(folder):
    """Return the backup and the outcomes for `undo_tags`.

    Parameters
    ----------
    folder : str

    Returns
    -------
    backup : TagBackup
    outcomes : list of Outcome
        One per file, then one per damaged line of the backup.

    Raises
    ------
    FileNotFoundError
        If there is no backup.
    ValueError
        If a file that is not a backup has its name.
    """
    backup = TagBackup(folder)
    changes, damaged = backup.read()
    outcomes = [
        Outcome(path, "restore", restored_genres(records[0]["before"]) or [])
        for path, records in changes.items()
    ]
    for line in damaged:
        name, action, reason = f"{backup.path}, line {line.number}", "skip", line.reason
        if line.place is not None:
            action, reason = "fail", f"{reason}; the line was kept, remove it if it is not needed"
        outcomes.append(Outcome(name, action, [], reason))
    return backup, outcomes


def undo_tags(backup, outcomes, *, verbose=1):
    """Restore the tags that `write_tags` changed in a folder.

    Parameters
    ----------
    backup : TagBackup
    outcomes : list of Outcome
        As returned by `plan_undo`. Files that were deleted, or whose genres were changed since,
        fail: they are not changed and stay in the backup.
    verbose : int

    Raises
    ------
    BlockingIOError
        If another process or thread is changing tags in the folder, or did so since `plan_undo`.
    """
    changes, _ = backup.read()
    chosen = [outcome for outcome in outcomes if outcome.action == "restore"]
    with locked(backup.folder), _marking_unreached(chosen) as reached:
        backup.refuse_if_changed()
        root = os.path.realpath(backup.folder)
        folders = {os.path.dirname(os.path.realpath(outcome.file)) for outcome in chosen}
        # The backup is not trusted, so nothing outside of its folder is removed.
        remove_parts({root} | {folder for folder in folders if _is_in(folder, root)})
        try:
            _change_each(chosen, partial(_restore, changes, root), reached, "restoring", verbose)
        finally:
            done = {outcome.file for outcome in reached if outcome.action != "fail"}
            # Also after Ctrl-C. If the process is killed before, the records of restored files
            # stay, and the next undo finds that they are already restored.
            backup.keep([path for path in changes if path not in done])


@contextmanager
def _marking_unreached(outcomes):
    """Mark the files that were not reached if an exception ends the body early.

    Yields
    ------
    reached : list of Outcome
        To be filled by the body.
    """
    reached = []
    try:
        yield reached
    except BaseException:
        left = outcomes[len(reached) :]
        for outcome in left:
            outcome.action, outcome.genres, outcome.reason = (
                "skip",
                [],
                "the run was stopped before this file",
            )
        # Whether the file was replaced before the interrupt is not known.
        if left:
            left[0].action, left[0].reason = (
                "fail",
                "the run was stopped at this file: check its genres",
            )
        raise


def _change_each(outcomes, change, reached, label, verbose):
    """Change files one by one; an error in one does not stop the others."""
    with progress_bar(len(outcomes), label, verbose=verbose) as advance:
        for outcome in outcomes:
            try:
                change(outcome)
            except Exception as error:  # any error, including MemoryError
                outcome.action, outcome.reason = "fail", _reason(error)
            reached.append(outcome)
            advance()


def _write(backup, outcome):
    path = os.path.realpath(outcome.file)
    before = read_state(path)
    if before["genres"] == outcome.genres:
        outcome.action, outcome.reason = "skip", "it already has these genres"
        return
    _refuse_if_read_only(path)
    # The file is replaced when the body ends, after its record is on disk. So a kill may leave a
    # record without a change, but never a change without a record.
    with changing(path, filled=False) as copy:
        undo = write_genres(path, copy, outcome.genres)
        backup.add(outcome.file, before, outcome.genres, undo)


def _restore(changes, root, outcome):
    records = changes[outcome.file]
    if not os.path.exists(outcome.file):
        raise FileNotFoundError(
            f"it no longer exists: put it back, or remove its lines from {NAME}"
        )
    path = os.path.realpath(outcome.file)
    if not os.path.isfile(path):
        raise ValueError("it is no longer a file")
    first, is_inside = records[0]["before"], _is_in(path, root)
    # The latest change first, each bit for bit. If another program has changed the file since, this
    # is not possible, and only its genres are restored below, if they are those of a record.
    n_undone = sum(_undo_one(path, record) for record in reversed(records))
    # The undo has proved that `tag` wrote this file, so copies next to it are its own.
    if not is_inside and n_undone:
        remove_parts({os.path.dirname(path)})
    now = read_state(path)
    if now["genres"] in (first["genres"], restored_genres(first)):
        if not n_undone and _may_hide_a_genre(path, now, records[0]):
            outcome.action = "fail"
            outcome.reason = (
                "it has no genre, but was changed or damaged since it was tagged: check it, then "
                f"remove its lines from {NAME}"
            )
        elif not n_undone:
            outcome.action, outcome.reason = "skip", "it is already restored"
    elif now["genres"] not in [record["after"] for record in records]:
        outcome.action = "fail"
        outcome.reason = (
            "its genres have changed since it was tagged: to keep them, remove its lines from "
            f"{NAME}"
        )
    elif not is_inside:
        # The backup is not trusted: a file outside of the folder is restored only if its bytes show
        # that `tag` wrote it.
        raise ValueError(
            "it is a link to a file outside of the folder, and that file has changed since it was "
            f"tagged: restore its genres by hand, and remove its lines from {NAME}"
        )
    else:
        _refuse_if_read_only(path)
        with changing(path, filled=False) as copy:
            restore_state(path, copy, first)


def _may_hide_a_genre(path, state, record):
    """Return whether a file that seems to have no genre may hide a written one through damage."""
    if record["undo"] is None or restored_genres(state) is not None:
        return False
    return not is_as_before(path, record)


class _NotAsWritten(Exception):
    """A file differs from what `tag` wrote."""


def _undo_one(path, record):
    """Undo a change bit for bit if the file is as `tag` left it; return whether it was."""
    if record["undo"] is None:
        return False
    _refuse_if_read_only(path)
    try:
        with changing(path, filled=False) as copy:
            # Raised in the body, so that `changing` deletes the copy and keeps the file.
            if not undo_write(path, copy, record):
                raise _NotAsWritten
    except _NotAsWritten:
        return False
    return True


def _is_in(path, folder):
    """Return whether a path is in a folder; both must be resolved."""
    # With a separator at the end, because "/a/bc" is not in "/a/b".
    return os.path.join(path, "").startswith(os.path.join(folder, ""))


def _refuse_if_read_only(path):
    if reason := _why_read_only(path):
        raise PermissionError(reason)


def _why_read_only(path):
    """Return why a file must not be changed, or None.

    Replacing a file needs no write permission for it, so read-only files are checked here.
    """
    path = os.path.realpath(path)
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        return _reason(error)
    if not mode & (stat.S_IWUSR | stat.S_IWGRP | stat.S_IWOTH):
        return "read-only: allow writing (chmod u+w)"
    folder = os.path.dirname(path)
    if not os.access(folder, os.W_OK):
        if hasattr(os, "statvfs") and os.statvfs(folder).f_flag & os.ST_RDONLY:
            return "it is on a read-only file system: mount it so that it can be written"
        return "its folder is read-only: allow writing there (chmod u+w)"
    return None


def _reason(error):
    if isinstance(error, BadItem):
        return error.reason
    if isinstance(error, PermissionError) and error.filename:
        folder = os.path.dirname(error.filename) or "."
        return f"{error.strerror}: allow writing in {folder!r} (chmod u+w)"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    if isinstance(error, OSError | ValueError):
        return str(error)
    if isinstance(error, MemoryError):
        return "not enough memory"
    return f"{type(error).__name__}: {error}"
