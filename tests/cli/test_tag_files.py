"""Genres in the tags of each format, and the backup of what was there."""

import os
import re

import mutagen
import numpy as np
import pytest
import soundfile
from mutagen import id3
from odd_folder import FORMATS
from odd_folder import write_tags as put_tags
from sound_state import sound_of, state_of
from tagged_files import NAME, genres_of, small, undo

from skmmgenre.cli import main
from skmmgenre.cli._tag import Outcome, write_tags
from skmmgenre.datasets import load_music_folder
from skmmgenre.utils import changing


def write(folder, files, *genres):
    outcomes = [Outcome(str(path), "write", list(genres)) for path in files]
    write_tags(str(folder), outcomes, verbose=0)
    return outcomes


@pytest.mark.parametrize("tags", [{}, {"title": "a", "genre": ["Jazz", "Bop"], "date": "1999"}])
def test_several_genres_in_each_format(tmp_path, tags):
    folder, files = small(tmp_path, *FORMATS, **tags)
    before = state_of(files)
    write(folder, files, "Hip Hop", "演歌")
    assert list(genres_of(folder).values()) == [["Hip Hop", "演歌"]] * len(files)
    assert [sound_of(path) for path in files] == [state[0] for state in before.values()]
    write(folder, files, "Polka")
    assert set(undo(folder)) == {"restore"}
    assert state_of(files) == before


def test_other_tags_that_were_changed_since_are_kept(tmp_path):
    folder, files = small(tmp_path, *FORMATS, genre="Jazz", title="old")
    write(folder, files, "Polka")
    for path in files:
        put_tags(path, title="new")
    undo(folder)
    table = load_music_folder(str(folder)).table
    assert table["title"].tolist() == ["new"] * 5 and table["genre"].tolist() == ["Jazz"] * 5


def test_genres_that_were_changed_since_are_left(tmp_path, capsys):
    folder, files = small(tmp_path, "mp3", "flac", genre="Jazz")
    write(folder, files, "Polka")
    put_tags(files[0], genre="Waltz")
    assert undo(folder, code=1) == ["fail", "restore"]
    assert list(genres_of(folder).values()) == [["Waltz"], ["Jazz"]]
    put_tags(files[0], genre="Polka")
    assert undo(folder) == ["restore"]
    assert list(genres_of(folder).values()) == [["Jazz"], ["Jazz"]]
    capsys.readouterr()
    assert main(["tag", "--undo", str(folder)]) == 1
    assert "there is no backup" in capsys.readouterr().err


def test_files_that_are_gone_stay_in_the_backup(tmp_path, capsys):
    folder, files = small(tmp_path, "mp3", "flac", genre="Jazz")
    write(folder, files, "Polka")
    files[0].rename(tmp_path / "moved.mp3")
    assert main(["tag", "--undo", str(folder), "--quiet"]) == 1
    assert f"it is gone: put it back, or remove its lines from {NAME}" in capsys.readouterr().out
    assert len((folder / NAME).read_text().splitlines()) == 1
    (tmp_path / "moved.mp3").rename(files[0])
    assert undo(folder) == ["restore"]
    assert list(genres_of(folder).values()) == [["Jazz"], ["Jazz"]]


def test_older_versions_of_id3_stay(tmp_path):
    folder, (path,) = small(tmp_path, "mp3")
    tags = id3.ID3()
    tags.add(id3.TIT2(encoding=1, text=["歌"]))
    tags.add(id3.TYER(encoding=0, text=["1999"]))
    tags.add(id3.TCON(encoding=0, text=["(17)"]))
    tags.save(path, v2_version=3, v23_sep=None)
    with open(path, "ab") as file:
        file.write(b"TAG" + b"Old Title".ljust(94, b"\0") + b"comment".ljust(30, b"\0") + b"\x08")

    def frames():
        found = id3.ID3(path, translate=False, load_v1=False)
        return found.version, {key: frame.text for key, frame in found.items() if key != "COMM"}

    v1, before = path.read_bytes()[-128:], frames()
    write(folder, [path], "Polka", "Waltz")
    assert frames()[0] == (2, 3, 0) and frames()[1]["TYER"] == ["1999"]
    assert frames()[1]["TCON"] == ["Polka", "Waltz"] and path.read_bytes()[-128:] == v1
    undo(folder)
    after = frames()
    assert after[0] == before[0] and path.read_bytes()[-128:] == v1
    assert {key: after[1][key] for key in before[1]} == before[1]


def test_info_of_wav_is_still_read(tmp_path):
    path = tmp_path / "small" / "a.wav"
    path.parent.mkdir()
    with soundfile.SoundFile(path, "w", 8000, 1, format="WAV") as file:
        file.title, file.artist = "a title", "an artist"
        file.write(np.zeros(800))
    write(path.parent, [path], "Polka")
    (row,) = load_music_folder(str(path.parent)).table.to_dict("records")
    assert (row["title"], row["artist"], row["genres"]) == ("a title", "an artist", ["Polka"])


def test_a_link_stays_a_link(tmp_path):
    folder, (path,) = small(tmp_path, "flac")
    (tmp_path / "linked").mkdir()
    link = tmp_path / "linked" / "b.flac"
    link.symlink_to(path)
    write(link.parent, [link], "Polka")
    assert link.is_symlink() and mutagen.File(path)["genre"] == ["Polka"]


def test_a_note_that_was_cut_off(tmp_path):
    """The process was killed while it wrote to the backup, before it changed the file."""
    folder, files = small(tmp_path, "mp3", "flac", genre="Jazz")
    write(folder, files[:1], "Polka")
    with open(folder / NAME, "ab") as file:
        file.write(b'{"file": "1.flac", "bef')
    write(folder, files[1:], "Polka")
    assert set(undo(folder)) == {"restore"}
    assert list(genres_of(folder).values()) == [["Jazz"], ["Jazz"]]


def test_a_damaged_backup_is_told(tmp_path, capsys):
    folder, files = small(tmp_path, "mp3")
    (folder / NAME).write_text("nonsense\n")
    assert main(["tag", "--undo", str(folder)]) == 1
    assert re.search("line 1 of .* is damaged", capsys.readouterr().err)


def test_a_change_that_fails_leaves_the_file(tmp_path):
    folder, (path,) = small(tmp_path, "mp3")
    content = path.read_bytes()
    with pytest.raises(ZeroDivisionError), changing(str(path)) as copy:
        with open(copy, "wb") as file:
            file.write(b"half")
        _ = 1 / 0
    assert path.read_bytes() == content and os.listdir(folder) == ["0.mp3"]
