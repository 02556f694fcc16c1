"""The length of FLAC files by their last block."""

import io

import numpy as np
import pytest
import soundfile
from made_sounds import make_chirp

from skmmgenre.audio._decode._audio_file import AudioFile
from skmmgenre.audio._decode._flac_length import true_flac_header
from skmmgenre.utils import BadItem

SR = 22050
MOST = (1 << 36) - 1


def flac(n_samples, encoding="PCM_16", n_channels=1):
    buffer = io.BytesIO()
    y = make_chirp(n_samples / SR + 1, SR, n_channels)[:n_samples]
    soundfile.write(buffer, y, SR, format="FLAC", subtype=encoding)
    return buffer.getvalue()


def declaring(content, n_samples):
    total = int.from_bytes(content[21:26], "big") & ~MOST | n_samples
    return content[:21] + total.to_bytes(5, "big") + content[26:]


@pytest.mark.parametrize("encoding", ["PCM_S8", "PCM_16", "PCM_24"])
@pytest.mark.parametrize("n_samples", [1, 100, 4096, 4097, 70000, 600000])
def test_a_wrong_length_is_put_right(n_samples, encoding):
    content = flac(n_samples, encoding)
    assert true_flac_header(io.BytesIO(content)) == (0, None)
    for tag in (b"", b"TAG" + bytes(125)):
        for claim in {1, n_samples // 2 + 1, n_samples + 1, 2 * n_samples, MOST} - {n_samples}:
            forged = declaring(content, claim) + tag
            start, header = true_flac_header(io.BytesIO(forged))
            assert start == 0 and header == content[: len(header)]
            with AudioFile(io.BytesIO(forged)) as audio, AudioFile(io.BytesIO(content)) as plain:
                assert audio.n_frames == n_samples
                np.testing.assert_array_equal(
                    *(file.read(n_samples // 2, n_samples, SR) for file in (audio, plain))
                )


def test_behind_a_tag():
    tag = b"ID3\4\0\0\0\0\2\0" + bytes(256)
    start, header = true_flac_header(io.BytesIO(tag + declaring(flac(9000), 12345)))
    assert start == len(tag) and header == flac(9000)[: len(header)]


def test_blocks_of_any_size(tmp_path):
    """ffmpeg writes other sizes, and libFLAC numbers the samples where sizes change."""
    pytest.importorskip("av", reason="PyAV is not installed")
    from av_sound import write_av

    for frame_size in (16, 1000, 4608, 65535):
        write_av(
            tmp_path / "a.flac", make_chirp(2, SR), SR, "flac", "flac", frame_size=str(frame_size)
        )
        content = (tmp_path / "a.flac").read_bytes()
        with AudioFile(io.BytesIO(declaring(content, 99))) as audio:
            assert audio.n_frames == 2 * SR


@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
def test_a_file_that_was_cut_short_keeps_its_length(share):
    content = flac(100000)
    for cut in (content[: int(share * len(content))], content[:-1]):
        assert true_flac_header(io.BytesIO(cut)) == (0, None)
        with pytest.raises(BadItem, match=r"truncated: \d\.\d s of 4\.5 s"):
            AudioFile(io.BytesIO(cut))


@pytest.mark.parametrize("content", [b"", b"fLaC", b"fLaC" + bytes(38), b"fLaC" + b"\xff" * 99999])
def test_no_blocks(content):
    assert true_flac_header(io.BytesIO(content))[1] is None


def test_many_blocks_that_are_not_whole_take_no_time(monkeypatch):
    """A checksum is computed of few: in a crafted file there may be a header every few bytes."""
    from skmmgenre.audio._decode import _flac_length

    sums = []
    monkeypatch.setattr(_flac_length, "_crc16", lambda data: sums.append(len(data)) or 1)
    content = flac(100000)
    block = content[content.rindex(b"\xff\xf8") :][:16]
    assert true_flac_header(io.BytesIO(declaring(content, 5) + 5000 * block))[1] is None
    assert len(sums) == 8
