"""Frames of MPEG audio, counted by their headers."""

import io

import numpy as np
import pytest
import soundfile
from made_sounds import make_chirp

from skmmgenre.audio._decode._audio_file import AudioFile
from skmmgenre.audio._decode._mp3_frames import count_mp3_frames, starts_with_mp3_frame
from skmmgenre.audio._decode._view import View
from skmmgenre.utils import BadItem

ID3 = b"ID3\4\0\0\0\0\2\0" + bytes(256)
ID3V1 = b"TAG" + bytes(125)


def mp3(seconds=3, sr=22050, n_channels=1, mode="VARIABLE", y=None):
    """An MP3 with a declaration in its first frame."""
    y = make_chirp(seconds, sr, n_channels) if y is None else y
    buffer = io.BytesIO()
    with soundfile.SoundFile(
        buffer, "w", sr, n_channels, format="MP3", bitrate_mode=mode, compression_level=0.5
    ) as file:
        file.write(y)
    return buffer.getvalue()


def count(content):
    return count_mp3_frames(io.BytesIO(content))


def without_declaration(content):
    frames = count(content)
    return content[frames.start_of_sound :]


def declaring(content, n_frames=None, n_bytes=None):
    """The same file with another declaration."""
    frames = count(content)
    at = max(content.find(b"Xing"), content.find(b"Info"))
    n_frames = frames.n_frames if n_frames is None else n_frames
    n_bytes = frames.declared_bytes if n_bytes is None else n_bytes
    fields = n_frames.to_bytes(4, "big") + n_bytes.to_bytes(4, "big")
    return content[: at + 8] + fields + content[at + 16 :]


def length(content):
    with AudioFile(io.BytesIO(content)) as audio:
        assert len(audio.read(0, audio.n_frames, audio.sample_rate)) == audio.n_frames
        return audio.n_frames


@pytest.mark.parametrize("mode", ["CONSTANT", "AVERAGE", "VARIABLE"])
@pytest.mark.parametrize(
    ("sr", "n_channels"),
    [(8000, 1), (11025, 2), (12000, 1), (16000, 1), (22050, 2), (24000, 1), (32000, 2)]
    + [(44100, 1), (44100, 2), (48000, 2)],
)
def test_the_count_is_what_the_encoder_declares(sr, n_channels, mode):
    content = mp3(2, sr, n_channels, mode)
    frames = count(content)
    assert frames.n_frames == frames.declared_frames
    assert frames.declared_bytes == len(content) == frames.stop
    assert (frames.sample_rate, frames.layer) == (sr, 3)
    assert frames.samples_per_frame == (1152 if sr >= 32000 else 576)
    assert not frames.is_cut and frames.is_gapless
    assert length(content) == 2 * sr


@pytest.mark.parametrize("sr", [8000, 24000, 44100])
@pytest.mark.parametrize("tags", [(b"", b""), (ID3, b""), (ID3 + ID3, b"APETAGEX" + bytes(99999))])
def test_without_a_declaration_every_frame_is_heard(sr, tags):
    """Quiet at first: by the size of its first frames the file would seem much longer."""
    y = make_chirp(8, sr) * np.repeat((0, 1), 4 * sr)
    for loud_first in (False, True):
        content = mp3(sr=sr, y=y[::-1] if loud_first else y)
        bare = tags[0] + without_declaration(content) + tags[1] + ID3V1
        frames = count(bare)
        assert frames.declared_frames is None
        assert frames.n_frames == count(content).n_frames
        # What the encoder puts around the sound is heard, except for the delay of any decoder.
        assert length(bare) == frames.n_samples - 529
        with AudioFile(io.BytesIO(bare)) as audio:
            y_end = audio.read(7 * sr, sr // 2, sr)
        assert (np.std(y_end) > 0.1) != loud_first


@pytest.mark.parametrize("share", [0, 0.1, 0.5, 1.01, 2, 10, 1 << 20])
def test_a_declaration_of_other_frames_is_not_believed(share):
    content = mp3()
    n_frames = count(content).n_frames
    claim = min(int(share * n_frames) or 1, (1 << 32) - 1)
    forged = declaring(content, n_frames=claim)
    assert length(forged) == length(content)
    with AudioFile(io.BytesIO(content)) as plain, AudioFile(io.BytesIO(forged)) as other:
        np.testing.assert_array_equal(*(file.read(30000, 30000, 22050) for file in (plain, other)))


@pytest.mark.parametrize("share", [0.2, 0.5, 0.9, 0.99])
def test_a_file_that_was_cut_short(share):
    content = mp3(10)
    with pytest.raises(BadItem, match=r"truncated: \d+\.\d s of 10\.\d s"):
        AudioFile(io.BytesIO(content[: int(share * len(content))]))
    frames = count(content[:-1])
    assert frames.is_cut and frames.n_frames == count(content).n_frames - 1
    with pytest.raises(BadItem, match="truncated"):
        AudioFile(io.BytesIO(content[:-1]))


def test_a_file_that_was_cut_between_two_frames():
    content = mp3(10)
    stop = count(content[: len(content) // 2]).stop
    assert not count(content[:stop]).is_cut
    with pytest.raises(BadItem, match="truncated"):  # its bytes are declared, too
        AudioFile(io.BytesIO(content[:stop]))


@pytest.mark.parametrize("sr", [8000, 22050, 44100])
def test_a_file_that_was_cut_within_the_header_of_a_frame(sr):
    content = mp3(3, sr)
    for whole in (content, without_declaration(content)):
        stop = count(whole[: len(whole) // 2]).stop
        n_frames = count(whole[:stop]).n_frames
        for n_more in range(10):
            frames = count(whole[: stop + n_more])
            assert frames.is_cut == (n_more > 0), n_more
            assert (frames.n_frames, frames.stop) == (n_frames, stop)


def test_bytes_at_the_end_that_begin_no_header():
    content = mp3(3)
    second, third = content[1:3]
    for rest in [
        *(bytes(n) for n in range(6)),  # padding
        *(ID3V1[:n] for n in range(6)),
        b"\0\xff",
        b"\xff\xff",
        bytes((0xFF, second ^ 8)),  # of another version
        bytes((0xFF, second, 0xFF)),  # an invalid bit rate
        bytes((0xFF, second, third ^ 4)),  # of another sampling rate
    ]:
        frames = count(content + rest)
        assert not frames.is_cut, rest
        assert frames.n_frames == count(content).n_frames


def test_a_cut_header_is_of_a_missing_frame():
    """So it is not one that the encoder counted too many; see the test below."""
    content = mp3(3)
    stop = count(content[:-1]).stop
    for n_more in range(6):
        cut = declaring(content, n_bytes=stop)[: stop + n_more]
        assert count(cut).is_cut_short(len(cut)) == (n_more > 0)


def test_frames_alone_are_declared():
    """Then fewer of them mean a cut, except for the one that some encoders count too many."""
    content = mp3(3)
    at = max(content.find(b"Xing"), content.find(b"Info"))
    frames = count(content)
    for n_more, is_cut in [(-5, False), (0, False), (1, False), (2, True), (99, True)]:
        claim = (frames.n_frames + n_more).to_bytes(4, "big")
        other = content[: at + 4] + b"\0\0\0\1" + claim + content[at + 12 :]
        assert count(other).declared_bytes is None
        assert count(other).is_cut_short(len(other)) == is_cut


def test_files_in_one_another(tmp_path):
    """As `cat` joins them: the first declares its own frames alone."""
    one, other = mp3(3), mp3(2)
    cover = b"ID3\4\0\0\0\6\0\0" + bytes(6 << 14)  # more than is searched for a frame
    for between in (b"", ID3V1, ID3V1 + ID3, bytes(1000), cover):
        joined = one + between + other
        frames = count(joined)
        assert frames.is_gapless
        # The other's declaration is a frame of silence.
        assert frames.n_frames == count(one).n_frames + count(other).n_frames + 1
        assert length(joined) == pytest.approx(5 * 22050, abs=5 * 576)


def test_bytes_in_front_are_passed_over(tmp_path, capfd):
    content = mp3()
    for junk in (b"\xff\xfb\0" * 800, b"\xff\xe2" * 3000, bytes(500), b"\xff" * 5000):
        assert count(junk + content).start == len(junk)
        assert length(junk + content) == length(content)
    assert not capfd.readouterr().err


def test_frames_that_are_lost_between_others_are_not_counted_on():
    content = mp3(10)
    damaged = content[:10000] + bytes(5000) + content[15000:]
    assert not count(damaged).is_gapless
    with AudioFile(io.BytesIO(damaged)) as audio:
        assert audio.n_frames == 10 * 22050
        assert len(audio.read(0, 22050, 22050)) == 22050
        with pytest.raises(BadItem, match="truncated"):
            audio.read(0, 10 * 22050, 22050)


def test_the_declaration_that_is_made_is_read_as_one():
    for sr, n_channels in [(8000, 2), (24000, 1), (48000, 2)]:
        content = without_declaration(mp3(2, sr, n_channels))
        frames = count(content)
        made = count(frames.true_declaration() + content)
        assert made.declared_frames == made.n_frames == frames.n_frames
        with soundfile.SoundFile(View(io.BytesIO(content), head=frames.true_declaration())) as file:
            assert file.channels == n_channels


def test_layers_1_and_2():
    av = pytest.importorskip("av", reason="PyAV is not installed")
    buffer = io.BytesIO()
    with av.open(buffer, "w", format="mp2") as file:
        stream = file.add_stream("mp2", rate=44100, layout="mono")
        y = np.rint(20000 * make_chirp(3, 44100)).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(y[None], format="s16", layout="mono")
        frame.sample_rate = 44100
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
    content = buffer.getvalue()
    frames = count(content)
    assert (frames.layer, frames.samples_per_frame) == (2, 1152)
    assert length(content) == frames.n_samples == pytest.approx(3 * 44100, abs=2 * 1152)
    # Layer 1: 384 samples at 32 kbit/s and 32 kHz are 48 bytes, in slots of four.
    first = count(10 * (b"\xff\xff\x18\xc4" + bytes(44)))
    assert (first.layer, first.n_frames, first.samples_per_frame) == (1, 10, 384)


@pytest.mark.parametrize(
    "content", [b"", b"\xff", b"\xff\xfb", b"\xff\xfb\x90\xc4", bytes(10000), b"\xff\xfb" * 40000]
)
def test_what_is_no_mpeg_audio(content):
    assert count(content) is None


def test_first_bytes():
    for second, expected in [(0xFB, True), (0xF3, True), (0xE3, True), (0xFD, True)]:
        assert starts_with_mp3_frame(bytes((0xFF, second))) is expected
    for head in (b"", b"\xff", b"\xff\xf1", b"\xff\xf9", b"\xff\xeb", b"ID", b"\xfe\xfb"):
        assert not starts_with_mp3_frame(head)
