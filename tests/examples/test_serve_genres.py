"""The service: a process of its own, asked over HTTP."""

import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import httpx
import numpy as np
import pandas as pd
import pytest
import soundfile
from sklearn.compose import ColumnTransformer
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

import skmmgenre

pytest.importorskip("starlette", reason='needs pip install "skmmgenre[serve]"')

SCRIPT = Path(__file__).resolve().parents[2] / "examples" / "serve_genres.py"


@pytest.fixture(scope="module")
def service(fitted, tmp_path_factory):
    """Address of a service of the small model of three modalities."""
    path = tmp_path_factory.mktemp("service") / "genres.skmmgenre"
    skmmgenre.save(fitted, path, card={"trained on": "made-up albums"})
    with serving(path) as address:
        yield address


@contextmanager
def serving(path):
    """Address of a service of a model file."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    process = subprocess.Popen(
        [sys.executable, SCRIPT, path, "--port", str(port), "--max-mb", "2", "--wait", "0.1"],
        stderr=subprocess.PIPE,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        for _ in range(600):
            try:
                httpx.get(f"{address}/health").raise_for_status()
                break
            except httpx.TransportError:
                assert process.poll() is None, process.stderr.read()
                time.sleep(0.1)
        yield address
    finally:
        process.terminate()
        errors = process.communicate()[1].decode()
        assert "Traceback" not in errors, errors


def ask(address, **parts):
    files = {name: parts.pop(name) for name in ("audio", "cover") if name in parts}
    return httpx.post(f"{address}/genres", data=parts, files=files or None, timeout=60)


@pytest.fixture(scope="module")
def rows(albums, tmp_path_factory):
    """Albums of one track, and the same under the names that the service gives to files."""
    place = tmp_path_factory.mktemp("rows")
    table = albums.table[["audio", "text", "cover"]].copy()
    table["audio"] = [cell[0] if isinstance(cell, list) else cell for cell in table["audio"]]
    table["text"] = [" ".join(cell) if isinstance(cell, list) else cell for cell in table["text"]]
    table = table[table.notna().all(axis=1)].head(6).reset_index(drop=True)
    there = table.copy()
    for row, path in enumerate(table["audio"]):
        (place / str(row)).mkdir()
        (place / str(row) / "audio").write_bytes(Path(path).read_bytes())
        there.loc[row, "audio"] = str(place / str(row) / "audio")
    return table, there


def parts_of(row):
    return {
        "audio": Path(row["audio"]).read_bytes(),
        "cover": Path(row["cover"]).read_bytes(),
        "text": row["text"],
    }


def test_many_at_once_are_answered_as_the_model_answers(service, rows, fitted):
    table, there = rows
    expected, predicted = fitted.predict_proba(there), fitted.predict(there)
    with ThreadPoolExecutor(12) as pool:
        asked = [
            pool.submit(ask, service, **parts_of(table.iloc[i % len(table)])) for i in range(24)
        ]
        answers = [answer.result().json() for answer in asked]
    for i, answer in enumerate(answers):
        row = i % len(table)
        assert answer["genres"] == [predicted[row]] and answer["skipped"] == {}
        assert list(answer["scores"]) == fitted.classes_.tolist()
        np.testing.assert_allclose(list(answer["scores"].values()), expected[row], atol=1e-6)


def test_any_subset(service, rows, fitted):
    for kept in (["text"], ["cover"], ["audio"], ["text", "cover"]):
        parts = {name: part for name, part in parts_of(rows[0].iloc[0]).items() if name in kept}
        answer = ask(service, **parts).json()
        row = rows[1].iloc[[0]].astype(object)
        row[[name for name in row.columns if name not in kept]] = None
        expected = fitted.predict_proba(row)[0]
        np.testing.assert_allclose(list(answer["scores"].values()), expected, atol=1e-6)


def test_what_cannot_be_decoded_is_missing_for_this_item_alone(service, rows):
    table, _ = rows
    with ThreadPoolExecutor(2) as pool:
        bad = pool.submit(ask, service, audio=b"no sound", text=table["text"][0])
        good = pool.submit(ask, service, **parts_of(table.iloc[1]))
    bad, good = bad.result().json(), good.result().json()
    assert "not audio" in bad["skipped"]["audio"] and good["skipped"] == {}
    alone = ask(service, text=table["text"][0]).json()
    assert bad["scores"] == pytest.approx(alone["scores"], abs=1e-6)


class _Fragile:
    """Ends the work on all rows of a table if one of them says so."""

    classes_ = np.array(["Blues", "Jazz"])
    errors_ = pd.DataFrame(columns=["row", "modality", "reason"])
    named_steps = {"modalities": ColumnTransformer([])}

    def __init__(self):
        self.named_steps["modalities"].transformers_ = []

    def __getitem__(self, steps):
        return self

    def transform(self, table):
        if "crash" in table["text"].tolist():
            raise RuntimeError("the worker was killed")
        return np.array([[text == name for name in self.classes_] for text in table["text"]])

    def predict_proba(self, vectors):
        return vectors

    def predict(self, vectors):
        return self.classes_[vectors.argmax(axis=1)]


def test_an_item_that_ends_the_work_ends_its_own_alone():
    spec = spec_from_file_location("serve_genres", SCRIPT)
    spec.loader.exec_module(service := module_from_spec(spec))
    batches = service.Batches(_Fragile(), batch=4, wait=0.01)
    items = [{"text": text} for text in ("Jazz", "crash", "Blues", "crash")]
    outcomes = batches._outcomes(items)
    assert [type(outcome) for outcome in outcomes] == [dict, RuntimeError, dict, RuntimeError]
    assert [outcomes[row]["genres"] for row in (0, 2)] == [["Jazz"], ["Blues"]]


@pytest.mark.parametrize("parts", [{"audio": b"no sound"}, {"text": "?? 123 !"}, {"audio": b""}])
def test_an_item_without_content_gets_no_genre(service, parts):
    answer = ask(service, **parts).json()
    assert answer["genres"] == [] and answer["scores"] == {}
    assert ("audio" in answer["skipped"]) == ("audio" in parts)


@pytest.mark.parametrize(
    ("parts", "status", "told"),
    [
        ({"audio": b"x" * 3_000_000}, 413, "larger than 2,000,000 bytes"),
        ({"lyrics": "la"}, 400, "Unknown field 'lyrics'"),
        ({"text": ""}, 400, "is empty"),
        ({"audio": b""}, 200, None),
    ],
)
def test_refused(service, parts, status, told):
    answer = ask(service, **parts)
    assert answer.status_code == status
    if told:
        assert told in answer.json()["error"]


def test_others(service):
    assert httpx.get(f"{service}/health").json() == {"status": "ok"}
    info = httpx.get(f"{service}/model").json()
    assert info["takes"] == ["audio", "cover", "text"]
    assert info["card"]["trained on"] == "made-up albums" and info["versions"]["skmmgenre"]
    assert httpx.get(f"{service}/genres").status_code == 405
    assert httpx.post(f"{service}/genres", content=iter([b"a"])).status_code == 411
    text_as_file = httpx.post(f"{service}/genres", files={"text": b"x"})
    assert text_as_file.status_code == 400 and "text must be a text" in text_as_file.text
    twice = httpx.post(f"{service}/genres", files=[("audio", b"x"), ("audio", b"y")])
    assert twice.status_code == 400 and "twice" in twice.text


@pytest.mark.slow
def test_columns_of_other_names(albums, small_model, rows, tmp_path):
    """What is a file is told by the model's branches: a client names no file of the server."""
    names = {"audio": "path", "text": "cover", "cover": "front"}
    table = albums.table[list(names)].rename(columns=names)
    model = small_model(audio="path", text="cover", image="front")
    model.fit(table, albums.y, groups=albums.groups)
    skmmgenre.save(model, tmp_path / "m.skmmgenre")
    row, there = rows[0].iloc[0], rows[1].iloc[[0]].rename(columns=names)
    uploads = {"path": Path(row["audio"]).read_bytes(), "front": Path(row["cover"]).read_bytes()}
    with serving(tmp_path / "m.skmmgenre") as address:
        for column, secret in (("path", row["audio"]), ("front", row["cover"])):
            refused = httpx.post(f"{address}/genres", data={column: str(secret)}, timeout=60)
            assert refused.status_code == 400
            assert refused.json()["error"] == f"{column} must be a file."
        text_as_file = httpx.post(f"{address}/genres", files={"cover": b"x"}, timeout=60)
        assert text_as_file.json()["error"] == "cover must be a text."
        asked = httpx.post(
            f"{address}/genres", data={"cover": row["text"]}, files=uploads, timeout=60
        )
    answer = asked.json()
    assert answer["skipped"] == {}
    expected = model.predict_proba(there)[0]
    np.testing.assert_allclose(list(answer["scores"].values()), expected, atol=1e-6)


@pytest.mark.slow
def test_a_model_without_networks(tmp_path):
    """Encoders without training: the statistics, as they need no weights."""
    from skmmgenre.compose import make_plain_classifier

    rng = np.random.default_rng(0)
    paths = [tmp_path / f"{row}.wav" for row in range(8)]
    for row, path in enumerate(paths):
        tone = np.sin(np.arange(22050) * (0.05 if row % 2 else 0.5))
        soundfile.write(path, tone + 0.01 * rng.normal(size=22050), 22050)
    table = pd.DataFrame({"audio": list(map(str, paths))})
    model = make_plain_classifier(text=None, image=None).fit(table, ["low", "high"] * 4)
    skmmgenre.save(model, tmp_path / "m.skmmgenre")
    with serving(tmp_path / "m.skmmgenre") as address:
        files = {"audio": paths[1].read_bytes()}
        answer = httpx.post(f"{address}/genres", files=files, timeout=60).json()
    expected = model.predict_proba(table.iloc[[1]])[0]
    np.testing.assert_allclose(list(answer["scores"].values()), expected, atol=1e-6)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("vectorizer", "column"), [(TfidfVectorizer(input="filename"), "text"), ("passthrough", ["n"])]
)
def test_a_model_of_other_columns_is_refused(vectorizer, column, tmp_path):
    from skmmgenre.compose import GenrePipeline

    (tmp_path / "words.txt").write_text("slow and blue")
    table = pd.DataFrame({"text": [str(tmp_path / "words.txt")] * 4, "n": range(4)})
    modalities = ColumnTransformer([("text", vectorizer, column)])
    model = GenrePipeline([("modalities", modalities), ("fusion", LogisticRegression())])
    skmmgenre.save(model.fit(table, ["a", "b"] * 2), tmp_path / "m.skmmgenre")
    done = subprocess.run(
        [sys.executable, SCRIPT, tmp_path / "m.skmmgenre"], capture_output=True, text=True
    )
    assert done.returncode == 1 and "unknown what a client may send" in done.stderr


@pytest.mark.slow
def test_a_strangers_model_runs_nothing(tmp_path):
    import joblib

    class Boom:
        def __reduce__(self):
            return exec, (f"open({str(tmp_path / 'mark')!r}, 'w')",)

    joblib.dump(Boom(), tmp_path / "m")
    done = subprocess.run([sys.executable, SCRIPT, tmp_path / "m"], capture_output=True, text=True)
    assert done.returncode == 1 and "looks like a pickle" in done.stderr
    assert not (tmp_path / "mark").exists()
