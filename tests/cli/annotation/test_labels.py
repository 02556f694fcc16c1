"""Labels for training: which items are shown, and how their answers become genres."""

import json

import httpx
import numpy as np
import pandas as pd
import pytest
from blind_items import Server, items_of, write_items
from odd_folder import write_sound
from small_settings import settings
from written_answers import write_answers

from skmmgenre.cli import main
from skmmgenre.cli._annotation import names_of, read_labels, with_labels
from skmmgenre.cli._annotation._draw import draw_unlabelled
from skmmgenre.cli._music import open_music

MODES = ("sound", "cover", "both")


@pytest.fixture
def music(blind, tmp_path):
    """The forty items, of which every other one has no genre, and some only a sound or a cover."""
    table = pd.read_csv(blind / "t.csv")
    table["audio"], table["cover"] = str(blind) + "/" + table[["audio", "cover"]].to_numpy().T
    table.loc[::2, "genre"] = None
    table.loc[0:8, "cover"] = None
    table.loc[10:18, "audio"] = None
    table.loc[20, ["audio", "cover"]] = None
    table.to_csv(tmp_path / "t.csv", index=False)
    with open_music(str(tmp_path / "t.csv"), verbose=0) as music:
        yield music


def draw(music, n_items=40, modes=MODES, **options):
    genres = [item[0] if item else None for item in music.genres]
    return draw_unlabelled(
        music, names_of(music, ""), genres, n_items=n_items, modes=modes, **options
    )


def test_items_without_a_genre_are_drawn_with_all_that_they_have(music):
    drawn, errors = draw(music)
    modes = {one["row"]: one["mode"] for one in drawn}
    expected = dict.fromkeys(range(0, 10, 2), "sound") | dict.fromkeys(range(10, 20, 2), "cover")
    assert modes == expected | dict.fromkeys(range(22, 40, 2), "both") and not errors
    assert draw(music) == (drawn, errors) and draw(music, seed=1)[0] != drawn
    assert len(draw(music, 7)[0]) == 7
    only = draw(music, modes=["sound"])[0]
    assert {one["mode"] for one in only} == {"sound"} and len(only) == 14


def test_other_artists_come_first(music):
    artists = [f"artist {row % 4}" for row in range(40)]  # two of the even rows
    artists[22] = "once"
    music.artists = np.array(artists, dtype=object)
    drawn, _ = draw(music)
    assert len({music.artists[one["row"]] for one in drawn[:3]}) == 3


def test_what_cannot_be_shown(music, tmp_path):
    broken = tmp_path / "broken"
    broken.write_bytes(b"no sound and no cover")
    music.table.loc[0, "audio"] = music.table.loc[22, "cover"] = str(broken)
    music.table.loc[24, ["audio", "cover"]] = str(broken)
    drawn, errors = draw(music)
    modes = {one["row"]: one["mode"] for one in drawn}
    assert modes[22] == "sound" and not {0, 24} & modes.keys()
    assert sorted(name for name, _ in errors) == ["secret id 0", "secret id 24"]
    music.genres = [["Jazz"] if row not in (0, 24) else [] for row in range(40)]
    with pytest.raises(ValueError, match="--label: none of the items .* can be shown: secret id"):
        draw(music)
    music.genres = [["Jazz"]] * 40
    with pytest.raises(ValueError, match="--label: all items that can be shown have a genre"):
        draw(music)


def test_most_annotators_decide(music, tmp_path):
    path = write_answers(
        tmp_path / "labels.csv",
        ("Ann", "secret id 0", "Rap"),
        ("Bo", "secret id 0", "Dub"),
        ("Cy", "secret id 0", "Dub"),
        ("Ann", "secret id 1", "Rap"),  # a tie, and in place of a genre of the table
        ("Bo", "secret id 1", "Dub"),
        ("Ann", "secret id 2", ""),  # skipped
        ("Ann", "gone", "Rap"),
    )
    more = write_answers(tmp_path / "more.csv", ("Ann", "secret id 3", "Ska"))
    labels = read_labels([path, more])
    assert labels == dict(zip(["secret id 0", "secret id 1", "gone", "secret id 3"],
                              ["Dub", "Rap", "Rap", "Ska"], strict=True))  # fmt: skip
    labelled, n_labelled, n_absent = with_labels(music, labels, str(tmp_path / "t.csv"))
    assert labelled.genres[:4] == [["Dub"], ["Rap"], [], ["Ska"]]
    assert (n_labelled, n_absent) == (3, 1)
    assert labelled.genres[4:] == music.genres[4:] and music.genres[0] == []


def test_labels_that_cannot_be_used(music, tmp_path):
    with pytest.raises(ValueError, match="has none of the labelled items .'gone'.. Pass the table"):
        with_labels(music, {"gone": "Rap"}, str(tmp_path / "t.csv"))
    skipped = write_answers(tmp_path / "labels.csv", ("Ann", "secret id 0", ""))
    with pytest.raises(ValueError, match="labels.csv': all items were skipped"):
        read_labels([skipped])
    with pytest.raises(ValueError, match="empty.csv': nothing has been answered yet"):
        read_labels([write_answers(tmp_path / "empty.csv")])
    assert read_labels([]) == {}


def test_tracks_do_not_get_the_genres_of_albums(tmp_path, capsys):
    """An album is named by its first track."""
    for number in range(4):
        place = tmp_path / "M" / f"Album {number // 2}"
        place.mkdir(parents=True, exist_ok=True)
        write_sound(place / f"{number}.flac", "Jazz", number, duration=1)
    plan = {"skmmgenre_annotation": 1, "options": {"by": "album"}, "genres": [], "items": []}
    (tmp_path / "labels.items.json").write_text(json.dumps(plan))
    labels = write_answers(tmp_path / "labels.csv", ("Ann", "Album 0/0.flac", "Rap"))
    words = ["train", str(tmp_path / "M"), "--labels", labels, "-o", str(tmp_path / "m"), "--quiet"]
    assert main(words) == 1
    told = capsys.readouterr().err
    assert "was annotated with --by album, but now --by is track" in told


@pytest.mark.parametrize("spelling", ["M", "./M", "M//", "{}/M", "{}/./M/"])
def test_names_of_items_for_any_spelling_of_the_path(tmp_path, monkeypatch, spelling):
    (tmp_path / "M" / "Album").mkdir(parents=True)
    write_sound(tmp_path / "M" / "Album" / "1.flac", "Jazz", 0, duration=1)
    pd.DataFrame({"audio": ["Album/1.flac"]}).to_csv(tmp_path / "M" / "t.csv", index=False)
    monkeypatch.chdir(tmp_path)
    source = spelling.format(tmp_path)
    for one in (source, f"{source}/t.csv"):
        with open_music(one, verbose=0) as music:
            assert names_of(music, one) == ["Album/1.flac"]


@pytest.mark.slow
@pytest.mark.filterwarnings("ignore:.* artists are too few for inner folds")
def test_from_the_page_to_a_model(tmp_path, capsys):
    """Nothing is labelled at first; an expert labels twelve items, and a model is trained."""
    folder = tmp_path / "items"
    table = write_items(folder, 16)
    table.drop(columns="genre").to_csv(folder / "t.csv", index=False)
    (folder / "names.yaml").write_text("genres: [Rock, Jazz, Ska]")
    words_of_page = ["--label", "--genres", "names.yaml", "--items", "12"]
    with Server(folder, *words_of_page, "-o", "labels.csv") as server:
        state = httpx.get(f"{server.address}/state").json()
        assert state["genres"] == ["Rock", "Jazz", "Ska"]
        names = items_of(folder, "labels.csv")
        for number, item in enumerate(state["items"]):
            assert item["mode"] == "both"
            answer = {
                "item": item["id"],
                "genre": state["genres"][number % 2],
                "seconds": 1.0,
                "revision": 0,
                "answer": f"{number:032x}",
                "annotator": "annotator",
            }
            httpx.post(f"{server.address}/answers", json=answer).raise_for_status()
    labels = pd.read_csv(folder / "labels.csv")
    assert set(labels["item"]) == set(names.values()) and len(labels) == 12
    words = ["train", str(folder / "t.csv"), "--labels", str(folder / "labels.csv"), "--quiet"]
    words += ["-o", str(tmp_path / "m.skmmgenre"), "--json"]
    assert main([*words, "--modality", "audio", *settings("audio", "fusion")]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["items_by_genre"] == {"Jazz": 6, "Rock": 6}
    assert card["left_out"]["without_genre"] == 4 and card["labelled_by_annotators"] == 12
    # Four items have no label yet, and another genre is added.
    (folder / "names.yaml").write_text("genres: [Rock, Jazz, Ska, Dub]")
    with Server(folder, *words_of_page, "--labels", "labels.csv", "-o", "more.csv") as server:
        state = httpx.get(f"{server.address}/state").json()
        assert state["genres"] == ["Rock", "Jazz", "Ska", "Dub"] and len(state["items"]) == 4
        assert not set(items_of(folder, "more.csv").values()) & set(names.values())
    with Server(folder, *words_of_page, "-o", "labels.csv") as server:
        state = httpx.get(f"{server.address}/state").json()
        assert state["genres"][-1] == "Dub" and len(state["items"]) == 12


@pytest.mark.parametrize("names", [None, "genres: [Jazz]", "aliases: {bop: Jazz}"])
def test_there_must_be_genres_to_choose_from(tmp_path, capsys, names):
    folder = tmp_path / "items"
    table = write_items(folder, 4)
    table.drop(columns="genre").to_csv(folder / "t.csv", index=False)
    words = ["annotate", str(folder / "t.csv"), "--label", "-o", str(folder / "a.csv"), "--quiet"]
    if names:
        (folder / "names.yaml").write_text(names)
        words += ["--genres", str(folder / "names.yaml")]
    assert main(words) == 1
    assert "--label needs at least two genres to choose from" in capsys.readouterr().err
    assert not (folder / "a.items.json").exists()
