"""What kind of file a sound file is, and the tags in front of its sound."""

import io

import numpy as np
import pytest
import soundfile
from made_sounds import make_chirp

from skmmgenre.audio._decode._audio_file import AudioFile
from skmmgenre.audio._decode._containers import (
    container_of,
    length_of_id3,
    signature_of,
    size_of_id3,
)
from skmmgenre.utils import BadItem

SR = 44100


def flac(n_frames):
    """The first bytes of a FLAC that declares its length."""
    sizes = bytes(10) + (SR << 44 | 15 << 36 | n_frames).to_bytes(8, "big")
    return b"fLaC\0\0\0\x22" + sizes


@pytest.mark.parametrize(
    ("content", "name"),
    [
        (b"\0\0\0\x18ftypM4A " + bytes(20), "MP4"),
        (b"\xff\xf1" + bytes(30), "AAC"),
        (b"\xff\xf8" + bytes(30), "AAC"),
        (b"0&\xb2u\x8ef\xcf\x11" + bytes(20), "Windows Media"),
        (b"\x1aE\xdf\xa3" + bytes(30), "WebM"),
        (b"MAC " + bytes(30), "Monkey's Audio"),
        (flac(0), "FLAC without a declared length"),
        (flac(SR), None),
        (flac(0)[:20], None),
        (b"RIFF\0\0\0\0WAVE" + bytes(20), None),
        (b"\xff\xfb\x90" + bytes(30), None),  # an MP3
        (b"OggS" + bytes(30), None),
        (b"", None),
    ],
)
@pytest.mark.parametrize("tag", [b"", b"ID3\4\0\0\0\0\0\5" + bytes(5)], ids=["plain", "tagged"])
def test_kinds_of_files(content, name, tag):
    signature = signature_of(io.BytesIO(tag + content))
    assert signature == content[:26]
    container = container_of(signature)
    assert container is None if name is None else container.name.startswith(name)


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", 0),
        (b"ID3", 0),
        (b"fLaC" + bytes(30), 0),
        (b"ID3\4\0\0\0\0\0\7" + bytes(7) + b"sound", 17),
        (b"ID3\4\0\0\0\0\2\1" + bytes(257) + b"sound", 267),  # seven bits a byte
        (b"ID3\4\0\x10\0\0\0\7" + bytes(17) + b"sound", 27),  # a footer
        (2 * (b"ID3\4\0\0\0\0\0\7" + bytes(7)) + b"sound", 34),
        (b"ID3\4\0\0\0\0\0\x80" + bytes(200), 0),  # no size
    ],
)
def test_length_of_tags(content, expected):
    assert length_of_id3(io.BytesIO(content)) == expected


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        (b"\0\0\0\0", 10),
        (b"\1\2\3\4", 10 + (1 << 21) + (2 << 14) + (3 << 7) + 4),
        (b"\0\0\x80\0", None),
    ],
)
def test_size_of_a_tag(size, expected):
    assert size_of_id3(b"ID3\4\0\x10" + size) == expected


def test_a_tagged_mp3_is_decoded_by_libsndfile(tmp_path):
    soundfile.write(tmp_path / "plain.mp3", make_chirp(3, SR), SR, format="MP3")
    tag = b"ID3\x04\x00\x00\x00\x00\x02\x00" + bytes(256)
    (tmp_path / "a.mp3").write_bytes(tag + (tmp_path / "plain.mp3").read_bytes())
    with open(tmp_path / "a.mp3", "rb") as file:
        assert container_of(signature_of(file)) is None
    with AudioFile(tmp_path / "plain.mp3") as plain, AudioFile(tmp_path / "a.mp3") as other:
        np.testing.assert_array_equal(*(f.read(0, 3 * SR, SR) for f in (plain, other)))


def test_a_tag_of_nothing_is_no_sound(tmp_path):
    for name, rest in {"short": b"ID3", "cut": b"ID3\x04\x00\x00\x7f\x7f\x7f\x7f"}.items():
        (tmp_path / name).write_bytes(rest)
        with pytest.raises(BadItem):
            AudioFile(tmp_path / name)
