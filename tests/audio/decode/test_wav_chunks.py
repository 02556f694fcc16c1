"""Chunks of WAV files whose headers libsndfile cannot use."""

import io
import struct

import numpy as np
import pytest
import soundfile
from made_sounds import make_chirp

from skmmgenre.audio._decode._audio_file import AudioFile
from skmmgenre.audio._decode._wav_chunks import plain_wav, samples_of_wav, wav_header
from skmmgenre.utils import BadItem

SR = 22050
Y = make_chirp(3)
PCM = np.rint(30000 * Y).astype("<i2").tobytes()
FORMAT = struct.pack("<HHIIHH", 1, 1, SR, 2 * SR, 2, 16)


def chunk(name, content, size=None):
    size = len(content) if size is None else size
    return name + struct.pack("<I", size) + content + bytes(len(content) % 2)


def riff(*chunks, size=None):
    content = b"WAVE" + b"".join(chunks)
    return b"RIFF" + struct.pack("<I", len(content) if size is None else size) + content


def whole(content):
    with AudioFile(io.BytesIO(content)) as audio:
        return audio.read(0, audio.n_frames, SR)


@pytest.mark.parametrize("size_of_all", [0, 36, 0xFFFFFFFF])
def test_sizes_that_were_never_filled_in(size_of_all):
    content = riff(chunk(b"fmt ", FORMAT), chunk(b"data", PCM, size=0), size=size_of_all)
    np.testing.assert_allclose(whole(content), Y * 30000 / 32768, atol=1e-4)


def test_a_recording_of_nothing_stays_one():
    """Bytes behind samples of size 0 that are chunks themselves are no samples."""
    for after in (
        b"",
        chunk(b"LIST", bytes(30000)),
        chunk(b"id3 ", bytes(99)) + chunk(b"x   ", b""),
    ):
        content = riff(chunk(b"fmt ", FORMAT), chunk(b"data", b""), after)
        with pytest.raises(BadItem, match="0 samples|declares no samples"):
            AudioFile(io.BytesIO(content))


def test_a_malformed_chunk_beside_the_samples():
    y = np.repeat(Y[:, None], 2, axis=1).astype("<f4")
    description = struct.pack("<HHIIHH", 3, 2, SR, 8 * SR, 8, 32)
    peak = struct.pack("<IIfI", 1, 1, 0.3, 7)  # of one channel where there are two
    content = riff(chunk(b"fmt ", description), chunk(b"PEAK", peak), chunk(b"data", y.tobytes()))
    with pytest.raises(soundfile.LibsndfileError):
        soundfile.info(io.BytesIO(content))
    np.testing.assert_allclose(whole(content), Y, atol=1e-6)
    with pytest.raises(BadItem, match=r"truncated: 1\.5 s of 3\.0 s"):
        AudioFile(io.BytesIO(content[: len(content) // 2]))


def test_mpeg_audio_in_a_wav_is_counted():
    buffer = io.BytesIO()
    soundfile.write(buffer, Y, SR, format="MP3")
    mp3 = buffer.getvalue()
    description = struct.pack("<HHIIHHHHIHHH", 85, 1, SR, 4000, 1, 0, 12, 1, 2, 104, 1, 1393)
    forged = mp3.replace(b"\0\0\0\x0f", b"\0\0\0\0", 1)  # its frames are no longer declared
    for content in (mp3, forged):
        file = riff(chunk(b"fmt ", description), chunk(b"fact", bytes(4)), chunk(b"data", content))
        assert samples_of_wav(io.BytesIO(file)).read() == content
        np.testing.assert_array_equal(whole(file), whole(content))
        assert len(whole(file)) == pytest.approx(3 * SR, abs=3 * 576)


def test_a_header_that_is_made():
    header = wav_header(FORMAT, len(PCM))
    samples, sr = soundfile.read(io.BytesIO(header + PCM), dtype="int16")
    assert sr == SR and samples.tobytes() == PCM
    assert len(wav_header(FORMAT, 1 << 40)) == len(header)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"RIFF",
        riff(),
        riff(chunk(b"fmt ", FORMAT)),
        riff(chunk(b"data", PCM)),
        riff(chunk(b"fmt ", FORMAT), chunk(b"data", b"")),
        riff(*1001 * [chunk(b"junk", b"")], chunk(b"fmt ", FORMAT), chunk(b"data", PCM)),
        b"FORM" + riff(chunk(b"fmt ", FORMAT), chunk(b"data", PCM))[4:],
    ],
)
def test_no_wav_with_samples(content):
    assert plain_wav(io.BytesIO(content)) is None
    if b"data" not in content:
        assert samples_of_wav(io.BytesIO(content)) is None
