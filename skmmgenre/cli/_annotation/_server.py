"""The web server of the page: it serves the items and receives the answers."""

import ipaddress
import os
import re
import socket
import sys
from importlib.resources import files

import click
from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from ...inspection._annotations import ANSWER_ID
from ...utils import BadItem
from .._terminal import one_line, visible
from ._answers import OtherRevision
from ._media import cover_of, sound_of

_MAX_BYTES = 10_000  # of a request with an answer
_LONGEST = 24 * 3600.0  # seconds; longer answer times are clipped
_HEADERS = {
    # The page loads content from this server only.
    "Content-Security-Policy": "default-src 'none'; script-src 'unsafe-inline'; "
    "style-src 'unsafe-inline'; img-src blob: data:; media-src blob:; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
    "Cache-Control": "no-store",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


def make_app(plan, log, *, seconds=30.0, host="127.0.0.1"):
    """Return the web application of one annotator.

    Parameters
    ----------
    plan : Plan
    log : AnswerLog
    seconds : float
        Maximum length of the sound.
    host : str
        Address that the server listens on. Requests for other host names are refused, which
        prevents DNS rebinding.

    Returns
    -------
    app : Starlette
        ``/`` is the page, ``/state`` lists the items (random ids, modes, own answers),
        ``/items/ID/sound`` and ``/items/ID/cover`` return media, ``/answers`` receives answers.
    """
    items = plan.order_for(log.annotator)
    by_id = {item.id: item for item in items}
    page = files(__package__).joinpath("page.html").read_bytes()

    async def show_page(request):
        return Response(page, media_type="text/html; charset=utf-8", headers=_HEADERS)

    async def state(request):
        answers = await run_in_threadpool(log.of_items, items)
        shown = [
            {"id": item.id, "mode": item.mode, **_as_json(answer)}
            for item, answer in zip(items, answers, strict=True)
        ]
        content = {"annotator": log.annotator, "genres": plan.genres, "items": shown}
        return JSONResponse(content, headers=_HEADERS)

    async def sound(request):
        item = _item_of(request)
        return await _media(item, item.sound, lambda path: sound_of(path, seconds), "audio/wav")

    async def cover(request):
        item = _item_of(request)
        return await _media(item, item.cover, cover_of, "image/jpeg")

    async def answers(request):
        _refuse_others(request)
        item, answer = await _read_answer(request, log.annotator, by_id, plan.genres)
        try:
            kept = await run_in_threadpool(log.add, item, **answer)
        except OtherRevision:
            # The page shows this answer and drops its own. After a 503 it sends its own again.
            kept = await run_in_threadpool(log.get, item)
            return JSONResponse(_as_json(kept), 409, headers=_HEADERS)
        except OSError as error:
            click.echo(f"an answer was not saved: {one_line(str(error))}", err=True)
            raise HTTPException(503, "The answer cannot be written to disk.") from error
        return JSONResponse(_as_json(kept), headers=_HEADERS)

    def _item_of(request):
        item = by_id.get(request.path_params["id"])
        if item is None:
            raise HTTPException(404, "Unknown item.")
        return item

    async def refuse(request, error):
        return JSONResponse({"error": error.detail}, error.status_code, headers=_HEADERS)

    app = Starlette(
        routes=[
            Route("/", show_page),
            Route("/state", state),
            Route("/items/{id}/sound", sound),
            Route("/items/{id}/cover", cover),
            Route("/answers", answers, methods=["POST"]),
        ],
        exception_handlers={HTTPException: refuse},
    )
    app.add_middleware(_KnownHosts, host=host)
    return app


async def _media(item, path, encode, kind):
    if path is None:  # the mode does not show it
        raise HTTPException(404, "This item has no such media.")
    try:
        content = await run_in_threadpool(encode, path)
    except BadItem as error:
        click.echo(f"cannot show {visible(item.name)}: {one_line(error.reason)}", err=True)
        raise HTTPException(422, "This item cannot be decoded. Skip it.") from error
    return Response(content, media_type=kind, headers=_HEADERS)


def _as_json(answer):
    """Return an answer for the page; genre None with a revision above 0 is a skipped item."""
    return {"genre": answer.genre, "revision": answer.revision}


async def _read_answer(request, annotator, by_id, genres):
    """Return item and answer of a request, or raise an HTTPException with the reason."""
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    # Browsers send this type to another site only after a preflight request, which is refused.
    if kind != "application/json":
        raise HTTPException(415, "The content type must be application/json.")
    # Without a declared length, a request could send any amount of data.
    length = request.headers.get("content-length", "")
    if not length.isdecimal():
        raise HTTPException(411, "The request needs a content-length header.")
    if len(length) > 9 or int(length) > _MAX_BYTES:  # `int` refuses thousands of digits
        raise HTTPException(413, f"The request must not exceed {_MAX_BYTES:,} bytes.")
    try:
        sent = await request.json()
    except (ValueError, RecursionError):
        raise HTTPException(400, "The request is not valid JSON.") from None
    if not isinstance(sent, dict):
        raise HTTPException(400, "The request is not a JSON object.")
    if sent.get("annotator") != annotator:
        raise HTTPException(
            409,
            f"The server now runs for another annotator, {annotator}, so this answer was not "
            "saved. Reload the page.",
        )
    item = by_id.get(sent.get("item")) if isinstance(sent.get("item"), str) else None
    if item is None:
        raise HTTPException(404, "Unknown item. Reload the page.")
    genre, seconds = sent.get("genre"), sent.get("seconds")
    if genre is not None and genre not in genres:
        raise HTTPException(400, "genre is not one of the available genres.")
    number = isinstance(seconds, int | float) and not isinstance(seconds, bool)
    # JSON has integers beyond the largest float, and Python reads NaN and Infinity.
    if not number or not 0 <= seconds <= sys.float_info.max:
        raise HTTPException(400, "seconds must be a number of at least 0.")
    revision = sent.get("revision")
    if type(revision) is not int or revision < 0:
        raise HTTPException(400, "revision must be an integer of at least 0.")
    answer = sent.get("answer")
    if not isinstance(answer, str) or not ANSWER_ID.fullmatch(answer):
        raise HTTPException(400, "answer must be an id of 32 hexadecimal digits.")
    seconds = min(float(seconds), _LONGEST)
    return item, {"genre": genre, "seconds": seconds, "revision": revision, "answer": answer}


def _refuse_others(request):
    """Refuse cross-site requests."""
    # Browsers send these headers with a POST request; other programs need not.
    origin = request.headers.get("origin")
    own = f"{request.url.scheme}://{request.headers.get('host', '')}"
    site = request.headers.get("sec-fetch-site", "same-origin")
    if (origin is not None and origin != own) or site != "same-origin":
        raise HTTPException(403, "Answers are accepted from the page of this server only.")


class _KnownHosts:
    """Middleware that refuses requests for other host names, to prevent DNS rebinding.

    Parameters
    ----------
    app : ASGI application
    host : str
        Address or name that the server listens on. If it listens on all addresses, any IP address
        is accepted.
    """

    def __init__(self, app, host):
        self._app = app
        host = _plain_host(host.partition("%")[0])  # browsers omit the zone of an address
        self._known = {"localhost", "127.0.0.1", "::1", host}
        self._any_address = host in ("0.0.0.0", "::")
        if self._any_address:
            self._known.add(socket.gethostname().lower())

    async def __call__(self, scope, receive, send):
        if scope["type"] == "http" and not self._knows(_host_of(scope)):
            refusal = JSONResponse({"error": "Unknown host name."}, 421, headers=_HEADERS)
            await refusal(scope, receive, send)
            return
        await self._app(scope, receive, send)

    def _knows(self, host):
        name = _plain_host(re.sub(r":\d+$", "", host))
        return name in self._known or (self._any_address and _address_of(name) is not None)


def _plain_host(name):
    """Return a host name in lower case, or an address without brackets in its shortest spelling."""
    name = name.strip("[]").lower()
    address = _address_of(name)
    return name if address is None else str(address)


def _address_of(name):
    try:
        return ipaddress.ip_address(name)
    except ValueError:
        return None


def _host_of(scope):
    found = [value.decode("latin-1") for name, value in scope["headers"] if name == b"host"]
    return found[0] if len(found) == 1 else ""


def listen(host, port):
    """Return a listening socket.

    Raises
    ------
    OSError
        If the address or port cannot be used.
    """
    listening = None
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, protocol)
        # After a restart, connections of the previous run may still occupy the port for a while.
        if os.name != "nt":  # on Windows it would allow two servers on one port
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
    except OSError as error:
        if listening is not None:
            listening.close()
        raise OSError(
            f"cannot listen on {host}, port {port} ({error.strerror or error}). Choose another "
            "with --port, or stop the program that uses it"
        ) from error
    return listening
