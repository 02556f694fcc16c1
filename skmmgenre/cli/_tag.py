"""`skmmgenre tag`: write genres into the files of a folder, and put back what was there."""

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
    not_genres,
    quiet,
    tell_set_aside,
    tell_unknown,
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

_WORDS = {  # of one file, and of all
    "write": ("gets", "tagged"),
    "restore": ("gets back", "restored"),
    "keep": ("keeps", "kept the genres they have"),
    "skip": ("skipped", "skipped"),
    "fail": ("fails", "failed"),
}


@click.command(
    epilog=example(
        "skmmgenre tag --model musicnn ~/Music             # only tells\n"
        "  skmmgenre tag --model musicnn ~/Music --write\n"
        "  skmmgenre tag genres.skmmgenre ~/Music\n"
        "  skmmgenre tag --undo ~/Music"
    )
)
@click.argument("places", metavar="[MODEL] FOLDER", nargs=-1)
@ready_model
@tags_file
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
@click.option(
    "--cache",
    metavar="FILE",
    help="Store of answers, so that another run does not compute them again; by default tag.sqlite "
    "in the data home (SKMMGENRE_DATA, or ~/skmmgenre_data).",
)
@click.option("--no-cache", is_flag=True, help="Keep no answers.")
@genres_file
@not_genres
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
    quiet,
    as_json,
    **reading,
):
    """Write the genres of a MODEL, or of --model, into the tags of a FOLDER's files.

    Files that have a genre or are read-only are left alone, and nothing is written without
    --write. Each file is changed at once or not at all; its sound stays bit for bit. What was
    there is kept in the folder (.skmmgenre_tags.jsonl) until --undo puts it back.

    Only files that may get a genre are decoded. The answers for them are kept by their content, so
    that an interrupted or repeated run goes on where the last one ended.

    Exit code 1 if a file could not be changed; the others are. After Ctrl-C, too, it says what was
    done.
    """

    if undo and (len(places) != 1 or ready):
        raise click.UsageError("--undo takes FOLDER alone.", ctx)
    if not undo and ready and len(places) != 1:
        raise click.UsageError("--model stands in place of MODEL: name a FOLDER alone.", ctx)
    if not undo and not ready and len(places) != 2:
        raise click.UsageError(
            "MODEL and FOLDER are needed. Without a MODEL, add --model musicnn.", ctx
        )
    if cache and no_cache:
        raise click.UsageError("--cache and --no-cache exclude each other.", ctx)
    *path, folder = places
    source = None if undo else find_model(*(path or [None]), ready, tags)
    folder = spell_path(folder)
    require_folder(folder)
    change = None
    if write or undo:  # until the end: another run would work for long, then find these changes
        ctx.with_resource(locked(folder))
    if undo:
        backup, outcomes = plan_undo(folder)
        change = partial(undo_tags, backup)
    else:
        names, not_genres = reading["names"], reading["not_genres"]
        store = None if no_cache else cache or usual_store()
        fitted = ModelAnswers(source, store=store, jobs=reading["jobs"], verbose=int(not quiet))
        tell_unknown(names, fitted.genres)
        covers = reads_covers(source.summary["modalities"])
        with open_folder(
            folder, by=reading["by"], not_genres=not_genres, covers=covers, verbose=not quiet
        ) as music:
            if write:
                TagBackup(folder)  # another file of its name is found before the long work
            looking = {"replace": replace, "not_genres": not_genres}
            files = look_at_files(music, **looking)
            rows = sorted({file.row for file in files if file.outcome is None})
            answers, errors = fitted.of_rows(music, rows)
        tell_set_aside(music.errors + errors)
        genres = named_genres(answers, names)
        outcomes = plan_tags(music, genres, answers, min_score=min_score, **looking)
        if write:
            change = partial(write_tags, folder)
    done, ended_by = change is not None, None
    try:
        if done:
            change(outcomes, verbose=not quiet)
    except (Exception, KeyboardInterrupt) as error:  # what was done until then is listed first
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
        if outcome.action == "keep":  # which is most of a tidy folder
            continue
        words = (_WORDS[outcome.action][0], *_genres_and_reason(outcome))
        click.echo(f"{visible(outcome.file)}: {one_line(' '.join(filter(None, words)))}")
    counts = Counter(outcome.action for outcome in outcomes)
    told = {action: words for action, (_, words) in _WORDS.items() if counts[action]}
    if "write" in told and not done:
        told["write"] = "would be tagged"
    parts = [f"{counts[action]:,} {words}" for action, words in told.items()]
    click.echo(f"{count_of(len(outcomes), 'file')}: {', '.join(parts) or 'nothing to do'}")
    if counts["write"] and not done:
        click.echo("Nothing was written; --write does.")


def _genres_and_reason(outcome):
    genres, reasons = "", [outcome.reason]
    if outcome.action in ("write", "restore"):  # a file that is skipped or fails gets none
        genres = "; ".join(outcome.genres) or "no genre"
    if outcome.action == "write" and outcome.score is not None:
        reasons.insert(0, f"best score {floor_of(outcome.score)}")
    reasons = ", ".join(filter(None, reasons))
    return genres, f"({reasons})" if reasons else ""


@dataclass
class Outcome:
    """What becomes of a file.

    Parameters
    ----------
    file : str
    action : {"write", "keep", "skip", "fail", "restore"}
        "keep": it has genres already; "skip": nothing to do; "fail": see `reason`.
    genres : list of str
        That it gets, or of "keep" has.
    reason : str
    score : float or None
        Of the best genre, whether or not it is one of `genres`; None if no model was asked.
    """

    file: str
    action: str
    genres: list
    reason: str = ""
    score: float | None = None


@dataclass
class FileToTag:
    """A file of an item.

    Parameters
    ----------
    row : int
        The item.
    path : str
    outcome : Outcome or None
        What becomes of it whatever a model says; None if that depends on the model.
    others : list of str
        What stands in its tag and is not a genre.
    """

    row: int
    path: str
    outcome: Outcome | None = None
    others: list = field(default_factory=list)


def look_at_files(music, *, replace=False, not_genres=None):
    """Say which files may get a genre, by their tags and rights alone: none is decoded.

    Parameters
    ----------
    music : Music
        Of a folder; an item is a track or an album, whose tracks all get its genres.
    replace : bool
        Whether genres that are there are written over.
    not_genres : sequence of str or None
        What is not a genre, as in `open_music`: a file with nothing else has no genre.

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
                if not there or not isinstance(cell, str):
                    there, file.others = genres_in(path, not_genres)
                if there and not replace:
                    file.outcome = Outcome(path, "keep", there, "it has genres")
                elif hindrance := why_untaggable(path) or _why_read_only(path):
                    file.outcome = Outcome(path, "skip", [], hindrance)
            except Exception as error:  # such as of a file that is gone: the others go on
                file.outcome = Outcome(path, "fail", [], _reason(error))
    return files


def plan_tags(music, genres, answers, *, replace=False, min_score=None, not_genres=None):
    """Say what `write_tags` would do.

    Parameters
    ----------
    music : Music
    genres : list of list of str
        Of each item.
    answers : Answers
        Of each item; of those without a file that may get a genre they are not looked at.
    replace, not_genres
        As in `look_at_files`: files are looked at again, as answers may have taken hours.
    min_score : float or None
        Items whose best genre has less are skipped.

    Returns
    -------
    outcomes : list of Outcome
        One a file.
    """
    files = look_at_files(music, replace=replace, not_genres=not_genres)
    return [file.outcome or _outcome(file, genres, answers, min_score) for file in files]


def _outcome(file, genres, answers, min_score):
    """What becomes of a file by the answers of a model."""
    row, path = file.row, file.path
    best = answers.best_score(row)
    if answers.empty[row]:
        return Outcome(path, "skip", [], "it has nothing that the model reads")
    if not genres[row]:
        reason = "no genre of the list"
        if not answers.genres(row):  # not left out by --genres
            reason = f"no genre is likely enough: the best score is {floor_of(best)}"
        return Outcome(path, "skip", [], reason, best)
    if not answers.reaches(row, min_score):
        return Outcome(path, "skip", [], f"the best score is {floor_of(best)}", best)
    reason = f"in place of {', '.join(map(repr, file.others))}" if file.others else ""
    return Outcome(path, "write", genres[row], reason, best)


def write_tags(folder, outcomes, *, verbose=1):
    """Write genres into files, each at once or not at all; what was there goes to the backup.

    Parameters
    ----------
    folder : str
    outcomes : list of Outcome
        Those to be written; what fails becomes "fail", and what Ctrl-C prevents "skip".
    verbose : int

    Raises
    ------
    BlockingIOError
        If another process or thread changes tags in the folder.
    ValueError
        If something else has the name of the backup.
    """
    chosen = [outcome for outcome in outcomes if outcome.action == "write"]
    with locked(folder), _telling_what_is_left(chosen) as reached:
        backup = TagBackup(folder)
        folders = {os.path.dirname(os.path.realpath(outcome.file)) for outcome in chosen}
        remove_parts(folders | {folder})
        _change_each(chosen, partial(_write, backup), reached, "writing", verbose)


def plan_undo(folder):
    """Say what `undo_tags` would do.

    Parameters
    ----------
    folder : str

    Returns
    -------
    backup : TagBackup
    outcomes : list of Outcome
        One a file, then one a line of the backup that cannot be used, which has failed.

    Raises
    ------
    FileNotFoundError
        If there is no backup.
    ValueError
        If something else has its name.
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
            action, reason = "fail", f"{reason}: the line was left, remove it if it is not needed"
        outcomes.append(Outcome(name, action, [], reason))
    return backup, outcomes


def undo_tags(backup, outcomes, *, verbose=1):
    """Put back the tags that `write_tags` changed in a folder.

    Parameters
    ----------
    backup : TagBackup
    outcomes : list of Outcome
        Of `plan_undo`. Files whose genres were changed by someone else since are left as they
        are. They and files that are gone fail, and stay in the backup.
    verbose : int

    Raises
    ------
    BlockingIOError
        If another process or thread changes tags in the folder, or did so since `plan_undo`.
    """
    changes, _ = backup.read()
    chosen = [outcome for outcome in outcomes if outcome.action == "restore"]
    done = set()

    def restore(outcome):
        _restore(outcome, changes[outcome.file], root)
        if outcome.action != "fail":
            done.add(outcome.file)

    with locked(backup.folder), _telling_what_is_left(chosen) as reached:
        backup.refuse_if_changed()
        root = os.path.realpath(backup.folder)
        folders = {os.path.dirname(os.path.realpath(outcome.file)) for outcome in chosen}
        remove_parts({root} | {folder for folder in folders if _is_in(folder, root)})
        try:
            _change_each(chosen, restore, reached, "restoring", verbose)
        finally:
            backup.keep([path for path in changes if path not in done])


@contextmanager
def _telling_what_is_left(outcomes):
    """Say of files that they were not reached, if the body ends before it has listed all of them.

    Yields
    ------
    reached : list of Outcome
        For the body to fill.
    """
    reached = []
    try:
        yield reached
    except BaseException:
        left = outcomes[len(reached) :]
        for outcome in left:
            outcome.action, outcome.genres, outcome.reason = "skip", [], "stopped before it"
        if left:
            left[0].action, left[0].reason = "fail", "stopped at it: see what genres it has"
        raise


def _change_each(outcomes, change, reached, label, verbose):
    """Change files one by one; whatever is wrong with one, the others go on."""
    with progress_bar(len(outcomes), label, verbose=verbose) as advance:
        for outcome in outcomes:
            try:
                change(outcome)
            except Exception as error:  # MemoryError, too, and what no one thought of
                outcome.action, outcome.reason = "fail", _reason(error)
            reached.append(outcome)
            advance()


def _write(backup, outcome):
    path = os.path.realpath(outcome.file)
    before = read_state(path)
    if before["genres"] == outcome.genres:
        outcome.action, outcome.reason = "skip", "it has these genres"
        return
    _refuse_if_read_only(path)
    with changing(path, filled=False) as copy:
        undo = write_genres(path, copy, outcome.genres)
        backup.add(outcome.file, before, outcome.genres, undo)


def _restore(outcome, records, root):
    if not os.path.exists(outcome.file):
        raise FileNotFoundError(f"it is gone: put it back, or remove its lines from {NAME}")
    path = os.path.realpath(outcome.file)
    if not os.path.isfile(path):
        raise ValueError("it is no longer a file")
    first, is_inside = records[0]["before"], _is_in(path, root)
    n_undone = sum(_undo_one(path, record) for record in reversed(records))
    if not is_inside and n_undone:
        remove_parts({os.path.dirname(path)})
    now = read_state(path)
    if now["genres"] in (first["genres"], restored_genres(first)):
        if not n_undone and _may_hide_a_genre(path, now, records[0]):
            outcome.action = "fail"
            outcome.reason = (
                "it has no genre, but is neither as tag left it nor as it was: if it is not "
                f"damaged, remove its lines from {NAME}"
            )
        elif not n_undone:
            outcome.action, outcome.reason = "skip", "it is as it was"
    elif now["genres"] not in [record["after"] for record in records]:
        outcome.action = "fail"
        outcome.reason = (
            f"its genres were changed since: keep them, and remove its lines from {NAME}"
        )
    elif not is_inside:
        # The backup may come from anyone. What it says of files elsewhere is done only where the
        # file itself shows that it is true.
        raise ValueError(
            "it is a link to a file outside of the folder, which was changed since: put its "
            f"genres back by hand, and remove its lines from {NAME}"
        )
    else:
        _refuse_if_read_only(path)
        with changing(path, filled=False) as copy:
            restore_state(path, copy, first)


def _may_hide_a_genre(path, state, record):
    """Tell whether a file that reads as before the change may have the genre, but damaged."""
    if record["undo"] is None or restored_genres(state) is not None:
        return False
    return not is_as_before(path, record)


class _NotAsWritten(Exception):
    """A file is not as a change of its tags left it."""


def _undo_one(path, record):
    """Undo a change bit for bit if the file is as it left it; return whether it was."""
    if record["undo"] is None:
        return False
    _refuse_if_read_only(path)
    try:
        with changing(path, filled=False) as copy:
            if not undo_write(path, copy, record):
                raise _NotAsWritten
    except _NotAsWritten:
        return False
    return True


def _is_in(path, folder):
    """Tell whether a path lies in a folder; both lead through no link."""
    return os.path.join(path, "").startswith(os.path.join(folder, ""))


def _refuse_if_read_only(path):
    if reason := _why_read_only(path):
        raise PermissionError(reason)


def _why_read_only(path):
    """Return why a file must not be changed, or None; a read-only file could be replaced."""
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
        return "there is not enough memory for it"
    return f"{type(error).__name__}: {error}"
