"""The file of a knowledge base: where its parts lie, and files that are refused."""

import random
import zipfile

import numpy as np
import pytest
from small_dumps import RECORDS

from skmmgenre.text import KnowledgeBase


def test_a_folder_that_is_not_there(tmp_path):
    with pytest.raises(FileNotFoundError, match="no folder '.*absent' for a.kb"):
        KnowledgeBase.build(tmp_path / "absent" / "a.kb", records=RECORDS)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04", b"x" * 1000, b'{"not": "this"}'])
def test_a_foreign_file(tmp_path, content):
    (tmp_path / "foreign.kb").write_bytes(content)
    with pytest.raises(ValueError, match="foreign.kb is no knowledge base"):
        KnowledgeBase.open(tmp_path / "foreign.kb")


def test_a_foreign_archive(tmp_path):
    with zipfile.ZipFile(tmp_path / "foreign.kb", "w") as archive:
        archive.writestr("mimetype", "application/epub+zip")
    with pytest.raises(ValueError, match="foreign.kb is no knowledge base"):
        KnowledgeBase.open(tmp_path / "foreign.kb")


def test_a_file_that_is_cut_off(kb_file):
    content = kb_file.read_bytes()
    for kept in [*range(80, len(content), 97), len(content) - 1]:
        kb_file.write_bytes(content[:kept])
        with pytest.raises(ValueError, match="some.kb is a knowledge base that is damaged or cut"):
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
    with pytest.raises(ValueError, match="format 9, this version reads format 1. Build it again"):
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
