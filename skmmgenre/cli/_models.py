"""A model in a file, with a card that says what it is."""

import os
import tempfile

from ._answers import set_everywhere


def load_model(path, **params):
    """Open the file of a model.

    Parameters
    ----------
    path : str
    **params
        Set on all steps that have them; how a model was trained does not bind its use.

    Returns
    -------
    model : GenrePipeline
    card : dict

    Raises
    ------
    FileNotFoundError
        If there is no file.
    ValueError
        If it is no model that goes from a table of music to genres.
    """
    from .. import load, model_info  # with skops comes torch, which `--help` does without

    if not os.path.isfile(path):
        raise FileNotFoundError(f"there is no model {path!r}; skmmgenre train makes one")
    model, card = load(path), model_info(path)["card"]
    if "modalities" not in getattr(model, "named_steps", ()) or not hasattr(model, "predict"):
        raise ValueError(
            f"{path!r} holds a {type(model).__name__}, which does not go from a table of music to "
            "genres. Use a file that skmmgenre train made, or save the whole GenrePipeline."
        )
    if params:
        set_everywhere(model, **params)
    return model, card


def check_place(path):
    """Refuse a path that a model cannot be written to, before hours of training.

    Raises
    ------
    FileNotFoundError, IsADirectoryError, PermissionError
    """
    folder = os.path.dirname(path) or "."
    if not os.path.isdir(folder):
        raise FileNotFoundError(f"there is no folder {folder!r} for the model: make it first")
    if os.path.isdir(path):
        raise IsADirectoryError(f"{path!r} is a folder; name a file for the model")
    try:  # rights alone do not tell: the disk may be read-only, or the user above them
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise PermissionError(
            f"the model {path!r} cannot be written ({error.strerror}): allow writing in its "
            "folder, or name another place with -o"
        ) from error
