import librosa
import numpy as np
import pytest
from made_sounds import make_sound
from threadpoolctl import threadpool_limits

from skmmgenre.audio._musicnn import SHAPES, MusicnnEncoder, _mel_filters, log_mel
from skmmgenre.utils import BadItem


def test_filters_are_those_of_librosa():
    expected = librosa.filters.mel(sr=16000, n_fft=512, n_mels=96)
    np.testing.assert_allclose(_mel_filters().toarray(), expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("sound", ["drums", "speech", "chords"])
def test_patches_are_those_of_the_original(sound):
    """Frames are centred, with zeros beyond the ends; what is rounded to float16 may differ."""
    y = make_sound(sound, 6.2, 16000)
    mel = librosa.feature.melspectrogram(y=y, sr=16000, n_fft=512, hop_length=256, n_mels=96)
    expected = np.log10(10000 * mel.T.astype(np.float16).astype(np.float32) + 1)
    padded = np.pad(y, 256)
    windows = np.stack([padded[k * 187 * 256 :][: MusicnnEncoder.n_samples] for k in range(2)])
    found = log_mel(windows)
    assert found.shape == (2, 187, 96) and found.dtype == np.float32
    np.testing.assert_allclose(found.reshape(-1, 96), expected[: 2 * 187], rtol=0, atol=1e-3)
    assert np.mean(found.reshape(-1, 96) != expected[: 2 * 187]) < 0.02


def test_bits_do_not_depend_on_others_or_on_threads():
    rng = np.random.default_rng(0)
    windows = rng.uniform(-1, 1, (3, MusicnnEncoder.n_samples)).astype(np.float32)
    with threadpool_limits(1):
        expected = log_mel(windows)
    with threadpool_limits(2):
        found = np.concatenate([log_mel(windows[k : k + 1]) for k in range(3)])
    np.testing.assert_array_equal(found, expected)


def test_samples_that_are_too_large():
    loud = np.full((1, MusicnnEncoder.n_samples), 1e3, dtype=np.float32)
    with pytest.raises(BadItem, match="too large to be transformed"):
        log_mel(loud)


def test_number_of_parameters():
    """Batch norm's statistics are counted."""
    assert sum(int(np.prod(shape)) for shape in SHAPES.values()) == 792_079
