"""Kinds of parameters, and options that several commands have."""

import click


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


POSITIVE = WholeNumber(lambda number: number >= 1, "it is 1 or above")
JOBS = WholeNumber(
    lambda number: number != 0, "at least 1 worker is needed; -1 is one for each core"
)
SEED = WholeNumber(lambda number: number >= 0, "a seed is 0 or above")

jobs = click.option(
    "--jobs", type=JOBS, default=1, show_default=True, help="Workers that read files."
)
as_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
quiet = click.option("--quiet", is_flag=True, help="Show no progress.")


def example(text):
    """The last paragraph of a help page; lines stay as they are."""
    return f"\b\nExample:\n  {text}"
