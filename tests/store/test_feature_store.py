import os
import subprocess
import sys
import threading
import time
from functools import partial

import joblib
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from named_pipes import named_pipe

from skmmgenre.store import (
    FeatureStore,
    RawCodec,
    StepCodec,
    Store,
    _feature_store,
    _store,
    map_cells,
)
from skmmgenre.utils import BadItem

SETTINGS = {"hop_length": 1024, "fmin": None}


def read(log, path):
    """Numbers of a file; every call leaves a line in `log`, from whatever process."""
    with open(log, "a") as file:
        file.write(f"{os.path.basename(path)}\n")
    with open(path) as file:
        text = file.read()
    if text == "bad":
        raise BadItem("it is bad", "Mend it.")
    return np.array([float(word) for word in text.split()], dtype=np.float32)


@pytest.fixture
def files(tmp_path):
    paths = []
    for number in range(40):
        paths.append(str(tmp_path / f"{number}.txt"))
        (tmp_path / f"{number}.txt").write_text(f"{number} {number + 0.5}")
        os.utime(paths[-1], (1e9, 1e9))  # long ago: its hash may be remembered
    return paths


@pytest.fixture
def log(tmp_path):
    return tmp_path / "log"


def reads(log):
    return log.read_text().splitlines() if log.exists() else []


def feature_store(tmp_path, **changes):
    return FeatureStore(tmp_path / "store", **({"kind": "test", "settings": SETTINGS} | changes))


def run(log, files, store, **arguments):
    return map_cells(partial(read, log), files, store=store, **arguments)


def test_the_log_tells_what_was_computed(tmp_path, files, log, caplog):
    caplog.set_level("INFO", logger="skmmgenre")
    for some, computed in ((files[:3], 3), (files[:5], 2)):
        run(log, [*some, some[0]], feature_store(tmp_path), description="Numbers")
        n_cells = len(some) + 1
        assert caplog.messages[-1].startswith(f"Numbers: done, {n_cells} of {n_cells} steps")
        assert caplog.messages[-1].endswith(f"({computed} computed)")


def test_a_file_is_read_once(tmp_path, files, log):
    with joblib.parallel_config(backend="threading"):
        first, _ = run(log, [*files, None, files[0]], feature_store(tmp_path), n_jobs=2)
    assert sorted(reads(log)) == sorted(os.path.basename(path) for path in files)
    assert first[-2] is None
    np.testing.assert_array_equal(first[-1], [0, 0.5])
    second, _ = run(log, files, feature_store(tmp_path))
    assert len(reads(log)) == len(files)
    np.testing.assert_array_equal(second, first[:-2])


def test_what_counts_is_the_content(tmp_path, files, log):
    run(log, files, feature_store(tmp_path))
    moved = tmp_path / "elsewhere" / "other name.txt"
    moved.parent.mkdir()
    os.rename(files[3], moved)
    values, _ = run(log, [str(moved)], feature_store(tmp_path))
    np.testing.assert_array_equal(values[0], [3, 3.5])
    assert len(reads(log)) == len(files)
    values, _ = run(log, [str(moved)], feature_store(tmp_path, by_name=True))
    assert reads(log)[len(files) :] == ["other name.txt"]


def test_a_changed_file_is_read_again(tmp_path, files, log):
    for content, expected in (("7 8", [7, 8]), ("8 7", [8, 7])):  # at once, and of one length
        with open(files[0], "w") as file:
            file.write(content)
        values, _ = run(log, files[:1], feature_store(tmp_path))
        np.testing.assert_array_equal(values[0], expected)


def replace(path, content, *, keep_time=False):
    status = os.stat(path)
    with open(path, "w") as file:
        file.write(content)
    if keep_time:
        os.utime(path, ns=(status.st_atime_ns, status.st_mtime_ns))


def replaced_while_it_is_read(path):
    if os.path.basename(path) == "3.txt":
        replace(path, "7 8")
    with open(path) as file:
        return np.array([float(word) for word in file.read().split()], dtype=np.float32)


def test_a_feature_of_a_file_replaced_meanwhile_is_not_kept(tmp_path, files, log):
    other = tmp_path / "elsewhere.txt"
    other.write_text("3 3.5")
    store = feature_store(tmp_path)
    values, _ = map_cells(replaced_while_it_is_read, files, store=store)
    np.testing.assert_array_equal(values[3], [7, 8])  # what is there now
    values, _ = run(log, [*files, str(other)], feature_store(tmp_path))
    np.testing.assert_array_equal(values[3], [7, 8])
    np.testing.assert_array_equal(values[-1], [3, 3.5])
    assert reads(log) == ["3.txt", "elsewhere.txt"]  # the others were kept


@pytest.mark.parametrize("how", ["other size", "other time", "gone", "the time is too coarse"])
def test_nobody_waits_for_what_is_not_kept(tmp_path, files, how):
    if how == "the time is too coarse":
        os.utime(files[3])
    store, other = (feature_store(tmp_path, codec=StepCodec(0.0, 40.0)) for _ in range(2))
    keys = store.keys(files)
    assert all(store.claim(keys)) and not any(other.claim(keys))
    if how == "gone":
        os.remove(files[3])
    else:
        text = "a longer text" if how == "other size" else "7 7.5"
        replace(files[3], text, keep_time=how == "the time is too coarse")
    features = {key: np.full(2, number + 0.01) for number, key in enumerate(keys)}
    kept, refused = store.put(features)
    assert refused == {keys[3]}
    found = other.get(keys)
    assert [number for number, feature in enumerate(found) if feature is None] == [3]
    assert other.claim(keys) == [number == 3 for number in range(40)]
    for number, key in enumerate(keys):
        expected = store.codec.decode(store.codec.encode(features[key]))
        np.testing.assert_array_equal(kept[key], expected)
        assert number == 3 or np.array_equal(found[number], expected)


def test_an_equal_file_of_one_that_was_replaced_has_its_own_value(tmp_path, files):
    twin = tmp_path / "twin.txt"
    twin.write_text("3 3.5")
    values, _ = map_cells(
        replaced_while_it_is_read, [*files, str(twin)], store=feature_store(tmp_path)
    )
    np.testing.assert_array_equal(values[3], [7, 8])
    np.testing.assert_array_equal(values[-1], [3, 3.5])


def test_what_was_just_written_and_stays_is_kept(tmp_path, files):
    os.utime(files[3])
    store = feature_store(tmp_path)
    keys = store.keys(files)
    store.put(dict.fromkeys(keys, np.zeros(2)))
    assert all(feature is not None for feature in store.get(keys))


def test_only_the_files_of_a_round_are_remembered(tmp_path, files):
    store = feature_store(tmp_path)
    for start in range(0, 40, 4):
        store.keys(files[start : start + 4])
        assert len(store._files) == 4


@pytest.mark.parametrize(
    "change",
    [
        {"settings": {**SETTINGS, "hop_length": 512}},
        {"kind": "another"},
        {"codec": RawCodec("float16")},
    ],
)
def test_other_settings_are_other_features(tmp_path, files, log, change):
    run(log, files[:2], feature_store(tmp_path))
    run(log, files[:2], feature_store(tmp_path, **change))
    assert len(reads(log)) == 4


def test_a_setting_may_be_a_number_of_numpys(tmp_path, files):
    plain = feature_store(tmp_path).keys(files)
    same = {**SETTINGS, "hop_length": np.int64(1024)}
    assert feature_store(tmp_path, settings=same).keys(files) == plain


def test_bad_items_are_told_and_never_kept(tmp_path, files, log):
    for row in (5, 17):
        with open(files[row], "w") as file:
            file.write("bad")
    cells = [*files, str(tmp_path / "absent.txt")]
    for _ in range(2):
        values, errors = run(log, cells, feature_store(tmp_path), on_error="missing")
        assert [error["row"] for error in errors] == [5, 17, 40]
        assert values[5] is None and errors[0]["reason"] == "it is bad"
        with pytest.raises(BadItem, match="Row 5: .*5.txt.*it is bad"):
            run(log, cells, feature_store(tmp_path))
    with open(files[5], "w") as file:
        file.write("1 2")
    values, errors = run(log, cells, feature_store(tmp_path), on_error="missing")
    np.testing.assert_array_equal(values[5], [1, 2])
    assert [error["row"] for error in errors] == [17, 40]


def test_what_was_done_before_an_error_is_kept(tmp_path, files, log):
    with open(files[39], "w") as file:
        file.write("bad")
    with pytest.raises(BadItem):
        run(log, files, feature_store(tmp_path))
    run(log, files[:39], feature_store(tmp_path))
    assert len(reads(log)) == 40


def test_a_damaged_entry_is_made_again(tmp_path, files, log):
    import sqlite3

    expected, _ = run(log, files, feature_store(tmp_path))
    with sqlite3.connect(tmp_path / "store") as db:
        db.execute("UPDATE entries SET value = zeroblob(length(value)) WHERE kind = 'test'")
    db.close()
    values, _ = run(log, files, feature_store(tmp_path))
    np.testing.assert_array_equal(values, expected)
    assert len(reads(log)) == 80


def test_no_more_files_are_read_at_once_than_a_worker_has_threads(tmp_path, files, monkeypatch):
    """In a worker its share, else as many as processors may be used."""
    pools = []

    class Pool(_feature_store.ThreadPoolExecutor):
        def __init__(self, threads):
            pools.append(threads)
            super().__init__(threads)

    def look(_):
        return feature_store(tmp_path).keys(files)

    monkeypatch.setattr(_feature_store, "ThreadPoolExecutor", Pool)
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setattr(joblib, "cpu_count", lambda: 5)
    monkeypatch.setattr(os, "cpu_count", lambda: 64)
    monkeypatch.setattr(_feature_store, "_SETTLED", np.inf)  # nothing is remembered
    expected = look(0)
    assert pools == [5]
    with joblib.parallel_config("threading"):
        found = joblib.Parallel(2)(joblib.delayed(look)(k) for k in range(2))
    assert pools == [5, 3, 3] and found == [expected] * 2


def test_arrays_are_told_by_their_values(tmp_path):
    store = feature_store(tmp_path)
    cells = [np.arange(6.0), np.arange(6.0).reshape(2, 3), np.arange(6.0, dtype=np.float32)]
    keys = store.keys(cells)
    assert len({*keys}) == 3
    assert keys == store.keys([np.copy(cell) for cell in cells])
    assert store.keys([object(), np.array([{}]), "no such file"]) == [None, None, None]


def test_other_cells_are_told_by_what_a_room_knows_of_them(tmp_path):
    def content_of(cell):
        return None if cell is None else (cell.real, bytes(int(cell.imag)))

    store = feature_store(tmp_path, content_of=content_of)
    *keys, unread = store.keys([1j, 2j, 1 + 1j, 1j, None])
    assert len({*keys}) == 3 and keys[0] == keys[3] and unread is None


def test_a_pipe_is_not_opened(tmp_path, files):
    with named_pipe(tmp_path / "pipe") as pipe:
        keys = feature_store(tmp_path).keys([pipe, files[0], os.devnull])
    assert keys[1] and keys[::2] == [None, None]


def signature_of(file):
    file.seek(0)
    return file.read(1)


def test_versions_are_told_by_the_kind_of_a_file_without_opening_it_again(
    tmp_path, files, monkeypatch
):
    def look(version):
        versions = {b"1": version}
        store = feature_store(
            tmp_path,
            signature_of=signature_of,
            version_for=lambda signature: versions.get(signature, b""),
        )
        return store.keys(files)

    def refuse(*arguments):
        raise AssertionError(f"{arguments} was opened")

    plain = feature_store(tmp_path).keys(files)  # remembers hashes without a signature
    first = look(b"one")
    monkeypatch.setattr(_feature_store, "open", refuse, raising=False)
    assert look(b"one") == first
    other = look(b"another")
    assert feature_store(tmp_path).keys(files) == plain
    for number, keys in enumerate(zip(plain, first, other, strict=True)):
        assert len({*keys}) == (3 if str(number).startswith("1") else 1)


def test_what_cannot_be_told_by_content_is_computed_all_the_same(tmp_path):
    values, _ = map_cells(lambda cell: np.ones(1), [object()] * 3, store=feature_store(tmp_path))
    assert len(values) == 3 and all(value is not None for value in values)


# ---- a store that fails ------------------------------------------------------------------


def break_store(store):
    """Put a folder where the file was, so that it cannot be opened again."""
    path = store._store.path
    with _store._lock:  # or the thread that renews makes it anew
        store._store.close()
        for file in path.parent.glob(f"{path.name}*"):
            file.unlink()
        path.mkdir()


def test_what_ended_the_work_is_told_though_the_store_fails_as_well(tmp_path):
    store = feature_store(tmp_path)
    with pytest.raises(KeyboardInterrupt):
        with store.working():
            break_store(store)
            raise KeyboardInterrupt


def test_a_failing_store_is_told_at_the_end_of_the_work(tmp_path, files):
    store = feature_store(tmp_path)
    with pytest.raises(OSError, match="The store"):
        with store.working():
            store.claim(store.keys(files))
            break_store(store)


def test_claims_are_no_longer_renewed_when_the_store_fails(tmp_path, files, monkeypatch):
    faults = []
    monkeypatch.setattr(threading, "excepthook", faults.append)
    monkeypatch.setattr(_feature_store, "_LEASE", 0.03)
    store, before = feature_store(tmp_path), {*threading.enumerate()}
    with pytest.raises(BadItem, match="of the work"):
        with store.working():
            (renewing,) = {*threading.enumerate()} - before
            store.claim(store.keys(files))
            break_store(store)
            renewing.join(60)
            assert not renewing.is_alive()
            raise BadItem("of the work", "Mend it.")
    assert not faults


# ---- codecs -----------------------------------------------------------------------------


@settings(max_examples=50, deadline=None)
@given(hnp.arrays(st.sampled_from(["f4", "f2", "c8", "i8"]), hnp.array_shapes(min_side=0)))
def test_raw(array):
    found = RawCodec().decode(RawCodec().encode(array))
    assert found.dtype == array.dtype
    np.testing.assert_array_equal(found, array)


@settings(max_examples=50, deadline=None)
@given(hnp.arrays("f4", 20, elements=st.floats(-80, 0, width=32)))
def test_steps(array):
    codec = StepCodec(-80.0, 0.0)
    found = codec.decode(codec.encode(array))
    assert found.dtype == np.float32
    assert np.abs(found - array).max() <= 80 / 255 / 2 + 1e-5
    np.testing.assert_array_equal(codec.decode(codec.encode(found)), found)


def test_fresh_values_are_rounded_as_found_ones(tmp_path, files, log):
    stores = [feature_store(tmp_path, codec=StepCodec(0.0, 40.0)) for _ in range(2)]
    first, second = (run(log, files, store)[0] for store in stores)
    np.testing.assert_array_equal(first, second)
    assert not np.array_equal(first[1], [1, 1.5])


# ---- several at once --------------------------------------------------------------------

_WRITER = """
import sys, time
import numpy as np
from skmmgenre.store import FeatureStore, map_cells

store, log, seconds, *files = sys.argv[1:]

def slowly(path):
    with open(log, "a") as file:
        file.write(path + "\\n")
    time.sleep(float(seconds))
    return np.full(1000, float(open(path).read().split()[0]))

found, _ = map_cells(slowly, files, store=FeatureStore(store, kind="test", settings={}))
print(" ".join(str(value[0]) for value in found))
"""


def start_writer(tmp_path, log, files, seconds=0.01):
    command = [sys.executable, "-c", _WRITER, tmp_path / "store", log, str(seconds), *files]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True)


@pytest.mark.slow
def test_two_processes_share_the_work(tmp_path, files, log):
    writers = [start_writer(tmp_path, log, files) for _ in range(2)]
    told = [writer.communicate()[0].split() for writer in writers]
    assert told[0] == told[1] == [str(float(number)) for number in range(40)]
    assert sorted(reads(log)) == sorted(files)


def kill_and_go_on(tmp_path, log, files, seconds):
    writer = start_writer(tmp_path, log, files)
    give_up = time.monotonic() + 60
    while not log.exists() and time.monotonic() < give_up:
        time.sleep(0.001)
    time.sleep(seconds)
    writer.kill()
    writer.communicate()


def test_killed(tmp_path, files, log):
    kill_and_go_on(tmp_path, log, files, 0.05)
    with Store(tmp_path / "store") as store:  # the claims of the killed run out, here at once
        with store._connection() as db:
            assert db.execute("SELECT count(*) FROM claims").fetchone()[0] > 0
            db.execute("UPDATE claims SET until = 0")
    writer = start_writer(tmp_path, log, files)
    assert writer.communicate()[0].split() == [str(float(number)) for number in range(40)]
    with Store(tmp_path / "store") as store, store._connection() as db:
        assert db.execute("SELECT count(*) FROM claims").fetchone()[0] == 0
