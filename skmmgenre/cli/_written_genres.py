"""Find genres that `skmmgenre tag` wrote, which are predictions and not ground truth."""

import os
from collections import Counter
from dataclasses import replace

from ..labels._genre_lists import genre_key
from ._tag_files import genres_in, read_state
from ._tags import NAME, TagBackup


def leave_out_written(music, *, keep=False, separators=None, not_genres=None, **_):
    """Remove the genres that `tag` wrote from the items of a folder, unless changed since.

    Backups are searched in the folders of the files and in all folders above, because any of these
    may have been tagged. Files that were renamed since are not recognized.

    Parameters
    ----------
    music : Music
        As read from a folder.
    keep : bool
        Whether to keep these genres; the items are still counted.
    separators, not_genres
        As in `open_music`. Its other options are accepted and ignored.

    Returns
    -------
    music : Music
        The music; backups that cannot be used are listed in its `errors`.
    n_written : int
        Number of items that have no other genres.
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
    """Return the genres of the other tracks of an album, the most frequent first."""
    spelled = {genre_key(genre): genre for genre in spelled}
    counts = Counter()
    for path in paths:
        genres, _ = genres_in(path, not_genres, separators)
        counts.update(spelled.get(genre_key(genre), genre) for genre in genres)
    return [genre for genre, _ in counts.most_common()]


class _Backups:
    """Records of the backups in some folders; each is read once, and none is trusted."""

    def __init__(self):
        self.errors = []
        self._notes = {}  # by folder: what was written, by the real path of the file

    def wrote(self, path):
        """Return whether a file has the genres that a backup says were written into it."""
        real = os.path.realpath(path)
        # If the path has links, the file may have been tagged by this path or by the resolved one.
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
            self.errors.append((os.path.join(folder, NAME), f"ignored: {error}"))
            return notes
        for line in damaged:
            place = f"{os.path.join(folder, NAME)}, line {line.number}"
            self.errors.append((place, f"ignored: {line.reason}"))
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
