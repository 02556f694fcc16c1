"""What a model file says of itself, read from its manifest alone: no torch, numpy or pandas."""

import json
from typing import TYPE_CHECKING, Any, BinaryIO

from . import __version__
from ._model_archive import Refused, read_manifest

if TYPE_CHECKING:
    from ._typing import FilePath  # with it comes numpy

FORMAT = 1
_SUMMARY = {
    "genres": list,
    "several_genres": bool,
    "modalities": dict,
    "networks": dict,
    "estimators": list,
}
_NETWORK = {"type": str, "epochs": int, "best_epoch": int}


def model_info(path: "FilePath | BinaryIO") -> dict[str, Any]:
    """Tell what a model file says of itself, without loading the model.

    Parameters
    ----------
    path : str, path-like or binary file object
        A file of `save`. A file object is read from its position on (after `save` call its
        ``seek(0)``) and is left there; it must be seekable. Pass bytes, such as those of a network
        response, as ``io.BytesIO(content)``.

    Returns
    -------
    info : dict
        format; versions, those of the libraries it was saved with; card, with its genres;
        left_out, names of parameters that `load` takes again; bytes, the size of the file.

    Raises
    ------
    ValueError
        If it is no model file, or of another format.
    FileNotFoundError
        If there is no file.

    See Also
    --------
    save : Has an example.
    """
    manifest, n_bytes = _read(path)
    parts = {name: manifest[name] for name in ("format", "versions", "card", "left_out")}
    return {**parts, "left_out": names_left_out(manifest), "bytes": n_bytes}


def read_summary(path):
    """Return what `summarize` told of a model when it was saved.

    Parameters
    ----------
    path : str, path-like or binary file object

    Returns
    -------
    summary : dict or None
        None if the file has none, as one of an earlier version, or one that is not as `save`
        writes it. It is a claim, as the card is: nothing compares it with the model.

    Raises
    ------
    ValueError
        If it is no model file, or of another format.
    """
    summary = _read(path)[0].get("summary")
    return summary if _is_summary(summary) else None


def read_seen(path):
    """Return what a model was trained on, as far as its file knows.

    Parameters
    ----------
    path : str, path-like or binary file object

    Returns
    -------
    seen : Seen or None
        None if the file does not say, as one of an earlier version.

    Raises
    ------
    ValueError
        If it is no model file, or of another format.
    """
    from ._seen import Seen  # with it come numpy and pandas

    return Seen.of_manifest(_read(path)[0].get("seen"))


def summarize(model):
    """Return what `skmmgenre info` shows of a model that goes from a table to genres.

    Parameters
    ----------
    model : estimator
        Fitted.

    Returns
    -------
    summary : dict or None
        Plain values: genres, several_genres, modalities and their columns, networks, and the
        names of the classes of all estimators. None of another model, or if its columns are
        chosen by something that JSON cannot hold.
    """
    from .compose import TagClassifier
    from .nets import NetEstimator
    from .utils import estimators_in, find_steps

    if "modalities" not in getattr(model, "named_steps", ()):
        return None
    if not (hasattr(model[-1], "target_") or isinstance(model[-1], TagClassifier)):
        return None
    networks = {
        name: {
            "type": type(network).__name__,
            "epochs": int(network.n_iter_),
            "best_epoch": int(network.best_iter_),
        }
        for name, network in find_steps(model, NetEstimator).items()
        if hasattr(network, "n_iter_")
    }
    summary = {
        "genres": genres_of(model),
        "several_genres": has_several_genres(model),
        "modalities": modalities_of(model),
        "networks": networks,
        "estimators": sorted({type(step).__name__ for step in estimators_in(model)}),
    }
    try:
        return json.loads(json.dumps(summary))
    except TypeError:
        return None


def modalities_of(model):
    """Return the names of a model's modalities and their columns."""
    return {name: column for name, _, column in model.named_steps["modalities"].transformers}


def genres_of(model):
    """Return the names of a model's genres as plain str."""
    return [str(name) for name in model.classes_]


def has_several_genres(model):
    """Tell whether a model answers with several genres an item."""
    from .nets.targets import SoftmaxTarget

    return not isinstance(getattr(model[-1], "target_", None), SoftmaxTarget)


def names_left_out(manifest):
    """Return the names of the parameters that a manifest says were left out."""
    return [name for name in manifest["left_out"] if isinstance(name, str)]


def remedy_of_strangers(manifest):
    """Return what to do with a file that this version cannot have written."""
    made_with = str(manifest["versions"].get("skmmgenre", "another version"))
    if made_with == __version__:
        return "skmmgenre.save writes no such file: do not use it."
    return f"It says it is of skmmgenre {made_with}: if you trust that, install this version."


def check_format(path, manifest):
    """Refuse a manifest of another format than this version reads."""
    if manifest["format"] != FORMAT:
        raise Refused(
            path,
            f"it is of format {manifest['format']}, and skmmgenre {__version__} reads format "
            f"{FORMAT}",
            remedy_of_strangers(manifest),
        )


def _read(path):
    manifest, n_bytes = read_manifest(path)
    check_format(path, manifest)
    return manifest, n_bytes


def _is_summary(found):
    return (
        _has_kinds(found, _SUMMARY)
        and all(isinstance(name, str) for name in found["genres"] + found["estimators"])
        and all(_has_kinds(network, _NETWORK) for network in found["networks"].values())
    )


def _has_kinds(found, kinds):
    return (
        isinstance(found, dict)
        and found.keys() == kinds.keys()
        and all(type(found[name]) is kind for name, kind in kinds.items())
    )
