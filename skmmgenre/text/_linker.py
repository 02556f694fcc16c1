"""What all linkers have in common."""

import math
import os

from sklearn.base import BaseEstimator
from sklearn.utils._param_validation import HasMethods

from ..utils import BadItem
from ._entity_names import category_name, entity_name
from ._knowledge_base import KnowledgeBase
from ._mention import Mention

# The constraint of that parameter.
CATEGORIES_FROM = [HasMethods("categories"), str, os.PathLike, None]


class Linker(BaseEstimator):
    """Base class of linkers: parameters as scikit-learn keeps them, and `link`.

    A subclass has `_find`, which takes a text and answers with mentions in any order. What it
    keeps for itself has names that begin with an underscore, and stays out of pickles.
    """

    _parameter_constraints: dict = {}

    def check_setup(self):
        """Check all that does not depend on a text, such as parameters, files and a key.

        Raises
        ------
        ValueError
            If a parameter is wrong.
        SetupError, OSError
            If something that `link` needs is not there.
        """
        self._validate_params()
        self._categories_source()

    def link(self, text):
        """Find the entities that a text mentions.

        Parameters
        ----------
        text : str

        Returns
        -------
        mentions : list of Mention
            In the order of the text; they may overlap.

        Raises
        ------
        BadItem
            If the text cannot be linked.
        SetupError, OSError
            If no text can be linked, since something that all of them need is not there.
        """
        self._validate_params()
        if not isinstance(text, str):
            raise BadItem(f"a {type(text).__name__} is no text", "Give a str.")
        return sorted(self._find(text), key=lambda mention: (mention.start, mention.end))

    def _find(self, text):
        raise NotImplementedError

    def _categories_source(self):
        """What answers the categories of an entity; a knowledge base given by path is opened."""
        given = getattr(self, "categories_from", None)
        if isinstance(given, KnowledgeBase):
            _ = given.content  # opens it, if it is not open
        if not isinstance(given, (str, os.PathLike)):
            return given
        opened = getattr(self, "_opened", None)
        if opened is None or opened.path != given:
            opened = self._opened = KnowledgeBase.open(given)
        return opened

    def __getstate__(self):
        state = super().__getstate__()
        return {
            key: value
            for key, value in state.items()
            if not key.startswith("_") or key == "_sklearn_version"
        }


def make_mention(text, start, end, reference, confidence, categories, categories_from=None):
    """The mention of what `reference` names, at a place of the text.

    Categories are looked up in `categories_from` if it is not None.
    """
    entity = entity_name(reference)
    if categories_from is not None:
        categories = categories_from.categories(entity)
    return Mention(
        start=start,
        end=end,
        label=text[start:end],
        entity=entity,
        confidence=confidence,
        categories=tuple(dict.fromkeys(map(category_name, categories))),
    )


def read_confidence(value):
    """A confidence as a float in [0, 1]; services and files write some as text.

    Raises ValueError if it is no such number. What rounding put beyond 1 is 1.
    """
    confidence = float(value)
    if not -1e-6 <= confidence <= 1 + 1e-6 or math.isnan(confidence):
        raise ValueError(f"a confidence of {confidence:g}")
    return min(max(confidence, 0.0), 1.0)
