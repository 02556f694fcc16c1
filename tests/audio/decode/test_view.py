"""A part of a file behind a header of our own."""

import io

import pytest

from skmmgenre.audio._decode._view import View, size_of

CONTENT = bytes(range(100))


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        ({}, CONTENT),
        ({"start": 10}, CONTENT[10:]),
        ({"start": 10, "stop": 20}, CONTENT[10:20]),
        ({"start": 10, "stop": 1000, "head": b"head"}, b"head" + CONTENT[10:]),
        ({"start": 200, "head": b"head"}, b"head"),
    ],
)
def test_every_part_of_it(arguments, expected):
    view = View(io.BytesIO(CONTENT), **arguments)
    assert size_of(view) == len(expected)
    for start in (0, 1, 3, 4, 5, len(expected), len(expected) + 5):
        for size in (0, 1, 4, 7, 200):
            assert view.seek(start) == view.tell() == start
            assert view.read(size) == expected[start : start + size]
    view.seek(-2, io.SEEK_END)
    assert view.read() == expected[-2:]
    view.seek(2)
    view.seek(1, io.SEEK_CUR)
    assert view.read(1) == expected[3:4]


def test_a_place_before_its_start_is_its_start():
    view = View(io.BytesIO(CONTENT), 10)
    assert view.seek(-5) == 0 and view.read(1) == CONTENT[10:11]


def test_several_views_of_one_file():
    file = io.BytesIO(CONTENT)
    one, other = View(file, 0, 50), View(View(file, 40), 10, head=b"h")
    assert [one.read(2), other.read(2), one.read(2), other.read(2)] == [
        CONTENT[:2],
        b"h" + CONTENT[50:51],
        CONTENT[2:4],
        CONTENT[51:53],
    ]
    one.close()
    assert not file.closed
