"""Use the genres that annotators chose as labels for training."""

from collections import Counter
from dataclasses import replace

from ...inspection import read_annotations
from ...utils import first_few
from ._draw import names_of
from ._plan import options_of


def read_labels(paths, by=None):
    """Read the genres that annotators chose.

    Parameters
    ----------
    paths : sequence of str
        Files that ``skmmgenre annotate`` wrote.
    by : {"track", "album"} or None
        What an item of the folder is; None for a table.

    Returns
    -------
    labels : dict of str to str
        Genre of each labelled item: that which most annotators chose, in a tie the one that was
        answered first. Skipped items are not included.

    Raises
    ------
    ValueError
        If a file is invalid, no item has a genre, or the items of a file are not those of `by`:
        an album is named by its first track, so its genre would become that of the track.
    """
    if not paths:
        return {}
    for path in paths:
        annotated = options_of(path).get("by")
        if None not in (annotated, by) and annotated != by:
            raise ValueError(
                f"--labels {path!r} was annotated with --by {annotated}, but now --by is {by}"
            )
    answers = read_annotations(list(paths))
    labels = {
        item: Counter(genres).most_common(1)[0][0]
        for item, genres in answers.dropna(subset=["genre"]).groupby("item", sort=False)["genre"]
    }
    if not labels:
        reason = "all items were skipped" if len(answers) else "nothing has been answered yet"
        raise ValueError(f"--labels {first_few(map(repr, paths))}: {reason}")
    return labels


def with_labels(music, labels, source, *, may_have_none=False):
    """Replace the genres of music by those that annotators chose.

    Parameters
    ----------
    music : Music
    labels : dict of str to str
        As returned by `read_labels`.
    source : str
        Table or folder that the music was read from.
    may_have_none : bool
        Whether it is no error if the music has none of the items.

    Returns
    -------
    music : Music
        Items without a label keep their genres.
    n_labelled : int
        Number of items of the music that have a label.
    n_absent : int
        Number of labels whose item the music does not have.

    Raises
    ------
    ValueError
        If the music has none of the items, unless it may.
    """
    names = names_of(music, source)
    absent = labels.keys() - set(names)
    if len(absent) == len(labels) and not may_have_none:
        raise ValueError(
            f"--labels: {source!r} has none of the labelled items "
            f"({first_few(map(repr, sorted(absent)))}). Pass the table or folder that was annotated"
        )
    genres = [
        [labels[name]] if name in labels else genres
        for name, genres in zip(names, music.genres, strict=True)
    ]
    n_labelled = sum(name in labels for name in names)
    return replace(music, genres=genres), n_labelled, len(absent)
