"""Folders of music: tags of five formats, covers, texts, albums, and every oddity."""

import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from odd_folder import FORMATS, image_bytes, tagged, write_odd_folder, write_sound
from PIL import Image

from skmmgenre.audio import CQTExtractor
from skmmgenre.datasets import load_music_folder


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    return write_odd_folder(tmp_path_factory.mktemp("odd") / "music", 80, big_cover=21_000_000)


@pytest.fixture(scope="module")
def music(odd, tmp_path_factory):
    covers = tmp_path_factory.mktemp("covers")
    return load_music_folder(odd.path, cover_directory=covers, n_jobs=1)


def test_every_file_that_can_be_read_has_a_row(odd, music):
    assert sorted(music.table["audio"]) == sorted(map(str, odd.files))
    found = dict(zip(music.table["audio"], music.table["genres"], strict=True))
    for path, genres in odd.genres.items():
        assert found[str(path)] == genres, path


def test_what_is_odd_is_listed(odd, music):
    errors = music.errors.set_index("item")
    assert errors.index.is_monotonic_increasing
    left_out = {
        "empty": r"0 bytes",
        "text_named_mp3": "not a valid MP3 file",
        "picture_named_mp3": "not a valid MP3 file",
        "noise_named_flac": "not an audio file of a known format",
        "wma": "it is not a valid WMA file",
        "loop": "the same folder as",
        "loop_itself": "a broken link, or a link to itself",
        "dangling": "a broken link, or a link to itself",
        "linked": "the same file as .*slash.mp3",
        "pipe": "a pipe, socket or device",
        "binary_text": "it is not a text file",
    }
    noted = {
        "wrong_extension": "ends in '.mp3', but the file contains FLAC",
        "wrong_extension_mp3": "ends in '.flac', but the file contains MP3",
        "no_extension": "ends in '', but the file contains FLAC",
        "unknown_extension": "ends in '.extension', but the file contains WAV",
        "genre_255": "number without a genre",
        "big_cover": "embedded cover has 21 MB; the limit is 20 MB",
        "cover_is_no_image": "not an image",
    }
    for name, reason in {**left_out, **noted}.items():
        entry = errors.loc[str(odd.odd[name])]
        assert pd.Series([entry["reason"]]).str.contains(reason).all(), (name, entry["reason"])
        if name in noted:
            assert music.table["audio"][entry["row"]] == entry.name
        else:
            assert entry["row"] is None
    unreadable = {str(odd.odd["unreadable"])} - set(music.table["audio"])
    expected = {str(odd.odd[name]) for name in (*left_out, *noted)} | unreadable
    assert set(errors.index) == expected


def test_what_is_no_sound_is_passed_over(odd, music):
    for name in ("hidden", "no_sound"):
        assert str(odd.odd[name]) not in {*music.table["audio"], *music.errors["item"]}


def test_names_of_all_kinds_lead_to_their_files(odd, music):
    by_path = music.table.set_index("audio")
    assert by_path.loc[str(odd.odd["japanese"]), ["title", "artist"]].tolist() == ["歌", "椎名林檎"]
    assert by_path.loc[str(odd.odd["newline"]), "title"] == "a\nb"
    for name in ("japanese", "newline", "not_utf8", "long_name", "inside_folder_named_mp3"):
        assert str(odd.odd[name]) in by_path.index and os.path.exists(odd.odd[name])
    for name in ("id3v1", "id3v1_255"):
        assert by_path.loc[str(odd.odd[name]), "title"] == "Old Title"


def test_the_front_cover_is_taken(odd, music):
    by_path = music.table.set_index("audio")
    for suffix in FORMATS:
        with Image.open(by_path.loc[str(odd.odd[f"two_covers_{suffix}"]), "cover"]) as cover:
            assert cover.convert("RGB").getpixel((5, 5)) == (255, 255, 255)
    assert by_path.loc[str(odd.odd["big_cover"]), "cover"] is None


def test_covers_may_be_left_alone(odd, music, tmp_path):
    """None is decoded, and so none is odd; the rest is the same."""
    place = tmp_path / "covers"
    bare = load_music_folder(odd.path, covers=False, cover_directory=place)
    assert music.table["cover"].notna().any() and bare.table["cover"].isna().all()
    assert not place.exists()
    rest = [name for name in music.table if name != "cover"]
    pd.testing.assert_frame_equal(bare.table[rest], music.table[rest])
    gone = set(music.errors["reason"]) - set(bare.errors["reason"])
    assert gone and all("cover" in reason or "image" in reason for reason in gone)
    assert set(bare.errors["reason"]) <= set(music.errors["reason"])


def test_texts(odd, music):
    by_path = music.table.set_index("audio")["text"]
    assert by_path[str(odd.odd["sidecar"])] == ["Un café à côté."]
    assert by_path[str(odd.odd["sidecar_utf16"])] == ["Schöne Töne."]
    assert by_path[str(odd.odd["sidecar_binary"])] is None
    assert by_path[str(odd.odd["commented"])] == ["A quiet record for the late hours of a day."]
    whole = music.table[music.table["album"] == "Album 0"]
    assert whole["text"].str.len().eq(1).all()
    assert whole["text"].iloc[0] == [
        "Album 0 by Artist 0 is slow and blue from the first song to the last."
    ]


def test_albums(odd, music, tmp_path):
    data = load_music_folder(odd.path, by="album", cover_directory=tmp_path)
    table = data.table
    assert sorted(path for paths in table["audio"] for path in paths) == sorted(
        music.table["audio"]
    )
    (box,) = table[table["title"] == "Box"].to_dict("records")
    assert box["audio"] == [str(odd.odd["disc_1"]), str(odd.odd["disc_2"])]
    assert box["artist"] == "Various Artists" and box["track_titles"] == ["Disc 1", "Disc 2"]
    assert box["cover"] == str(odd.path / "Box" / "folder.png")
    (first,) = table[table["title"] == "Album 0"].to_dict("records")
    assert first["artist"] == "Artist 0" and first["genres"] == ["Blues"]
    assert first["track_titles"] == [f"Song {i}" for i in range(1, 6)]
    assert first["musicbrainz_albumid"].endswith("000")
    assert first["duration"] == pytest.approx(5 * 2.4, abs=0.5)
    assert Path(first["cover"]).parent == tmp_path
    entry = data.errors.set_index("item").loc[str(odd.odd["big_cover"])]
    assert str(odd.odd["big_cover"]) in table["audio"][entry["row"]]


def test_what_is_an_album(tmp_path):
    """One tag in one folder; not another folder's, nor another album artist's."""
    for name, tags in {
        "x/1.ogg": {"album": "Hits", "albumartist": "Ada", "artist": "Ada"},
        "x/2.ogg": {"album": "hits", "albumartist": "ada", "artist": "Ada feat. Otis"},
        "x/3.ogg": {"album": "Hits", "albumartist": "Otis", "artist": "Otis"},
        "x/4.ogg": {"artist": "Cher"},
        "x/5.ogg": {"artist": "Cher"},
        "x/6.ogg": {"artist": "Otis"},
        "y/1.ogg": {"album": "Hits", "albumartist": "Ada", "artist": "Ada"},
    }.items():
        tagged(tmp_path / name, **tags)
    table = load_music_folder(tmp_path, by="album").table
    names = [[str(Path(path).relative_to(tmp_path)) for path in paths] for paths in table["audio"]]
    assert names == [
        ["x/1.ogg", "x/2.ogg"],
        ["x/3.ogg"],
        ["x/4.ogg", "x/5.ogg"],
        ["x/6.ogg"],
        ["y/1.ogg"],
    ]
    assert table["artist"].tolist() == ["Ada", "Otis", "Cher", "Otis", "Ada"]
    assert table["title"].tolist() == ["Hits", "Hits", None, None, "Hits"]


def test_groups(tmp_path):
    """A track on a collection is of its own artist, a collection is of nobody."""
    various = {"album": "Mix", "albumartist": "Various Artists"}
    tagged(tmp_path / "1.ogg", artist="Ada", **various)
    tagged(tmp_path / "2.ogg", artist="Ada feat. Otis", albumartist="Ada", album="Own")
    tagged(tmp_path / "3.ogg", **various)
    assert load_music_folder(tmp_path).groups.tolist() == ["Ada", "Ada", None]
    assert load_music_folder(tmp_path, by="album").groups.tolist() == [None, "Ada"]


def test_order_of_tracks(tmp_path):
    """By disc and number; without a number by name, 2 before 10."""
    for name, tags in {
        "b.ogg": {"tracknumber": "2", "discnumber": "1"},
        "c.ogg": {"tracknumber": "1", "discnumber": "1"},
        "a.ogg": {"tracknumber": "1", "discnumber": "2"},
        "10 z.ogg": {"discnumber": "2"},
        "2 z.ogg": {"discnumber": "2"},
    }.items():
        tagged(tmp_path / name, album="A", **tags)
    (paths,) = load_music_folder(tmp_path, by="album").table["audio"]
    assert [Path(path).name for path in paths] == ["c.ogg", "b.ogg", "a.ogg", "2 z.ogg", "10 z.ogg"]


@pytest.fixture
def with_all(tmp_path, monkeypatch):
    """A folder whose one track has a cover, a text and an album text beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("HOME", str(tmp_path))
    tagged(tmp_path / "Album" / "a.ogg", album="A")
    (tmp_path / "Album" / "cover.jpg").write_bytes(image_bytes())
    (tmp_path / "Album" / "a.txt").write_text("Of this song.")
    (tmp_path / "Other").mkdir()
    return tmp_path


@pytest.mark.parametrize(
    "spelling, begins",
    [
        ("Album", "Album"),
        ("Album/", "Album"),
        ("Album//", "Album"),
        ("./Album/.", "Album"),
        (".//Album", "Album"),
        ("Other/../Album/", "Other/../Album"),
        ("{0}/Album/", "{0}/Album"),
        ("~/Album", "{0}/Album"),
        ("~//Album/", "{0}/Album"),
        (".", None),
    ],
)
@pytest.mark.parametrize("kind", [str, Path])
@pytest.mark.parametrize("by", ["track", "album"])
def test_a_folder_may_be_spelt_in_many_ways(with_all, spelling, begins, kind, by):
    path = kind(spelling.format(with_all))
    data = load_music_folder(path, by=by, cover_directory="~/covers/")
    assert data.table["text"].tolist() == [["Of this song."]]
    cover = data.table["cover"][0]
    assert os.path.samefile(cover, "Album/cover.jpg") and len(data.errors) == 0
    if begins:
        assert cover == f"{begins.format(with_all)}/cover.jpg"
    assert not os.path.exists("~")


def test_files_may_be_listed_in_many_ways(with_all):
    spellings = ["Album/a.ogg", "Album//a.ogg", "./Album/a.ogg", "Other/../Album/a.ogg"]
    spellings += ["~/Album/a.ogg", with_all / "Album" / "a.ogg", b"Album/./a.ogg"]
    (with_all / "link").symlink_to("Album")
    spellings.append("link/a.ogg")
    for spelling in spellings:
        assert load_music_folder([spelling]).table["cover"].notna().all()
    data = load_music_folder(spellings)
    assert data.table["audio"].tolist() == ["Album/a.ogg"]
    assert set(data.errors["reason"]) == {"the same file as 'Album/a.ogg'"}
    assert len(data.errors) == 4  # other places; the others are written alike in the table


def test_no_path(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder ''"):
        load_music_folder("")


def test_genre_tags_that_are_not_taken_as_they_are_written(tmp_path):
    tags = ["Rock/Dub", "Rock/Dub", "Pop/Rock", "Other", "OTHER", "Podcast", "Rock, Dub", "Jazz"]
    for place, genre in enumerate(tags):
        tagged(tmp_path / f"{place}.ogg", genre=genre)
    data = load_music_folder(tmp_path)
    two = ["Rock", "Dub"]
    assert data.table["genres"].tolist() == [two, two, ["Pop/Rock"], [], [], [], two, ["Jazz"]]
    readings = data.genre_readings.set_index("text")
    assert readings["genres"].to_dict() == {
        "Rock/Dub": two, "Other": [], "OTHER": [], "Podcast": [], "Rock, Dub": two,
    }  # fmt: skip
    assert readings["n_files"].tolist() == [2, 1, 1, 1, 1]
    assert "2 files: 'Rock/Dub' read as 'Rock', 'Dub'" in data.DESCR
    data = load_music_folder(tmp_path, genre_separators=";", not_genres=["podcast"])
    assert data.y.tolist() == ["Rock/Dub", "Rock/Dub", "Pop/Rock", "Other", "Other", None,
                               "Rock, Dub", "Jazz"]  # fmt: skip
    assert data.genre_readings["text"].tolist() == ["Podcast"]
    data = load_music_folder(tmp_path, genre_separators=";/", not_genres=())
    assert data.table["genres"][2] == ["Pop", "Rock"] and data.y[5] == "Podcast"
    assert data.DESCR.endswith("with a cover.")


def test_spaces_at_a_slash_are_spelling(tmp_path):
    for place, genre in enumerate(["Funk / Soul", "Funk/Soul", "Funk / Soul"]):
        tagged(tmp_path / f"{place}.ogg", genre=genre)
    assert load_music_folder(tmp_path).y.tolist() == ["Funk / Soul"] * 3


def test_genres_are_spelt_as_most_files_do(tmp_path):
    for place, genre in enumerate(["hip hop", "Hip Hop", "Hip Hop"]):
        tagged(tmp_path / f"{place}.flac", genre=genre)
    data = load_music_folder(tmp_path)
    assert data.y.tolist() == ["Hip Hop"] * 3 and data.Y.columns.tolist() == ["Hip Hop"]


def test_files_are_left_as_they_are(odd):
    """Nothing is written into the folder, not even into a read-only file's times."""

    def state():
        files = [path for path in sorted(odd.path.rglob("*")) if path.is_file()]
        return [(str(path), path.stat().st_mtime_ns, path.stat().st_size) for path in files]

    before = state()
    load_music_folder(odd.path)
    assert state() == before


def test_n_jobs_gives_the_same(odd, music, tmp_path):
    again = load_music_folder(odd.path, n_jobs=2, cover_directory=tmp_path)
    pd.testing.assert_frame_equal(
        again.table.drop(columns="cover"), music.table.drop(columns="cover")
    )
    pd.testing.assert_frame_equal(again.errors, music.errors)


def pixels(path):
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def test_the_table_can_be_learned_from(odd, music):
    """Sound and covers are read by the extractors; what cannot be decoded is listed there."""
    table = music.table
    readable = table[table["format"] != "MP4"]
    extractor = CQTExtractor(duration=1.0, on_error="missing")
    patches = extractor.transform(readable["audio"])
    assert len(patches) == len(readable)
    bad = set(readable["audio"].iloc[extractor.errors_["row"].tolist()])
    assert str(odd.odd["truncated"]) in bad
    assert bad <= {str(odd.odd["truncated"]), str(odd.odd["not_utf8"])}
    covers = table["cover"].dropna().unique().tolist()
    assert len(covers) > 3 and all(pixels(cover).size for cover in covers)


def test_nothing_to_load(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        load_music_folder(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError, match="is a file"):
        load_music_folder(Path(__file__))
    with pytest.raises(ValueError, match="There is no readable audio file in"):
        load_music_folder(tmp_path)
    (tmp_path / "a.mp3").touch()
    with pytest.raises(
        ValueError, match=r"There is no readable audio file in .*\. '.*a.mp3': the file is empty"
    ):
        load_music_folder(tmp_path)
    with pytest.raises(ValueError, match="by"):
        load_music_folder(tmp_path, by="artist")


def test_the_m4a_of_the_tests_is_one(tmp_path):
    """Its samples are read by ffmpeg's libraries, where they are installed."""
    av = pytest.importorskip("av")
    write_sound(tmp_path / "a.m4a", "Jazz", 1, 0.5)
    write_sound(tmp_path / "a.wav", "Jazz", 1, 0.5)
    with av.open(str(tmp_path / "a.m4a")) as file:
        samples = np.concatenate([frame.to_ndarray().ravel() for frame in file.decode(audio=0)])
    import soundfile

    expected, _ = soundfile.read(tmp_path / "a.wav", dtype="int16")
    assert np.abs(samples.astype(int) - expected).max() <= 1


@pytest.mark.parametrize("suffix", ["flac", "mp3"])
def test_a_genre_tag_that_is_too_long_is_listed(tmp_path, suffix):
    path = tagged(tmp_path / f"a.{suffix}", genre=["a/" * 50_000, "Jazz"], artist="Ada")
    data = load_music_folder(tmp_path)
    assert data.table["genres"].tolist() == [["Jazz"]] and data.table["artist"].tolist() == ["Ada"]
    assert data.errors["item"].tolist() == [str(path)] and data.errors["row"].tolist() == [0]
    assert "genre tags that are too long, or more than 64: 'a/a/" in data.errors["reason"][0]
    assert len(data.errors["reason"][0]) < 120 and len(data.DESCR) < 300


def test_too_many_genre_tags_are_listed(tmp_path):
    names = [f"Genre {number}" for number in range(66)]
    tagged(tmp_path / "a.flac", genre=names)
    data = load_music_folder(tmp_path)
    assert data.table["genres"].tolist() == [names[:64]]
    (reason,) = data.errors["reason"]
    assert reason.endswith("more than 64: 'Genre 64', and 1 more")
