"""Texts with the categories of what they mention."""

import os
import uuid
import warnings
from contextlib import contextmanager
from dataclasses import fields
from numbers import Real
from typing import Any, Self

import pandas as pd
from sklearn.utils._param_validation import HasMethods, Interval, InvalidParameterError

from .._typing import Column, EntityLinker, FilePath, ObjectArray, OnError
from ..store import warn_of_skipped_cells
from ..utils import BadItem, BadType, SetupError, as_cells, is_missing
from ._entities._http_linker import MissingKey
from ._entities._knowledge_base import KnowledgeBase
from ._entities._linker import KeptLinks, Mention
from ._entities._segmentation import category_word
from ._text_column import TextColumnTransformer, as_column

# What Pipeline.set_params reaches are the steps before the fit.
_IN_A_FITTED_MODEL = (
    "In a fitted model, change the linker of the fitted step: "
    'model["modalities"].named_transformers_["text"]["enrich"].linker.set_params(...).'
)
_MENTION = [field.name for field in fields(Mention)]


class EntityEnricher(TextColumnTransformer, auto_wrap_output_keys=None):
    """Append to each text the categories of the entities that it mentions, as words.

    A linker finds what a text mentions; the Wikipedia categories of each entity are added at
    the end of the text (section 3.3 of Oramas et al. 2018), "English pop singers" as the word
    ``cat_english_pop_singers``. A vectorizer behind weighs them like any other word. Needs no
    fit.

    Parameters
    ----------
    linker : object with a method link
        ``link(text)`` answers a list of `Mention`.
    min_confidence : float, default=0.0
        Leave out mentions of less confidence.
    on_error : {"raise", "missing"}, default="raise"
        Whether a text that cannot be linked raises an error that names its row, or stays as it
        is, without categories, with a warning and a line in `errors_`; a cell that is no text
        is then treated as missing. What is no text's fault (a parameter, a file, the key or the
        service of the linker) raises either way.
    cache : str or path-like, default=None
        File that keeps what the linker answered, by its parameters and the text: a second
        `transform` does not link again, nor does one that goes on after a stop. It is made if
        it is not there; see `skmmgenre.store.Store`.
    keep_mentions : bool, default=False
        Keep the mentions of the last `transform` in `mentions_`.
    n_jobs : int or None, default=None
        Number of joblib workers.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    errors_ : DataFrame
        A line for every text that the last `transform` could not link, and every cell that is
        no text, with ``on_error="missing"``: row, item, reason, remedy.
    mentions_ : DataFrame
        With ``keep_mentions=True`` a line for every mention of the last `transform` whose
        confidence sufficed: row, start, end, label, entity, confidence, categories. It is left
        out of saved models, as `errors_` is.

    See Also
    --------
    ReviewTruncator : Joins and cuts the reviews before.
    ReviewVectorizer : Takes words and categories to weights.
    skmmgenre.inspection.informative_words : Which of them tell a genre.

    Notes
    -----
    An entity's categories are appended once, however often the text names it: the paper takes
    "all the Wikipedia categories of entities identified in each document". A category that
    two entities share is appended twice, so that a text about many pop singers weighs more in
    ``cat_english_pop_singers`` than one that names a single one.

    Categories that differ only in case or punctuation become one word.

    In a joblib file stands the path of a linker's knowledge base as it was given, and nothing
    of its content.

    Examples
    --------
    >>> from skmmgenre.text import EntityEnricher, Mention
    >>> class AbbaLinker:
    ...     def link(self, text):
    ...         start = text.find("ABBA")
    ...         categories = ("Swedish pop music groups", "Musical quartets")
    ...         return [Mention(start, start + 4, "ABBA", "ABBA", 1.0, categories)][: start + 1]
    >>> EntityEnricher(AbbaLinker()).transform(["ABBA live.", None, "Live."]).tolist()
    ['ABBA live.\\ncat_swedish_pop_music_groups cat_musical_quartets', '', 'Live.']
    """

    _parameter_constraints: dict = {
        **TextColumnTransformer._parameter_constraints,
        "linker": [HasMethods("link")],
        "min_confidence": [Interval(Real, 0, 1, closed="both")],
        "cache": [str, os.PathLike, None],
        "keep_mentions": ["boolean"],
    }

    def __init__(
        self,
        linker: EntityLinker,
        *,
        min_confidence: float = 0.0,
        on_error: OnError = "raise",
        cache: FilePath | None = None,
        keep_mentions: bool = False,
        n_jobs: int | None = None,
        verbose: int = 0,
    ):
        self.linker = linker
        self.min_confidence = min_confidence
        self.on_error = on_error
        self.cache = cache
        self.keep_mentions = keep_mentions
        self.n_jobs = n_jobs
        self.verbose = verbose

    def fit(self, X: Column, y: Any = None) -> Self:
        """Check the parameters and the linker; nothing is learned.

        Parameters
        ----------
        X : Series, list, array, or DataFrame of one column
            Not read.
        y : None
            Not used.

        Returns
        -------
        self : EntityEnricher
            The enricher, ready to use.
        """
        self.check_setup()
        return self

    def check_setup(self) -> None:
        """Check all that does not depend on a text: the parameters, and the linker's set-up.

        `fit` and `transform` begin with it, and so does the `fit` of a `GenrePipeline`. A linker
        that has a method `check_setup` is asked for its part: whether its files can be read, its
        key is there.

        Raises
        ------
        ValueError
            If a parameter, or one of the linker, is wrong.
        SetupError
            If something that the linker needs is not there.
        """
        self._validate_params()
        if not hasattr(self.linker, "check_setup"):
            return
        try:
            with _no_fault_of_a_text():
                self.linker.check_setup()
        except MissingKey:  # it may be that all answers are kept
            if self.cache is None or not os.path.exists(self.cache):
                raise

    def transform(self, X: Column) -> ObjectArray:
        """Append categories to each text.

        Parameters
        ----------
        X : Series, list, array, or DataFrame of one column
            Texts; None, NaN and "" are missing.

        Returns
        -------
        texts : ndarray of object, shape (n,)
            The texts, with a line of categories at the end of those that mention an entity
            which has some, or cannot be linked; "" where the text is missing.

        Raises
        ------
        BadItem
            If a cell is no text or cannot be linked, and ``on_error="raise"``.
        ValueError
            If a parameter, or one of the linker, is wrong, whatever `on_error` is.
        SetupError
            If a file that the linker reads, its key or its service is not there, or the cache
            cannot be used, whatever `on_error` is.
        """
        self.check_setup()
        self._mentions = None
        linker = self.linker if self.cache is None else KeptLinks(self.linker, self.cache)
        enrich = _Enrich(linker, self.min_confidence)
        cells = as_cells(X, noun=self._noun)
        answers = self._map(enrich, cells, description="entities", warn=False)
        not_linked = [e["row"] for e in self._errors if isinstance(cells[e["row"]], str)]
        no_texts = [e for e in self._errors if not isinstance(cells[e["row"]], str)]
        warn_of_skipped_cells(no_texts, sum(not is_missing(cell) for cell in cells), self._noun)
        for row in not_linked:  # a review without categories is better than none
            answers[row] = cells[row], []
        if not_linked:
            warnings.warn(
                f"{len(not_linked)} of {len(cells)} texts could not be linked and are left "
                "without the categories of entities; errors_ tells which and why.",
                stacklevel=2,
            )
        if self.keep_mentions:
            self._mentions = [
                {"row": row, **{name: getattr(mention, name) for name in _MENTION}}
                for row, answer in enumerate(answers)
                for mention in (answer[1] if answer is not None else ())
            ]
        return as_column([answer and answer[0] for answer in answers])

    @property
    def mentions_(self) -> list[list[Mention]] | None:
        """DataFrame of the mentions of the last `transform`, with ``keep_mentions=True``."""
        mentions = getattr(self, "_mentions", None)
        if mentions is None:
            raise AttributeError(
                "No mentions are kept: pass keep_mentions=True, and call transform after it."
            )
        return pd.DataFrame(mentions, columns=["row", *_MENTION])

    def _validate_params(self):
        if isinstance(self.linker, (str, os.PathLike, KnowledgeBase)):
            raise InvalidParameterError(
                f"linker={self.linker!r} is no linker: did you mean "
                f"GazetteerLinker({self.linker!r})?"
            )
        super()._validate_params()

    def __getstate__(self):
        state = super().__getstate__()
        return {key: value for key, value in state.items() if key != "_mentions"}


class _Enrich:
    """Takes a cell to its enriched text and the mentions in it.

    A worker gets it anew with every few cells. It keeps the linker that came first, with the
    knowledge base that this has opened.
    """

    def __init__(self, linker, min_confidence):
        self.linker = linker
        self.min_confidence = min_confidence
        self.key = uuid.uuid4().hex

    def __call__(self, cell):
        if not isinstance(cell, str):
            raise BadType(
                f"expected a text, got {type(cell).__name__}",
                "Give a str; lists of reviews are joined by ReviewTruncator before.",
            )
        try:
            with _no_fault_of_a_text():
                found = self.linker.link(cell)
        except InvalidParameterError as error:  # of a linker without check_setup
            raise SetupError(str(error)) from error
        except (SetupError, NotImplementedError):
            raise
        except RuntimeError as error:  # of a linker of others, such as of a service that fails
            raise BadItem(f"{type(error).__name__}: {error}") from error
        mentions = [mention for mention in found if mention.confidence >= self.min_confidence]
        categories = {mention.entity: mention.categories for mention in mentions}
        words = [
            category_word(name) for names in categories.values() for name in dict.fromkeys(names)
        ]
        return "\n".join([cell, " ".join(words)]) if words else cell, mentions

    def __setstate__(self, state):
        self.__dict__.update(state)
        if self.key not in _arrived:
            _arrived.clear()
            _arrived[self.key] = self.linker
        self.linker = _arrived.get(self.key, self.linker)


@contextmanager
def _no_fault_of_a_text():
    """Tell the lack of a file from the faults of texts."""
    try:
        yield
    except FileNotFoundError as error:
        raise SetupError(f"{error} {_IN_A_FITTED_MODEL}") from error


_arrived = {}  # the linker of the last _Enrich that came to this process
