"""Which items are drawn: balanced, each once, artists apart, broken files replaced."""

from collections import Counter

import pandas as pd
import pytest
from blind_items import write_items

from skmmgenre.cli._annotation import draw_items, names_of
from skmmgenre.cli._music import open_music

MODES = ("sound", "cover", "both")


@pytest.fixture
def music(blind):
    with open_music(str(blind / "t.csv"), verbose=0) as music:
        yield music


def draw(music, n_items=24, modes=MODES, **options):
    genres = [item[0] if item else None for item in music.genres]
    drawn, errors, n_again = draw_items(
        music, names_of(music, ""), genres, n_items=n_items, modes=modes, **options
    )
    return pd.DataFrame(drawn).assign(genre=[genres[one["row"]] for one in drawn]), errors, n_again


def test_each_mode_has_as_many_of_each_genre_and_no_item_is_drawn_twice(music):
    drawn, errors, _ = draw(music)
    assert (drawn.groupby(["mode", "genre"]).size() == 2).all() and len(drawn) == 24
    assert drawn["row"].is_unique and not errors
    assert drawn["track"].isna().tolist() == (drawn["mode"] == "cover").tolist()
    again, _, _ = draw(music)
    pd.testing.assert_frame_equal(drawn, again)
    assert draw(music, seed=1)[0]["row"].tolist() != drawn["row"].tolist()
    # Numbers that do not divide: at most one more.
    odd = draw(music, 25)[0]
    assert odd.groupby("mode").size().tolist() == [8, 8, 9]
    assert odd.groupby(["mode", "genre"]).size().between(2, 3).all()


def test_the_shares_of_the_table(music):
    rows = [row for row, genres in enumerate(music.genres) if genres != ["Jazz"] or row < 10]
    few = music.take(rows)  # 3 of Jazz, 10 of each other
    counts = Counter(genre for (genre,) in few.genres)
    drawn, _, _ = draw(few, 11, ["sound"], balance="table")
    shares = drawn["genre"].value_counts()
    for genre, n in counts.items():
        assert abs(shares[genre] - 11 * n / len(rows)) < 1
    # Equal, as far as there are that many.
    equal = draw(few, 24, ["sound"])[0]["genre"].value_counts()
    assert equal.to_dict() == {"Jazz": 3, "Rap": 7, "Rock": 7, "Zydeco": 7}


def test_artists_are_drawn_again_only_where_all_were(music):
    drawn, _, n_again = draw(music, 20, ["both"])
    assert n_again == 0 and len(set(music.artists[drawn["row"]])) == 20
    drawn, _, n_again = draw(music, 300)
    assert len(drawn) == 40 and n_again == 20


def test_what_has_one_of_the_two_is_used_for_it(music):
    music.table.loc[music.table.index[::2], "audio"] = None
    music.table.loc[music.table.index[1::4], "cover"] = None
    drawn, _, _ = draw(music, 12)
    for mode, column in (("cover", "audio"), ("sound", "cover")):
        rows = drawn.loc[drawn["mode"] == mode, "row"]
        assert music.table[column].iloc[rows].isna().any()
    both = music.table.iloc[drawn.loc[drawn["mode"] == "both", "row"]]
    assert both[["audio", "cover"]].notna().all(axis=None)


def test_a_file_that_cannot_be_read_is_replaced_and_told(tmp_path):
    write_items(tmp_path / "items", 12)
    (tmp_path / "items" / "in" / "secret Jazz 0.mp3").write_bytes(b"no sound")
    (tmp_path / "items" / "in" / "secret Rap 5.png").write_bytes(b"no image")
    with open_music(str(tmp_path / "items" / "t.csv"), verbose=0) as music:
        drawn, errors, _ = draw(music, 99, ["both"])
    assert len(drawn) == 10 and sorted(name for name, _ in errors) == ["secret id 0", "secret id 5"]


def test_a_track_of_an_album_that_can_be_heard(music):
    cells = music.table["audio"].tolist()
    music.table["audio"] = [[cells[0], "absent.mp3"], *cells[1:]]
    drawn, errors, _ = draw(music, 40, ["sound"])
    assert drawn.set_index("row").loc[0, "track"] == 0 and not errors


def test_names_last(music, blind):
    assert names_of(music, str(blind))[3] == "secret id 3"
    music.table = music.table.drop(columns="id")
    music.table.loc[1, "audio"] = None
    music.table.at[2, "audio"] = [str(blind / "a\n.mp3"), "b.mp3"]
    music.table.loc[3, ["audio", "cover"]] = None
    names = names_of(music, str(blind))
    assert names[:4] == ["in/secret Jazz 0.mp3", "in/secret Rap 1.jpg", "a\\n.mp3", ""]


def test_nothing_to_draw(music):
    genres = [item[0] for item in music.genres]
    names = names_of(music, "")
    options = {"n_items": 6, "modes": ["cover"]}
    with pytest.raises(ValueError, match="expected items of at least 2 genres .*, got 1"):
        draw_items(music, names, ["Jazz", *[None] * 39], **options)
    with pytest.raises(ValueError, match="several rows are named 'a'.*column id"):
        draw_items(music, ["a", "a", *names[2:]], genres, **options)
    music.table["cover"] = None
    with pytest.raises(ValueError, match="no item is left for the mode cover, which needs cover"):
        draw(music, 6)
