"""The tags of sound files of each format."""

import sys
from pathlib import Path

import numpy as np
import pytest
from mutagen import File
from odd_folder import FORMATS, GENRES, embed, image_bytes, tagged, write_sound
from PIL import Image

from skmmgenre.datasets import load_music_folder

IDS = [f"musicbrainz_{name}id" for name in ("artist", "album", "releasegroup", "track")]

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
def test_genres(tmp_path, values, separators, genres, n_unknown):
    tagged(tmp_path / "a.mp3", **({"genre": values} if values else {}))
    data = load_music_folder(tmp_path, genre_separators=separators)
    assert data.table["genres"].tolist() == [genres]
    assert data.errors["reason"].str.contains("number that stands for none").sum() == n_unknown
    assert len(data.errors) == n_unknown


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


@pytest.mark.parametrize("suffix", ["mp3", "wav"])
def test_an_id3_tag_without_a_frame(tmp_path, suffix):
    tagged(tmp_path / f"a.{suffix}")
    assert File(tmp_path / f"a.{suffix}").tags == {}
    data = load_music_folder(tmp_path)
    assert data.table["genres"].tolist() == [[]] and len(data.errors) == 0
