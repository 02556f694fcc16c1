import io
import pickle
import shutil

import joblib
import numpy as np
import pandas as pd
import pytest
import soundfile
import torch
from made_sounds import make_sound, write_sounds
from sklearn.base import clone
from sklearn.compose import ColumnTransformer

import skmmgenre
from skmmgenre.audio import AudioEmbedder, CQTExtractor
from skmmgenre.audio._audio_embedder import _starts
from skmmgenre.audio._musicnn import MusicnnEncoder
from skmmgenre.compose import GenrePipeline, MeanOverTracks
from skmmgenre.fusion import FusionClassifier
from skmmgenre.nets import _devices
from skmmgenre.store import Store
from skmmgenre.utils import BadItem, SetupError

SR = 16000


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    """Files of 7 s, two patches each."""
    kinds = [("wav", 16000, 1), ("flac", 44100, 2), ("ogg", 22050, 1)]
    folder = tmp_path_factory.mktemp("songs")
    return [str(path) for path in write_sounds(folder, kinds, 7)]


@pytest.fixture(scope="module")
def made(made_musicnn_weights):
    """A function that makes an embedder of random weights."""

    def make(**params):
        return AudioEmbedder(weights=made_musicnn_weights, **params)

    return make


def mean_and_peak(windows):
    return np.stack([windows.mean(axis=1), np.abs(windows).max(axis=1)], axis=1)


# ---- musicnn ----------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["musicnn", pytest.param("musicnn-mtt", marks=pytest.mark.slow)])
def test_answers_are_those_of_the_original_library(model, musicnn_home, shared_data, monkeypatch):
    monkeypatch.setenv("SKMMGENRE_DATA", str(musicnn_home))
    reference = pd.read_csv(shared_data / "musicnn_reference.csv")
    of_library = {"musicnn": "MSD_musicnn", "musicnn-mtt": "MTT_musicnn"}[model]
    reference = reference[reference["model"] == of_library]
    outputs = {}
    for output, n in (("tags", 50), ("embedding", 200)):
        rows = reference[(reference["output"] == "tags") == (output == "tags")]
        files = [shared_data / "recordings" / name for name in rows["file"]]
        found = AudioEmbedder(model=model, output=output).transform(files)
        expected = rows[[f"v{k}" for k in range(n)]].to_numpy(dtype=float)
        np.testing.assert_allclose(found, expected, rtol=0, atol=1e-4)
        outputs[output] = len(files)
    assert outputs == {"tags": 5, "embedding": 1}


def test_shapes_and_names(made, songs):
    vectors, tags = made().transform(songs), made(output="tags").transform(songs)
    assert vectors.shape == (3, 200) and tags.shape == (3, 50)
    assert vectors.dtype == tags.dtype == np.float32
    assert (0 <= tags).all() and (tags <= 1).all()
    assert made().get_feature_names_out()[[0, -1]].tolist() == [
        "audioembedder0",
        "audioembedder199",
    ]
    names = made(output="tags").get_feature_names_out()
    assert names[0] == "rock" and len(set(names)) == 50
    names = AudioEmbedder(model="musicnn-mtt", output="tags").get_feature_names_out()
    assert names[0] == "guitar"


def test_patches_follow_one_another(made):
    """The mean over patches of 187 frames; the rest of the last is not heard."""
    y = make_sound("speech", 7.0, SR)
    patch = 187 * 256
    (whole,) = made().transform([y])
    (same,) = made().transform([y[: 2 * patch + 256]])
    np.testing.assert_array_equal(whole, same)
    # Alone, the second begins with zeros where the whole has the end of the first.
    first, second = made().transform([y[: patch + 256], y[patch:]])
    np.testing.assert_allclose(whole, (first + second) / 2, atol=0.05 * np.abs(whole).max())
    assert np.abs(first - second).max() > 0.1


def test_where_patches_lie():
    n, step, pad = MusicnnEncoder.n_samples, MusicnnEncoder.step, MusicnnEncoder.pad
    assert n - 2 * pad == 186 * 256
    assert _starts(n - 2 * pad - 1, MusicnnEncoder, None) == []
    assert _starts(n - 2 * pad, MusicnnEncoder, None) == [-pad]
    assert _starts(240 * SR, MusicnnEncoder, None)[:3] == [-pad, step - pad, 2 * step - pad]
    assert len(_starts(240 * SR, MusicnnEncoder, None)) == (1 + 240 * SR // 256) // 187
    # Of a number, in the middle of as many parts; never more than there are.
    starts = np.array(_starts(240 * SR, MusicnnEncoder, 3))
    np.testing.assert_allclose((starts + n / 2) / (240 * SR), [1 / 6, 1 / 2, 5 / 6], atol=0.005)
    assert _starts(7 * SR, MusicnnEncoder, 2) == _starts(7 * SR, MusicnnEncoder, None)
    assert _starts(7 * SR, MusicnnEncoder, 9) == _starts(7 * SR, MusicnnEncoder, None)


def test_only_the_wanted_patches_are_decoded(made, tmp_path):
    """Of a file whose samples elsewhere cannot be used."""
    y = np.resize(make_sound("chords", 4.0, SR), 30 * SR).astype(np.float32)
    y[SR] = y[-SR] = np.nan
    soundfile.write(tmp_path / "nan.wav", y, SR, subtype="FLOAT")
    assert np.isfinite(made(n_patches=2).transform([tmp_path / "nan.wav"])).all()
    with pytest.raises(BadItem, match="NaN or infinite"):
        made().transform([tmp_path / "nan.wav"])


def test_all_patches_of_a_long_file(tmp_path, monkeypatch):
    """It is read in pieces, and no window is lost between them."""
    from skmmgenre.audio import _audio_embedder

    y = np.random.default_rng(0).uniform(-0.5, 0.5, 20 * 8000).astype(np.float32)
    soundfile.write(tmp_path / "long.wav", y, 8000, subtype="FLOAT")
    embedder = AudioEmbedder(model=mean_and_peak, sr=8000, window=1.0)
    (whole,) = embedder.transform([tmp_path / "long.wav"])
    np.testing.assert_allclose(whole[0], y.mean(), atol=1e-6)
    monkeypatch.setattr(_audio_embedder, "_READ_SECONDS", 3.0)
    np.testing.assert_array_equal(embedder.transform([tmp_path / "long.wav"])[0], whole)


@pytest.mark.slow
def test_rows_depend_on_nothing_else(made, songs):
    """Neither order nor workers nor threads nor copies change a bit; a missing cell is NaN."""
    alone = np.concatenate([made().transform([song]) for song in songs])
    together = made(n_jobs=2).transform([songs[2], None, songs[0], "", songs[1], songs[2]])
    np.testing.assert_array_equal(together[[2, 4, 0]], alone)
    np.testing.assert_array_equal(together[5], together[0])
    assert np.isnan(together[[1, 3]]).all()
    with joblib.parallel_config(backend="threading"):
        np.testing.assert_array_equal(made(n_jobs=2).transform(songs), alone)


def test_bits_do_not_depend_on_torch_s_settings(made, songs):
    n_threads = torch.get_num_threads()
    expected = made().transform(songs)
    try:
        torch.set_num_threads(2)
        with torch.autocast("cpu"):
            np.testing.assert_array_equal(made().transform(songs), expected)
        assert torch.get_num_threads() == 2
    finally:
        torch.set_num_threads(n_threads)


@pytest.mark.parametrize(
    "y",
    [
        np.zeros(4 * SR),
        np.full(4 * SR, 0.25),
        make_sound("drums", 2.9, SR),
        np.r_[make_sound("drums", 0.8, SR)[: SR // 2], np.zeros(6 * SR)],
    ],
    ids=["zeros", "constant offset", "shorter than a patch", "half a second"],
)
def test_nothing_to_hear_is_missing(made, y):
    embedder = made()
    found = embedder.transform([make_sound("drums", 4.0, SR), y, None])
    assert np.isnan(found).all(axis=1).tolist() == [False, True, True]
    errors = embedder.errors_
    assert errors["row"].tolist() == [1] and "nothing to hear" in errors["reason"][0]


def test_silent_patches_are_left_out(made):
    y = make_sound("speech", 3.0, SR)[: 186 * 256]
    (alone,) = made().transform([y])
    (behind,) = made().transform([np.r_[y, np.zeros(10 * SR, np.float32)]])
    np.testing.assert_array_equal(alone, behind)


def test_bad_files(made, songs, tmp_path):
    text = tmp_path / "text.mp3"
    text.write_text("no sound")
    column = [songs[0], str(text), "gone.wav", ["a.wav"]]
    with pytest.raises(BadItem, match="Row 1.*it is not audio"):
        made().transform(column)
    embedder = made(on_error="missing")
    found = embedder.transform(column)
    assert np.isnan(found).all(axis=1).tolist() == [False, True, True, True]
    assert embedder.errors_["row"].tolist() == [1, 2, 3]
    assert "MeanOverTracks" in embedder.errors_["remedy"][2]
    with pytest.raises(BadItem, match="too large"):
        made().transform([1e4 * make_sound("drums", 4.0, SR)])


def test_arrays_of_another_rate(made):
    y = make_sound("chords", 4.0, 44100)
    (found,) = made().transform([{"array": y, "sampling_rate": 44100}])
    assert np.isfinite(found).all()


def test_weights_that_were_not_fetched():
    for embedder in (AudioEmbedder(), AudioEmbedder(model="musicnn-mtt", on_error="missing")):
        for method in (embedder.fit, embedder.transform):
            with pytest.raises(SetupError, match=f"`skmmgenre fetch {embedder.model}`"):
                method([make_sound("drums", 4.0, SR)])


@pytest.mark.parametrize("name", ["music-nn", "MusicNN", "musicnn_mtt"])
def test_a_misspelt_name_is_not_looked_for_on_the_hub(name):
    with pytest.raises(ValueError, match=f"model='{name}' is neither.*Did you mean 'musicnn"):
        AudioEmbedder(model=name).fit([make_sound("drums", 4.0, SR)])


def test_a_store_is_shared(made, songs, tmp_path, made_musicnn_weights):
    """By both outputs, by folders and with patches; not by other weights or numbers of patches."""
    path = tmp_path / "features.sqlite"

    def n_kept():
        with Store(path) as store:
            return store.info()["audio embeddings"][0]

    silent = np.zeros(4 * SR, dtype=np.float32)
    first = made(cache=path).transform([*songs, silent])
    assert n_kept() == 4
    moved = tmp_path / "moved.wav"
    shutil.copy(songs[0], moved)
    embedder = made(cache=path, n_jobs=2)
    np.testing.assert_array_equal(embedder.transform([moved, *songs[1:], silent]), first)
    assert embedder.errors_["row"].tolist() == [3]
    tags = made(cache=path, output="tags").transform(songs)
    np.testing.assert_array_equal(tags, made(output="tags").transform(songs))
    CQTExtractor(cache=path, duration=1.0).transform(songs)
    assert n_kept() == 4
    copy = tmp_path / "copy.safetensors"
    shutil.copy(made_musicnn_weights, copy)
    AudioEmbedder(weights=copy, cache=path).transform(songs)
    assert n_kept() == 4
    made(cache=path, n_patches=1).transform(songs)
    assert n_kept() == 7
    from made_weights import musicnn_arrays
    from safetensors.numpy import save_file

    save_file(musicnn_arrays(1), copy)
    others = AudioEmbedder(weights=copy, cache=path).transform(songs)
    assert n_kept() == 10 and not np.array_equal(others, first[:3])


def test_a_store_tells_types_of_devices_apart(made, songs, tmp_path, monkeypatch):
    """ "auto" is the device that it stands for; a function uses none."""
    monkeypatch.setattr(_devices, "resolve_device", lambda name: found[name])
    cpu, gpu = torch.device("cpu"), torch.device("cuda", 0)
    used = {}
    for machine, auto in {"without a GPU": cpu, "with a GPU": gpu}.items():
        found = {"auto": auto, "cpu": cpu, "cuda:0": gpu}
        for device in found:
            embedder = made(cache=tmp_path / "store", device=device)
            (key,) = embedder._store(embedder._encoder()).keys(songs[:1])
            used[machine, device] = key
            embedder = AudioEmbedder(
                model=mean_and_peak, sr=8000, name="a", cache=tmp_path / "store", device=device
            )
            (key,) = embedder._store(embedder._encoder()).keys(songs[:1])
            assert used.setdefault("function", key) == key
    of_cpu, of_gpu = used["without a GPU", "cpu"], used["with a GPU", "cuda:0"]
    assert used["without a GPU", "auto"] == used["with a GPU", "cpu"] == of_cpu
    assert used["with a GPU", "auto"] == of_gpu != of_cpu


def test_a_pickle_is_small_and_knows_no_torch(made, songs):
    embedder = made().fit(songs)
    expected = embedder.transform(songs)
    buffer = io.BytesIO()
    joblib.dump(embedder, buffer)
    assert b"torch" not in buffer.getvalue() and len(buffer.getvalue()) < 2000
    buffer.seek(0)
    np.testing.assert_array_equal(joblib.load(buffer).transform(songs), expected)


def test_in_a_pipeline(made, albums):
    """As a branch of albums, whose cells are lists of tracks."""
    embedder = AudioEmbedder(model=mean_and_peak, sr=22050, window=1.0, n_jobs=1)
    branches = [("audio", MeanOverTracks(embedder), "audio")]
    model = GenrePipeline(
        [
            ("modalities", ColumnTransformer(branches).set_output(transform="pandas")),
            ("fusion", FusionClassifier(C=1.0, random_state=0)),
        ]
    )
    model.fit(albums.table, albums.y, groups=albums.groups)
    assert model.predict_proba(albums.table).shape == (40, 3)
    names = model[0].get_feature_names_out().tolist()
    assert names == ["audio__audioembedder0", "audio__audioembedder1"]


def test_pandas_output(made, songs):
    table = made(output="tags").set_output(transform="pandas").fit_transform(songs)
    assert table.columns[0] == "rock" and table.dtypes.eq(np.float32).all()


# ---- a callable ---------------------------------------------------------------------------


class TestCallable:
    def test_windows(self):
        """They follow one another; a remainder is not heard, a short sound is filled up."""
        seen = []

        def model(windows):
            seen.append(windows)
            return windows[:, :1]

        y = np.random.default_rng(0).uniform(-1, 1, 21_500).astype(np.float32)
        found = AudioEmbedder(model=model, sr=1000, window=2.0).transform([y, y[:1500]])
        shapes = [windows.shape for windows in seen]
        assert shapes == [(8, 2000), (2, 2000), (1, 2000)]
        assert {windows.dtype for windows in seen} == {np.dtype(np.float32)}
        np.testing.assert_array_equal(np.concatenate(seen[:2]), y[:20_000].reshape(10, 2000))
        np.testing.assert_array_equal(seen[2][0], np.r_[y[:1500], np.zeros(500)])
        np.testing.assert_allclose(found.ravel(), [y[:20_000:2000].mean(), y[0]], rtol=1e-6)

    def test_without_a_window_it_gets_the_whole(self):
        def length(windows):
            return np.full((len(windows), 1), windows.shape[1])

        y = make_sound("drums", 3.3, 8000)
        (found,) = AudioEmbedder(model=length, sr=8000).transform([y])
        assert found == len(y)

    def test_a_tensor_is_taken(self):
        def model(windows):
            return torch.from_numpy(windows).amax(dim=1, keepdim=True).requires_grad_()

        y = make_sound("drums", 3.0, 8000)
        found = AudioEmbedder(model=model, sr=8000).transform([y])
        assert found.item() == y.max()

    def test_sent_to_workers(self, songs):
        def model(windows):  # as in a notebook: workers cannot import it
            return windows[:, :3]

        embedder = AudioEmbedder(model=model, sr=8000, window=1.5)
        expected = embedder.transform(songs)
        found = clone(embedder).set_params(n_jobs=2).transform(songs)
        np.testing.assert_array_equal(found, expected)

    def test_a_column_of_missing_cells(self):
        embedder = AudioEmbedder(model=mean_and_peak, sr=8000, window=1.5)
        assert embedder.transform([None, np.nan]).shape == (2, 2)
        assert len(clone(embedder).get_feature_names_out()) == 2

    def test_the_width_is_that_of_the_window(self):
        embedder = AudioEmbedder(model=lambda w: w, sr=1000, window=1.0)
        assert len(embedder.get_feature_names_out()) == 1000
        embedder.set_params(window=2.0)
        assert embedder.transform([None]).shape == (1, 2000)

    def test_the_cache_knows_it_by_name(self, songs, tmp_path):
        path = tmp_path / "features.sqlite"
        embedder = AudioEmbedder(model=mean_and_peak, sr=8000, window=1.5, cache=path)
        with pytest.raises(ValueError, match="Pass name='...' .*or pass cache=None"):
            embedder.fit(songs)
        expected = embedder.set_params(name="mean and peak").transform(songs)

        def fails(windows):
            raise AssertionError("it is in the store")

        again = clone(embedder).set_params(model=fails)
        np.testing.assert_array_equal(again.transform(songs), expected)
        with pytest.raises(AssertionError):
            again.set_params(window=2.5).transform(songs)

    @pytest.mark.parametrize(
        "answer", [np.zeros(3), np.zeros((5, 2)), np.zeros((1, 0)), np.array([["a"]]), None, [[1j]]]
    )
    def test_answers_that_are_no_vectors(self, answer):
        embedder = AudioEmbedder(model=lambda w: answer, sr=8000, on_error="missing")
        with pytest.raises(SetupError, match=r"<lambda> returned an array of .*shape \(1, d\)"):
            embedder.transform([make_sound("drums", 3.0, 8000)])

    def test_answers_of_different_lengths(self):
        embedder = AudioEmbedder(model=lambda w: [[1], [1, 2]], sr=8000, on_error="missing")
        with pytest.raises(SetupError, match=r"<lambda> did not return an array .*shape \(1, d\)"):
            embedder.transform([make_sound("drums", 3.0, 8000)])

    @pytest.mark.parametrize("n_jobs", [None, 2])
    @pytest.mark.parametrize("on_error", ["raise", "missing"])
    def test_an_error_of_it_is_not_the_fault_of_a_track(self, on_error, n_jobs):
        embedder = AudioEmbedder(
            model=lambda w: 1 / 0, sr=8000, on_error=on_error, n_jobs=n_jobs, window=2.0
        )
        sounds = [make_sound("drums", 3.0, 8000)]
        for transformer in (embedder, MeanOverTracks(embedder)):
            with pytest.raises(ZeroDivisionError, match="division by zero") as error:
                transformer.fit_transform(sounds)
            assert "was raised for array of shape (24000,)" in error.value.__notes__[0]

    def test_it_may_refuse_a_track(self):
        def refuse(windows):
            raise BadItem("it is too quiet", "Make it louder.")

        with pytest.raises(BadItem, match="Row 0: cannot use track .*: it is too quiet"):
            AudioEmbedder(model=refuse, sr=8000).transform([make_sound("drums", 3.0, 8000)])

    def test_answers_that_are_not_finite(self):
        embedder = AudioEmbedder(model=lambda w: w[:, :2] * np.nan, sr=8000)
        with pytest.raises(BadItem, match="Row 0.*returned NaN or infinity"):
            embedder.transform([make_sound("drums", 3.0, 8000)])

    def test_vectors_of_several_lengths(self):
        embedder = AudioEmbedder(model=lambda w: w[:, : w.shape[1] // 8000], sr=8000)
        sounds = [make_sound("drums", seconds, 8000) for seconds in (2.0, 3.0)]
        with pytest.raises(ValueError, match="different lengths, 2 and 3"):
            embedder.transform(sounds)


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"sr": 22050}, "sr=22050 does not match musicnn, which takes 16000 Hz"),
        ({"window": 3.0}, "window=3.0 is not supported by musicnn"),
        ({"layer": 2}, "layer=2 is not supported by musicnn"),
        ({"name": "mine"}, "name='mine' is not supported by musicnn"),
        ({"model": mean_and_peak}, "A callable model requires sr"),
        (
            {"model": mean_and_peak, "sr": 8000, "output": "tags"},
            "output='tags' is only supported by musicnn",
        ),
        (
            {"model": mean_and_peak, "sr": 8000, "weights": "a"},
            "weights='a' is not supported by a callable",
        ),
        (
            {"model": mean_and_peak, "sr": 8000, "revision": "a"},
            "revision='a' is only for hub names and folders, but model=mean_and_peak is a function",
        ),
        ({"model": mean_and_peak, "sr": 8000, "layer": 1}, "function, and pass layer=None"),
        ({"model": "some/model", "weights": "a"}, "weights='a' is not supported by hub models"),
        ({"model": "some/model", "sr": 8000}, "sr=8000 is not supported by hub models"),
        ({"model": 3}, "The 'model' parameter"),
        ({"window": 0.5}, "The 'window' parameter"),
    ],
)
def test_parameters_that_do_not_fit(params, message):
    for method in ("fit", "transform"):
        with pytest.raises(ValueError, match=message):
            getattr(AudioEmbedder(**params), method)(["a.wav"])


# ---- files of models ----------------------------------------------------------------------


class TestModelFiles:
    def save(self, embedder, songs, path):
        y = ["Jazz", "Rock", "Jazz"]
        model = GenrePipeline([("audio", embedder), ("fusion", FusionClassifier(C=1.0))])
        with np.errstate(all="ignore"):
            model.fit(songs, y)
        return model, skmmgenre.save(model, path)

    @pytest.mark.filterwarnings("ignore:.*artists:UserWarning")
    def test_weights_are_left_out(self, made, songs, tmp_path, made_musicnn_weights):
        path = tmp_path / "m.skmmgenre"
        model, left_out = self.save(made(), songs, path)
        assert left_out == ["AudioEmbedder.weights"] and path.stat().st_size < 100_000
        with pytest.warns(UserWarning, match="saved without AudioEmbedder.weights, on which"):
            skmmgenre.load(path)
        again = skmmgenre.load(path, params={"AudioEmbedder.weights": str(made_musicnn_weights)})
        np.testing.assert_array_equal(again.predict_proba(songs), model.predict_proba(songs))

    def test_names_that_can_be_fetched_stay(self, tmp_path):
        path = tmp_path / "m.skmmgenre"
        assert skmmgenre.save(AudioEmbedder(model="musicnn-mtt"), path) == []
        assert skmmgenre.load(path).model == "musicnn-mtt"
        assert skmmgenre.save(AudioEmbedder(), path) == []
        assert skmmgenre.load(path).model == "musicnn"

    def test_a_stranger_names_no_hub_model(self, tmp_path):
        path = tmp_path / "m.skmmgenre"
        embedder = AudioEmbedder(model="some/model", trust_remote_code=True)
        left_out = skmmgenre.save(embedder, path)
        assert left_out == ["AudioEmbedder.model", "AudioEmbedder.trust_remote_code"]
        assert b"some/model" not in path.read_bytes()
        with pytest.warns(UserWarning, match="saved without AudioEmbedder.model"):
            loaded = skmmgenre.load(path)
        assert loaded.trust_remote_code is False
        message = r"AudioEmbedder needs a model.* Pass AudioEmbedder.model in `params`"
        for method in (loaded.fit, loaded.transform, loaded.get_feature_names_out):
            with pytest.raises(SetupError, match=message):
                method(["a.wav"])
        params = {"AudioEmbedder.model": "some/model", "AudioEmbedder.trust_remote_code": True}
        assert skmmgenre.load(path, params=params).model == "some/model"

    @pytest.mark.parametrize("model", [mean_and_peak, lambda w: w, np.fft.rfft])
    def test_a_callable_is_refused(self, model, tmp_path):
        embedder = AudioEmbedder(model=model, sr=8000)
        with pytest.raises(TypeError, match="cannot be saved.*joblib.dump"):
            skmmgenre.save(embedder, tmp_path / "m.skmmgenre")
        assert not list(tmp_path.iterdir())

    def test_a_callable_in_joblib(self, songs):
        embedder = AudioEmbedder(model=mean_and_peak, sr=8000, window=1.5)
        expected = embedder.transform(songs)
        again = pickle.loads(pickle.dumps(embedder))
        np.testing.assert_array_equal(again.transform(songs), expected)
