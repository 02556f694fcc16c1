"""The service behind the page: what it gives away, what it takes, whom it refuses."""

import json
import re

import pandas as pd
import pytest
from blind_items import GENRES, SECRET

pytest.importorskip("starlette", reason='needs pip install "skmmgenre[serve]"')
from starlette.testclient import TestClient  # noqa: E402

from skmmgenre.cli._annotation import AnswerLog, Item, Plan  # noqa: E402
from skmmgenre.cli._annotation._server import listen, make_app  # noqa: E402

HERE = "http://127.0.0.1:8642"


def plan_of(folder):
    """Each item of the folder, a mode after the other."""
    table = pd.read_csv(folder / "t.csv")
    items = []
    for number, row in enumerate(table.itertuples()):
        mode = ("sound", "cover", "both")[number % 3]
        sound, cover = str(folder / row.audio), str(folder / row.cover)
        items.append(
            Item(
                f"{number:016x}",
                row.id,
                mode,
                None if mode == "cover" else sound,
                None if mode == "sound" else cover,
            )
        )
    return Plan(items, list(GENRES), seed=0)


@pytest.fixture
def log(tmp_path):
    return AnswerLog(str(tmp_path / "annotations.csv"), "Ann")


@pytest.fixture
def client(blind, log):
    return TestClient(make_app(plan_of(blind), log), base_url=HERE)


def answer_to(client, **changed):
    state = client.get("/state").json()
    sent = {"annotator": state["annotator"], "item": state["items"][0]["id"], "genre": "Jazz"}
    return sent | {"seconds": 1.5, "revision": 0, "answer": "0" * 32} | changed


def n_answers(log):
    with open(log.path, encoding="utf-8") as file:
        return len(file.readlines()) - 1


def test_nothing_tells_what_an_item_is(client, blind):
    state = client.get("/state")
    assert state.json()["genres"] == list(GENRES) and len(state.json()["items"]) == 40
    assert {tuple(item) for item in state.json()["items"]} == {("id", "mode", "genre", "revision")}
    assert {(item["genre"], item["revision"]) for item in state.json()["items"]} == {(None, 0)}
    seen = [client.get("/"), state]
    for item in state.json()["items"]:
        for kind in ("sound", "cover"):
            shown = client.get(f"/items/{item['id']}/{kind}")
            assert shown.status_code == (200 if item["mode"] in (kind, "both") else 404)
            seen.append(shown)
    sent = answer_to(client)
    for changed in ({}, {"genre": "Rap"}, {"item": "secret"}, {"genre": "secret"}):
        seen.append(client.post("/answers", json=sent | changed))
    seen += [client.get(path) for path in ("/t.csv", "/items/x/sound", "/items/../t.csv/sound")]
    seen += [client.get("/answers"), client.post("/answers", content="secret")]
    for response in seen:
        headers = repr(response.headers).encode()
        assert not SECRET.search(response.content) and not SECRET.search(headers)
        assert str(blind).encode() not in response.content + headers
        # Of true genres it knows nothing but the list to choose from.
        assert b"last-modified" not in headers and b"etag" not in headers


def test_the_order_is_the_annotator_s_own_and_stays(client, blind, tmp_path):
    def ids(annotator):
        log = AnswerLog(str(tmp_path / "annotations.csv"), annotator)
        one = TestClient(make_app(plan_of(blind), log), base_url=HERE)
        return [item["id"] for item in one.get("/state").json()["items"]]

    assert ids("Ann") == ids("Ann") != ids("Bo")
    assert sorted(ids("Ann")) == sorted(ids("Bo")) != ids("Ann")


def test_answers(client, log):
    sent = answer_to(client)
    response = client.post("/answers", json=sent)
    assert response.status_code == 200 and response.json() == {"genre": "Jazz", "revision": 1}
    assert client.post("/answers", json=sent).json()["revision"] == 1  # sent again
    other = client.post("/answers", json=sent | {"genre": "Rap", "answer": "1" * 32})
    assert other.status_code == 409 and other.json() == {"genre": "Jazz", "revision": 1}
    changed = sent | {"genre": None, "revision": 1, "answer": "2" * 32}
    assert client.post("/answers", json=changed).json() == {"genre": None, "revision": 2}
    assert client.get("/state").json()["items"][0]["revision"] == 2
    assert n_answers(log) == 2


def test_an_answer_of_another_annotator_is_not_saved(client, log, blind):
    sent = answer_to(client)
    bo = AnswerLog(log.path, "Bo")
    restarted = TestClient(make_app(plan_of(blind), bo), base_url=HERE)
    response = restarted.post("/answers", json=sent)
    assert response.status_code == 409 and set(response.json()) == {"error"}
    assert n_answers(log) == 0
    assert restarted.post("/answers", json=sent | {"annotator": "Bo"}).status_code == 200
    assert client.post("/answers", json=sent | {"answer": "1" * 32}).status_code == 200
    assert n_answers(log) == 2


@pytest.mark.parametrize(
    ("changed", "status", "message"),
    [
        ({"annotator": "Bo"}, 409, "another annotator, Ann, so this answer was not saved. Reload"),
        ({"annotator": None}, 409, "another annotator, Ann"),
        ({"item": "x"}, 404, "Unknown item"),
        ({"item": ["x"]}, 404, "Unknown item"),
        ({"genre": "Polka"}, 400, "genre is not one of"),
        ({"genre": ["Jazz"]}, 400, "genre is not one of"),
        ({"seconds": -1}, 400, "seconds"),
        ({"seconds": True}, 400, "seconds"),
        ({"seconds": None}, 400, "seconds"),
        ({"revision": 0.5}, 400, "revision"),
        ({"revision": None}, 400, "revision"),
        ({"answer": "12"}, 400, "answer must be an id"),
        ({"answer": "0" * 31 + "\n"}, 400, "answer must be an id"),
    ],
    ids=repr,
)
def test_what_is_no_answer_is_refused(client, log, changed, status, message):
    response = client.post("/answers", json=answer_to(client) | changed)
    assert response.status_code == status and message in response.json()["error"]
    assert n_answers(log) == 0


def test_what_is_no_json_is_refused(client, log):
    sent, kind = json.dumps(answer_to(client)), {"content-type": "application/json"}
    for content, headers, status in [
        (sent, {"content-type": "text/plain"}, 415),
        (sent, {"content-type": "application/x-www-form-urlencoded"}, 415),
        (sent, {}, 415),
        ("{", kind, 400),
        ("[" * 5000, kind, 400),
        ("[]", kind, 400),
        (sent.replace("1.5", "NaN"), kind, 400),
        (sent.replace("1.5", "1e999"), kind, 400),
        (sent.replace("1.5", "9" * 400), kind, 400),
        (sent.replace("1.5", "9" * 5000), kind, 400),
        (sent, kind | {"content-length": "9" * 5000}, 413),
        (sent + " " * 10_000, kind, 413),
        (iter([sent.encode()]), kind, 411),
    ]:
        response = client.post("/answers", content=content, headers=headers)
        assert response.status_code == status, (content, response.text)
    assert n_answers(log) == 0


@pytest.mark.parametrize(
    "headers",
    [
        {"origin": "http://evil.example"},
        {"origin": "null"},
        {"origin": "http://127.0.0.1:8000"},
        {"origin": "https://127.0.0.1:8642"},
        {"sec-fetch-site": "cross-site"},
        {"sec-fetch-site": "same-site"},
        {"sec-fetch-site": "none"},
    ],
    ids=repr,
)
def test_other_sites_are_refused(client, log, headers):
    response = client.post("/answers", json=answer_to(client), headers=headers)
    assert response.status_code == 403 and n_answers(log) == 0


def test_the_own_page_is_not_refused(client):
    own = {"origin": HERE, "sec-fetch-site": "same-origin"}
    assert client.post("/answers", json=answer_to(client), headers=own).status_code == 200


@pytest.mark.parametrize("listens_at", ["127.0.0.1", "0.0.0.0", "192.0.2.1"])
def test_names_of_others_that_lead_here_are_refused(blind, log, listens_at):
    client = TestClient(make_app(plan_of(blind), log, host=listens_at), base_url=HERE)
    known = ["127.0.0.1:8642", "localhost", "LOCALHOST:1", "[::1]:8642"]
    strange = ["evil.example", "127.0.0.1.evil.example", "evil.example:8642", "", "a@b"]
    own = {"0.0.0.0": ["192.0.2.9:8642", "[2001:db8::1]:1"], "192.0.2.1": ["192.0.2.1:8642"]}
    for host in known + own.get(listens_at, []):
        assert client.get("/state", headers={"host": host}).status_code == 200, host
    for host in strange + ([] if listens_at == "0.0.0.0" else ["192.0.2.9"]):
        assert client.get("/state", headers={"host": host}).status_code == 421, host


@pytest.mark.parametrize(
    "listens_at", ["2001:db8::5", "2001:DB8:0:0::5", "[2001:db8::5]", "2001:db8::5%eth0"]
)
def test_the_page_of_an_ipv6_address(blind, log, listens_at):
    client = TestClient(make_app(plan_of(blind), log, host=listens_at), base_url=HERE)
    for host in ("[2001:db8::5]:8642", "[2001:DB8::5]", "[::1]:8642", "localhost"):
        assert client.get("/state", headers={"host": host}).status_code == 200, host
    for host in ("[2001:db8::6]:8642", "[2001:db8::5]x", "evil.example", "localhost%eth0"):
        assert client.get("/state", headers={"host": host}).status_code == 421, host


def test_all_ipv6_addresses(blind, log):
    client = TestClient(make_app(plan_of(blind), log, host="0:0:0:0:0:0:0:0"), base_url=HERE)
    for host, status in (("[2001:db8::6]:8642", 200), ("192.0.2.1", 200), ("evil.example", 421)):
        assert client.get("/state", headers={"host": host}).status_code == status, host


def test_nothing_is_loaded_from_elsewhere(client):
    page = client.get("/")
    assert page.headers["content-security-policy"].startswith("default-src 'none'")
    assert not re.search(r"https?:|@import", page.text)
    assert re.findall(r"(?:src|href)=\"?([^\" >]*)", page.text) == ["data:,"]


def test_an_item_that_cannot_be_decoded(blind, log, capsys):
    item = Item("0" * 16, "secret name", "sound", "secret absent.mp3", None)
    client = TestClient(make_app(Plan([item], list(GENRES), 0), log), base_url=HERE)
    response = client.get(f"/items/{item.id}/sound")
    assert response.status_code == 422 and not SECRET.search(response.content)
    assert "secret name: there is no such file" in capsys.readouterr().err


def test_answers_that_cannot_be_written(client, log, monkeypatch, capsys):
    sent = answer_to(client)
    with monkeypatch.context() as patch:
        patch.setattr("os.write", lambda number, line: 0)
        assert client.post("/answers", json=sent).status_code == 503
    assert "was not saved" in capsys.readouterr().err and n_answers(log) == 0
    assert client.post("/answers", json=sent).status_code == 200


@pytest.mark.slow
def test_five_hundred_items(blind, log):
    forty = plan_of(blind).items
    items = [
        Item(f"{n:016x}", f"{n}", forty[n % 40].mode, forty[n % 40].sound, forty[n % 40].cover)
        for n in range(500)
    ]
    client = TestClient(make_app(Plan(items, list(GENRES), 0), log), base_url=HERE)
    sent = answer_to(client)
    for number, item in enumerate(client.get("/state").json()["items"]):
        sent |= {"item": item["id"], "genre": GENRES[number % 4], "answer": f"{number:032x}"}
        response = client.post("/answers", json=sent)
        assert response.status_code == 200
    state = client.get("/state").json()["items"]
    assert len(state) == 500 and all(item["revision"] == 1 for item in state)
    assert n_answers(log) == 500


def test_a_port_that_is_taken():
    with listen("127.0.0.1", 0) as taken:
        taken.listen()
        with pytest.raises(OSError, match="cannot listen on 127.0.0.1, port .* --port"):
            listen("127.0.0.1", taken.getsockname()[1])
    with pytest.raises(OSError, match="cannot listen on no.such.host.invalid"):
        listen("no.such.host.invalid", 0)
