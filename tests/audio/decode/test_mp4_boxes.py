"""Packets that MP4 files declare."""

import io
import struct

import pytest
from m4a import write_m4a
from made_sounds import make_chirp

from skmmgenre.audio._decode._audio_file import AudioFile
from skmmgenre.audio._decode._mp4_boxes import declares_too_many_packets
from skmmgenre.utils import BadItem


def box(name, content, size=None):
    return struct.pack(">I", 8 + len(content) if size is None else size) + name + content


def long_box(name, content):
    return struct.pack(">I4sQ", 1, name, 16 + len(content)) + content


def table(size, count):
    """The sizes of packets, which are one size if that is not 0."""
    return box(b"stsz", struct.pack(">III", 0, size, count))


def run(flags, count):
    return box(b"moof", box(b"traf", box(b"trun", struct.pack(">II", flags, count))))


def in_moov(content, outer=box):
    for name in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        content = outer(name, content)
    return content


MDAT = box(b"mdat", bytes(4000))


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (in_moov(table(100, 40)) + MDAT, False),
        (in_moov(table(100, 50)) + MDAT, True),
        (in_moov(table(100, 50), long_box) + MDAT, True),
        (MDAT + in_moov(table(1, 1 << 24)), True),
        (in_moov(table(0, 1 << 24)) + MDAT, False),  # sizes are listed: the file ends before
        (run(0, 1000) + MDAT, False),
        (run(0, 1 << 20) + MDAT, True),
        (run(1, 1 << 20) + MDAT, True),
        (run(0x301, 1 << 20) + MDAT, False),
        (20 * run(0, 100) + MDAT, True),
        (box(b"mdat", bytes(100), size=0) + in_moov(table(9, 1 << 20)), False),  # to the end
        (box(b"mdat", b"", size=3) + MDAT, False),
        (b"\0\0\0\1free" + b"\xff" * 8 + MDAT, False),
        (b"", False),
        (b"\0\0\0\x08moov" * 1000, False),
    ],
)
def test_packets_and_bytes(tmp_path, content, expected):
    assert declares_too_many_packets(io.BytesIO(content)) is expected
    path = tmp_path / "a"
    path.write_bytes(content)
    with open(path, "rb", buffering=0) as file:  # which refuses to go to some places
        assert declares_too_many_packets(file) is expected


def test_a_file_that_declares_them_is_refused_before_it_is_opened(tmp_path):
    pytest.importorskip("av", reason="PyAV is not installed")
    write_m4a(tmp_path / "a.m4a", make_chirp(1), 22050)
    content = bytearray((tmp_path / "a.m4a").read_bytes())
    AudioFile(io.BytesIO(content)).__exit__()
    struct.pack_into(">II", content, content.index(b"stsz") + 8, 16, 1 << 24)
    struct.pack_into(">I", content, content.index(b"stts") + 12, 1 << 24)
    with pytest.raises(BadItem, match="more audio packets than fit into its size"):
        AudioFile(io.BytesIO(content))
