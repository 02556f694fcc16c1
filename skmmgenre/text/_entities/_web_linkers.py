"""Entities as the web services Babelfy, DBpedia Spotlight and TagMe find them."""

from numbers import Integral, Real
from typing import Literal

from sklearn.utils._param_validation import Interval, StrOptions

from ..._typing import FilePath, HasCategories
from ._http_linker import Annotation, HTTPLinker, UnexpectedAnswer, take, take_list


class BabelfyLinker(HTTPLinker):
    """Link texts by the web service Babelfy.

    The linker of the paper (section 3.3 of Oramas et al. 2018). Babelfy disambiguates words as
    well as names; what has no page in Wikipedia is answered with the id of its BabelNet synset
    as entity ("bn:00083221v"). It gives no categories: pass `categories_from`.

    Parameters
    ----------
    key_env : str, default="BABELFY_KEY"
        Name of the environment variable that holds the key. It is read when a text is sent, and
        stands in no error, pickle or cache.
    lang : str, default="EN"
        Language of the texts, as Babelfy names it.
    annotation_type : {"ALL", "NAMED_ENTITIES", "CONCEPTS"}, default="ALL"
        What is looked for.
    url : str, default="https://babelfy.io/v1/disambiguate"
        Address of the service.
    max_chars : int, default=3000
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
    The confidence is Babelfy's ``score``. The service counts characters as UTF-16 does:
    characters beyond U+FFFF (emoji), and control characters, are sent as spaces, so that
    offsets are right either way.

    Examples
    --------
    >>> from skmmgenre.text import BabelfyLinker
    >>> linker = BabelfyLinker(key_env="MY_BABELFY_KEY", cache="babelfy.sqlite")
    >>> linker.link("So What by Miles Davis")  # doctest: +SKIP
    [Mention(start=11, end=22, label='Miles Davis', entity='Miles_Davis', ...)]
    """

    _service = "Babelfy"
    _key_field = "key"
    _register = "Keys are given at https://babelnet.org/register."

    _parameter_constraints: dict = {
        **HTTPLinker._parameter_constraints,
        "key_env": [str],
        "lang": [str],
        "annotation_type": [StrOptions({"ALL", "NAMED_ENTITIES", "CONCEPTS"})],
    }

    def __init__(
        self,
        *,
        key_env: str = "BABELFY_KEY",
        lang: str = "EN",
        annotation_type: Literal["ALL", "CONCEPTS", "NAMED_ENTITIES"] = "ALL",
        url: str = "https://babelfy.io/v1/disambiguate",
        max_chars: int = 3000,
        timeout: float = 30.0,
        max_retries: int = 4,
        backoff: float = 1.0,
        cache: FilePath | None = None,
        categories_from: HasCategories | FilePath | None = None,
    ):
        self.key_env = key_env
        self.lang = lang
        self.annotation_type = annotation_type
        super().__init__(url, max_chars, timeout, max_retries, backoff, cache, categories_from)

    def _form(self):
        return {"lang": self.lang, "annType": self.annotation_type}

    def _annotations(self, answer):
        if isinstance(answer, dict) and isinstance(answer.get("message"), str):
            raise UnexpectedAnswer(f"the message {answer['message']!r}", refused=True)
        if not isinstance(answer, list):
            raise UnexpectedAnswer(f"a JSON {type(answer).__name__} instead of a list")
        for record in answer:
            place = take(record, "charFragment", dict)
            yield Annotation(
                start=take(place, "start", int),
                end=take(place, "end", int) + 1,  # Babelfy's is the last character
                label=None,
                reference=take(
                    record, "DBpediaURL" if record.get("DBpediaURL") else "babelSynsetID", str
                ),
                confidence=take(record, "score", float, int),
                categories=[],
            )


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

    _service = "Spotlight"

    _parameter_constraints: dict = {
        **HTTPLinker._parameter_constraints,
        "confidence": [Interval(Real, 0, 1, closed="both")],
        "support": [Interval(Integral, 0, None, closed="left")],
    }

    def __init__(
        self,
        *,
        confidence: float = 0.2,
        support: int = 20,
        url: str = "https://api.dbpedia-spotlight.org/en/annotate",
        max_chars: int = 10000,
        timeout: float = 30.0,
        max_retries: int = 4,
        backoff: float = 1.0,
        cache: FilePath | None = None,
        categories_from: HasCategories | FilePath | None = None,
    ):
        self.confidence = confidence
        self.support = support
        super().__init__(url, max_chars, timeout, max_retries, backoff, cache, categories_from)

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
        key_env: str = "TAGME_KEY",
        lang: str = "en",
        url: str = "https://tagme.d4science.org/tagme/tag",
        max_chars: int = 10000,
        timeout: float = 30.0,
        max_retries: int = 4,
        backoff: float = 1.0,
        cache: FilePath | None = None,
        categories_from: HasCategories | FilePath | None = None,
    ):
        self.key_env = key_env
        self.lang = lang
        super().__init__(url, max_chars, timeout, max_retries, backoff, cache, categories_from)

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
