"""What libsndfile decodes, at any place of a file."""

import os
import struct
import subprocess
import sys

import numpy as np
import pytest
import soundfile
from made_sounds import cut, make_chirp

from skmmgenre.audio._decode._audio_file import AudioFile
from skmmgenre.audio._decode._c_stderr import can_quiet_c_stderr
from skmmgenre.utils import BadItem

SR = 22050


@pytest.mark.parametrize("n_channels", [1, 2])
def test_every_place_of_an_ogg_file(tmp_path, n_channels):
    # libsndfile's own seek answers with other samples on the last page, and after a read.
    path = tmp_path / "a.ogg"
    y = np.stack([make_chirp(9, seed=k) for k in range(n_channels)], axis=1)
    with soundfile.SoundFile(path, "w", SR, n_channels) as file:
        for begin in range(0, len(y), SR):
            file.write(y[begin : begin + SR])
    full, _ = soundfile.read(path, dtype="float32", always_2d=True)
    full = full.mean(axis=1)
    rng = np.random.default_rng(0)
    starts = [*range(0, len(full), 7919), *(len(full) - rng.integers(1, SR, 20))]
    with AudioFile(path) as audio:
        for start in rng.permutation(starts):
            n_samples = int(rng.integers(1, 3 * SR))
            piece = audio.read(int(start), n_samples, SR)
            np.testing.assert_array_equal(piece, full[start : start + n_samples])


def test_an_mp3_whose_packets_borrow_from_far_back(tmp_path):
    """At 8 kbit/s a packet may need what came 0.6 s before."""
    pytest.importorskip("av")
    from av_sound import write_av

    path, sr = tmp_path / "a.mp3", 24_000
    write_av(path, make_chirp(20), sr, "libmp3lame", "mp3", bit_rate=8_000)
    full, _ = soundfile.read(path, dtype="float32")
    with AudioFile(path) as audio:
        for start in range(sr, len(full) - sr, 7_919):
            np.testing.assert_allclose(
                audio.read(start, 1_000, sr), full[start : start + 1_000], atol=1e-6
            )


_READ_MP3 = """
import sys
import soundfile
from skmmgenre.audio._decode._audio_file import AudioFile

for start in range(22050, 25 * 22050, 9999):
    if sys.argv[1] == "plain":
        with soundfile.SoundFile(sys.argv[2]) as file:
            file.seek(start)
            file.read(22050)
    else:
        with AudioFile(sys.argv[2]) as audio:
            audio.read(start, 22050, 22050)
"""


@pytest.mark.slow
@pytest.mark.skipif(not can_quiet_c_stderr(), reason="the C library cannot be silenced")
def test_a_seek_in_an_mp3_is_silent(tmp_path):
    path = tmp_path / "a.mp3"
    soundfile.write(path, make_chirp(30) * np.linspace(0, 1, 30 * SR, dtype=np.float32), SR)
    said = [
        subprocess.run(
            [sys.executable, "-c", _READ_MP3, how, path], capture_output=True, text=True, check=True
        ).stderr
        for how in ("plain", "ours")
    ]
    assert "mpg123" in said[0]  # if not, the decoder has become silent: drop quiet_c_stderr
    assert not said[1]


def test_where_seeks_are_noisy_early_ones_are_left_out(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "skmmgenre.audio._decode._sndfile_decoder.can_quiet_c_stderr", lambda: False
    )
    soundfile.write(tmp_path / "a.mp3", make_chirp(20), SR)
    full, _ = soundfile.read(tmp_path / "a.mp3", dtype="float32")
    with AudioFile(tmp_path / "a.mp3") as audio:
        for start in (5 * SR, 16 * SR):
            piece = audio.read(start, SR, SR)
            np.testing.assert_allclose(piece, full[start : start + SR], atol=1e-6)


def _without_xing(path):
    """Drop the first frame of an mp3, which holds the header that declares its length."""
    content = path.read_bytes()
    path.write_bytes(content[content.find(b"\xff\xf3", 4) :])
    return path


def test_mp3_without_a_declared_length(tmp_path):
    path = tmp_path / "a.mp3"
    y = make_chirp(20)
    y[: 5 * SR] = 0  # few bits at the start: the decoder's guess is four times too long
    soundfile.write(path, y, SR)
    assert abs(soundfile.info(_without_xing(path)).duration - 20) > 5
    with AudioFile(path) as audio:
        assert audio.n_samples(SR) / SR == pytest.approx(20, abs=0.2)
        assert len(audio.read(17 * SR, 2 * SR, SR)) == 2 * SR


@pytest.mark.parametrize("size", [0xFFFFFFFF, 0x7FFFFFFF])
def test_wav_written_to_a_stream_is_whole(tmp_path, size):
    path = tmp_path / "a.wav"
    soundfile.write(path, make_chirp(1), SR)
    content = path.read_bytes()
    path.write_bytes(content[:40] + struct.pack("<I", size) + content[44:])
    with AudioFile(path) as audio:
        assert audio.n_samples(SR) == SR


@pytest.mark.skipif(sys.platform != "linux", reason="names of files are UTF-8 there")
@pytest.mark.parametrize("suffix", ["wav", "flac", "ogg", "mp3"])
def test_names_that_are_not_utf8(tmp_path, suffix):
    path = os.path.join(str(tmp_path), os.fsdecode(b"caf\xe9 \xe6\x97\xa5." + suffix.encode()))
    with open(path, "wb") as file:
        soundfile.write(file, make_chirp(2), SR, format=suffix.upper())
    with AudioFile(path) as audio:
        pieces = audio.read(SR, SR, SR), audio.read(0, SR, SR), audio.read(SR, SR, SR)
    np.testing.assert_allclose(pieces[0], pieces[2], atol=1e-6)
    with AudioFile(os.fsencode(path)) as audio:
        np.testing.assert_array_equal(audio.read(SR, SR, SR), pieces[0])
    os.truncate(path, os.path.getsize(path) // 2)
    with pytest.raises(BadItem):
        with AudioFile(path) as audio:
            audio.read(0, 2 * SR, SR)


@pytest.mark.parametrize("n_channels", [1, 3])
@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_16", "PCM_24", "FLOAT"])
@pytest.mark.parametrize("kind", ["AIFF", "AU", "W64", "RF64"])
def test_kinds_of_declared_size(tmp_path, kind, subtype, n_channels):
    if subtype not in soundfile.available_subtypes(kind):
        pytest.skip(f"{kind} has no {subtype}")
    path = tmp_path / "a"
    y = np.stack([make_chirp(2)[:-1]] * n_channels, axis=1)  # an odd length: what fills it up
    soundfile.write(path, y, SR, format=kind, subtype=subtype)
    with AudioFile(path) as audio:
        # libsndfile (1.2.2) counts the byte that fills up an AIFF as a sample.
        assert audio.n_frames == soundfile.info(path).frames >= len(y)
    with pytest.raises(BadItem, match=r"truncated: 1\.0 s of 2\.0 s"):
        AudioFile(cut(path))


@pytest.mark.parametrize("size", [0, 0xFFFFFFFF])
@pytest.mark.parametrize(
    ("kind", "mark", "offset", "code"),
    [
        ("AIFF", b"SSND", 4, ">I"),
        ("AU", b".snd", 8, ">I"),
        ("W64", b"data\xf3\xac\xd3\x11", 16, "<Q"),
        ("RF64", b"ds64", 16, "<Q"),
    ],
)
def test_a_size_that_declares_nothing(tmp_path, kind, mark, offset, code, size):
    path = tmp_path / "a"
    soundfile.write(path, make_chirp(1), SR, format=kind, subtype="PCM_16")
    content = bytearray(path.read_bytes())
    struct.pack_into(code, content, content.index(mark) + offset, size)
    path.write_bytes(content)
    try:
        with soundfile.SoundFile(path) as file:
            found = file.frames
    except soundfile.LibsndfileError:
        pytest.skip("libsndfile does not open it")
    if not found:
        pytest.skip("libsndfile finds no samples in it")
    with AudioFile(path) as audio:
        assert audio.n_frames == found


_OPEN = """
import sys
from skmmgenre.audio._decode._audio_file import AudioFile
try:
    AudioFile(sys.argv[1])
except Exception as error:
    print(type(error).__name__, error)
"""


def test_an_mp3_without_a_declared_length_and_damaged(tmp_path):
    path = tmp_path / "a.mp3"
    soundfile.write(path, make_chirp(20), SR)
    content = bytearray(_without_xing(path).read_bytes())
    start, length = 3 * len(content) // 10, 20_000
    content[start : start + length] = bytes(length)
    path.write_bytes(content)
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.read(path)
    with pytest.raises(BadItem, match=r"truncated: \d+\.\d s could be decoded \(") as error:
        AudioFile(path)
    assert "Get the file again" in error.value.remedy
    told = subprocess.run(
        [sys.executable, "-c", _OPEN, path], capture_output=True, text=True, check=True
    )
    assert told.stdout.startswith("BadItem")
    if can_quiet_c_stderr():
        assert not told.stderr


@pytest.mark.parametrize("kind", ["WAV", "FLAC", "OGG", "MP3"])
def test_the_name_does_not_matter(tmp_path, kind):
    for name in ("a.raw", "a"):
        with open(tmp_path / name, "wb") as file:
            soundfile.write(file, make_chirp(2), SR, format=kind)
    with AudioFile(tmp_path / "a.raw") as raw, AudioFile(tmp_path / "a") as plain:
        for start in (SR, 0):
            np.testing.assert_array_equal(*(f.read(start, SR, SR) for f in (raw, plain)))
    (tmp_path / "a.raw").write_bytes(bytes(100))
    with pytest.raises(BadItem, match="not audio"):
        AudioFile(tmp_path / "a.raw")
