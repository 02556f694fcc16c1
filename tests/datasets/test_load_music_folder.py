"""Folders of music: tags of five formats, covers, texts, albums, and every oddity."""

import os
import pickle
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from mutagen import File
from odd_folder import (
    FORMATS,
    GENRES,
    embed,
    image_bytes,
    write_odd_folder,
    write_sound,
    write_tags,
)
from PIL import Image

from skmmgenre.audio import CQTExtractor
from skmmgenre.datasets import load_music_folder
from skmmgenre.datasets._audio_tags import IDS, read_genres
from skmmgenre.datasets._folder_files import choose_album_text, choose_cover
from skmmgenre.image._decode import decode_image

TAGS = {
    "title": "Sång 1",
    "artist": "Ada & the Ottos",
    "albumartist": "Ada",
    "album": "Stones",
    "genre": ["Jazz", "Free Jazz"],
    "tracknumber": "3/12",
    "discnumber": "2/2",
    "date": "1999-05-01",
    "comment": "A record for the late hours of the day.",
    "musicbrainz_artistid": "a" * 36,
    "musicbrainz_albumid": "b" * 36,
    "musicbrainz_trackid": "c" * 36,
}


def tagged(path, **tags):
    write_sound(path, "Jazz", 0, duration=0.3)
    write_tags(path, **tags)
    return path


@pytest.fixture(scope="module")
def odd(tmp_path_factory):
    return write_odd_folder(tmp_path_factory.mktemp("odd") / "music", 80, big_cover=21_000_000)


@pytest.fixture(scope="module")
def music(odd, tmp_path_factory):
    covers = tmp_path_factory.mktemp("covers")
    return load_music_folder(odd.path, cover_directory=covers, n_jobs=1)


@pytest.mark.parametrize("suffix", FORMATS)
def test_tags_of_each_format(tmp_path, suffix):
    path = tagged(tmp_path / f"a.{suffix}", **TAGS)
    embed(path, (3, image_bytes()))
    data = load_music_folder(tmp_path, cover_directory=tmp_path / "covers")
    assert len(data.errors) == 0
    (row,) = data.table.to_dict("records")
    assert row["audio"] == str(path)
    for name in ("title", "artist", "albumartist", "album", "date"):
        assert row[name] == TAGS[name]
    assert row["genres"] == ["Jazz", "Free Jazz"] and row["genre"] == "Jazz"
    assert (row["track"], row["disc"]) == (3, 2)
    assert row["text"] == [TAGS["comment"]]
    expected = {name: TAGS.get(name) for name in IDS}
    assert {name: row[name] for name in IDS} == expected
    assert row["duration"] == pytest.approx(0.3, abs=0.06)
    with Image.open(row["cover"]) as cover:
        assert cover.size == (64, 64)
    assert Path(row["cover"]).parent == tmp_path / "covers"
    assert data.y.tolist() == ["Jazz"] and data.groups.tolist() == ["Ada"]
    assert data.Y.columns.tolist() == ["Free Jazz", "Jazz"] and data.Y.to_numpy().all()


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
        "text_named_mp3": "no MP3 file, or broken",
        "picture_named_mp3": "no MP3 file, or broken",
        "noise_named_flac": "no sound file of a known format",
        "wma": "Windows Media is not read",
        "loop": "the same folder as",
        "loop_itself": "leads nowhere, or to itself",
        "dangling": "leads nowhere, or to itself",
        "linked": "the same file as .*slash.mp3",
        "pipe": "a pipe, socket or device",
        "binary_text": "it holds no text",
    }
    noted = {
        "wrong_extension": "ends in '.mp3', but the file holds FLAC",
        "wrong_extension_mp3": "ends in '.flac', but the file holds MP3",
        "no_extension": "ends in '', but the file holds FLAC",
        "unknown_extension": "ends in '.extension', but the file holds WAV",
        "genre_255": "number that stands for none",
        "big_cover": "embedded cover of 21 MB; at most 20 MB",
        "cover_is_no_image": "no image",
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


@pytest.mark.parametrize("text, expected", [("file", 2), ("tag", 1), (None, 0), ("both", 3)])
def test_where_texts_come_from(tmp_path, text, expected):
    tagged(tmp_path / "a.ogg", album="A", comment="A record for the late hours.")
    tagged(tmp_path / "b.ogg", album="A", comment="Ripped by RIPPER")
    (tmp_path / "a.txt").write_text("\ufeffOf this song.", encoding="utf-8")
    (tmp_path / "readme.txt").write_text("Of the album.\n")
    data = load_music_folder(tmp_path, by="album", text=text)
    (texts,) = data.table["text"]
    assert len(texts or []) == expected
    tracks = load_music_folder(tmp_path, text=text).table["text"].tolist()
    if text == "file":
        assert tracks == [["Of this song."], ["Of the album."]]


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


@pytest.mark.parametrize(
    "values, separators, genres, n_unknown",
    [
        (["(17)"], ";/|", ["Rock"], 0),
        (["17"], ";/|", ["Rock"], 0),
        (["(4)Eurodisco"], ";/|", ["Disco", "Eurodisco"], 0),
        (["(255)"], ";/|", [], 1),
        (["255", "Jazz"], ";/|", ["Jazz"], 1),
        (["(17)(6)"], ";/|", ["Rock", "Grunge"], 0),
        (["a; b ;;A"], ";/|", ["a", "b"], 0),
        (["a/b|c"], ";/|", ["a", "b", "c"], 0),
        (["Pop/Rock; Jazz"], ";", ["Pop/Rock", "Jazz"], 0),
        (["a\x00b"], "", ["a", "b"], 0),
        (["R&B", "Drum  &  Bass"], ";/|", ["R&B", "Drum & Bass"], 0),
        (["2020"], ";/|", ["2020"], 0),
        (["RX"], ";/|", ["Remix"], 0),
        ([], ";/|", [], 0),
    ],
)
def test_genres(values, separators, genres, n_unknown):
    assert read_genres(values, separators) == (genres, n_unknown)


def test_genres_are_spelt_as_most_files_do(tmp_path):
    for place, genre in enumerate(["hip hop", "Hip Hop", "Hip Hop"]):
        tagged(tmp_path / f"{place}.flac", genre=genre)
    data = load_music_folder(tmp_path)
    assert data.y.tolist() == ["Hip Hop"] * 3 and data.Y.columns.tolist() == ["Hip Hop"]


@pytest.mark.parametrize(
    "names, cover",
    [
        (["a.mp3", "folder.jpg", "Cover.PNG"], "Cover.PNG"),
        (["folder.jpg", "zz.jpg"], "folder.jpg"),
        (["front (1).webp", "back.webp"], "front (1).webp"),
        (["scan.jpeg"], "scan.jpeg"),
        (["scan1.jpeg", "scan2.jpeg"], None),
        (["cover.txt"], None),
    ],
)
def test_choose_cover(names, cover):
    assert choose_cover(names) == cover


@pytest.mark.parametrize(
    "names, text",
    [
        (["a.txt"], None),
        (["a.txt", "some.TXT"], "some.TXT"),
        (["b.txt", "c.txt"], None),
        (["b.txt", "Review.txt"], "Review.txt"),
        (["b.txt", "stones.txt"], "stones.txt"),
    ],
)
def test_choose_album_text(names, text):
    assert choose_album_text(names, {"a"}, "Stones") == text


def test_covers_that_are_alike_are_one_file(tmp_path):
    for place in range(4):
        embed(tagged(tmp_path / f"{place}.mp3"), (3, image_bytes()))
    data = load_music_folder(tmp_path, cover_directory=tmp_path / "covers", n_jobs=2)
    assert data.table["cover"].nunique() == 1
    assert len(os.listdir(tmp_path / "covers")) == 1
    stamp = os.stat(data.table["cover"][0]).st_mtime_ns
    load_music_folder(tmp_path, cover_directory=tmp_path / "covers")
    assert os.stat(data.table["cover"][0]).st_mtime_ns == stamp


def test_no_folder_of_covers_is_left_where_there_are_none(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "temporary"))
    (tmp_path / "temporary").mkdir()
    tagged(tmp_path / "music" / "a.ogg")
    load_music_folder(tmp_path / "music")
    assert os.listdir(tmp_path / "temporary") == []


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
    assert len(covers) > 3 and all(decode_image(cover).mode == "RGB" for cover in covers)


def test_without_the_rights_to_read():
    """As a user without rights; the superuser may read all, so the test gives its rights up."""
    code = (
        "import os, pickle, sys; from skmmgenre.datasets import load_music_folder; "
        "import mutagen; os.geteuid() or (os.setgid(65534), os.setuid(65534)); "
        "music = load_music_folder(sys.argv[1], text=None); "
        "sys.stdout.buffer.write(pickle.dumps((len(music.table), music.errors.to_dict('records'))))"
    )
    with tempfile.TemporaryDirectory() as folder:  # that others may enter
        os.chmod(folder, 0o755)
        for name in ("a.flac", "b.flac", "closed/c.flac"):
            tagged(Path(folder, name), genre="Jazz")
        os.chmod(Path(folder, "b.flac"), 0)
        os.chmod(Path(folder, "closed"), 0)
        done = subprocess.run([sys.executable, "-c", code, folder], capture_output=True)
        os.chmod(Path(folder, "closed"), 0o755)
    assert done.returncode == 0, done.stderr.decode()
    n_rows, (unreadable, closed) = pickle.loads(done.stdout)
    assert n_rows == 1
    assert unreadable["item"].endswith("b.flac") and unreadable["row"] is None
    assert unreadable["reason"] == "it may not be read" and "rights" in unreadable["remedy"]
    assert closed["item"].endswith("closed") and "folder cannot be read" in closed["reason"]


def test_nothing_to_load(tmp_path):
    with pytest.raises(FileNotFoundError, match="There is no folder"):
        load_music_folder(tmp_path / "nowhere")
    with pytest.raises(NotADirectoryError, match="is a file"):
        load_music_folder(Path(__file__))
    with pytest.raises(ValueError, match="There is no sound file in"):
        load_music_folder(tmp_path)
    (tmp_path / "a.mp3").touch()
    with pytest.raises(ValueError, match=r"can be read\. '.*a.mp3': the file is empty"):
        load_music_folder(tmp_path)
    with pytest.raises(ValueError, match="by"):
        load_music_folder(tmp_path, by="artist")


def test_wav_with_tags_of_riff(tmp_path):
    """What recorders and editors write, beside ID3."""
    import soundfile

    with soundfile.SoundFile(tmp_path / "a.wav", "w", 8000, 1) as file:
        file.title, file.artist, file.genre = "Take 1", "Ada", "Jazz"
        file.write(np.zeros(800))
    (row,) = load_music_folder(tmp_path).table.to_dict("records")
    assert (row["title"], row["artist"], row["genres"]) == ("Take 1", "Ada", ["Jazz"])


def test_opus_and_aiff(tmp_path):
    import soundfile

    y = np.zeros(24000)
    soundfile.write(tmp_path / "a.opus", y, 24000, format="OGG", subtype="OPUS")
    soundfile.write(tmp_path / "b.aiff", y, 24000)
    for name in ("a.opus", "b.aiff"):
        file = File(tmp_path / name)
        if name == "b.aiff":
            from mutagen.id3 import TCON

            file.add_tags()
            file.tags.add(TCON(encoding=3, text=["Jazz"]))
        else:
            file["genre"] = "Jazz"
        file.save()
    data = load_music_folder(tmp_path)
    assert data.y.tolist() == ["Jazz", "Jazz"] and data.table["format"].tolist() == ["Ogg", "AIFF"]


def test_several_artists_in_one_tag(tmp_path):
    tagged(tmp_path / "a.flac", artist=["Ada", "Otis"])
    assert load_music_folder(tmp_path).table["artist"].tolist() == ["Ada; Otis"]


def test_without_mutagen(tmp_path, monkeypatch):
    write_sound(tmp_path / "a.flac", GENRES[0], 0, 0.3)
    monkeypatch.setitem(sys.modules, "mutagen", None)
    with pytest.raises(ImportError, match=r"Reading tags needs mutagen.*skmmgenre\[data\]"):
        load_music_folder(tmp_path)


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
