"""Entities as TagMe finds them."""

from ._http_linker import Annotation, HTTPLinker, UnexpectedAnswer, take, take_list


class TagMeLinker(HTTPLinker):
    """Link texts by the web service TagMe, which gives categories as well.

    Parameters
    ----------
    key_env : str, default="TAGME_KEY"
        Name of the environment variable that holds the token ("gcube-token"). It is read when a
        text is sent, and stands in no error, pickle or cache.
    lang : {"en", "de", "it"}, default="en"
        Language of the texts. It is not checked here, so that TagMe may learn others.
    url : str, default="https://tagme.d4science.org/tagme/tag"
        Address of the service.
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
        as a `KnowledgeBase` does; or the path of a knowledge base's file. None takes those
        of TagMe.

    See Also
    --------
    VotingLinker : Keeps what several linkers agree on.
    PrecomputedLinker : Reads answers that ELVIS kept in files.

    Notes
    -----
    The confidence is TagMe's ``rho``; its authors advise to keep what has 0.1 to 0.3 or more
    (``EntityEnricher(linker, min_confidence=0.1)``). What TagMe finds without the title of a
    page is left out. The service counts characters as UTF-16 does: characters beyond U+FFFF
    (emoji), and control characters, are sent as spaces, so that offsets are right either way.

    Examples
    --------
    >>> from skmmgenre.text import TagMeLinker
    >>> linker = TagMeLinker(key_env="MY_TAGME_TOKEN", cache="tagme.sqlite")
    >>> linker.link("So What by Miles Davis")  # doctest: +SKIP
    [Mention(start=11, end=22, label='Miles Davis', entity='Miles_Davis', ...)]
    """

    __module__ = "skmmgenre.text"

    _service = "TagMe"
    _key_field = "gcube-token"
    _register = "Tokens are given at https://sobigdata.d4science.org/web/tagme."

    _parameter_constraints: dict = {
        **HTTPLinker._parameter_constraints,
        "key_env": [str],
        "lang": [str],
    }

    def __init__(
        self,
        *,
        key_env="TAGME_KEY",
        lang="en",
        url="https://tagme.d4science.org/tagme/tag",
        max_chars=10000,
        timeout=30.0,
        max_retries=4,
        backoff=1.0,
        cache=None,
        categories_from=None,
    ):
        self.key_env = key_env
        self.lang = lang
        self.url = url
        self.max_chars = max_chars
        self.timeout = timeout
        self.max_retries = max_retries
        self.backoff = backoff
        self.cache = cache
        self.categories_from = categories_from

    def _form(self):
        return {"lang": self.lang, "include_categories": "true"}

    def _annotations(self, answer):
        for record in take_list(answer, "annotations"):
            start = take(record, "start", int)
            if not record.get("title"):
                continue
            categories = record.get("dbpedia_categories") or []
            if not isinstance(categories, list) or not all(
                isinstance(category, str) for category in categories
            ):
                raise UnexpectedAnswer("categories that are no list of names")
            yield Annotation(
                start=start,
                end=take(record, "end", int),
                label=take(record, "spot", str),
                reference=take(record, "title", str),
                confidence=take(record, "rho", str, float, int),
                categories=categories,
            )
