"""Edits of bytes, and the notes that undo them."""

import io
import random

import pytest

from skmmgenre.cli._tags._edits import (
    Edit,
    apply_edits,
    check_undo,
    edits_of,
    same_content,
    undo_of,
    with_edits,
)


def drawn(seed):
    """Bytes, and edits of them: texts put in, taken out, replaced, and moved."""
    rng = random.Random(seed)
    data = bytes(rng.randrange(4) for _ in range(rng.randrange(3000)))
    places = sorted(rng.choices(range(len(data) + 1), k=2 * rng.randrange(1, 5)))
    edits = []
    for start, end in zip(places[::2], places[1::2], strict=True):
        moved = data[rng.randrange(len(data) + 1) :][: rng.randrange(900)]
        edits.append(Edit(start, end, rng.choice([b"", rng.randbytes(9), moved, moved + b"x"])))
    return data, edits


@pytest.mark.parametrize("seed", range(200))
def test_undo_of_edits(seed):
    data, edits = drawn(seed)
    new = apply_edits(data, edits)
    assert b"".join(with_edits(io.BytesIO(data), edits)) == new
    undo = undo_of(io.BytesIO(data), edits)
    check_undo(undo)
    assert b"".join(with_edits(io.BytesIO(new), edits_of(undo, io.BytesIO(new)))) == data


def test_what_moved_is_not_noted_again():
    cover = random.Random(0).randbytes(1 << 20)
    old, new = b"one genre" + cover + b"end", b"some other genres" + cover[:500_000] + cover
    undo = undo_of(io.BytesIO(old), [Edit(0, len(old), new)])
    assert len(str(undo)) < 300


def test_content_in_blocks(tmp_path):
    path = tmp_path / "file"
    path.write_bytes(b"abcdef")
    assert same_content([b"ab", b"", b"cdef"], path)
    for other in ([b"ab", b"cde"], [b"abcdef", b"g"], [b"abcdeF"], []):
        assert not same_content(other, path)


def test_file_that_is_too_short_for_the_note():
    assert edits_of([[0, 10, []]], io.BytesIO(b"short")) is None


@pytest.mark.parametrize(
    "undo",
    [
        None,
        {},
        "text",
        [1],
        [[0, 1]],
        [[0, 1, [], 2]],
        [[-1, 1, []]],
        [[2, 1, []]],
        [[0, True, []]],
        [[0, 1.0, []]],
        [[0, 1 << 70, []]],
        [[5, 6, []], [0, 1, []]],
        [[0, 4, "parts"]],
        [[0, 4, ["no base64!"]]],
        [[0, 4, ["é"]]],
        [[0, 4, [None]]],
        [[0, 4, [[0]]]],
        [[0, 4, [[0, 5]]]],
        [[0, 4, [[3, 1]]]],
        [[0, 4, [[0, "1"]]]],
    ],
    ids=str,
)
def test_notes_that_are_none(undo):
    with pytest.raises(ValueError, match="^undo "):
        check_undo(undo)


def test_note_that_would_fill_the_disk():
    file = io.BytesIO(bytes(1 << 20))
    undo = [[0, 1 << 20, [[0, 1 << 20]] * 100_000]]
    check_undo(undo)
    with pytest.raises(ValueError, match="more bytes than the file"):
        edits_of(undo, file)
