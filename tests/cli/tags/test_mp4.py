"""Genres in the atoms of MP4."""

import io
import struct

import mutagen
import pytest
from made_tags import MP4_LISTS, mp4_with, sound_by_av, sounds

from skmmgenre.cli._tags import mp4_edits, with_edits
from skmmgenre.utils import BadItem


def put(content, genres):
    file = io.BytesIO(content)
    return b"".join(with_edits(file, mp4_edits(file, genres)))


@pytest.mark.parametrize("name", ["m4a", "aac", "mp4"])  # tags before the sound, and fragments
@pytest.mark.parametrize("kind", [*MP4_LISTS, None])
@pytest.mark.parametrize("n_free", [0, 8, 9, 30, 400])
def test_genres(tmp_path, name, kind, n_free):
    """The sound is found in its place, and all other atoms of the list stay byte for byte."""
    atoms = None if kind is None else MP4_LISTS[kind]
    content = mp4_with(sounds()[name], atoms, n_free)
    path = tmp_path / "a.m4a"
    path.write_bytes(content)
    before = sound_by_av(path)[:2]
    for genres in (["Hip Hop", "演歌"], ["x" * 300], None):
        path.write_bytes(put(content, genres))
        assert sound_by_av(path)[:2] == before
        assert (mutagen.File(path).tags or {}).get("\xa9gen") == genres
        if n_free == 400 and genres != ["x" * 300] and atoms is not None:
            assert path.stat().st_size == len(content)
        for atom in atoms or ():
            is_replaced = atom[4:8] == b"gnre" or (atom[4:8] == b"\xa9gen" and kind != "odd")
            assert (atom in path.read_bytes()) != is_replaced


def test_sizes_of_64_bits(tmp_path):
    content = mp4_with(sounds()["m4a"], MP4_LISTS["text"])
    place = content.index(b"moov") - 4
    size = int.from_bytes(content[place : place + 4], "big")
    long = struct.pack(">I4sQ", 1, b"moov", size + 8) + content[place + 8 : place + size]
    table = long.index(b"stco") + 12
    offset = int.from_bytes(long[table : table + 4], "big") + 8
    long = long[:table] + offset.to_bytes(4, "big") + long[table + 4 :]
    path = tmp_path / "a.m4a"
    path.write_bytes(content[:place] + long + content[place + size :])
    before = sound_by_av(path)[:2]
    path.write_bytes(put(path.read_bytes(), ["a much longer genre than before"]))
    assert sound_by_av(path)[:2] == before
    assert mutagen.File(path)["\xa9gen"] == ["a much longer genre than before"]


def test_places_of_64_bits(tmp_path):
    content = mp4_with(sounds()["m4a"], MP4_LISTS["text"])
    place = content.index(b"stco")
    (offset,) = struct.unpack_from(">I", content, place + 12)
    assert struct.unpack_from(">I", content, place + 8) == (1,)
    wide = struct.pack(">4sIIQ", b"co64", 0, 1, offset + 4)
    content = content[: place - 4] + struct.pack(">I", 24) + wide + content[place + 16 :]
    for name in (b"stbl", b"minf", b"mdia", b"trak", b"moov"):
        start = content.index(name) - 4
        size = int.from_bytes(content[start : start + 4], "big") + 4
        content = content[:start] + size.to_bytes(4, "big") + content[start + 4 :]
    path = tmp_path / "a.m4a"
    path.write_bytes(content)
    before = sound_by_av(path)[:2]
    path.write_bytes(put(content, ["a much longer genre than before"]))
    assert before[1] and sound_by_av(path)[:2] == before


@pytest.mark.slow
def test_very_many_atoms():
    """All of a file count, wherever they lie."""
    empty = struct.pack(">I4s", 8, b"free")
    inside = mp4_with(sounds()["m4a"], [empty] * 150_000)
    assert b"Polka" in put(inside, ["Polka"])
    assert b"Polka" in put(GOOD + empty * 150_000, ["Polka"])
    with pytest.raises(BadItem, match="more than 200,000 atoms"):
        put(inside + empty * 50_000, ["Polka"])


def test_sound_that_is_declared_where_a_genre_is():
    place = GOOD.index(b"stco") + 12
    wrong = GOOD.index(b"\xa9gen").to_bytes(4, "big")
    with pytest.raises(BadItem, match="points into its tags"):
        put(GOOD[:place] + wrong + GOOD[place + 4 :], None)


GOOD = mp4_with(sounds()["m4a"], MP4_LISTS["text"])


@pytest.mark.parametrize(
    "content, reason",
    [
        (GOOD[:-10], "sizes of its atoms"),
        (GOOD.replace(b"moov", b"mooo"), "no moov"),
        (GOOD.replace(b"\x14stco\0\0\0\0\0\0\0\x01", b"\x14stco\0\0\0\0\0\0\0\xff"), "sizes"),
        (GOOD + struct.pack(">I4s", 8, b"mfra"), "mfra"),
    ],
)
def test_what_would_lose_something(content, reason):
    assert content != GOOD
    with pytest.raises(BadItem, match=reason):
        put(content, ["a much longer genre than before"])
