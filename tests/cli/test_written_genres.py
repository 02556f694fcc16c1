"""Genres that tag wrote are not taken for what is known of the music."""

import json
import os

import numpy as np
import pytest
from odd_folder import write_sound
from odd_folder import write_tags as put_tags
from small_settings import settings
from tagged_files import NAME

from skmmgenre.cli import main
from skmmgenre.cli._music import open_folder
from skmmgenre.cli._tag import Outcome, write_tags
from skmmgenre.cli._written_genres import leave_out_written

FORMATS = ("mp3", "flac", "ogg", "m4a", "wav", "aiff")


@pytest.fixture
def folder(tmp_path):
    """An album of six formats that a user tagged as Jazz, and one that `tag` tagged as Rock."""
    for number, suffix in enumerate(FORMATS):
        for name, tags in (("user", {"genre": "Jazz"}), ("model", {})):
            path = tmp_path / "music" / name / f"{number}.{suffix}"
            write_sound(path, "Jazz", number)
            put_tags(path, artist=f"{name} {number % 2}", album=name, title=f"{number}", **tags)
    write_genre(tmp_path / "music", "Rock", "model")
    return tmp_path / "music"


def write_genre(folder, genre, name, root=None):
    """Write a genre into the files of a folder inside the one that has the backup."""
    root = str(root or folder)
    files = sorted(os.listdir(folder / name)) if (folder / name).is_dir() else [""]
    paths = [str(folder / name / file) if file else str(folder / name) for file in files]
    outcomes = [Outcome(path, "write", [genre]) for path in paths if NAME not in path]
    write_tags(root, outcomes, verbose=0)
    assert {outcome.action for outcome in outcomes} == {"write"}


def known(folder, *, by="track", **options):
    """The genres that are left of each item, the number left out, and the errors."""
    with open_folder(str(folder), by=by, verbose=0) as music:
        music, n = leave_out_written(music, **options)
    return dict(zip(music.names, music.genres, strict=True)), n, music.errors


def test_every_format(folder):
    genres, n, errors = known(folder)
    assert n == len(FORMATS) and not errors
    for path, found in genres.items():
        assert found == (["Jazz"] if os.path.basename(os.path.dirname(path)) == "user" else [])


def test_kept_on_request(folder):
    genres, n, _ = known(folder, keep=True)
    assert n == len(FORMATS)
    assert sorted(map(tuple, genres.values())) == [("Jazz",)] * 6 + [("Rock",)] * 6


def test_what_a_user_changed_since_is_the_users(folder):
    for suffix in ("flac", "mp3"):
        path = folder / "model" / f"{FORMATS.index(suffix)}.{suffix}"
        put_tags(path, genre="Blues")
    genres, n, _ = known(folder)
    assert n == 4 and sum(found == ["Blues"] for found in genres.values()) == 2


def test_written_again_by_another_model(folder):
    write_genre(folder, "Ska", "model")
    genres, n, _ = known(folder)
    assert n == len(FORMATS) and ["Ska"] not in genres.values()


def test_a_folder_inside_the_tagged_one_and_one_around_it(folder):
    assert known(folder / "model")[1] == len(FORMATS)
    assert known(folder.parent)[1] == len(FORMATS)


def test_a_link_to_the_tagged_folder(folder, tmp_path):
    (tmp_path / "other").mkdir()
    os.symlink(folder, tmp_path / "other" / "link")
    assert known(tmp_path / "other")[1] == len(FORMATS)


def test_an_album_keeps_the_genres_of_its_other_tracks(folder):
    write_genre(folder, "Rock", os.path.join("user", "1.flac"))
    genres, n, _ = known(folder, by="album")
    assert n == 1 and sorted(genres.values()) == [[], ["Jazz"]]


def test_nothing_was_tagged(folder):
    os.unlink(folder / NAME)
    genres, n, errors = known(folder)
    assert n == 0 and ["Rock"] in genres.values() and not errors


@pytest.mark.parametrize("content", [b"{}\n", b"", b"\0" * 100, b"[" * 100_000])
def test_a_backup_of_another_program_is_told_and_ignored(folder, content):
    (folder / NAME).write_bytes(content)
    genres, n, errors = known(folder)
    assert n == 0 and ["Rock"] in genres.values()
    assert [item for item, _ in errors] == [str(folder / NAME)]
    assert "ignored: " in errors[0][1]


def test_a_damaged_line_is_told_and_the_others_count(folder):
    lines = (folder / NAME).read_bytes().splitlines(keepends=True)
    lines[2] = lines[2].replace(b"Rock", b"Rack")
    (folder / NAME).write_bytes(b"".join(lines))
    _, n, errors = known(folder)
    assert n == len(FORMATS) - 1
    assert [item for item, _ in errors] == [f"{folder / NAME}, line 3"]


def test_a_forged_backup_that_names_files_elsewhere(folder, tmp_path):
    head = {"skmmgenre_tags": 1}
    before = {"tags": True, "genres": None, "encoding": None}
    lines = [{"file": name, "before": before, "after": ["Jazz"]} for name in ("../x", "/etc/x")]
    content = "\n".join(map(json.dumps, [head, *lines]))
    (folder / NAME).write_text(content + "\n")
    genres, n, errors = known(folder)
    assert n == 0 and len(errors) == 2
    assert all("file leads out of the folder" in reason for _, reason in errors)


@pytest.fixture
def command(folder, tmp_path):
    """The words of train on the folder, the user's half with two genres."""
    for number, suffix in enumerate(FORMATS[:3]):
        put_tags(folder / "user" / f"{number}.{suffix}", genre="Blues")
    words = ["train", str(folder), "-o", str(tmp_path / "m.skmmgenre"), "--target", "softmax"]
    words += ["--modality", "audio", "--set", "validation_fraction=0", "--json", "--quiet"]
    return [*words, *settings("audio", "fusion")]


def test_the_commands_say_so(command, folder, tmp_path, capsys):
    assert main(command) == 0
    out, err = capsys.readouterr()
    card = json.loads(out)
    assert card["items_by_genre"] == {"Blues": 3, "Jazz": 3}
    assert card["left_out"]["without_genre"] == 6
    assert card["written_by_tag"] == {"items": 6, "learned": False}
    assert "6 items have genres that skmmgenre tag wrote: ignored (--with-tagged" in err
    words = ["evaluate", str(tmp_path / "m.skmmgenre"), str(folder), "--json", "--quiet"]
    assert main(words) == 0
    out, err = capsys.readouterr()
    told = json.loads(out)
    assert told["items"] == told["left_out"] == 6 and told["unknown_genres"] == {}
    assert told["written_by_tag"] == {"items": 6, "counted": False}
    assert "6 items have genres that skmmgenre tag wrote: ignored" in err
    assert main([*words, "--with-tagged"]) == 0
    out, err = capsys.readouterr()
    assert json.loads(out)["unknown_genres"] == {"Rock": 6} and "used (--with-tagged)" in err
    assert main([*words, "--train", str(folder)]) == 0
    assert json.loads(capsys.readouterr().out)["plain"]["items"] == 6


def test_train_with_tagged(command, capsys):
    assert main([*command, "--with-tagged"]) == 0
    out, err = capsys.readouterr()
    card = json.loads(out)
    assert card["items_by_genre"]["Rock"] == 6
    assert card["written_by_tag"] == {"items": 6, "learned": True}
    assert "used (--with-tagged)" in err
    assert np.sum(list(card["items_by_genre"].values())) == 12
