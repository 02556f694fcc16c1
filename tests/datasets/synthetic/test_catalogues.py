"""The two catalogues that match_records is tried on."""

import numpy as np
import pandas as pd
import pytest

from skmmgenre.datasets import make_catalogues


@pytest.fixture(scope="module")
def data():
    return make_catalogues(3000, random_state=0)


def test_shapes_and_pairs(data):
    assert data.left.columns.tolist() == ["title", "artist", "genres"]
    assert data.right.columns.tolist() == ["title", "artist", "artist_id"]
    assert len(data.left) == len(data.right) == 3000 and len(data.pairs) == 1800
    for side in ("left", "right"):
        assert data.pairs[side].is_unique and set(data.pairs[side]) <= set(data[side].index)
        assert data[side].index.is_unique and data[side].notna().all(axis=None)
    assert {branch for branches in data.left["genres"] for branch in branches} <= set(data.taxonomy)
    assert data.right["artist_id"].nunique() < 3000
    assert "SYNTHETIC" in data.DESCR


def test_the_same_seed_gives_the_same():
    one, other = (make_catalogues(50, random_state=4) for _ in range(2))
    pd.testing.assert_frame_equal(one.left, other.left)
    pd.testing.assert_frame_equal(one.right, other.right)
    assert not make_catalogues(50, random_state=5).left.equals(one.left)


@pytest.mark.parametrize("overlap, n_common", [(0, 0), (0.25, 10), (1, 40)])
def test_overlap(overlap, n_common):
    data = make_catalogues(40, overlap=overlap, random_state=0)
    assert len(data.pairs) == n_common and len(data.left) == len(data.right) == 40


def test_without_mistakes_there_are_habits_only():
    data = make_catalogues(2000, typos=0, decorations=0, random_state=1)
    titles = pd.concat([data.left["title"], data.right["title"]])
    assert not titles.str.contains("Edition|Remaster|Import").any()
    left = data.left.loc[data.pairs["left"], "title"].str.lower().tolist()
    right = data.right.loc[data.pairs["right"], "title"].str.lower().tolist()
    assert 0.6 < np.mean([one == other for one, other in zip(left, right, strict=True)]) < 1


@pytest.mark.parametrize(
    "pattern",
    [
        r", The$",
        r"^The ",
        r" feat\. ",
        r" & ",
        r" and ",
        "[А-я]",
        "[Α-ω]",
        "[ア-ン]",
        "[가-힣]",
        "[\u4e00-\u9fff]",
        "é",
        r"^\w+, \w+$",
        r"^[A-Z ]+$",
    ],
)
def test_all_ways_to_write_an_artist_occur(data, pattern):
    artists = pd.concat([data.left["artist"], data.right["artist"]])
    assert artists.str.contains(pattern).any()


@pytest.mark.parametrize(
    "pattern",
    [r"\(Deluxe Edition\)", r"Vol\. II\b", "Volume 2", r"\(Live\)", "^Greatest Hits", "^20"],
)
def test_all_kinds_of_titles_occur(data, pattern):
    titles = pd.concat([data.left["title"], data.right["title"]])
    assert titles.str.contains(pattern).any()


def test_an_artist_gives_a_title_once():
    """So that a pair of equal records of one artist is the same album."""
    data = make_catalogues(2000, typos=0, decorations=0, random_state=2)
    key = data.right["title"].str.lower() + "|" + data.right["artist_id"]
    assert not key.duplicated().any()
