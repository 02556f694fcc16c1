"""Base class of the linkers that call a web service with a form and read its JSON response."""

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

_MAX_BYTES = 16_000_000  # of a response; real texts give some ten thousand
_MAX_WAIT = 120  # seconds between two attempts; if a service requests more, linking fails
_QUOTED = 100  # characters of an invalid response that are shown

# Status codes that do not depend on the text.
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
    """A complete response, or the reason why there is none."""

    status: int = 0
    headers: dict = field(default_factory=dict)
    body: bytes = b""
    problem: str = ""
    temporary: bool = False
    reached: bool = True  # whether a service runs at the URL


def _post(url, form, timeout):
    # No exception of httpx may be raised or become the context of another: it contains the
    # request, and therefore the key.
    httpx = import_from_extra("httpx", "This", extra="text")
    # httpx limits the time of each read; this limits that of a response that arrives bit by bit.
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
        return _Reply(problem=f"could not be called ({error})", reached=False)
    except httpx.DecodingError as error:
        return _Reply(problem=f"sent a response that cannot be decoded ({error})")
    except httpx.HTTPError as error:
        return _Reply(problem=f"broke the connection ({error})", temporary=True)


def _client(httpx):
    client = _clients.get(os.getpid())
    if client is None:
        headers = {
            "Accept": "application/json",
            "Accept-Encoding": "identity",  # so that the size limit applies to the bytes sent
            "User-Agent": f"skmmgenre/{__version__}",
        }
        new = httpx.Client(headers=headers, follow_redirects=False)
        client = _clients.setdefault(os.getpid(), new)
        if client is new:
            atexit.register(client.close)
        else:  # another thread was first
            new.close()
    return client


def _too_slow(timeout):
    return f"did not send a complete response within {timeout:g} s"


def _retry_after(reply):
    """Return the seconds that the service asks to wait, given as a number or as a date."""
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
    kind = reply.headers.get("content-type", "unknown type")
    raise BadItem(
        f"{service} returned {len(reply.body)} bytes of {_blot(kind, secret)} instead of valid "
        f"JSON{_quote(reply.body, secret)}",
        f"Open url={_shown(url, secret)!r} in a browser, and check that no proxy or login page "
        "intercepts the request.",
    )


def _way_out(reply, url, key_hint, secret):
    if not reply.reached:
        return (
            f"Check url={_shown(url, secret)!r} and that the service is running; with a cache, "
            "only texts that are not linked yet are sent again."
        )
    if reply.status in (HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN):
        return key_hint or "The service requires a login."
    if 300 <= reply.status < 400:
        target = _blot(reply.headers.get("location", "another address"), secret)
        return f"If you trust {target!r}, pass it as url; redirects are not followed."
    if reply.status in (HTTPStatus.REQUEST_ENTITY_TOO_LARGE, HTTPStatus.REQUEST_URI_TOO_LONG):
        return "Pass a smaller max_chars."
    if reply.temporary:
        later = f"in {wait:.0f} s" if (wait := _retry_after(reply)) > _MAX_WAIT else "later"
        return (
            f"Run again {later}, or increase timeout or max_retries; with a cache, only texts "
            "that are not linked yet are sent again."
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
    """Return the URL without its password."""
    return re.sub("//[^/?#]*@", "//***@", _blot(url, secret))


def _blot(text, secret):
    # A service may repeat the form as it was sent, where the key is percent-encoded.
    for written in (secret, quote_plus(secret)):
        text = text.replace(written, "***") if written else text
    return text


# Characters that are sent as a space: those that a form or JSON cannot contain, and those that
# take two UTF-16 code units, because the services count offsets in code units.
_NOT_SENT = re.compile(r"[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff\U00010000-\U0010ffff]")
_FORMAT = 1  # of the cache entries


class Annotation(NamedTuple):
    """Mention returned by a service; offsets refer to the part of the text that was sent."""

    start: int
    end: int  # exclusive
    label: str | None  # None if the service does not repeat it
    reference: str
    confidence: float
    categories: list


class UnexpectedAnswer(Exception):
    """Raised if the JSON of a response is not as documented by the service.

    Parameters
    ----------
    reason : str
    refused : bool
        Whether the service rejected the key.
    """

    def __init__(self, reason, refused=False):
        super().__init__(reason)
        self.refused = refused


class MissingKey(SetupError):
    """Raised if the key of a service is not set. Texts in the cache can be linked without it."""


class HTTPLinker(Linker):
    """Base class of linkers that call a web service.

    A subclass has the parameters of this class and defines `_service`, its name; `_form`, which
    returns all fields of a request except text and key; `_annotations`, which parses the JSON of a
    response; and `_key_field` together with the parameter `key_env` if the service needs a key.
    """

    _key_field = None

    _left_out = {"url": "addresses of services"}
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
        """Return the annotations of a part, from the cache if it was sent before."""
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
        url = urlunsplit([scheme, host.rpartition("@")[2], *rest])  # without the password
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
            # Raised below, outside the context of this error: the response may repeat the key.
            reason = _blot(str(error), key)
            refused = error.refused
        reason = f"{self._service} returned {reason}"
        if refused:
            raise SetupError(f"{reason}. {self._key_hint()}")
        shown = _shown(self.url, key)
        raise BadItem(reason, f"Check that url={shown!r} is a URL of {self._service}.")

    def _send(self, form, key):
        """Send a form and return the JSON of the response; no error contains the form or the key.

        Raises BadItem if there is no response, or it is not valid JSON. Raises SetupError if no
        service runs at the URL or it denies access, so that no other text can be sent either.
        """
        for attempt in range(self.max_retries + 1):
            reply = _post(self.url, form, self.timeout)
            if reply.status == HTTPStatus.OK:
                return _read_json(self._service, self.url, reply, key)
            wait = _retry_after(reply)
            if not reply.temporary or attempt == self.max_retries or wait > _MAX_WAIT:
                break
            # Jitter, so that workers that failed together do not all try again at the same moment.
            own = min(self.backoff * 2**attempt * _jitter.uniform(0.5, 1.5), _MAX_WAIT)
            time.sleep(max(own, wait))
        what = (
            reply.problem
            or f"returned status {_status_name(reply.status)}{_quote(reply.body, key)}"
        )
        tries = f" in the last of {attempt + 1} attempts" if attempt else ""
        reason = f"{self._service} {_blot(what, key)}{tries}"
        remedy = _way_out(reply, self.url, self._key_hint(), key)
        if not reply.reached or reply.status in _NO_ENTRY:
            raise SetupError(f"{reason}. {remedy}")
        raise BadItem(reason, remedy)

    def _read_key(self):
        if self._key_field is None:
            return ""
        if not re.fullmatch("[A-Za-z_][A-Za-z0-9_]*", self.key_env):
            raise ValueError(  # without showing the value, which may be the key itself
                "key_env is not a valid name of an environment variable. Store the key in an "
                "environment variable and pass the name of the variable."
            )
        key = os.environ.get(self.key_env, "").strip()
        if not key:
            raise MissingKey(
                f"{self._service} needs a key, but the environment variable {self.key_env} is "
                "not set. Set it to the key, or pass the name of another variable as key_env. "
                f"{self._register}"
            )
        return key

    def _key_hint(self):
        if self._key_field is None:
            return ""
        return (
            f"Check the key in the environment variable {self.key_env} and whether the daily "
            "request limit is reached; with a cache, only texts that are not linked yet are sent "
            "again."
        )


def _checked(annotation, part):
    """Return the annotation if its offsets, label and confidence are valid."""
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
        raise UnexpectedAnswer(f"an annotation with an invalid confidence: {error}") from error


def _words(label):
    """Return the words of a label, normalized in case, white space and composed letters."""
    return unicodedata.normalize("NFC", label).casefold().split()


def take(record, name, *kinds):
    """Return a field of a response if it is present and has one of the given types."""
    value = record.get(name) if isinstance(record, dict) else None
    if not isinstance(value, kinds) or isinstance(value, bool):
        if value is None:
            raise UnexpectedAnswer(f"an annotation without {name!r}")
        raise UnexpectedAnswer(f"an annotation whose {name!r} has type {type(value).__name__}")
    return value


def take_list(answer, name):
    """Return the list in a field of a response."""
    value = answer.get(name) if isinstance(answer, dict) else None
    if not isinstance(value, list):
        raise UnexpectedAnswer(f"JSON without a list {name!r}")
    return value
