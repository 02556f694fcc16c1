"""The sections of a report on the data, the learning curves and the model card."""

import os

import numpy as np

from ..._library_versions import differences, in_words, names_to_record, names_used_by, versions_of
from ..._model_summary import networks_of
from ...audio import AudioEmbedder
from ...compose import ReadyVectors
from ...image import ImageEmbedder, ResNetEmbedder
from ...nets import NetEstimator
from ...nets.targets import METRICS
from ...pretrained._catalogue import MODELS
from ...text import TextEmbedder
from ...utils import estimators_in, find_steps, first_few, is_missing

_SHOWN = 20  # errors that are listed
# Entries of the card that are shown in other sections.
_TOLD_ELSEWHERE = {"held_out", "items_by_genre", "genres", "limits"}
_LABELS = {
    "made_by": "Made by",
    "trained_on": "Trained on",
    "modalities": "Modalities",
    "several_genres": "Multilabel",
    "class_weight": "Class weights",
    "items": "Items trained on",
    "artists": "Artists trained on",
    "left_out": "Excluded from training",
    "first_genre_only": "Items with several genres, of which the first was used",
    "audio_model": "Network for the sound",
    "audio_n_patches": "Windows of sound per track",
    "seed": "Seed",
}
_LIMITS = (
    "The model only knows the genres of its training data, and predicts among these.",
    "The metrics are those of the rows of this report. They may differ for other music, other "
    "languages and other periods.",
    "The intervals reflect how the metrics vary with the tested artists, not with the training "
    "data or the seed.",
    "An explanation shows what the model used, not what makes the music belong to a genre.",
)


def facts_of_data(items, columns):
    """Count items, artists and missing cells.

    Parameters
    ----------
    items : Items
    columns : dict of str to (str or list)
        Columns of the model, by modality.

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
    """Return the first errors, and their total number."""
    return {"n": len(errors), "first": errors[:_SHOWN]}


def encoders_of(model):
    """List the pretrained encoders of a model, with their licences.

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
                name = "a user-defined encoder"
                if isinstance(step.model, str):
                    folder = os.path.isdir(step.model)  # a local path must not be in a report
                    name = os.path.basename(os.path.abspath(step.model)) if folder else step.model
                found[name] = {"name": name, "use": use, **_licence_of(name)}
        if isinstance(step, ReadyVectors):
            name = "precomputed vectors"
            found[name] = {
                "name": name,
                "use": "origin unknown",
                "licence": "unknown: it is that of the encoder that computed them",
                "citation": "",
            }
        if isinstance(step, ResNetEmbedder) and hasattr(step, "depth_"):
            if step.depth_ != "small" and step.weights is not None:
                found["ResNet"] = {
                    "name": f"ResNet-{step.depth_}, initialized with pretrained weights",
                    "use": "covers",
                    "licence": "torchvision: BSD-3-Clause; the images of ImageNet are for "
                    "non-commercial research only",
                    "citation": "He et al. (2016). Deep residual learning for image recognition.",
                }
    return list(found.values())


def _licence_of(name):
    if name in MODELS:
        return {"licence": MODELS[name].licence, "citation": MODELS[name].citation}
    return {"licence": "unknown; see the model's page", "citation": ""}


def curves_of(model):
    """Collect the losses and the metric of each network in a model.

    Returns
    -------
    curves : list of dict
        name, best, series (list of float by label) and metric (label, values; may be empty).
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
    """Build the section of the model card.

    Parameters
    ----------
    model : estimator
    card : dict
        The card of a model file.
    versions : dict of str to str or None
        Library versions that the model was saved with; None if it is not from a file.

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
    networks = []
    for name, net in networks_of(model).items():
        trained = f"best epoch: {net['best_epoch']} of {net['epochs']}"
        if "solver" in net:
            trained = f"solved by {net['solver']}"
        networks.append((name, f"{net['type']}, {trained}"))
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
    """Format a value of a card, which may contain any type."""
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
