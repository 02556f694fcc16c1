"""Options shared by several commands, their types, and messages about the music that is read."""

import ast
import os

import click

from ._genre_names import GenreNames
from ._terminal import count_of, one_line, visible


class WholeNumber(click.ParamType):
    """Parameter type for an integer that must satisfy a condition.

    Parameters
    ----------
    allowed : callable
        Return whether a number is valid.
    rule : str
        Error message for a number that is not valid.
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
    """Parameter type whose values are parsed by a function; its error message is shown."""

    def __init__(self, name, parse):
        self.name, self.parse = name, parse

    def convert(self, value, param, ctx):
        try:
            return self.parse(value)
        except (OSError, ValueError) as error:
            self.fail(one_line(str(error)), param, ctx)


POSITIVE = WholeNumber(lambda number: number >= 1, "must be at least 1")
JOBS = WholeNumber(lambda number: number != 0, "must not be 0; -1 uses one worker per core")
SEED = WholeNumber(lambda number: number >= 0, "must be at least 0")

jobs = click.option(
    "--jobs",
    type=JOBS,
    help="Number of workers that read files. Default: one per core, at most 8, if musicnn or "
    "another pretrained network encodes the sound; otherwise 1.",
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
quiet = click.option("--quiet", is_flag=True, help="Show no progress.")


def parse_settings(pairs):
    """Return a dict of settings like "audio__lr=1e-4"; values are Python literals or text.

    Raises
    ------
    ValueError
        If a setting has no "=".
    """
    settings = {}
    for pair in pairs:
        name, found, value = pair.partition("=")
        if not found or not name:
            raise ValueError(f"--set {pair!r} is not NAME=VALUE, such as batch_size=8.")
        try:
            settings[name] = ast.literal_eval(value)
        except (ValueError, SyntaxError, TypeError):
            settings[name] = value
    return settings


left_out = click.option(
    "--set",
    "settings",
    multiple=True,
    metavar="NAME=VALUE",
    callback=lambda ctx, param, pairs: parse_settings(pairs),
    help="Parameter that MODEL does not contain, such as TextEmbedder.model=FOLDER (may be "
    "repeated); skmmgenre info MODEL lists them.",
)


def require_model(path):
    """Raise FileNotFoundError if a model file does not exist."""
    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no model file {path!r}; skmmgenre train makes one")


def example(text):
    """Return the last paragraph of a help page; its line breaks are kept."""
    return f"\b\nExample:\n  {text}"


_MAX_SHOWN = 5


genres_file = click.option(
    "--genres",
    "names",
    type=Parsed("FILE", GenreNames.read),
    help="YAML file with a list genres (other genres are ignored), a mapping aliases, or both.",
)


def _parse_names(text):
    return tuple(name.strip() for name in text.split(";") if name.strip())


not_genres = click.option(
    "--not-genres",
    type=Parsed("NAMES", _parse_names),
    help='Names in tags and cells that are not genres, separated by ";". Default: "Other; Unknown; '
    'Misc; None; Podcast" and similar names; "" keeps all names.',
)

_OPTIONS = (
    click.option(
        "--by",
        type=click.Choice(["track", "album"]),
        default="track",
        show_default=True,
        help="Whether each track or each album of a folder is one item.",
    ),
    click.option(
        "--separators",
        metavar="CHARACTERS",
        help="The only characters that separate genres in a tag or cell. Default: ;| and, in tags, "
        "/ except in known names (Pop/Rock); also commas between known names.",
    ),
    not_genres,
    click.option(
        "--genre-column",
        "genre",
        metavar="COLUMN",
        help="Column of genres in a table. Default: genres, or else genre.",
    ),
    click.option(
        "--artist-column",
        "artist",
        metavar="COLUMN",
        help="Column of artists in a table. Default: artist.",
    ),
)


with_tagged = click.option(
    "--with-tagged",
    is_flag=True,
    help="Also use genres that skmmgenre tag wrote into the files of a folder. By default they are "
    "ignored unless they were changed since, because they are predictions of a model.",
)


_LABEL_OPTIONS = (
    click.option(
        "--genres-from",
        type=click.Choice(["tags", "folders"]),
        default="tags",
        show_default=True,
        help="Source of the genres of a folder: the tags of its files, or the names of the folders "
        "in it, such as Dub/, Bebop/, Trance/.",
    ),
    click.option(
        "--labels",
        metavar="FILE",
        multiple=True,
        help="File of skmmgenre annotate --label (may be repeated): its genres replace those of "
        "the music. If annotators disagree, the most frequent genre counts.",
    ),
    with_tagged,
)


def source_options(command):
    """Add the options of `open_music`."""
    return _with_options(command, _OPTIONS)


def label_options(command):
    """Add the options of `Labelling.of_options`."""
    return _with_options(command, _LABEL_OPTIONS)


def _with_options(command, options):
    # Decorators apply from the inside out, so the option that help shows first is added last.
    for option in reversed(options):
        command = option(command)
    return command


def report_skipped(errors):
    """Print the first items that were skipped or are unusual to standard error, with the reason."""
    from ..utils import first_few  # with it comes pandas, which `--help` does without

    def line(error):
        item, reason = error
        return f"skipped or unusual: {visible(item)}: {one_line(reason)}"

    if errors:
        click.echo(first_few(errors, _MAX_SHOWN, count=True, name=line, separator="\n"), err=True)


def report_readings(music):
    """Print to standard error which genres were split, renamed or dropped when they were read."""
    from ..utils import first_few

    if music.readings:
        lines = first_few(music.readings, _MAX_SHOWN, count=True, name=visible, separator="\n")
        click.echo(f"{lines}\n(change this with --separators and --not-genres)", err=True)


def report_only_first(n):
    """Print to standard error for how many items only the first of several genres is used."""
    if n:
        items = f"{n:,} item{'s have' if n > 1 else ' has'} several genres"
        click.echo(f"{items}; only the first is used", err=True)


def report_written(n, used):
    """Print to standard error how many items have genres that `tag` wrote, and if they are used."""
    if n:
        items = f"{n:,} item{'s have' if n > 1 else ' has'} genres that skmmgenre tag wrote"
        fate = "used (--with-tagged)" if used else "ignored (--with-tagged uses them)"
        click.echo(f"{items}: {fate}", err=True)


def report_unlisted(names, items):
    """Print to standard error which listed genres are unused, and how many items have none of them.

    Parameters
    ----------
    names : GenreNames or None
    items : list of list of str
        Genres of each item, as in the music.
    """
    if names is None:
        return
    _report_absent("no item has", names.absent(items))
    n = sum(bool(item) and not names.map(item) for item in items)
    if n:
        click.echo(f"--genres: skipped {n:,} of {len(items):,} items that have none of the "
                   "listed genres", err=True)  # fmt: skip


def report_unknown(names, genres):
    """Print to standard error which genres of --genres a model does not predict."""
    if names is not None:
        _report_absent("the model does not predict", names.absent([genres]))


def _report_absent(words, genres):
    from ..utils import first_few

    if genres:
        named = first_few(genres, _MAX_SHOWN, count=True, name=lambda genre: visible(repr(genre)))
        click.echo(f"--genres: {words} {named}", err=True)


def report_empty(model, n):
    """Print to standard error for how many items every input of a model is missing or empty."""
    from .._model_summary import modalities_of

    if n:
        click.echo(
            f"no prediction for {count_of(n, 'item')}: all inputs of the model are missing or "
            f"empty ({', '.join(modalities_of(model))})",
            err=True,
        )
