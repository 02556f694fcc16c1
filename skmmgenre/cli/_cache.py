"""`skmmgenre cache`: show what a feature store contains, and remove entries from it."""

import json
import os

import click

from ._options import Parsed, as_json, example
from ._terminal import size_of

_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_MAKERS = "cache= of CQTExtractor, ResNetEmbedder, EntityEnricher or a web linker makes one"


def _bytes_of(text):
    """Return the number of bytes for a size such as "500M" or "2G".

    Raises
    ------
    ValueError
        If the text is not a size.
    """
    unit = text[-1:] if text[-1:].isalpha() else ""
    number = text.removesuffix(unit) if unit else text
    if unit not in _UNITS or not number.replace(".", "", 1).isdigit():
        raise ValueError(f"{text!r} is not a size; write 500M, 2G or a number of bytes")
    return int(float(number) * _UNITS[unit])


@click.group(epilog=example("skmmgenre cache info patches.sqlite"))
def cache():
    """Inspect or prune a feature store.

    A store is the file that was passed as cache= to CQTExtractor, ResNetEmbedder, EntityEnricher or
    a web linker.
    """


@cache.command(epilog=example("skmmgenre cache info patches.sqlite --json"))
@click.argument("file")
@as_json
def info(file, as_json):
    """Show what a store contains."""

    with _existing(file) as store:
        kinds, on_disk = store.info(), store.size
    if as_json:
        found = {
            "entries": sum(entries for entries, _ in kinds.values()),
            "bytes": sum(size for _, size in kinds.values()),
            "bytes_on_disk": on_disk,
            "kinds": {kind: {"entries": n, "bytes": size} for kind, (n, size) in kinds.items()},
        }
        click.echo(json.dumps(found))
        return
    click.echo(f"{size_of(on_disk)} on disk")
    for kind, (entries, size) in kinds.items():
        click.echo(f"{entries:>10,} {kind} ({size_of(size)})")


@cache.command(
    epilog=example("skmmgenre cache prune patches.sqlite --unused-days 90 --max-size 20G")
)
@click.argument("file")
@click.option(
    "--unused-days",
    type=click.FloatRange(min=0),
    metavar="N",
    help="Remove entries that were not used for N days.",
)
@click.option(
    "--max-size",
    type=Parsed("SIZE", _bytes_of),
    help="Then remove more entries until the store has at most SIZE (500M, 20G).",
)
def prune(file, unused_days, max_size):
    """Remove the least recently used entries of a store."""

    if unused_days is None and max_size is None:
        raise ValueError("nothing to remove: pass --unused-days, --max-size, or both")
    with _existing(file) as store:
        entries, size = store.prune(unused_days=unused_days, max_bytes=max_size)
    click.echo(f"removed {entries:,} entries ({size_of(size)})")


def _existing(path):
    from ..store import Store  # imports pandas, which `--help` does not need

    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no store {path!r}; {_MAKERS}")
    if not Store.is_at(path):
        raise ValueError(f"{path!r} is not a store; {_MAKERS}")
    return Store(path)
