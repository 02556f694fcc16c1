"""What a report says of the data and on the model card."""

import numpy as np

from ..._library_versions import differences, in_words, names_to_record, names_used_by, versions_of
from ...audio import AudioEmbedder
from ...image import ImageEmbedder, ResNetEmbedder
from ...nets import NetEstimator
from ...nets.targets import METRICS
from ...pretrained._catalogue import MODELS
from ...text import TextEmbedder
from ...utils import estimators_in, find_steps, first_few, is_missing

_SHOWN = 20  # cells that could not be used
# Of the card, what has a line of its own or is part of another section.
_TOLD_ELSEWHERE = {"held_out", "items_by_genre", "genres", "limits"}
_LABELS = {
    "made_by": "Made by",
    "trained_on": "Trained on",
    "modalities": "Modalities",
    "several_genres": "Several genres an item",
    "class_weight": "Class weights",
    "items": "Items trained on",
    "artists": "Artists trained on",
    "left_out": "Left out of the training",
    "first_genre_only": "Items whose first genre alone counted",
    "audio_model": "Network for the sound",
    "seed": "Seed",
}
_LIMITS = (
    "It knows the genres of its training data and no others; each item is compared with these.",
    "The metrics are of the rows of this report. Other music, other languages and other periods "
    "may give others.",
    "Intervals say how the metrics vary with the artists that were tested, not with the training "
    "data or the seed.",
    "An explanation says what the model used, not what makes the music that genre.",
)


def facts_of_data(items, columns):
    """Return the numbers of items, artists and missing cells.

    Parameters
    ----------
    items : Items
    columns : dict of str to (str or list)
        Of the model, by modality.

    Returns
    -------
    facts : dict
    """
    counts = {}
    for name in (name for item in items.genres for name in item):
        counts[name] = counts.get(name, 0) + 1
    artists = {}
    for row in range(len(items.names)):
        name = items.artist(row)
        if name:
            artists[name] = artists.get(name, 0) + 1
    missing = []
    for modality, column in columns.items():
        if isinstance(column, str) and column in items.table:
            n = sum(map(is_missing, items.table[column]))
            missing.append({"modality": modality, "column": column, "n": n})
    largest = max(artists, key=artists.get, default="")
    return {
        "n_items": len(items.names),
        "n_artists": len(artists),
        "n_without_artist": sum(not items.artist(row) for row in range(len(items.names))),
        "largest": largest,
        "n_of_largest": artists.get(largest, 0),
        "counts": dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))),
        "missing": missing,
    }


def facts_of_errors(errors):
    """Return the first of the cells that could not be used, and how many there are."""
    return {"n": len(errors), "first": errors[:_SHOWN]}


def encoders_of(model):
    """Return the networks of others in a model, with their licences.

    Returns
    -------
    encoders : list of dict
        name, use, licence, citation.
    """
    found = {}
    kinds = {AudioEmbedder: "sound", TextEmbedder: "text", ImageEmbedder: "covers"}
    for step in estimators_in(model):
        for kind, use in kinds.items():
            if isinstance(step, kind):
                name = str(step.model) if isinstance(step.model, str) else "an encoder of the user"
                found[name] = {"name": name, "use": use, **_licence_of(name)}
        if isinstance(step, ResNetEmbedder) and hasattr(step, "depth_"):
            if step.depth_ != "small" and step.weights is not None:
                found["ResNet"] = {
                    "name": f"ResNet-{step.depth_}, started from trained weights",
                    "use": "covers",
                    "licence": "torchvision: BSD-3-Clause; the pictures of ImageNet are for "
                    "research that is not commercial",
                    "citation": "He et al. (2016). Deep residual learning for image recognition.",
                }
    return list(found.values())


def _licence_of(name):
    if name in MODELS:
        return {"licence": MODELS[name].licence, "citation": MODELS[name].citation}
    return {"licence": "not known here: see the page of the model", "citation": ""}


def curves_of(model):
    """Return the losses and the metric of each network in a model.

    Returns
    -------
    curves : list of dict
        name, best, and series by label: list of float.
    """
    found = []
    for name, network in find_steps(model, NetEstimator).items():
        history = getattr(network, "history_", None)
        if not history:
            continue
        series = {}
        for key, label in {"train_loss": "training", "valid_loss": "validation"}.items():
            values = [float(epoch[key]) for epoch in history if epoch.get(key) is not None]
            if values and np.isfinite(values).any():
                series[label] = values
        metric = {}
        for key, label in METRICS.items():
            values = [float(epoch.get(key, np.nan)) for epoch in history]
            if not metric and np.isfinite(values).any():
                metric = {"label": label, "values": values}
        if series or metric:
            best = int(network.best_iter_)
            found.append({"name": name, "best": best, "series": series, "metric": metric})
    return found


def facts_of_model(model, card, versions):
    """Return the model card.

    Parameters
    ----------
    model : estimator
    card : dict
        Of a model file.
    versions : dict of str to str or None
        Of the libraries that it was saved with; None if it comes from no file.

    Returns
    -------
    facts : dict
        lines (list of (str, str)), networks, encoders, versions, differ, limits.
    """
    classes = [type(step) for step in estimators_in(model)]
    used = names_used_by(classes)
    lines = []
    for name, value in card.items():
        is_empty = value is None or (hasattr(value, "__len__") and len(value) == 0)
        if name not in _TOLD_ELSEWHERE and not is_empty:
            label = _LABELS.get(name, str(name).replace("_", " ").capitalize())
            lines.append((label, _text(value)))
    networks = [
        (name, f"{type(net).__name__}, epoch {net.best_iter_} of {net.n_iter_} is the best")
        for name, net in find_steps(model, NetEstimator).items()
        if hasattr(net, "n_iter_")
    ]
    own = card.get("limits")
    return {
        "lines": lines,
        "networks": networks,
        "encoders": encoders_of(model),
        "versions": versions or versions_of(names_to_record(classes)),
        "differ": in_words(differences(versions, used)) if versions else "",
        "limits": ([_text(own)] if own else []) + list(_LIMITS),
    }


def _text(value):
    """A value of a card in words; a card may hold anything."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        told = [f"{str(name).replace('_', ' ')}: {_text(part)}" for name, part in value.items()]
        return first_few(told, 12, count=True, separator="; ") or "none"
    if isinstance(value, (list, tuple)):
        return first_few(map(_text, value), 12, count=True) or "none"
    if isinstance(value, int):
        return f"{value:,}"
    return f"{value:.3f}" if isinstance(value, float) else str(value)
