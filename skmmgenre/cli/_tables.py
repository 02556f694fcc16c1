"""Tables for people, 80 columns wide where they go into a file."""

from rich import box
from rich.table import Table


def plain_table(title=None, *, space=1):
    """An empty table in the look that all of them have."""
    return Table(title=title, box=box.SIMPLE_HEAD, padding=(0, space, 0, 0))
