import os
import pickle
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import soundfile

from skmmgenre.audio import CQTExtractor
from skmmgenre.store import Store


@pytest.fixture
def tracks(tmp_path):
    folder = tmp_path / "tracks"
    folder.mkdir()
    rng = np.random.default_rng(0)
    paths = []
    for number in range(10):
        paths.append(str(folder / f"{number}.wav"))
        soundfile.write(paths[-1], 0.1 * rng.normal(size=22050), 22050)
    return paths


def extractor(tmp_path, **changes):
    settings = {"duration": 0.5, "cache": str(tmp_path / "store")}
    return CQTExtractor(**(settings | changes))


def n_patches(tmp_path):
    with Store(tmp_path / "store") as store:
        return store.info()["constant-Q patches"][0]


def test_answers_do_not_depend_on_the_store(tmp_path, tracks):
    plain = extractor(tmp_path, cache=None).transform(tracks)
    for _ in range(2):
        np.testing.assert_array_equal(extractor(tmp_path).transform(tracks), plain)
    assert n_patches(tmp_path) == 10


def test_nothing_is_decoded_twice(tmp_path, tracks):
    for path in tracks:
        os.utime(path, (1e9, 1e9))
    first = extractor(tmp_path).transform(tracks)
    for path in tracks:  # were one decoded now, it would be refused
        size = os.path.getsize(path)
        with open(path, "wb") as file:
            file.write(bytes(size))
        os.utime(path, (1e9, 1e9))
    second = extractor(tmp_path, n_jobs=2, on_error="missing").transform([*tracks, None])
    np.testing.assert_array_equal(second[:-1], first)
    assert np.isnan(second[-1]).all()


def test_a_look_opens_no_file(tmp_path, tracks, monkeypatch):
    for path in tracks:
        os.utime(path, (1e9, 1e9))
    extractor(tmp_path).transform(tracks)
    opened, real = [], open

    def note(file, *arguments, **more):
        opened.append(file)
        return real(file, *arguments, **more)

    monkeypatch.setattr("builtins.open", note)
    extractor(tmp_path).transform(tracks)
    assert not {*tracks}.intersection(opened)


@pytest.mark.parametrize(
    "change",
    [
        {"hop_length": 512},
        {"duration": 0.6},
        {"ref": "clip"},
        {"log": False},
        {"random_state": 1},
        {"dtype": "float16"},
        {"cache_dtype": "uint8"},
        {"n_bins": 60},
        {"fmin": 40.0},
        {"backend": "librosa"},
    ],
)
def test_every_parameter_that_matters_counts(tmp_path, tracks, change):
    extractor(tmp_path).transform(tracks)
    found = extractor(tmp_path, **change).transform(tracks)
    assert n_patches(tmp_path) == 20
    if "cache_dtype" not in change:
        plain = extractor(tmp_path, cache=None, **change).transform(tracks)
        np.testing.assert_array_equal(found, plain)


@pytest.mark.parametrize("change", [{"n_jobs": 2}, {"verbose": 1}, {"on_error": "missing"}])
def test_what_does_not_matter_does_not_count(tmp_path, tracks, change):
    extractor(tmp_path).transform(tracks)
    extractor(tmp_path, **change).transform(tracks)
    assert n_patches(tmp_path) == 10


@pytest.mark.parametrize("patch, n_new", [("center", 0), ("random", 10)])
def test_the_name_counts_where_the_patch_is_drawn_by_it(tmp_path, tracks, patch, n_new):
    extractor(tmp_path, patch=patch).transform(tracks)
    folder = tmp_path / "moved"
    shutil.copytree(tmp_path / "tracks", folder)
    extractor(tmp_path, patch=patch).transform(sorted(map(str, folder.iterdir())))
    assert n_patches(tmp_path) == 10
    renamed = [shutil.copy(path, folder / f"new {i}.wav") for i, path in enumerate(tracks)]
    found = extractor(tmp_path, patch=patch).transform(renamed)
    assert n_patches(tmp_path) == 10 + n_new
    np.testing.assert_array_equal(
        found, extractor(tmp_path, cache=None, patch=patch).transform(renamed)
    )


@pytest.mark.parametrize("cache_dtype, error", [("float16", 0.0313), ("uint8", 0.1569)])
def test_rounded_decibels(tmp_path, tracks, cache_dtype, error):
    plain = extractor(tmp_path, cache=None).transform(tracks)
    fresh, found = (
        extractor(tmp_path, cache_dtype=cache_dtype).transform(tracks) for _ in range(2)
    )
    np.testing.assert_array_equal(fresh, found)
    assert fresh.dtype == np.float32
    assert 0 < np.abs(fresh - plain).max() <= error


def test_a_pickle_holds_the_path_as_it_was_given(tmp_path, tracks, monkeypatch):
    monkeypatch.chdir(tmp_path)
    model = CQTExtractor(duration=0.5, cache="store")
    model.fit(tracks).transform(tracks)
    assert str(tmp_path).encode() not in pickle.dumps(model)
    with open("store", "rb") as file:
        content = file.read()
    assert str(tmp_path).encode() not in content and b"wav" not in content


_WRITER = """
import sys
from skmmgenre.audio import CQTExtractor
print("ready", flush=True)
CQTExtractor(duration=0.5, cache=sys.argv[1]).transform(sys.argv[2:])
"""


@pytest.mark.slow
def test_a_hundred_kills(tmp_path, tracks):
    for number, path in enumerate(tracks * 29):  # 300 tracks of one content, by other names
        tracks.append(shutil.copy(path, tmp_path / "tracks" / f"copy {number}.wav"))
    plain = extractor(tmp_path, cache=None).transform(tracks)
    command = [sys.executable, "-c", _WRITER, str(tmp_path / "store"), *tracks]
    rng = np.random.default_rng(0)
    kept = set()
    for _ in range(100):
        with subprocess.Popen(command, stdout=subprocess.PIPE) as writer:
            writer.stdout.readline()
            time.sleep(rng.uniform(0, 0.5))
            writer.send_signal(signal.SIGKILL)
        with Store(tmp_path / "store") as store, store._connection() as db:
            assert db.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            kept.add(db.execute("SELECT count(*) FROM entries").fetchone()[0])
            # So that there is work for the next, who need not wait for the claims to run out.
            db.execute("DELETE FROM entries WHERE random() % 2")
            db.execute("UPDATE claims SET until = 0")
    assert len(kept) > 10  # killed at many points
    np.testing.assert_array_equal(extractor(tmp_path).transform(tracks), plain)
    assert n_patches(tmp_path) == 300
    assert sorted(path.name for path in tmp_path.iterdir()) == ["store", "tracks"]
