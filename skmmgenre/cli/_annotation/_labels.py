"""Use the genres that annotators chose as labels for training."""

import os
from collections import Counter
from dataclasses import replace

from ...inspection import read_annotations
from ...utils import first_few
from ._draw import names_of


def with_labels(music, path, source):
    """Replace the genres of music by those that annotators chose.

    Parameters
    ----------
    music : Music
    path : str
        File that ``skmmgenre annotate`` wrote.
    source : str
        Table or folder that the music was read from.

    Returns
    -------
    music : Music
        Labelled items have the genre that most annotators chose, the first one if there is a tie.
        The genres of all other items are unchanged.
    n_absent : int
        Number of labelled items that the music does not have.

    Raises
    ------
    ValueError
        If the file is invalid, or the music has none of its items.
    """
    answers = read_annotations(path).dropna(subset=["genre"])
    chosen = {
        item: Counter(genres).most_common(1)[0][0]
        for item, genres in answers.groupby("item", sort=False)["genre"]
    }
    folder = source if os.path.isdir(source) else os.path.dirname(source)
    names = names_of(music, folder)
    absent = chosen.keys() - set(names)
    if not chosen:
        raise ValueError(f"--labels {path!r} has no genre: all items were skipped")
    if len(absent) == len(chosen):
        raise ValueError(
            f"--labels {path!r}: {source!r} has none of its items "
            f"({first_few(map(repr, sorted(absent)))}). Pass the table or folder that was "
            "annotated, with the same --by"
        )
    genres = [
        [chosen[name]] if name in chosen else genres
        for name, genres in zip(names, music.genres, strict=True)
    ]
    return replace(music, genres=genres), len(absent)
