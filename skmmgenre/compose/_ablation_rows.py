"""The rows of an ablation: the blocks each is trained on, and the row each control refers to."""

import warnings
from itertools import chain, combinations
from typing import NamedTuple

from ..nets import NetEstimator
from ..utils import walk

CONTROLS = (
    "plain",
    "missing pattern",
    "mean of probabilities",
    "two seeds",
    "shuffled covers",
    "cross_fit",
)
# Multilabel only: a high diversity is easy to reach.
CONTROLS_OF_SCORES = ("random scores", "half of log prior removed")
_TWO_SEEDS = "two seeds of "
PLAIN, _CONCATENATED = "plain ", ", concatenated"


class Row(NamedTuple):
    """A fusion layer trained on some blocks; if `target` is None, that of the model is used."""

    input: str
    name: str
    blocks: tuple
    target: str | None = None


# The nine rows of Table 2.
_TABLE_2 = [
    Row("Audio", "CNN_Audio", ("audio",)),
    Row("Audio", "MM_Audio", ("mm_audio",)),
    Row("Audio", "CNN_Audio + MM_Audio", ("audio", "mm_audio")),
    Row("Video", "CNN_Visual", ("image",)),
    Row("Video", "MM_Visual", ("mm_image",)),
    Row("Video", "CNN_Visual + MM_Visual", ("image", "mm_image")),
    Row("A + V", "CNN_Audio + CNN_Visual", ("audio", "image")),
    Row("A + V", "MM_Audio + MM_Visual", ("mm_audio", "mm_image")),
    Row("A + V", "All", ("audio", "image", "mm_audio", "mm_image")),
]
# Each modality of Table 6 alone, and its eight fusions.
_LETTERS = {"A": "audio", "T": "text", "I": "image"}
_TABLE_6 = [
    Row(parts, f"{parts} {target}", tuple(_LETTERS[part] for part in parts.split(" + ")), target)
    for inputs in (("A", "T", "I"), ("A + T", "A + I", "T + I", "A + T + I"))
    for target in ("logistic", "cosine")
    for parts in inputs
]


def resolve_rows(subsets, modalities, views, *, several):
    """Return the rows of an ablation.

    Parameters
    ----------
    subsets : "all", "paper" or list
    modalities : list of str
        The model's modalities.
    views : sequence of str
        Views of the model's joint space; empty if it has none.
    several : bool
        Whether y is multilabel.

    Returns
    -------
    rows : list of Row
    """
    if isinstance(subsets, str) and subsets == "paper":
        return _paper_rows(modalities, views, several=several)
    if isinstance(subsets, str):
        if subsets != "all":
            raise ValueError(f"subsets must be 'all', 'paper' or a list, got {subsets!r}.")
        rows = []
        for size in range(1, len(modalities) + 1):
            for subset in combinations(modalities, size):
                name = " + ".join(subset)
                embedded = [f"mm_{view}" for view in views if view in subset]
                rows.append(Row(name, name, (*subset, *embedded)))
        return rows
    known = set(modalities)
    known |= {f"mm_{view}" for view in views or ("audio", "image") if view in known}
    rows = []
    for subset in subsets:
        blocks = subset.split(" + ") if isinstance(subset, str) else list(subset)
        unknown = [block for block in blocks if block not in known]
        if unknown or not blocks:
            raise ValueError(
                f"subset {subset!r} has the unknown blocks {unknown}; known blocks are "
                f"{sorted(known)}."
            )
        inputs = " + ".join(dict.fromkeys(block.removeprefix("mm_") for block in blocks))
        rows.append(Row(inputs, " + ".join(blocks), tuple(blocks)))
    return rows


def _paper_rows(modalities, views, *, several):
    if several:
        if not set(_LETTERS.values()) <= set(modalities):
            raise ValueError(
                "subsets='paper' with multilabel y needs audio, text and image; the model has "
                f"{modalities}."
            )
        return _TABLE_6
    if not {"audio", "image"} <= set(modalities) or set(views) - {"audio", "image"}:
        raise ValueError(
            "subsets='paper' needs audio and image, and a joint space of these two if any; "
            f"the model has {modalities}" + (f" and the views {views}." if views else ".")
        )
    return _TABLE_2


def resolve_controls(controls, rows, branches, views, targets, *, several):
    """Return the names of the controls to run.

    "two seeds" is one row per modality, "plain" one or two per subset. A control that is requested
    by name and cannot be run is an error; "all" excludes it with a warning.

    Parameters
    ----------
    controls : sequence of str or "all"
    rows : list of Row
    branches : dict of str to estimator
        The model's modalities.
    views : sequence of str
        Views of the model's joint space; empty if it has none.
    targets : set of str
        Targets of the fusion layers of the rows.
    several : bool
        Whether y is multilabel.

    Returns
    -------
    names : list of str
    """
    hindered = _hindered(branches, views, targets)
    seeds = [f"{_TWO_SEEDS}{modality}" for modality in branches]
    known = (*CONTROLS, *CONTROLS_OF_SCORES) if several else CONTROLS
    everything = isinstance(controls, str) and controls == "all"
    if isinstance(controls, str):
        controls = known if everything else [controls]
    names, left_out = [], []
    for control in controls:
        if control not in known and control not in seeds:
            raise ValueError(
                f"Unknown control {control!r}: choose from {list(known)}"
                + (" (multilabel)." if several else " (single-label).")
            )
        if control == "two seeds":
            some = [name for name in seeds if name not in hindered]
            reason = None if some else "needs a modality with a network"
        elif control == "plain":
            some, reason = _plain_rows(rows), None
        else:
            some, reason = [control], hindered.get(control)
        if reason is None:
            names += some
        elif everything:
            left_out.append(f"{control!r} ({reason})")
        else:
            raise ValueError(f"The control {control!r} {reason}.")
    if left_out:
        warnings.warn(f"controls='all' skips these controls: {', '.join(left_out)}.", stacklevel=3)
    return names


def _plain_rows(rows):
    """Return the names of the plain controls of all subsets of the modalities."""
    names = []
    for subset in dict.fromkeys(_modalities(row) for row in rows):
        name = f"{PLAIN}{' + '.join(subset)}"
        names += [name] if len(subset) == 1 else [name, f"{name}{_CONCATENATED}"]
    return names


def plain_subset(control):
    """Return the modalities of a plain control and how they are combined; None for others."""
    if not control.startswith(PLAIN):
        return None
    subset = control.removeprefix(PLAIN).removesuffix(_CONCATENATED)
    combine = "concatenate" if control.endswith(_CONCATENATED) else "mean"
    return tuple(subset.split(" + ")), combine


def _modalities(row):
    """Return the modalities whose vectors a row contains, including joint-space vectors."""
    return tuple(dict.fromkeys(block.removeprefix("mm_") for block in row.blocks))


def _hindered(branches, views, targets):
    """Return the reasons why some controls cannot be run, by their names."""
    networks = {name: find_networks(branch) for name, branch in branches.items()}
    hindered = {
        f"{_TWO_SEEDS}{name}": f"needs a network, and {name} has none"
        for name, found in networks.items()
        if not found
    }
    if targets == {"cosine"}:
        hindered["mean of probabilities"] = (
            "needs probabilities, which a fusion with target='cosine' does not give"
        )
    if not {"audio", "image"} <= set(branches):
        hindered["shuffled covers"] = "needs audio and image"
    elif views and set(views) != {"audio", "image"}:
        hindered["shuffled covers"] = f"needs a joint space of audio and image, not of {views}"
    every = chain.from_iterable(networks.values())
    folds = [network._cross_fits for network in every if hasattr(network, "_cross_fits")]
    if not folds:
        hindered["cross_fit"] = "needs a modality with a network"
    elif any(folds):
        hindered["cross_fit"] = (
            "needs networks with cross_fit=0, but those of the model cross-fit already"
        )
    return hindered


def find_networks(estimator):
    """Return the networks inside an estimator, or the estimator itself, before they are fitted."""
    steps = [step for _, step, _ in walk(estimator, fitted=False)]
    return [step for step in steps if isinstance(step, NetEstimator)]


def seeded_modality(control):
    """Return the modality of a control "two seeds of ..."; None for others."""
    return control.removeprefix(_TWO_SEEDS) if control.startswith(_TWO_SEEDS) else None


def controlled_row(control, rows):
    """Return the row that a control is a control for, or None."""
    if control in ("cross_fit", "half of log prior removed"):
        return max(rows, key=lambda row: len(row.blocks))
    if plain := plain_subset(control):
        return next(row for row in rows if _modalities(row) == plain[0])
    # MM_Audio with shuffled covers must not gain anything over audio alone.
    blocks = {"audio"} if control == "shuffled covers" else {seeded_modality(control)}
    return next((row for row in rows if set(row.blocks) == blocks), None)


def own_reference(rows):
    """Return the row that each input is compared with if reference="auto".

    The key None means all other inputs; an empty dict means the best single modality.
    """
    # By identity: only subsets="paper" returns this very list.
    return {"Video": "CNN_Visual", None: "CNN_Audio"} if rows is _TABLE_2 else {}
