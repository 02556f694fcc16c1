"""Read music with its genres: those of tags, of a table, of folders, or of annotators."""

import os
from contextlib import contextmanager
from dataclasses import dataclass

import click

from ._annotation import read_labels, with_labels
from ._music import open_music, with_genres_of_folders
from ._options import report_readings, report_written
from ._terminal import count_of
from ._written_genres import leave_out_written


@dataclass(frozen=True)
class Labelling:
    """Where the genres of music come from.

    Parameters
    ----------
    from_folders : bool
        Whether the genres of a folder are the names of the folders in it, and not those of its
        tags.
    annotated : dict of str to str
        Genre of each item that annotators labelled, as returned by `read_labels`; these genres
        replace those of the music.
    with_tagged : bool
        Whether genres that `skmmgenre tag` wrote into the files of a folder are used.
    """

    from_folders: bool
    annotated: dict
    with_tagged: bool

    @classmethod
    def of_options(cls, source, genres_from, labels, with_tagged, *, by):
        """Read the values of `label_options`, before any music is read.

        Raises
        ------
        click.UsageError
            If the genres of a table should come from folders.
        ValueError
            If files of labels cannot be used.
        """
        if genres_from == "folders" and os.path.isfile(source):
            raise click.UsageError(
                "--genres-from folders needs a folder; a table has a column of genres."
            )
        annotated = read_labels(labels, by=by if os.path.isdir(source) else None)
        return cls(genres_from == "folders", annotated, with_tagged)

    @contextmanager
    def open(self, source, *, of_control=False, verbose=1, **reading):
        """Open music with `open_music`, and print to standard error what changes its genres.

        Parameters
        ----------
        source : str
        of_control : bool
            Whether only a control is trained on this music. Then nothing is printed, and it need
            not have any of the labelled items.
        verbose : int
        **reading
            Options of `open_music`.

        Yields
        ------
        music : Music
        n_written : int
            Number of items whose only genres were written by `skmmgenre tag`.
        n_labelled : int
            Number of items with a genre that annotators chose.

        Raises
        ------
        ValueError
            If no item has a genre, or if there are labels, but none of the items is labelled.
        """
        with open_music(source, verbose=verbose, **reading) as music:
            n_written, n_labelled = 0, 0
            if os.path.isdir(source):
                if self.from_folders:
                    music = with_genres_of_folders(music, source)
                else:
                    music, n_written = leave_out_written(music, keep=self.with_tagged, **reading)
            if self.annotated:
                music, n_labelled, n_absent = with_labels(
                    music, self.annotated, source, may_have_none=of_control
                )
                if n_absent and not of_control:
                    absent = count_of(n_absent, "labelled item")
                    click.echo(f"--labels: {absent} not in the music", err=True)
            if not any(music.genres):
                report_readings(music)
                option = "--train: " if of_control else ""
                raise ValueError(f"{option}no item has a genre. {_remedy(source, n_written)}")
            if not of_control:
                report_written(n_written, self.with_tagged)
            yield music, n_written, n_labelled


def _remedy(source, n_written):
    """Return how music can get genres."""
    if os.path.isfile(source):
        return (
            "Fill the column genres, name another column with --genre-column, or pass "
            "--labels FILE (from skmmgenre annotate --label)."
        )
    written = " --with-tagged uses the genres that skmmgenre tag wrote." if n_written else ""
    return (
        "Write genres into the tags of the files, use the names of the folders with --genres-from "
        f"folders, or pass --labels FILE (from skmmgenre annotate --label).{written}"
    )
