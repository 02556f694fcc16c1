"""The file of a knowledge base: where its parts lie, and files that are refused."""

import os
import pickle
import random
import zipfile

import joblib
import numpy as np
import pytest
from small_dumps import RECORDS

from skmmgenre.text import GazetteerLinker, KnowledgeBase

# Every way by which a file comes to be used.
OPENERS = {
    "open": KnowledgeBase.open,
    "first use": lambda path: KnowledgeBase(path).candidates("yes"),
    "unpickled": lambda path: pickle.loads(pickle.dumps(KnowledgeBase(path))).candidates("yes"),
    "linker": lambda path: GazetteerLinker(path).link("the band Yes"),
    "unpickled linker": lambda path: pickle.loads(
        pickle.dumps(GazetteerLinker(KnowledgeBase(path)))
    ).link("the band Yes"),
}
openers = pytest.mark.parametrize("opener", OPENERS.values(), ids=OPENERS)


def damaged(content, kind, rng):
    """Return what disks, networks and interrupted copies make of a file."""
    content = bytearray(content)
    first = rng.randrange(80, len(content) - 64)
    if kind == "flipped bit":
        # In an array: a bit of a header may say nothing, as those of a date do. The arrays begin at
        # multiples of 64 behind their names.
        name = content.rfind(b"form_entities", 0, content.find(b"PK\x01\x02"))
        first = -(-(name + 17) // 64) * 64 + rng.randrange(4)
        content[first] ^= 1 << rng.randrange(8)
    elif kind == "zeroed block":
        content[first : first + 512] = bytes(len(content[first : first + 512]))
    elif kind == "noise":
        content[first : first + 64] = rng.randbytes(64)
    elif kind == "cut off":
        del content[first:]
    elif kind == "doubled block":
        content[first:first] = content[first : first + 64]
    return bytes(content)


@openers
@pytest.mark.parametrize(
    "kind", ["flipped bit", "zeroed block", "noise", "cut off", "doubled block"]
)
def test_a_damaged_file_is_refused_however_it_is_used(kb_file, kind, opener):
    content = kb_file.read_bytes()
    for seed in range(12):
        path = kb_file.with_name(f"copy{seed}.kb")
        path.write_bytes(damaged(content, kind, random.Random(seed)))
        with pytest.raises(ValueError, match=f"copy{seed}.kb.*damaged.*skmmgenre kb build"):
            opener(path)


@openers
@pytest.mark.parametrize("content", [b"", b"PK\x03\x04" + bytes(200)], ids=["empty", "foreign"])
def test_a_foreign_file_is_refused_however_it_is_used(tmp_path, content, opener):
    (tmp_path / "other.kb").write_bytes(content)
    with pytest.raises(ValueError, match="other.kb is not a knowledge base.*skmmgenre kb build"):
        opener(tmp_path / "other.kb")


@pytest.mark.parametrize("prefer", ["processes", "threads"])
def test_a_damaged_file_is_refused_in_workers(kb_file, prefer):
    kb_file.write_bytes(damaged(kb_file.read_bytes(), "flipped bit", random.Random(0)))
    with pytest.raises(ValueError, match="some.kb.*damaged"):
        joblib.Parallel(n_jobs=2, prefer=prefer)(
            joblib.delayed(KnowledgeBase(kb_file).candidates)("yes") for _ in range(4)
        )


def test_damage_of_headers_is_a_named_error_or_none(kb_file):
    content, expected = kb_file.read_bytes(), KnowledgeBase.open(kb_file).candidates("yes")
    rng, refused = random.Random(0), 0
    end_of_members = content.find(b"PK\x01\x02")
    for number in range(400):
        changed = bytearray(content)
        for _ in range(rng.choice([1, 2, 5])):
            place = rng.choice([rng.randrange(700), rng.randrange(end_of_members, len(content))])
            changed[place] ^= rng.choice([1 << rng.randrange(8), rng.randint(1, 255)])
        path = kb_file.with_name(f"{number}.kb")
        path.write_bytes(changed)
        try:
            assert KnowledgeBase(path).candidates("yes") == expected
        except ValueError as error:
            assert path.name in str(error)
            refused += 1
    assert 200 < refused < 400


@pytest.fixture
def readings(monkeypatch):
    """Names of the files whose checksums were compared."""
    compared, testzip = [], zipfile.ZipFile.testzip

    def counting(archive):
        compared.append(os.path.basename(archive.filename))
        return testzip(archive)

    monkeypatch.setattr(zipfile.ZipFile, "testzip", counting)
    return compared


def test_checksums_are_compared_once(kb_file, readings):
    os.utime(kb_file, (1e9, 1e9))
    kb = KnowledgeBase(kb_file)
    assert readings == []
    for _ in range(3):
        for name, opener in OPENERS.items():
            if name != "open":
                opener(kb_file)
    assert kb.candidates("yes") and readings == ["some.kb"]
    KnowledgeBase.open(kb_file, verify=False).candidates("yes")
    assert len(readings) == 1
    KnowledgeBase.open(kb_file)  # compares them however often it is asked to
    assert len(readings) == 2
    kb_file.write_bytes(kb_file.read_bytes())
    os.utime(kb_file, (1e9, 1e9))  # as copying programs set it: size and time are as before
    KnowledgeBase(kb_file).candidates("yes")
    assert len(readings) == 3


def test_a_file_just_written_may_change_again_unseen(kb_file, readings):
    for n in range(1, 4):
        KnowledgeBase(kb_file).candidates("yes")
        assert len(readings) == n


def test_a_file_written_over_while_it_is_in_use(kb_file, tmp_path):
    kb, linker = KnowledgeBase(kb_file), GazetteerLinker(kb_file)
    assert kb.candidates("Queen") == linker.link("with Queen") == []
    assert kb.candidates("yes") and linker.link("the band Yes")
    other = [("Queen_(band)", ["Queen (band)"], ["English rock bands"], 90)]
    KnowledgeBase.build(tmp_path / "other.kb", records=other)
    content = (tmp_path / "other.kb").read_bytes()
    kb_file.write_bytes(content)
    assert kb.candidates("Queen") == [("Queen_(band)", 1.0)]
    assert [found.entity for found in linker.link("the band Queen")] == ["Queen_(band)"]
    assert kb.candidates("yes") == linker.link("the band Yes") == []
    kb_file.write_bytes(damaged(content, "flipped bit", random.Random(0)))
    os.utime(kb_file, (1e9, 1e9))
    for use in (kb.candidates, linker.link):
        with pytest.raises(ValueError, match="some.kb.*damaged"):
            use("Queen")


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="folder '.*absent' for a.kb does not exist"):
        KnowledgeBase.build(tmp_path / "absent" / "a.kb", records=RECORDS)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"x" * 1000, b'{"not": "this"}'])
def test_a_foreign_file(tmp_path, content):
    (tmp_path / "foreign.kb").write_bytes(content)
    with pytest.raises(ValueError, match="foreign.kb is not a knowledge base"):
        KnowledgeBase.open(tmp_path / "foreign.kb")


def test_a_foreign_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "foreign.kb", "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
    with pytest.raises(ValueError, match="foreign.kb is not a knowledge base"):
        KnowledgeBase.open(tmp_path / "foreign.kb")


def test_a_file_that_is_cut_off(kb_file):
    content = kb_file.read_bytes()
    for kept in [*range(80, len(content), 97), len(content) - 1]:
        kb_file.write_bytes(content[:kept])
        with pytest.raises(ValueError, match="knowledge base some.kb is damaged or truncated"):
            KnowledgeBase.open(kb_file)


def test_a_file_with_a_wrong_byte(kb_file):
    """Wherever it is it is noticed, or the byte is one that says nothing (padding, a date)."""
    content = kb_file.read_bytes()
    expected = KnowledgeBase.open(kb_file).candidates("yes")
    refused = 0
    places = random.Random(0).sample(range(len(content)), 400)
    for place in places:
        damaged = bytearray(content)
        damaged[place] ^= 0x55
        kb_file.write_bytes(damaged)
        try:
            kb = KnowledgeBase.open(kb_file)
        except ValueError as error:
            assert "some.kb" in str(error)
            refused += 1
        else:
            assert kb.candidates("yes") == expected
    assert refused > 300


def test_a_file_of_a_later_format(kb_file):
    content = kb_file.read_bytes()
    with zipfile.ZipFile(kb_file) as archive:
        members = [(info, archive.read(info)) for info in archive.infolist()]
    with zipfile.ZipFile(kb_file, "w") as archive:
        for info, data in members:
            archive.writestr(info, data.replace(b'"format": 1,', b'"format": 9,'))
    with pytest.raises(
        ValueError, match="format 9, but this version reads format 1. Build it again"
    ):
        KnowledgeBase.open(kb_file)
    kb_file.write_bytes(content)
    KnowledgeBase.open(kb_file)


def test_members_lie_where_they_can_be_mapped(kb_file):
    """Any tool for archives reads the file, and the arrays are at multiples of 64 bytes."""
    content = kb_file.read_bytes()
    with zipfile.ZipFile(kb_file) as archive:
        assert archive.testzip() is None
        assert archive.read("mimetype") == b"application/x-skmmgenre-knowledge-base"
        starts = np.frombuffer(archive.read("entity_category_starts"), np.uint32)
        assert starts.tolist() == [0, 1, 2, 3]
        assert content.find(starts.tobytes()) % 64 == 0
