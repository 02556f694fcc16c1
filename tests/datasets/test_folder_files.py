"""What lies in a folder: texts and covers beside sound files, and what may not be read."""

import os
import pickle
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest
from odd_folder import embed, image_bytes, tagged

from skmmgenre.datasets import load_music_folder
from skmmgenre.datasets._folder_files import walk_folder


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
def test_choose_cover(tmp_path, names, cover):
    tagged(tmp_path / "a.mp3")
    for name in set(names) - {"a.mp3"}:
        (tmp_path / name).write_bytes(image_bytes())
    expected = cover and str(tmp_path / cover)
    assert load_music_folder(tmp_path).table["cover"].tolist() == [expected]


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
def test_choose_album_text(tmp_path, names, text):
    """That of a track without a text of its own name."""
    for name in ("a.ogg", "z.ogg"):
        tagged(tmp_path / "Stones" / name)
    for name in names:
        (tmp_path / "Stones" / name).write_text(name)
    _, texts = load_music_folder(tmp_path / "Stones", text="file").table["text"]
    assert texts == (text and [text])


def test_the_text_of_a_track_may_be_spelt_another_way(tmp_path):
    """As one system writes accents and another does not; b has none, and not that of a."""
    tagged(tmp_path / "Caf\u00e9.ogg")
    tagged(tmp_path / "b.ogg")
    (tmp_path / "CAFE\u0301.TXT").write_text("Of a.")
    texts = load_music_folder(tmp_path).table.set_index("audio")["text"]
    assert texts[str(tmp_path / "Caf\u00e9.ogg")] == ["Of a."]
    assert texts[str(tmp_path / "b.ogg")] is None
    (tmp_path / "Caf\u00e9.txt").write_text("Of a, and its very name.")
    texts = load_music_folder(tmp_path).table.set_index("audio")["text"]
    assert texts[str(tmp_path / "Caf\u00e9.ogg")] == ["Of a, and its very name."]


BROKEN = {
    "empty": b"",
    "a page": b"<html>404</html>",
    "noise": b"\xff\xd8\xff" + bytes(200),
    "truncated": image_bytes(256)[:700],
}


@pytest.mark.parametrize("content", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("other", ["folder.png", "scan.png", None])
def test_a_broken_cover_is_passed_over(tmp_path, content, other):
    tagged(tmp_path / "a.ogg")
    (tmp_path / "cover.jpg").write_bytes(content)
    if other:
        (tmp_path / other).write_bytes(image_bytes(file_format="PNG"))
    data = load_music_folder(tmp_path)
    assert data.table["cover"].tolist() == [other and str(tmp_path / other)]
    assert data.errors["item"].tolist() == [str(tmp_path / "cover.jpg")]


def test_a_broken_cover_above_discs_is_listed_once(tmp_path):
    for disc in (1, 2):
        tagged(tmp_path / f"CD {disc}" / "a.ogg", album="A")
    (tmp_path / "cover.jpg").write_bytes(b"")
    (tmp_path / "front.png").write_bytes(image_bytes(file_format="PNG"))
    data = load_music_folder(tmp_path, by="album")
    assert data.table["cover"].tolist() == [str(tmp_path / "front.png")]
    assert data.errors["reason"].tolist() == ["the file is empty (0 bytes)"]


@pytest.mark.parametrize("suffix", ["mp3", "flac", "m4a"])
def test_a_broken_embedded_cover_is_passed_over(tmp_path, suffix):
    """The next in the file is taken, else that in the folder; what is broken is not written."""
    path = tagged(tmp_path / "music" / f"a.{suffix}")
    embed(path, (3, BROKEN["truncated"]), (4, image_bytes(32)))
    covers = tmp_path / "covers"
    data = load_music_folder(tmp_path / "music", cover_directory=covers)
    (cover,) = data.table["cover"]
    assert Path(cover).read_bytes() == image_bytes(32) and len(os.listdir(covers)) == 1
    assert "truncated or broken" in data.errors["reason"][0] and data.errors["row"].tolist() == [0]
    embed(tagged(path), (3, BROKEN["truncated"]))
    (tmp_path / "music" / "front.jpg").write_bytes(image_bytes())
    data = load_music_folder(tmp_path / "music", cover_directory=covers)
    assert data.table["cover"].tolist() == [str(tmp_path / "music" / "front.jpg")]


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
    assert unreadable["reason"] == "permission denied" and "permissions" in unreadable["remedy"]
    assert closed["item"].endswith("closed") and "folder cannot be read" in closed["reason"]


def test_a_folder_that_is_deleted_during_the_walk(tmp_path, monkeypatch):
    for name in ("a", "b", "c"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "song.txt").write_text("la")
    list_folder = os.listdir

    def list_and_delete(folder):
        if os.path.basename(folder) == "c":  # the last one is entered first
            shutil.rmtree(tmp_path / "b")
        return list_folder(folder)

    monkeypatch.setattr(os, "listdir", list_and_delete)
    found = walk_folder(str(tmp_path))
    assert [os.path.basename(folder) for folder, _ in found.places()] == ["a", "c"]
    reason = "the folder cannot be read (No such file or directory)"
    assert found.faults == [(str(tmp_path / "b"), reason, "")]
