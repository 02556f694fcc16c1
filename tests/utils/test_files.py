"""Files that are replaced: the old one or the new one, whatever fails, and nothing beside it."""

import errno
import io
import os
import shutil
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from itertools import product

import numpy as np
import pytest
from named_pipes import named_pipe
from obey_rights import obey_rights
from sklearn.linear_model import LinearRegression
from slow_cases import few_fast

import skmmgenre
from skmmgenre.text import KnowledgeBase
from skmmgenre.utils import BadItem, changing, open_file, remove_parts, replacing

OLD, NEW = b"old " * 1000, b"new " * 100_000
posix = pytest.mark.skipif(os.name == "nt", reason="has no such permissions, links and limits")


def replace_it(path):
    with replacing(path) as new, open(new, "wb") as file:
        file.write(NEW)


def change_it(path):
    with changing(path) as copy, open(copy, "wb") as file:
        file.write(NEW)


# ---- opening -----------------------------------------------------------------------------


@pytest.mark.parametrize("buffering", [-1, 0])
def test_a_file_is_opened_at_its_start(path, buffering):
    for form in (path, str(path), os.fsencode(path)):
        with open_file(form, buffering=buffering) as file:
            assert file.read() == OLD
            assert isinstance(file, io.FileIO) == (buffering == 0)


def test_what_is_no_file_is_not_opened(path, tmp_path):
    path.write_bytes(b"")
    with named_pipe(tmp_path / "pipe") as pipe:
        for other, reason, remedy in [
            (tmp_path / "gone", "there is no such file", "Check the path; a relative"),
            (tmp_path, "it is a folder", "Pass a list."),
            (path, "the file is empty (0 bytes)", "Get the file again."),
            (pipe, "it is a pipe or a device, not a file", "Write its content to a file"),
            (os.devnull, "it is a pipe or a device, not a file", "Write its content to a file"),
            ("null\0byte", "the file cannot be opened (embedded null", "Check the path."),
            ("long" * 5000, "the file cannot be opened (File name too long)", "Check the path."),
            (path / "in a file", "the file cannot be opened (Not a dir", "Check the path."),
        ]:
            with pytest.raises(BadItem) as error:
                open_file(other, if_folder="Pass a list.")
            assert error.value.reason.startswith(reason)
            assert error.value.remedy.startswith(remedy)


@posix
def test_a_file_that_may_not_be_read(path):
    path.chmod(0)
    code = (
        "import sys; from skmmgenre.utils import open_file\n"
        "try: open_file(sys.argv[1])\n"
        "except ValueError as error: print(error.reason, error.remedy, sep='|')"
    )
    command = [sys.executable, "-c", code, str(path)]
    told = subprocess.run(command, capture_output=True, text=True, preexec_fn=obey_rights).stdout
    assert told == (
        "the file cannot be opened (Permission denied)|Check the permissions of the file.\n"
    )


# ---- replacing ---------------------------------------------------------------------------

both = pytest.mark.parametrize("write", [replace_it, change_it])


@pytest.fixture
def path(tmp_path):
    path = tmp_path / "file.txt"
    path.write_bytes(OLD)
    return path


def content_of(folder):
    return {name: (folder / name).read_bytes() for name in os.listdir(folder)}


@contextmanager
def failing(module, name, error, *, after=0):
    """Let a function fail, once it was called `after` times."""
    calls = []
    real = getattr(module, name)

    def fail(*args, **kwargs):
        calls.append(name)
        if len(calls) > after:
            raise error
        return real(*args, **kwargs)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(module, name, fail)
        yield calls


@contextmanager
def little_room():
    """Let no file grow beyond 64 kB, as if the disk were full."""
    resource = pytest.importorskip("resource")
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, limits[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@both
def test_file_is_replaced(write, path, tmp_path):
    write(path)
    assert content_of(tmp_path) == {"file.txt": NEW}


def test_file_is_made(tmp_path, monkeypatch):
    replace_it(tmp_path / "first.txt")
    monkeypatch.chdir(tmp_path)
    replace_it("second.txt")
    assert content_of(tmp_path) == {"first.txt": NEW, "second.txt": NEW}


def test_other_names_of_a_changed_file_keep_the_old_content(tmp_path):
    """A hard link, as the guide of the command says."""
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"old")
    os.link(path, other)
    with changing(path) as copy, open(copy, "ab") as file:
        file.write(b" and new")
    assert (path.read_bytes(), other.read_bytes()) == (b"old and new", b"old")
    assert other.stat().st_nlink == 1


def test_new_file_is_beside_the_old_one(path, tmp_path):
    """Moving it is one step then. The end of the name stays, as it says what a bare mp3 is."""
    with replacing(tmp_path / ("long" * 60 + ".mp3")) as new:
        open(new, "x").close()
        assert os.path.dirname(new) == str(tmp_path) and new.endswith(".mp3")
    with changing(path) as copy:
        assert os.path.dirname(copy) == str(tmp_path) and copy.endswith(".txt")
        shutil.copyfile(copy, tmp_path / "seen")
    assert (tmp_path / "seen").read_bytes() == OLD


@both
@pytest.mark.parametrize("error", [OSError(errno.EIO, "disk"), KeyboardInterrupt(), SystemExit()])
@pytest.mark.parametrize("name", ["fsync", "replace"])
def test_every_step_that_fails(write, name, error, path, tmp_path):
    with failing(os, name, error), pytest.raises(type(error)):
        write(path)
    assert content_of(tmp_path) == {"file.txt": OLD}


@pytest.mark.parametrize("name", ["copyfile", "copystat"])
def test_copy_that_fails(name, path, tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    with failing(shutil, name, full), pytest.raises(OSError, match="No space"):
        change_it(path)
    assert content_of(tmp_path) == {"file.txt": OLD}


@both
@pytest.mark.parametrize("error", [ZeroDivisionError, KeyboardInterrupt])
def test_body_that_raises(write, error, path, tmp_path):
    manager = replacing if write is replace_it else changing
    with pytest.raises(error), manager(path) as new, open(new, "wb") as file:
        file.write(b"half")
        raise error
    assert content_of(tmp_path) == {"file.txt": OLD}


@posix
@both
def test_full_disk(write, path, tmp_path):
    """Writing fails, or flushing what is buffered."""
    with little_room(), pytest.raises(OSError):
        write(path)
    with little_room(), pytest.raises(OSError), replacing(path) as new:
        with open(new, "wb", buffering=2 * len(NEW)) as file:
            file.write(NEW)
    assert content_of(tmp_path) == {"file.txt": OLD}


def test_body_that_makes_nothing(path, tmp_path):
    with pytest.raises(FileNotFoundError), replacing(path):
        pass
    assert content_of(tmp_path) == {"file.txt": OLD}


@posix
def test_folder_that_cannot_be_written_to_the_disk(path, tmp_path):
    """The new file is in its place; file systems without this step work as others do."""
    with failing(os, "fsync", OSError(errno.EINVAL, "Invalid argument"), after=1) as calls:
        replace_it(path)
    assert len(calls) == 2 and content_of(tmp_path) == {"file.txt": NEW}


def test_folder_is_made_whole_or_not_at_all(tmp_path):
    def make():
        with replacing(tmp_path / "folder") as new:
            os.makedirs(os.path.join(new, "a", "b"))
            for name in ("one", "a/two", "a/b/three"):
                with open(os.path.join(new, name), "wb") as file:
                    file.write(NEW)
            if hasattr(os, "symlink"):
                os.symlink("nowhere", os.path.join(new, "link"))

    for after in range(3):
        with failing(os, "fsync", OSError(errno.EIO, "disk"), after=after):
            with pytest.raises(OSError, match="disk"):
                make()
        assert os.listdir(tmp_path) == []
    make()
    assert (tmp_path / "folder" / "a" / "b" / "three").read_bytes() == NEW


@posix
def test_permissions_are_kept_where_a_file_is_changed(path, tmp_path):
    path.chmod(0o640)
    os.utime(path, (0, 0))
    change_it(path)
    assert path.stat().st_mode & 0o777 == 0o640
    assert path.stat().st_mtime > 0
    mask = os.umask(0o022)
    try:
        replace_it(tmp_path / "made")
    finally:
        os.umask(mask)
    assert (tmp_path / "made").stat().st_mode & 0o777 == 0o644


@pytest.mark.skipif(getattr(os, "geteuid", int)() != 0 or os.name == "nt", reason="needs root")
def test_owner_is_kept_where_a_file_is_changed(path):
    os.chown(path, 1234, 2345)
    change_it(path)
    assert (path.stat().st_uid, path.stat().st_gid) == (1234, 2345)


@posix
def test_links(path, tmp_path):
    link = tmp_path / "link"
    link.symlink_to(path)
    change_it(link)
    assert link.is_symlink() and path.read_bytes() == NEW
    path.write_bytes(OLD)
    replace_it(link)
    assert not link.is_symlink() and content_of(tmp_path) == {"file.txt": OLD, "link": NEW}


KILLED = """
import os, signal, sys
from skmmgenre.utils import changing, replacing
manager, step, path = {"changing": changing, "replacing": replacing}[sys.argv[1]], *sys.argv[2:]
def kill(*args):
    os.kill(os.getpid(), signal.SIGKILL)
with manager(path) as new, open(new, "wb") as file:
    file.write(b"new " * 100_000)
    setattr(os, step, kill) if step != "write" else kill()
"""


@posix
@pytest.mark.parametrize(
    ("manager", "step"),
    few_fast(
        list(product(["replacing", "changing"], ["write", "fsync", "replace"])),
        ("replacing", "replace"),
        ("changing", "write"),
    ),
)
def test_kill(manager, step, path, tmp_path):
    done = subprocess.run([sys.executable, "-c", KILLED, manager, step, str(path)])
    assert done.returncode == -signal.SIGKILL
    found = content_of(tmp_path)
    assert found.pop("file.txt") == OLD
    (left,) = found
    remove_parts([tmp_path, tmp_path / "gone"])
    # A new file may be one that another process is making.
    assert (left in os.listdir(tmp_path)) == (manager == "replacing")


def test_only_copies_are_removed(tmp_path):
    """Names of which only the beginning is that of a copy are someone's files."""
    parts = [".skmmgenre_part_0123456789abcdef.mp3", ".skmmgenre_part_0123456789abcdef"]
    kept = [".skmmgenre_part_notes", ".skmmgenre_part_0123456789abcdefg.txt", "song.mp3"]
    for name in parts + kept:
        (tmp_path / name).write_bytes(OLD)
    (tmp_path / ".skmmgenre_part_0000000000000000").mkdir()  # cannot be unlinked
    remove_parts([tmp_path])
    assert sorted(content_of_files(tmp_path)) == sorted(kept)


def content_of_files(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.is_file()}


def test_a_copy_that_the_body_makes(path, tmp_path):
    with changing(path, filled=False) as copy:
        assert not os.path.exists(copy)
        with open(copy, "xb") as file:
            file.write(NEW)
    assert content_of(tmp_path) == {"file.txt": NEW}


@pytest.mark.parametrize("change", ["content", "another file", "gone"])
def test_a_file_that_changes_at_the_same_time(change, path, tmp_path):
    """What another program wrote is not lost."""
    with pytest.raises(OSError, match="by another program|No such file"), changing(path) as copy:
        with open(copy, "wb") as file:
            file.write(b"ours")
        if change != "content":
            path.unlink()
        if change != "gone":
            path.write_bytes(NEW)
    assert content_of(tmp_path) == ({} if change == "gone" else {"file.txt": NEW})


def test_many_writers(path, tmp_path):
    """Each makes a file of its own, and whoever reads finds one of them whole."""

    def write(number):
        with replacing(path) as new, open(new, "wb") as file:
            file.write(b"%03d" % number * 50_000)
        return path.read_bytes()

    path.write_bytes(b"000" * 50_000)
    with ThreadPoolExecutor(8) as pool:
        for found in pool.map(write, range(64)):
            assert found == found[:3] * 50_000
    assert os.listdir(tmp_path) == ["file.txt"]


def save_a_model(path):
    skmmgenre.save(LinearRegression().fit(np.eye(2, 20_000), [0, 1]), path)


def build_a_knowledge_base(path):
    records = [(f"Entity {n}", [f"form {n}"], [f"Category {n}"], 1.0) for n in range(5_000)]
    KnowledgeBase.build(path, records=records, verbose=0)


@posix
@pytest.mark.parametrize("fault", ["fsync", "replace", "full disk"])
@pytest.mark.parametrize("make", [save_a_model, build_a_knowledge_base])
def test_models_and_knowledge_bases(make, fault, path, tmp_path):
    full = OSError(errno.ENOSPC, "No space left on device")
    with little_room() if fault == "full disk" else failing(os, fault, full):
        with pytest.raises(OSError):
            make(path)
    assert content_of(tmp_path) == {"file.txt": OLD}
    make(path)
    assert os.listdir(tmp_path) == ["file.txt"] and path.stat().st_size > 1 << 16
