"""Download and check pretrained weights, and store them as files that only contain arrays."""

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
# Only a wheel, because pip would execute the build script of a source distribution.
_DOWNLOAD = ["-m", "pip", "download", "--no-deps", "--only-binary=:all:", f"{PACKAGE}=={VERSION}"]
_COMMAND = " ".join(["python", *_DOWNLOAD])
_DATA = ".data-00000-of-00001"
_OPTIMIZER = ("Adam", "power")  # parts of the names of arrays that only training needs


def fetch(name: str, source: FilePath | None = None) -> Path:
    """Fetch the weights of a pretrained model, unless they have been fetched before.

    Parameters
    ----------
    name : str
        Name of the model in `list_models`: "musicnn" or "musicnn-mtt". One download contains
        both.
    source : str or path, default=None
        Path of the wheel musicnn-0.1.0-py3-none-any.whl, if it was downloaded elsewhere. None:
        use the wheel in the folder of the returned path, or else download it with
        ``python -m pip download``, with the index, proxy and mirrors of pip's configuration.

    Returns
    -------
    path : Path
        A safetensors file with licence and citation in its metadata, in the folder "pretrained"
        of :func:`skmmgenre.datasets.get_data_home`. The file is written atomically.

    Raises
    ------
    ValueError
        If the name is unknown, or if the SHA-256 of the file is not that of the wheel. The hash is
        checked first, and nothing of the wheel is installed or executed.
    OSError
        If the download fails. The message shows a command to download the file on another
        machine, and where to put it.

    See Also
    --------
    list_models : List the available models and their licences.
    skmmgenre.audio.AudioEmbedder : Estimator that uses the weights.

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
    """Return the path of the weights of a model, whether or not they have been fetched."""
    return get_data_home() / _FOLDER / f"{name}.safetensors"


def _download(folder):
    """Download the wheel into a folder with pip, and return its path."""
    command = [sys.executable or "python", *_DOWNLOAD]
    more = ["--disable-pip-version-check", "--quiet", "--dest", folder]
    try:
        done = subprocess.run([*command, *more], capture_output=True, text=True, errors="replace")
    except OSError as error:
        raise _not_downloaded(str(error)) from error
    if done.returncode:
        lines = done.stderr.strip().splitlines() or [f"pip exited with status {done.returncode}"]
        if "No module named pip" in done.stderr:
            raise _not_downloaded("pip is not installed in this environment")
        errors = [line for line in lines if line.startswith("ERROR: ")]
        raise _not_downloaded((errors or lines)[-1].removeprefix("ERROR: "))
    return Path(folder) / WHEEL


def _not_downloaded(reason):
    folder = str(get_data_home() / _FOLDER)
    return OSError(
        f"{PACKAGE} could not be downloaded: {reason.strip().rstrip('.')}. Run `{_COMMAND}` on a "
        f"machine with pip and network access, put {WHEEL} into {folder!r}, and fetch again. Or "
        f"pass its path: `skmmgenre fetch {PACKAGE} --from {WHEEL}`, or in Python "
        f"fetch({PACKAGE!r}, {WHEEL!r})."
    )


def _read_wheel(path):
    """Return the content of the wheel after checking its hash."""
    try:
        content = Path(path).read_bytes()
    except OSError as error:
        raise OSError(
            f"The wheel {os.fspath(path)!r} cannot be read ({error.strerror}). Download it with "
            f"`{_COMMAND}`."
        ) from error
    found = hashlib.sha256(content).hexdigest()
    if found != SHA256:
        raise ValueError(
            f"{os.fspath(path)!r} is not {WHEEL}: its SHA-256 is {found[:16]}..., expected "
            f"{SHA256[:16]}.... It is truncated, modified or a different file, and was not used. "
            f"Download it with `{_COMMAND}`."
        )
    return content


def _convert(wheel):
    """Write the weights of all models in a wheel to their paths in the data home."""
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
    # From the bytes whose hash was checked: the file may have changed since then.
    with zipfile.ZipFile(io.BytesIO(wheel)) as archive:
        index, data = (archive.read(f"{folder}/{name}") for name in (".index", _DATA))
    return read_checkpoint(index, data, lambda name: not any(o in name for o in _OPTIMIZER))


# ---- reading the weights ------------------------------------------------------------------


@dataclass(frozen=True, eq=False)  # one object per content of a file
class Weights:
    """Arrays by name, and a hash of all of them."""

    arrays: dict
    fingerprint: str


def read_weights(name, path, shapes):
    """Read the weights of a model.

    Parameters
    ----------
    name : str
        A name in `list_models`.
    path : str, path or None
        A safetensors file, or the wheel. None: the file written by `fetch`.
    shapes : dict of str to tuple
        Names and shapes of the expected arrays.

    Returns
    -------
    weights : Weights
        Shared between calls; must not be modified.

    Raises
    ------
    SetupError
        If the file does not exist, cannot be read, or contains other arrays.
    """
    file = path_of(name) if path is None else Path(path)
    try:
        status = file.stat()
    except OSError as error:
        if path is None:
            raise SetupError(
                f"The weights of {name!r} are not in {str(file.parent)!r}. Fetch them once with "
                f"`skmmgenre fetch {name}`, or in Python skmmgenre.pretrained.fetch({name!r})."
            ) from None
        raise SetupError(
            f"weights={os.fspath(path)!r} cannot be read ({error.strerror}). Check the path, or "
            "omit weights to use the file of `skmmgenre fetch`."
        ) from error
    try:
        weights = _read(name, str(file), (status.st_ino, status.st_size, status.st_mtime_ns))
        found = {key: array.shape for key, array in weights.arrays.items()}
        if wrong := sorted(k for k in found.keys() | shapes if found.get(k) != shapes.get(k)):
            raise ValueError(f"{len(wrong)} arrays do not match {name}, such as {wrong[0]!r}")
        if any(array.dtype != np.float32 for array in weights.arrays.values()):
            raise ValueError("its arrays are not float32")
    except (ValueError, OSError, zipfile.BadZipFile) as error:
        remedy = "Remove it and fetch it again" if path is None else "Pass another path"
        raise SetupError(
            f"The file {str(file)!r} does not contain the weights of {name}: {error}. {remedy}."
        ) from error
    return weights


@functools.lru_cache(maxsize=4)
def _read(name, file, mark):
    """Read the arrays of a file; `mark` changes when the file at the path is replaced."""
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
        raise ValueError(f"it is not a valid safetensors file ({error})") from error
    # The metadata, which `load` does not return, are in the header: its length, then JSON.
    header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
    of = header.get("__metadata__", {}).get("name", name)
    if of != name:  # arrays of another model may have the same names and shapes
        raise ValueError(f"the weights are those of {of}")
    return arrays
