"""What a linker answered, kept on disk."""

import hashlib
import json
import os
from contextlib import contextmanager
from dataclasses import astuple
from pathlib import Path

from .. import __version__
from ..store import Store
from ..utils import SetupError
from ._mention import Mention


class KeptLinks:
    """A linker that looks first into a store of what it answered before.

    Parameters
    ----------
    linker : object with a method link
    path : str or path-like
        Of the store.
    """

    def __init__(self, linker, path):
        if not hasattr(linker, "get_params"):
            raise ValueError(
                f"{type(linker).__name__} has no get_params, so what it answered cannot be kept "
                "by its parameters. Let it inherit from sklearn.base.BaseEstimator, or leave "
                "cache=None."
            )
        self.linker = linker
        self.store = Store(path)
        self.key = repr((__version__, _describe(linker)))

    def link(self, text):
        """Return the mentions in a text, asking the linker if they are not kept."""
        key = hashlib.blake2b(f"{self.key}\n{text}".encode(errors="surrogatepass")).digest()
        with store_faults():
            kept = self.store.get(key)
        if kept is not None:
            return [Mention(*rest, tuple(categories)) for *rest, categories in json.loads(kept)]
        mentions = self.linker.link(text)
        with store_faults():
            value = json.dumps([astuple(mention) for mention in mentions]).encode()
            self.store.put_many([(key, value)], kind="entities linked")
        return mentions


@contextmanager
def store_faults():
    """Raise SetupError where a store cannot be used: no text has a part in that."""
    try:
        yield
    except OSError as error:
        raise SetupError(str(error)) from error


def _describe(value):
    """What changes when a linker might answer otherwise, without the folders of its files."""
    if hasattr(value, "get_params"):
        params = value.get_params(deep=False)
        return type(value).__qualname__, {name: _describe(params[name]) for name in sorted(params)}
    if isinstance(value, (list, tuple)):
        return [_describe(part) for part in value]
    path = getattr(value, "path", value)
    if isinstance(path, (str, os.PathLike)) and os.path.exists(path):
        files = [path] if os.path.isfile(path) else sorted(Path(path).rglob("*"))
        stats = [os.stat(file) for file in files]
        return [
            (os.path.basename(file), stat.st_size, stat.st_mtime_ns)
            for file, stat in zip(files, stats, strict=True)
        ]
    return repr(value)
