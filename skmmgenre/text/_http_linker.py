"""What linkers that ask a web service have in common."""

import hashlib
import json
import os
import re
import unicodedata
from numbers import Integral, Real
from typing import NamedTuple
from urllib.parse import urlsplit, urlunsplit

from sklearn.utils._param_validation import Interval

from ..store import Store
from ..utils import BadItem, SetupError
from ._ask import ask
from ._kept_links import store_faults
from ._linker import CATEGORIES_FROM, Linker, make_mention, read_confidence
from ._text_parts import split_text

# Characters that are sent as a space: those that a form or JSON cannot hold, and those that
# are two units in the UTF-16 strings of the services, so that their offsets are ours.
_NOT_SENT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\U00010000-\U0010ffff]")
_FORMAT = 1  # of what is kept in the cache


class Annotation(NamedTuple):
    """A mention as a service tells it; offsets are those of the part that was sent."""

    start: int
    end: int  # exclusive
    label: str | None  # None if the service does not repeat it
    reference: str
    confidence: float
    categories: list


class UnexpectedAnswer(Exception):
    """JSON that is not what the service's documentation says.

    Parameters
    ----------
    reason : str
    refused : bool
        Whether the service does not accept the key.
    """

    def __init__(self, reason, refused=False):
        super().__init__(reason)
        self.refused = refused


class MissingKey(SetupError):
    """The key of a service is not there. Texts whose answers are kept do not need it."""


class HTTPLinker(Linker):
    """Base class of linkers that ask a web service.

    A subclass has the parameters named here and `_service`, its name; `_form`, which answers
    with all fields of a request but text and key; `_annotations`, which reads the JSON of an
    answer; and `_key_field` with the parameter `key_env`, if the service wants a key.
    """

    _key_field = None

    _parameter_constraints: dict = {
        "url": [str],
        "max_chars": [Interval(Integral, 1, None, closed="left")],
        "timeout": [Interval(Real, 0, None, closed="neither")],
        "max_retries": [Interval(Integral, 0, None, closed="left")],
        "backoff": [Interval(Real, 0, None, closed="left")],
        "cache": [str, os.PathLike, None],
        "categories_from": CATEGORIES_FROM,
    }

    def check_setup(self):
        super().check_setup()
        try:
            self._read_key()
        except MissingKey:
            if self.cache is None or not os.path.exists(self.cache):
                raise

    def _find(self, text):
        mentions = []
        for offset, part in split_text(_NOT_SENT.sub(" ", text), self.max_chars):
            for start, end, _, reference, confidence, categories in self._ask_once(part):
                mentions.append(
                    make_mention(
                        text,
                        offset + start,
                        offset + end,
                        reference,
                        confidence,
                        categories,
                        self._categories_source(),
                    )
                )
        return mentions

    def _ask_once(self, part):
        """The annotations of a part, from the cache if it was sent before."""
        if self.cache is None:
            return self._ask(part)
        store = self.__dict__.get("_store")
        if store is None or store.path != self.cache:
            store = self._store = Store(self.cache)
        key = self._cache_key(part)
        with store_faults():
            kept = store.get(key)
        if kept is not None:
            return [Annotation(*fields) for fields in json.loads(kept)]
        annotations = self._ask(part)
        value = json.dumps(annotations, ensure_ascii=False).encode()
        with store_faults():
            store.put_many([(key, value)], kind="answers of services")
        return annotations

    def _cache_key(self, part):
        scheme, host, *rest = urlsplit(self.url)
        url = urlunsplit([scheme, host.rpartition("@")[2], *rest])  # without a password in it
        question = [self._service, _FORMAT, url, self._form(), part]
        return hashlib.blake2b(json.dumps(question, sort_keys=True).encode()).digest()

    def _ask(self, part):
        key = self._read_key()
        form = {**self._form(), "text": part}
        if key:
            form[self._key_field] = key
        answer = ask(
            self._service,
            self.url,
            form,
            secret=key,
            key_hint=self._key_hint(),
            timeout=self.timeout,
            max_retries=self.max_retries,
            backoff=self.backoff,
        )
        try:
            return [_checked(annotation, part) for annotation in self._annotations(answer)]
        except UnexpectedAnswer as error:
            # Raised again below, where no answer is its context: that may repeat the key.
            reason = str(error).replace(key, "***") if key else str(error)
            refused = error.refused
        reason = f"{self._service} answered with {reason}"
        if refused:
            raise SetupError(f"{reason}. {self._key_hint()}")
        raise BadItem(reason, self._url_hint())

    def _read_key(self):
        if self._key_field is None:
            return ""
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", self.key_env):
            raise ValueError(  # which does not show it: it may be the key
                "key_env is not the name of an environment variable. Put the key into a "
                "variable, and pass the name of that."
            )
        key = os.environ.get(self.key_env, "").strip()
        if not key:
            raise MissingKey(
                f"{self._service} wants a key, and the environment variable {self.key_env} is "
                "not set. Put the key into it, or pass key_env with the name of another. "
                f"{self._register}"
            )
        return key

    def _key_hint(self):
        if self._key_field is None:
            return ""
        return (
            f"Check the key in the environment variable {self.key_env}, and whether the "
            "requests of the day are used up; with a cache only what is not linked yet is sent "
            "again."
        )

    def _url_hint(self):
        return f"Check that url={self.url!r} is an address of {self._service}."


def _checked(annotation, part):
    """The annotation, if it is at a place of the part and has a confidence."""
    start, end, label, reference = annotation[:4]
    if not reference.strip():
        raise UnexpectedAnswer(f"a mention at {start} of an entity without a name")
    if not 0 <= start < end <= len(part):
        raise UnexpectedAnswer(f"a mention at {start}:{end} of a text of {len(part)} characters")
    if label is not None and _words(label) != _words(part[start:end]):
        raise UnexpectedAnswer(f"the mention {label!r} at {start}, where {part[start:end]!r} is")
    try:
        return annotation._replace(confidence=read_confidence(annotation.confidence))
    except (TypeError, ValueError) as error:
        raise UnexpectedAnswer(f"a confidence that is no number in [0, 1]: {error}") from error


def _words(label):
    """The label, whichever case, spaces and composed letters the service gives it."""
    return unicodedata.normalize("NFC", label).casefold().split()


def take(record, name, *kinds):
    """The field of an answer, if it is there and of one of these types."""
    value = record.get(name) if isinstance(record, dict) else None
    if not isinstance(value, kinds) or isinstance(value, bool):
        found = "no" if value is None else f"a {type(value).__name__} as"
        raise UnexpectedAnswer(f"{found} {name!r} in an annotation")
    return value


def take_list(answer, name):
    """The list under a name of an answer."""
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, list):
        raise UnexpectedAnswer(f"JSON without a list {name!r}")
    return value
