"""The command and its parts; what goes wrong, in one line."""

import sys
import warnings

import click

from .. import __version__
from ._cache_command import cache
from ._demo_command import demo
from ._kb_command import kb
from ._model_commands import evaluate, info, predict, train
from ._plain_text import one_line
from ._tag_command import tag


def main(argv=None):
    """Run the command.

    Parameters
    ----------
    argv : list of str, default=None
        Arguments; None takes those of the process.

    Returns
    -------
    exit_code : int
        0 done; 1 an error, told in one line on standard error; 2 wrong arguments; 130 Ctrl-C.

    Examples
    --------
    >>> from skmmgenre.cli import main
    >>> main(["--version"])
    skmmgenre 0.1.0.dev0
    0
    """
    with warnings.catch_warnings():
        warnings.showwarning = _tell_warning
        try:
            return _skmmgenre.main(argv, prog_name="skmmgenre", standalone_mode=False) or 0
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except click.Abort:
            click.echo("interrupted", err=True)
            return 130


class _Failure(click.ClickException):
    """An error of the work, not of the arguments."""

    def show(self, file=None):
        click.echo(self.message, err=True)


class _Parts(click.Group):
    """Names the part in the line that tells its error."""

    def invoke(self, ctx):
        try:
            return super().invoke(ctx)
        except BrokenPipeError:  # click's affair: the reader has seen enough
            raise
        except (ValueError, OSError, ImportError, RuntimeError) as error:
            if isinstance(error, click.exceptions.Exit | click.Abort):  # a RuntimeError, too
                raise
            part = f"skmmgenre {ctx.invoked_subcommand}"
            raise _Failure(f"{part}: {one_line(str(error) or type(error).__name__)}") from error


@click.group(cls=_Parts, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="skmmgenre %(version)s")
def _skmmgenre():
    """Tell the genres of music from sound, reviews and cover."""


for _part in (train, predict, evaluate, tag, info, demo, kb, cache):
    _skmmgenre.add_command(_part)


def _tell_warning(message, category, filename, lineno, file=None, line=None):
    print(f"{category.__name__}: {one_line(str(message))}", file=file or sys.stderr)
