"""`skmmgenre cache`: what a store holds, and making room in it."""

import json
import os

import click

from ..store import Store
from ._options import as_json, example


class _Size(click.ParamType):
    name = "SIZE"

    def convert(self, value, param, ctx):

        try:
            return bytes_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group(epilog=example("skmmgenre cache info patches.sqlite"))
def cache():
    """Stores: what cache= of CQTExtractor, ResNetEmbedder, EntityEnricher or a web linker names."""


@cache.command(epilog=example("skmmgenre cache info patches.sqlite --json"))
@click.argument("file")
@as_json
def info(file, as_json):
    """Tell what is in a store."""

    found = cache_info(file)
    if as_json:
        click.echo(json.dumps(found))
        return
    click.echo(f"{found['bytes_on_disk'] / 1e6:.1f} MB on the disk")
    for kind, held in found["kinds"].items():
        click.echo(f"{held['entries']:>10,} {kind} ({held['bytes'] / 1e6:.1f} MB)")


@cache.command(
    epilog=example("skmmgenre cache prune patches.sqlite --unused-days 90 --max-size 20G")
)
@click.argument("file")
@click.option(
    "--unused-days",
    type=click.FloatRange(min=0),
    metavar="N",
    help="Remove what was not used for N days.",
)
@click.option("--max-size", type=_Size(), help="Then remove more, down to SIZE (500M, 20G).")
def prune(file, unused_days, max_size):
    """Remove what was used longest ago."""

    removed = prune_cache(file, unused_days=unused_days, max_size=max_size)
    click.echo(f"removed {removed['entries']:,} entries ({removed['bytes'] / 1e6:.1f} MB)")


_UNITS = {"": 1, "k": 10**3, "M": 10**6, "G": 10**9, "T": 10**12}
_MAKERS = "cache= of CQTExtractor, ResNetEmbedder, EntityEnricher or a web linker makes one"


def cache_info(path):
    """Describe a store.

    Parameters
    ----------
    path : str
        A file that is there.

    Returns
    -------
    info : dict
        entries, bytes (of values), bytes_on_disk, kinds (entries and bytes of each).

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no store.
    """
    with _existing(path) as store:
        kinds = store.info()
        return {
            "entries": sum(entries for entries, _ in kinds.values()),
            "bytes": sum(size for _, size in kinds.values()),
            "bytes_on_disk": store.size,
            "kinds": {
                kind: {"entries": entries, "bytes": size} for kind, (entries, size) in kinds.items()
            },
        }


def prune_cache(path, *, unused_days=None, max_size=None):
    """Remove what has not been used for long, or what is too much; see `Store.prune`.

    Parameters
    ----------
    path : str
    unused_days : float, default=None
    max_size : int, default=None
        Bytes.

    Returns
    -------
    removed : dict
        entries, bytes.

    Raises
    ------
    FileNotFoundError
        If there is no such file.
    ValueError
        If it is no store, it is not said what to remove, or a number is negative.
    """
    if unused_days is None and max_size is None:
        raise ValueError("Say what to remove: --unused-days, --max-size, or both.")
    with _existing(path) as store:
        entries, size = store.prune(unused_days=unused_days, max_bytes=max_size)
    return {"entries": entries, "bytes": size}


def bytes_of(text):
    """Read a size such as "500M" or "2G".

    Raises
    ------
    ValueError
        If it is none.
    """
    unit = text[-1:] if text[-1:].isalpha() else ""
    number = text.removesuffix(unit) if unit else text
    if unit not in _UNITS or not number.replace(".", "", 1).isdigit():
        raise ValueError(f"{text!r} is no size: write 500M, 2G or a number of bytes")
    return int(float(number) * _UNITS[unit])


def _existing(path):
    if not os.path.exists(path):
        raise FileNotFoundError(f"there is no store {path!r}; {_MAKERS}")
    if not Store.is_at(path):
        raise ValueError(f"{path!r} is no store; {_MAKERS}")
    return Store(path)
