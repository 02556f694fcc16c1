"""Reading seconds of audio files."""

import io
import os
import struct
import sys
import time
from importlib import metadata

import numpy as np
import pytest
import soundfile
import soxr
from m4a import write_m4a
from made_sounds import make_chirp
from named_pipes import named_pipe
from odd_sounds import make_sounds, mutate

from skmmgenre.audio import CQTExtractor
from skmmgenre.audio._decode._audio_file import AudioFile, _pyav_version
from skmmgenre.audio._decode._wav_chunks import wav_header
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


@pytest.mark.parametrize("n_channels", [2, 3])
def test_channels_whose_sum_is_too_large(tmp_path, n_channels):
    soundfile.write(tmp_path / "a.wav", np.full((SR, n_channels), 2.5e38), SR, subtype="FLOAT")
    with AudioFile(tmp_path / "a.wav") as audio, pytest.raises(BadItem, match="NaN or infinite"):
        audio.read(0, SR, SR)


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
        (tmp_path, "it is a folder. Pass a file; MeanOverTracks accepts"),
        (tmp_path / "empty.mp3", "0 bytes"),
        (tmp_path / "text.mp3", "not audio"),
        (tmp_path / "zero.wav", "0 samples"),
        (tmp_path / "zero.ogg", "0 samples"),
        ("a\0b.mp3", "cannot be opened"),
    ]:
        with pytest.raises(BadItem, match=reason) as error:
            AudioFile(path)
        assert error.value.remedy


def test_open_files(tmp_path):
    """Any that is binary and can be rewound; it stays open."""
    for name, content in make_sounds(tmp_path, 2.0).items():
        with AudioFile(tmp_path / name) as audio:
            expected = audio.read(SR // 2, SR, SR)
        buffer = io.BytesIO(content)
        buffer.seek(99)
        with open(tmp_path / name, "rb") as file, open(tmp_path / name, "rb", buffering=0) as raw:
            for source in (buffer, file, raw):
                for _ in range(2):
                    with AudioFile(source) as audio:
                        np.testing.assert_array_equal(audio.read(SR // 2, SR, SR), expected)
                assert not source.closed


def test_open_files_that_cannot_be_read(tmp_path):
    soundfile.write(tmp_path / "a.wav", make_chirp(1), SR)
    closed = io.BytesIO(b"x")
    closed.close()
    reader, writer = os.pipe()
    with (
        open(tmp_path / "a.wav", encoding="latin-1") as text,
        open(tmp_path / "b.wav", "wb") as writable,
        open(reader, "rb") as stream,
        open(writer, "wb"),
    ):
        for source, reason in [
            (closed, "the open file cannot be read"),
            (writable, "the open file cannot be read"),
            (stream, "the open file cannot be read"),
            (text, "open as text"),
            (io.BytesIO(), "0 bytes"),
        ]:
            with pytest.raises(BadItem, match=reason) as error:
                AudioFile(source)
            assert error.value.remedy


def test_pipes_and_devices_are_not_waited_for(tmp_path):
    with named_pipe(tmp_path / "a.wav") as pipe:
        for path in (pipe, os.devnull):
            with pytest.raises(BadItem, match="it is a pipe or a device"):
                AudioFile(path)
        extractor = CQTExtractor(cache=tmp_path / "store", duration=0.5, on_error="missing")
        extractor.fit_transform([pipe, make_chirp(1)])
    assert extractor.errors_["reason"].tolist() == ["it is a pipe or a device, not a file"]


def test_files_and_folders_beside_it_do_not_matter(tmp_path, monkeypatch):
    """Macs leave ._NAME or .AppleDouble on the disks of others; libsndfile reads them, too."""
    contents = make_sounds(tmp_path, 1.0)
    monkeypatch.chdir(tmp_path)

    def lengths():
        found = []
        for name in contents:
            for source in (name, tmp_path / name, io.BytesIO(contents[name])):
                with AudioFile(source) as audio:
                    found.append((len(audio.read(0, SR, SR)), audio.n_frames))
        return found

    expected = lengths()
    for name in contents:
        (tmp_path / f"._{name}").write_bytes(b"\0\5\x16\7" + bytes(4096))
    assert lengths() == expected
    (tmp_path / "._").write_bytes(b"\0\5\x16\7" + bytes(4096))
    assert lengths() == expected
    (tmp_path / "._").unlink()
    (tmp_path / ".AppleDouble").mkdir()
    assert lengths() == expected


@pytest.mark.parametrize("suffix", [".raw", ".sd2", ".vox", ".au", ".gsm", ".snd", ".txt", ""])
def test_no_suffix_makes_sound_of_other_bytes_nor_hides_sound(tmp_path, suffix):
    path = tmp_path / f"a{suffix}"
    path.write_bytes(bytes(range(256)) * 100)
    with pytest.raises(BadItem, match="it is not audio"):
        AudioFile(path)
    for name, content in make_sounds(tmp_path, 1.0).items():
        path.write_bytes(content)
        with AudioFile(path) as audio, AudioFile(tmp_path / name) as plain:
            assert audio.n_frames == plain.n_frames


def test_a_very_long_piece_is_refused_by_its_length(tmp_path, monkeypatch):
    # 14 hours of silence: a hole in a file.
    path = tmp_path / "a.wav"
    size = 14 * 3600 * 8000
    path.write_bytes(wav_header(struct.pack("<HHIIHH", 1, 1, 8000, 8000, 1, 8), size))
    os.truncate(path, path.stat().st_size + size)
    with AudioFile(path) as audio:
        assert audio.n_frames == size
        assert len(audio.read(13 * 3600 * SR, 15 * SR, SR)) == 15 * SR
        with pytest.raises(BadItem, match=r"14\.0 hours are too long .*\(the maximum is 2\)"):
            audio.read(0, audio.n_samples(SR), SR)
        # What is not there does not count.
        assert len(audio.read(14 * 3600 * SR - SR, 10**9, SR)) == SR


def test_blocks_join_without_a_seam(tmp_path, monkeypatch):
    for name in make_sounds(tmp_path, 2.0):
        pieces = []
        for size in (1 << 21, 1000):
            monkeypatch.setattr("skmmgenre.audio._decode._sndfile_decoder._BLOCK", size)
            with AudioFile(tmp_path / name) as audio:
                pieces += [audio.read(0, 2 * SR, 16000), audio.read(SR, SR // 2, SR)]
        for one, other in zip(pieces[:2], pieces[2:], strict=True):
            np.testing.assert_allclose(one, other, atol=1e-6)


def read_mutated(folder, seeds):
    """Read mutated files of every format: the longest time, and how many were read."""
    contents = [*make_sounds(folder, 1.0).values()]
    slowest, n_read = 0.0, 0
    for seed in seeds:
        rng = np.random.default_rng(seed)
        content = contents[seed % len(contents)]
        mutated = mutate(content, contents[rng.integers(len(contents))], rng)
        (folder / "mutated").write_bytes(mutated)
        source = folder / "mutated" if seed % 2 else io.BytesIO(mutated)
        started = time.process_time()
        try:
            with AudioFile(source) as audio:
                y = audio.read(0, audio.n_samples(SR), SR)
        except BadItem as error:
            assert error.reason and error.remedy
        else:
            assert len(y) and np.isfinite(y).all()
            n_read += 1
        slowest = max(slowest, time.process_time() - started)
    return slowest, n_read


@pytest.mark.parametrize("n_files", [105, pytest.param(10_000, marks=pytest.mark.slow)])
def test_mutated_files(tmp_path, n_files):
    """Nothing but BadItem, no crash, no NaN; no time and no memory for what is only claimed."""
    resource = pytest.importorskip("resource")
    for _ in range(2):  # and PyAV and libsndfile are loaded
        read_mutated(tmp_path, [*range(21)])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    slowest, n_read = read_mutated(tmp_path, range(n_files))
    assert slowest < 5
    assert n_read > n_files / 4
    unit = 1 if sys.platform == "darwin" else 1 << 10
    assert (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before) * unit < 150e6


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
