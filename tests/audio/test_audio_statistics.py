import io

import librosa
import numpy as np
import pytest
import soundfile
from made_sounds import make_sound, write_sounds
from threadpoolctl import threadpool_limits

from skmmgenre.audio import AudioStatistics, CQTExtractor
from skmmgenre.audio._signals import NOTHING_TO_HEAR
from skmmgenre.store import Store
from skmmgenre.utils import BadItem, describe_cell

SR = 22050
NAMES = AudioStatistics().get_feature_names_out().tolist()


def part(X, statistic, feature):
    columns = [k for k, name in enumerate(NAMES) if name.startswith(f"{statistic}_{feature}_")]
    return X[..., columns]


def noise(seconds, size=0.5):
    return np.random.default_rng(0).uniform(-size, size, round(seconds * SR))


@pytest.fixture(scope="module")
def songs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    return [
        str(p)
        for p in write_sounds(folder, [("wav", SR, 1), ("flac", 44100, 2), ("ogg", SR, 1)], 3)
    ]


def test_values_are_those_of_librosa():
    y = make_sound("drums", 3.0)
    (row,) = AudioStatistics().transform([y])
    mfcc = librosa.feature.mfcc(y=y, sr=SR, n_mfcc=20)
    mel = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=SR, n_mels=40))
    chroma = librosa.feature.chroma_stft(y=y, sr=SR)
    delta = np.diff(mfcc, axis=1, prepend=mfcc[:, :1])
    expected = {"mfcc": mfcc, "delta": delta, "mel": mel, "chroma": chroma}
    for name, frames in expected.items():
        np.testing.assert_allclose(part(row, "mean", name), frames.mean(axis=1), atol=1e-3)
        np.testing.assert_allclose(part(row, "std", name), frames.std(axis=1), atol=1e-3)


@pytest.mark.parametrize("sr", [8000, 44100, 96000])
def test_values_at_other_rates(sr):
    """No mel band is empty, of which librosa would warn."""
    y = make_sound("chords", 2.0, sr)
    (row,) = AudioStatistics(sr=sr).transform([y])
    mel = librosa.power_to_db(librosa.feature.melspectrogram(y=y, sr=sr, n_mels=40))
    np.testing.assert_allclose(part(row, "mean", "mel"), mel.mean(axis=1), atol=1e-3)


@pytest.mark.parametrize("sr", [7999, 96001, 192000])
def test_rates_that_are_refused(sr):
    with pytest.raises(ValueError, match=rf"'sr' .* in the range \[8000, 96000\]. Got {sr}"):
        AudioStatistics(sr=sr).fit(["a.wav"])


TIME = np.arange(2 * SR) / SR


@pytest.mark.parametrize(
    "y",
    [
        np.sin(2 * np.pi * 30 * TIME),
        np.cos(np.pi * SR * TIME),
        0.2 + 0.1 * np.sin(2 * np.pi * 2 * TIME),
    ],
    ids=["low tone", "highest frequency", "slow drift"],
)
def test_sounds_without_a_pitch(y):
    """librosa would warn that it cannot estimate their tuning, and take 0 for it."""
    (row,) = AudioStatistics().transform([y])
    assert np.isfinite(row).all()
    chroma = librosa.feature.chroma_stft(y=y.astype(np.float32), sr=SR, tuning=0.0)
    np.testing.assert_allclose(part(row, "mean", "chroma"), chroma.mean(axis=1), atol=1e-3)


def test_clicks():
    assert np.isfinite(AudioStatistics().transform([1.0 * (np.arange(2 * SR) % 400 == 0)])).all()


def test_the_middle_of_a_track_is_used():
    y = make_sound("speech", 8.0)
    found = AudioStatistics(duration=2.0).transform([y, y[3 * SR : 5 * SR]])
    np.testing.assert_array_equal(found[0], found[1])
    whole, longer = AudioStatistics(duration=None), AudioStatistics(duration=60.0)
    np.testing.assert_array_equal(whole.transform([y]), longer.transform([y]))
    assert not np.array_equal(whole.transform([y])[0], found[0])


def test_rows_depend_on_nothing_else(songs):
    """Neither order nor workers nor the store change a bit; a missing cell is NaN."""
    alone = np.concatenate([AudioStatistics().transform([song]) for song in songs])
    together = AudioStatistics(n_jobs=2).transform([songs[2], None, songs[0], "", songs[1]])
    np.testing.assert_array_equal(together[[2, 4, 0]], alone)
    assert np.isnan(together[[1, 3]]).all()


def test_bits_do_not_depend_on_threads():
    """Nor on workers, of which each may have another number of threads."""
    column = [make_sound(name, 12.0) for name in ("speech", "drums", "chords")]
    with threadpool_limits(1):
        expected = AudioStatistics().transform(column)
    with threadpool_limits(2):
        np.testing.assert_array_equal(AudioStatistics().transform(column), expected)
        np.testing.assert_array_equal(AudioStatistics().transform(column[1:2]), expected[1:2])
        found = AudioStatistics(n_jobs=2).transform(column[::-1])
    np.testing.assert_array_equal(found[::-1], expected)


def test_a_store_is_shared_with_patches(songs, tmp_path):
    path = str(tmp_path / "features.sqlite")
    first = AudioStatistics(cache=path).transform(songs)
    CQTExtractor(cache=path, duration=1.0).transform(songs)
    with Store(path) as store:
        counts = {kind: count for kind, (count, _) in store.info().items()}
    assert counts["audio statistics"] == counts["constant-Q patches"] == 3
    np.testing.assert_array_equal(AudioStatistics(cache=path).transform(songs), first)
    assert not np.array_equal(AudioStatistics(cache=path, duration=1).transform(songs), first)


@pytest.mark.parametrize(
    "y",
    [
        np.zeros(3 * SR),
        np.full(3 * SR, 0.25),
        np.random.default_rng(0).uniform(-1, 1, 3 * SR) * 2.0**-15,
        np.where(np.arange(3 * SR) == SR, 0.9, 0),
        make_sound("speech", 1.0)[: SR // 2],
        np.r_[0.3 + 0.1 * noise(0.5), np.zeros(3 * SR)],
    ],
    ids=["zeros", "constant offset", "dither", "click", "half a second", "offset in silence"],
)
def test_nothing_to_hear_is_missing(y):
    statistics = AudioStatistics()
    found = statistics.transform([make_sound("drums", 1.0), y, None])
    assert np.isnan(found).all(axis=1).tolist() == [False, True, True]
    errors = statistics.errors_
    assert errors["row"].tolist() == [1] and "nothing to hear" in errors["reason"][0]


@pytest.mark.parametrize(("seconds", "heard"), [(0.6, False), (0.899, False), (0.9, True)])
def test_how_much_must_be_heard(seconds, heard):
    statistics = AudioStatistics()
    found = statistics.transform([noise(seconds)])
    assert np.isfinite(found).all() == heard
    assert statistics.errors_["reason"].tolist() == [NOTHING_TO_HEAR[0]] * (not heard)
    assert "less than 0.9 s of sound" in NOTHING_TO_HEAR[0]


@pytest.mark.parametrize(("seconds", "heard"), [(0.6, False), (0.85, False), (0.9, True)])
@pytest.mark.parametrize("start", [0, SR + 123, 2 * SR + 7])
def test_how_much_must_be_heard_within_silence(seconds, heard, start):
    """To a block before and one behind."""
    y = np.zeros(4 * SR)
    y[start : start + round(seconds * SR)] = noise(seconds)
    assert np.isfinite(AudioStatistics().transform([y])).all() == heard


def test_silent_cells_of_each_kind_are_named(tmp_path, caplog):
    y, path = np.zeros(2 * SR), tmp_path / "silent.wav"
    soundfile.write(path, y, SR)
    content = path.read_bytes()
    silent = [
        str(path),
        path,
        content,
        io.BytesIO(content),
        {"bytes": content, "path": "silent.wav"},
        {"array": y, "sampling_rate": 44100},
        y,
    ]
    statistics = AudioStatistics()
    statistics.transform([noise(1), *silent])
    items = [describe_cell(cell) for cell in silent]
    assert all(items) and statistics.errors_["item"].tolist() == items
    assert statistics.errors_["row"].tolist() == [*range(1, 8)]
    for item, message in zip(items, caplog.messages, strict=True):
        assert message == f"Skipped track {item}: {NOTHING_TO_HEAR[0]}"


def test_nothing_but_silence_is_warned_of():
    silent = np.zeros(2 * SR)
    with pytest.warns(UserWarning, match="^2 of 2 tracks .* row 1, array .*: nothing to hear"):
        AudioStatistics().transform([None, silent, silent])
    with pytest.warns(UserWarning, match="^2 of 2 tracks .* row 0, array .*: nothing to hear"):
        AudioStatistics(on_error="missing").transform([silent, "gone.wav"])


def test_silence_comes_from_a_store_too(tmp_path):
    column, path = [noise(1), np.zeros(2 * SR)], tmp_path / "features.sqlite"
    for _ in range(2):
        statistics = AudioStatistics(cache=path)
        statistics.transform(column)
        assert statistics.errors_["row"].tolist() == [1]


@pytest.mark.parametrize("size", [1e18, 1e30, 3e38])
@pytest.mark.parametrize("name", ["noise", "square", "click"])
def test_samples_that_are_too_large(name, size):
    shapes = {"noise": noise(2, 1), "square": np.sign(noise(2)), "click": np.arange(2 * SR) == SR}
    y = (shapes[name] * size).astype(np.float32)
    y[::300] += np.float32(1e16)  # a click alone is not heard
    with pytest.raises(BadItem, match="its samples are too large to be transformed. Scale them"):
        AudioStatistics().transform([y])
    statistics = AudioStatistics(on_error="missing")
    assert np.isnan(statistics.transform([y, noise(1)])).all(axis=1).tolist() == [True, False]
    assert "too large" in statistics.errors_["reason"][0]


def test_large_samples_that_can_be_used():
    assert np.isfinite(AudioStatistics().transform([noise(2, 1e15)])).all()


@pytest.mark.parametrize("transformer", [AudioStatistics(), CQTExtractor(duration=1.0)])
@pytest.mark.parametrize("rate", [44100, 48000])
def test_large_samples_that_are_resampled(transformer, rate, tmp_path):
    """Between samples the curve goes beyond the largest number there is."""
    path, y = tmp_path / "loud.wav", np.sign(np.sin(2 * np.pi * 300 / rate * np.arange(2 * rate)))
    soundfile.write(path, y * 3.3e38, rate, subtype="FLOAT")
    for cell in (path, {"array": y * 3.3e38, "sampling_rate": rate}):
        with pytest.raises(BadItem, match="its samples are too large to be transformed"):
            transformer.transform([cell])


def test_quiet_music_is_heard():
    found = AudioStatistics().transform([make_sound("speech", 3.0) * 0.005])
    assert np.isfinite(found).all()


def test_bad_files(songs, tmp_path):
    text, silent = tmp_path / "text.mp3", tmp_path / "silent.wav"
    text.write_text("no sound")
    soundfile.write(silent, np.zeros(2 * SR), SR)
    column = [str(silent), songs[0], str(text), "gone.wav"]
    with pytest.raises(BadItem, match="Row 2.*it is not audio"):
        AudioStatistics().transform(column)
    statistics = AudioStatistics(on_error="missing")
    found = statistics.transform(column)
    assert np.isnan(found).all(axis=1).tolist() == [True, False, True, True]
    assert statistics.errors_["row"].tolist() == [0, 2, 3]
