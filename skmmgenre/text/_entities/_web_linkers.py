"""Linkers for the web services Babelfy, DBpedia Spotlight and TagMe."""

from numbers import Integral, Real
from typing import Literal

from sklearn.utils._param_validation import Interval, StrOptions

from ..._typing import FilePath, HasCategories
from ._http_linker import Annotation, HTTPLinker, UnexpectedAnswer, take, take_list


class BabelfyLinker(HTTPLinker):
    """Link texts with the web service Babelfy.

    This is the linker of the paper (section 3.3 of Oramas et al. 2018). Babelfy disambiguates
    words as well as names; for a word without a Wikipedia page the entity is the id of its
    BabelNet synset ("bn:00083221v"). Babelfy returns no categories: pass `categories_from`.

    Parameters
    ----------
    key_env : str, default="BABELFY_KEY"
        Name of the environment variable that contains the key. It is read when a text is sent; the
        key never appears in errors, pickles or caches.
    lang : str, default="EN"
        Language code of the texts as used by Babelfy.
    annotation_type : {"ALL", "NAMED_ENTITIES", "CONCEPTS"}, default="ALL"
        Type of annotations to request.
    url : str, default="https://babelfy.io/v1/disambiguate"
        URL of the service.
    max_chars : int, default=3000
        Maximum number of characters per request. Longer texts are split after a sentence.
    timeout : float, default=30.0
        Time limit for a complete response, in seconds.
    max_retries : int, default=4
        Maximum number of retries after status 429 or 5xx and after broken connections.
    backoff : float, default=1.0
        Seconds before the first retry; the time doubles with each retry, with random jitter. A
        longer time requested by the service is respected.
    cache : str or path-like, default=None
        File in which responses are stored, so that no text is sent twice; see
        `skmmgenre.store.Store`.
    categories_from : object with a method categories, str or path-like, default=None
        Source of the categories: an object whose ``categories(entity)`` returns the categories of
        an entity by its name ("Miles_Davis"), such as a `KnowledgeBase`, or the path of the file
        of a knowledge base.

    See Also
    --------
    VotingLinker : Keep the mentions that several linkers agree on.
    PrecomputedLinker : Read the results of ELVIS from files.

    Notes
    -----
    The confidence is Babelfy's ``score``. The service counts characters in UTF-16 code units.
    Characters beyond U+FFFF (emoji) and control characters are sent as spaces, so that the
    offsets are correct.

    Examples
    --------
    >>> from skmmgenre.text import BabelfyLinker
    >>> linker = BabelfyLinker(key_env="MY_BABELFY_KEY", cache="babelfy.sqlite")
    >>> linker.link("So What by Miles Davis")  # doctest: +SKIP
    [Mention(start=11, end=22, label='Miles Davis', entity='Miles_Davis', ...)]
    """

    _service = "Babelfy"
    _key_field = "key"
    _register = "Keys are available at https://babelnet.org/register."

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
                end=take(place, "end", int) + 1,  # Babelfy's end is inclusive
                label=None,
                reference=take(
                    record, "DBpediaURL" if record.get("DBpediaURL") else "babelSynsetID", str
                ),
                confidence=take(record, "score", float, int),
                categories=[],
            )


class SpotlightLinker(HTTPLinker):
    """Link texts with DBpedia Spotlight, the public service or your own instance.

    No key is needed. Spotlight returns no categories: pass `categories_from`.

    Parameters
    ----------
    confidence : float, default=0.2
        Minimum confidence; Spotlight omits annotations below it. The defaults of `confidence` and
        `support` are those of ELVIS.
    support : int, default=20
        Minimum number of Wikipedia pages that link to an entity; Spotlight omits other entities.
    url : str, default="https://api.dbpedia-spotlight.org/en/annotate"
        URL of the service. Change it for another language or for your own instance
        ("http://localhost:2222/rest/annotate").
    max_chars : int, default=10000
        Maximum number of characters per request. Longer texts are split after a sentence.
    timeout : float, default=30.0
        Time limit for a complete response, in seconds.
    max_retries : int, default=4
        Maximum number of retries after status 429 or 5xx and after broken connections.
    backoff : float, default=1.0
        Seconds before the first retry; the time doubles with each retry, with random jitter. A
        longer time requested by the service is respected.
    cache : str or path-like, default=None
        File in which responses are stored, so that no text is sent twice; see
        `skmmgenre.store.Store`.
    categories_from : object with a method categories, str or path-like, default=None
        Source of the categories: an object whose ``categories(entity)`` returns the categories of
        an entity by its name ("Miles_Davis"), such as a `KnowledgeBase`, or the path of the file
        of a knowledge base.

    See Also
    --------
    VotingLinker : Keep the mentions that several linkers agree on.
    PrecomputedLinker : Read the results of ELVIS from files.

    Notes
    -----
    The confidence of a mention is Spotlight's ``@similarityScore``. The service counts characters
    in UTF-16 code units. Characters beyond U+FFFF (emoji) and control characters are sent as
    spaces, so that the offsets are correct.

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
        # Spotlight repeats the text; it omits the list if nothing was found.
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
    """Link texts with the web service TagMe, which also returns categories.

    Parameters
    ----------
    key_env : str, default="TAGME_KEY"
        Name of the environment variable that contains the token ("gcube-token"). It is read when a
        text is sent; the token never appears in errors, pickles or caches.
    lang : {"en", "de", "it"}, default="en"
        Language of the texts. It is not validated, because TagMe may add other languages.
    url : str, default="https://tagme.d4science.org/tagme/tag"
        URL of the service.
    max_chars : int, default=10000
        Maximum number of characters per request. Longer texts are split after a sentence.
    timeout : float, default=30.0
        Time limit for a complete response, in seconds.
    max_retries : int, default=4
        Maximum number of retries after status 429 or 5xx and after broken connections.
    backoff : float, default=1.0
        Seconds before the first retry; the time doubles with each retry, with random jitter. A
        longer time requested by the service is respected.
    cache : str or path-like, default=None
        File in which responses are stored, so that no text is sent twice; see
        `skmmgenre.store.Store`.
    categories_from : object with a method categories, str or path-like, default=None
        Source of the categories: an object whose ``categories(entity)`` returns the categories of
        an entity by its name ("Miles_Davis"), such as a `KnowledgeBase`, or the path of the file
        of a knowledge base. None uses the categories of TagMe.

    See Also
    --------
    VotingLinker : Keep the mentions that several linkers agree on.
    PrecomputedLinker : Read the results of ELVIS from files.

    Notes
    -----
    The confidence is TagMe's ``rho``; its authors recommend a threshold between 0.1 and 0.3
    (``EntityEnricher(linker, min_confidence=0.1)``). Annotations without the title of a page are
    skipped. The service counts characters in UTF-16 code units. Characters beyond U+FFFF (emoji)
    and control characters are sent as spaces, so that the offsets are correct.

    Examples
    --------
    >>> from skmmgenre.text import TagMeLinker
    >>> linker = TagMeLinker(key_env="MY_TAGME_TOKEN", cache="tagme.sqlite")
    >>> linker.link("So What by Miles Davis")  # doctest: +SKIP
    [Mention(start=11, end=22, label='Miles Davis', entity='Miles_Davis', ...)]
    """

    _service = "TagMe"
    _key_field = "gcube-token"
    _register = "Tokens are available at https://sobigdata.d4science.org/web/tagme."

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
                raise UnexpectedAnswer("categories that are not a list of names")
            yield Annotation(
                start=start,
                end=take(record, "end", int),
                label=take(record, "spot", str),
                reference=take(record, "title", str),
                confidence=take(record, "rho", str, float, int),
                categories=categories,
            )
