"""Linkers that ask a web service: the form that is sent, and the JSON that comes back."""

import atexit
import hashlib
import json
import os
import random
import re
import time
import unicodedata
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from numbers import Integral, Real
from typing import NamedTuple
from urllib.parse import quote_plus, urlsplit, urlunsplit

from sklearn.utils._param_validation import Interval

from ... import __version__
from ...store import Store
from ...utils import BadItem, SetupError, import_from_extra
from ._linker import CATEGORIES_FROM, Linker, read_confidence, store_faults
from ._segmentation import split_text

_MAX_BYTES = 16_000_000  # of an answer; those of real texts have some ten thousand
_MAX_WAIT = 120  # seconds between two tries; a service that asks for more is not waited for
_QUOTED = 100  # characters of a bad answer that are shown

# What a service answers whatever the text is.
_NO_ENTRY = {
    *range(300, 400),
    HTTPStatus.UNAUTHORIZED,
    HTTPStatus.FORBIDDEN,
    HTTPStatus.NOT_FOUND,
    HTTPStatus.PROXY_AUTHENTICATION_REQUIRED,
}

_jitter = random.SystemRandom()  # without a state that a fork would copy
_clients = {}  # of each process: a connection must not be shared over a fork


@dataclass
class _Reply:
    """What came back: a whole answer, or the problem why there is none."""

    status: int = 0
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    problem: str = ""
    temporary: bool = False
    reached: bool = True  # whether there is a service at the address


def _post(url, form, timeout):
    # No exception of httpx may be raised or be the context of one: it holds the request, and
    # so the key.
    httpx = import_from_extra("httpx", "This", extra="text")
    give_up = time.monotonic() + timeout
    try:
        with _client(httpx).stream("POST", url, data=form, timeout=timeout) as response:
            body = bytearray()
            for chunk in response.iter_bytes():
                body += chunk
                if len(body) > _MAX_BYTES:
                    return _Reply(problem=f"sent more than {_MAX_BYTES / 1e6:.0f} MB")
                if time.monotonic() > give_up:
                    return _Reply(problem=_too_slow(timeout), temporary=True)
            return _Reply(
                response.status_code,
                response.headers,
                bytes(body),
                temporary=response.status_code == HTTPStatus.TOO_MANY_REQUESTS
                or response.status_code >= HTTPStatus.INTERNAL_SERVER_ERROR,
            )
    except (httpx.ConnectError, httpx.ConnectTimeout) as error:
        why = str(error) or type(error).__name__
        return _Reply(problem=f"could not be reached ({why})", temporary=True, reached=False)
    except httpx.TimeoutException:
        return _Reply(problem=_too_slow(timeout), temporary=True)
    except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
        return _Reply(problem=f"could not be asked ({error})", reached=False)
    except httpx.DecodingError as error:
        return _Reply(problem=f"could not be asked ({error})")
    except httpx.HTTPError as error:
        return _Reply(problem=f"broke the connection ({error})", temporary=True)


def _client(httpx):
    client = _clients.get(os.getpid())
    if client is None:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # so that the limit of size is that of what is sent
            "User-Agent": f"skmmgenre/{__version__}",
        }
        new = httpx.Client(headers=headers, follow_redirects=False)
        client = _clients.setdefault(os.getpid(), new)  # another thread may have been first
        atexit.register(client.close)
    return client


def _too_slow(timeout):
    return f"gave no whole answer in {timeout:g} s"


def _retry_after(reply):
    """Seconds that the service asks to wait; they come as a number or as a date."""
    value = reply.headers.get("retry-after", "")
    try:
        if value.strip().isdigit():
            return float(value)
        return parsedate_to_datetime(value).timestamp() - time.time()
    except (ValueError, OverflowError):
        return 0.0


def _read_json(service, url, reply, secret):
    try:
        return json.loads(reply.body)
    except (ValueError, RecursionError):
        pass
    kind = reply.headers.get("content-type", "unnamed content")
    raise BadItem(
        f"{service} answered no whole JSON but {len(reply.body)} bytes of {_blot(kind, secret)}"
        f"{_quote(reply.body, secret)}",
        f"Check url={_shown(url, secret)!r} in a browser, and that no proxy or page to log in "
        "stands before it.",
    )


def _way_out(reply, url, key_hint, secret):
    if not reply.reached:
        return (
            f"Check url={_shown(url, secret)!r}, and that the service runs there; with a cache "
            "only what is not linked yet is sent again."
        )
    if reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return key_hint or "The service asks for a login."
    if 300 <= reply.status < 400:
        target = _blot(reply.headers.get("location", "another address"), secret)
        return f"If you trust {target!r}, pass it as url: what is sent is not sent on by itself."
    if reply.status in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_URI_TOO_LONG):
        return "Pass a smaller max_chars."
    if reply.temporary:
        later = f"in {wait:.0f} s" if (wait := _retry_after(reply)) > _MAX_WAIT else "later"
        return (
            f"Run again {later}, or pass a larger timeout or max_retries; with a cache only what "
            "is not linked yet is sent again."
        )
    return f"Check url={_shown(url, secret)!r} and the parameters."


def _status_name(status):
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


def _quote(body, secret):
    text = " ".join(_blot(body.decode(errors="replace"), secret).split())
    if not text:
        return ""
    return f": {text[:_QUOTED]!r}{' ...' if len(text) > _QUOTED else ''}"


def _shown(url, secret):
    """The address, without a password in it."""
    return re.sub("//[^/@]*@", "//***@", _blot(url, secret))


def _blot(text, secret):
    for written in (secret, quote_plus(secret)):
        text = text.replace(written, "***") if written else text
    return text


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

    def __init__(self, url, max_chars, timeout, max_retries, backoff, cache, categories_from):
        self.url = url
        self.max_chars = max_chars
        self.timeout = timeout
        self.max_retries = max_retries
        self.backoff = backoff
        self.cache = cache
        self.categories_from = categories_from

    def check_setup(self):
        super().check_setup()
        try:
            self._read_key()
        except MissingKey:
            if self.cache is None or not os.path.exists(self.cache):
                raise

    def _find(self, text):
        return [
            self._mention(text, offset + start, offset + end, reference, confidence, categories)
            for offset, part in split_text(_NOT_SENT.sub(" ", text), self.max_chars)
            for start, end, _, reference, confidence, categories in self._ask_once(part)
        ]

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
        answer = self._send(form, key)
        try:
            return [_checked(annotation, part) for annotation in self._annotations(answer)]
        except UnexpectedAnswer as error:
            # Raised again below, where no answer is its context: that may repeat the key.
            reason = str(error).replace(key, "***") if key else str(error)
            refused = error.refused
        reason = f"{self._service} answered with {reason}"
        if refused:
            raise SetupError(f"{reason}. {self._key_hint()}")
        raise BadItem(reason, f"Check that url={self.url!r} is an address of {self._service}.")

    def _send(self, form, key):
        """The JSON that the service answers to a form; no error holds the form or the key.

        Raises BadItem if there is no answer, or one that is no JSON; and SetupError if there is
        no service at the address, or it lets nobody in, so that no other text can be sent either.
        """
        for attempt in range(self.max_retries + 1):
            reply = _post(self.url, form, self.timeout)
            if reply.status == HTTPStatus.OK:
                return _read_json(self._service, self.url, reply, key)
            wait = _retry_after(reply)
            if not reply.temporary or attempt == self.max_retries or wait > _MAX_WAIT:
                break
            own = min(self.backoff * 2**attempt * _jitter.uniform(0.5, 1.5), _MAX_WAIT)
            time.sleep(max(own, wait))
        what = reply.problem or f"answered {_status_name(reply.status)}{_quote(reply.body, key)}"
        tries = f", at the last of {attempt + 1} tries" if attempt else ""
        reason = f"{self._service} {_blot(what, key)}{tries}"
        remedy = _way_out(reply, self.url, self._key_hint(), key)
        if not reply.reached or reply.status in _NO_ENTRY:
            raise SetupError(f"{reason}. {remedy}")
        raise BadItem(reason, remedy)

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
