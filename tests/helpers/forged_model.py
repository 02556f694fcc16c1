"""Model files as somebody writes them who knows the format."""

import hashlib
import json
import pickletools
import tracemalloc
import warnings
import zipfile
from pathlib import Path

import numpy as np
import pytest
from sklearn.exceptions import InconsistentVersionWarning

import skmmgenre
from skmmgenre.labels import PPMILabelFactorizer

DATA = Path(__file__).parents[1] / "data"
# Written once. The second was written just before classes were named by their rooms.
FILES = ["model_0.1", "model_0.1_private_modules"]


def small_factorizer():
    Y = np.random.default_rng(0).random((30, 5)) < 0.4
    return PPMILabelFactorizer(n_components=2).fit(Y), Y


def contents(path):
    with zipfile.ZipFile(path) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def forge(path, members, manifest=None, compress=zipfile.ZIP_DEFLATED):
    """Write a file as somebody would who knows the format: all checksums fit."""
    members = dict(members)
    made = json.loads(members.pop("skmmgenre.json")) | (manifest or {})
    made["members"] = {n: [len(c), hashlib.sha256(c).hexdigest()] for n, c in members.items()}
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in {"skmmgenre.json": json.dumps(made).encode(), **members}.items():
            how = compress if name.endswith(".json") else zipfile.ZIP_STORED
            archive.writestr(name, content, how)
    return path


def forge_schema(path, source, change):
    members = contents(source)
    schema = json.loads(members["schema.json"])
    change(schema)
    return forge(path, members | {"schema.json": json.dumps(schema).encode()})


def private_modules(stored):
    """Those of this package that a pickle names."""
    strings = [s for _, s, _ in pickletools.genops(stored) if isinstance(s, str)]
    return {s.split()[0] for s in strings if s.startswith("skmmgenre.") and "._" in s}


def attributes(schema):
    return schema["content"]["content"]


def why_refused(path, mark, most_bytes=30 * 10**6):
    """The message for a file; nothing ran, which would leave a mark, and little memory was used.

    It is the same for the path and for the open file.
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", InconsistentVersionWarning)
        skmmgenre.load(DATA / "model_0.1.skmmgenre")  # imports are not counted
    messages = []
    with open(path, "rb") as file:
        for given in (path, file):
            tracemalloc.start()
            try:
                with pytest.raises(ValueError) as error:
                    skmmgenre.load(given)
                peak = tracemalloc.get_traced_memory()[1]
            finally:
                tracemalloc.stop()
            messages.append(str(error.value))
            assert not mark.exists()
            assert peak < most_bytes
    message = messages[0]
    assert messages[1].removeprefix(f"Model file {file.name!r}: ") in message
    assert message.startswith(f"Model file {str(path)!r}: ")
    assert message.count(". ") >= 1 and message.endswith(".")  # the way out
    return message
