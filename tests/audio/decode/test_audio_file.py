"""Reading seconds of audio files."""

import os
import sys
from importlib import metadata

import numpy as np
import pytest
import soundfile
import soxr
from m4a import write_m4a
from made_sounds import make_chirp

from skmmgenre.audio import CQTExtractor
from skmmgenre.audio._decode._audio_file import AudioFile, _pyav_version
from skmmgenre.store import Store
from skmmgenre.utils import BadItem

SR = 22050


@pytest.mark.parametrize("rate", [8000, 11025, 16000, 22050, 32000, 44100, 48000])
def test_a_piece_is_that_of_the_whole_file_resampled(tmp_path, rate):
    path = tmp_path / "a.wav"
    soundfile.write(path, y := make_chirp(4, rate), rate, subtype="FLOAT")
    whole = y if rate == SR else soxr.resample(y, rate, SR, quality="HQ")
    with AudioFile(path) as audio:
        n_samples = audio.n_samples(SR)
        assert n_samples == 4 * SR
        for start, length in [(0, SR), (12345, 33333), (n_samples - 30000, 30000)]:
            piece = audio.read(start, length, SR)
            assert piece.dtype == np.float32 and piece.shape == (length,)
            np.testing.assert_allclose(piece, whole[start : start + length], atol=1e-6)
        assert len(audio.read(n_samples - 100, 200, SR)) == 100


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3"])
@pytest.mark.parametrize("start", [0, 7.3, 21.7])
def test_a_seek_gives_the_samples_of_a_full_read(tmp_path, name, start):
    path = tmp_path / name
    soundfile.write(path, make_chirp(30), SR)
    full, _ = soundfile.read(path, dtype="float32")
    start = int(start * SR)
    with AudioFile(str(path)) as audio:
        piece = audio.read(start, 2 * SR, SR)
        np.testing.assert_allclose(piece, full[start : start + 2 * SR], atol=1e-6)


@pytest.mark.parametrize("n_channels", [2, 3, 6])
def test_channels_are_averaged(tmp_path, n_channels):
    y = 0.1 * np.random.default_rng(0).standard_normal((SR, n_channels)).astype(np.float32)
    soundfile.write(tmp_path / "a.wav", y, SR, subtype="FLOAT")
    with AudioFile(tmp_path / "a.wav") as audio:
        np.testing.assert_allclose(audio.read(0, SR, SR), y.mean(axis=1), atol=1e-7)


def test_only_the_piece_is_decoded(tmp_path):
    y = make_chirp(3)
    y[2 * SR] = np.nan
    soundfile.write(tmp_path / "a.wav", y, SR, subtype="FLOAT")
    with AudioFile(tmp_path / "a.wav") as audio:
        assert np.isfinite(audio.read(0, SR, SR)).all()
        with pytest.raises(BadItem, match="NaN or infinite"):
            audio.read(SR, SR + 1, SR)


def test_not_readable(tmp_path):
    (tmp_path / "empty.mp3").write_bytes(b"")
    (tmp_path / "text.mp3").write_text("This is no music.\n" * 200)
    for name in ("zero.wav", "zero.ogg"):
        soundfile.write(tmp_path / name, np.zeros(0), SR)
    for path, reason in [
        (tmp_path / "none.mp3", "no such file"),
        (tmp_path, "it is a folder"),
        (tmp_path / "empty.mp3", "0 bytes"),
        (tmp_path / "text.mp3", "not audio"),
        (tmp_path / "zero.wav", "0 samples"),
        (tmp_path / "zero.ogg", "0 samples"),
        ("a\0b.mp3", "cannot be opened"),
    ]:
        with pytest.raises(BadItem, match=reason) as error:
            AudioFile(path)
        assert error.value.remedy


@pytest.mark.skipif(sys.platform != "linux", reason="lists open descriptors by /proc")
def test_no_descriptor_is_left_open(tmp_path):
    with open(tmp_path / "a.raw", "wb") as file:
        soundfile.write(file, make_chirp(1), SR, format="WAV")
    (tmp_path / "b.raw").write_bytes(bytes(100))
    before = os.listdir("/proc/self/fd")
    for _ in range(3):
        AudioFile(tmp_path / "a.raw").__exit__()
        with pytest.raises(BadItem):
            AudioFile(tmp_path / "b.raw")
    assert len(os.listdir("/proc/self/fd")) == len(before)


def test_a_store_tells_versions_of_pyav_apart_for_its_files_alone(tmp_path, monkeypatch, request):
    pytest.importorskip("av", reason="PyAV is not installed")
    y = make_chirp(1)
    write_m4a(tmp_path / "a.m4a", y, 22050)
    soundfile.write(tmp_path / "a.wav", y, 22050)
    files = [str(tmp_path / "a.m4a"), str(tmp_path / "a.wav")]
    extractor = CQTExtractor(duration=0.5, cache=tmp_path / "store")
    n_patches, real = [], metadata.version
    request.addfinalizer(_pyav_version.cache_clear)
    for pyav in ("14.0.0", "14.0.0", "15.0.0"):
        versions = {"av": pyav}
        monkeypatch.setattr(metadata, "version", lambda name, v=versions: v.get(name) or real(name))
        _pyav_version.cache_clear()
        extractor.fit_transform(files)
        with Store(tmp_path / "store") as store:
            n_patches.append(store.info()["constant-Q patches"][0])
    assert n_patches == [2, 2, 3]
