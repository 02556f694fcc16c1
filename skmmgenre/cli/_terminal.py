"""Text that is safe to print or write to a file, and tables that fit into 80 columns."""

import unicodedata
from decimal import ROUND_FLOOR, Decimal

from rich import box
from rich.table import Table


def one_line(text):
    """Return a text in one line, with whitespace collapsed and unprintable characters escaped.

    Parameters
    ----------
    text : str

    Returns
    -------
    text : str
        Without control characters and lone surrogates, so that it can be encoded as UTF-8.
    """
    return visible(" ".join(text.split()))


def visible(text):
    r"""Return a text with control characters and lone surrogates as escapes such as "\n"."""
    return "".join(
        character.encode("unicode_escape").decode()
        if unicodedata.category(character) in ("Cc", "Cs", "Zl", "Zp")
        else character
        for character in text
    )


def count_of(n, noun):
    """Return a number and its noun, such as "1 file" or "2,000 files"."""
    return f"{n:,} {noun}{'' if n == 1 else 's'}"


def size_of(n_bytes):
    """Return a size in MB, or in kB below 0.1 MB, such as "1.5 MB" or "38 kB"."""
    return f"{n_bytes / 1e6:,.1f} MB" if n_bytes >= 1e5 else f"{n_bytes / 1e3:,.0f} kB"


def floor_of(score):
    """Return a score rounded down to three digits; rounded up, it could seem to pass a limit."""
    # Via str: the float 0.7 is slightly less than 0.7, and would become 0.699.
    return str(Decimal(str(score)).quantize(Decimal("0.001"), ROUND_FLOOR))


def plain_table(title, name, numbers=(), *, space=1, **of_name):
    """Return an empty table in the common style: a column of names, then columns of numbers."""
    table = Table(title=title, box=box.SIMPLE_HEAD, padding=(0, space, 0, 0))
    table.add_column(name, **(of_name or {"no_wrap": True}))
    for head in numbers:
        table.add_column(head, justify="right", no_wrap=True)
    return table
