"""The drawn items, saved next to the answers so that all runs and annotators get the same."""

import hashlib
import json
import os
import secrets
from dataclasses import dataclass

import numpy as np
from filelock import FileLock

from ...utils import first_few, replacing
from .._terminal import count_of

_VERSION = 1


@dataclass(frozen=True)
class Item:
    """One item in one mode.

    Parameters
    ----------
    id : str
        Random id, the only name of the item on the page.
    name : str
        Name in the annotations.
    mode : {"sound", "cover", "both"}
    sound, cover : str or None
        Paths; None if the mode does not show them.
    """

    id: str
    name: str
    mode: str
    sound: str | None
    cover: str | None


@dataclass(frozen=True)
class Plan:
    """The items to annotate.

    Parameters
    ----------
    items : list of Item
        Items in the order of drawing.
    genres : list of str
        Genres to choose from.
    seed : int
        Seed of the order of the items.
    """

    items: list
    genres: list
    seed: int

    def order_for(self, annotator):
        """Return the items in an order determined by the seed and the name of the annotator."""
        # Not `hash`, whose value differs between processes.
        digest = hashlib.blake2b(annotator.encode(), digest_size=8).digest()
        rng = np.random.default_rng([self.seed, int.from_bytes(digest, "little")])
        return [self.items[place] for place in rng.permutation(len(self.items))]


def path_of_plan(output):
    """Return the path of the plan that belongs to a file of annotations."""
    return os.path.splitext(output)[0] + ".items.json"


def options_of(output):
    """Return the options with which the items of a file were drawn; {} if unknown."""
    path = path_of_plan(output)
    return _read(path)["options"] if os.path.exists(path) else {}


def lock_of(output):
    """Return the lock for writing a file of annotations or its plan."""
    folder, name = os.path.split(os.fspath(output))
    return FileLock(os.path.join(folder, f".{name}.lock"))


def keep_plan(output, options, names, music, draw):
    """Return the plan of a file of annotations; draw and save it if it does not exist.

    Parameters
    ----------
    output : str
        File of annotations.
    options : dict
        Options of the draw, as plain values; includes the seed.
    names : list of str
        As returned by `names_of`.
    music : Music
    draw : callable
        Returns a list of dict (row, mode, track) and the genres to choose from.

    Returns
    -------
    plan : Plan
    is_new : bool
        Whether the items were drawn now.

    Raises
    ------
    ValueError
        If the items were drawn with other options, or an item no longer exists.
    """
    path = path_of_plan(output)
    with lock_of(output):
        # Under the lock, so that only one of two servers that start at the same time draws.
        is_new = not os.path.exists(path)
        if is_new:
            _write(path, options, names, *draw())
    kept = _read(path)
    _check_options(path, output, kept["options"], options)
    rows = {name: row for row, name in enumerate(names)}
    absent = [one["item"] for one in kept["items"] if one["item"] not in rows]
    if absent:
        raise ValueError(
            f"the music no longer has {count_of(len(absent), 'item')} of {path!r}: "
            f"{first_few(map(repr, absent))}. Restore them, or start again with another --output"
        )
    items = [_item(one, music, rows[one["item"]]) for one in kept["items"]]
    return Plan(items, kept["genres"], options["seed"]), is_new


def _write(path, options, names, drawn, genres):
    items = [
        {
            # Not drawn with the seed, so that an id cannot be traced to its item.
            "id": secrets.token_hex(8),
            "item": names[one["row"]],
            "mode": one["mode"],
            "track": one["track"],
        }
        for one in drawn
    ]
    kept = {"skmmgenre_annotation": _VERSION, "options": options, "genres": genres, "items": items}
    with replacing(path) as new, open(new, "w", encoding="utf-8") as file:
        json.dump(kept, file, indent=1)
        file.write("\n")


def _read(path):
    with open(path, encoding="utf-8") as file:
        try:
            kept = json.load(file)
        except ValueError as error:
            kept = None
            reason = str(error)
        else:
            reason = "it was written by another program or version"
    if not isinstance(kept, dict) or kept.get("skmmgenre_annotation") != _VERSION:
        raise ValueError(
            f"{path!r} does not contain the drawn items ({reason}). Start again with another "
            "--output"
        )
    return kept


def _check_options(path, output, kept, asked):
    spelled = {"n_items": "--items", "modes": "--mode"}
    # Earlier versions did not save these.
    kept = {"label": False, "by": asked.get("by")} | kept
    for name, value in asked.items():
        if kept.get(name) == value:
            continue
        option = spelled.get(name, f"--{name}")
        if name == "label":
            differs = f"{'without' if value else 'with'} --label, but now it is the other way round"
        else:
            differs = f"with {option} {kept.get(name)!r}, but now {option} is {value!r}"
        raise ValueError(
            f"the items of {output!r} were drawn {differs}. Use the options of the first run, or "
            f"another --output. The items are in {path!r}"
        )


def _item(one, music, row):
    sound = cover = None
    if one["mode"] in ("sound", "both"):
        cell = music.table["audio"].iloc[row]
        # An album may have lost tracks since the items were drawn.
        sound = cell if isinstance(cell, str) else cell[min(one["track"], len(cell) - 1)]
    if one["mode"] in ("cover", "both"):
        cell = music.table["cover"].iloc[row]
        cover = cell if isinstance(cell, str) else cell[0]
    return Item(one["id"], one["item"], one["mode"], sound, cover)
