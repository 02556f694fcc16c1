"""`tag --write` and `--undo` killed at any moment: each file is the old one or the new one."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

HELPERS = str(Path(__file__).resolve().parents[1] / "helpers")

# One process imports everything once; its children are killed.
KILLS = """
import os, random, signal, sys, time
from pathlib import Path
from made_tags import tagged_files
from skmmgenre.cli._tag import Outcome, plan_undo, undo_tags, write_tags

root, n_kills = Path(sys.argv[1]), int(sys.argv[2])
rng = random.Random(0)
old = tagged_files()

def write(folder):
    outcomes = [Outcome(str(path), "write", ["Polka", "演歌"]) for path in sorted(folder.iterdir())]
    write_tags(str(folder), [o for o in outcomes if not o.file.endswith(".jsonl")], verbose=0)

def undo(folder):
    backup, outcomes = plan_undo(str(folder))
    undo_tags(backup, outcomes, verbose=0)
    assert not [o for o in outcomes if o.action == "fail"], outcomes

def content_of(folder):
    return {path.name: path.read_bytes() for path in folder.iterdir() if path.name in old}

def fill(folder, names):
    folder.mkdir()
    for name in names:
        (folder / name).write_bytes(old[name])

fill(root / "all", old)
begin = time.perf_counter()
write(root / "all")
seconds = (time.perf_counter() - begin) / len(old)
new = content_of(root / "all")
undo(root / "all")
assert content_of(root / "all") == old

n_killed = n_changed = 0
while n_killed < n_kills:
    folder = root / f"{n_killed}"
    names = rng.sample(sorted(old), 30)
    fill(folder, names)
    run = write if n_killed % 2 else undo
    if run is undo:
        write(folder)
    child = os.fork()
    if not child:
        run(folder)
        os._exit(0)
    time.sleep(rng.random() * 30 * seconds)
    os.kill(child, signal.SIGKILL)
    n_killed += os.WIFSIGNALED(os.waitpid(child, 0)[1])
    found = content_of(folder)
    assert all(data in (old[name], new[name]) for name, data in found.items())
    n_changed += sum(data != old[name] for name, data in found.items())
    write(folder)
    assert content_of(folder) == {name: new[name] for name in names}
    undo(folder)
    assert content_of(folder) == {name: old[name] for name in names}
    assert sorted(os.listdir(folder)) == sorted(names)
    for path in folder.iterdir():
        path.unlink()
    folder.rmdir()
print(n_killed, n_changed)
"""


@pytest.mark.skipif(not hasattr(os, "fork"), reason="forks")
@pytest.mark.parametrize("n_kills", [4, pytest.param(200, marks=pytest.mark.slow)])
def test_killed_at_any_moment(tmp_path, n_kills):
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", KILLS, str(tmp_path), str(n_kills)],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([HELPERS, *filter(None, sys.path)])},
        capture_output=True,
        encoding="utf-8",
    )
    assert done.returncode == 0, done.stderr
    n_killed, n_changed = map(int, done.stdout.split())
    assert n_killed == n_kills and n_changed > n_kills
