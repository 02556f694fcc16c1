"""How services are asked and what may go wrong, against a real server."""

import contextlib
import json
import logging
import pathlib
import pickle
import re
import socket
import threading
import time
import traceback
from email.utils import formatdate
from itertools import product
from types import SimpleNamespace
from urllib.parse import quote_plus

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from linking_services import CLASSES, ENTITIES, KEY, TEXT, content, entries, make, places, tagme
from sklearn.base import clone
from slow_cases import few_fast, few_slow

from skmmgenre.store import Store
from skmmgenre.text import EntityEnricher, KnowledgeBase, SpotlightLinker, VotingLinker
from skmmgenre.text._entities import _http_linker
from skmmgenre.utils import BadItem, SetupError

EVERY = pytest.mark.parametrize("name", CLASSES)


@EVERY
@pytest.mark.parametrize("text", ["", "  \n", "\U0001f3b8\U0001f3a4", "\x00"])
def test_nothing_to_send(server, name, text):
    assert make(server, name).link(text) == []
    assert not server.forms


@EVERY
def test_categories_from_a_knowledge_base(server, name, tmp_path):
    records = [("Adele_(singer)", ["Adele"], ["English contraltos"], 5)]
    kb = KnowledgeBase.build(tmp_path / "small.kb", records=records)
    mentions = make(server, name, categories_from=kb).link(TEXT)
    assert [m.categories for m in mentions] == [("English contraltos",), ()]
    twin = pickle.loads(pickle.dumps(clone(make(server, name, categories_from=kb))))
    assert twin.link(TEXT) == mentions


@EVERY
@pytest.mark.parametrize("form", [str, pathlib.Path])
def test_categories_from_the_path_of_a_knowledge_base(server, name, form, tmp_path):
    path = tmp_path / "small.kb"
    KnowledgeBase.build(path, records=[("Adele_(singer)", ["Adele"], ["English contraltos"], 5)])
    linker = make(server, name, categories_from=form(path))
    assert [m.categories for m in linker.link(TEXT)] == [("English contraltos",), ()]
    assert linker.categories_from == form(path)
    stored = pickle.dumps(linker)
    assert b"contraltos" not in stored
    assert pickle.loads(stored).link(TEXT) == linker.link(TEXT)
    gone = clone(linker).set_params(categories_from=form(tmp_path / "gone.kb"))
    with pytest.raises(SetupError, match="knowledge base '.*gone.kb' does not exist"):
        EntityEnricher(gone, on_error="missing").fit([TEXT])


# ---- parts and offsets -------------------------------------------------------------------


@EVERY
def test_a_long_text_is_split_behind_sentences(server, name):
    text = "Adele sings. \n Nobody listens to Adele! XL Recordings pays, and Adele goes on."
    mentions = make(server, name, max_chars=40).link(text)
    assert [(m.start, m.label) for m in mentions] == [
        (0, "Adele"), (33, "Adele"), (40, "XL Recordings"), (64, "Adele")
    ]  # fmt: skip
    assert [form["text"] for form in server.forms] == [
        "Adele sings. \n Nobody listens to Adele!",
        "XL Recordings pays, and Adele goes on.",
    ]


PIECES = st.sampled_from(
    [*ENTITIES, " ", " ", ". ", "!\n", "\u3002", "e\u0301", "\u0301", "\U0001f3b8", "\x00", "\r\n"]
    + ["\U0001f469\u200d\U0001f3a4", "\u05d0\u0628", "\ud800", "\U00010400", "?!", "word", "\u200f"]
)


@pytest.mark.parametrize(
    ("name", "counting"),
    few_fast(
        list(product(CLASSES, ["utf-16", "code points"])),
        ("tagme", "utf-16"),
        ("babelfy", "code points"),
    ),
)
@settings(max_examples=40, deadline=None)
@given(pieces=st.lists(PIECES, max_size=60), max_chars=st.integers(14, 80))
@example(pieces=[" ", "Adele", "Adele", "Adele"], max_chars=15)
def test_offsets_are_those_of_the_text(shared_server, name, counting, pieces, max_chars):
    """Whatever is in the text, and whichever way the service counts characters."""
    shared_server.forms, shared_server.replies = [], []
    shared_server.counting = counting
    text = "".join(pieces)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("BABELFY_KEY", KEY)
        patch.setenv("TAGME_KEY", KEY)
        mentions = make(shared_server, name, max_chars=max_chars).link(text)
    found = [(mention.start, mention.end, mention.label) for mention in mentions]
    assert all(text[start:end] == label for start, end, label in found)
    assert all(len(form["text"]) <= max_chars for form in shared_server.forms)
    assert set(found) <= set(places(text))
    if all(len(word) <= max_chars for word in text.replace("XL ", "XL_").split()):
        # Only the name of two words may be cut.
        missed = set(places(text)) - set(found)
        assert all(label == "XL Recordings" for _, _, label in missed)


# ---- the cache ---------------------------------------------------------------------------


@EVERY
def test_no_text_is_sent_twice(server, name, tmp_path):
    linker = make(server, name, cache=tmp_path / "cache", max_chars=35)
    text = TEXT + " Nobody else heard of it. " + TEXT
    first = linker.link(text)
    n_sent = len(server.forms)
    assert n_sent == 2  # the third part is the first one again
    assert linker.link(text) == first
    assert clone(linker).link(text) == first
    assert pickle.loads(pickle.dumps(linker)).link(text) == first
    assert len(server.forms) == n_sent
    assert entries(tmp_path / "cache") == n_sent
    with Store(tmp_path / "cache") as store:
        assert list(store.info()) == ["answers of services"]


def test_a_cache_that_cannot_be_used(server, tmp_path):
    (tmp_path / "text.txt").write_text("No database at all." * 100)
    enricher = EntityEnricher(make(server, cache=tmp_path / "text.txt"), on_error="missing")
    with pytest.raises(SetupError, match="text.txt': the file is not a store"):
        enricher.transform([TEXT])


def test_what_changes_the_answer_is_asked_again(server, tmp_path):
    cache = tmp_path / "cache"
    make(server, "spotlight", cache=cache).link(TEXT)
    make(server, "tagme", cache=cache).link(TEXT)
    make(server, "tagme", cache=cache, timeout=3, max_chars=500, backoff=1.0).link(TEXT)
    assert len(server.forms) == 2
    server.replies = [lambda handler, form: handler.reply(json.dumps(tagme(form)).encode())]
    make(server, "tagme", cache=cache, lang="de").link(TEXT)
    assert len(server.forms) == 3
    assert server.forms[-1]["lang"] == "de"


def test_a_password_in_the_url_changes_nothing(server, tmp_path):
    linker = make(server, "spotlight", cache=tmp_path / "cache")
    linker.link(TEXT)
    linker.set_params(url=linker.url.replace("://", "://me:password@"))
    linker.link(TEXT)
    assert len(server.forms) == 1


def test_the_key_may_change(server, tmp_path, monkeypatch):
    linker = make(server, cache=tmp_path / "cache")
    linker.link(TEXT)
    monkeypatch.delenv("TAGME_KEY")
    assert linker.link(TEXT)  # nothing is sent, so none is needed
    assert len(server.forms) == 1


# ---- what may go wrong -------------------------------------------------------------------


def status(code, body=b"", **headers):
    pairs = [(name.replace("_", "-"), value) for name, value in headers.items()]
    return lambda handler, form: handler.reply(body, status=code, headers=pairs)


def sleep(handler, form):
    time.sleep(1.0)
    handler.reply(b"{}")


def drip(handler, form):
    handler.send_response(200)
    handler.send_header("Content-Length", "1000")
    handler.end_headers()
    with contextlib.suppress(ConnectionError):
        for _ in range(30):
            handler.wfile.write(b" ")
            time.sleep(0.05)
    handler.close_connection = True


def half(handler, form):
    body = json.dumps(tagme(form)).encode()
    handler.reply(body[: len(body) // 2], length=len(body))
    handler.close_connection = True


def half_without_length(handler, form):
    body = json.dumps(tagme(form)).encode()
    handler.send_response(200)
    handler.send_header("Content-Type", "application/json")
    handler.send_header("Connection", "close")
    handler.end_headers()
    handler.wfile.write(body[: len(body) // 2])
    handler.close_connection = True


def length_too_small(handler, form):
    handler.reply(json.dumps(tagme(form)).encode(), length=20)
    handler.close_connection = True


def no_http(handler, form):
    handler.wfile.write(b"220 mail.example.org ESMTP\r\n\r\n")
    handler.close_connection = True


def hang_up(handler, form):
    handler.close_connection = True


def huge(handler, form):
    handler.send_response(200)
    handler.send_header("Content-Length", str(10**12))
    handler.end_headers()
    with contextlib.suppress(ConnectionError):
        for _ in range(400):
            handler.wfile.write(b" " * 100_000)
    handler.close_connection = True


def page(handler, form):
    body = b"<!DOCTYPE html>\n<html><title>Log in</title>" + form.get("gcube-token", "").encode()
    handler.reply(body, content_type="text/html; charset=utf-8")


def echo(handler, form):
    key = form["gcube-token"]
    handler.reply(b" " * 990 + f"{quote_plus(key)} or {key}?".encode(), 400)


# Reply, what the error says and which way out, and how often the service is asked.
BAD = {
    "429": (status(429), "status 429 Too Many Requests in the last of 3 attempts. Run again", 3),
    "429 for long": (status(429, Retry_After="3600"), "429 .*Run again in 3600 s", 1),
    "500": (status(500, b"oh no"), "500 Internal Server Error: 'oh no' in the last of 3", 3),
    "503": (status(503), "503 Service Unavailable in the last of 3 attempts. Run again later", 3),
    "599": (status(599), "returned status 599 in the last of 3 attempts", 3),
    "time-out": (sleep, r"complete response within 0.5 s in the last of 3 .*increase timeout", 3),
    "drip": (drip, r"complete response within 0.5 s in the last of 3 .*increase timeout", 3),
    "half": (half, "broke the connection .*in the last of 3 attempts. Run again later", 3),
    "length too large": (
        lambda handler, form: (handler.reply(b"{}", length=99), hang_up(handler, form)),
        "broke the connection",
        3,
    ),
    "hang up": (hang_up, "broke the connection .*Run again later", 3),
    "no HTTP": (no_http, "broke the connection .*Run again later", 3),
    "half, no length": (half_without_length, "bytes of application/json instead of valid JSON", 1),
    "length too small": (length_too_small, "20 bytes of application/json instead of valid", 1),
    "huge": (huge, "sent more than 16 MB. Check url=", 1),
    "page": (page, "text/html.* instead of valid JSON.*Log in.*proxy or login page", 1),
    "no JSON": (content(b"{'annotations': []}"), "19 bytes of .* instead of valid JSON", 1),
    "nested": (content(b"[" * 100_000), "100000 bytes of .* instead of valid JSON", 1),
    "empty": (content(b""), "0 bytes of .* instead of valid JSON", 1),
    "no UTF-8": (content(b'{"annotations": ["\xff"]}'), "instead of valid JSON", 1),
    "redirect": (
        status(307, Location="http://127.0.0.1:9/elsewhere"),
        "307 Temporary Redirect.*If you trust 'http://127.0.0.1:9/elsewhere', pass it as url",
        1,
    ),
    "moved": (status(301, Location="/tagme"), "301 Moved .*pass it as url", 1),
    "key refused": (status(403, b"bad token"), "403 Forbidden: 'bad token'. Check the key in", 1),
    "no such page": (status(404), "404 Not Found. Check url=", 1),
    "too long": (status(413), "413 .*Pass a smaller max_chars", 1),
    "bad request": (status(400, b'{"m": "lang?"}'), "400 Bad Request.*lang.*the parameters", 1),
    "echo": (echo, r"400 Bad Request: '\*\*\* or \*\*\*\?'", 1),
    "no content": (status(204), "returned status 204", 1),
}

# These are no fault of the text.
SETUP = {"redirect", "moved", "key refused", "no such page"}


@pytest.mark.parametrize("what", few_slow(list(BAD), "drip"))
def test_a_bad_answer_is_an_error_and_is_not_kept(server, what, tmp_path, caplog):
    reply, message, n_sent = BAD[what]
    linker = make(server, cache=tmp_path / "cache", timeout=0.5 if reply in (sleep, drip) else 5)
    server.replies = [reply] * 3
    with caplog.at_level(logging.DEBUG), pytest.raises((BadItem, SetupError)) as caught:
        linker.link(TEXT)
    assert re.search("^TagMe .*" + message, str(caught.value), re.DOTALL)
    assert type(caught.value) is (SetupError if what in SETUP else BadItem)
    assert len(server.forms) == n_sent
    assert entries(tmp_path / "cache") == 0
    # The key is nowhere.
    chain, error = [], caught.value
    while error is not None:
        chain.append(error)
        error = error.__cause__ or error.__context__
    told = "".join(traceback.format_exception(caught.value)) + caplog.text
    assert KEY not in told + "".join(repr(vars(error)) for error in chain)
    assert KEY.encode() not in pickle.dumps(caught.value) + pickle.dumps(linker)
    assert all(not hasattr(error, "request") for error in chain)
    # And the right answer is found when the service is well again.
    server.replies = []
    assert len(linker.set_params(timeout=5).link(TEXT)) == 2
    assert entries(tmp_path / "cache") == 1


def test_a_refused_key_ends_the_run_at_the_first_text(server):
    server.replies = [status(401)] * 2
    with pytest.raises(SetupError, match="401 Unauthorized. Check the key in"):
        EntityEnricher(make(server), on_error="missing", n_jobs=1).transform([TEXT] * 5)
    assert len(server.forms) == 1


# ---- tries -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "what", ["429", "500", pytest.param("time-out", marks=pytest.mark.slow), "half", "hang up"]
)
def test_a_passing_trouble_is_got_over(server, what):
    server.replies = [BAD[what][0]] * 2
    assert len(make(server, timeout=0.5 if what == "time-out" else 5).link(TEXT)) == 2
    assert len(server.forms) == 3


@pytest.mark.parametrize("as_date", [False, True])
def test_the_service_says_how_long_to_wait(server, as_date, monkeypatch):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    wait = formatdate(time.time() + 100, usegmt=True) if as_date else "100"
    server.replies = [status(429, Retry_After=wait)]
    assert make(server).link(TEXT)
    assert len(waits) == 1 and 50 < waits[0] <= 100


@pytest.mark.parametrize("wait", ["soon", "-5", "", "²"])
def test_a_time_to_wait_that_is_none(server, wait):
    server.replies = [status(503, Retry_After=wait.encode().decode("latin-1"))]
    assert make(server).link(TEXT)


def test_the_wait_doubles(server, monkeypatch):
    waits = []
    monkeypatch.setattr("time.sleep", waits.append)
    server.replies = [status(503)] * 9
    with pytest.raises(BadItem):
        make(server, backoff=1.0, max_retries=8).link(TEXT)
    assert len(waits) == 8
    assert all(0.5 * 2**i <= wait <= 1.5 * 2**i for i, wait in enumerate(waits[:6]))
    assert max(waits) <= 120


def test_no_service_there():
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        linker = SpotlightLinker(url=f"http://127.0.0.1:{port}/", max_retries=1, backoff=0.001)
        with pytest.raises(SetupError, match="Spotlight could not be reached .*last of 2 attempts"):
            linker.link(TEXT)
        tries = []
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("time.sleep", tries.append)
            for on_error in ("raise", "missing"):
                enricher = EntityEnricher(linker, on_error=on_error)
                with pytest.raises(SetupError, match=rf"Check url='{linker.url}' and .*running"):
                    enricher.transform([TEXT] * 40)
        assert len(tries) == 2  # the retries of one text in each of two calls


def test_no_such_host():
    linker = SpotlightLinker(url="http://me:secret@no-such-host.invalid/", max_retries=0)
    with pytest.raises(SetupError, match="no-such-host.invalid/' and that the service") as caught:
        EntityEnricher(linker, on_error="missing").transform([TEXT])
    assert "secret" not in str(caught.value)


@pytest.mark.parametrize("password", ["xyzzy", "xyz@zy", "xyz:zy"])
@pytest.mark.parametrize("what", ["unexpected", "page", "bad request", "no such page", "huge"])
def test_no_error_shows_the_password_of_the_url(server, what, password):
    server.replies = [content({"annotations": None}) if what == "unexpected" else BAD[what][0]]
    linker = make(server)
    url = linker.url
    linker.set_params(url=url.replace("://", f"://me:{password}@"))
    with pytest.raises((BadItem, SetupError)) as caught:
        linker.link(TEXT)
    assert len(server.forms) == 1
    assert f"url='{url.replace('://', '://***@')}'" in str(caught.value)
    assert "xyz" not in str(caught.value) and "zy" not in str(caught.value)


@pytest.mark.parametrize("url", ["ftp://example.org", "example.org", "http://", ""])
def test_no_url(url):
    with pytest.raises(SetupError, match="Spotlight could not be called .*Check url="):
        SpotlightLinker(url=url).link(TEXT)


def test_of_two_clients_made_at_once_one_is_kept(monkeypatch):
    """Both threads saw that there was none; the second to finish closes its own."""
    made, registered = [], []

    class Client:
        def __init__(self, **options):
            self.is_closed = False
            made.append(self)
            if len(made) == 1:  # the other thread runs from start to end
                assert _http_linker._client(httpx) is made[1]

        def close(self):
            self.is_closed = True

    httpx = SimpleNamespace(Client=Client)
    monkeypatch.setattr(_http_linker, "_clients", {})
    monkeypatch.setattr(_http_linker.atexit, "register", registered.append)
    assert _http_linker._client(httpx) is made[1]
    assert [client.is_closed for client in made] == [True, False]
    assert registered == [made[1].close]
    assert _http_linker._client(httpx) is made[1] and len(made) == 2


def test_work_done_is_kept(server, tmp_path):
    """The parts that were answered before one failed are not sent again."""
    text = " ".join(f"Adele sings song number {number}." for number in range(5))
    linker = make(server, cache=tmp_path / "cache", max_chars=30, max_retries=0)
    whole = make(server, max_chars=30).link(text)
    server.forms.clear()

    def well(handler, form):
        handler.reply(json.dumps(tagme(form)).encode())

    server.replies = [well, well, well, status(500)]
    with pytest.raises(BadItem, match="500"):
        linker.link(text)
    assert entries(tmp_path / "cache") == 3
    assert linker.link(text) == whole
    assert len(server.forms) == 6


# ---- the key -----------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["babelfy", "tagme"])
def test_the_key_is_in_no_pickle_cache_log_or_repr(server, name, tmp_path, caplog):
    linker = make(server, name, cache=tmp_path / "cache")
    with caplog.at_level(logging.DEBUG):
        assert linker.link(TEXT)
    assert KEY in server.forms[0].values()
    told = repr(linker) + linker._repr_html_() + caplog.text + repr(vars(linker))
    assert KEY not in told
    assert KEY.encode() not in pickle.dumps(linker)
    kept = b"".join(file.read_bytes() for file in tmp_path.iterdir())
    assert b"XL_Recordings" in kept or b"XL Recordings" in kept
    assert KEY.encode() not in kept


@pytest.mark.parametrize("name", ["babelfy", "tagme"])
def test_no_key(server, name, monkeypatch):
    monkeypatch.delenv("BABELFY_KEY")
    monkeypatch.setenv("TAGME_KEY", " ")
    linker = make(server, name)
    enricher = EntityEnricher(VotingLinker([linker], min_votes=1), on_error="missing")
    for call, texts in ((linker.link, TEXT), (enricher.fit, [TEXT]), (enricher.transform, [TEXT])):
        with pytest.raises(
            SetupError, match="_KEY is not set. Set it to the key, or pass the name"
        ):
            call(texts)
    assert not server.forms


@pytest.mark.parametrize("whose", ["linker", "enricher"])
def test_no_key_is_needed_for_what_is_kept(server, whose, monkeypatch, tmp_path):
    linker = make(server, cache=tmp_path / "cache" if whose == "linker" else None)
    enricher = EntityEnricher(linker, cache=tmp_path / "kept" if whose == "enricher" else None)
    texts = enricher.transform([TEXT]).tolist()
    monkeypatch.delenv("TAGME_KEY")
    enricher.set_params(on_error="missing")
    assert enricher.fit([TEXT]).transform([TEXT]).tolist() == texts
    with pytest.raises(SetupError, match="TAGME_KEY is not set"):
        enricher.transform([TEXT, "another"])


def test_another_variable(server, monkeypatch):
    monkeypatch.delenv("TAGME_KEY")
    monkeypatch.setenv("OTHER", KEY)
    assert make(server, key_env="OTHER").link(TEXT)


def test_the_key_itself_instead_of_a_name(server):
    with pytest.raises(ValueError, match="not a valid name of an environment") as caught:
        make(server, key_env=KEY).link(TEXT)
    assert KEY not in str(caught.value)


def test_threads_share_a_linker(server, tmp_path):
    linker = make(server, cache=tmp_path / "cache")
    texts = [f"{TEXT} Take {number}." for number in range(20)]
    found = {}

    def work(mine):
        for text in mine:
            found[text] = linker.link(text)

    threads = [threading.Thread(target=work, args=[texts[start::4]]) for start in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert [len(found[text]) for text in texts] == [2] * 20
    assert entries(tmp_path / "cache") == 20


# ---- in a pipeline -----------------------------------------------------------------------


def test_a_text_that_failed_is_listed(server):
    server.replies = [
        lambda handler, form: handler.reply(json.dumps(tagme(form)).encode()),
        status(400, b"no language"),
    ]
    enricher = EntityEnricher(make(server), on_error="missing")
    with pytest.warns(UserWarning, match="1 of 4 texts"):
        first, second, third, missing = enricher.transform([TEXT, "Nobody.", "Adele!", None])
    assert first.endswith("cat_english_pop_singers cat_torch_singers cat_british_record_labels")
    assert second == "Nobody."
    assert missing == ""
    assert third == "Adele!\ncat_english_pop_singers cat_torch_singers"
    (error,) = enricher.errors_.to_dict("records")
    assert error["row"] == 1
    assert error["reason"] == "TagMe returned status 400 Bad Request: 'no language'"
    assert error["remedy"].startswith("Check url=")


def test_several_processes_share_a_cache(server, tmp_path):
    texts = [f"{TEXT} Take {number}." for number in range(40)]
    linker = make(server, "spotlight", cache=tmp_path / "cache")
    kept = EntityEnricher(linker, keep_mentions=True, n_jobs=2)
    kept.transform(texts)
    assert len(kept.mentions_) == 80
    assert len(server.forms) == entries(tmp_path / "cache") == 40
    kept.transform(texts[::-1])
    assert len(server.forms) == 40
