"""`skmmgenre info`: show the genres, training data, networks and versions of a model."""

import json
import os
import textwrap
import warnings

import click
from rich.console import Console
from rich.markup import escape

from ._model_source import find_model, ready_model, tags_file
from ._options import as_json, example, require_model
from ._terminal import count_of, one_line, size_of


@click.command(
    epilog=example("skmmgenre info genres.skmmgenre\n  skmmgenre info --model musicnn > tags.yaml")
)
@click.argument("path", metavar="[MODEL]", required=False)
@ready_model
@tags_file
@as_json
@click.pass_context
def info(ctx, path, ready, tags, as_json):
    """Show the genres, training data, networks, metrics and versions of a MODEL.

    With --model, print the genres with their tags and thresholds as YAML, in the format of --tags.
    """
    if (path is None) == (ready is None):
        raise click.UsageError("Pass either MODEL or --model musicnn.", ctx)
    if ready is not None:
        source = find_model(None, ready, tags)
        table = {
            genre: {"tags": held, "threshold": source.thresholds[genre]}
            for genre, held in source.genres.items()
        }
        click.echo(json.dumps(table, indent=2) if as_json else source.as_yaml())
        return
    from .. import model_info
    from .._library_versions import differences, names_used_by
    from .._model_summary import read_summary

    require_model(path)
    of_file, summary = model_info(path), read_summary(path)
    if summary is None:
        summary = _summarize(path)
    used = names_used_by(summary.pop("estimators"))
    found = {
        "file": os.path.basename(path),
        "bytes": of_file["bytes"],
        **summary,
        "versions": of_file["versions"],
        "differ": differences(of_file["versions"], used),
        "left_out": of_file["left_out"],
        "card": of_file["card"],
    }
    if as_json:
        click.echo(json.dumps(found, indent=2))
    else:
        print_info(found)


def _summarize(path):
    """Load a model from a file without a summary, which earlier versions wrote."""
    from .._model_file import ModelVersionWarning  # imports skops and torch
    from .._model_summary import summarize
    from ._model import load_model

    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore", ModelVersionWarning
        )  # `info` prints the versions that differ
        model, _ = load_model(path)
    summary = summarize(model)
    if summary is None:
        raise ValueError(
            f"{path!r} contains a pipeline that does not end in a classifier of skmmgenre, or that "
            "selects its columns by a function. Read its card with skmmgenre.model_info in Python."
        )
    return summary


def print_info(info):
    """Print the description of a model in readable form."""
    from .._library_versions import in_words
    from .._model_summary import is_needed

    console = Console(highlight=False)

    def say(head, text):
        lines = textwrap.wrap(one_line(text), console.width - 12) or [""]
        for line in lines:
            console.print(f"{head:<12}{escape(line)}", soft_wrap=True)
            head = ""

    say("file", f"{info['file']} ({size_of(info['bytes'])})")
    card = info["card"]  # users may put anything on a card
    say("made by", str(card.get("made_by", "-")))
    say("modalities", ", ".join(f"{k} (column {c})" for k, c in info["modalities"].items()))
    say("task", "multilabel" if info["several_genres"] else "single-label: one genre per item")
    numbers = {noun: card.get(f"{noun}s") for noun in ("item", "artist")}
    numbers = [count_of(n, noun) for noun, n in numbers.items() if _is_count(n)]
    trained_on = [card["trained_on"]] if isinstance(card.get("trained_on"), str) else []
    trained_on += [", ".join(numbers)] if numbers else []
    if trained_on:
        say("trained on", ": ".join(trained_on))
    audio_model = card.get("audio_model", "cnn")
    if isinstance(audio_model, str) and audio_model != "cnn":
        n_patches = card.get("audio_n_patches", "unknown")
        windows = ", all windows of a track" if n_patches is None else ""
        windows = (
            f", {count_of(n_patches, 'window')} per track" if _is_count(n_patches) else windows
        )
        say("sound", f"{audio_model}, pretrained{windows}")
    for name, net in info["networks"].items():
        trained = f"{net['epochs']} epochs, best epoch {net['best_epoch']}"
        if "solver" in net:
            trained = f"solved by {net['solver']}"
        say(name, f"{net['type']}, {trained}")
    for line in _held_out(info):
        say("held out", line)
    if needed := [name for name in info["left_out"] if is_needed(name)]:
        options = " ".join(f"--set {name}=..." for name in needed)
        say("needs", f"{options} for predict, tag, evaluate and report")
    counts = card.get("items_by_genre")
    counts = counts if isinstance(counts, dict) else {}
    versions = (f"{name} {version}" for name, version in info["versions"].items())
    say("versions", ", ".join(versions))
    if info["differ"]:
        say("differ", f"{in_words(info['differ'])}: predictions may differ")
    genres = (
        f"{name} ({counts[name]:,})" if _is_count(counts.get(name)) else name
        for name in info["genres"]
    )
    say("genres", ", ".join(genres))


def _held_out(info):
    """Yield lines on the held-out items: their number, and each metric with the controls'."""
    held_out = info["card"].get("held_out")
    if not isinstance(held_out, dict) or not isinstance(held_out.get("metrics"), dict):
        return
    items, artists = held_out.get("items"), held_out.get("artists")
    of_whom = f" of {count_of(artists, 'artist')}" if _is_count(artists) else ""
    n_items = count_of(items, "item") if _is_count(items) else "- items"
    yield f"{n_items}{of_whom}, not used for training"
    majority = "class prior" if info["several_genres"] else "majority genre"
    controls = {"plain": held_out.get("plain"), majority: {"metrics": held_out.get("prior")}}
    controls = {name: _metrics(control) for name, control in controls.items()}
    for name, value in held_out["metrics"].items():
        compared = [f"{who} {_number(of[name])}" for who, of in controls.items() if name in of]
        yield f"{name} {_number(value)}" + (f" ({', '.join(compared)})" if compared else "")
    never = held_out.get("never_predicted")
    if never and isinstance(never, list):
        yield f"never predicted: {len(never)} of {len(info['genres'])} genres"


def _metrics(control):
    metrics = control.get("metrics") if isinstance(control, dict) else None
    return metrics if isinstance(metrics, dict) else {}


def _is_count(value):
    return isinstance(value, int) and not isinstance(value, bool)


def _number(value):
    try:
        return f"{value:.3f}"
    except (TypeError, ValueError, OverflowError):  # not a number, or one beyond the largest float
        return "-"
