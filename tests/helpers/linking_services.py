"""A server that answers as Babelfy, Spotlight and TagMe document, and linkers that ask it."""

import contextlib
import http.server
import json
import re
import threading
from urllib.parse import parse_qsl

from skmmgenre.store import Store
from skmmgenre.text import BabelfyLinker, SpotlightLinker, TagMeLinker

KEY = "0f5c-secret/key+of=mine"

# Names that the services here know, and what they tell of each.
ENTITIES = {
    "Adele": ("Adele (singer)", 0.9, ["English pop singers", "Torch singers"]),
    "XL Recordings": ("XL Recordings", 0.5, ["British record labels"]),
    "Zoe\u0301": ("Zoë Keating", 0.25, []),
}


def places(text):
    """Where the services here find a name."""
    return [(m.start(), m.end(), m[0]) for m in re.finditer("|".join(ENTITIES), text)]


def in_units(text, place, counting):
    return place if counting == "code points" else len(text[:place].encode("utf-16-le")) // 2


def babelfy(form, counting="utf-16"):
    assert form["key"] == KEY and form["lang"] == "EN" and form["annType"] == "ALL"
    text = form["text"]
    return [
        {
            "tokenFragment": {"start": 0, "end": 0},
            "charFragment": {
                "start": in_units(text, start, counting),
                "end": in_units(text, end, counting) - 1,
            },
            "babelSynsetID": "bn:03099661n",
            "DBpediaURL": "http://dbpedia.org/resource/" + ENTITIES[label][0].replace(" ", "_"),
            "BabelNetURL": "http://babelnet.org/rdf/s03099661n",
            "score": ENTITIES[label][1],
            "coherenceScore": 0.2,
            "globalScore": 0.1,
            "source": "BABELFY",
        }
        for start, end, label in places(text)
    ]


def spotlight(form, counting="utf-16"):
    assert form["confidence"] == "0.2" and form["support"] == "20"
    text = form["text"]
    answer = {"@text": text, "@confidence": "0.2", "@support": "20", "@policy": "whitelist"}
    resources = [
        {
            "@URI": "http://dbpedia.org/resource/" + ENTITIES[label][0].replace(" ", "_"),
            "@support": "1732",
            "@types": "",
            "@surfaceForm": label,
            "@offset": str(in_units(text, start, counting)),
            "@similarityScore": str(ENTITIES[label][1]),
            "@percentageOfSecondRank": "0.0",
        }
        for start, end, label in places(text)
    ]
    return answer | ({"Resources": resources} if resources else {})


def tagme(form, counting="utf-16"):
    assert form["gcube-token"] == KEY and form["include_categories"] == "true"
    text = form["text"]
    annotations = [
        {
            "spot": label,
            "start": in_units(text, start, counting),
            "end": in_units(text, end, counting),
            "link_probability": 0.8,
            "rho": ENTITIES[label][1],
            "id": 13041163,
            "title": ENTITIES[label][0],
            "dbpedia_categories": ENTITIES[label][2],
        }
        for start, end, label in places(text)
    ]
    return {"test": "5", "annotations": annotations, "time": 3, "api": "tag", "lang": "en"}


class Handler(http.server.BaseHTTPRequestHandler):
    """Answers with the next of the server's replies, or as the service of the path does."""

    protocol_version = "HTTP/1.1"

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        form = dict(parse_qsl(body, keep_blank_values=True, strict_parsing=True))
        self.server.forms.append(form)
        if self.server.replies:
            self.server.replies.pop(0)(self, form)
        else:
            service = {"babelfy": babelfy, "spotlight": spotlight, "tagme": tagme}
            answer = service[self.path.strip("/")](form, self.server.counting)
            self.reply(json.dumps(answer).encode())

    do_GET = do_POST

    def reply(self, body, status=200, headers=(), content_type="application/json", length=None):
        self.send_response(status)
        self.send_header("Content-Type", content_type)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        with contextlib.suppress(ConnectionError):  # the linker may have had enough
            self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    counting = "utf-16"

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.forms, self.replies = [], []

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"

    def handle_error(self, request, client_address):
        pass


@contextlib.contextmanager
def running(server):
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


CLASSES = {"babelfy": BabelfyLinker, "spotlight": SpotlightLinker, "tagme": TagMeLinker}

TEXT = "Adele signed to XL Recordings."


def make(server, name="tagme", **params):
    params = {"backoff": 0.001, "max_retries": 2, "timeout": 5} | params
    return CLASSES[name](url=f"{server.url}/{name}", **params)


def entries(path):
    with Store(path) as store:
        return len(store)


def content(value):
    body = value if isinstance(value, bytes) else json.dumps(value).encode()
    return lambda handler, form: handler.reply(body)
