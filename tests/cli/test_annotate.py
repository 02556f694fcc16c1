"""`skmmgenre annotate` as a command: its options, its messages, its end, and kill -9."""

import random
import secrets
import shutil
import signal
import threading
import time

import httpx
import pandas as pd
import pytest
from blind_items import GENRES, Server, items_of, write_items

from skmmgenre.cli import main

pytest.importorskip("starlette", reason='needs pip install "skmmgenre[serve]"')


@pytest.fixture(scope="module")
def items(tmp_path_factory):
    folder = tmp_path_factory.mktemp("annotate") / "items"
    write_items(folder, 24)
    return folder


@pytest.fixture
def folder(items, tmp_path):
    shutil.copytree(items, tmp_path / "items")
    return tmp_path / "items"


@pytest.fixture
def served(monkeypatch):
    """The servers that the command starts, which end at once."""
    import uvicorn

    ports = []
    run = uvicorn.Server.run

    def run_briefly(self, sockets):
        ports.append(sockets[0].getsockname())
        threading.Timer(0.3, lambda: setattr(self, "should_exit", True)).start()
        run(self, sockets)

    monkeypatch.setattr(uvicorn.Server, "run", run_briefly)
    return ports


def annotate(folder, *options):
    words = ["annotate", str(folder / "t.csv"), "-o", str(folder / "a.csv"), "--port", "0"]
    return main([*words, "--quiet", *options])


def test_what_it_says(folder, served, capsys):
    assert annotate(folder, "--items", "12", "--annotator", "Ann") == 0
    out, err = capsys.readouterr()
    assert not err
    assert out.splitlines() == [
        "12 items (sound 4, cover 4, both 4), 4 genres, newly drawn; 0 of 12 answered by Ann",
        f"http://127.0.0.1:{served[0][1]}/ (press Ctrl-C to stop)",
        f"0 of 12 answered by Ann; in {folder / 'a.csv'}",
    ]
    assert annotate(folder, "--items", "12", "--annotator", "Bo") == 0
    assert "4 genres, drawn in an earlier run; 0 of 12 answered by Bo" in capsys.readouterr().out
    assert annotate(folder, "--items", "9") == 1
    assert "drawn with --items 12, but now --items is 9" in capsys.readouterr().err


def test_where_there_is_less_than_was_asked_for(folder, served, capsys):
    table = pd.read_csv(folder / "t.csv")
    table.loc[table.genre == "Jazz", ["audio", "cover"]] = None
    table.loc[0, ["audio", "genre"]] = ["in/secret Jazz 0.mp3", "Jazz; Rap"]
    table.drop(columns="cover").to_csv(folder / "t.csv", index=False)
    assert annotate(folder) == 0
    out, err = capsys.readouterr()
    assert out.startswith("19 items (sound 19), 4 genres")
    for words in (
        "1 item has several genres; only the first is used",
        "only 19 items could be drawn, 300 were requested",
        "genres with too few items are represented by fewer items",
        "7 items by an artist that was already drawn",
    ):
        assert words in err


def test_only_rows_of_a_split_and_genres_of_a_list(folder, served, capsys):
    table = pd.read_csv(folder / "t.csv")
    table["split"] = ["train", "test"] * 12
    table.to_csv(folder / "t.csv", index=False)
    (folder / "names.yaml").write_text("genres: [Hip Hop, Zydeco]\naliases: {rap: Hip Hop}\n")
    options = ["--split", "test", "--genres", str(folder / "names.yaml"), "--items", "6"]
    assert annotate(folder, *options) == 0
    assert "6 items (sound 2, cover 2, both 2), 2 genres" in capsys.readouterr().out
    rows = {f"secret id {row}" for row in range(24) if table.genre[row] in ("Rap", "Zydeco")}
    assert set(items_of(folder, "a.csv").values()) <= rows


def test_a_folder_of_music(tmp_path, served, capsys):
    from blind_items import write_item

    for number in range(8):
        (tmp_path / "music" / "in").mkdir(parents=True, exist_ok=True)
        write_item(tmp_path / "music", number, 1.0)
    words = ["annotate", str(tmp_path / "music"), "-o", str(tmp_path / "a.csv"), "--port", "0"]
    assert main([*words, "--mode", "sound", "--items", "4", "--quiet"]) == 0
    assert "4 items (sound 4), 4 genres" in capsys.readouterr().out
    names = set(items_of(tmp_path, "a.csv").values())
    assert all(name.startswith("in/secret ") for name in names) and len(names) == 4


@pytest.mark.parametrize(
    ("options", "code", "message"),
    [
        (["--annotator", " "], 2, "expected a name of 1 to 100 characters"),
        (["--annotator", "a\nb"], 2, "expected a name of 1 to 100 characters"),
        (["--seconds", "0"], 2, "expected 1 to 600 seconds, got '0'"),
        (["--seconds", "nan"], 2, "1 to 600 seconds"),
        (["--items", "0"], 2, "must be at least 1"),
        (["--mode", "text"], 2, "'text' is not one of"),
        (["--port", "70000"], 2, "70000"),
        (["--split", "dev"], 1, "the table has no column 'split'"),
        (["--labels", "t.csv"], 2, "--labels is used with --label only"),
        (["-o", "."], 1, "--output '.' is a folder"),
        (["-o", "t.csv"], 1, "'t.csv' is not a file of skmmgenre annotate"),
    ],
    ids=str,
)
def test_bad_options(folder, served, monkeypatch, capsys, options, code, message):
    monkeypatch.chdir(folder)
    assert annotate(folder, *options) == code
    assert message in capsys.readouterr().err and not served
    assert "genre" in (folder / "t.csv").read_text()


class Expert(threading.Thread):
    """Answers all items as the page does: an answer is sent until the server has it."""

    def __init__(self, address, answers):
        super().__init__()
        self._address, self._answers = address, answers
        self.acknowledged = {}

    def run(self):
        state = self._ask("GET", "/state").json()
        for item in state["items"]:
            sent = {"item": item["id"], "genre": self._answers[item["id"]], "seconds": 1.0}
            sent |= {"revision": item["revision"], "answer": secrets.token_hex(16)}
            sent |= {"annotator": state["annotator"]}
            response = self._ask("POST", "/answers", json=sent)
            assert response.status_code == 200, response.text
            self.acknowledged[item["id"]] = sent["genre"]

    def _ask(self, method, path, **content):
        while True:
            try:
                return httpx.request(method, self._address + path, **content, timeout=10)
            except httpx.TransportError:
                time.sleep(0.02)


@pytest.mark.slow
@pytest.mark.skipif(not hasattr(signal, "SIGKILL"), reason="needs kill -9")
def test_killed_at_any_moment(tmp_path):
    """No answer that was acknowledged is lost, and none is there twice."""
    write_items(tmp_path / "items", 600, n_files=8)
    folder, rng = tmp_path / "items", random.Random(0)
    with Server(folder, "--items", "500", "--quiet") as server:
        items = items_of(folder)
        answers = {item: rng.choice(GENRES) for item in items}
        expert = Expert(server.address, answers)
        expert.start()
        n_kills = 0
        while expert.is_alive() and n_kills < 5:
            time.sleep(rng.uniform(0.05, 0.6))
            known = dict(expert.acknowledged)
            server.kill()
            rows = pd.read_csv(folder / "annotations.csv", keep_default_na=False)
            said = dict(zip(rows["item"], rows["genre"], strict=True))
            assert all(said[items[item]] == genre for item, genre in known.items())
            n_kills += 1
            server.start()
        expert.join(120)
        assert not expert.is_alive() and n_kills >= 3
    rows = pd.read_csv(folder / "annotations.csv", keep_default_na=False)
    assert len(rows) == 500 and not rows["item"].duplicated().any()
    assert (rows["revision"] == 1).all()
    expected = {items[item]: genre for item, genre in answers.items()}
    assert dict(zip(rows["item"], rows["genre"], strict=True)) == expected
    assert len(expert.acknowledged) == 500


@pytest.mark.slow
def test_ctrl_c_ends_it(tmp_path):
    write_items(tmp_path / "items", 8)
    with Server(tmp_path / "items", "--items", "3", "--quiet") as server:
        server.process.send_signal(signal.SIGINT)
        out, err = server.process.communicate(timeout=20)
        assert server.process.returncode == 0
        assert "Traceback" not in err and "Error" not in err
        assert out.endswith("0 of 3 answered by annotator; in annotations.csv\n")
