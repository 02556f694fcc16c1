"""Writing genres into the files of a folder, and putting back what was there."""

import os
from dataclasses import dataclass

from ..items import BadItem, progress_bar
from ._genre_tags import genres_in, read_state, restore_state, write_genres
from ._replace_file import remove_parts, replacing, why_not_replaced
from ._tag_backup import NAME, TagBackup


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
    """

    file: str
    action: str
    genres: list
    reason: str = ""


def plan_tags(music, genres, answers, *, replace=False, min_score=None):
    """Say what `write_tags` would do.

    Parameters
    ----------
    music : Music
        Of a folder; an item is a track or an album, whose tracks all get its genres.
    genres : list of list of str
        Of each item.
    answers : Answers
    replace : bool
        Whether genres that are there are written over.
    min_score : float or None
        Items whose best genre has less are skipped.

    Returns
    -------
    outcomes : list of Outcome
        One a file.
    """
    outcomes = []
    for row, cell in enumerate(music.table["audio"]):
        best = max(answers.best(row, 1).values(), default=None)
        for path in [cell] if isinstance(cell, str) else cell:
            there = music.genres[row] if isinstance(cell, str) else genres_in(path)
            if there and not replace:
                outcomes.append(Outcome(path, "keep", there, "it has genres"))
            elif best is None:
                outcomes.append(Outcome(path, "skip", [], "nothing to tell it by"))
            elif not genres[row]:
                unlikely = not answers.genres(row)  # or left out by --genres
                reason = "no genre is likely enough" if unlikely else "no genre of the list"
                outcomes.append(Outcome(path, "skip", [], reason))
            elif min_score is not None and best < min_score:
                outcomes.append(Outcome(path, "skip", [], f"the best score is {best:.2f}"))
            elif hindrance := why_not_replaced(path):
                outcomes.append(Outcome(path, "skip", [], hindrance))
            else:
                outcomes.append(Outcome(path, "write", genres[row]))
    return outcomes


def write_tags(folder, outcomes, *, verbose=1):
    """Write genres into files, each at once or not at all; what was there goes to the backup.

    Parameters
    ----------
    folder : str
    outcomes : list of Outcome
        Those to be written; what fails becomes "fail".
    verbose : int
    """
    backup = TagBackup(folder)
    chosen = [outcome for outcome in outcomes if outcome.action == "write"]
    remove_parts({os.path.dirname(os.path.realpath(outcome.file)) for outcome in chosen})
    with progress_bar(len(chosen), "writing", verbose=verbose) as advance:
        for outcome in chosen:
            try:
                _write(outcome, backup)
            except (OSError, ValueError) as error:
                outcome.action, outcome.reason = "fail", _reason(error)
            advance()


def undo_tags(folder, *, write=True, verbose=1):
    """Put back the tags that `write_tags` changed in a folder.

    Parameters
    ----------
    folder : str
    write : bool
        False only says what would be done.
    verbose : int

    Returns
    -------
    outcomes : list of Outcome
        Files whose genres were changed by someone else since are left as they are. They and files
        that are gone fail, and stay in the backup.

    Raises
    ------
    FileNotFoundError
        If there is no backup.
    """
    backup = TagBackup(folder)
    changes = backup.read()
    if write:
        remove_parts({os.path.dirname(os.path.realpath(path)) for path in changes})
    outcomes, kept = [], {}
    with progress_bar(len(changes), "restoring", verbose=verbose) as advance:
        for path, (before, after) in changes.items():
            outcome = Outcome(path, "restore", before["genres"] or [])
            try:
                _restore(outcome, before, after, write)
            except (OSError, ValueError) as error:
                outcome.action, outcome.reason = "fail", _reason(error)
            if outcome.action == "fail":
                kept[path] = changes[path]
            outcomes.append(outcome)
            advance()
    if write:
        backup.keep(kept)
    return outcomes


def _write(outcome, backup):
    before = read_state(outcome.file)
    if before["genres"] == outcome.genres:
        outcome.action, outcome.reason = "skip", "it has these genres"
        return
    with replacing(outcome.file) as copy:
        write_genres(copy, outcome.genres)
        _check(copy, outcome.genres)
        backup.add(outcome.file, before, outcome.genres)


def _restore(outcome, before, after, write):
    if not os.path.exists(outcome.file):
        raise FileNotFoundError(f"it is gone: put it back, or remove its lines from {NAME}")
    now = read_state(outcome.file)
    if now == before:
        outcome.action, outcome.reason = "skip", "it is as it was"
    elif now["genres"] not in after:
        outcome.action = "fail"
        outcome.reason = (
            f"its genres were changed since: keep them, and remove its lines from {NAME}"
        )
    elif write:
        with replacing(outcome.file) as copy:
            restore_state(copy, before)
            _check(copy, before["genres"])


def _check(copy, genres):
    found = read_state(copy)["genres"]
    if found != genres:
        raise ValueError(f"the tag reads {found} after writing {genres}; the file was left alone")


def _reason(error):
    if isinstance(error, BadItem):
        return error.reason
    if isinstance(error, PermissionError) and error.filename:
        folder = os.path.dirname(error.filename) or "."
        return f"{error.strerror}: allow writing in {folder!r} (chmod u+w)"
    if isinstance(error, OSError) and error.strerror:
        return error.strerror
    return str(error)
