"""Tagging and undo with damaged files and backups: nothing is changed or lost silently."""

import functools
import hashlib
import json
import random
import re
import tempfile
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import av
import made_tags
import numpy as np
import pytest
from av_sound import open_av
from tagged_files import NAME

from skmmgenre.cli._model import Answers
from skmmgenre.cli._tag import Outcome, plan_tags, plan_undo, undo_tags, write_tags
from skmmgenre.cli._tag_files import read_state, restored_genres

tagged_files = functools.cache(made_tags.tagged_files)
GENRES = ["Hip Hop", "演歌"]
MARKS = rb"ID3|id3 |TAG|APETAG|TCON|LIST|RIFF|FORM|fLaC|OggS|vorbis|OpusTags|moov|mdat|ilst|GENRE"
# A class name in place of a reason shows a fault that no code expects.
UNNAMED = re.compile(r"Traceback|struct\.error|\(error\)|\b[A-Z]\w*(Error|Exception)\b")
VALUES = [b"\0\0\0\0", b"\xff\xff\xff\xff", b"\x7f\xff\xff\xff", b"\0\0\0\1", b"\1\0\0\0"]


def sure_of(genres, n):
    """What a model that knows these genres only gives to `n` items."""
    scores = np.ones((n, len(genres)))
    return Answers(list(genres), True, scores.astype(int), scores, np.zeros(n, dtype=bool))


def damage(rng, content):
    """Return bytes with one to eight faults, half of which lie where a tag or a block begins."""
    content = bytearray(content)
    for _ in range(rng.choice([1, 1, 2, 8])):
        place, size = _place(rng, content), rng.choice([1, 4, 16, rng.randrange(1, 300)])
        end = place + size
        kind = rng.randrange(7)
        if kind == 0:
            content[place] ^= 1 << rng.randrange(8)
        elif kind == 1:
            content[place : place + 4] = rng.choice([*VALUES, rng.randbytes(4)])
        elif kind == 2:
            del content[place:end]
        elif kind == 3:
            content[place:place] = rng.choice([bytes(size), rng.randbytes(size)])
        elif kind == 4:
            content[place:place] = content[place:end]
        elif kind == 5:
            other = _place(rng, content)
            content[place:end] = content[other : other + size]
        elif rng.random() < 0.3:
            del content[place:]
        if not content:
            break
    return bytes(content)


def _place(rng, content):
    found = {}
    for mark in re.finditer(MARKS, content):
        found.setdefault(mark[0], []).append(mark.start())
    if found and rng.random() < 0.5:
        place = rng.choice(found[rng.choice(sorted(found))]) + rng.randrange(-16, 48)
        return min(max(place, 0), len(content) - 1)
    return rng.randrange(len(content))


def forge(rng, line, names):
    """Return a line of a backup with other values and a sum that fits them."""
    record = json.loads(line)
    del record["sum"]
    kind, (start, end, parts) = rng.randrange(6), record["undo"][0]
    if kind == 0:
        record["file"] = rng.choice(names)
    elif kind == 1:
        record["after"] = rng.choice([[], ["Polka"], GENRES[:1]])
    elif kind == 2:
        record["before"]["genres"] = rng.choice([["Polka"], [""], ["Jazz"]])
    elif kind == 3:
        record["undo"] = rng.choice([[], record["undo"] * 2, record["undo"][:-1]])
    elif kind == 4:
        start, end = sorted(max(0, n + rng.randrange(-9, 9)) for n in (start, end))
        record["undo"][0] = [start, end, parts]
    else:
        record["undo"][0] = [start, end, [*parts[1:], "AAAA", [0, end - start]]]
    text = json.dumps(record, sort_keys=True, separators=(",", ":")).encode() + b"\n"
    return json.dumps({**record, "sum": hashlib.blake2b(text, digest_size=8).hexdigest()}).encode()


def damage_backup(rng, backup, forged, names):
    """Damage a backup; return its old lines and its new content."""
    old = backup.read_bytes().splitlines(keepends=True)
    if forged:
        lines = [forge(rng, x, names) + b"\n" if rng.random() < 0.7 else x for x in old[1:]]
        backup.write_bytes(b"".join([old[0], *lines]))
    else:
        head, rest = old[0], b"".join(old[1:])
        if rng.random() < 0.1:
            head = damage(rng, head)
        else:
            rest = damage(rng, rest)
        backup.write_bytes(head + rest)
    return old, backup.read_bytes()


def sound_of(path):
    """Return the packets and samples that PyAV finds, and the fault at which it ends."""
    found = []
    try:
        with open_av(path) as file:
            for packet in file.demux(file.streams.audio[0]):
                found.append(bytes(packet))
                found += [frame.to_ndarray().tobytes() for frame in packet.decode()]
    except (av.FFmpegError, IndexError) as error:  # no stream of sound is an IndexError
        found.append(type(error).__name__)
    return found


class Folder:
    """A folder of small files of all formats, with others in it and beside it.

    Parameters
    ----------
    root : Path
        An empty folder.
    rng : random.Random
    n_files : int

    Attributes
    ----------
    files : dict of Path to bytes
        What each file held at first.
    faults : list
        What `check` found to be wrong.
    """

    def __init__(self, root, rng, n_files):
        self.path, self.faults = root / "music", []
        self.backup = self.path / NAME
        self.path.mkdir()
        chosen = rng.sample(sorted(tagged_files()), n_files)
        self.files = {self.path / name: tagged_files()[name] for name in chosen}
        others = [root / "out.flac", self.path / "other.flac", self.path / ".skmmgenre_part_own"]
        self._others = {path: tagged_files()["repeated.flac"] for path in others}
        for path, content in {**self.files, **self._others}.items():
            path.write_bytes(content)
        self._times = {path: path.stat().st_mtime_ns for path in others}
        self.names = [path.name for path in self.files]
        self.names += ["other.flac", "../out.flac", str(root / "out.flac"), "gone.mp3"]

    def damage(self, rng, share):
        """Damage a share of the files; return those."""
        damaged = [path for path in self.files if rng.random() < share]
        for path in damaged:
            path.write_bytes(damage(rng, path.read_bytes()))
        return damaged

    def content(self):
        return {path: path.read_bytes() for path in self.files}

    def sound(self):
        return {path: sound_of(path) for path in self.files}

    def write(self, *genres):
        """Plan and write genres; check each file and its outcome; return the outcomes."""
        before, sound = self.content(), self.sound()
        paths = list(map(str, self.files))
        answers = sure_of(genres, len(paths))
        music = SimpleNamespace(table={"audio": paths}, genres=[[]] * len(paths))
        outcomes = plan_tags(music, [list(genres)] * len(paths), answers, replace=True)
        write_tags(str(self.path), outcomes, verbose=0)
        self.check([outcome.file for outcome in outcomes] == paths, "not one outcome a file")
        for path, outcome in zip(self.files, outcomes, strict=True):
            if outcome.action == "write":
                read = read_state(str(path))["genres"]
                self.check(read == list(genres), "another genre", path, read)
                self.check_sound(path, sound[path])
            else:
                self.check_reason(outcome)
                self.check(path.read_bytes() == before[path], "changed although not written", path)
        return outcomes

    def undo(self, forged=False):
        """Undo; check each file and its outcome; return outcomes by path, None if refused."""
        before, sound, backup = self.content(), self.sound(), self.backup.read_bytes()
        try:
            planned, outcomes = plan_undo(str(self.path))
        except ValueError as error:  # it is not a backup
            self.check(is_named(str(error)), "unnamed", self.backup, error)
            self.check(self.content() == before, "changed although refused")
            self.check(self.backup.read_bytes() == backup, "backup changed although refused")
            return None
        undo_tags(planned, outcomes, verbose=0)
        found = {Path(outcome.file): outcome for outcome in outcomes}
        self.check(len(found) == len(outcomes), "more than one outcome of a file")
        for path, outcome in found.items():
            if outcome.action != "restore":
                self.check_reason(outcome)
            elif path not in self.files:
                self.check(forged, "restored what was not written", path)
            if path in self.files and path.read_bytes() != before[path]:
                # Of several changes of a file the last may be undone although the first is not.
                several = backup.count(f'"{path.name}"'.encode()) > 1
                right = outcome.action == "restore" or several
                self.check(right, "changed, but told otherwise", path)
                self.check_sound(path, sound[path])
        for path in self.files.keys() - found.keys():
            self.check(path.read_bytes() == before[path], "changed silently", path)
        return found

    def check_reason(self, outcome):
        has_reason = outcome.action in ("fail", "skip") and is_named(outcome.reason)
        self.check(has_reason, "unnamed", outcome)

    def check_sound(self, path, sound):
        """Check that a file sounds as before."""
        self.check(sound_of(path) == sound, "other sound", path)

    def check_others(self):
        """Check that nothing else in the folder or beside it was changed."""
        for path, content in self._others.items():
            same = path.is_file() and path.read_bytes() == content
            same = same and path.stat().st_mtime_ns == self._times[path]
            self.check(same, "another file was changed", path)
        known = {*self.files, *self._others, self.path, self.backup}
        more = set(self.path.parent.rglob("*")) - known
        self.check(not more, "new files", sorted(more))

    def check(self, condition, *fault):
        if not condition:
            self.faults.append(tuple(map(str, fault)))


def is_named(reason):
    return bool(reason.strip()) and not UNNAMED.search(reason)


def write_over_damage(folder, rng):
    """Files are damaged before they are tagged."""
    folder.damage(rng, 0.9)
    before = folder.content()
    written = [Path(outcome.file) for outcome in folder.write(*GENRES) if outcome.action == "write"]
    if written:
        told = {path: outcome.action for path, outcome in folder.undo().items()}
        folder.check(told == dict.fromkeys(written, "restore"), "not restored", told)
    folder.check(folder.content() == before, "other bytes after undo")
    folder.check(not folder.backup.exists(), "the backup was left")


def undo_damaged_files(folder, rng):
    """Files are damaged after they were tagged; tagged once more, or not."""
    outcomes = folder.write(*GENRES)
    written, tagged = {Path(o.file) for o in outcomes if o.action == "write"}, folder.content()
    damaged = folder.damage(rng, 0.7)
    if rng.random() < 0.3:
        folder.write("Polka")
    found = folder.undo()
    folder.check(found.keys() >= written, "without an outcome", written - found.keys())
    for path in written:
        outcome, content = found[path], folder.files[path]
        if path not in damaged:
            folder.check(path.read_bytes() == content, "not restored", path, outcome)
        elif outcome.action == "restore":
            (path.parent / "old").write_bytes(content)
            first = read_state(str(path.parent / "old"))
            (path.parent / "old").unlink()
            genres = (first["genres"], restored_genres(first))
            folder.check(read_state(str(path))["genres"] in genres, "another genre", path)
    # What failed can still be undone once the file is there as it was.
    failed = [path for path in written if found[path].action == "fail"]
    for path in failed:
        path.write_bytes(tagged[path])
    if failed:
        folder.undo()
    for path in failed:
        folder.check(path.read_bytes() == folder.files[path], "not kept in the backup", path)


def undo_damaged_backup(folder, rng, more=False, both=False):
    """The backup is damaged after it was written; more files are tagged then, or not."""
    files, later = folder.files, dict(list(folder.files.items())[::2])
    if more:
        folder.files = {path: files[path] for path in files if path not in later}
    folder.write(*GENRES)
    first, tagged = list(folder.files), folder.content()
    damaged = folder.damage(rng, 0.5) if both else []
    old, new = damage_backup(rng, folder.backup, False, ())
    if more:
        folder.files = later
        try:
            folder.write("Polka")
        except ValueError as error:  # it is not a backup
            folder.check(is_named(str(error)), "unnamed", folder.backup, error)
            folder.check(folder.content() == later, "changed although refused")
    folder.files = files
    found = folder.undo()
    if found is not None:
        # Whole lines that are gone leave no trace. Nor does a last line that was cut off, if
        # others follow: a process that was killed before it changed the file leaves one, too.
        lines = new.splitlines()
        is_cut = more and not new.endswith(b"\n")
        lines = set(lines[:-1] if is_cut else lines) - set(b"".join(old).splitlines())
        told = any(path.name.startswith(NAME) for path in found)
        for path in first:
            action = found[path].action if path in found else None
            if action is None and path.read_bytes() != files[path]:
                folder.check(told or not lines, "lost silently", path, old, new)
            elif path not in damaged and action is not None:
                folder.check(path.read_bytes() == files[path], "not restored", path, found[path])
        for path in later if more else ():
            folder.check(path.read_bytes() == files[path], "a later one is lost", path)
    else:  # what was moved away and is put back as it was
        folder.backup.write_bytes(b"".join(old))
        for path in first:
            path.write_bytes(tagged[path])
        folder.undo()
        for path in first:
            folder.check(path.read_bytes() == files[path], "not restored by the old backup", path)


def write_behind_damaged_backup(folder, rng):
    undo_damaged_backup(folder, rng, more=True)


def undo_damaged_files_by_damaged_backup(folder, rng):
    undo_damaged_backup(folder, rng, both=True)


def undo_by_forged_backup(folder, rng):
    """The backup says what is not true, with sums that fit."""
    folder.write(*GENRES)
    if rng.random() < 0.5:
        folder.damage(rng, 0.4)
    damage_backup(rng, folder.backup, True, folder.names)
    found = folder.undo(forged=True) or {}
    sums = [o.reason for o in found.values() if "the line was changed" in o.reason]
    folder.check(not sums, "a sum that does not fit", sums)


RUNS = [
    write_over_damage,
    undo_damaged_files,
    undo_damaged_backup,
    write_behind_damaged_backup,
    undo_damaged_files_by_damaged_backup,
    undo_by_forged_backup,
]


def run_once(run, seed, n_files=8):
    """Return what is wrong after a run in a folder of its own."""
    rng = random.Random(f"{run.__name__} {seed}")
    with tempfile.TemporaryDirectory() as root:
        folder = Folder(Path(root), rng, n_files)
        run(folder, rng)
        folder.check_others()
        return [(seed, *fault) for fault in folder.faults]


@pytest.mark.parametrize("n_folders", [2, pytest.param(110, marks=pytest.mark.slow)])
@pytest.mark.parametrize("run", RUNS, ids=lambda run: run.__name__)
def test_nothing_is_lost_silently(run, n_folders):
    faults = [fault for seed in range(n_folders) for fault in run_once(run, seed)]
    assert faults == [], Counter(fault[1] for fault in faults)


def reason_of(path, content):
    """Plan and write a genre; return what becomes of the file and why."""
    path.write_bytes(content)
    answers = sure_of(GENRES, 1)
    music = SimpleNamespace(table={"audio": [str(path)]}, genres=[[]])
    outcomes = plan_tags(music, [GENRES], answers)
    write_tags(str(path.parent), outcomes, verbose=0)
    assert path.read_bytes() == content
    return outcomes[0].action, outcomes[0].reason


@pytest.mark.parametrize(
    "name, n_bytes", [("v3.mp3", 60), ("upper_v3.wav", -400), ("v3.aiff", -400)]
)
def test_reason_of_a_file_cut_in_its_tag(tmp_path, name, n_bytes):
    action, reason = reason_of(tmp_path / name, tagged_files()[name][:n_bytes])
    assert action == "fail" and not UNNAMED.search(reason)


@pytest.mark.parametrize("name", ["repeated.ogg", "repeated.opus", "repeated.oga", "long.ogg"])
def test_damaged_pages_of_ogg_stay_damaged(tmp_path, name):
    """A checksum that fits would make players decode what they skip now."""
    content = bytearray(tagged_files()[name])
    place = content.index(b"made by hand")
    content[place] ^= 1
    path = tmp_path / name
    path.write_bytes(content)
    outcome = Outcome(str(path), "write", GENRES)
    write_tags(str(tmp_path), [outcome], verbose=0)
    assert outcome.action == "fail" and "checksum does not match" in outcome.reason
    assert path.read_bytes() == content
