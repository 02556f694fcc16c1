"""The arguments of `skmmgenre cache`."""

import json

import click

from ._parameters import as_json, example


class _Size(click.ParamType):
    name = "SIZE"

    def convert(self, value, param, ctx):
        from ._cache import bytes_of

        try:
            return bytes_of(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


@click.group(
    short_help="Look at a store, or make room in it.",
    epilog=example("skmmgenre cache info patches.sqlite"),
)
def cache():
    """Stores: what cache= of CQTExtractor, ResNetEmbedder, EntityEnricher or a web linker names."""


@cache.command(epilog=example("skmmgenre cache info patches.sqlite --json"))
@click.argument("file")
@as_json
def info(file, as_json):
    """Tell what is in a store."""
    from ._cache import cache_info

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
    from ._cache import prune_cache

    removed = prune_cache(file, unused_days=unused_days, max_size=max_size)
    click.echo(f"removed {removed['entries']:,} entries ({removed['bytes'] / 1e6:.1f} MB)")
