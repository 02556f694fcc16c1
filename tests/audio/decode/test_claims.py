"""What the headers of sound files claim, and files that were cut short, in every format."""

import io
import struct

import pytest
import soundfile
from made_sounds import cut, make_chirp
from odd_sounds import make_sounds

from skmmgenre.audio._decode._audio_file import AudioFile
from skmmgenre.audio._decode._claims import check_format, truncated
from skmmgenre.utils import BadItem

SR = 22050


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        ((SR, 2 * SR, SR), "truncated: 1.0 s of 2.0 s could be decoded"),
        ((0, None, SR), "truncated: 0.0 s could be decoded"),
        ((SR, None, SR, "no end."), "truncated: 1.0 s could be decoded (no end)"),
    ],
)
def test_what_the_error_says(arguments, reason):
    error = truncated(*arguments)
    assert isinstance(error, BadItem) and error.reason == reason
    assert "Get the file again" in error.remedy


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("a.wav", r"truncated: 10\.0 s of 20\.0 s"),
        ("a.flac", r"truncated: \d+\.\d s of 20\.0 s"),
        ("a.ogg", r"truncated: \d+\.\d s could be decoded \(no end-of-stream"),
        ("a.mp3", r"truncated: 10\.0 s of 20\.1 s"),
    ],
)
def test_truncated(tmp_path, name, reason):
    soundfile.write(tmp_path / name, make_chirp(20), SR)
    with pytest.raises(BadItem, match=reason):
        AudioFile(cut(tmp_path / name))


@pytest.mark.parametrize("rate", [1000, 8000, 37800, 44056, 192_000, 384_000, 768_000])
def test_rates_that_are_possible(rate):
    check_format(rate, 1)
    check_format(rate, 64)


@pytest.mark.parametrize("rate", [-1, 0, 1, 999, 768_001, 2**31 - 1, 2**31])
def test_rates_that_are_not(rate):
    with pytest.raises(BadItem, match="a sampling rate of .* Hz, which is not within"):
        check_format(rate, 2)


@pytest.mark.parametrize("n_channels", [0, 65, 1024, 65535])
def test_numbers_of_channels_that_are_not_possible(n_channels):
    with pytest.raises(BadItem, match=f"declares {n_channels:,} channels"):
        check_format(44100, n_channels)


def field(content, mark, offset, code, *value):
    """The same header with another number, at an offset from a mark."""
    content = bytearray(content)
    struct.pack_into(code, content, content.index(mark) + offset, *value)
    return bytes(content)


# Where the rate and the number of channels stand.
FIELDS = {
    "WAV": ((b"fmt ", 12, "<I"), (b"fmt ", 10, "<H")),
    "AU": ((b".snd", 16, ">I"), (b".snd", 20, ">I")),
    "W64": ((b"fmt ", 28, "<I"), (b"fmt ", 26, "<H")),
    "RF64": ((b"fmt ", 12, "<I"), (b"fmt ", 10, "<H")),
}


@pytest.mark.parametrize("kind", FIELDS)
def test_headers_that_claim_what_cannot_be(kind):
    buffer = io.BytesIO()
    soundfile.write(buffer, make_chirp(2), SR, format=kind)
    rate, channels = FIELDS[kind]
    for number in (1, 999, 1 << 31, (1 << 31) - 1):
        with pytest.raises(BadItem, match="sampling rate|cannot be decoded"):
            AudioFile(io.BytesIO(field(buffer.getvalue(), *rate, number)))
    for number in (0, 65, 1024, 65535):
        with pytest.raises(BadItem, match="channels|cannot be decoded"):
            AudioFile(io.BytesIO(field(buffer.getvalue(), *channels, number)))


@pytest.mark.parametrize("exponent", [0x3FFF, 0x401E, 0x43FF, 0x7FFF, 0xC00E])
def test_rates_of_aiff_have_80_bits(exponent):
    """1 Hz, 2^31 Hz, 2^1024 Hz, infinity, a negative number."""
    buffer = io.BytesIO()
    soundfile.write(buffer, make_chirp(2), SR, format="AIFF")
    forged = field(buffer.getvalue(), b"COMM", 16, ">HQ", exponent, 0x8 << 60)
    with pytest.raises(BadItem, match="sampling rate|cannot be decoded"):
        AudioFile(io.BytesIO(forged))


@pytest.mark.parametrize("share", [0.9, 0.99, 0.999])
@pytest.mark.parametrize("seconds", [0.1, 2, 20])
def test_a_flac_cut_short_near_its_end(tmp_path, seconds, share):
    soundfile.write(tmp_path / "a.flac", make_chirp(seconds), SR)
    AudioFile(tmp_path / "a.flac").__exit__()
    with pytest.raises(BadItem, match="truncated"):
        AudioFile(cut(tmp_path / "a.flac", share))


def test_every_format_that_declares_its_length(tmp_path):
    """Whole files and those that lack their last bytes are told apart."""
    for name, content in make_sounds(tmp_path, 3.0).items():
        with AudioFile(io.BytesIO(content)) as audio:
            n_frames, sr = audio.n_frames, audio.sample_rate
            assert len(audio.read(0, n_frames, sr)) == n_frames
            assert n_frames == pytest.approx(3 * sr, abs=3000)
        if name in ("a.aac", "a.mp2"):  # bare streams
            continue
        for share in (0.3, 0.6, 0.9, 0.97):
            with pytest.raises(BadItem) as error:
                AudioFile(io.BytesIO(content[: int(share * len(content))]))
            reason = error.value.reason
            assert reason.startswith(
                ("truncated", "it is not a complete", "it cannot be decoded")
            ), name
