"""The lock of a folder: who holds it, who is refused, and what of that name is left alone."""

import errno
import os
import socket
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

import pytest
from tagged_files import NAME, small, undo

from skmmgenre.cli import main
from skmmgenre.cli._tag import Outcome, write_tags
from skmmgenre.cli._tags import _lock, locked

LOCK = ".skmmgenre_tags.lock"
posix = pytest.mark.skipif(os.name == "nt", reason="has no such users, links and devices")


def write(folder, files, genre="Polka"):
    outcomes = [Outcome(str(path), "write", [genre]) for path in files]
    write_tags(str(folder), outcomes, verbose=0)
    return outcomes


def content_of(*paths):
    return {str(path): path.read_bytes() for path in paths}


HOLDER = """
import sys
from skmmgenre.cli._tags import locked
with locked(sys.argv[1]):
    print("held", flush=True)
    sys.stdin.read()
"""
# It says how far it is, and goes on when it is told to.
WRITER = """
import sys
from skmmgenre.cli import _tag

def tell(word):
    print(word, flush=True)
    sys.stdin.readline()

class Backup(_tag.TagBackup):
    def __init__(self, folder):
        super().__init__(folder)
        tell("read")

_tag.TagBackup = Backup
folder, *files = sys.argv[1:]
tell("ready")
while True:
    outcomes = [_tag.Outcome(file, "write", ["Polka"]) for file in files]
    try:
        _tag.write_tags(folder, outcomes, verbose=0)
        break
    except BlockingIOError:
        tell("refused")
assert all(outcome.action == "write" for outcome in outcomes), outcomes
tell("done")
"""


def start(code, *arguments):
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    return subprocess.Popen([sys.executable, "-c", code, *map(str, arguments)], **pipes)


def test_one_process_at_a_time_changes_a_folder(tmp_path, capsys):
    """The second is refused by name; a killed one holds nothing, and nothing is left of it."""
    folder, files = small(tmp_path, "mp3", "flac")
    before = content_of(*files)
    write(folder, files[:1])
    noted = content_of(*files, folder / NAME)
    with start(HOLDER, folder) as holder:
        assert holder.stdout.readline() == "held\n"
        assert main(["tag", "--undo", str(folder)]) == 1
        assert "Another process or thread is changing tags in" in capsys.readouterr().err
        with pytest.raises(BlockingIOError, match="Wait until it has ended"):
            write(folder, files[1:])
        assert content_of(*files, folder / NAME) == noted
        holder.kill()
    write(folder, files[1:])
    assert undo(folder) == ["restore", "restore"]
    assert content_of(*files) == before and sorted(os.listdir(folder)) == ["0.mp3", "1.flac"]


def test_two_processes_that_write_at_once_lose_no_note(tmp_path):
    """One has read the backup and waits when the other begins."""
    folder, files = small(tmp_path, *["mp3", "flac"] * 2)
    before = content_of(*files)

    def answer(process, word="go"):
        process.stdin.write(f"{word}\n")
        process.stdin.flush()
        return process.stdout.readline().strip()

    with start(WRITER, folder, *files[::2]) as one, start(WRITER, folder, *files[1::2]) as two:
        both = [one, two]
        assert [process.stdout.readline().strip() for process in both] == ["ready"] * 2
        for process in both:
            process.stdin.write("go\n")
            process.stdin.flush()
        words = {process: process.stdout.readline().strip() for process in both}
        for process in sorted(both, key=words.get):  # who was refused comes last
            if words[process] == "refused":
                assert answer(process) == "read"
            assert answer(process) == "done"
            process.stdin.close()
    assert undo(folder) == ["restore"] * 4
    assert content_of(*files) == before
    assert sorted(words.values()) == ["read", "refused"]


def test_threads(tmp_path):
    """Another thread is refused; the one that holds the lock may take it again, by any path."""
    (tmp_path / "a").mkdir()
    refused = []

    def take():
        try:
            with locked(str(tmp_path)):
                refused.append(None)
        except BlockingIOError as error:
            refused.append(str(error))

    def in_a_thread():
        thread = threading.Thread(target=take)
        thread.start()
        thread.join()
        return refused.pop()

    with locked(str(tmp_path)):
        with locked(str(tmp_path / "a" / "..")):
            assert os.listdir(tmp_path / "a") == []
        assert (tmp_path / LOCK).exists()
        assert "Another process or thread is changing tags in" in in_a_thread()
    assert os.listdir(tmp_path) == ["a"]
    assert in_a_thread() is None and os.listdir(tmp_path) == ["a"]


@posix
def test_a_lock_that_ends_while_it_is_taken(tmp_path, monkeypatch):
    """Its file was opened, then removed by who held it: it locks nothing."""
    real = _lock.lock_descriptor

    def late(*args, **kwargs):
        os.unlink(tmp_path / LOCK)
        return real(*args, **kwargs)

    monkeypatch.setattr(_lock, "lock_descriptor", late)
    with pytest.raises(BlockingIOError), locked(str(tmp_path)):
        pytest.fail("without a lock")


def test_a_file_system_without_locks(tmp_path, monkeypatch):
    error = OSError(errno.ENOLCK, "No locks available")

    def fail(*args, **kwargs):
        raise error

    monkeypatch.setattr(_lock, "lock_descriptor", fail)
    with pytest.raises(OSError, match=r"cannot lock files \(No locks"), locked(str(tmp_path)):
        pytest.fail("without a lock")


@posix
@pytest.mark.parametrize("words", ["write", "undo"])
@pytest.mark.parametrize(
    "case", ["text", "link", "link to an empty file", "dangling link", "folder", "pipe", "socket"]
)
def test_what_else_has_the_name(tmp_path, model, capsys, monkeypatch, case, words):
    """It is named before any work, and is neither locked, emptied nor removed."""
    folder, files = small(tmp_path, "mp3", genre="Jazz")
    write(folder, files)
    place, target = folder / LOCK, tmp_path / "target"
    target.write_bytes(b"" if "empty" in case else b"other\n")
    if case == "text":
        place.write_bytes(b"other\n")
    elif case == "folder":
        place.mkdir()
    elif case == "pipe":
        os.mkfifo(place)
    elif case == "socket":
        monkeypatch.chdir(folder)  # a name of a socket is short
        with socket.socket(socket.AF_UNIX) as made:
            made.bind(LOCK)
    else:
        place.symlink_to("nowhere" if case == "dangling link" else target)
    content, kind = content_of(*files, target, folder / NAME), place.lstat().st_mode
    monkeypatch.setattr("skmmgenre.cli._tag.ModelAnswers", None)
    words = ["--undo"] if words == "undo" else [model, "--write", "--replace", "--quiet"]
    assert main(["tag", *words, str(folder)]) == 1
    told = capsys.readouterr()
    assert f"{str(place)!r} has the name of skmmgenre's lock file" in told.err and told.out == ""
    assert content_of(*files, target, folder / NAME) == content
    assert place.lstat().st_mode == kind
    assert case != "text" or place.read_bytes() == b"other\n"


@posix
@pytest.mark.parametrize("content", [b"", b"other\n"])
def test_only_the_file_that_was_locked_is_removed(tmp_path, content):
    with locked(str(tmp_path)):
        (tmp_path / LOCK).unlink()
        (tmp_path / LOCK).write_bytes(content)
    assert (tmp_path / LOCK).read_bytes() == content


# As a user without rights; the superuser may do all, so it becomes another.
ANOTHER_USER = """
import os, sys
from skmmgenre.cli import main
from skmmgenre.cli._tag import Outcome, write_tags
import mutagen, skmmgenre.cli._tag_files
os.geteuid() or (os.setgroups([]), os.setgid(65534), os.setuid(65534))
what, folder, *files = sys.argv[1:]
if what == "undo":
    sys.exit(main(["tag", "--undo", folder]))
outcomes = [Outcome(file, "write", ["Waltz"]) for file in files]
try:
    write_tags(folder, outcomes, verbose=0)
except OSError as error:
    sys.exit(str(error))
print(outcomes)
"""


@pytest.fixture
def open_to_all():
    """A folder that other users may enter and change."""
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        yield Path(folder)


def as_another_user(*arguments):
    words = [sys.executable, "-c", ANOTHER_USER, *map(str, arguments)]
    return subprocess.run(words, capture_output=True, encoding="utf-8")


@posix
@pytest.mark.parametrize("what", ["write", pytest.param("undo", marks=pytest.mark.slow)])
def test_lock_file_of_another_user(open_to_all, what):
    """It cannot be opened: nothing is changed without it, but is once it is gone."""
    folder, files = small(open_to_all, "mp3", "flac", genre="Jazz")
    write(folder, files)
    folder.chmod(0o777)
    for path in (*files, folder / NAME):
        path.chmod(0o666)
    (folder / LOCK).touch(mode=0)
    content = content_of(*files, folder / NAME)
    done = as_another_user(what, folder, *files)
    assert done.returncode == 1 and done.stdout == ""
    assert f"The lock file {str(folder / LOCK)!r} cannot be opened" in done.stderr
    assert "If not, remove the file." in done.stderr
    assert content_of(*files, folder / NAME) == content
    (folder / LOCK).unlink()
    assert as_another_user(what, folder, *files).returncode == 0
    assert content_of(*files) != {str(path): content[str(path)] for path in files}


@posix
@pytest.mark.parametrize("what", [pytest.param("write", marks=pytest.mark.slow), "undo"])
def test_read_only_folder_that_has_a_backup(open_to_all, what):
    """A folder inside may be changed, and the backup may be added to: not without the lock."""
    folder, (path, inside) = small(open_to_all, "mp3", "flac", genre="Jazz")
    (folder / "open").mkdir()
    inside = inside.rename(folder / "open" / inside.name)
    write(folder, [path, inside])
    for place in (inside, folder / NAME):
        place.chmod(0o666)
    inside.parent.chmod(0o777)
    folder.chmod(0o555)
    content = content_of(path, inside, folder / NAME)
    done = as_another_user(what, folder, inside)
    folder.chmod(0o755)
    assert done.returncode == 1 and done.stdout == ""
    assert f"{str(folder)!r} is not writable (Permission denied)" in done.stderr
    assert "Nothing was changed." in done.stderr
    assert content_of(path, inside, folder / NAME) == content


@posix
def test_read_only_file_system(tmp_path, monkeypatch, capsys):
    """With a backup nothing begins; without one nothing can be changed, and no lock is needed."""
    folder, files = small(tmp_path, "mp3", genre="Jazz")
    write(folder, files)
    content = content_of(*files, folder / NAME)
    real = os.open

    def refuse(path, flags, *args, **kwargs):
        if flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            raise OSError(errno.EROFS, "Read-only file system", path)
        return real(path, flags, *args, **kwargs)

    with monkeypatch.context() as patched:
        patched.setattr(os, "open", refuse)
        patched.setattr(os, "access", lambda path, mode, **kwargs: not mode & os.W_OK)
        assert main(["tag", "--undo", str(folder), "--quiet"]) == 1
        told = capsys.readouterr().err
        assert f"{str(folder)!r} is not writable (Read-only file system)" in told
        assert f"its backup {NAME} cannot be updated. Make the folder writable" in told
        with pytest.raises(PermissionError, match="Read-only file system"):
            write(folder, files, "Waltz")
        assert content_of(*files, folder / NAME) == content
        (folder / NAME).unlink()
        assert main(["tag", "--undo", str(folder), "--quiet"]) == 1
        assert "There is no backup" in capsys.readouterr().err
        patched.setattr("os.statvfs", lambda path: os.statvfs_result([0] * 8 + [os.ST_RDONLY, 0]))
        (outcome,) = write(folder, files, "Waltz")
    assert outcome.action == "fail"
    assert outcome.reason == "it is on a read-only file system: mount it so that it can be written"
    assert content_of(*files) == {str(path): content[str(path)] for path in files}
