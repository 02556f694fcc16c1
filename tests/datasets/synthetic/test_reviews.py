"""Reviews of synthetic albums."""

import re

import numpy as np
import pytest
from simulated_albums import SHORT

from skmmgenre.datasets import make_albums
from skmmgenre.text import GazetteerLinker

TEXTS_ALONE = {"missing": {"audio": 1.0, "cover": 1.0}}


def test_reviews_are_in_order_of_time(albums):
    months = (
        "January February March April May June July August September October November December"
    ).split()
    for reviews in albums.table.text:
        assert 2 <= len(reviews) <= 6
        dates = []
        for review in reviews:
            month, year = re.match(r"Written in (\w+) (\d+)\.", review).groups()
            dates.append(12 * int(year) + months.index(month))
            assert review[-1] in ".!?"
        assert dates == sorted(set(dates))


def mentions(data):
    """Of the names in the reviews: the share that belongs to the genre the text shows."""
    genre_of = dict(zip(data.catalogue.name, data.catalogue.genre, strict=True))
    pattern = re.compile("|".join(map(re.escape, genre_of)))
    hits = [
        genre_of[name] == genre
        for reviews, genre in zip(data.table.text, data.oracle.perceived.text, strict=True)
        for name in pattern.findall(" ".join(reviews))
    ]
    assert len(hits) > 200
    return np.mean(hits)


def test_entity_signal(tmp_path):
    share = {
        signal: mentions(
            make_albums(60, entity_signal=signal, random_state=0, directory=tmp_path, **TEXTS_ALONE)
        )
        for signal in (0.0, 0.5, 1.0)
    }
    assert share[0.0] == pytest.approx(1 / 9, abs=0.06)
    assert share[0.5] == pytest.approx(0.5 + 0.5 / 9, abs=0.08)
    assert share[1.0] == 1.0


def test_names_in_reviews_are_linked(albums):
    """Every name in the reviews is found, nearly all as whom they mean, and nothing else."""
    linker = GazetteerLinker(albums.knowledge_base)
    names = set(albums.catalogue.name)
    pattern = re.compile("|".join(map(re.escape, names)))
    n_named = n_right = 0
    for reviews in albums.table.text:
        text = " ".join(reviews)
        found = [(m.start, m.entity.replace("_", " ")) for m in linker.link(text)]
        named = [(m.start(), m[0]) for m in pattern.finditer(text)]
        assert [start for start, _ in found] == [start for start, _ in named]
        n_named += len(named)
        n_right += len(set(found) & set(named))
    assert n_right / n_named > 0.9


def test_artist_strength_zero_leaves_no_trace_of_the_artist(tmp_path):
    data = make_albums(30, artist_strength=0.0, random_state=0, directory=tmp_path, **SHORT)
    for artist, reviews in zip(data.groups, data.table.text, strict=True):
        assert artist not in " ".join(reviews)
