"""The `skmmgenre` command group; errors are reported in one line."""

import sys
import warnings
from importlib import import_module

import click

from .. import __version__
from ._terminal import one_line

# Each command is in the module of the same name. The short help texts are kept here so that
# `skmmgenre --help` imports none of these modules.
_COMMANDS = {
    "annotate": "Label genres blind on a local web page.",
    "cache": "Show what a feature store contains, or free space in it.",
    "demo": "Train on synthetic albums and show what each modality adds.",
    "evaluate": "Evaluate a model on music whose genres are known.",
    "fetch": "Fetch the weights of a pretrained model.",
    "info": "Show the genres, training data and versions of a model.",
    "kb": "Build or inspect a knowledge base for entity linking.",
    "predict": "Predict the genres of files.",
    "report": "Write a report on a model as one HTML file.",
    "tag": "Write predicted genres into the files of a folder, or undo it.",
    "train": "Train a model on a table or a folder of music.",
}


def main(argv: list[str] | None = None) -> int | None:
    """Run the `skmmgenre` command.

    Parameters
    ----------
    argv : list of str, default=None
        Command line arguments. If None, those of the process are used.

    Returns
    -------
    exit_code : int
        0 on success; 1 on an error, which is reported in one line on standard error; 2 for wrong
        arguments; 130 after Ctrl-C.

    Examples
    --------
    >>> from skmmgenre.cli import main
    >>> main(["--version"])
    skmmgenre 0.1.0.dev0
    0
    """
    with warnings.catch_warnings():
        warnings.showwarning = _show_warning
        try:
            return _skmmgenre.main(argv, prog_name="skmmgenre", standalone_mode=False) or 0
        except click.ClickException as error:
            error.show()
            return error.exit_code
        except click.Abort:
            click.echo("interrupted", err=True)
            return 130


class _Failure(click.ClickException):
    """An error while a command runs; click handles errors in the arguments."""

    def show(self, file=None):
        click.echo(self.message, err=True)


class _LazyGroup(click.Group):
    """Group that imports a command on first use and names it in error messages."""

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
        except BrokenPipeError:  # click handles it: the reader closed the pipe
            raise
        except (ValueError, OSError, ImportError, RuntimeError) as error:
            if isinstance(error, click.exceptions.Exit | click.Abort):  # both are RuntimeErrors
                raise
            part = f"skmmgenre {ctx.invoked_subcommand}"
            raise _Failure(f"{part}: {one_line(str(error) or type(error).__name__)}") from error


@click.group(cls=_LazyGroup, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, message="skmmgenre %(version)s")
def _skmmgenre():
    """Predict the genres of music from sound, reviews and cover."""


def _show_warning(message, category, filename, lineno, file=None, line=None):
    print(f"{category.__name__}: {one_line(str(message))}", file=file or sys.stderr)
