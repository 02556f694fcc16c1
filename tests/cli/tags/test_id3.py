"""Genres in the bytes of an ID3 tag."""

import io
import struct

import pytest
from made_tags import FAULTY, id3, id3v1, sounds, synchsafe, usual, with_chunk
from mutagen import id3 as mutagen_id3

from skmmgenre.cli._tags import id3_edits, refuse_many_frames, with_edits
from skmmgenre.utils import BadItem

SOUND = b"\xff\xfb" + bytes(300)


def put(content, genres, kind="MP3", **options):
    file = io.BytesIO(content)
    return b"".join(with_edits(file, id3_edits(file, kind, genres, **options)))


def frames_of(content):
    tags = mutagen_id3.ID3(io.BytesIO(content), translate=False, load_v1=False)
    return {key: frame.text for key, frame in tags.items() if hasattr(frame, "text")}


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("padding", [0, 5, 300])
@pytest.mark.parametrize("genres", [["Hip Hop"], ["演歌", "Polka"], ["é"], ["x" * 400], None])
def test_genres_of_each_version(version, padding, genres):
    old = id3(usual(version), version, padding=padding) + SOUND
    new = put(old, genres)
    assert new[3] == version and new.endswith(SOUND)
    assert frames_of(new).get("TCON") == genres and frames_of(new)["TIT2"] == ["Tïtle"]
    if padding == 300 and genres != ["x" * 400]:  # it takes up the difference
        assert len(new) == len(old)
    # The old genre again: the same frames in the same place.
    assert frames_of(put(new, ["Jazz"], encoding=0)) == frames_of(old)


@pytest.mark.parametrize("padding", [0, 200])
@pytest.mark.parametrize("unsynchronised", [False, True])
def test_frames_that_no_one_reads_stay_byte_for_byte(padding, unsynchronised):
    flags = 0x80 if unsynchronised else 0
    new = put(id3([*FAULTY, *usual(3)], 3, flags, padding) + SOUND, ["演歌"])
    assert frames_of(new)["TCON"] == ["演歌"]
    body = new[10:]
    if unsynchronised:
        body = body.replace(b"\xff\0", b"\xff")
    for name, data, frame_flags in [*FAULTY, (*usual(3)[2], 0)]:
        assert name + struct.pack(">IH", len(data), frame_flags) + data in body


def test_bytes_that_need_unsynchronisation():
    """No byte 255 is followed by one that makes it look like the beginning of sound."""
    new = put(id3(usual(3), 3, 0x80) + SOUND, ["演歌", "\uffff\ue0ff"])
    tag = new[: -len(SOUND)]
    pairs = zip(tag, tag[1:], strict=False)
    assert not [pair for pair in pairs if pair[0] == 255 and pair[1] >= 0xE0]
    assert frames_of(new)["TCON"] == ["演歌", "\uffff\ue0ff"]


def test_several_frames_of_genres_become_one():
    frames = [(b"TCON", b"\0Jazz"), *usual(3), (b"TCON", b"\0(17)")]
    new = put(id3(frames) + SOUND, ["Polka"])
    assert frames_of(new)["TCON"] == ["Polka"] and new.count(b"TCON") == 1


def test_a_last_frame_that_is_too_long_swallows_nothing():
    tag = id3([(b"TIT2", b"\0a"), (b"TXXX", b"\0what\0ever")])
    body = tag[10:-4]  # its end is missing
    new = put(b"ID3\3\0\0" + synchsafe(len(body)) + body + SOUND, ["Polka"])
    assert frames_of(new)["TCON"] == ["Polka"] and new.endswith(body[-10:] + SOUND)


def test_footer_tells_the_same_size():
    new = put(id3(usual(4), 4, footer=True) + SOUND, ["a longer genre than before"])
    size = new[6:10]
    place = 10 + sum(byte << shift for byte, shift in zip(size, (21, 14, 7, 0), strict=True))
    assert new[place:] == b"3DI" + new[3:10] + SOUND


def test_a_new_tag_says_what_id3v1_says():
    """Players that find ID3v2 do not look at it."""
    new = put(SOUND + id3v1(), ["Polka"])
    assert new.endswith(SOUND + id3v1())
    tags = mutagen_id3.ID3(io.BytesIO(new), load_v1=False)
    assert tags["TIT2"].text == ["Old Title"] and tags["TCON"].text == ["Polka"]
    assert put(SOUND, None) == SOUND


@pytest.mark.parametrize(
    "tag, reason",
    [
        (b"ID3\x05\0\0\0\0\0\0", "ID3v2.5"),
        (b"ID3\3\0\0\x80\0\0\0", "size"),
        (b"ID3\3\0\0\0\x7f\0\0", "longer than the file"),
        (id3(usual(2), 2, 0x40), "compressed"),
        (id3(usual(3), extended=struct.pack(">IHII", 10, 0x8000, 0, 7)), "checksum"),
        (id3(usual(4), 4, extended=synchsafe(12) + b"\1\x20\5" + bytes(5)), "checksum"),
        (id3(usual(3), extended=struct.pack(">IHI", 1 << 20, 0, 0)), "extended header"),
    ],
)
def test_tags_that_would_lose_something(tag, reason):
    with pytest.raises(BadItem, match=reason):
        put(tag + SOUND, ["Polka"])


@pytest.mark.parametrize("version", [2, 3, 4])
@pytest.mark.parametrize("kind", ["MP3", "WAV", "AIFF"])
@pytest.mark.parametrize("data", [b"\0a", b"", b"\x09no encoding"])
def test_very_many_frames(monkeypatch, version, kind, data):
    """Tags that would take seconds are refused before mutagen reads any of their frames."""

    def made(n_frames):
        tag = id3([(b"TCO" if version == 2 else b"TCON", data)] * n_frames, version)
        return with_chunk(sounds()[kind.lower()], b"ID3 ", tag) if kind != "MP3" else tag + SOUND

    refuse_many_frames(io.BytesIO(made(10_000)), kind)
    monkeypatch.setattr(mutagen_id3, "ID3", None)
    with pytest.raises(BadItem, match="more than 10,000 frames"):
        refuse_many_frames(io.BytesIO(made(10_001)), kind)
    with pytest.raises(BadItem, match="more than 10,000 frames"):
        put(made(100_000), ["Polka"], kind)


def test_as_many_frames_of_genres_as_are_read():
    new = put(id3([(b"TCON", b"\0a")] * 10_000) + SOUND, ["Polka"])
    assert frames_of(new) == {"TCON": ["Polka"]} and new.count(b"TCON") == 1


@pytest.mark.parametrize("kind, name", [("WAV", b"id3 "), ("WAV", b"ID3 "), ("AIFF", b"ID3 ")])
@pytest.mark.parametrize("genre", ["Polka", "Polkas"])
@pytest.mark.parametrize("first", [False, True])
def test_chunks_around_a_tag(kind, name, genre, first):
    """Sizes are right, ends are even, and all other chunks are as they were."""
    content = sounds()[kind.lower()]
    old = with_chunk(content, name, id3(usual(3)), first)
    new = put(old, [genre], kind)
    order = "<" if kind == "WAV" else ">"

    def chunks(data):
        assert struct.unpack(order + "I", data[4:8])[0] == len(data) - 8
        place = 12
        while place < len(data):
            (size,) = struct.unpack(order + "I", data[place + 4 : place + 8])
            yield data[place : place + 4], data[place + 8 : place + 8 + size]
            place += 8 + size + size % 2
        assert place == len(data)

    found = dict(chunks(new))
    assert frames_of(found.pop(name))["TCON"] == [genre]
    assert found == dict(chunks(content))


@pytest.mark.parametrize(
    "content",
    [
        sounds()["wav"][:4] + b"\xff" * 4 + sounds()["wav"][8:],
        sounds()["wav"][:4] + bytes(4) + sounds()["wav"][8:],
        sounds()["wav"][:40] + bytes(4) + sounds()["wav"][44:],
        sounds()["wav"][:-2],
        sounds()["wav"][:20],
    ],
    ids=["endless", "no size", "no size of the sound", "cut", "cut early"],
)
def test_chunks_with_wrong_sizes(content):
    with pytest.raises(BadItem, match="writing a tag could damage the sound"):
        put(content, ["Polka"], "WAV")
