"""Draw the items to annotate and their modes: blind comparisons, and labels for training."""

import os
from collections import Counter

import numpy as np

from ...audio._decode import AudioFile
from ...datasets._folder_files import spell_path
from ...image._decode import check_header
from ...inspection._annotations import MODES
from ...utils import BadItem, first_few, is_missing
from .._terminal import visible

# Columns that an item must have, by mode.
_COLUMNS = {"sound": ("audio",), "cover": ("cover",), "both": ("audio", "cover")}


def names_of(music, source):
    """Return the names of the items in the annotations, which are the same in every run.

    Parameters
    ----------
    music : Music
    source : str
        The table or folder that was read, in any spelling.

    Returns
    -------
    names : list of str
        The column id of a table; without it the path of the sound, or else of the cover, relative
        to the folder. An album is named by the path of its first track. "" if there is neither.
    """
    ids = music.table.get("id")
    if ids is not None and not any(map(is_missing, ids)):
        return [visible(str(value)) for value in ids]
    folder = spell_path(source if os.path.isdir(source) else os.path.dirname(source))
    names = []
    for cells in zip(music.table["audio"], music.table["cover"], strict=True):
        paths = [spell_path(path) for cell in cells for path in _paths(cell)]
        name = paths[0] if paths else ""
        if folder and name.startswith(os.path.join(folder, "")):
            name = os.path.relpath(name, folder)
        names.append(visible(name))
    return names


def draw_items(music, names, genres, *, n_items, modes, balance="equal", seed=0):
    """Draw items for each mode, no item twice.

    Parameters
    ----------
    music : Music
    names : list of str
        As returned by `names_of`.
    genres : list of str or None
        True genre of each item; items without a genre are not drawn.
    n_items : int
        Total number of items, divided evenly among the modes.
    modes : sequence of str
    balance : {"equal", "table"}
        "equal": the same number of items per genre, as far as available; "table": the shares of
        the genres in the music.
    seed : int

    Returns
    -------
    drawn : list of dict
        Keys row, mode and track (index of the path in the cell; None without sound), in the order
        of drawing. Fewer than `n_items` if there are not enough.
    errors : list of (str, str)
        Item and reason of each item that was skipped because it cannot be decoded.
    n_again : int
        Number of items by an artist that was already drawn.

    Raises
    ------
    ValueError
        If there are fewer than two genres, nothing can be drawn for a mode, or two items have
        the same name.

    Notes
    -----
    An artist is drawn again only if all artists of the genre were drawn. The headers of the files
    are read when an item is drawn; a broken item is replaced by another.
    """
    rng = np.random.default_rng(seed)
    paths = _paths_of(music)
    usable = [
        row
        for row, genre in enumerate(genres)
        if genre is not None and any(_has(paths, row, mode) for mode in modes)
    ]
    _check_names(names, usable)
    counts = Counter(genres[row] for row in usable)
    if len(counts) < 2:
        raise ValueError(
            f"expected items of at least 2 genres with sound or cover, got {len(counts)}. Genres "
            "are read from the column genres or genre (--genre-column)"
        )
    # This order decides ties between genres below. It is sorted first, so that it depends on the
    # seed only, not on the order of the rows.
    order = rng.permutation(sorted(counts))
    shares = {
        str(genre): counts[genre] / len(usable) if balance == "table" else 1 / len(counts)
        for genre in order
    }
    # Prefer items with only sound or only cover if that suffices, because few items have both.
    spare = {row: sum(bool(paths[column][row]) for column in paths) for row in usable}
    waiting = {genre: [] for genre in shares}
    for row in rng.permutation(usable):
        waiting[genres[row]].append(int(row))
    draw = _Draw(music, names, paths, waiting, spare, rng)
    # Number of items of each mode; they differ by at most one.
    quotas = {mode: len(range(k, n_items, len(modes))) for k, mode in enumerate(modes)}
    taken = {mode: Counter() for mode in modes}
    # One item per mode in turn, so that no mode uses up the items of another.
    for step in range(max(quotas.values())):
        for mode in [mode for mode in modes if step < quotas[mode]]:
            # First the genre furthest behind its share; if it has no item left, the next one.
            lacking = {g: shares[g] * (step + 1) - taken[mode][g] for g in shares}
            for genre in sorted(shares, key=lacking.get, reverse=True):
                if draw.one(genre, mode):
                    taken[mode][genre] += 1
                    break
    for mode in modes:
        if quotas[mode] and not taken[mode]:
            needed = " and ".join(_COLUMNS[mode]).replace("audio", "sound")
            raise ValueError(
                f"no item is left for the mode {mode}, which needs {needed}. Exclude this mode "
                "with --mode, or reduce --items"
            )
    return draw.drawn, draw.errors, draw.n_again


def draw_unlabelled(music, names, genres, *, n_items, modes, seed=0):
    """Draw items without a genre, each in the mode that shows most of it.

    As many artists as possible come first: a model learns more from another artist than from
    another item of the same one.

    Parameters
    ----------
    music, names, n_items, modes, seed
        As in `draw_items`.
    genres : list of str or None
        Genre of each item; only items whose genre is None are drawn.

    Returns
    -------
    drawn, errors
        As in `draw_items`.

    Raises
    ------
    ValueError
        If no item without a genre can be shown, or two items have the same name.
    """
    rng = np.random.default_rng(seed)
    paths = _paths_of(music)
    fullest = [mode for mode in ("both", "sound", "cover") if mode in modes]
    rows = [
        row
        for row, genre in enumerate(genres)
        if genre is None and any(_has(paths, row, mode) for mode in fullest)
    ]
    if not rows:
        raise ValueError(
            "--label: all items that can be shown have a genre already. Run without --label to "
            "compare annotators with these genres"
        )
    _check_names(names, rows)
    draw = _Draw(music, names, paths, {}, {}, rng)
    # How many items of the same artist come before an item in a random order.
    before, order = Counter(), []
    for row in rng.permutation(rows):
        artist = draw.artists[row]
        order.append((before[artist], int(row)))
        before[artist] += not is_missing(artist)
    for _, row in sorted(order, key=lambda pair: pair[0]):
        if len(draw.drawn) == n_items:
            break
        # If the cover is broken, the sound is shown alone.
        draw.take(row, *[mode for mode in fullest if _has(paths, row, mode)])
    if not draw.drawn:
        named = first_few([f"{name} ({reason})" for name, reason in draw.errors])
        raise ValueError(f"--label: none of the items without a genre can be shown: {named}")
    return draw.drawn, draw.errors


class _Draw:
    """Draws items from the remaining ones, genre by genre."""

    def __init__(self, music, names, paths, waiting, spare, rng):
        self._names, self._paths, self._waiting, self._spare = names, paths, waiting, spare
        self.artists = music.artists if music.artists is not None else [None] * len(names)
        self._rng = rng
        self._drawn_artists = set()
        self.drawn, self.errors, self.n_again = [], [], 0

    def one(self, genre, mode):
        """Draw an item; return whether there was one."""
        while True:
            fit = [row for row in self._waiting[genre] if _has(self._paths, row, mode)]
            if not fit:
                return False
            row = min(fit, key=lambda row: (self._is_again(row), self._spare[row]))
            self._waiting[genre].remove(row)
            if self.take(row, mode):
                return True

    def take(self, row, *modes):
        """Draw this item in the first mode in which it can be shown; return whether there is one.

        If there is none, the reason of the first mode is listed.
        """
        reasons = []
        for mode in modes:
            try:
                track = self._track(row, mode)
            except BadItem as error:
                reasons.append(error.reason)
                continue
            self.n_again += self._is_again(row)
            if not is_missing(self.artists[row]):
                self._drawn_artists.add(self.artists[row])
            self.drawn.append({"row": row, "mode": mode, "track": track})
            return True
        self.errors.append((self._names[row], reasons[0]))
        return False

    def _is_again(self, row):
        artist = self.artists[row]
        return not is_missing(artist) and artist in self._drawn_artists

    def _track(self, row, mode):
        """Return the index of the track to play; raise BadItem if the item cannot be shown."""
        if "cover" in _COLUMNS[mode]:
            check_header(self._paths["cover"][row][0])
        if "audio" not in _COLUMNS[mode]:
            return None
        tracks = self._paths["audio"][row]
        for place in self._rng.permutation(len(tracks)):
            try:
                with AudioFile(tracks[place]):
                    return int(place)
            except BadItem as error:
                fault = error
        raise fault


def _has(paths, row, mode):
    return all(paths[column][row] for column in _COLUMNS[mode])


def _paths_of(music):
    """Return the paths in each cell of the columns audio and cover."""
    return {column: [_paths(cell) for cell in music.table[column]] for column in ("audio", "cover")}


def _paths(cell):
    """Return the paths in a cell; none for a ready vector."""
    parts = cell if isinstance(cell, (list, tuple)) else [cell]
    return [part for part in parts if isinstance(part, str) and part]


def _check_names(names, rows):
    twice = [name for name, n in Counter(names[row] for row in rows).items() if n > 1]
    if twice:
        raise ValueError(
            f"several rows are named {first_few(map(repr, twice))}: annotations need unique names, "
            "so add a column id with a different name in each row to the table"
        )


def modes_there(music):
    """Return the modes in which at least one item can be shown."""
    paths = _paths_of(music)
    rows = range(len(music.names))
    return [mode for mode in MODES if any(_has(paths, row, mode) for row in rows)]
