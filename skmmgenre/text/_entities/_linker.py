"""Base class of the linkers, mentions of entities in a text, and a cache of links on disk."""

import hashlib
import json
import math
import os
from contextlib import contextmanager
from dataclasses import astuple, dataclass
from pathlib import Path

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import HasMethods

from ... import __version__
from ...store import Store
from ...utils import BadItem, SetupError, require_parameter
from ._knowledge_base import KnowledgeBase
from ._titles import category_name, entity_name


@dataclass(frozen=True, slots=True)
class Mention:
    """Mention of an entity in a text, as returned by the `link` method of the linkers.

    Parameters
    ----------
    start, end : int
        Character offsets in the text, with the end exclusive: the mention is ``text[start:end]``.
    label : str
        The text of the mention, ``text[start:end]``.
    entity : str
        Name of the entity as in the knowledge base or service ("Miles_Davis").
    confidence : float
        Confidence in [0, 1]; its definition differs between linkers.
    categories : tuple of str
        Wikipedia categories of the entity, without the prefix "Category:" and with spaces instead
        of underscores.

    Examples
    --------
    >>> from skmmgenre.text import Mention
    >>> text = "So What by Miles Davis"
    >>> mention = Mention(11, 22, "Miles Davis", "Miles_Davis", 0.9, ("Cool jazz musicians",))
    >>> text[mention.start : mention.end] == mention.label
    True
    """

    start: int
    end: int
    label: str
    entity: str
    confidence: float
    categories: tuple[str, ...] = ()


# Constraint of the parameter `categories_from`.
CATEGORIES_FROM = [HasMethods("categories"), str, os.PathLike, None]


class Linker(BaseEstimator):
    """Base class of linkers, with scikit-learn parameters and a `link` method.

    A subclass defines `_find`, which takes a text and returns mentions in any order. Attributes
    whose names begin with an underscore are not pickled.
    """

    # Parameters without a default that could take their place, and what they are.
    _left_out: dict = {}
    _parameter_constraints: dict = {}

    def _validate_params(self):
        for name, what in self._left_out.items():
            require_parameter(self, name, what)
        super()._validate_params()

    def check_setup(self) -> None:
        """Check everything that does not depend on a text, such as parameters, files and a key.

        Raises
        ------
        ValueError
            If a parameter is invalid.
        SetupError, OSError
            If something that `link` needs is not available.
        """
        self._validate_params()
        self._categories_source()

    def link(self, text: str) -> list[Mention]:
        """Find the entities that a text mentions.

        Parameters
        ----------
        text : str
            Plain text, such as a review.

        Returns
        -------
        mentions : list of Mention
            Mentions in the order of the text; they may overlap.

        Raises
        ------
        BadItem
            If the text cannot be linked.
        SetupError, OSError
            If no text can be linked because something that `link` needs is not available.
        """
        self._validate_params()
        if not isinstance(text, str):
            raise BadItem(f"expected a text, got {type(text).__name__}", "Pass a str.")
        return sorted(self._find(text), key=lambda mention: (mention.start, mention.end))

    def _find(self, text):
        raise NotImplementedError

    def _categories_source(self):
        """Return `categories_from`, opening the knowledge base if it is a path."""
        given = getattr(self, "categories_from", None)
        if isinstance(given, KnowledgeBase):
            _ = given.content  # opens it, if it is not open
        if not isinstance(given, (str, os.PathLike)):
            return given
        opened = getattr(self, "_opened", None)
        if opened is None or opened.path != given:
            opened = self._opened = KnowledgeBase.open(given)
        return opened

    def _mention(self, text, start, end, reference, confidence, categories):
        """Return the mention of the entity that `reference` names.

        If `categories_from` is not None, the categories are looked up there.
        """
        source, entity = self._categories_source(), entity_name(reference)
        if source is not None:
            categories = source.categories(entity)
        categories = tuple(dict.fromkeys(map(category_name, categories)))
        return Mention(start, end, text[start:end], entity, confidence, categories)

    def __getstate__(self):
        state = super().__getstate__()
        return {
            key: value
            for key, value in state.items()
            if not key.startswith("_") or key == "_sklearn_version"
        }


def read_confidence(value):
    """Return a confidence as a float in [0, 1]; services and files write some as text.

    Values outside [0, 1] by rounding errors are clipped. Raises ValueError for other values.
    """
    confidence = float(value)
    if not -1e-6 <= confidence <= 1 + 1e-6 or math.isnan(confidence):
        raise ValueError(f"the confidence {confidence:g} is not in [0, 1]")
    return min(max(confidence, 0.0), 1.0)


class KeptLinks:
    """Linker that looks up earlier results in a store first.

    Parameters
    ----------
    linker : object with a method link
    path : str or path-like
        Path of the store.
    """

    def __init__(self, linker, path):
        if not hasattr(linker, "get_params"):
            raise ValueError(
                f"{type(linker).__name__} has no method get_params, so its results cannot be "
                "cached by its parameters. Derive it from sklearn.base.BaseEstimator, or pass "
                "cache=None."
            )
        self.linker = linker
        self.store = Store(path)
        # Including the version of the package, because another one may link differently.
        self.key = repr((__version__, _describe(linker)))

    def link(self, text):
        """Return the mentions in a text, calling the linker only if they are not in the store."""
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
    """Turn the errors of a store into SetupError, which is not attributed to a text."""
    try:
        yield
    except OSError as error:
        raise SetupError(str(error)) from error


def _describe(value):
    """Describe a linker by everything that affects its results, without the folders of files."""
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
