"""Constant-Q patches of tracks."""

import io
import math
import os
import pickle
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from made_sounds import write_sounds
from sklearn import config_context
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.utils import get_tags

from skmmgenre.audio import CQTExtractor, constant_q
from skmmgenre.store import Store
from skmmgenre.utils import BadItem

SR = 22050


def _music(seconds, sr=SR, seed=0):
    rng = np.random.default_rng(seed)
    t = np.arange(int(seconds * sr)) / sr
    y = 0.4 * np.sin(2 * np.pi * (220 + 50 * seed) * t * (1 + 0.02 * t))
    return (y + 0.02 * rng.standard_normal(len(t))).astype(np.float32)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """Five tracks of 4 to 8 s in all formats, mono and stereo, at several rates."""
    folder = tmp_path_factory.mktemp("tracks")
    paths = []
    for seed, (name, sr) in enumerate(
        [("a.wav", 8000), ("b.flac", 44100), ("c.ogg", 48000), ("d.mp3", 22050), ("e.mp3", 44100)]
    ):
        y = _music(4 + seed, sr, seed)
        soundfile.write(folder / name, np.c_[y, y] if seed % 2 else y, sr)
        paths.append(str(folder / name))
    return paths


def test_fifteen_seconds_are_96_by_323():
    X = CQTExtractor().transform([_music(16)])
    assert X.shape == (1, 96, 323) and X.dtype == np.float32
    assert X.max() == 0 and X.min() >= -80


def test_a4_peaks_at_its_bin():
    y = np.sin(2 * np.pi * 440 * np.arange(3 * SR) / SR)
    X = CQTExtractor(duration=3).transform([y])
    assert (X[0, :, 5:-5].argmax(axis=0) == 45).all()


def test_decibels_of_the_patch_alone():
    y = _music(5)
    start = (len(y) - 2 * SR) // 2
    magnitude = np.abs(constant_q(y[start : start + 2 * SR])).astype(float)
    expected = np.maximum(10 * np.log10(magnitude**2 / magnitude.max() ** 2), -80)
    params = {"duration": 2, "patch": "center"}
    np.testing.assert_allclose(CQTExtractor(**params).transform([y])[0], expected, atol=1e-4)
    plain = CQTExtractor(log=False, dtype="float16", **params).transform([y])[0]
    assert plain.dtype == np.float32
    np.testing.assert_allclose(plain, magnitude, rtol=1e-6)


def test_ref_clip_cuts_the_clip_s_transform():
    y = _music(5) * np.linspace(0.01, 1, 5 * SR, dtype=np.float32)
    magnitude = np.abs(constant_q(y)).astype(float)
    expected = np.maximum(20 * np.log10(magnitude / magnitude.max()), -80)
    X = CQTExtractor(duration=2, patch="start", ref="clip").transform([y])[0]
    np.testing.assert_allclose(X, expected[:, : X.shape[1]], atol=1e-4)
    assert X.max() < -5


@pytest.mark.parametrize("ref", ["patch", "clip"])
@pytest.mark.parametrize("n_samples", [1, 100, 3000, 2 * SR - 1])
def test_a_short_track_is_padded_with_the_floor(ref, n_samples):
    y = _music(2)[:n_samples] + np.float32(0.1)
    n_own = 1 + n_samples // 1024
    X = CQTExtractor(duration=5, ref=ref).transform([y])[0]
    assert X.shape == (96, 1 + 5 * SR // 1024)
    assert (X[:, n_own:] == -80).all() and X[:, :n_own].max() == 0
    assert not CQTExtractor(duration=5, log=False).transform([y])[0][:, n_own:].any()


@pytest.mark.parametrize("ref", ["patch", "clip"])
def test_what_is_too_soft_to_hear_is_silence(ref):
    """Relative to its own maximum, dither would be as loud as music."""
    rng = np.random.default_rng(0)
    dither = rng.integers(-1, 2, 3 * SR) / 32768
    soft = 2e-3 * rng.standard_normal(3 * SR)
    X = CQTExtractor(duration=2.0, ref=ref).transform([dither, soft])
    assert (X[0] == -80).all() and X[1].max() > -10


def test_silence_is_all_floor():
    assert (CQTExtractor(duration=2).transform([np.zeros(3 * SR), np.zeros(9)]) == -80).all()


def test_half_precision():
    X = CQTExtractor(duration=2, dtype="float16").transform([_music(3), None])
    assert X.dtype == np.float16 and np.isnan(X[1]).all() and np.isfinite(X[0]).all()


@pytest.mark.parametrize("ref", ["patch", "clip"])
def test_same_bits_for_any_order_subset_and_n_jobs(files, ref):
    extractor = CQTExtractor(duration=3, ref=ref)
    X = extractor.transform(files)
    assert np.isfinite(X).all()
    for order in ([4, 2, 0, 1, 3], [3], [1, 4]):
        np.testing.assert_array_equal(extractor.transform([files[k] for k in order]), X[order])
    table = pd.DataFrame({"audio": [None, *map(Path, files), ""]})
    X2 = clone(extractor).set_params(n_jobs=2).fit_transform(table)
    np.testing.assert_array_equal(X2[1:-1], X)
    assert np.isnan(X2[[0, -1]]).all()


def test_threads_change_no_bits(files):
    import joblib

    extractor = CQTExtractor(duration=3)
    X = extractor.transform(files * 4)
    with joblib.parallel_config("threading", n_jobs=2):
        np.testing.assert_array_equal(extractor.transform(files * 4), X)


def test_the_patch_does_not_depend_on_the_folder(files, tmp_path):
    copy = shutil.copy(files[4], tmp_path)
    renamed = shutil.copy(files[4], tmp_path / "renamed.mp3")
    extractor = CQTExtractor(duration=2)
    X = extractor.transform([files[4], copy, renamed])
    np.testing.assert_array_equal(X[0], X[1])
    assert not np.array_equal(X[0], X[2])
    for other, same in [(0, True), (1, False)]:
        again = clone(extractor).set_params(random_state=other).transform([copy])[0]
        assert np.array_equal(again, X[0]) == same


def test_random_patches_are_uniform():
    from skmmgenre.audio._cqt_extractor import _patch_start

    starts = [
        _patch_start(1099, 100, patch="random", name=b"%d.mp3" % k, key=0) for k in range(5000)
    ]
    counts, _ = np.histogram(starts, bins=10, range=(0, 1000))
    assert min(starts) >= 0 and max(starts) <= 999
    assert abs(counts - 500).max() < 5 * math.sqrt(500)
    assert _patch_start(50, 100, patch="random", name=b"a", key=0) == 0


def test_global_random_state_is_left_alone(files):
    before = pickle.dumps((np.random.get_state(), random.getstate()))
    CQTExtractor(duration=2).transform(files[:2])
    assert pickle.dumps((np.random.get_state(), random.getstate())) == before


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("bad")
    (folder / "empty.mp3").write_bytes(b"")
    (folder / "text.mp3").write_text("This is no music.\n" * 100)
    soundfile.write(folder / "truncated.mp3", _music(8), SR)
    content = (folder / "truncated.mp3").read_bytes()
    (folder / "truncated.mp3").write_bytes(content[: len(content) // 2])
    soundfile.write(folder / "no_samples.wav", np.zeros(0), SR)
    for name, value in [("nan.wav", np.nan), ("infinite.wav", np.inf)]:
        y = _music(2)
        y[SR] = value
        soundfile.write(folder / name, y, SR, subtype="FLOAT")
    return folder


_BAD = [
    ("missing.mp3", "no such file"),
    ("", "folder"),
    ("empty.mp3", "0 bytes"),
    ("text.mp3", "not audio"),
    ("truncated.mp3", "truncated"),
    ("no_samples.wav", "0 samples"),
    ("nan.wav", "NaN or infinite"),
    ("infinite.wav", "NaN or infinite"),
]


@pytest.mark.parametrize(("name", "reason"), _BAD)
def test_an_error_names_file_row_reason_and_way_out(bad_files, name, reason):
    path = str(bad_files / name)
    with pytest.raises(BadItem, match=f"Row 1: .*{Path(path).name}.*{reason}") as error:
        CQTExtractor(duration=2).transform([_music(2), path])
    assert "on_error='missing'" in str(error.value)


def test_bad_files_are_missing_and_listed(bad_files):
    column = [_music(2), *(str(bad_files / name) for name, _ in _BAD), None]
    extractor = CQTExtractor(duration=2, on_error="missing")
    X = extractor.fit_transform(column)
    assert np.isnan(X).all(axis=(1, 2)).tolist() == [False] + [True] * 9
    errors = extractor.errors_
    assert errors["row"].tolist() == list(range(1, 9))
    for (name, reason), error in zip(_BAD, errors.itertuples(), strict=True):
        assert name in error.item and reason in error.reason and error.remedy
    extractor.transform([_music(2)])
    assert extractor.errors_.empty


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (np.zeros((2, 100)), "1-D"),
        (np.zeros(0), "0 samples"),
        (np.zeros(100, dtype=np.int16), "floating"),
        (np.array([0, np.nan]), "NaN"),
        (np.array([0, np.inf]), "NaN or infinite"),
        (np.full(40000, 1e38), "too large.*Scale them"),
        (["a.mp3", "b.mp3"], "got list"),
        (7, "got int"),
    ],
)
def test_bad_arrays(cell, reason):
    with pytest.raises(BadItem, match=f"Row 0: .*{reason}"):
        CQTExtractor(duration=2).transform([cell])


@pytest.mark.parametrize(
    "params",
    [
        {"patch": "end"},
        {"ref": "max"},
        {"duration": 0},
        {"backend": "fft"},
        {"window": "round"},
        {"window": np.hanning, "cache": "store"},
        {"cache": 7},
        {"dtype": "float64"},
        {"random_state": -1},
        {"sr": 8000},
        {"on_error": "skip"},
    ],
)
def test_parameters_are_checked(params):
    for method in ("fit", "transform"):
        with pytest.raises(ValueError, match=next(iter(params))):
            getattr(CQTExtractor(**params), method)([np.zeros(100)])


@pytest.mark.parametrize("column", [[], pd.DataFrame({"a": ["x"], "b": ["y"]}), "song.mp3"])
def test_not_a_column(column):
    for method in ("fit", "transform"):
        with pytest.raises(ValueError):
            getattr(CQTExtractor(), method)(column)


def test_an_estimator_like_others():
    extractor = CQTExtractor(duration=2, random_state=3)
    assert clone(extractor).get_params() == extractor.get_params()
    assert "CQTExtractor" in extractor._repr_html_()
    assert extractor.set_output(transform="pandas") is extractor
    assert extractor.get_feature_names_out().tolist()[::95] == ["cqt0", "cqt95"]
    tags = get_tags(extractor)
    assert not tags.requires_fit and tags.input_tags.string and not tags.input_tags.two_d_array
    with config_context(transform_output="pandas"):
        assert isinstance(extractor.transform([_music(1)]), np.ndarray)
    again = pickle.loads(pickle.dumps(extractor))
    y = _music(4)
    np.testing.assert_array_equal(again.transform([y]), extractor.transform([y]))


class _MeanOverFrames(TransformerMixin, BaseEstimator):
    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return X.mean(axis=2)

    def get_feature_names_out(self, input_features=None):
        return np.array([f"mean{k}" for k in range(96)], dtype=object)

    def __sklearn_is_fitted__(self):
        return True


def test_in_a_column_transformer_that_answers_in_pandas(files):
    table = pd.DataFrame({"audio": [*files, None]})
    pipeline = make_pipeline(CQTExtractor(duration=2), _MeanOverFrames())
    columns = ColumnTransformer([("audio", pipeline, "audio")]).set_output(transform="pandas")
    X = columns.fit_transform(table)
    assert X.columns.tolist() == [f"audio__mean{k}" for k in range(96)]
    assert X.isna().all(axis=1).tolist() == [False] * 5 + [True]


@pytest.mark.parametrize("source", ["made", "real"])
def test_clips(source, request, tmp_path):
    """Previews of 20 s, as they are offered: compressed, most of them mono."""
    if source == "made":
        kinds = [("mp3", SR, 1)] * 5 + [("mp3", 32000, 2), ("ogg", 32000, 2)] + [("ogg", SR, 1)] * 5
        clips = write_sounds(tmp_path, kinds, seconds=20)
    else:
        folder = request.getfixturevalue("shared_data") / "multimodal" / "audio"
        clips = [*sorted(folder.glob("*.mp3"))[:6], *sorted(folder.glob("*.ogg"))[:6]]
    X = CQTExtractor().transform(clips)
    assert X.shape == (12, 96, 323)
    np.testing.assert_array_equal(X.max(axis=(1, 2)), 0)
    assert np.isfinite(X).all() and (X.std(axis=(1, 2)) > 3).all()


@pytest.mark.skipif(os.name != "posix", reason="names of files are UTF-16")
def test_a_name_that_is_not_utf8(tmp_path):
    paths = [os.path.join(str(tmp_path), os.fsdecode(name)) for name in (b"\xe9.wav", b"\xe8.wav")]
    with open(paths[0], "wb") as file:
        soundfile.write(file, np.sin(np.arange(22050.0)), 22050, format="WAV")
    extractor = CQTExtractor(duration=1.0, on_error="missing")
    patches = extractor.fit_transform(paths)
    assert np.isfinite(patches[0]).all() and np.isnan(patches[1]).all()
    assert extractor.errors_["row"].tolist() == [1]
    assert extractor.errors_["item"].tolist() == [repr(paths[1])]


def test_a_signal_that_is_not_in_a_list():
    with pytest.raises(ValueError, match=r"a single number.*transform\(\[signal\]\)"):
        CQTExtractor().transform(np.zeros(22050, np.float32))


def test_a_patch_of_less_than_one_sample():
    with pytest.raises(ValueError, match=r"duration=1e-06 s is less than one sample"):
        CQTExtractor(duration=1e-6).fit([None])


# ---- the store of patches ----------------------------------------------------------------


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
CQTExtractor(duration=0.5).transform(sys.argv[2:3])  # imports librosa
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


def _forms_of(path):
    """What a cell may hold in place of a path, with the name of the file."""
    content, named = Path(path).read_bytes(), io.BytesIO(Path(path).read_bytes())
    named.name = path
    return [
        Path(path),
        os.fsencode(path),
        named,
        {"bytes": content, "path": os.path.basename(path)},
        {"bytes": None, "path": path},
    ]


@pytest.mark.parametrize("n_jobs", [None, 2])
@pytest.mark.parametrize("cached", [False, True])
def test_a_file_gives_the_same_bits_in_every_form(files, tmp_path, cached, n_jobs):
    cache = tmp_path / "store" if cached else None
    extractor = CQTExtractor(duration=1.0, cache=cache, n_jobs=n_jobs)
    for _ in range(1 + cached):  # computed, then found
        for path in files[::2]:
            expected = CQTExtractor(duration=1.0).transform([path])[0]
            with open(path, "rb") as file:
                X = extractor.transform([*_forms_of(path), file])
            assert all(np.array_equal(x, expected) for x in X)


def test_content_without_a_name_has_a_patch_of_its_own(files):
    content = Path(files[0]).read_bytes()
    cells = [content, bytearray(content), memoryview(content), io.BytesIO(content)]
    X = CQTExtractor(duration=1.0).transform(cells)
    assert all(np.array_equal(x, X[0]) for x in X)
    start = CQTExtractor(duration=1.0, patch="start")
    np.testing.assert_array_equal(start.transform(cells[:1]), start.transform(files[:1]))


def test_samples_with_their_rate_as_datasets_hold_them():
    y = _music(3, sr=SR)
    half = CQTExtractor(duration=2.0, patch="start", sr=SR // 2, n_bins=72)
    sampled = {"array": y.astype(float), "sampling_rate": SR, "path": None}
    same = CQTExtractor(duration=2.0, patch="start").transform([sampled, y])
    np.testing.assert_array_equal(same[0], same[1])
    X = half.transform([sampled])
    tone = np.sin(2 * np.pi * 440 * np.arange(3 * SR) / SR)
    at = half.transform([{"array": tone, "sampling_rate": SR}])[0, :, 10].argmax()
    assert X.shape == (1, 72, 22) and at == 45


@pytest.mark.parametrize(
    ("cell", "told"),
    [
        ("https://x.org/a.mp3", "it is a URL"),
        ({"array": np.zeros(9), "sampling_rate": "44 kHz"}, "its sampling_rate is str"),
        ({"array": np.zeros(9), "sampling_rate": 1}, "sampling rate of 1 Hz"),
        ({"array": np.zeros(9, int), "sampling_rate": SR}, "samples are int64"),
        (np.zeros(9, np.int16), "samples are int16"),
        (["a.mp3"], "got list. Wrap the extractor in MeanOverTracks"),
        (7, "got int"),
    ],
)
def test_what_is_no_sound_is_refused_by_name(cell, told):
    with pytest.raises(BadItem, match=told):
        CQTExtractor().transform([cell])
    if "Hz" not in told:
        with pytest.warns(UserWarning, match=f"2 of 3 tracks that are not empty .*{told}"):
            CQTExtractor(on_error="missing").transform([cell, np.ones(9), cell])


def test_a_wrong_call_of_a_decoder_is_not_taken_for_a_bad_file(files, monkeypatch):
    """An argument that a new version dropped would make every file of a kind missing."""

    def without_an_argument(file, *, gone):
        """Stand in for an opener that needs one more."""

    opener = "skmmgenre.audio._decode._sndfile_decoder._SoundFile"
    monkeypatch.setattr(opener, without_an_argument)
    with pytest.raises(TypeError, match="gone") as error:
        CQTExtractor(on_error="missing").transform(files)
    assert error.value.__notes__ == [f"This error was raised for {files[0]!r}."]


def test_where_the_patch_begins(tmp_path):
    """The patch is that of the samples from there on, of files and arrays."""
    from skmmgenre.audio._cqt_extractor import second_of_patch

    rng = np.random.default_rng(0)
    samples = (0.1 * rng.normal(size=10 * 8000)).astype(np.float32)
    path = str(tmp_path / "noise.wav")
    soundfile.write(path, samples, 8000, subtype="FLOAT")
    for patch in ("random", "center", "start"):
        extractor = CQTExtractor(sr=8000, n_bins=60, duration=4.0, patch=patch, random_state=3)
        for cell in (path, samples):
            start = round(8000 * second_of_patch(extractor, cell))
            assert 0 <= start <= 6 * 8000
            own = extractor.transform([cell])
            cut = extractor.set_params(patch="start").transform([samples[start : start + 32000]])
            extractor.set_params(patch=patch)
            np.testing.assert_array_equal(own, cut)
