"""The backup of a folder: what is written, and that nothing in it is trusted."""

import json
import os
from pathlib import Path

import pytest
from tagged_files import NAME, small, undo

from skmmgenre.cli import main
from skmmgenre.cli._tag import Outcome, plan_undo, undo_tags, write_tags
from skmmgenre.cli._tags._backup import TagBackup

ID3 = {"tags": "v2", "genres": ["Jazz"], "encoding": 3}
VORBIS = {"tags": True, "genres": ["Jazz"], "places": [0], "keys": ["genre"]}
UNDO = [[10, 20, ["SmF6eg==", [0, 4]]]]
posix = pytest.mark.skipif(os.name == "nt", reason="has no such links and devices")


def write(folder, files, genre="Polka"):
    outcomes = [Outcome(str(path), "write", [genre]) for path in files]
    write_tags(str(folder), outcomes, verbose=0)
    return outcomes


def content_of(*paths):
    return {str(path): path.read_bytes() for path in paths}


def test_what_was_added_is_read_again(tmp_path):
    backup = TagBackup(str(tmp_path))
    for name, before in (("a.mp3", ID3), ("b/c.ogg", VORBIS), ("a.mp3", ID3)):
        backup.add(str(tmp_path / name), before, ["演歌"], UNDO)
    changes, damaged = TagBackup(str(tmp_path)).read()
    paths = [str(tmp_path / "a.mp3"), str(tmp_path / "b/c.ogg")]
    assert list(changes) == paths and damaged == [] and len(changes[paths[0]]) == 2
    (record,) = changes[paths[1]]
    assert (record["before"], record["after"], record["undo"]) == (VORBIS, ["演歌"], UNDO)
    backup = TagBackup(str(tmp_path))
    backup.keep([paths[1]])
    assert list(TagBackup(str(tmp_path)).read()[0]) == paths[1:]
    TagBackup(str(tmp_path)).keep([])
    assert os.listdir(tmp_path) == []


def test_what_could_not_be_undone_is_not_added(tmp_path):
    backup = TagBackup(str(tmp_path / "folder"))
    (tmp_path / "folder").mkdir()
    with pytest.raises(ValueError, match="leads out of the folder"):
        backup.add(str(tmp_path / "a.mp3"), ID3, ["Polka"], UNDO)
    with pytest.raises(ValueError, match="16 MB"):
        backup.add(str(tmp_path / "folder/a.mp3"), ID3, ["Polka"], [[0, 1, ["A" * (1 << 24)]]])
    assert os.listdir(tmp_path / "folder") == []


def old_lines(files, before=ID3):
    return [{"file": path.name, "before": before, "after": ["Polka"]} for path in files]


def write_lines(folder, *lines):
    (folder / NAME).write_bytes(
        b"".join(x if type(x) is bytes else json.dumps(x).encode() + b"\n" for x in lines)
    )


def test_backup_of_the_first_version(tmp_path):
    """Its lines are undone by fields, and stay as they are when others are added."""
    folder, files = small(tmp_path, "mp3", "mp3", genre="Polka")
    write_lines(folder, *old_lines(files[:1]), b'{"file": "1.m')
    write(folder, files[1:], "Hip Hop")
    lines = (folder / NAME).read_text().splitlines()
    assert len(lines) == 3 and "skmmgenre_tags" in lines[0] and "undo" not in lines[1]
    assert undo(folder) == ["restore", "restore"]
    tags = [main(["tag", "--undo", str(folder)]), *(b"Jazz" in f.read_bytes() for f in files)]
    assert tags == [1, True, False]


def test_last_line_of_the_first_version_without_a_line_end(tmp_path):
    """It is read, so it is kept when another change is recorded."""
    folder, files = small(tmp_path, "mp3", "mp3", "mp3", genre="Polka")
    old = json.dumps(old_lines(files[:2])[1]).encode()
    write_lines(folder, *old_lines(files[:1]), old)
    assert len(TagBackup(str(folder)).read()[0]) == 2
    write(folder, files[2:], "Hip Hop")
    lines = (folder / NAME).read_bytes().splitlines(keepends=True)
    assert len(lines) == 4 and lines[2] == old + b"\n"
    assert undo(folder) == ["restore"] * 3
    assert all(b"Jazz" in file.read_bytes() for file in files[:2])


def malformed(path):
    """Lines that are not notes, each of which says that the genre of a file was Rock."""
    good = {"file": path.name, "before": {**ID3, "genres": ["Rock"]}, "after": ["Polka"]}

    def but(**parts):
        return json.dumps({**good, **parts}).encode() + b"\n"

    def before(**parts):
        return but(before={**good["before"], **parts})

    text = json.dumps(good).encode()
    return {
        "invalid JSON": text[:-1] + b"\n",
        "empty line": b"\n",
        "a list": b"[1, 2]\n",
        "a number": b"7\n",
        "null": b"null\n",
        "file is a number": but(file=7),
        "file is empty": but(file=""),
        "file is null": but(file=None),
        "file is long": but(file="a" * 5000),
        "NUL in file": but(file="a\0.mp3"),
        "surrogate in file": but(file="\ud800.mp3"),
        "before is a list": but(before=[1]),
        "before is null": but(before=None),
        "tags is a number": before(tags=7),
        "tags is a list": before(tags=["v2"]),
        "tags has an unknown value": before(tags="v9"),
        "genres is a text": before(genres="Rock"),
        "genres holds a number": before(genres=[7]),
        "genres holds a surrogate": before(genres=["\ud800"]),
        "a huge genre": before(genres=["x" * 100_000]),
        "too many genres": before(genres=["x"] * 2000),
        "encoding is 4": before(encoding=4),
        "encoding is true": before(encoding=True),
        "encoding is a text": before(encoding="3"),
        "encoding without a genre": before(genres=None),
        "after is a text": but(after="Polka"),
        "after is null": but(after=None),
        "after holds null": but(after=[None]),
        "places go down": but(before={**VORBIS, "genres": ["a", "b"], "places": [2, 1]}),
        "places below 0": but(before={**VORBIS, "places": [-1]}),
        "places are huge": but(before={**VORBIS, "places": [1 << 40]}),
        "places are numbers with a point": but(before={**VORBIS, "places": [0.0]}),
        "places are missing": but(before={**VORBIS, "places": []}),
        "keys are another": but(before={**VORBIS, "keys": ["title"]}),
        "keys are null": but(before={**VORBIS, "keys": None}),
        "a missing part": json.dumps({"file": path.name, "after": []}).encode() + b"\n",
        "one part more": but(more=1),
        "one part of before more": before(more=1),
        "parts twice": text[:-1] + b', "after": ["Polka"]}\n',
        "huge numbers": before(encoding=10**300),
        "a number of 10,000 digits": text.replace(b'"encoding": 3', b'"encoding": ' + b"9" * 10_000)
        + b"\n",
        "not a number": before(encoding=float("nan")),
        "nested deeply": b"[" * 100_000 + b"]" * 100_000 + b"\n",
        "objects nested deeply": b'{"file":' * 100_000 + b"\n",
        "not UTF-8": text.replace(b"Rock", b"R\xffck") + b"\n",
        "a byte order mark": b"\xef\xbb\xbf" + text + b"\n",
        "zeros": bytes(500) + b"\n",
        "a long line": b'"' + b"x" * (17 << 20) + b'"\n',
        "a sum that is wrong": but(undo=[], sum="00"),
        "undo without a sum": but(undo=[]),
        "undo is null": but(undo=None, sum=""),
    }


def outside(path):
    """Names of a file that leads out of the folder."""
    return {
        "up": f"../{path.name}",
        "up from inside": f"a/../../{path.name}",
        "up and back": "../small/0.mp3",
        "absolute": str(path),
    }


CASES = [*malformed(Path("0.mp3")), *outside(Path("x.mp3"))]


@pytest.mark.parametrize("case", CASES)
def test_a_line_that_is_not_a_note(tmp_path, capsys, case):
    """It is named and stays; all others are undone, and the file is not changed by it."""
    folder, files = small(tmp_path, "mp3", "flac", genre="Jazz")
    victim = tmp_path / "victim.mp3"
    victim.write_bytes(files[0].read_bytes())
    bad = malformed(files[0]) | {
        name: json.dumps({**old_lines(files)[0], "file": file}).encode() + b"\n"
        for name, file in outside(victim).items()
    }
    content = content_of(*files, victim)
    write(folder, files)
    first, *lines = (folder / NAME).read_bytes().splitlines(keepends=True)
    write_lines(folder, first, lines[0], bad[case], lines[1])
    capsys.readouterr()
    assert main(["tag", "--undo", str(folder), "--quiet"]) == 1
    told = capsys.readouterr()
    assert f"{NAME}, line 3: failed" in told.out and "2 restored, 1 failed" in told.out
    assert "Traceback" not in told.err and told.err == ""
    assert content_of(*files, victim) == content
    assert (folder / NAME).read_bytes() == first + bad[case]
    assert sorted(os.listdir(tmp_path)) == ["small", "victim.mp3"]


FOREIGN = {
    "text": b"my notes\nabout music\n",
    "text of one line": b"my notes",
    "empty": b"",
    "JSON of another program": b'{"file": "0.mp3"}\n{"file": "1.mp3"}\n',
    "one line that is not ours": b'{"file":"a","before":{"tags":true,"genres":null},'
    b'"after":[]}\n{}\n',
    "another version": b'{"skmmgenre_tags":2}\n{}\n',
    "no version": b'{"skmmgenre_tags":"1"}\n',
}


@pytest.mark.parametrize("words", ["write", "undo"])
@pytest.mark.parametrize("case", FOREIGN)
def test_a_foreign_file_of_the_name(tmp_path, model, capsys, case, words):
    folder, files = small(tmp_path, "mp3")
    (folder / NAME).write_bytes(FOREIGN[case])
    content = content_of(*files, folder / NAME)
    words = ["--undo"] if words == "undo" else [model, "--write", "--quiet"]
    assert main(["tag", *words, str(folder)]) == 1
    told = capsys.readouterr()
    assert NAME in told.err and "skmmgenre tag: " in told.err and told.out == ""
    assert content_of(*files, folder / NAME) == content
    assert sorted(os.listdir(folder)) == [NAME, files[0].name]


@posix
@pytest.mark.parametrize("words", ["write", "undo"])
@pytest.mark.parametrize("case", ["link", "link to a backup", "dangling link", "folder", "pipe"])
def test_a_name_that_is_no_plain_file(tmp_path, model, capsys, case, words):
    folder, files = small(tmp_path, "mp3")
    place, target = folder / NAME, tmp_path / "target"
    target.write_bytes(b"other\n" if case != "link to a backup" else b'{"skmmgenre_tags":1}\n')
    if case == "folder":
        place.mkdir()
    elif case == "pipe":
        os.mkfifo(place)
    else:
        place.symlink_to("nowhere" if case == "dangling link" else target)
    content = content_of(*files, target)
    words = ["--undo"] if words == "undo" else [model, "--write", "--quiet"]
    assert main(["tag", *words, str(folder)]) == 1
    assert "is not a backup of skmmgenre (it is a link" in capsys.readouterr().err
    assert content_of(*files, target) == content and os.path.lexists(place)


@posix
def test_a_link_that_appears_in_the_meantime(tmp_path):
    """The name becomes a link after it was looked at: nothing is written through it."""
    folder, files = small(tmp_path, "mp3", "flac")
    write(folder, files[:1])
    backup = TagBackup(str(folder))
    target = tmp_path / "target"
    (folder / NAME).rename(target)
    (folder / NAME).symlink_to(target)
    content = target.read_bytes()
    with pytest.raises(ValueError, match="it is a link"):
        backup.add(str(files[1]), VORBIS, ["Polka"], UNDO)
    assert target.read_bytes() == content


def test_numbers_of_lines_and_their_bytes(tmp_path):
    """Damaged lines are kept byte for byte, in their order, however many there are."""
    folder, files = small(tmp_path, "mp3", genre="Jazz")
    write(folder, files)
    first, note = (folder / NAME).read_bytes().splitlines(keepends=True)
    bad = [b"one\n", b"\xfftwo\r\n", b"{}\n"]
    write_lines(folder, first, *bad[:2], note, bad[2])
    _, damaged = TagBackup(str(folder)).read()
    assert [line.number for line in damaged] == [2, 3, 5]
    assert undo(folder, code=1) == ["restore", "fail", "fail", "fail"]
    assert (folder / NAME).read_bytes() == first + b"".join(bad)


def test_every_end_at_which_a_note_may_be_cut_off(tmp_path):
    """The change was not made: the line is told, dropped, and in nobody's way."""
    folder, files = small(tmp_path, "mp3", "mp3", genre="Jazz")
    content = content_of(*files)
    write(folder, files)
    tagged = content_of(*files)
    first, one, other = (folder / NAME).read_bytes().splitlines(keepends=True)
    files[1].write_bytes(content[str(files[1])])
    for end in range(1, len(other)):
        files[0].write_bytes(tagged[str(files[0])])
        write_lines(folder, first, one, other[:end])
        assert undo(folder) == ["restore", "skip"], other[:end]
        assert content_of(*files) == content and not (folder / NAME).exists()


def test_notes_whose_line_ends_were_lost_are_kept(tmp_path):
    folder, files = small(tmp_path, "mp3", "mp3", genre="Jazz")
    content = content_of(*files)
    write(folder, files)
    first, one, other = (folder / NAME).read_bytes().splitlines(keepends=True)
    write_lines(folder, first, one[:-1], other[:-1])
    assert undo(folder, code=1) == ["fail"]
    kept = (folder / NAME).read_bytes()
    assert kept == first + one[:-1] + other[:-1]
    write(folder, files[:1], "Hip Hop")  # another note begins a line of its own
    write_lines(folder, first, one, other, (folder / NAME).read_bytes().splitlines()[-1])
    assert undo(folder) == ["restore", "restore"] and content_of(*files) == content


def test_undo_of_a_backup_that_was_changed_since(tmp_path):
    folder, files = small(tmp_path, "mp3", "flac")
    before = content_of(*files)
    write(folder, files[:1])
    backup, outcomes = plan_undo(str(folder))
    write(folder, files[1:])
    with pytest.raises(BlockingIOError, match="changed by another process or thread since"):
        undo_tags(backup, outcomes, verbose=0)
    assert undo(folder) == ["restore", "restore"] and content_of(*files) == before
