"""Options that several commands have: their types, and those about the music that is read."""

import os

import click

from ._genre_names import GenreNames
from ._terminal import one_line, visible


class WholeNumber(click.ParamType):
    """A whole number with a rule of its own.

    Parameters
    ----------
    allowed : callable
        Whether a number is.
    rule : str
        What is told of one that is not.
    """

    name = "N"

    def __init__(self, allowed, rule):
        self.allowed, self.rule = allowed, rule

    def convert(self, value, param, ctx):
        try:
            number = int(value)
        except ValueError:
            self.fail(f"{value!r} is not a whole number", param, ctx)
        if not self.allowed(number):
            self.fail(self.rule, param, ctx)
        return number


class Parsed(click.ParamType):
    """A value that a function reads from text; the message of its error is shown."""

    def __init__(self, name, parse):
        self.name, self.parse = name, parse

    def convert(self, value, param, ctx):
        try:
            return self.parse(value)
        except (OSError, ValueError) as error:
            self.fail(one_line(str(error)), param, ctx)


POSITIVE = WholeNumber(lambda number: number >= 1, "it is 1 or above")
JOBS = WholeNumber(
    lambda number: number != 0, "at least 1 worker is needed; -1 is one for each core"
)
SEED = WholeNumber(lambda number: number >= 0, "a seed is 0 or above")

jobs = click.option(
    "--jobs",
    type=JOBS,
    help="Workers that read files; by default one for each core, 8 at most, where musicnn or "
    "another pretrained network hears the sound, and else 1.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
quiet = click.option("--quiet", is_flag=True, help="Show no progress.")


def require_model(path):
    """Raise FileNotFoundError if there is no file of a model."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no model {path!r}; skmmgenre train makes one")


def example(text):
    """The last paragraph of a help page; lines stay as they are."""
    return f"\b\nExample:\n  {text}"


_TOLD = 5


genres_file = click.option(
    "--genres",
    "names",
    type=Parsed("FILE", GenreNames.read),
    help="YAML with the list genres (others are left out) and the mapping aliases.",
)


def _parse_names(text):
    return tuple(name.strip() for name in text.split(";") if name.strip())


not_genres = click.option(
    "--not-genres",
    type=Parsed("NAMES", _parse_names),
    help='Names in tags and cells that are no genres, with ";" between them; by default '
    '"Other; Unknown; Misc; None; Podcast" and the like; "" keeps all.',
)

_OPTIONS = (
    click.option(
        "--by",
        type=click.Choice(["track", "album"]),
        default="track",
        show_default=True,
        help="What an item of a folder is.",
    ),
    click.option(
        "--separators",
        metavar="LETTERS",
        help="Letters between genres in one tag or cell, and no others; by default ;| and in tags "
        "/ except in known names (Pop/Rock), and commas between known names.",
    ),
    not_genres,
    click.option(
        "--genre-column",
        "genre",
        metavar="COLUMN",
        help="Genres in a table; by default genres, genre.",
    ),
    click.option(
        "--artist-column", "artist", metavar="COLUMN", help="Artists in a table; by default artist."
    ),
)


with_tagged = click.option(
    "--with-tagged",
    is_flag=True,
    help="Count genres that skmmgenre tag wrote into the files of a folder; otherwise only those "
    "that were changed since count, as the others are guesses of a model.",
)


def source_options(command):
    """Add the options of `open_music`."""
    for option in reversed(_OPTIONS):
        command = option(command)
    return command


def tell_set_aside(errors):
    """Name the first of what was left out or is odd, on standard error."""
    from ..utils import first_few  # with it comes pandas, which `--help` does without

    def line(error):
        item, reason = error
        return f"set aside or odd: {visible(item)}: {one_line(reason)}"

    if errors:
        click.echo(first_few(errors, _TOLD, count=True, name=line, separator="\n"), err=True)


def tell_readings(music):
    """Say on standard error which genres were not taken as they are written."""
    from ..utils import first_few

    if music.readings:
        told = first_few(music.readings, _TOLD, count=True, name=visible, separator="\n")
        click.echo(f"{told}\n(--separators and --not-genres change this)", err=True)


def tell_only_first(n):
    """Say on standard error of how many items several genres are known and one is used."""
    if n:
        items = f"{n:,} item{'s have' if n > 1 else ' has'} several genres"
        click.echo(f"{items}; the first is used", err=True)


def tell_written(n, used):
    """Say on standard error how many items have genres that `tag` wrote, and if they count."""
    if n:
        items = f"{n:,} item{'s have' if n > 1 else ' has'} genres that skmmgenre tag wrote"
        fate = (
            "they count, as --with-tagged asks" if used else "left out (--with-tagged counts them)"
        )
        click.echo(f"{items}: {fate}", err=True)


def tell_unlisted(names, items):
    """Say on standard error where --genres and the genres of the music do not meet.

    Parameters
    ----------
    names : GenreNames or None
    items : list of list of str
        Genres as the music has them.
    """
    if names is None:
        return
    _tell_absent("no item has", names.absent(items))
    n = sum(bool(item) and not names.map(item) for item in items)
    if n:
        click.echo(f"--genres: left out {n:,} of {len(items):,} items, whose genres are not "
                   "on the list", err=True)  # fmt: skip


def tell_unknown(names, genres):
    """Say on standard error which genres of --genres are not among those of a model."""
    if names is not None:
        _tell_absent("the model does not know", names.absent([genres]))


def _tell_absent(words, genres):
    from ..utils import first_few

    if genres:
        named = first_few(genres, _TOLD, count=True, name=lambda genre: visible(repr(genre)))
        click.echo(f"--genres: {words} {named}", err=True)


def tell_empty(model, n):
    """Say on standard error of how many items there is nothing that a model reads."""
    from .._model_summary import modalities_of

    if n:
        click.echo(
            f"{n:,} without a genre, as they have nothing that the model reads: "
            f"{', '.join(modalities_of(model))}",
            err=True,
        )
