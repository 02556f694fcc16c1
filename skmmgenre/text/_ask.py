"""A form sent to a web service, and the JSON that it answers with."""

import atexit
import json
import os
import random
import re
import time
from dataclasses import dataclass, field
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from urllib.parse import quote_plus

from .. import __version__
from ..utils import BadItem, SetupError, import_from_extra

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


def ask(service, url, form, *, secret="", key_hint="", timeout, max_retries, backoff):
    """Send a form and return the JSON of the answer.

    Parameters
    ----------
    service : str
        Its name, for errors.
    url : str
    form : dict of str to str
    secret : str
        Is blotted out of whatever an error quotes.
    key_hint : str
        What to do if the service refuses the key.
    timeout : float
        Seconds for a whole answer.
    max_retries : int
        Further tries after 429, 5xx and broken connections.
    backoff : float
        Seconds before the second try; they double from try to try, and are drawn between half
        and one and a half of that. A longer Retry-After of the service is kept to.

    Raises
    ------
    BadItem
        If there is no answer, or one that is no JSON. It holds neither the form nor the
        request.
    SetupError
        If there is no service at the address, or it lets nobody in, so that no other text can be
        sent either.
    """
    for attempt in range(max_retries + 1):
        reply = _post(url, form, timeout)
        if reply.status == HTTPStatus.OK:
            return _read_json(service, url, reply, secret)
        if not reply.temporary or attempt == max_retries or _retry_after(reply) > _MAX_WAIT:
            break
        wait = min(backoff * 2**attempt * _jitter.uniform(0.5, 1.5), _MAX_WAIT)
        time.sleep(max(wait, _retry_after(reply)))
    what = reply.problem or f"answered {_status_name(reply.status)}{_quote(reply.body, secret)}"
    tries = f", at the last of {attempt + 1} tries" if attempt else ""
    reason, remedy = (
        f"{service} {_blot(what, secret)}{tries}",
        _way_out(reply, url, key_hint, secret),
    )
    if not reply.reached or reply.status in _NO_ENTRY:
        raise SetupError(f"{reason}. {remedy}")
    raise BadItem(reason, remedy)


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
