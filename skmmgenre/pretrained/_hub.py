"""Find, check and load models of the `transformers` library by hub name or folder.

Models are checked before they are loaded: weights are only read from safetensors, and code that
comes with a model is only executed with ``trust_remote_code=True``. torch and `transformers` are
imported on first use.
"""

import functools
import hashlib
import json
import os
import threading
from contextlib import contextmanager
from pathlib import Path
from textwrap import shorten

from ..utils import SetupError, import_from_extra

_OLDEST = 5  # major version of transformers; since then, its feature methods return objects
_WEIGHTS = ("model.safetensors", "model-*-of-*.safetensors")
_INDEX = "model.safetensors.index.json"
_SETTINGS = ("*.json", "*.txt", "*.model")
# Exports to other formats are in separate folders, with settings other than the model's.
_EXPORTS = ("onnx/*", "openvino/*", "coreml/*", "flax/*", "tf/*", "gguf/*")
_CONVERTER = "SFconvertbot"  # author of the hub's automatic pull requests
_PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle")
_CONVERT = (
    "Pass a revision= with safetensors (for a pull request, 'refs/pr/NUMBER'), or, if you trust "
    "the file, convert it: transformers.AutoModel.from_pretrained(...).save_pretrained(folder)"
)
_BLOCK = 1 << 20  # bytes
_LONGEST_REASON = 400  # characters of a message of transformers
# Class that reads a preprocessor -> its name, and what it prepares.
_PROCESSORS = {
    "AutoTokenizer": ("tokenizer", "texts"),
    "AutoImageProcessor": ("image processor", "images"),
    "AutoFeatureExtractor": ("feature extractor", "sound"),
}

_reading = threading.RLock()  # threads that need the same network load it once


def load_hub_audio(model, *, revision=None, trust_remote_code=False, layer=None, device="auto"):
    """Load an encoder of sound.

    Parameters
    ----------
    model : str or path
        Hub name, or folder.
    revision : str, default=None
        Branch, tag or commit of a hub name.
    trust_remote_code : bool, default=False
        Whether to execute code that comes with the model.
    layer : int, default=None
        Hidden layer whose mean over time is returned; 0 is the input of the first layer. None:
        the output that the model was trained for (CLAP, AST), or else the mean of the last layer.
    device : str, default="auto"
        Device of the network.

    Returns
    -------
    encoder : HubAudio
        With `sr` (in Hz), `window` (input length of the model in seconds, None for any length),
        `fingerprint` (a str of everything besides the sound that vectors depend on) and
        ``embed(windows)``: float32 (n, samples) to float32 (n, d).

    Raises
    ------
    ImportError
        If transformers is not installed, or too old.
    SetupError
        If the model is not available locally and cannot be downloaded, or is not supported; the
        message says why and what to do.
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
    """Load an encoder of texts; see `TextEmbedder` for the parameters."""
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
    """Load an encoder of images; see `ImageEmbedder` for the parameters."""
    folder = HubFolder(model, revision=revision, trust_remote_code=trust_remote_code)
    from ._hub_encoders import HubImage

    return HubImage(folder, layer=layer, device=device, batch_size=batch_size)


class HubFolder:
    """The local files of a model, after checks.

    Parameters
    ----------
    model : str or path
        Folder, or hub name. Models in the hub's cache are used without a network request.
    revision : str, default=None
    trust_remote_code : bool, default=False

    Attributes
    ----------
    name : str
        Name of the model in error messages: the parameter as it was passed.
    path : Path
    """

    def __init__(self, model, *, revision=None, trust_remote_code=False):
        self.name = f"model={os.fspath(model)!r}"
        self.trusted = bool(trust_remote_code)
        self._transformers = _import_transformers(self.name)
        self._hub_name = None if os.path.isdir(model) else os.fspath(model)
        self.path = Path(self._find(os.fspath(model), revision))
        self.config = self.read_json("config.json")
        if self.config is None:
            raise SetupError(
                f"{self.name} contains no config.json, so it is not a model of transformers. Pass "
                "a folder written by save_pretrained, or a function as model."
            )
        self._check_code()
        self._check_weights()
        names = _SETTINGS + _WEIGHTS + (("*.py",) if self.trusted else ())
        files = {file for name in names for file in self.path.glob(name)}
        files |= set(self.path.glob("*/config.json"))  # the modules of sentence-transformers
        self._files = sorted(file for file in files if file.is_file())

    def read_json(self, name):
        """Return the content of a JSON file, None if it does not exist."""
        try:
            content = json.loads((self.path / name).read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, ValueError) as error:
            raise SetupError(
                f"{self.name}: {name} cannot be read ({self.plain(error)}). Download the model "
                "again."
            ) from None
        return content

    @property
    def mark(self):
        """Names, sizes and modification times of the files, to detect changes cheaply."""
        status = [(file.name, file.stat()) for file in self._files]
        return tuple((name, found.st_size, found.st_mtime_ns) for name, found in status)

    @property
    def digest(self):
        """Hash of settings and weights, independent of the location of the folder."""
        files = tuple((str(f.relative_to(self.path)), str(f)) for f in self._files)
        return _digest(files, self.mark)

    def read_network(self, device, *, eager=False):
        """Return the network on a device; it is loaded once and shared.

        Parameters
        ----------
        device : torch.device
        eager : bool, default=False
            Whether to use eager attention, whose result does not depend on whether other texts
            of the batch are padded.

        Returns
        -------
        network : torch.nn.Module
            Its attribute `lacks_pooler` is True if the file contains no pooling layer.
        """
        with _reading:
            return _read_network(self, str(device), eager)

    def read_processor(self, kind):
        """Return a shared preprocessor: "AutoTokenizer", "AutoImageProcessor", ..."""
        with _reading:
            return _read_processor(self, kind)

    def lacks_processor(self, kind, reason):
        """Return the error for a preprocessor that cannot be read."""
        noun, inputs = _PROCESSORS[kind]
        found = self.config.get("model_type")
        of_type = "" if found is None else f" (model_type {found!r})"
        if self._hub_name is None:
            remedy = "save both to one folder: model.save_pretrained(FOLDER) and "
            remedy += f"{noun.replace(' ', '_')}.save_pretrained(FOLDER)"
        else:
            remedy = f"if only a part of it is in the hub's cache: `hf download {self._hub_name}`"
        return SetupError(
            f"{self.name}{of_type} has no {noun} that transformers can load ({reason}). Pass a "
            f"model of {inputs}; {remedy}."
        )

    def load(self, loader, **options):
        """Call `from_pretrained` of a class on this folder; errors contain the model's name."""
        with _quiet(self._transformers):
            try:
                return loader.from_pretrained(
                    self.path,
                    local_files_only=not self.trusted,  # the code may be in another repository
                    trust_remote_code=self.trusted,
                    **options,
                )
            except Exception as error:
                if "trust_remote_code" in str(error):
                    raise self._wants_code() from None
                reason = f"{type(error).__name__}: {self.plain(error)}"
                if loader.__name__ in _PROCESSORS:
                    raise self.lacks_processor(loader.__name__, reason) from None
                raise SetupError(
                    f"{self.name} cannot be loaded ({reason}). Download it again, or pass a "
                    "function as model."
                ) from None

    def plain(self, error):
        """Return the first sentence of an error message, without the path of the model."""
        text = str(error).strip().replace(str(self.path), "the folder")
        line = text.partition("\n")[0]
        if line.rstrip().endswith(":"):  # a list follows
            text = shorten(text, _LONGEST_REASON, placeholder=" ...")
        else:
            text = line.partition(". ")[0]
        return text.partition(" http")[0].rstrip(". ")

    def __eq__(self, other):
        return isinstance(other, HubFolder) and self._identity == other._identity

    def __hash__(self):
        return hash(self._identity)

    @property
    def _identity(self):
        # The key of the caches below. The mark is part of it, so that changed files are read again.
        return self.path.absolute(), self.trusted, self.mark

    def _find(self, model, revision):
        """Return the folder of a model; download files that the hub's cache lacks."""
        if self._hub_name is None:
            if revision is not None:
                raise SetupError(
                    f"{self.name} is a folder, but revision={revision!r} is only for hub names. "
                    "Omit revision, or pass a hub name."
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
            f"{self._transformers.__version__} does not support. Upgrade transformers, or pass a "
            "function as model."
        )

    def _wants_code(self):
        return SetupError(
            f"{self.name} comes with custom code, which was not executed. Review the code, then "
            "pass trust_remote_code=True with a fixed revision=; or pass a function as model."
        )

    def _check_weights(self):
        if (self.path / "adapter_config.json").exists():
            raise SetupError(
                f"{self.name} is an adapter for another model. Merge it into that model "
                "(merge_and_unload of peft), save the result, and pass its folder."
            )
        if (self.path / "model.safetensors").exists():
            return
        index = self.read_json(_INDEX)
        if index is not None:
            parts = sorted(set(index.get("weight_map", {}).values()))
            # A part must not be pickled, nor lie outside of the folder that was checked.
            strange = [
                part
                for part in parts
                if not part.endswith(".safetensors") or os.path.basename(part) != part
            ]
            absent = [part for part in parts if not (self.path / part).exists()]
            if strange or not parts:
                raise SetupError(
                    f"{self.name}: {_INDEX} refers to {strange[:1] or 'no file'}, but only "
                    f"safetensors in the same folder are supported. {_CONVERT}."
                )
            if absent:
                raise SetupError(f"{self.name}: {absent[0]} is missing. Download the model again.")
            return
        pickled = sorted(file.name for file in self.path.iterdir() if file.suffix in _PICKLED)
        if pickled:
            raise SetupError(
                f"{self.name} contains only pickled weights ({pickled[0]}), which can execute code "
                f"when they are loaded, and no safetensors; nothing was loaded. {_CONVERT}."
            )
        raise SetupError(
            f"{self.name} has no safetensors (pickled weights are not downloaded, because they can "
            f"execute code when they are loaded). {_CONVERT}."
        )


def _import_transformers(name):
    transformers = import_from_extra("transformers", name, extra="pretrained")
    if int(transformers.__version__.partition(".")[0]) < _OLDEST:
        raise ImportError(
            f"{name} requires transformers >= {_OLDEST}, found {transformers.__version__}. Run: "
            'pip install --upgrade "skmmgenre[pretrained]"'
        )
    return transformers


@functools.lru_cache(maxsize=16)
def _fetch(model, revision, trusted):
    """Return the folder of a hub name; download files that the hub's cache lacks."""
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
            f"model={model!r} is neither a folder nor a hub name ('owner/name'). Check the path; "
            "relative paths are resolved against the working directory."
        ) from None
    except Exception:  # not in the cache; huggingface_hub raises various errors
        pass
    try:
        folder = fetch(revision=revision)
        if revision is None and not _is_whole(folder):
            folder = _fetch_conversion(hub, model, fetch) or folder
        return folder
    except errors.GatedRepoError:
        raise SetupError(
            f"model={model!r} is gated: its terms must be accepted before it can be downloaded. "
            "Accept them on the hub and log in with `hf auth login`."
        ) from None
    except (errors.RepositoryNotFoundError, errors.RevisionNotFoundError):
        raise SetupError(
            f"model={model!r}{at} is neither on the hub nor a local folder. Check the name and the "
            "revision."
        ) from None
    except Exception as error:
        # Without a network, a conversion that was downloaded earlier can still be used.
        folder = _cached_conversion(hub, model, fetch) if revision is None else None
        if folder is not None:
            return folder
        raise SetupError(
            f"model={model!r}{at}: there is no such folder, and no such hub model is available "
            f"locally or can be downloaded ({type(error).__name__}). Check the path; relative "
            "paths are resolved against the working directory. Without network access, download "
            f"a hub model on another machine with `hf download {model} --local-dir FOLDER` and "
            "pass the folder as model."
        ) from None


def _fetch_conversion(hub, model, fetch):
    """Download the hub's own conversion of a model with pickled weights, None if there is none.

    Many older models only have safetensors in a pull request of the hub's converter. Pull requests
    of other authors are ignored.
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
    """Return the newest conversion in the cache, None if there is none."""
    name = f"models--{model.replace('/', '--')}"
    requests = Path(hub.constants.HF_HUB_CACHE, name, "refs", "refs", "pr").glob("[0-9]*")
    for number in sorted((int(request.name) for request in requests), reverse=True):
        try:
            folder = fetch(revision=f"refs/pr/{number}", local_files_only=True)
        except hub.errors.LocalEntryNotFoundError:  # the download was interrupted
            continue
        if _is_whole(folder):
            return folder
    return None


def _is_whole(folder):
    """Return whether a cached folder has weights; other programs may have cached a part only."""
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
    processor = folder.load(getattr(folder._transformers, kind))
    if kind == "AutoTokenizer" and not _has_vocabulary(processor):
        raise folder.lacks_processor(kind, "its vocabulary is missing")
    return processor


def _has_vocabulary(tokenizer):
    """Return whether a tokenizer knows more than special tokens.

    Without files, transformers creates one with special tokens and at most one other ("." or "▁").
    """
    added = {str(token) for token in tokenizer.added_tokens_decoder.values()}
    words = tokenizer.get_vocab().keys() - added - set(tokenizer.all_special_tokens)
    return len(words) > 1


@functools.lru_cache(maxsize=4)  # one per modality, and one more for comparison
def _read_network(folder, device, eager):
    import torch

    from ..nets._devices import own_settings
    from ._hub_encoders import random_states

    options = {"attn_implementation": "eager"} if eager else {}
    # Layers that the file lacks are initialized from the global generator.
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
            f"{folder.name}: {len(missing)} arrays of {type(network).__name__} are missing in its "
            f"weights, such as {first}, and would be random. Pass a folder of the complete model."
        )
    network.lacks_pooler = bool(poolers)
    return network.to(device).eval()


def _is_unused(key):
    """Return whether an array is only used for training."""
    return key.rpartition(".")[2] in ("masked_spec_embed", "mask_token", "position_ids")


@contextmanager
def _quiet(transformers):
    """Silence log messages and progress bars of transformers; errors are checked here."""
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
