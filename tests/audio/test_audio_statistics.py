import librosa
import numpy as np
import pytest
import soundfile
from made_sounds import make_sound, write_sounds

from skmmgenre.audio import AudioStatistics, CQTExtractor
from skmmgenre.store import Store
from skmmgenre.utils import BadItem

SR = 22050
NAMES = AudioStatistics().get_feature_names_out().tolist()


def part(X, statistic, feature):
    columns = [k for k, name in enumerate(NAMES) if name.startswith(f"{statistic}_{feature}_")]
    return X[..., columns]


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
    ],
    ids=["zeros", "constant offset", "dither", "click", "half a second"],
)
def test_nothing_to_hear_is_missing(y):
    statistics = AudioStatistics()
    found = statistics.transform([make_sound("drums", 1.0), y, None])
    assert np.isnan(found).all(axis=1).tolist() == [False, True, True]
    errors = statistics.errors_
    assert errors["row"].tolist() == [1] and "nothing to hear" in errors["reason"][0]


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
