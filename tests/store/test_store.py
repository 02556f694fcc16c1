import hashlib
import math
import os
import pickle
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from skmmgenre.store import Store


@pytest.fixture
def store(tmp_path):
    with Store(tmp_path / "store.sqlite") as store:
        yield store


def value_of(key, n_bytes=100_000):
    return hashlib.shake_128(key.encode()).digest(n_bytes)


def test_what_is_put_is_got(store):
    assert store.get("a") is None
    store.put("a", b"1")
    store.put(b"b", memoryview(b"2"))
    assert store.get_many(["b", b"a", "c"]) == [b"2", b"1", None]
    store.put_many({"a": b"new", "d": b""}.items())
    assert store.get_many(["a", "d"]) == [b"new", b""]
    assert len(store) == 3


def test_it_is_read_again_from_the_file(tmp_path):
    with Store(tmp_path / "s") as store:
        store.put("a", value_of("a"))
        assert store.size > 100_000
    assert [file.name for file in tmp_path.iterdir()] == ["s"]
    with Store(str(tmp_path / "s")) as again:
        assert again.get("a") == value_of("a")


def test_pruning_gives_the_disk_back(store):
    store.put_many({f"{n}": value_of(f"{n}") for n in range(20)}.items())
    full = store.size
    assert store.prune(max_bytes=500_000) == (15, 1_500_000)
    assert store.size < full - 1_400_000
    assert len(store) == 5
    assert store.prune(max_bytes=0)[0] == 5
    assert store.size < 100_000


@pytest.mark.parametrize(
    "limits", [{"unused_days": -1}, {"unused_days": math.nan}, {"max_bytes": -1}]
)
def test_a_negative_limit_is_refused(store, limits):
    store.put("a", b"1")
    with pytest.raises(ValueError, match=f"{next(iter(limits))} must be 0 or more"):
        store.prune(**limits)
    assert len(store) == 1


def test_a_store_is_told_without_making_one(tmp_path):
    path = tmp_path / "s"
    for content in (b"", b"words", b"SQLite format 3\0" + bytes(200)):
        path.write_bytes(content)
        assert not Store.is_at(path) and path.read_bytes() == content
    with sqlite3.connect(path.with_name("other")) as db:
        db.execute("CREATE TABLE things (name)")
    db.close()
    assert not Store.is_at(path.with_name("other"))
    path.unlink()
    with pytest.raises(FileNotFoundError):
        Store.is_at(path)
    with Store(path) as store:
        store.put("a", b"1")
        assert Store.is_at(path)  # while it is in use
    assert Store.is_at(str(path))


def test_the_file_is_made_with_the_first_use(tmp_path):
    store = Store(tmp_path / "folder" / "store.sqlite")
    assert store.size == 0
    assert not list(tmp_path.iterdir())
    assert len(store) == 0
    assert (tmp_path / "folder" / "store.sqlite").exists()
    store.close()
    assert len(store) == 0  # opened again
    store.close()


@settings(max_examples=20, deadline=None)
@given(st.dictionaries(st.one_of(st.binary(), st.text("aé\x00\U0001f3b8")), st.binary()))
def test_any_keys_and_values(tmp_path_factory, entries):
    with Store(tmp_path_factory.mktemp("store") / "s") as store:
        store.put_many(entries.items())
        as_bytes = {k.encode() if isinstance(k, str) else k: v for k, v in entries.items()}
        assert store.get_many(as_bytes) == list(as_bytes.values())
        assert len(store) == len(as_bytes)


def test_a_bad_value_keeps_nothing_of_its_put(store):
    with pytest.raises(TypeError):
        store.put_many([("a", b"1"), ("b", "no bytes")])
    assert len(store) == 0


# ---- damage ------------------------------------------------------------------------------


def test_a_damaged_entry_is_absent_and_removed(store):
    store.put_many([("a", b"good"), ("b", b"good")])
    with sqlite3.connect(store.path) as db:
        db.execute("UPDATE entries SET value = ? WHERE key = ?", [b"goad", b"a"])
    db.close()
    assert store.get_many(["a", "b"]) == [None, b"good"]
    assert len(store) == 1
    store.put("a", b"good")
    assert store.get("a") == b"good"


def test_a_value_under_a_wrong_key_is_absent(store):
    store.put("a", b"value of a")
    with sqlite3.connect(store.path) as db:
        db.execute("UPDATE entries SET key = ?", [b"b"])
    db.close()
    assert store.get("b") is None


def test_a_flipped_byte_never_gives_a_wrong_value(tmp_path):
    keys = [f"key {i}" for i in range(8)]
    with Store(tmp_path / "s") as store:
        store.put_many((key, value_of(key, 20_000)) for key in keys)
    whole = (tmp_path / "s").read_bytes()
    outcomes = {"absent": 0, "error": 0}
    for position in range(100, len(whole), len(whole) // 97):
        damaged = bytearray(whole)
        damaged[position] ^= 0xFF
        (tmp_path / "s").write_bytes(damaged)
        with Store(tmp_path / "s") as store:
            for key in keys:
                try:
                    value = store.get(key)
                except OSError as error:
                    assert "Delete it" in str(error)
                    outcomes["error"] += 1
                    continue
                assert value in (None, value_of(key, 20_000))
                outcomes["absent"] += value is None
    assert outcomes["absent"] > 60  # most bytes are those of a value


@pytest.mark.parametrize("content", [b"a text, long enough for a header" * 40, b"<html>"])
def test_another_kind_of_file_is_refused(tmp_path, content):
    path = tmp_path / "notes.txt"
    path.write_bytes(content)
    with pytest.raises(OSError, match="notes.txt.*is not a store"):
        Store(path).get("a")
    assert path.read_bytes() == content


def test_the_file_of_another_program_is_refused(tmp_path):
    path = tmp_path / "photos.sqlite"
    with sqlite3.connect(path) as db:
        db.execute("CREATE TABLE entries (mine)")
    db.close()
    content = path.read_bytes()
    with pytest.raises(OSError, match="another program. Pass another path"):
        Store(path).put("a", b"1")
    assert path.read_bytes() == content


def test_a_folder_is_refused(tmp_path):
    with pytest.raises(OSError, match="in a folder that you can write to"):
        Store(tmp_path).get("a")


def test_a_lock_that_is_never_released_is_an_error(store, monkeypatch):
    monkeypatch.setattr("skmmgenre.store._store._BUSY_SECONDS", 0.05)
    store.put("a", b"1")
    store.close()
    other = sqlite3.connect(store.path, isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    with pytest.raises(OSError, match="it has been locked by another process"):
        store.put("b", b"2")
    assert store.get("a") == b"1"  # readers do not wait
    other.execute("ROLLBACK")
    other.close()
    store.put("b", b"2")


@pytest.mark.parametrize("renews", [False, pytest.param(True, marks=pytest.mark.slow)])
def test_a_claim_lasts_from_when_the_lock_is_had(store, renews):
    """A process that waited for the lock longer than a claim lasts has its claims all the same."""
    lease = 0.5
    if renews:
        assert store.claim(["a"], "me", 60) == [True]
    with ThreadPoolExecutor(1) as pool:
        other = sqlite3.connect(store.path, isolation_level=None)
        store.get("a")  # connect
        other.execute("BEGIN IMMEDIATE")
        if renews:
            waiting = pool.submit(store.renew, "me", lease)
        else:
            waiting = pool.submit(store.claim, ["a"], "me", lease)
        time.sleep(2 * lease)
        assert not waiting.done()
        other.execute("COMMIT")
        answered = waiting.result()
        with Store(store.path) as again:
            assert again.claim(["a"], "you", lease) == [False]
        other.close()
    assert answered in ([True], None)


# ---- many at once ------------------------------------------------------------------------


def test_a_pickle_holds_the_path_as_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with Store("s.sqlite") as store:
        store.put("a", b"1")
        content = pickle.dumps(store)
        assert str(tmp_path).encode() not in content
        with pickle.loads(content) as again:
            assert again.path == "s.sqlite"
            assert again.get("a") == b"1"


def test_threads(store):
    def work(name):
        for i in range(50):
            store.put(f"{name} {i}", f"{name} {i}".encode())
            found = store.get(f"{name} {i}")
            if found != f"{name} {i}".encode():
                wrong.append(found)

    wrong = []
    threads = [threading.Thread(target=work, args=[name]) for name in "abcd"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert len(store) == 200


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
def test_a_fork_while_it_is_open_and_in_use(store):
    store.put("parent", b"before")
    stop = threading.Event()

    def write_on():
        while not stop.is_set():
            store.put("thread", value_of("thread"))

    thread = threading.Thread(target=write_on)
    thread.start()
    children = []
    for i in range(5):
        pid = os.fork()
        if pid == 0:
            right = store.get("parent") == b"before"
            store.put(f"child {i}", b"1")
            os._exit(0 if right else 1)
        children.append(pid)
    assert [os.waitpid(pid, 0)[1] for pid in children] == [0] * 5
    stop.set()
    thread.join()
    assert store.get_many(f"child {i}" for i in range(5)) == [b"1"] * 5
    assert store.get("thread") == value_of("thread")


WRITER = """
import hashlib, sys
from skmmgenre.store import Store

path, name, n_batches = sys.argv[1:]
store = Store(path)
print("ready", flush=True)
sys.stdin.readline()
for batch in range(int(n_batches)):
    keys = [f"{name} {batch} {i}" for i in range(5)]
    store.put_many((key, hashlib.shake_128(key.encode()).digest(100_000)) for key in keys)
    print(batch, flush=True)
"""


def start_writer(path, name, n_batches):
    arguments = [sys.executable, "-c", WRITER, str(path), name, str(n_batches)]
    writer = subprocess.Popen(
        arguments, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    )
    assert writer.stdout.readline() == "ready\n"
    return writer


def kept_batches(store, name, n_batches):
    """The batches that are there; each must be whole."""
    kept = []
    for batch in range(n_batches):
        keys = [f"{name} {batch} {i}" for i in range(5)]
        found = [value is not None for value in store.get_many(keys)]
        assert len(set(found)) == 1
        if found[0]:
            assert store.get_many(keys) == [value_of(key) for key in keys]
            kept.append(batch)
    return kept


def test_two_processes_write_and_one_is_killed(tmp_path):
    """Both make the file at once; the one is killed while it writes."""
    path = tmp_path / "store.sqlite"
    killed, other = start_writer(path, "killed", 100_000), start_writer(path, "other", 40)
    with killed, other:
        for writer in (killed, other):
            writer.stdin.write("go\n")
        for _ in range(10):
            last = int(killed.stdout.readline())
        time.sleep(0.003)
        killed.send_signal(signal.SIGKILL)
        last = int((killed.stdout.read().split() or [last])[-1])
        assert other.wait() == 0
        other.stdout.read()
    with Store(path) as store:
        kept = kept_batches(store, "killed", last + 3)
        # All that it told of, and perhaps the one that it had no time to tell of.
        assert kept in (list(range(last + 1)), list(range(last + 2)))
        assert kept_batches(store, "other", 40) == list(range(40))
        assert len(store) == 5 * (len(kept) + 40)
    assert [file.name for file in tmp_path.iterdir()] == ["store.sqlite"]


@pytest.mark.skipif(not hasattr(os, "fork"), reason="the system has no fork")
@pytest.mark.filterwarnings("ignore:.*multi-threaded.*fork:DeprecationWarning")
@pytest.mark.parametrize("n_kills", [8, pytest.param(100, marks=pytest.mark.slow)])
def test_kills(tmp_path, n_kills):
    path = tmp_path / "store.sqlite"
    for turn in range(n_kills):
        reading, writing = os.pipe()
        pid = os.fork()
        if pid == 0:
            store = Store(path)
            for batch in range(100_000):
                keys = [f"turn {turn} {batch} {i}" for i in range(5)]
                store.put_many((key, value_of(key)) for key in keys)
                os.write(writing, b".")
        os.close(writing)
        with os.fdopen(reading, "rb", buffering=0) as pipe:
            told = len([pipe.read(1) for _ in range(turn % 4)])
            time.sleep(0.01 * turn / n_kills)
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            told += len(pipe.read())
        with Store(path) as store:
            # All that it told of, and perhaps the one that it had no time to tell of.
            kept = kept_batches(store, f"turn {turn}", told + 2)
            assert kept in (list(range(told)), list(range(told + 1)))
    assert [file.name for file in tmp_path.iterdir()] == ["store.sqlite"]
