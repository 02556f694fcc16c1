"""Pages of Ogg files and the streams chained in them."""

import io

import numpy as np
import pytest
import soundfile
from made_sounds import make_chirp
from odd_sounds import ogg_pages, with_ogg_position

from skmmgenre.audio._decode._audio_file import AudioFile
from skmmgenre.audio._decode._ogg_pages import ogg_links
from skmmgenre.utils import BadItem


def ogg(seconds=4, sr=24000, encoding="VORBIS", n_channels=1, seed=0):
    buffer = io.BytesIO()
    y = make_chirp(seconds, sr, n_channels, seed)
    with soundfile.SoundFile(buffer, "w", sr, n_channels, encoding, format="OGG") as file:
        for start in range(0, len(y), sr):
            file.write(y[start : start + sr])
    return buffer.getvalue()


def decoded(content):
    return soundfile.read(io.BytesIO(content), dtype="float32", always_2d=True)[0].mean(axis=1)


def whole(content):
    with AudioFile(io.BytesIO(content)) as audio:
        return audio.read(0, audio.n_frames, audio.sample_rate)


@pytest.mark.parametrize("encoding", ["VORBIS", "OPUS"])
def test_one_stream(encoding):
    content = ogg(4, encoding=encoding)
    (link,) = ogg_links(io.BytesIO(content))
    assert (link.start, link.stop) == (0, len(content))
    assert link.is_ended and link.rises and link.fits
    assert 0 < link.n_frames_on_last_page <= 4 * 48000
    assert len(whole(content)) == 4 * 24000


@pytest.mark.parametrize("encoding", ["VORBIS", "OPUS"])
@pytest.mark.parametrize("position", [1 << 20, 1 << 33, 1 << 40, 1 << 62])
def test_a_position_beyond_what_the_packets_hold(encoding, position):
    content = ogg(4, encoding=encoding)
    forged = with_ogg_position(content, position)
    assert not ogg_links(io.BytesIO(forged))[0].fits
    y, expected = whole(forged), decoded(content)
    assert 0 <= len(y) - len(expected) < 2048  # the last packet is whole
    np.testing.assert_array_equal(y[: len(expected)], expected)
    with AudioFile(io.BytesIO(forged)) as audio:
        np.testing.assert_array_equal(audio.read(70000, 20000, 24000), y[70000:90000])


@pytest.mark.parametrize("encoding", ["VORBIS", "OPUS"])
def test_positions_that_fall(encoding):
    content = ogg(12, encoding=encoding)
    assert len(ogg_pages(content)) > 4
    with pytest.raises(BadItem, match="inconsistent positions|cannot be decoded"):
        AudioFile(io.BytesIO(with_ogg_position(content, 100)))


@pytest.mark.parametrize("encoding", ["VORBIS", "OPUS"])
def test_a_chain_is_heard_to_its_end(encoding):
    links = [ogg(seconds, encoding=encoding, seed=seconds) for seconds in (3, 1, 2)]
    content = b"".join(links)
    found = ogg_links(io.BytesIO(content))
    assert [link.stop - link.start for link in found] == [*map(len, links)]
    expected = np.concatenate([*map(decoded, links)])
    np.testing.assert_array_equal(whole(content), expected)
    with AudioFile(io.BytesIO(content)) as audio:
        assert audio.n_frames == 6 * 24000
        for start in (0, 2 * 24000, 3 * 24000 - 5, 4 * 24000 + 7, 5 * 24000):
            piece = audio.read(start, 2 * 24000, 24000)
            expected_piece = expected[start : start + 2 * 24000]
            np.testing.assert_allclose(piece, expected_piece, atol=1e-6)


def test_a_chain_of_unlike_streams():
    for other in (ogg(1, sr=16000), ogg(1, n_channels=2)):
        with pytest.raises(BadItem, match="differ in sampling rate or number of channels"):
            AudioFile(io.BytesIO(ogg(1) + other))


def test_a_chain_with_a_cut(tmp_path):
    one, other = ogg(4), ogg(4, seed=1)
    # The last page of the first says that it is the last, and reaches into the other.
    cut = 3 * len(one) // 4
    for content in (one[:cut] + other, one + other[:cut], one[:-500] + other):
        with pytest.raises(BadItem, match="truncated"):
            AudioFile(io.BytesIO(content))


def test_a_chain_of_very_many_streams(monkeypatch):
    monkeypatch.setattr("skmmgenre.audio._decode._sndfile_decoder._MOST_LINKS", 3)
    assert len(whole(3 * ogg(1))) == 3 * 24000
    with pytest.raises(BadItem, match="a chain of 4 streams"):
        AudioFile(io.BytesIO(4 * ogg(1)))


def test_bytes_between_pages():
    pages = ogg_pages(ogg(4))
    content = b"".join(pages[:3]) + b"Ogg? " * 3000 + b"".join(pages[3:])
    (link,) = ogg_links(io.BytesIO(content))
    assert link.stop == len(content) and link.is_ended


@pytest.mark.parametrize("content", [b"", b"OggS", b"OggS" + bytes(22) + b"\xff", bytes(5000)])
def test_no_pages(content):
    assert ogg_links(io.BytesIO(content)) == []
