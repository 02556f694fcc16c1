"""Parts of an evaluation that are finished are not computed again."""

import pytest
from _kept import Kept


def test_a_part_is_made_once(tmp_path):
    made = []

    def make():
        made.append(1)
        return len(made)

    def first(settings="a", part=0):
        return Kept(tmp_path / "kept", "sums", settings)(part, make)

    assert first() == first() == 1
    assert first(part=1) == first(part=1) == 2
    assert first(settings="b") == 3
    assert [path.suffix for path in (tmp_path / "kept").iterdir()] == [".joblib"] * 3


def test_without_a_folder_all_parts_are_made():
    kept = Kept(None, "sums", "a")
    assert [kept(0, made) for made in (lambda: 1, lambda: 2)] == [1, 2]


def test_the_seconds_of_all_parts(tmp_path):
    first, second = (Kept(tmp_path, "sums", "a") for _ in range(2))
    first(0, lambda: 1)
    second(0, lambda: 1)
    assert second.seconds == first.seconds > 0


def test_a_part_that_fails_is_not_kept(tmp_path):
    with pytest.raises(ZeroDivisionError):
        Kept(tmp_path, "sums", "a")(0, lambda: 1 / 0)
    assert Kept(tmp_path, "sums", "a")(0, lambda: 5) == 5
