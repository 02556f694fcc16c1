"""Entities as DBpedia Spotlight finds them."""

from numbers import Integral, Real

from sklearn.utils._param_validation import Interval

from ._http_linker import Annotation, HTTPLinker, UnexpectedAnswer, take, take_list


class SpotlightLinker(HTTPLinker):
    """Link texts by DBpedia Spotlight, the public service or one of your own.

    It needs no key. It gives no categories: pass `categories_from`.

    Parameters
    ----------
    confidence : float, default=0.2
        Spotlight leaves out what it is less sure of. The default, and that of `support`, is
        what ELVIS asks for.
    support : int, default=20
        Spotlight leaves out entities that fewer pages of Wikipedia link to.
    url : str, default="https://api.dbpedia-spotlight.org/en/annotate"
        Address of the service: that of another language, or of a Spotlight that you run
        ("http://localhost:2222/rest/annotate").
    max_chars : int, default=10000
        Longest text that is sent at once. A longer one is split behind a sentence.
    timeout : float, default=30.0
        Seconds for a whole answer.
    max_retries : int, default=4
        Further tries after 429, 5xx and broken connections.
    backoff : float, default=1.0
        Seconds before the second try; they double from try to try, with some chance in them.
        A longer time that the service asks for is kept to.
    cache : str or path-like, default=None
        File that keeps the answers, so that no text is sent twice; see `skmmgenre.store.Store`.
    categories_from : object with a method categories, str or path-like, default=None
        ``categories(entity)`` answers the categories of an entity by its name ("Miles_Davis"),
        as a `KnowledgeBase` does; or the path of a knowledge base's file.

    See Also
    --------
    VotingLinker : Keeps what several linkers agree on.
    PrecomputedLinker : Reads answers that ELVIS kept in files.

    Notes
    -----
    The confidence of a mention is Spotlight's ``@similarityScore``. The service counts
    characters as UTF-16 does: characters beyond U+FFFF (emoji), and control characters, are
    sent as spaces, so that offsets are right either way.

    Examples
    --------
    >>> from skmmgenre.text import SpotlightLinker
    >>> linker = SpotlightLinker(url="http://localhost:2222/rest/annotate")
    >>> linker.link("So What by Miles Davis")  # doctest: +SKIP
    [Mention(start=11, end=22, label='Miles Davis', entity='Miles_Davis', ...)]
    """

    __module__ = "skmmgenre.text"

    _service = "Spotlight"

    _parameter_constraints: dict = {
        **HTTPLinker._parameter_constraints,
        "confidence": [Interval(Real, 0, 1, closed="both")],
        "support": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        confidence=0.2,
        support=20,
        url="https://api.dbpedia-spotlight.org/en/annotate",
        max_chars=10000,
        timeout=30.0,
        max_retries=4,
        backoff=1.0,
        cache=None,
        categories_from=None,
    ):
        self.confidence = confidence
        self.support = support
        self.url = url
        self.max_chars = max_chars
        self.timeout = timeout
        self.max_retries = max_retries
        self.backoff = backoff
        self.cache = cache
        self.categories_from = categories_from

    def _form(self):
        return {"confidence": f"{self.confidence:g}", "support": str(self.support)}

    def _annotations(self, answer):
        # Spotlight repeats the text; the list is left out where nothing was found.
        if isinstance(answer, dict) and "@text" in answer and "Resources" not in answer:
            return
        for record in take_list(answer, "Resources"):
            label = take(record, "@surfaceForm", str)
            try:
                start = int(take(record, "@offset", str, int))
            except ValueError as error:
                raise UnexpectedAnswer(f"the offset {record['@offset']!r}") from error
            yield Annotation(
                start=start,
                end=start + len(label),
                label=label,
                reference=take(record, "@URI", str),
                confidence=take(record, "@similarityScore", str, float, int),
                categories=[],
            )
