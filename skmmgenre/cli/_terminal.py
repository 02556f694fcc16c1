"""Text that is safe in a terminal, a table and a file, and tables 80 columns wide in a file."""

import unicodedata
from decimal import ROUND_FLOOR, Decimal

from rich import box
from rich.table import Table


def one_line(text):
    """Return a text with white space run together and what cannot be shown written as escapes.

    Parameters
    ----------
    text : str

    Returns
    -------
    text : str
        Without control characters, and with nothing that UTF-8 lacks.
    """
    return visible(" ".join(text.split()))


def visible(text):
    r"""Return a text with control characters and lone surrogates written as escapes, "\n"."""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        else character
        for character in text
    )


def count_of(n, noun):
    """Return a number with its noun, "1 file" or "2,000 files"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def floor_of(score):
    """Return a score with three digits, never more than it is: it may just miss what is asked."""
    return str(Decimal(str(score)).quantize(Decimal("0.001"), ROUND_FLOOR))


def plain_table(title, name, numbers=(), *, space=1, **of_name):
    """An empty table in the look that all of them have: names, then columns of numbers."""
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, space, 0, 0))
    table.add_column(name, **(of_name or {"no_wrap": True}))
    for head in numbers:
        table.add_column(head, justify="right", no_wrap=True)
    return table
