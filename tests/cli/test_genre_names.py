"""The file of genres and aliases, and what becomes of the genres of music by it."""

import json

import pandas as pd
import pytest
from small_settings import settings

from skmmgenre.cli import main
from skmmgenre.cli._genre_names import GenreNames


@pytest.fixture
def write(tmp_path):
    def write(text):
        path = tmp_path / "names.yaml"
        path.write_text(text, encoding="utf-8")
        return str(path)

    return write


@pytest.fixture
def table_of(tmp_path):
    """A function that writes a table of some items' genres."""

    def write(items):
        path = tmp_path / "items.csv"
        genres = ["; ".join(item) for item in items]
        pd.DataFrame({"text": "sax", "genres": genres}).to_csv(path, index=False)
        return str(path)

    return write


@pytest.fixture
def evaluated(texts, table_of, capsys):
    """A function: how many items have each genre by a list, and what is told of the list."""

    def evaluate(names, items):
        words = ["evaluate", texts, table_of(items), "--genres", names]
        assert main([*words, "--json", "--quiet"]) == 0
        out, err = capsys.readouterr()
        told = json.loads(out)
        assert told["items"] + told["left_out"] == len(items)
        known = {name: line["support"] for name, line in told["genres"].items() if line["support"]}
        return known, told["unknown_genres"], err

    return evaluate


def test_whitelist_and_aliases(write, evaluated):
    names = write("genres: [Rock, Hip Hop, 演歌]\naliases: {rap: Hip Hop, HIP-HOP: hip hop}\n")
    items = [["RAP", "hip-hop", "rock", "Polka", "演歌"], []]
    known, unknown, _ = evaluated(names, items)
    assert known == {"Rock": 1}
    assert list(unknown.items()) == [("Hip Hop", 1), ("演歌", 1)]


def test_aliases_alone_let_all_pass(write, evaluated):
    names = write("aliases: {rap: Hip Hop}")
    known, unknown, _ = evaluated(names, [["Polka", "Rap", "hip hop", "Jazz"]])
    assert known == {"Jazz": 1}
    assert list(unknown.items()) == [("Polka", 1), ("Hip Hop", 1)]


@pytest.mark.parametrize("aliases", [3, "rap", ["rap"], {"rap": 3}, {"rap": ["Rock"]}, {"": "x"}])
def test_aliases_on_a_card_that_are_not_names_are_ignored(aliases):
    names = GenreNames.of_card({"aliases": aliases})
    assert names.map(["rap", "Jazz"]) == ["rap", "Jazz"] and names.aliases == {}


def test_aliases_on_a_card():
    assert GenreNames.of_card({"aliases": {"rap": "Hip Hop"}}).map(["Rap"]) == ["Hip Hop"]
    assert GenreNames.of_card({}).map(["Rap"]) == ["Rap"]


def test_absent(write, evaluated):
    names = write("genres: [Rock, Jaz, Hip Hop]\naliases: {rap: Hip Hop}\n")
    _, _, told = evaluated(names, [["rock", "Polka"], [], ["RAP"]])
    assert told == "--genres: no item has 'Jaz'\n"
    _, _, told = evaluated(write("aliases: {rap: Hip Hop}"), [["Rock"]])
    assert not told


@pytest.mark.parametrize(
    "text, told",
    [
        ("genres: [", "is not valid YAML"),
        ("- Rock", "must contain genres or aliases"),
        ("", "must contain genres or aliases"),
        ("genre: [Rock]", "has the unknown key 'genre'. Allowed keys: genres, aliases."),
        ("genres: [Rock]\nalias: {}\n1: x", "has the unknown keys 'alias', 1. Allowed keys: "),
        ("genres: Rock", "not a list of names"),
        ("genres: []", "not a list of names"),
        ("genres: [Rock, 2]", "not a list of names"),
        ("aliases: [rap]", "does not map names to names"),
        ("aliases: {rap: [Hip Hop]}", "does not map names to names"),
        ("genres: [Rock]\naliases: {rap: Hip Hop}", "which is not in the list genres"),
        ("genres: !!python/object/apply:os.getcwd []", "is not valid YAML"),
    ],
)
def test_refused(write, capsys, text, told):
    path = write(text)
    assert main(["train", "t.csv", "-o", "m", "--genres", path]) == 2
    assert told in " ".join(capsys.readouterr().err.split())


def test_rare_genres(table_of, tmp_path, capsys):
    items = [["Jazz", "Bop"], ["Jazz"], ["Polka"], ["Rock"], ["Rock"]]
    words = ["train", table_of(items), "-o", str(tmp_path / "m"), "--json", "--quiet"]
    words += [
        "--set",
        "text__max_df=1.0",
        "--set",
        "validation_fraction=0",
        *settings("text", "fusion"),
    ]
    assert main([*words, "--min-items", "2"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["items_by_genre"] == {"Jazz": 2, "Rock": 2}
    left_out = {"without_genre": 1, "test_rows": 0, "rare_genres": ["Bop", "Polka"]}
    assert card["left_out"] == left_out
    assert main([*words, "--min-items", "1"]) == 0
    card = json.loads(capsys.readouterr().out)
    assert card["items_by_genre"] == {"Jazz": 2, "Rock": 2, "Bop": 1, "Polka": 1}
    assert card["left_out"] == {"without_genre": 0, "test_rows": 0, "rare_genres": []}
