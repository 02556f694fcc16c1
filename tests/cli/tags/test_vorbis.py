"""Genres among Vorbis comments, in blocks of FLAC and on pages of Ogg."""

import io
import random

import mutagen
import pytest
from made_tags import comments, flac_with, ogg_with, sound_by_av, sounds
from mutagen.ogg import OggPage

from skmmgenre.cli._tags import edits_of, is_genre, read_comments, undo_of, vorbis_edits, with_edits
from skmmgenre.utils import BadItem

OLD = (b"TITLE=a", b"Genre=Jazz", b"no equals sign", b"GENRE=Bop", b"artist=\xff not UTF-8")


def put(content, kind, *args, **options):
    file = io.BytesIO(content)
    return b"".join(with_edits(file, vorbis_edits(file, kind, *args, **options)))


def made(kind, texts=OLD, **options):
    if kind == "FLAC":
        return flac_with(sounds()["flac"], texts, options.get("padding", 100))
    return ogg_with(sounds()["ogg"], b"\x03vorbis", texts, b"\1", **options)


def texts_of(content, kind):
    return read_comments(io.BytesIO(content), kind)


@pytest.mark.parametrize("kind", ["FLAC", "Ogg"])
def test_other_comments_stay_byte_for_byte(kind):
    new = put(made(kind), kind, ["Hip Hop", "演歌"])
    found = texts_of(new, kind)
    assert found[:3] == [OLD[0], b"genre=Hip Hop", "genre=演歌".encode()]
    assert found[3:] == [OLD[2], OLD[4]]
    assert texts_of(put(new, kind, None), kind) == [OLD[0], OLD[2], OLD[4]]
    old = put(new, kind, ["Jazz", "Bop"], places=[1, 3], keys=["Genre", "GENRE"])
    assert old == made(kind)


@pytest.mark.parametrize("seed", range(50))
def test_any_places(seed):
    rng = random.Random(seed)
    pool = [b"genre=a", b"title=b", b"GENRE=c", b"genres=d", b"x"]
    texts = tuple(rng.choices(pool, k=rng.randrange(8)))
    content = made("FLAC", texts, padding=rng.choice([0, 500]))
    places = [place for place, text in enumerate(texts) if is_genre(text)]
    parts = [texts[place].decode().split("=") for place in places]
    new = put(content, "FLAC", ["Polka"] * rng.randrange(4))
    keys, genres = [part[0] for part in parts], [part[1] for part in parts]
    old = put(new, "FLAC", genres, places=places, keys=keys)
    assert texts_of(old, "FLAC") == list(texts)


@pytest.mark.parametrize("kind", ["FLAC", pytest.param("Ogg", marks=pytest.mark.slow)])
def test_very_many_genres(kind):
    """They are replaced and put back with work that grows as their number, not its square."""
    old = made(kind, [b"genre=%d" % number for number in range(50_000)])
    file = io.BytesIO(old)
    edits = vorbis_edits(file, kind, ["Polka"])
    undo = undo_of(file, edits)
    new = b"".join(with_edits(file, edits))
    assert texts_of(new, kind) == [b"genre=Polka"]
    file = io.BytesIO(new)
    assert b"".join(with_edits(file, edits_of(undo, file))) == old
    genres = [str(number) for number in range(50_000)]
    assert texts_of(put(new, kind, genres), kind) == texts_of(old, kind)


@pytest.mark.parametrize("padding", [None, 0, 4, 1000])
@pytest.mark.parametrize("texts", [None, (), OLD])
def test_blocks_of_flac(padding, texts, tmp_path):
    old = flac_with(sounds()["flac"], texts, padding)
    new = put(old, "FLAC", ["Polka and more"])
    (tmp_path / "a.flac").write_bytes(new)
    assert mutagen.File(tmp_path / "a.flac")["genre"] == ["Polka and more"]
    if padding == 1000:  # it takes up the difference
        assert len(new) == len(old)
    assert b"of the future" in new


@pytest.mark.parametrize("n_lengths", [1, 3, 17, 255])
@pytest.mark.parametrize("size", [0, 254, 255, 3000, 70_000])
def test_pages_of_ogg(n_lengths, size, tmp_path):
    """However they are laid out, their numbers and checksums are right and the sound the same."""
    path = tmp_path / "a.ogg"
    texts = (b"comment=" + b"x" * 500, b"genre=Jazz")
    path.write_bytes(made("Ogg", texts, n_lengths=n_lengths))
    before = sound_by_av(path)[:2]
    path.write_bytes(put(path.read_bytes(), "Ogg", ["y" * size]))
    assert sound_by_av(path)[:2] == before
    assert mutagen.File(path)["genre"] == ["y" * size]
    content = path.read_bytes()
    file, number, was_complete = io.BytesIO(content), 0, True
    while file.tell() < len(content):
        start = file.tell()
        page = OggPage(file)
        assert page.write() == content[start : file.tell()]  # the checksum, too
        assert page.sequence == number and page.continued == (not was_complete)
        number, was_complete = number + 1, page.complete
    assert page.last


def test_a_second_stream_between_the_pages():
    """Its pages stay as they are."""
    content = made("Ogg", (b"genre=Jazz", b"comment=" + b"x" * 9000), n_lengths=8)
    other = OggPage()
    other.serial, other.packets, other.first = 77, [b"another stream"], True
    place = content.index(b"OggS", content.index(b"OggS", content.index(b"OggS", 1) + 1) + 1)
    content = content[:place] + other.write() + content[place:]
    for genre in ("Polka", "y" * 9000):
        new = put(content, "Ogg", [genre])
        assert new.count(other.write()) == 1
        assert texts_of(new, "Ogg")[0] == b"genre=" + genre.encode()


@pytest.mark.parametrize("place", [1, 2, 3])
@pytest.mark.parametrize("size", [3, 2900, 4000, 70_000])
def test_a_page_without_segments(place, size, tmp_path):
    """It is valid before the comments and between their pages."""
    path = tmp_path / "a.ogg"
    texts = (b"comment=" + b"x" * 3000, b"genre=Jazz")
    pages = pages_of(made("Ogg", texts, n_lengths=8))
    empty = OggPage()
    empty.serial, empty.position = pages[1].serial, -1
    pages.insert(place, empty)
    for number, page in enumerate(pages):
        page.sequence = number
    old = b"".join(page.write() for page in pages)
    path.write_bytes(old)
    before = sound_by_av(path)[:2]
    file = io.BytesIO(old)
    edits = vorbis_edits(file, "Ogg", ["y" * size])
    undo, new = undo_of(file, edits), b"".join(with_edits(file, edits))
    path.write_bytes(new)
    assert texts_of(new, "Ogg")[1] == b"genre=" + b"y" * size
    assert sound_by_av(path)[:2] == before
    was_complete = True
    for number, page in enumerate(pages_of(new)):
        assert page.sequence == number and page.continued == (not was_complete)
        was_complete = page.complete if page.packets else was_complete
    file = io.BytesIO(new)
    assert b"".join(with_edits(file, edits_of(undo, file))) == old


def pages_of(content):
    file, pages = io.BytesIO(content), []
    while file.tell() < len(content):
        pages.append(OggPage(file))
    return pages


def with_checksums(content):
    """Ogg pages with checksums that fit."""
    return b"".join(page.write() for page in pages_of(content))


FLAC, OGG = made("FLAC"), made("Ogg")


@pytest.mark.parametrize(
    "content, kind, reason",
    [
        (FLAC.replace(comments(*OLD)[:4], b"\xff\xff\0\0", 1), "FLAC", "lengths"),
        (FLAC.replace(b"\7\0\0\0TITLE", b"\xff\xff\xff\xffTITLE"), "FLAC", "lengths"),
        (FLAC.replace(b"\5\0\0\0\7\0\0\0TI", b"\xff\xff\xff\0\7\0\0\0TI"), "FLAC", "lengths"),
        (FLAC.replace(b"\x4d\0\0\x0d", b"\x4d\0\0\x0e"), "FLAC", "blocks"),
        (FLAC[:60], "FLAC", "blocks"),
        (OGG[:100], "Ogg", "pages"),
        (OGG.replace(b"\3vorbis", b"\3verbis"), "Ogg", "checksum"),
        (with_checksums(OGG.replace(b"\3vorbis", b"\3verbis")), "Ogg", "pages"),
        (b"OggS" + bytes(23), "Ogg", "checksum"),
    ],
    ids=range(9),  # the bytes are other ones in every run
)
def test_what_is_broken(content, kind, reason):
    assert content not in (FLAC, OGG)
    with pytest.raises(BadItem, match=reason):
        put(content, kind, ["Polka"])


def test_a_block_that_would_be_too_large():
    with pytest.raises(BadItem, match="16 MB"):
        put(made("FLAC"), "FLAC", ["x" * (1 << 24)])
