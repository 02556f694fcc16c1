"""The tags of sound files of each format."""

import struct
import sys
from pathlib import Path

import numpy as np
import pytest
from mutagen import File
from odd_folder import FORMATS, GENRES, embed, image_bytes, tagged, write_sound
from PIL import Image

from skmmgenre.audio._decode import AudioFile
from skmmgenre.datasets import load_music_folder
from skmmgenre.utils import BadItem

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
    assert row["duration"] == pytest.approx(1.0, abs=0.06)
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
        (["(12)"], None, [], 0),
        (["12", "Other", "(17)"], None, ["Rock"], 0),
        (["(62)"], None, ["Pop/Funk"], 0),
        (["Pop/Rock; Jazz/Dub"], None, ["Pop/Rock", "Jazz", "Dub"], 0),
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
    assert data.errors["reason"].str.contains("number without a genre").sum() == n_unknown
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


def write_wav(path, *chunks):
    """Write a WAV file of half a second with further chunks: pairs of name and content."""
    sound = (b"fmt ", struct.pack("<HHIIHH", 1, 1, 8000, 16000, 2, 16)), (b"data", bytes(8000))
    body = b"WAVE" + b"".join(chunk(*each) for each in (*sound, *chunks))
    path.write_bytes(b"RIFF" + struct.pack("<I", len(body)) + body)


def chunk(name, content):
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


INFO = {
    b"INAM": "Señal",
    b"IART": "Ännchen",
    b"IPRD": "Été",
    b"IGNR": "Música Ligera",
    b"ICRD": "1999",
    b"ITRK": "3",
    b"ICMT": "Ein Stück für späte Stunden, größer als jedes andere.",
}


@pytest.mark.parametrize("encoding", ["cp1252", "utf-8"])
@pytest.mark.parametrize("end", [b"", b"\0", b"\0\0 rubbish"])
def test_riff_info_in_both_encodings(tmp_path, encoding, end):
    fields = (chunk(name, text.encode(encoding) + end) for name, text in INFO.items())
    write_wav(tmp_path / "a.wav", (b"LIST", b"adtlrubbish"), (b"LIST", b"INFO" + b"".join(fields)))
    data = load_music_folder(tmp_path)
    (row,) = data.table.to_dict("records")
    names = ("title", "artist", "album", "genre", "date", "track")
    assert [row[name] for name in names] == [*list(INFO.values())[:5], 3]
    assert row["text"] == [INFO[b"ICMT"]] and len(data.errors) == 0


@pytest.mark.parametrize(
    "content", [b"", b"INF", b"INFO", b"INFOIGNR", b"INFOIGNR\xff\xff\xff\xffJazz", b"INFO" * 99]
)
def test_riff_info_that_is_cut_off_or_claims_too_much(tmp_path, content):
    write_wav(tmp_path / "a.wav", (b"LIST", content), (b"LIST", b"INFO" + chunk(b"IART", b"Ada")))
    (row,) = load_music_folder(tmp_path).table.to_dict("records")
    assert row["artist"] == "Ada"
    assert row["genres"] == (["Jazz"] if b"Jazz" in content else [])


def test_a_tag_in_an_unknown_encoding_is_listed(tmp_path):
    path = tagged(tmp_path / "a.flac", genre="M_sica", artist="Ada")
    path.write_bytes(path.read_bytes().replace(b"M_sica", b"M\xfasica"))
    data = load_music_folder(tmp_path)
    assert data.errors["reason"].tolist() == ["a tag has an invalid encoding"]
    assert data.errors["row"].tolist() == [0]


def test_an_accent_may_be_written_two_ways(tmp_path):
    for place, name in enumerate(["Caf\u00e9", "Cafe\u0301"]):
        tagged(tmp_path / f"{place}.ogg", album=name, artist=name, genre=name)
    data = load_music_folder(tmp_path, by="album")
    assert data.table["title"].tolist() == data.y.tolist() == ["Café"]


@pytest.mark.parametrize(
    "name, form",
    [
        ("a.caf", "CAF"),
        ("a.au", "AU"),
        ("a.snd", "AU"),
        ("a.w64", "W64"),
        ("a.what", "CAF"),
        ("a", "VOC"),
    ],
)
def test_formats_whose_tags_are_not_read_have_rows(tmp_path, name, form):
    import soundfile

    with open(tmp_path / name, "wb") as file:
        soundfile.write(file, np.zeros(4000), 8000, format=form, subtype="PCM_16")
    data = load_music_folder(tmp_path)
    (row,) = data.table.to_dict("records")
    assert (row["format"], row["duration"], row["genres"]) == (form, 0.5, [])
    assert data.errors["reason"].tolist() == [f"tags of {form} files are not supported"]
    assert data.errors["row"].tolist() == [0]


def test_matroska_has_a_row(tmp_path):
    (tmp_path / "a.mka").write_bytes(b"\x1aE\xdf\xa3" + bytes(99))
    data = load_music_folder(tmp_path, by="album")
    assert data.table["audio"].tolist() == [[str(tmp_path / "a.mka")]]
    assert np.isnan(data.table["duration"][0])


def test_an_mp3_without_id3_and_without_the_end_of_its_name(tmp_path):
    write_sound(tmp_path / "a.mp3", GENRES[0], 0, 1.0)
    assert (tmp_path / "a.mp3").read_bytes()[:1] == b"\xff"
    (tmp_path / "a.mp3").rename(tmp_path / "a")
    data = load_music_folder(tmp_path)
    assert data.table["format"].tolist() == ["MP3"]
    assert data.errors["reason"].tolist() == ["the name ends in '', but the file contains MP3"]


@pytest.mark.parametrize(
    "head, told",
    [
        (b"DSD ", "DSD"),
        (b"TTA1", "True Audio"),
        (b"#!AMR", "AMR"),
        (b"RIFF\0\0\0\0AVI ", "AVI"),
        (b"wvPk", "WavPack"),
    ],
)
@pytest.mark.parametrize("name", ["b.what", "b", "b.wma"])
def test_other_sound_is_listed_whatever_its_name(tmp_path, head, told, name):
    tagged(tmp_path / "a.ogg")
    (tmp_path / name).write_bytes(head + bytes(99))
    data = load_music_folder(tmp_path)
    assert data.errors["item"].tolist() == [str(tmp_path / name)]
    assert told in data.errors["reason"][0] and "is not supported" in data.errors["reason"][0]


@pytest.mark.parametrize(
    "content", [b"", b"PK\3\4", b"\xff\xfeA\0B\0", b"\xff\xd8\xff", b"#!/bin/sh\n", b"\xff" * 999]
)
def test_what_is_no_sound_is_not_listed(tmp_path, content):
    tagged(tmp_path / "a.ogg")
    for name in ("b", "b.what"):
        (tmp_path / name).write_bytes(content and content + bytes(999))
    data = load_music_folder(tmp_path)
    assert len(data.table) == 1 and len(data.errors) == 0


DECODED = {
    "mp3": None,
    "flac": None,
    "ogg": None,
    "wav": None,
    "aiff": None,
    "caf": None,
    "m4a": ("aac", "ipod"),
    "aac": ("aac", "adts"),
    "wma": ("wmav2", "asf"),
    "mka": ("flac", "matroska"),
}
ID3 = b"ID3\3\0\0\0\0\0\x1fTPE1\0\0\0\4\0\0\0Ada" + bytes(17)


@pytest.mark.parametrize("suffix", DECODED)
@pytest.mark.parametrize("n_tags", [0, 1, 2])
def test_what_is_decoded_has_a_row_whatever_tags_are_in_front(tmp_path, suffix, n_tags):
    pytest.importorskip("av", reason="PyAV is not installed")
    import soundfile
    from av_sound import write_av

    path = tmp_path / f"a.{suffix}"
    y = np.sin(np.arange(44100) / 20) / 4
    if DECODED[suffix] is None:
        soundfile.write(path, y, 44100)
    else:
        write_av(path, y.astype(np.float32), 44100, *DECODED[suffix])
    path.write_bytes(n_tags * ID3 + path.read_bytes())
    try:
        with AudioFile(path) as file:
            seconds = file.n_frames / file.sample_rate
    except BadItem:
        assert n_tags and suffix in ("m4a", "wma", "mka", "ogg", "caf")
        return
    (row,) = load_music_folder(tmp_path).table.to_dict("records")
    assert row["duration"] == pytest.approx(seconds, abs=0.1) or suffix == "mka"
    if n_tags and suffix in ("mp3", "aac"):
        assert row["artist"] == "Ada"


def test_tags_of_wma(tmp_path):
    pytest.importorskip("av", reason="PyAV is not installed")
    from av_sound import write_av
    from mutagen.asf import ASF

    path = tmp_path / "a.wma"
    write_av(path, np.zeros(44100, np.float32), 44100, "wmav2", "asf")
    file = ASF(path)
    file["Title"], file["Author"], file["WM/Genre"] = "Take 1", "Ada", ["Jazz", "Free Jazz"]
    file["WM/TrackNumber"], file["MusicBrainz/Artist Id"] = 3, "a" * 36
    file.save()
    data = load_music_folder(tmp_path)
    (row,) = data.table.to_dict("records")
    assert (row["title"], row["artist"], row["track"]) == ("Take 1", "Ada", 3)
    assert row["genres"] == ["Jazz", "Free Jazz"] and row["musicbrainz_artistid"] == "a" * 36
    assert row["format"] == "WMA" and len(data.errors) == 0


def test_tags_of_ape(tmp_path):
    from mutagen.monkeysaudio import MonkeysAudio

    path = tmp_path / "a.ape"
    numbers = struct.pack("<IIIHHI", 4000, 4000, 2, 16, 1, 8000)
    path.write_bytes((b"MAC " + struct.pack("<H", 3990)).ljust(56, b"\0") + numbers + bytes(100))
    file = MonkeysAudio(path)
    file.add_tags()
    file["Title"], file["Album Artist"], file["Genre"] = "Take 1", "Ada", ["Jazz", "Free Jazz"]
    file["Track"], file["Year"] = "3/12", "1999"
    file.save()
    data = load_music_folder(tmp_path)
    (row,) = data.table.to_dict("records")
    assert (row["title"], row["albumartist"], row["track"], row["date"]) == (
        "Take 1",
        "Ada",
        3,
        "1999",
    )
    assert row["genres"] == ["Jazz", "Free Jazz"] and row["duration"] == 1.0
    assert row["format"] == "APE" and len(data.errors) == 0
