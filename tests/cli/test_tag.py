"""Which files get genres, and that the sound and all other tags stay bit for bit."""

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from functools import partial
from unittest.mock import Mock

import mutagen
import numpy as np
import pytest
import soundfile
from forged_model import contents, forge
from obey_rights import run_obeying
from odd_folder import tagged
from odd_folder import write_tags as put_tags
from sound_state import state_of
from tagged_files import NAME, genres_of, small, undo

import skmmgenre
from skmmgenre.cli import _model_answers, _tag, main
from skmmgenre.cli._model import Answers
from skmmgenre.cli._model_answers import ModelAnswers
from skmmgenre.cli._music import open_folder
from skmmgenre.cli._tag import Outcome, plan_tags, write_tags


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
    assert (
        told[1]["reason"] == "all inputs of the model are missing or empty"
        and told[1]["genres"] == []
    )
    assert bad.read_bytes() == content and genres_of(folder)[str(good)]


@pytest.mark.slow
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
    assert "1.mp3: failed" in done.stdout
    assert "(Permission denied: allow writing in 'small' (chmod u+w))" in done.stdout


def test_genres_are_plain_text_in_messages(model, tmp_path, monkeypatch, capsys):
    folder, _ = small(tmp_path, "flac")
    monkeypatch.setattr("skmmgenre.cli._tag_files.vorbis_edits", lambda *args, **kwargs: [])
    assert main(["tag", model, str(folder), "--write", "--quiet"]) == 1
    told = capsys.readouterr().out
    assert re.search(r"wrote \['[\w/]+'\], but the tag reads None", told) and "str_" not in told


def test_no_genre_of_the_list(model, tmp_path, capsys):
    folder, _ = small(tmp_path, "flac")
    (tmp_path / "names.yaml").write_text("genres: [Waltz]")
    words = ["tag", model, str(folder), "--genres", str(tmp_path / "names.yaml"), "--quiet"]
    assert main(words) == 0
    told = capsys.readouterr()
    assert "0.flac: skipped (none of the predicted genres is in --genres)" in told.out
    assert "the model does not predict 'Waltz'" in told.err


@pytest.mark.parametrize(
    "words, told",
    [
        (["tag", "m", ".", "--min-score", "70"], "is not in the range 0<=x<=1"),
        (["tag", "m"], "Pass MODEL and FOLDER"),
        (["tag", "--undo", "m", "."], "--undo takes only FOLDER"),
    ],
    ids=" ".join,
)
def test_wrong_arguments(capsys, words, told):
    assert main(words) == 2
    assert told in capsys.readouterr().err


@pytest.mark.parametrize("by", ["track", "album"])
def test_what_is_not_a_genre_is_written_over_and_comes_back(model, tmp_path, by, capsys):
    """Such as "Other", which is also number 12 of ID3; --not-genres says what is not."""
    tags = {"a.mp3": "(12)", "b.ogg": "Other", "c.flac": ["other", "Jazz"], "d.m4a": "Misc"}
    for name, genre in tags.items():
        put_tags(tagged(tmp_path / "music" / name), genre=genre, album=name)
    files = sorted((tmp_path / "music").iterdir())
    content = {path: path.read_bytes() for path in files}
    words = ["tag", model, str(tmp_path / "music"), "--by", by, "--quiet", "--json"]
    assert main([*words, "--not-genres", "Misc"]) == 0
    actions = [outcome["action"] for outcome in json.loads(capsys.readouterr().out)["files"]]
    assert actions == ["keep", "keep", "keep", "write"]
    assert main([*words, "--not-genres", ""]) == 0
    assert '"write"' not in capsys.readouterr().out
    assert main([*words, "--write"]) == 0
    outcomes = json.loads(capsys.readouterr().out)["files"]
    assert [outcome["action"] for outcome in outcomes] == ["write", "write", "keep", "write"]
    reasons = [f"replaces {name!r}" for name in ("Other", "Other", "Misc")]
    assert [o["reason"] for o in outcomes if o["action"] == "write"] == reasons
    assert all(genres_of(tmp_path / "music").values())
    assert main(["tag", "--undo", str(tmp_path / "music"), "--quiet"]) == 0
    assert {path: path.read_bytes() for path in files} == content


def test_formats_without_tags_are_skipped(model, tmp_path, capsys):
    import soundfile

    soundfile.write(tmp_path / "a.caf", np.random.default_rng(0).normal(size=50_000) / 9, 22050)
    tagged(tmp_path / "b.ogg")
    assert main(["tag", model, str(tmp_path), "--write", "--quiet", "--json"]) == 0
    outcome = json.loads(capsys.readouterr().out)["files"][0]
    assert (outcome["action"], outcome["reason"]) == ("skip", "tags of CAF files are not written")


def planned(*paths, genre="Polka"):
    return [Outcome(str(path), "write", [genre]) for path in paths]


@pytest.mark.parametrize("error", [MemoryError, TypeError, RecursionError, KeyError("x")])
@pytest.mark.parametrize("words", ["write", "undo"])
def test_one_file_ends_no_run(tmp_path, monkeypatch, capsys, error, words):
    """Whatever is wrong with it: it fails with a reason, and the others go on."""
    folder, files = small(tmp_path, "flac", "wav", "aiff", "mp3", genre="Jazz")
    content = {path: path.read_bytes() for path in files}
    if words == "undo":
        write_tags(str(folder), planned(*files), verbose=0)
    real = _tag.read_state

    def fail(path):
        if path.endswith("1.wav"):
            raise error
        return real(path)

    monkeypatch.setattr(_tag, "read_state", fail)
    monkeypatch.setattr(_tag, "undo_write", lambda *args: False)
    if words == "undo":
        assert main(["tag", "--undo", str(folder), "--quiet", "--json"]) == 1
        found = json.loads(capsys.readouterr().out)["files"]
        actions = [line["action"] for line in found]
        assert found[1]["reason"] and actions == ["restore", "fail", "restore", "restore"]
        monkeypatch.undo()
        assert undo(folder) == ["restore"]
    else:
        outcomes = planned(*files)
        write_tags(str(folder), outcomes, verbose=0)
        assert [o.action for o in outcomes] == ["write", "fail", "write", "write"]
        assert outcomes[1].reason and files[1].read_bytes() == content[files[1]]
        monkeypatch.undo()
        assert set(undo(folder)) == {"restore"}
        assert {path: path.read_bytes() for path in files} == content


def test_files_that_vanish(tmp_path, model, monkeypatch, capsys):
    """Before the plan is made, or after it: the others are tagged."""
    folder, files = small(tmp_path, "flac", "wav", "mp3", "ogg", album="a", artist="b")
    real = ModelAnswers.of_rows

    def vanish(*args, **kwargs):
        found = real(*args, **kwargs)
        files[1].unlink()
        return found

    monkeypatch.setattr(ModelAnswers, "of_rows", vanish)
    for by, n_left in (("track", 3), ("album", 2)):
        words = ["tag", model, str(folder), "--by", by, "--replace", "--quiet", "--json"]
        main(words)
        found = {o["file"]: o for o in json.loads(capsys.readouterr().out)["files"]}
        gone = found.pop(str(files[1]))
        assert gone["action"] in ("skip", "fail") and "o such file" in gone["reason"]
        assert [o["action"] for o in found.values()] == ["write"] * n_left
        del files[1]
    outcomes = planned(folder / "gone.mp3", *files)
    write_tags(str(folder), outcomes, verbose=0)
    assert outcomes[0].action == "fail" and "no such file" in outcomes[0].reason
    assert {o.action for o in outcomes[1:]} == {"write"}


def test_a_genre_that_another_program_writes_meanwhile(tmp_path, model, monkeypatch, capsys):
    """Answers may take hours: a file that has a genre by then keeps it."""
    folder, files = small(tmp_path, "flac", "mp3")
    real = ModelAnswers.of_rows

    def write_meanwhile(*args):
        put_tags(files[0], genre="Waltz")
        return real(*args)

    monkeypatch.setattr(ModelAnswers, "of_rows", write_meanwhile)
    assert main(["tag", model, str(folder), "--write", "--quiet", "--json"]) == 0
    actions = [file["action"] for file in json.loads(capsys.readouterr().out)["files"]]
    assert actions == ["keep", "write"] and genres_of(folder)[str(files[0])] == ["Waltz"]


@pytest.mark.parametrize("n_done", [0, 2])
def test_interrupted(tmp_path, model, monkeypatch, capsys, n_done):
    """What was done so far is listed, and can be undone; the exit code says Ctrl-C."""
    folder, files = small(tmp_path, "flac", "wav", "mp3", "ogg")
    content = {path: path.read_bytes() for path in files}
    real = {name: getattr(_tag, name) for name in ("write_genres", "undo_write")}
    calls = []

    def interrupt(name, *args):
        calls.append(name)
        if calls.count(name) == n_done + 1:
            raise KeyboardInterrupt
        return real[name](*args)

    for name in real:
        monkeypatch.setattr(_tag, name, partial(interrupt, name))
    assert main(["tag", model, str(folder), "--write", "--quiet"]) == 130
    told = capsys.readouterr().out
    assert told.count(": gets ") == n_done and told.count("stopped before this file") == 3 - n_done
    assert [path.read_bytes() != content[path] for path in files].count(True) == n_done
    monkeypatch.undo()
    if n_done:
        undo(folder)
    write_tags(str(folder), planned(*files), verbose=0)
    for name in real:
        monkeypatch.setattr(_tag, name, partial(interrupt, name))
    calls.clear()
    assert main(["tag", "--undo", str(folder), "--quiet"]) == 130
    told = capsys.readouterr().out
    assert (
        told.count(": gets back") == n_done and told.count("stopped before this file") == 3 - n_done
    )
    monkeypatch.undo()
    undo(folder)
    assert {path: path.read_bytes() for path in files} == content


@pytest.mark.skipif(os.name == "nt", reason="has no such links")
def test_links_out_of_the_folder(tmp_path):
    """What tag wrote through a link is undone, bit for bit; nothing else is written there."""
    folder, (inside, outside, other) = small(tmp_path, "mp3", "mp3", "flac", genre="Jazz")
    disk = tmp_path / "disk"
    disk.mkdir()
    for path in (outside, other):
        path.rename(disk / path.name)
    outside, other = disk / outside.name, disk / other.name
    links = [folder / "link.mp3", folder / "album" / other.name]
    links[0].symlink_to(outside)
    links[1].parent.symlink_to(disk)
    files = [inside, outside, other]
    content = {path: path.read_bytes() for path in files}
    write_tags(str(folder), planned(inside, *links), verbose=0)
    assert all(path.read_bytes() != content[path] for path in files)
    backup = (folder / NAME).read_bytes()
    assert undo(folder) == ["restore"] * 3
    assert {path: path.read_bytes() for path in files} == content and links[0].is_symlink()

    # Someone else's backup: it knows the genres that are there, but not the file.
    lines = [{"file": "link.mp3", "before": {"tags": "v2", "genres": ["Evil"], "encoding": 3}}]
    lines[0]["after"] = ["Jazz"]
    (disk / ".skmmgenre_part_0123456789abcdef.mp3").write_bytes(b"of another process")
    (folder / NAME).write_text(json.dumps(lines[0]) + "\n")
    before = sorted(os.listdir(disk))
    assert undo(folder, code=1) == ["fail"]
    assert {path: path.read_bytes() for path in files} == content
    assert sorted(os.listdir(disk)) == before

    # A backup of this folder whose target was changed since: by hand only.
    (folder / NAME).write_bytes(backup)
    write_tags(str(folder), planned(*links, genre="Polka"), verbose=0)
    put_tags(other, title="new")
    assert undo(folder, code=1).count("fail") == 1
    assert outside.read_bytes() == content[outside]


@pytest.mark.skipif(os.name == "nt", reason="has no such links")
@pytest.mark.parametrize("what", ["fifo", "folder", "endless"])
def test_undo_of_what_is_no_longer_a_file(tmp_path, what):
    folder, (path, good) = small(tmp_path, "mp3", "flac")
    write_tags(str(folder), planned(path, good), verbose=0)
    path.unlink()
    if what == "fifo":
        os.mkfifo(path)
    elif what == "folder":
        path.mkdir()
    else:
        path.symlink_to("/dev/zero")
    assert undo(folder, code=1) == ["fail", "restore"]


def test_a_file_that_another_program_changes_at_the_same_time(tmp_path, monkeypatch):
    folder, (path,) = small(tmp_path, "flac")
    real = _tag.write_genres

    def change(*args):
        undo = real(*args)
        put_tags(path, title="changed")
        return undo

    monkeypatch.setattr(_tag, "write_genres", change)
    outcomes = planned(path)
    write_tags(str(folder), outcomes, verbose=0)
    assert outcomes[0].action == "fail" and "another program" in outcomes[0].reason
    assert genres_of(folder)[str(path)] == [] and mutagen.File(path)["title"] == ["changed"]
    monkeypatch.undo()
    assert undo(folder, code=1) == ["fail"]


def test_backup_that_cannot_be_trimmed(tmp_path, monkeypatch, capsys):
    """What was undone is listed before the error."""
    folder, files = small(tmp_path, "flac", "mp3")
    write_tags(str(folder), planned(*files), verbose=0)
    error = OSError(errno.ENOSPC, "No space left on device")
    monkeypatch.setattr("skmmgenre.cli._tags.TagBackup.keep", Mock(side_effect=error))
    assert main(["tag", "--undo", str(folder), "--quiet"]) == 1
    told = capsys.readouterr()
    assert told.out.count("gets back no genre") == 2 and "No space left" in told.err
    monkeypatch.undo()
    assert undo(folder) == ["skip", "skip"]


def test_interrupted_before_the_first_file(tmp_path, monkeypatch):
    folder, files = small(tmp_path, "flac", "mp3")
    monkeypatch.setattr(_tag, "remove_parts", Mock(side_effect=KeyboardInterrupt))
    outcomes = planned(*files)
    with pytest.raises(KeyboardInterrupt):
        write_tags(str(folder), outcomes, verbose=0)
    assert [o.action for o in outcomes] == ["fail", "skip"]


def answers(*scores):
    """What a model of three genres gives to items of these best scores."""
    rest = [(1 - score) / 2 for score in scores]
    table = np.column_stack([scores, rest, rest])
    genres = np.array(["Rap"] * len(scores), dtype=object)
    return Answers(["Rap", "Ska", "Dub"], False, genres, table, np.zeros(len(scores), dtype=bool))


@pytest.mark.parametrize("by", ["track", "album"])
def test_scores_are_shown_and_never_rounded_up(tmp_path, capsys, by):
    """A score that just misses --min-score does not look as if it reached it."""
    folder, _ = small(tmp_path, "flac", "mp3", "ogg", album="a", artist="b")
    scores = (0.3499999, 0.35, 0.6239) if by == "track" else (0.3499999,)
    with open_folder(str(folder), by=by, verbose=0) as music:
        outcomes = plan_tags(music, [["Rap"]] * 3, answers(*scores), min_score=0.35)
    assert {outcome.score for outcome in outcomes} == set(scores)
    _tag._print(outcomes, False)
    told = [line.partition(": ")[2] for line in capsys.readouterr().out.splitlines()]
    missed = "skipped (the best score, 0.349, is below --min-score)"
    if by == "album":
        assert told[:3] == [missed] * 3
    else:
        written = ["gets Rap (best score 0.350)", "gets Rap (best score 0.623)"]
        assert told[:3] == [missed, *written]


@pytest.mark.parametrize("thresholds", [None, {"Rap": 0.2, "Ska": 0.35}], ids=["unknown", "known"])
def test_the_best_genre_and_its_threshold(tmp_path, capsys, thresholds):
    """A lower score may pass in another file, because each genre has its own threshold."""
    folder, _ = small(tmp_path, "flac", "mp3")
    scores = np.array([[0.1, 0.2899], [0.213, 0.1]])
    predicted = np.array([[0, 0], [1, 0]])
    said = Answers(["Rap", "Ska"], True, predicted, scores, np.zeros(2, dtype=bool), thresholds)
    with open_folder(str(folder), verbose=0) as music:
        outcomes = plan_tags(music, [said.genres(0), said.genres(1)], said)
    _tag._print(outcomes, False)
    told = [line.partition(": ")[2] for line in capsys.readouterr().out.splitlines()]
    best = "Ska with 0.289 of 0.35" if thresholds else "Ska with 0.289"
    assert told[0] == f"skipped (no genre reaches its threshold: the best is {best})"
    assert told[1] == "gets Rap (best score 0.213)"
    assert [outcome.score for outcome in outcomes] == [0.2899, 0.213]


def test_score_beside_what_is_replaced(tmp_path, capsys):
    folder, (path,) = small(tmp_path, "flac", genre="Other")
    with open_folder(str(folder), verbose=0) as music:
        outcomes = plan_tags(music, [["Rap"]], answers(0.5))
    _tag._print(outcomes, True)
    told = capsys.readouterr().out.splitlines()
    assert told[0] == f"{path}: gets Rap (best score 0.500, replaces 'Other')"
    assert told[1] == "1 file: 1 tagged"


def test_a_file_that_is_skipped_or_fails_is_shown_without_a_genre(tmp_path, capsys):
    """As if the genre were what is skipped; JSON has it."""
    folder, files = small(tmp_path, "flac", "mp3", genre="Jazz")
    content = files[0].read_bytes()
    write_tags(str(folder), planned(*files), verbose=0)
    files[0].write_bytes(content)
    put_tags(files[1], genre="Ska")
    assert main(["tag", "--undo", str(folder), "--quiet"]) == 1
    told = [line.partition(": ")[2] for line in capsys.readouterr().out.splitlines()]
    assert told[0] == "skipped (it is already restored)"
    assert told[1].startswith("failed (its genres have changed since")


class TestSecondRun:
    """Only what may get a genre is decoded, and nothing twice."""

    @pytest.fixture
    def answered(self, monkeypatch):
        """How many items the model was asked for, in each call."""
        asked, compute = [], ModelAnswers._compute

        def note(self, music, rows):
            asked.append(len(rows))
            return compute(self, music, rows)

        monkeypatch.setattr(ModelAnswers, "_compute", note)
        return asked

    def told(self, capsys, *words):
        assert main(["tag", *map(str, words), "--json", "--quiet"]) == 0
        return json.loads(capsys.readouterr().out)["files"]

    def test_files_with_genres_are_not_decoded(self, model, tmp_path, answered, capsys):
        folder, files = small(tmp_path, "flac", "mp3", "ogg")
        put_tags(files[0], genre="Jazz")
        cache = ("--cache", tmp_path / "c.sqlite")
        first = self.told(capsys, model, folder, *cache)
        assert [file["action"] for file in first] == ["keep", "write", "write"]
        assert answered == [2]
        assert self.told(capsys, model, folder, "--write", *cache) == first
        assert answered == [2]
        finished = self.told(capsys, model, folder, *cache)
        assert {file["action"] for file in finished} == {"keep"} and answered == [2]

    def test_a_finished_library_is_read_without_torch(self, model, tmp_path):
        folder, _ = small(tmp_path, "flac", "mp3", genre="Jazz")
        code = "import sys; from skmmgenre.cli import main; code = main(sys.argv[1:]); "
        code += "print('torch' in sys.modules, code)"
        words = [sys.executable, "-c", code, "tag", model, str(folder), "--quiet"]
        done = subprocess.run(words, capture_output=True, text=True)
        assert done.stdout.splitlines()[-1] == "False 0", done.stderr

    def test_answers_depend_on_content_and_model(self, model, tmp_path, answered, capsys):
        folder, files = small(tmp_path, "flac", "mp3")
        cache = ("--cache", tmp_path / "c.sqlite")
        first = self.told(capsys, model, folder, *cache)
        moved = tmp_path / "moved"
        folder.rename(moved)
        again = self.told(capsys, model, moved, *cache)
        assert [f["score"] for f in again] == [f["score"] for f in first] and answered == [2]
        (moved / "1.txt").write_text("Loud guitars and a slow sax, and words of five.")
        self.told(capsys, model, moved, *cache)
        assert answered == [2, 1]
        put_tags(moved / "0.flac", title="new")
        self.told(capsys, model, moved, *cache)
        assert answered == [2, 1, 1]
        other = tmp_path / "other.skmmgenre"
        shutil.copy(model, other)
        self.told(capsys, other, moved, *cache)  # the same model under another name
        assert answered == [2, 1, 1]
        changed = tmp_path / "changed.skmmgenre"
        forge(changed, contents(model), {"card": {"made_by": "somebody"}})
        self.told(capsys, changed, moved, "--cache", tmp_path / "c.sqlite")
        assert answered[-1] == 2

    def test_without_a_store(self, model, tmp_path, answered, monkeypatch, capsys):
        folder, _ = small(tmp_path, "flac")
        monkeypatch.setenv("SKMMGENRE_DATA", str(tmp_path / "home"))
        expected = self.told(capsys, model, folder)
        assert (tmp_path / "home" / "tag.sqlite").exists()
        assert self.told(capsys, model, folder, "--no-cache") == expected
        assert answered == [1, 1]

    def test_a_store_that_cannot_be_made(self, model, tmp_path, monkeypatch, capsys):
        """The usual one is done without; one that was asked for is an error."""
        folder, _ = small(tmp_path, "flac")
        (tmp_path / "file").write_text("no folder")
        monkeypatch.setenv("SKMMGENRE_DATA", str(tmp_path / "file"))
        assert main(["tag", model, str(folder), "--quiet"]) == 0
        told = capsys.readouterr()
        assert (
            "1 would be tagged" in told.out and "predictions are not stored: The store" in told.err
        )
        words = ["tag", model, str(folder), "--cache", str(tmp_path / "file" / "c"), "--quiet"]
        assert main(words) == 1
        assert main([*words, "--no-cache"]) == 2
        assert "--cache and --no-cache cannot be combined" in capsys.readouterr().err

    def test_interrupted(self, model, tmp_path, monkeypatch, capsys):
        """What was computed before Ctrl-C is not computed again."""
        folder, _ = small(tmp_path, "flac", "mp3", "ogg")
        monkeypatch.setattr(_model_answers, "_AT_ONCE", 1)
        asked, compute = [], ModelAnswers._compute

        def stop_at_the_third(self, music, rows):
            asked.extend(rows)
            if len(asked) == 3:
                raise KeyboardInterrupt
            return compute(self, music, rows)

        monkeypatch.setattr(ModelAnswers, "_compute", stop_at_the_third)
        words = ["tag", model, str(folder), "--cache", str(tmp_path / "c"), "--quiet"]
        assert main(words) == 130
        assert main(words) == 0
        assert asked == [0, 1, 2, 2]
        assert "3 would be tagged" in capsys.readouterr().out

    def test_what_cannot_be_read_is_reported_in_every_run(self, model, tmp_path, capsys):
        folder, (bad, _) = small(tmp_path, "wav", "flac")
        soundfile.write(bad, np.zeros(3 * 22050), 22050)
        words = ["tag", model, str(folder), "--cache", str(tmp_path / "c"), "--quiet"]
        told = []
        for _ in range(2):
            assert main(words) == 0
            told.append(capsys.readouterr())
        assert told[0] == told[1]
        assert "nothing to hear" in told[0].err

    def test_a_summary_that_does_not_fit_the_model(self, model, tmp_path, capsys):
        folder, _ = small(tmp_path, "flac")
        summary = json.loads(contents(model)["skmmgenre.json"])["summary"]
        summary["genres"] = summary["genres"][::-1]
        forged = str(tmp_path / "forged.skmmgenre")
        forge(forged, contents(model), {"summary": summary})
        assert main(["tag", forged, str(folder), "--quiet"]) == 1
        assert "the genres in the summary differ" in capsys.readouterr().err
