"""Entities as Babelfy finds them."""

from sklearn.utils._param_validation import StrOptions

from ._http_linker import Annotation, HTTPLinker, UnexpectedAnswer, take


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

    __module__ = "skmmgenre.text"

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
        key_env="BABELFY_KEY",
        lang="EN",
        annotation_type="ALL",
        url="https://babelfy.io/v1/disambiguate",
        max_chars=3000,
        timeout=30.0,
        max_retries=4,
        backoff=1.0,
        cache=None,
        categories_from=None,
    ):
        self.key_env = key_env
        self.lang = lang
        self.annotation_type = annotation_type
        self.url = url
        self.max_chars = max_chars
        self.timeout = timeout
        self.max_retries = max_retries
        self.backoff = backoff
        self.cache = cache
        self.categories_from = categories_from

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
