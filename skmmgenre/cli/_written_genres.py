"""Genres that `skmmgenre tag` wrote: a model's guesses, not what anyone knows of the music."""

import os
from collections import Counter
from dataclasses import replace

from ..labels._genre_lists import genre_key
from ._tag_files import genres_in, read_state
from ._tags import NAME, TagBackup


def leave_out_written(music, *, keep=False, separators=None, not_genres=None, **_):
    """Take from the items of a folder the genres that `tag` wrote and nobody changed since.

    Backups are looked for in the folders of the files and in all folders above them, as any of
    these may have been tagged. A file that was renamed since is not in them.

    Parameters
    ----------
    music : Music
        Of a folder.
    keep : bool
        Whether these genres count all the same; then the items are only counted.
    separators, not_genres
        As in `open_music`; its other options are ignored.

    Returns
    -------
    music : Music
        Backups that cannot be used are listed in `errors`.
    n_written : int
        Items of which no genre is of anyone else.
    """
    backups, errors, genres, n_written = _Backups(), [], list(music.genres), 0
    for row, cell in enumerate(music.table["audio"]):
        paths = [cell] if isinstance(cell, str) else cell
        own = [path for path in paths if not music.genres[row] or not backups.wrote(path)]
        if len(own) == len(paths):
            continue
        kept = _genres_of(own, music.genres[row], separators, not_genres)
        n_written += not kept
        if not keep:
            genres[row] = kept
    errors = backups.errors + music.errors
    return replace(music, genres=genres, errors=errors), n_written


def _genres_of(paths, spelled, separators, not_genres):
    """The genres of the other tracks of an album, the most frequent first."""
    spelled = {genre_key(genre): genre for genre in spelled}
    counts = Counter()
    for path in paths:
        genres, _ = genres_in(path, not_genres, separators)
        counts.update(spelled.get(genre_key(genre), genre) for genre in genres)
    return [genre for genre, _ in counts.most_common()]


class _Backups:
    """What the backups of some folders note; each is read once, and may be anyone's."""

    def __init__(self):
        self.errors = []
        self._notes = {}  # by folder: what was written, by the real path of the file

    def wrote(self, path):
        """Tell whether a file has the genres that a backup says were written into it."""
        real = os.path.realpath(path)
        folders = [*_folders_above(os.path.abspath(path)), *_folders_above(real)]
        noted = [note for folder in folders for note in self._of(folder).get(real, ())]
        if not noted:
            return False
        try:
            return read_state(real)["genres"] in noted
        except Exception:  # a file that cannot be read was not written by `tag`
            return False

    def _of(self, folder):
        if folder not in self._notes:
            self._notes[folder] = self._read(folder)
        return self._notes[folder]

    def _read(self, folder):
        notes = {}
        if not os.path.lexists(os.path.join(folder, NAME)):
            return notes
        try:
            changes, damaged = TagBackup(folder).read()
        except (OSError, ValueError) as error:
            self.errors.append((os.path.join(folder, NAME), f"it was ignored: {error}"))
            return notes
        for line in damaged:
            place = f"{os.path.join(folder, NAME)}, line {line.number}"
            self.errors.append((place, f"it was ignored: {line.reason}"))
        for path, records in changes.items():
            written = notes.setdefault(os.path.realpath(path), [])
            written += [record["after"] for record in records]
        return notes


def _folders_above(path):
    folder = os.path.dirname(path)
    while folder != os.path.dirname(folder):
        yield folder
        folder = os.path.dirname(folder)
    yield folder
