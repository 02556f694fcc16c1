"""Metadata of a model file, read from its manifest only: imports no torch, numpy or pandas."""

import json
import re
from typing import TYPE_CHECKING, Any, BinaryIO

from ._model_archive import read_manifest

if TYPE_CHECKING:
    from ._typing import FilePath  # imports numpy

_SUMMARY = {
    "genres": list,
    "several_genres": bool,
    "modalities": dict,
    "networks": dict,
    "estimators": list,
}
_NETWORK = {"type": str, "epochs": int, "best_epoch": int}
_SOLVED = {**_NETWORK, "solver": str}
# Parameters that predictions do not depend on, among those that `save` leaves out.
_IDLE = {"cache", "memory", "weights"}
_NOT_IDLE = {"AudioEmbedder.weights"}  # its weights are not part of its state


def model_info(path: "FilePath | BinaryIO") -> dict[str, Any]:
    """Return the metadata of a model file, without loading the model.

    Parameters
    ----------
    path : str, path-like or binary file object
        A file written by `save`. A file object is read from its current position (after `save`
        call its ``seek(0)``) and is returned to it; it must be seekable. Pass bytes, such as a
        network response, as ``io.BytesIO(content)``.

    Returns
    -------
    info : dict
        ``format``; ``versions`` of the libraries it was saved with; ``card``, including the
        genres; ``left_out``, names of the parameters to pass to `load`; ``bytes``, the size of the
        file.

    Raises
    ------
    ValueError
        If it is not a model file, or has another format.
    FileNotFoundError
        If the file does not exist.

    See Also
    --------
    save : Write a model file; has an example.
    """
    manifest, n_bytes = read_manifest(path)
    parts = {name: manifest[name] for name in ("format", "versions", "card", "left_out")}
    return {**parts, "left_out": names_left_out(manifest), "bytes": n_bytes}


def read_summary(path):
    """Return the result of `summarize` when the model was saved.

    Parameters
    ----------
    path : str, path-like or binary file object

    Returns
    -------
    summary : dict or None
        None if the file has no summary (files of earlier versions), or if it does not have the
        form that `save` writes. Like the card, it is not verified against the model.

    Raises
    ------
    ValueError
        If it is not a model file, or has another format.
    """
    summary = read_manifest(path)[0].get("summary")
    return summary if _is_summary(summary) else None


def read_seen(path):
    """Return the hashes of the items and artists that a model was trained on.

    Parameters
    ----------
    path : str, path-like or binary file object

    Returns
    -------
    seen : Seen or None
        None if the file does not contain them, such as a file of an earlier version.

    Raises
    ------
    ValueError
        If it is not a model file, or has another format.
    """
    from ._seen import Seen  # imports numpy and pandas

    return Seen.of_manifest(read_manifest(path)[0].get("seen"))


def summarize(model):
    """Return the summary that `skmmgenre info` shows of a model from a table to genres.

    Parameters
    ----------
    model : estimator
        A fitted model.

    Returns
    -------
    summary : dict or None
        Plain values: genres, several_genres, modalities and their columns, networks, and the
        names of the classes of all estimators. None if the model does not predict genres from
        a table, or if its columns are selected by an object that is not JSON-serializable.
    """
    from .compose import TagClassifier
    from .utils import estimators_in

    if "modalities" not in getattr(model, "named_steps", ()):
        return None
    if not (hasattr(model[-1], "target_") or isinstance(model[-1], TagClassifier)):
        return None
    summary = {
        "genres": genres_of(model),
        "several_genres": has_several_genres(model),
        "modalities": modalities_of(model),
        "networks": networks_of(model),
        "estimators": sorted({type(step).__name__ for step in estimators_in(model)}),
    }
    try:
        return json.loads(json.dumps(summary))
    except TypeError:
        return None


def networks_of(model):
    """Return how each network of a model was trained: type, epochs, best_epoch, and any solver.

    A layer that L-BFGS solved has no epochs in the usual sense.
    """
    from .fusion import FusionClassifier
    from .nets import NetEstimator
    from .utils import find_steps

    def is_solved(network):
        return isinstance(network, FusionClassifier) and hasattr(network, "C_")

    return {
        name: {
            "type": type(network).__name__,
            "epochs": int(network.n_iter_),
            "best_epoch": int(network.best_iter_),
            **({"solver": "L-BFGS"} if is_solved(network) else {}),
        }
        for name, network in find_steps(model, NetEstimator).items()
        if hasattr(network, "n_iter_")
    }


def modalities_of(model):
    """Return the names of a model's modalities and their columns."""
    return {name: column for name, _, column in model.named_steps["modalities"].transformers}


def genres_of(model):
    """Return the names of a model's genres as plain str."""
    return [str(name) for name in model.classes_]


def has_several_genres(model):
    """Return whether the predictions of a model are multilabel."""
    from .nets.targets import SoftmaxTarget

    return not isinstance(getattr(model[-1], "target_", None), SoftmaxTarget)


def is_needed(name):
    """Return whether predictions depend on a parameter that was left out.

    Parameters
    ----------
    name : str
        One of the names that `save` returns.
    """
    return name in _NOT_IDLE or name.rpartition(".")[2] not in _IDLE


def names_left_out(manifest):
    """Return the names of the parameters that were left out, according to a manifest.

    Anything else in it is ignored: a manifest may have been written by someone else.
    """
    names = [name for name in manifest["left_out"] if isinstance(name, str)]
    return [name for name in names if re.fullmatch(r"\w+\.\w+", name)]


def _is_summary(found):
    return (
        _has_kinds(found, _SUMMARY)
        and all(isinstance(name, str) for name in found["genres"] + found["estimators"])
        and all(
            _has_kinds(network, _NETWORK) or _has_kinds(network, _SOLVED)
            for network in found["networks"].values()
        )
    )


def _has_kinds(found, kinds):
    return (
        isinstance(found, dict)
        and found.keys() == kinds.keys()
        and all(type(found[name]) is kind for name, kind in kinds.items())
    )
