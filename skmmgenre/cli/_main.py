"""The command and its parts; what goes wrong, in one line."""

import sys
import warnings
from importlib import import_module

import click

from .. import __version__
from ._terminal import one_line

# Each command is in the file of its name. Its short help stands here, so that the list of
# commands is printed without importing any of them.
_COMMANDS = {
    "annotate": "Let an expert tell the genres of items blind, on a local page.",
    "cache": "Look at a store, or make room in it.",
    "demo": "Make synthetic albums, train, show what each modality brings.",
    "evaluate": "Compare a model with the genres that music has.",
    "fetch": "Fetch the weights of a pretrained model.",
    "info": "Tell what a model is.",
    "kb": "Build a knowledge base for linking entities, or look at one.",
    "predict": "Tell the genres of files.",
    "tag": "Write genres into the files of a folder, or undo that.",
    "train": "Learn genres from a table or a folder of music.",
}


def main(argv: list[str] | None = None) -> int | None:
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


class _LazyGroup(click.Group):
    """Imports a command when it is used, and names it in the line that reports its error."""

    def list_commands(self, ctx):
        return list(_COMMANDS)

    def get_command(self, ctx, name):
        if name not in _COMMANDS:
            return None
        return getattr(import_module(f"._{name}", __package__), name)

    def format_commands(self, ctx, formatter):
        with formatter.section("Commands"):
            formatter.write_dl(list(_COMMANDS.items()))

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


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="skmmgenre %(version)s")
def _skmmgenre():
    """Tell the genres of music from sound, reviews and cover."""


def _tell_warning(message, category, filename, lineno, file=None, line=None):
    print(f"{category.__name__}: {one_line(str(message))}", file=file or sys.stderr)
