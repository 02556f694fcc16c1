"""Genres in the tags of each format, and the backup of what was there."""

import os

import mutagen
import numpy as np
import pytest
import soundfile
from made_tags import FAULTY, sound_by_av, sounds, tagged_files, usual
from made_tags import id3 as id3_tag
from mutagen import id3, mp4
from odd_folder import FORMATS
from odd_folder import write_tags as put_tags
from slow_cases import few_slow
from sound_state import sound_of, state_of
from tagged_files import NAME, genres_of, small, undo

from skmmgenre.cli import _tag, main
from skmmgenre.cli._tag import Outcome, write_tags
from skmmgenre.cli._tag_files import read_state, restored_genres
from skmmgenre.datasets import load_music_folder
from skmmgenre.utils import changing, remove_parts


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
    assert "There is no backup" in capsys.readouterr().err


def test_files_that_are_gone_stay_in_the_backup(tmp_path, capsys):
    folder, files = small(tmp_path, "mp3", "flac", genre="Jazz")
    write(folder, files, "Polka")
    files[0].rename(tmp_path / "moved.mp3")
    assert main(["tag", "--undo", str(folder), "--quiet"]) == 1
    told = capsys.readouterr().out
    assert f"it no longer exists: put it back, or remove its lines from {NAME}" in told
    assert len((folder / NAME).read_text().splitlines()) == 2  # what the file is, and a change
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


KINDS = sorted({os.path.splitext(name)[1] for name in tagged_files()})


def state_of_av(path):
    """Packets, samples and tags; ID3v1's comment becomes one with a description in ID3v2."""
    packets, samples, tags = sound_by_av(path)
    tags = {key.lower().removeprefix("id3v1 "): text for key, text in tags.items()}
    tags.pop("encoder", None)
    return packets, samples, tags.pop("genre", None), tags


@pytest.mark.parametrize(
    "genres",
    [
        ["Hip Hop", "演歌"],
        pytest.param(["Polka"], marks=pytest.mark.slow),
        pytest.param(["x" * 300], marks=pytest.mark.slow),
    ],
    ids=len,
)
@pytest.mark.parametrize("suffix", KINDS)
def test_every_format_with_every_kind_of_tag(tmp_path, suffix, genres):
    """Two readers find the genre, nothing else differs, and undo gives the same bytes."""
    content = {name: data for name, data in tagged_files().items() if name.endswith(suffix)}
    files = [tmp_path / name for name in content]
    for path in files:
        path.write_bytes(content[path.name])
    before = {path: state_of_av(path) for path in files}
    states = {path: read_state(str(path)) for path in files}

    outcomes = write(tmp_path, files, *genres)
    assert [o.file for o in outcomes if o.action != "write"] == []
    for path in files:
        packets, samples, genre, tags = state_of_av(path)
        assert (packets, samples) == before[path][:2], path.name
        assert tags == before[path][3], path.name
        assert read_state(str(path))["genres"] == genres, path.name
        # ffmpeg takes sizes of frames in old unsynchronised tags for those of the file.
        if before[path][2] or "unsync" not in path.name:
            assert genres[0] in (genre or ""), path.name
    frames = {path: path.read_bytes() for path in files if "faulty" in path.name}
    for path, data in frames.items():
        flags = b"unsync" in path.name.encode()
        for name, frame, _ in FAULTY if "v3" in path.name else ():
            assert name in data and (flags or frame in data), (path.name, name)

    assert undo(tmp_path) == ["restore"] * len(files)
    assert [path.name for path in files if path.read_bytes() != content[path.name]] == []
    assert {path: read_state(str(path)) for path in files} == states


def rewrite_by_mutagen(path):
    """Change the title as another program does, which writes all tags anew."""
    file = mutagen.File(path)
    if isinstance(file.tags, id3.ID3):
        file.tags.add(id3.TIT2(encoding=3, text=["new"]))
    else:
        file["\xa9nam" if isinstance(file, mp4.MP4) else "title"] = ["new"]
    file.save()


@pytest.mark.parametrize("suffix", few_slow(KINDS, ".wav", ".aiff"))
def test_undo_after_another_program_wrote_the_tags(tmp_path, suffix):
    content = {name: data for name, data in tagged_files().items() if name.endswith(suffix)}
    # Text that is not UTF-8 can be put back only as the bytes that it was.
    files = [tmp_path / name for name in content if "latin1" not in name]
    for path in files:
        path.write_bytes(content[path.name])
    states = {path: read_state(str(path)) for path in files}
    write(tmp_path, files, "Polka")
    for path in files:
        rewrite_by_mutagen(path)
    sound = {path: sound_by_av(path)[:2] for path in files}
    assert undo(tmp_path) == ["restore"] * len(files)
    for path in files:
        assert read_state(str(path))["genres"] == restored_genres(states[path]), path.name
        file = mutagen.File(path)
        key = {id3.ID3: "TIT2", mp4.MP4Tags: "\xa9nam"}
        key = next((name for kind, name in key.items() if isinstance(file.tags, kind)), "title")
        assert list(file[key]) == ["new"], path.name
        assert sound_by_av(path)[:2] == sound[path], path.name


@pytest.mark.parametrize("name", ["v3_faulty.mp3", "v4.aiff", "repeated.flac", "m4a_text.m4a"])
def test_undo_is_exact_although_bytes_elsewhere_changed(tmp_path, name):
    path, content = tmp_path / name, tagged_files()[name]
    path.write_bytes(content)
    write(tmp_path, [path], "Polka")
    with open(path, "ab") as file:
        file.write(b"more")
    assert undo(tmp_path) == ["restore"]
    assert path.read_bytes() == content + b"more"


def test_genre_that_is_not_utf8_and_a_file_that_was_changed(tmp_path):
    path = tmp_path / "a.flac"
    path.write_bytes(tagged_files()["latin1.flac"])
    write(tmp_path, [path], "Polka")
    tagged = path.read_bytes()
    rewrite_by_mutagen(path)
    changed = path.read_bytes()
    assert undo(tmp_path, code=1) == ["fail"]
    assert path.read_bytes() == changed
    path.write_bytes(tagged)
    assert undo(tmp_path) == ["restore"]
    assert path.read_bytes() == tagged_files()["latin1.flac"]


HIDDEN = {  # of a key, and what damage makes of it
    b"TCON": b"TCOM",
    b"TCO\0": b"TCM\0",
    b"\xa9gen": b"\xa9gem",
    b"GENRE=": b"GENRF=",
    b"genre=": b"genrf=",
}


NO_GENRE = [
    "ape.mp3",
    "lower_empty_chunk.wav",
    "empty_chunk.aiff",
    "no_genre.flac",
    "m4a_no_genre.m4a",
]


@pytest.mark.parametrize("name", NO_GENRE)
def test_damage_that_hides_a_genre(tmp_path, capsys, name):
    """A file that had no genre reads as before; its line stays until it is whole again."""
    path, content = tmp_path / name, tagged_files()[name]
    path.write_bytes(content)
    write(tmp_path, [path], "Polka")
    tagged = path.read_bytes()
    (key,) = [key for key in HIDDEN if key in tagged]
    damaged = tagged.replace(key, HIDDEN[key])
    path.write_bytes(damaged)
    assert read_state(str(path))["genres"] is None
    assert main(["tag", "--undo", str(tmp_path), "--quiet"]) == 1
    assert "it has no genre, but was changed or damaged since" in capsys.readouterr().out
    assert path.read_bytes() == damaged
    path.write_bytes(tagged)
    assert undo(tmp_path) == ["restore"] and path.read_bytes() == content


def test_a_copy_that_a_run_in_the_folder_above_removes(tmp_path, monkeypatch):
    """Locks of folders do not exclude those inside: the file is left as it was."""
    folder, files = small(tmp_path, *FORMATS, genre="Jazz")
    content = {path: path.read_bytes() for path in files}
    real = _tag.write_genres

    def write_late(path, copy, genres):
        done = real(path, copy, genres)
        if path == str(files[0]):
            remove_parts([str(folder)])
        return done

    with monkeypatch.context() as patched:
        patched.setattr(_tag, "write_genres", write_late)
        outcomes = write(folder, files, "Polka")
    assert [outcome.action for outcome in outcomes] == ["fail"] + ["write"] * (len(files) - 1)
    assert files[0].read_bytes() == content[files[0]]
    assert undo(folder) == ["skip"] + ["restore"] * (len(files) - 1)
    assert {path: path.read_bytes() for path in files} == content


def test_genres_written_twice_are_undone_bit_for_bit(tmp_path):
    content = {name: data for name, data in tagged_files().items() if "faulty" in name}
    files = [tmp_path / name for name in content]
    for path in files:
        path.write_bytes(content[path.name])
    for genre in ("Polka", "Hip Hop", "Jazz"):
        write(tmp_path, files, genre)
    assert undo(tmp_path) == ["restore"] * len(files)
    assert [path.name for path in files if path.read_bytes() != content[path.name]] == []


BROKEN = {
    "longer.mp3": b"ID3\3\0\0\0\x10\0\0" + sounds()["mp3"],
    "streamed.wav": sounds()["wav"][:4] + b"\xff" * 4 + sounds()["wav"][8:],
    "cut.wav": sounds()["wav"][:-100],
    "cut.aiff": sounds()["aiff"][:-100],
    "cut.m4a": sounds()["m4a"][:-100],
    "blocks.flac": tagged_files()["repeated.flac"].replace(b"\x4d\0\0\x0d", b"\x4d\0\0\x0e"),
    "checksum.mp3": id3_tag(usual(3), extended=b"\0\0\0\x0a\x80\0" + bytes(8)) + sounds()["mp3"],
    "compressed.mp3": id3_tag(usual(2), 2, 0x40) + sounds()["mp3"],
    "unknown.mp3": b"ID3\5\0\0\0\0\0\0" + sounds()["mp3"],
}


def test_what_cannot_be_written_without_loss_is_left(tmp_path):
    files = [tmp_path / name for name in BROKEN]
    for path in files:
        path.write_bytes(BROKEN[path.name])
    good = tmp_path / "good.flac"
    good.write_bytes(tagged_files()["repeated.flac"])
    outcomes = write(tmp_path, [*files, good], "Polka")
    assert [o.action for o in outcomes] == ["fail"] * len(files) + ["write"]
    assert all(o.reason and "Error" not in o.reason for o in outcomes[:-1]), outcomes
    assert [path.name for path in files if path.read_bytes() != BROKEN[path.name]] == []
    assert undo(tmp_path) == ["restore"]


def test_very_many_frames_of_id3(tmp_path, monkeypatch):
    """No reading by mutagen, which would take seconds each time."""
    path = tmp_path / "a.mp3"
    content = id3_tag([(b"TIT2", b"\0a")] * 100_000) + sounds()["mp3"]
    path.write_bytes(content)
    monkeypatch.setattr("skmmgenre.cli._tag_files.open_audio", None)
    (outcome,) = write(tmp_path, [path], "Polka")
    assert outcome.action == "fail" and "more than 10,000 frames" in outcome.reason
    assert path.read_bytes() == content


TITLE = [(b"TIT2", b"\0a")]
IN_FRONT = {
    "one": id3_tag(TITLE),
    "two": id3_tag(TITLE) * 2,
    "footer": id3_tag(TITLE, 4, footer=True),
}


@pytest.mark.parametrize("tags", IN_FRONT)
def test_id3_in_front_of_other_formats(tmp_path, tags):
    """It stays, the genre goes into the tag of the format, and the sound is found behind both."""
    # An MP4 in fragments is not tagged, with ID3 or without.
    content = {f"a.{name}": data for name, data in sounds().items() if name not in ("mp3", "mp4")}
    folder, bare = tmp_path / "folder", tmp_path / "bare"
    folder.mkdir()
    files = [folder / name for name in content]
    for path in files:
        path.write_bytes(IN_FRONT[tags] + content[path.name])
    outcomes = write(folder, files, "Polka")
    assert [outcome for outcome in outcomes if outcome.action != "write"] == []
    assert list(genres_of(folder).values()) == [["Polka"]] * len(files)
    for path in files:
        written = path.read_bytes()
        assert written.startswith(IN_FRONT[tags]), path.name
        bare.write_bytes(content[path.name])
        before = sound_by_av(bare)[:2]
        bare.write_bytes(written[len(IN_FRONT[tags]) :])
        assert before[1] and sound_by_av(bare)[:2] == before, path.name
    assert undo(folder) == ["restore"] * len(files)
    for path in files:
        assert path.read_bytes() == IN_FRONT[tags] + content[path.name], path.name


@pytest.mark.parametrize(
    "limit, more, reason",
    [
        ([str(n) for n in range(1024)], [str(n) for n in range(1025)], "1,025 genres"),
        (["x" * (1 << 16)], ["x" * 65_537], "a genre of 65,537 characters"),
    ],
    ids=["many", "long"],
)
def test_more_genres_than_a_backup_notes(tmp_path, monkeypatch, limit, more, reason):
    """They are refused before a copy is made, be they there or to be written."""
    folder, files = small(tmp_path, *FORMATS, genre=limit)
    before = state_of(files)
    assert {o.action for o in write(folder, files, "Polka")} == {"write"}
    assert {o.action for o in write(folder, files, *limit)} == {"write"}
    assert set(undo(folder)) == {"restore"} and state_of(files) == before
    for path in files:
        put_tags(path, genre=more)
    monkeypatch.setattr("skmmgenre.cli._tag_files._make", None)
    there = write(folder, files, "Polka")
    for path in files:
        put_tags(path, genre="Jazz")
    written = write(folder, files, *more)
    assert {outcome.action for outcome in there + written} == {"fail"}
    assert all(outcome.reason.startswith(reason) for outcome in there + written), there + written
    assert all("--undo can restore at most" in outcome.reason for outcome in there + written)


def test_a_change_that_fails_leaves_the_file(tmp_path):
    folder, (path,) = small(tmp_path, "mp3")
    content = path.read_bytes()
    with pytest.raises(ZeroDivisionError), changing(str(path)) as copy:
        with open(copy, "wb") as file:
            file.write(b"half")
        _ = 1 / 0
    assert path.read_bytes() == content and os.listdir(folder) == ["0.mp3"]


def test_folder_of_undo_in_any_spelling(tmp_path, capsys, monkeypatch):
    folder, files = small(tmp_path, "mp3", genre="Jazz")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("USERPROFILE", str(tmp_path))
    for spelled in ("~/small", f"{folder}/", f"{tmp_path}/.//small"):
        write(folder, files, "Polka")
        assert main(["tag", "--undo", spelled, "--quiet"]) == 0
        assert list(genres_of(folder).values()) == [["Jazz"]]
    capsys.readouterr()
    assert main(["tag", "--undo", str(files[0])]) == 1
    assert "is a file, expected a folder" in capsys.readouterr().err
    assert main(["tag", "--undo", "~/other"]) == 1
    assert "There is no folder" in capsys.readouterr().err
