"""AudioEmbedder with tiny models of transformers' own classes, in folders as the hub has them."""

import io
import shutil

import joblib
import numpy as np
import pytest
from made_sounds import write_sounds

pytest.importorskip("transformers", minversion="5", reason="needs skmmgenre[pretrained]")

from tiny_models import (
    save_ast,
    save_clap,
    save_wav2vec2,
    vectors_by_transformers,
    windows_of_noise,
)

from skmmgenre.audio import AudioEmbedder
from skmmgenre.store import Store
from skmmgenre.utils import SetupError

# Sampling rate, seconds of a window, and whether these are the model's own.
SOUND = {
    "clap": (48000, 1.0, True),
    "fused clap": (48000, 1.0, True),
    "ast": (16000, 1.1, True),
    "wav2vec2": (16000, 1.0, False),
}


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    folder = tmp_path_factory.mktemp("models")
    return {
        "clap": save_clap(folder / "clap"),
        "fused clap": save_clap(folder / "fused", fusion=True),
        "ast": save_ast(folder / "ast"),
        "wav2vec2": save_wav2vec2(folder / "wav2vec2"),
    }


@pytest.fixture(scope="module")
def make(folders):
    """A function that makes an embedder of a model."""

    def make_embedder(name, **params):
        _, window, is_own = SOUND[name]
        window = None if is_own else window
        return AudioEmbedder(model=str(folders[name]), **({"window": window} | params))

    return make_embedder


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Files of three rates and lengths, of two or three windows."""
    folder = tmp_path_factory.mktemp("songs")
    paths = write_sounds(folder, [("wav", 16000, 1), ("flac", 44100, 2)], 2.5)
    return [str(path) for path in [*paths, *write_sounds(folder, [("ogg", 22050, 1)], 3.4)]]


@pytest.mark.parametrize("name", SOUND)
def test_the_mean_over_windows_of_what_transformers_returns(name, folders, make):
    sr, window, _ = SOUND[name]
    windows = windows_of_noise(3, window, sr)
    track = np.r_[windows.ravel(), np.full(sr // 2, 0.5, np.float32)]  # a rest, which is not heard
    (found,) = make(name).transform([track])
    expected = vectors_by_transformers(folders[name], windows, sr)
    assert found.dtype == np.float32
    np.testing.assert_allclose(found, expected.mean(axis=0), atol=1e-5)
    assert np.abs(expected - found).max() > 1e-4  # windows differ


def test_a_short_track_is_filled_up_by_the_processor(tmp_path, folders):
    """As CLAP was trained: repeated, not with zeros; wav2vec 2.0 takes it as it is."""
    clap = save_clap(tmp_path / "clap", seconds=2)
    for folder, sr in ((clap, 48000), (folders["wav2vec2"], 16000)):
        short = windows_of_noise(1, 0.95, sr)
        (found,) = AudioEmbedder(model=str(folder)).transform(list(short))
        np.testing.assert_allclose(found, vectors_by_transformers(folder, short, sr)[0], atol=1e-5)
        filled = np.pad(short, [(0, 0), (0, sr)])
        assert np.abs(found - vectors_by_transformers(folder, filled, sr)[0]).max() > 1e-4


@pytest.mark.parametrize("name", SOUND)
def test_rows_depend_on_nothing_else(name, make, songs):
    """Neither order nor workers change a bit; numpy's and torch's generators are left alone."""
    alone = np.concatenate([make(name).transform([song]) for song in songs])
    assert np.isfinite(alone).all() and len(np.unique(alone, axis=0)) == 3
    column = [songs[2], None, songs[0], "", songs[1], songs[2]]
    with joblib.parallel_config(backend="threading"):
        together = make(name, n_jobs=2).transform(column)
    np.testing.assert_array_equal(together[[2, 4, 0]], alone)
    np.testing.assert_array_equal(together[5], together[0])
    assert np.isnan(together[[1, 3]]).all()


@pytest.mark.slow  # processes that import transformers
def test_workers_read_the_model_themselves(make, songs):
    expected = make("wav2vec2").transform(songs)
    np.testing.assert_array_equal(make("wav2vec2", n_jobs=2).transform(songs * 6), [*expected] * 6)


def test_the_cache_knows_it_by_its_files(make, folders, songs, tmp_path):
    path = tmp_path / "features.sqlite"

    def n_kept():
        with Store(path) as store:
            return store.info()["audio embeddings"][0]

    expected = make("ast").transform(songs)
    np.testing.assert_array_equal(make("ast", cache=path).transform(songs), expected)
    assert n_kept() == 3
    elsewhere = shutil.copytree(folders["ast"], tmp_path / "elsewhere")
    moved = AudioEmbedder(model=str(elsewhere), cache=path)
    np.testing.assert_array_equal(moved.transform(songs[::-1]), expected[::-1])
    assert n_kept() == 3
    for params in ({"layer": 0}, {"window": 1.0}, {"n_patches": 1}):
        make("ast", cache=path, **params).transform(songs[:1])
    assert n_kept() == 6


@pytest.mark.parametrize("method", ["fit", "transform"])
def test_a_window_that_the_processor_would_cut(make, songs, method):
    embedder = make("ast", window=2.0, on_error="missing")
    with pytest.raises(SetupError, match=r"window=2.0 is too long .* to 1.1 s. Omit window"):
        getattr(embedder, method)(songs)


def test_a_layer_that_is_not_there(make, songs):
    with pytest.raises(SetupError, match="layer=20 is out of range: .* the layers 0 .* to 2"):
        make("wav2vec2", layer=20, on_error="missing").transform(songs)


def test_names_before_any_track(make):
    assert len(make("clap").get_feature_names_out()) == 12
    assert make("wav2vec2").transform([None, ""]).shape == (2, 16)


def test_a_pickle_holds_no_network(make, songs):
    embedder = make("wav2vec2").fit(songs)
    expected = embedder.transform(songs)
    buffer = io.BytesIO()
    joblib.dump(embedder, buffer)
    assert b"torch" not in buffer.getvalue() and len(buffer.getvalue()) < 2000
    buffer.seek(0)
    np.testing.assert_array_equal(joblib.load(buffer).transform(songs), expected)
