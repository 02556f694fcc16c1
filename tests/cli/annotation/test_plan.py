"""The items that were drawn are the same in every run."""

import json

import pytest

from skmmgenre.cli._annotation import keep_plan, names_of
from skmmgenre.cli._annotation._plan import path_of_plan
from skmmgenre.cli._music import open_music

OPTIONS = {"n_items": 3, "modes": ["sound", "cover", "both"], "seed": 0}


@pytest.fixture
def music(blind):
    with open_music(str(blind / "t.csv"), verbose=0) as music:
        yield music


def draw():
    modes = enumerate(OPTIONS["modes"])
    drawn = [{"row": row, "mode": mode, "track": None if row == 1 else 0} for row, mode in modes]
    return drawn, ["Jazz", "Rap"]


def keep(output, music, options=OPTIONS, draw=draw, names=None):
    return keep_plan(str(output), options, names or names_of(music, ""), music, draw)


def test_it_is_drawn_once_and_holds_no_genre_of_an_item(music, tmp_path):
    output = tmp_path / "annotations.csv"
    plan, is_new = keep(output, music)
    assert is_new and plan.genres == ["Jazz", "Rap"]
    assert [item.name for item in plan.items] == [f"secret id {row}" for row in range(3)]
    shows = [(item.sound is not None, item.cover is not None) for item in plan.items]
    assert shows == [(True, False), (False, True), (True, True)]
    assert len({item.id for item in plan.items}) == 3
    again, is_new = keep(output, music, draw=None)
    assert not is_new and again == plan
    kept = json.loads((tmp_path / "annotations.items.json").read_text())
    assert {tuple(item) for item in kept["items"]} == {("id", "item", "mode", "track")}
    other, _ = keep(tmp_path / "other.csv", music)
    assert {item.id for item in other.items}.isdisjoint(item.id for item in plan.items)


def test_rows_may_have_moved(music, tmp_path):
    plan, _ = keep(tmp_path / "a.csv", music)
    moved = music.take(range(39, -1, -1))
    assert keep(tmp_path / "a.csv", moved, draw=None)[0] == plan
    with pytest.raises(ValueError, match="no longer has 1 item of .*: 'secret id 0'"):
        keep(tmp_path / "a.csv", music.take(range(1, 40)), draw=None)


def test_other_options(music, tmp_path):
    keep(tmp_path / "a.csv", music)
    with pytest.raises(ValueError, match="drawn with --seed 0, but now --seed is 1. .*--output"):
        keep(tmp_path / "a.csv", music, OPTIONS | {"seed": 1})


@pytest.mark.parametrize("content", ["", "{", "[]", '{"skmmgenre_annotation": 99}'])
def test_a_file_of_another_kind(music, tmp_path, content):
    output = tmp_path / "a.csv"
    with open(path_of_plan(str(output)), "w") as file:
        file.write(content)
    with pytest.raises(ValueError, match="does not contain the drawn items"):
        keep(output, music)
