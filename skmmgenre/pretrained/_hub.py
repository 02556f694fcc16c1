"""Models of the `transformers` library by hub name or folder: found, checked, and read.

Nothing of a model runs before it is checked: weights are read from safetensors alone, and code
that comes with a model is executed only where ``trust_remote_code=True`` asks for it. torch and
`transformers` are imported with the first use.
"""

import functools
import hashlib
import json
import os
import threading
from contextlib import contextmanager
from pathlib import Path

from ..utils import SetupError, import_from_extra

_OLDEST = 5  # major version of transformers; its feature methods return objects since
_WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors")
_INDEX = "model.safetensors.index.json"
_SETTINGS = ("*.json", "*.txt", "*.model")
# Exports to other formats lie in folders of their own, and their settings are not the model's.
_EXPORTS = ("onnx/*", "openvino/*", "coreml/*", "flax/*", "tf/*", "gguf/*")
_CONVERTER = "SFconvertbot"  # the hub's, as the author of pull requests
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_CONVERT = (
    "Pass a revision= that has them (a pull request is 'refs/pr/NUMBER'), or convert them once "
    "where you trust the file: transformers.AutoModel.from_pretrained(...).save_pretrained(folder)"
)
_BLOCK = 1 << 20  # bytes

_reading = threading.RLock()  # two threads that ask for one network read it once


def load_hub_audio(model, *, revision=None, trust_remote_code=False, layer=None, device="auto"):
    """Return an encoder of sound.

    Parameters
    ----------
    model : str or path
        Name on the hub, or folder.
    revision : str, default=None
        Branch, tag or commit of a hub name.
    trust_remote_code : bool, default=False
        Whether code that comes with the model may run.
    layer : int, default=None
        Hidden layer whose mean over time is returned; 0 is the input of the first. None: what
        the model was trained to return (CLAP, AST), else the mean of the last layer.
    device : str, default="auto"

    Returns
    -------
    encoder : HubAudio
        With `sr` (Hz), `window` (seconds that the model takes at once, None if any),
        `fingerprint` (a str of all that vectors depend on beside the sound) and
        ``embed(windows)``: float32 (n, samples) to float32 (n, d).

    Raises
    ------
    ImportError
        If transformers is not installed, or too old.
    SetupError
        If the model is neither on this machine nor can be fetched, or is refused; the message says
        why and what to do.
    """
    folder = HubFolder(model, revision=revision, trust_remote_code=trust_remote_code)
    from ._hub_encoders import HubAudio

    return HubAudio(folder, layer=layer, device=device)


def load_hub_text(
    model,
    *,
    revision=None,
    trust_remote_code=False,
    layer=None,
    pooling="auto",
    max_length=None,
    device="auto",
    batch_size=32,
):
    """Return an encoder of texts; see `TextEmbedder` for the parameters."""
    folder = HubFolder(model, revision=revision, trust_remote_code=trust_remote_code)
    from ._hub_encoders import HubText

    return HubText(
        folder,
        layer=layer,
        pooling=pooling,
        max_length=max_length,
        device=device,
        batch_size=batch_size,
    )


def load_hub_image(
    model, *, revision=None, trust_remote_code=False, layer=None, device="auto", batch_size=32
):
    """Return an encoder of images; see `ImageEmbedder` for the parameters."""
    folder = HubFolder(model, revision=revision, trust_remote_code=trust_remote_code)
    from ._hub_encoders import HubImage

    return HubImage(folder, layer=layer, device=device, batch_size=batch_size)


class HubFolder:
    """A model's files on this machine, checked.

    Parameters
    ----------
    model : str or path
        Folder, or name on the hub. What the hub's cache holds is used without asking the hub.
    revision : str, default=None
    trust_remote_code : bool, default=False

    Attributes
    ----------
    name : str
        What errors call the model: as it was passed.
    path : Path
    """

    def __init__(self, model, *, revision=None, trust_remote_code=False):
        self.name = f"model={os.fspath(model)!r}"
        self.trusted = bool(trust_remote_code)
        self._transformers = _import_transformers(self.name)
        self.path = Path(self._find(os.fspath(model), revision))
        self.config = self.read_json("config.json")
        if self.config is None:
            raise SetupError(
                f"{self.name} holds no config.json: it is not a model of transformers. Pass a "
                "folder that save_pretrained wrote, or a function as model."
            )
        self._check_code()
        self._check_weights()
        names = _SETTINGS + _WEIGHTS + (("*.py",) if self.trusted else ())
        files = {file for name in names for file in self.path.glob(name)}
        files |= set(self.path.glob("*/config.json"))  # of sentence-transformers' modules
        self._files = sorted(file for file in files if file.is_file())

    def read_json(self, name):
        """Return the content of a file of settings, None where there is none."""
        try:
            content = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise SetupError(
                f"{self.name}: {name} cannot be read ({self.plain(error)}). Fetch the model again."
            ) from None
        return content

    @property
    def mark(self):
        """What tells the files from what they were before, without reading them."""
        status = [(file.name, file.stat()) for file in self._files]
        return tuple((name, found.st_size, found.st_mtime_ns) for name, found in status)

    @property
    def digest(self):
        """Hash of settings and weights; where they lie does not count."""
        files = tuple((str(f.relative_to(self.path)), str(f)) for f in self._files)
        return _digest(files, self.mark)

    def read_network(self, device, *, eager=False):
        """Return the network, on a device; it is read once, and shared.

        Parameters
        ----------
        device : torch.device
        eager : bool, default=False
            Whether attention is computed by plain products, which do not depend on whether any
            text of the batch is padded.

        Returns
        -------
        network : torch.nn.Module
            `lacks_pooler` says whether its pooling layer was not in the file.
        """
        with _reading:
            return _read_network(self, str(device), eager)

    def read_processor(self, kind):
        """Return what prepares the input: "AutoTokenizer", "AutoImageProcessor", ...; shared."""
        with _reading:
            return _read_processor(self, kind)

    def load(self, loader, **options):
        """Call `from_pretrained` of a class on this folder; errors name the model."""
        with _quiet(self._transformers):
            try:
                return loader.from_pretrained(
                    self.path,
                    local_files_only=not self.trusted,  # the code may lie elsewhere
                    trust_remote_code=self.trusted,
                    **options,
                )
            except Exception as error:
                if "trust_remote_code" in str(error):
                    raise self._wants_code() from None
                raise SetupError(
                    f"{self.name} cannot be loaded ({type(error).__name__}: "
                    f"{self.plain(error)}). Fetch it again, or pass a function as model."
                ) from None

    def plain(self, error):
        """Return the first line of an error, with the model's name in place of its path."""
        line = (str(error).strip().splitlines() or [""])[0].replace(str(self.path), "the folder")
        return line.partition(" http")[0].rstrip(". ")

    def __eq__(self, other):
        return isinstance(other, HubFolder) and self._identity == other._identity

    def __hash__(self):
        return hash(self._identity)

    @property
    def _identity(self):
        return self.path.absolute(), self.trusted, self.mark

    def _find(self, model, revision):
        """Return the folder of a model; what the hub's cache lacks is fetched."""
        if os.path.isdir(model):
            if revision is not None:
                raise SetupError(
                    f"{self.name} is a folder, and revision={revision!r} is for hub names. Leave "
                    "revision out, or pass the name."
                )
            return model
        return _fetch(model, revision, self.trusted)

    def _check_code(self):
        kind = self.config.get("model_type")
        known = kind in self._transformers.models.auto.configuration_auto.CONFIG_MAPPING
        if self.trusted or known:
            return
        if "auto_map" in self.config:
            raise self._wants_code()
        raise SetupError(
            f"{self.name} is of type {kind!r}, which transformers "
            f"{self._transformers.__version__} does not know. Upgrade transformers, or pass a "
            "function as model."
        )

    def _wants_code(self):
        return SetupError(
            f"{self.name} comes with code of its own, which was not executed. Read the code, then "
            "pass trust_remote_code=True with a fixed revision=; or pass a function as model."
        )

    def _check_weights(self):
        if (self.path / "adapter_config.json").exists():
            raise SetupError(
                f"{self.name} is an adapter of another model. Merge them "
                "(peft's merge_and_unload), save the result, and pass that folder."
            )
        if (self.path / "model.safetensors").exists():
            return
        index = self.read_json(_INDEX)
        if index is not None:
            parts = sorted(set(index.get("weight_map", {}).values()))
            strange = [
                part
                for part in parts
                if not part.endswith(".safetensors") or os.path.basename(part) != part
            ]
            absent = [part for part in parts if not (self.path / part).exists()]
            if strange or not parts:
                raise SetupError(
                    f"{self.name}: {_INDEX} names {strange[:1] or 'no file'}, and only safetensors "
                    f"of the same folder are read. {_CONVERT}."
                )
            if absent:
                raise SetupError(f"{self.name} lacks {absent[0]}. Fetch the model again.")
            return
        pickled = sorted(file.name for file in self.path.iterdir() if file.suffix in _PICKLED)
        if pickled:
            raise SetupError(
                f"{self.name} holds pickled weights ({pickled[0]}), which can run code when they "
                f"are read, and none as safetensors; nothing was read. {_CONVERT}."
            )
        raise SetupError(
            f"{self.name} has no weights as safetensors (pickled ones are not fetched: they can "
            f"run code when they are read). {_CONVERT}."
        )


def _import_transformers(name):
    transformers = import_from_extra("transformers", name, extra="pretrained")
    if int(transformers.__version__.partition(".")[0]) < _OLDEST:
        raise ImportError(
            f"{name} needs transformers {_OLDEST} or newer, found {transformers.__version__}: "
            'pip install --upgrade "skmmgenre[pretrained]"'
        )
    return transformers


@functools.lru_cache(maxsize=16)
def _fetch(model, revision, trusted):
    """Return the folder of a hub name; what the hub's cache lacks is fetched."""
    hub = import_from_extra("huggingface_hub", f"model={model!r}", extra="pretrained")
    errors, at = hub.errors, "" if revision is None else f" at revision={revision!r}"
    fetch = functools.partial(
        hub.snapshot_download,
        model,
        allow_patterns=[*_SETTINGS, *_WEIGHTS, *(["*.py"] if trusted else [])],
        ignore_patterns=list(_EXPORTS),
    )
    try:
        folder = fetch(revision=revision, local_files_only=True)
        if _is_whole(folder):
            return folder
    except errors.HFValidationError:
        raise SetupError(
            f"model={model!r} is neither a folder nor a name on the hub ('owner/name'). Check the "
            "path; a relative one starts from the working directory."
        ) from None
    except Exception:  # it is not in the cache, in one of the ways of huggingface_hub
        pass
    try:
        folder = fetch(revision=revision)
        if revision is None and not _is_whole(folder):
            folder = _fetch_conversion(hub, model, fetch) or folder
        return folder
    except errors.GatedRepoError:
        raise SetupError(
            f"model={model!r}: its owner gives it only to those who accept its terms. Accept them "
            "on the hub and log in by `hf auth login`."
        ) from None
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError):
        raise SetupError(
            f"model={model!r}{at} is not on the hub, nor a folder here. Check the name and the "
            "revision."
        ) from None
    except Exception as error:
        folder = _cached_conversion(hub, model, fetch) if revision is None else None
        if folder is not None:
            return folder
        raise SetupError(
            f"model={model!r}{at} is not on this machine and cannot be fetched "
            f"({type(error).__name__}). Without a network, fetch it elsewhere by "
            f"`hf download {model} --local-dir FOLDER` and pass the folder as model."
        ) from None


def _fetch_conversion(hub, model, fetch):
    """Return the hub's own conversion of a model with pickled weights, None if there is none.

    Many older models have safetensors in a pull request of the hub's converter alone. Those of
    anybody else are not taken.
    """
    conversions = [
        request
        for request in hub.HfApi().get_repo_discussions(model)
        if request.is_pull_request
        and request.status == "open"
        and request.author == _CONVERTER
        and "safetensors" in request.title
    ]
    for request in sorted(conversions, key=lambda request: -request.num):
        folder = fetch(revision=request.git_reference)
        if _is_whole(folder):
            return folder
    return None


def _cached_conversion(hub, model, fetch):
    """Return the newest conversion that was fetched before, None if there is none."""
    name = f"models--{model.replace('/', '--')}"
    requests = Path(hub.constants.HF_HUB_CACHE, name, "refs", "refs", "pr").glob("[0-9]*")
    for number in sorted((int(request.name) for request in requests), reverse=True):
        folder = fetch(revision=f"refs/pr/{number}", local_files_only=True)
        if _is_whole(folder):
            return folder
    return None


def _is_whole(folder):
    """Return whether a folder of the hub's cache has weights; another program may take less."""
    folder = Path(folder)
    if not (folder / "config.json").exists():
        return False
    if (folder / "model.safetensors").exists():
        return True
    try:
        parts = json.loads((folder / _INDEX).read_text(encoding="utf-8"))["weight_map"].values()
    except (OSError, ValueError, KeyError):
        return False
    return all((folder / part).exists() for part in parts)


@functools.lru_cache(maxsize=16)
def _digest(files, mark):
    digest = hashlib.blake2b(digest_size=16)
    for name, path in files:
        content = hashlib.blake2b(digest_size=16)
        with open(path, "rb") as file:
            while block := file.read(_BLOCK):
                content.update(block)
        digest.update(f"{name.replace(os.sep, '/')} ".encode() + content.digest())
    return digest.hexdigest()


@functools.lru_cache(maxsize=8)
def _read_processor(folder, kind):
    return folder.load(getattr(folder._transformers, kind))


@functools.lru_cache(maxsize=4)  # one a modality, and one that is compared with them
def _read_network(folder, device, eager):
    import torch

    from ..nets._devices import own_settings
    from ._hub_encoders import random_states

    options = {"attn_implementation": "eager"} if eager else {}
    # Layers that the file lacks are drawn, from the global generator.
    with own_settings(), random_states:
        network, report = folder.load(
            folder._transformers.AutoModel,
            use_safetensors=True,
            dtype=torch.float32,
            output_loading_info=True,
            **options,
        )
    missing = sorted(key for key in report["missing_keys"] if not _is_unused(key))
    poolers = [key for key in missing if "pooler" in key]
    if len(missing) > len(poolers):
        first = next(key for key in missing if key not in poolers)
        raise SetupError(
            f"{folder.name}: {len(missing)} arrays of {type(network).__name__} are not in its "
            f"weights, {first} among them; they would be random. Pass a folder of the whole model."
        )
    network.lacks_pooler = bool(poolers)
    return network.to(device).eval()


def _is_unused(key):
    """Return whether an array is for training alone."""
    return key.rpartition(".")[2] in ("masked_spec_embed", "mask_token", "position_ids")


@contextmanager
def _quiet(transformers):
    """Keep transformers from writing of what is checked here, and from drawing progress bars."""
    logging = transformers.utils.logging
    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
