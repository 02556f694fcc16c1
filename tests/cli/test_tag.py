"""Genres into files and back: the sound stays bit for bit, and so do all other tags."""

import json
import os
import re
import shutil

import numpy as np
import pytest
import soundfile
from mutagen import id3
from obey_rights import run_obeying
from odd_folder import FORMATS, write_sound
from odd_folder import write_tags as put_tags
from sound_state import sound_of, state_of

import skmmgenre
from skmmgenre.cli import main
from skmmgenre.cli._tag import Outcome, undo_tags, write_tags
from skmmgenre.cli._tag_files import NAME
from skmmgenre.datasets import load_music_folder
from skmmgenre.datasets._audio_tags import open_audio
from skmmgenre.utils import changing


def genres_of(folder):
    table = load_music_folder(str(folder), cover_directory=str(folder.parent / "covers")).table
    return dict(zip(table["audio"], table["genres"], strict=True))


@pytest.fixture
def music(odd, tmp_path):
    """A copy of the odd folder, and its files."""
    folder = tmp_path / "music"
    shutil.copytree(odd.path, folder, symlinks=True, ignore=shutil.ignore_patterns("*.mp3", "up"))
    for path in odd.files:
        if path.suffix == ".mp3" and path.parent.is_dir():
            place = folder / path.relative_to(odd.path)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(path, place)
    return folder, [folder / path.relative_to(odd.path) for path in odd.files]


def test_dry_run_write_and_undo(music, model, odd, capsys):
    folder, files = music
    before = state_of(files)
    content = {path: path.read_bytes() for path in files}

    assert main(["tag", model, str(folder), "--quiet"]) == 0
    told = capsys.readouterr()
    assert "would be tagged" in told.out and "Nothing was written" in told.out
    assert {path: path.read_bytes() for path in files} == content
    assert not (folder / NAME).exists()

    assert main(["tag", model, str(folder), "--write", "--quiet", "--json"]) == 0
    outcomes = json.loads(capsys.readouterr().out)["files"]
    assert len(outcomes) == len(files)
    written = {o["file"]: o["genres"] for o in outcomes if o["action"] == "write"}
    without = [p for p, genres in zip(files, odd.genres.values(), strict=True) if not genres]
    assert sorted(written) == sorted(map(str, without)) and len(written) >= 7
    after = state_of(files)
    for path in files:
        assert after[path][0] == before[path][0] and after[path][2] == before[path][2]
        if path not in without:
            assert path.read_bytes() == content[path]
    found = genres_of(folder)
    assert all(found[path] == genres for path, genres in written.items())

    assert main(["tag", "--undo", str(folder), "--quiet"]) == 0
    assert f"{len(written)} restored" in capsys.readouterr().out
    assert state_of(files) == before
    assert not (folder / NAME).exists()


def test_replace_all_and_undo(music, model, tmp_path, capsys):
    """Names in Japanese and with newlines, two genres, covers, a read-only file."""
    folder, files = music
    before = state_of(files)
    names = tmp_path / "names.yaml"
    genres = skmmgenre.load(model).classes_
    names.write_text(f"aliases: {{{', '.join(f'{genre}: Polka' for genre in genres)}}}")
    words = ["tag", model, str(folder), "--write", "--replace", "--genres", str(names), "--quiet"]
    read_only = "read_only.flac: skipped (read-only: allow writing (chmod u+w))"
    for dry in (True, False):
        assert main([word for word in words if not dry or word != "--write"]) == 0
        told = capsys.readouterr().out
        assert read_only in told
    assert not re.search(r"[\x00-\x09\x0b-\x1f\x7f]", told)
    after = state_of(files)
    assert [s[0] for s in after.values()] == [s[0] for s in before.values()]
    changed = [path for path in files if after[path] != before[path]]
    left = [path for path in files if path not in changed]
    silent = folder / "odd" / "truncated.flac"
    assert left == [path for path in files if not path.stat().st_mode & 0o222 or path == silent]
    assert folder / "odd" / "read_only.flac" in left
    assert main(["tag", "--undo", str(folder), "--quiet"]) == 0
    assert state_of(files) == before
    assert not [path for path in folder.rglob(".skmmgenre*")]


def small(tmp_path, *suffixes, **tags):
    """A folder of a file of each format, and what is to be written."""
    files = []
    for number, suffix in enumerate(suffixes):
        path = tmp_path / "small" / f"{number}.{suffix}"
        write_sound(path, "Jazz", number, duration=0.3)
        if tags:
            put_tags(path, **tags)
        files.append(path)
    return tmp_path / "small", files


def write(folder, files, *genres):
    outcomes = [Outcome(str(path), "write", list(genres)) for path in files]
    write_tags(str(folder), outcomes, verbose=0)
    return outcomes


def undo(folder):
    return undo_tags(str(folder), verbose=0)


@pytest.mark.parametrize("tags", [{}, {"title": "a", "genre": ["Jazz", "Bop"], "date": "1999"}])
def test_several_genres_in_each_format(tmp_path, tags):
    folder, files = small(tmp_path, *FORMATS, **tags)
    before = state_of(files)
    write(folder, files, "Hip Hop", "演歌")
    assert list(genres_of(folder).values()) == [["Hip Hop", "演歌"]] * len(files)
    assert [sound_of(path) for path in files] == [state[0] for state in before.values()]
    write(folder, files, "Polka")
    assert {o.action for o in undo(folder)} == {"restore"}
    assert state_of(files) == before


def test_other_tags_that_were_changed_since_are_kept(tmp_path):
    folder, files = small(tmp_path, *FORMATS, genre="Jazz", title="old")
    write(folder, files, "Polka")
    for path in files:
        put_tags(path, title="new")
    undo(folder)
    table = load_music_folder(str(folder)).table
    assert table["title"].tolist() == ["new"] * 5 and table["genre"].tolist() == ["Jazz"] * 5


def test_genres_that_were_changed_since_are_left(tmp_path):
    folder, files = small(tmp_path, "mp3", "flac", genre="Jazz")
    write(folder, files, "Polka")
    put_tags(files[0], genre="Waltz")
    assert [o.action for o in undo(folder)] == ["fail", "restore"]
    assert list(genres_of(folder).values()) == [["Waltz"], ["Jazz"]]
    put_tags(files[0], genre="Polka")
    assert [o.action for o in undo(folder)] == ["restore"]
    assert list(genres_of(folder).values()) == [["Jazz"], ["Jazz"]]
    with pytest.raises(FileNotFoundError, match="there is no backup"):
        undo(folder)


def test_files_that_are_gone_stay_in_the_backup(tmp_path, capsys):
    folder, files = small(tmp_path, "mp3", "flac", genre="Jazz")
    write(folder, files, "Polka")
    files[0].rename(tmp_path / "moved.mp3")
    assert main(["tag", "--undo", str(folder), "--quiet"]) == 1
    assert f"it is gone: put it back, or remove its lines from {NAME}" in capsys.readouterr().out
    assert len((folder / NAME).read_text().splitlines()) == 1
    (tmp_path / "moved.mp3").rename(files[0])
    assert [o.action for o in undo(folder)] == ["restore"]
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
    assert link.is_symlink() and open_audio(str(path))[0]["genre"] == ["Polka"]


def test_a_note_that_was_cut_off(tmp_path):
    """The process was killed while it wrote to the backup, before it changed the file."""
    folder, files = small(tmp_path, "mp3", "flac", genre="Jazz")
    write(folder, files[:1], "Polka")
    with open(folder / NAME, "ab") as file:
        file.write(b'{"file": "1.flac", "bef')
    write(folder, files[1:], "Polka")
    assert {o.action for o in undo(folder)} == {"restore"}
    assert list(genres_of(folder).values()) == [["Jazz"], ["Jazz"]]


def test_a_damaged_backup_is_told(tmp_path):
    folder, files = small(tmp_path, "mp3")
    (folder / NAME).write_text("nonsense\n")
    with pytest.raises(ValueError, match="line 1 of .* is damaged"):
        undo(folder)


def test_a_change_that_fails_leaves_the_file(tmp_path):
    folder, (path,) = small(tmp_path, "mp3")
    content = path.read_bytes()
    with pytest.raises(ZeroDivisionError), changing(str(path)) as copy:
        with open(copy, "wb") as file:
            file.write(b"half")
        _ = 1 / 0
    assert path.read_bytes() == content and os.listdir(folder) == ["0.mp3"]


def test_by_album_and_by_score(music, model, capsys):
    folder, files = music
    words = ["tag", model, str(folder), "--by", "album", "--replace", "--quiet", "--json"]
    assert main(words) == 0
    told = json.loads(capsys.readouterr().out)
    genres = {}
    for line in told["files"]:
        genres.setdefault(os.path.dirname(line["file"]), set()).add(tuple(line["genres"]))
    assert all(len(g) == 1 for where, g in genres.items() if "Artist" in where)
    assert main(["tag", model, str(folder), "--min-score", "1", "--quiet"]) == 0
    assert "would be tagged" not in capsys.readouterr().out


def test_a_file_that_says_nothing_gets_no_genre(model, tmp_path, capsys):
    """The tags of a garbled file can be read and written, its sound cannot be heard."""
    folder, (good, bad) = small(tmp_path, "flac", "flac")
    content = bytearray(bad.read_bytes())
    content[-2000:] = bytes(2000)
    start = content.find(b"\xff\xf8")  # of the first frame
    content[start:] = b"\x55" * (len(content) - start)
    bad.write_bytes(content)
    assert main(["tag", model, str(folder), "--write", "--quiet", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)["files"]
    assert [line["action"] for line in told] == ["write", "skip"]
    assert told[1]["reason"] == "nothing to tell it by" and told[1]["genres"] == []
    assert bad.read_bytes() == content and genres_of(folder)[str(good)]


def test_folders_that_are_read_only(model, tmp_path):
    """Of one nothing can be replaced; in the other the old genres cannot be noted."""
    folder, (path, other) = small(tmp_path, "flac", "mp3")
    (folder / "open").mkdir()
    other.rename(folder / "open" / "1.mp3")
    folder.chmod(0o555)
    done = run_obeying("tag", model, "small", "--write", "--quiet", cwd=tmp_path)
    folder.chmod(0o755)
    assert done.returncode == 1
    assert "small/0.flac: skipped (its folder is read-only: allow writing" in done.stdout
    assert "1.mp3: fails" in done.stdout
    assert "(Permission denied: allow writing in 'small' (chmod u+w))" in done.stdout


def test_genres_are_plain_text_in_messages(model, tmp_path, monkeypatch, capsys):
    folder, _ = small(tmp_path, "flac")
    monkeypatch.setattr("skmmgenre.cli._tag.write_genres", lambda path, genres: None)
    assert main(["tag", model, str(folder), "--write", "--quiet"]) == 1
    told = capsys.readouterr().out
    assert re.search(r"the tag reads None after writing \['\w+'\]", told) and "str_" not in told


def test_no_genre_of_the_list(model, tmp_path, capsys):
    folder, _ = small(tmp_path, "flac")
    (tmp_path / "names.yaml").write_text("genres: [Waltz]")
    words = ["tag", model, str(folder), "--genres", str(tmp_path / "names.yaml"), "--quiet"]
    assert main(words) == 0
    told = capsys.readouterr()
    assert "0.flac: skipped (no genre of the list)" in told.out
    assert "the model does not know 'Waltz'" in told.err
