"""Append the categories of the mentioned entities to texts."""

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

# Pipeline.set_params only reaches the unfitted steps of a ColumnTransformer.
_IN_A_FITTED_MODEL = (
    "In a fitted model, change the linker of the fitted step: "
    'model["modalities"].named_transformers_["text"]["enrich"].linker.set_params(...).'
)
_MENTION = [field.name for field in fields(Mention)]


class EntityEnricher(TextColumnTransformer, auto_wrap_output_keys=None):
    """Append to each text the categories of the entities that it mentions, as words.

    A linker finds the entities that a text mentions; the Wikipedia categories of each entity are
    appended to the text (section 3.3 of Oramas et al. 2018), for example "English pop singers" as
    the word ``cat_english_pop_singers``. A vectorizer that follows treats them like any other
    word. The transformer is stateless, so calling `fit` is optional.

    Parameters
    ----------
    linker : object with a method link
        Linker whose ``link(text)`` returns a list of `Mention`.
    min_confidence : float, default=0.0
        Ignore mentions with a lower confidence.
    on_error : {"raise", "missing"}, default="raise"
        What to do with a text that cannot be linked. "raise" raises an error that names its row.
        "missing" leaves the text unchanged, without categories, issues a warning and lists the
        text in `errors_`; a cell that is not text is treated as missing. Errors that do not
        depend on the text (a parameter, a file, the key or the service of the linker) are raised
        in either case.
    cache : str or path-like, default=None
        File in which the results of the linker are stored by its parameters and the text, so that
        a second `transform`, or one that resumes after an interruption, does not link the same
        texts again. The file is created if it does not exist; see `skmmgenre.store.Store`.
    keep_mentions : bool, default=False
        Whether to keep the mentions of the last `transform` in `mentions_`.
    n_jobs : int or None, default=None
        Number of joblib workers.
    verbose : int, default=0
        1 shows a progress bar.

    Attributes
    ----------
    errors_ : DataFrame
        With ``on_error="missing"``, one row per text that the last `transform` could not link and
        per cell that is not text, with the columns row, item, reason and remedy.
    mentions_ : DataFrame
        With ``keep_mentions=True``, one row per mention of the last `transform` with sufficient
        confidence, with the columns row, start, end, label, entity, confidence and categories.
        Like `errors_`, it is not saved with the model.

    See Also
    --------
    ReviewTruncator : Join and truncate the reviews first.
    ReviewVectorizer : Convert words and categories to weights.
    skmmgenre.inspection.informative_words : Find the words and categories typical of a genre.

    Notes
    -----
    The categories of an entity are appended once, however often the text mentions it: the paper
    takes "all the Wikipedia categories of entities identified in each document". A category that
    two entities share is appended twice, so that ``cat_english_pop_singers`` has a higher count
    in a text about many pop singers than in a text that mentions only one.

    Categories that differ only in case or punctuation become the same word.

    A joblib file contains the path of the linker's knowledge base as it was passed, and none of
    its content.

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
        """Check the parameters and the linker; nothing is fitted.

        Parameters
        ----------
        X : Series, list, array, or DataFrame of one column
            Ignored.
        y : None
            Not used.

        Returns
        -------
        self : EntityEnricher
            The enricher itself.
        """
        self.check_setup()
        return self

    def check_setup(self) -> None:
        """Check everything that does not depend on a text: the parameters and the linker.

        `fit` and `transform` call this method first, and so does the `fit` of a `GenrePipeline`.
        If the linker has a method `check_setup`, it is called too: it checks, for example, that
        the files of the linker can be read and that its key is set.

        Raises
        ------
        ValueError
            If a parameter of the enricher or of the linker is invalid.
        SetupError
            If something that the linker needs is not available.
        """
        self._validate_params()
        if not hasattr(self.linker, "check_setup"):
            return
        try:
            with _no_fault_of_a_text():
                self.linker.check_setup()
        except MissingKey:  # the cache may contain the results of all texts
            if self.cache is None or not os.path.exists(self.cache):
                raise

    def transform(self, X: Column) -> ObjectArray:
        """Append categories to the texts.

        Parameters
        ----------
        X : Series, list, array, or DataFrame of one column
            Texts; None, NaN and "" are missing.

        Returns
        -------
        texts : ndarray of object, shape (n,)
            The texts. A text that mentions entities with categories ends with a line of these
            categories; all other texts are unchanged, and missing texts are "".

        Raises
        ------
        BadItem
            If a cell is not text or cannot be linked, and ``on_error="raise"``.
        ValueError
            If a parameter of the enricher or of the linker is invalid, whatever `on_error` is.
        SetupError
            If a file, the key or the service of the linker is not available, or the cache cannot
            be used, whatever `on_error` is.
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
                f"{len(not_linked)} of {len(cells)} texts could not be linked and have no "
                "categories of entities; see errors_ for the rows and reasons.",
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
    def mentions_(self) -> pd.DataFrame:
        """DataFrame of the mentions of the last `transform`, with ``keep_mentions=True``."""
        mentions = getattr(self, "_mentions", None)
        if mentions is None:
            raise AttributeError(
                "No mentions were kept. Pass keep_mentions=True and call transform again."
            )
        return pd.DataFrame(mentions, columns=["row", *_MENTION])

    def _validate_params(self):
        if isinstance(self.linker, (str, os.PathLike, KnowledgeBase)):
            raise InvalidParameterError(
                f"linker={self.linker!r} is not a linker: did you mean "
                f"GazetteerLinker({self.linker!r})?"
            )
        super()._validate_params()

    def __getstate__(self):
        state = super().__getstate__()
        return {key: value for key, value in state.items() if key != "_mentions"}


class _Enrich:
    """Callable that returns the enriched text of a cell and the mentions in it.

    A joblib worker unpickles a new instance for every batch of cells. All of them use the linker
    of the first, so that its knowledge base is opened only once per worker.
    """

    def __init__(self, linker, min_confidence):
        self.linker = linker
        self.min_confidence = min_confidence
        self.key = uuid.uuid4().hex

    def __call__(self, cell):
        if not isinstance(cell, str):
            raise BadType(
                f"expected a text, got {type(cell).__name__}",
                "Pass a str; to join lists of reviews, apply ReviewTruncator first.",
            )
        try:
            with _no_fault_of_a_text():
                found = self.linker.link(cell)
        except InvalidParameterError as error:  # raised by a linker without check_setup
            raise SetupError(str(error)) from error
        # Both are RuntimeErrors, but not the fault of this text.
        except (SetupError, NotImplementedError):
            raise
        except RuntimeError as error:  # raised by a third-party linker, e.g. if a service fails
            raise BadItem(f"{type(error).__name__}: {error}") from error
        mentions = [mention for mention in found if mention.confidence >= self.min_confidence]
        categories = {mention.entity: mention.categories for mention in mentions}
        words = [
            category_word(name) for names in categories.values() for name in dict.fromkeys(names)
        ]
        return "\n".join([cell, " ".join(words)]) if words else cell, mentions

    def __setstate__(self, state):
        self.__dict__.update(state)
        # Only one linker is kept, so that knowledge bases do not accumulate in a worker.
        if self.key not in _arrived:
            _arrived.clear()
            _arrived[self.key] = self.linker
        self.linker = _arrived.get(self.key, self.linker)


@contextmanager
def _no_fault_of_a_text():
    """Turn a missing file into a SetupError, which is not attributed to a text."""
    try:
        yield
    except FileNotFoundError as error:
        raise SetupError(f"{error} {_IN_A_FITTED_MODEL}") from error


_arrived = {}  # the linker of the last _Enrich that was unpickled in this process
