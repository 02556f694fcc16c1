"""Tables 1 and 4 of the paper, by hand and on the published counts."""

import numpy as np
import pandas as pd
import pytest
from published_layout import write_msdi
from scipy import sparse

from skmmgenre.datasets import describe_genres
from skmmgenre.model_selection import train_validation_test_split

# Table 1: train, validation, test, and the printed percentage.
TABLE_1 = {
    "Blues": (518, 120, 190, 2.68),
    "Country": (1351, 243, 194, 5.78),
    "Electronic": (3434, 725, 733, 15.81),
    "Folk": (858, 164, 136, 3.74),
    "Jazz": (1844, 373, 462, 8.66),
    "Latin": (390, 83, 83, 1.80),
    "Metal": (1749, 512, 375, 8.52),
    "New Age": (158, 71, 38, 0.86),
    "Pop": (2333, 644, 466, 11.13),
    "Punk": (487, 132, 96, 2.31),
    "Rap": (1932, 380, 381, 8.71),
    "Reggae": (1249, 190, 266, 5.51),
    "RnB": (1223, 222, 396, 5.95),
    "Rock": (3694, 709, 829, 16.91),
    "World": (331, 123, 46, 1.62),
}
Y = pd.DataFrame({"Jazz": [1, 1, 0, 0], "Soul": 0, "Pop": [0, 1, 1, 1]})


def test_table_1_of_the_paper():
    """Its counts add up to 30,933 (the text says 30,713), and so do its percentages."""
    rows = [
        (genre, part)
        for genre, counts in TABLE_1.items()
        for part, count in zip(("train", "val", "test"), counts, strict=False)
        for _ in range(count)
    ]
    genres, parts = zip(*rows, strict=True)
    table = describe_genres(genres, parts)
    assert table.index[:3].tolist() == ["Rock", "Electronic", "Pop"]
    assert table.attrs["n_items"] == {"all": 30933, "train": 21551, "val": 4691, "test": 4691}
    for genre, (train, val, test, percent) in TABLE_1.items():
        row = table.loc[genre]
        found = row[["count", "train_count", "val_count", "test_count"]]
        assert found.tolist() == [train + val + test, train, val, test]
        assert row["share"] * 100 == pytest.approx(percent, abs=0.005)
        assert row["val_share"] == val / 4691
    assert table.attrs["labels_per_item"]["all"] == {"mean": 1.0, "std": 0.0}


@pytest.mark.parametrize(("source", "n_genres", "n_tracks"), [("made", 4, 90), ("real", 15, 16753)])
def test_the_published_split_of_msdi(source, n_genres, n_tracks, request, tmp_path):
    if source == "made":
        rows = write_msdi(tmp_path, 90, genre_column="genre_label", held_out=17)
        data = pd.DataFrame(rows).drop(index=range(0, 60, 12))  # one genre is rarer
        n_tracks -= 5
    else:
        data = pd.read_csv(request.getfixturevalue("shared_data") / "msdi" / "msdi_per_album.csv")
    table = describe_genres(data["genre_label"], data["set"])
    expected = pd.crosstab(data["genre_label"], data["set"])
    assert set(table.index) == {"RnB", *expected.index} and len(table) == n_genres
    for part in ("train", "val", "test"):
        assert (table[f"{part}_count"].sort_index() == expected[part]).all()
    assert table["count"].sum() == table.attrs["n_items"]["all"] == n_tracks
    assert table["share"].sum() == pytest.approx(1)
    assert table["count"].is_monotonic_decreasing


@pytest.mark.parametrize("form", [pd.DataFrame, np.asarray, sparse.csr_array, sparse.coo_array])
def test_several_genres_by_hand(form):
    table = describe_genres(form(Y), ["train", "test", "train", "train"])
    names = dict(enumerate(Y.columns)) if form is not pd.DataFrame else {}
    table = table.rename(index=names)
    assert table.columns.tolist() == [
        "count",
        "share",
        "train_count",
        "train_share",
        "test_count",
        "test_share",
    ]
    assert table.loc["Pop"].tolist() == [3, 0.75, 2, 2 / 3, 1, 1]
    assert table.loc["Jazz"].tolist() == [2, 0.5, 1, 1 / 3, 1, 1]
    assert table.loc["Soul"].tolist() == [0] * 6  # nobody's, and last
    assert table.index.tolist() == ["Pop", "Jazz", "Soul"]
    assert (table.filter(like="count").dtypes == np.int64).all()
    per_item = table.attrs["labels_per_item"]
    assert per_item["all"] == {"mean": 1.25, "std": pytest.approx(np.std([1, 2, 1, 1]))}
    assert per_item["test"] == {"mean": 2.0, "std": 0.0}


def test_without_a_split_and_ties_by_order():
    table = describe_genres(["b", "a", "c", "c"])
    assert table.columns.tolist() == ["count", "share"]
    assert table["count"].to_dict() == {"c": 2, "a": 1, "b": 1}
    assert table.index.tolist() == ["c", "a", "b"]
    assert describe_genres([3, 1, 3]).index.tolist() == [3, 1]


def test_forms_of_a_split():
    y = ["Jazz", "Rock"] * 10
    positions = train_validation_test_split(
        y, y, [row // 2 for row in range(20)], (0.6, 0.2, 0.2), random_state=0
    )
    parts = dict(zip(("train", "validation", "test"), positions, strict=True))
    table = describe_genres(y, parts)
    assert table["train_count"].tolist() == [6, 6] and table["validation_count"].sum() == 4
    column = np.empty(20, dtype=object)
    for part, rows in parts.items():
        column[rows] = part
    split = pd.Categorical(column, categories=["train", "validation", "test", "unused"])
    pd.testing.assert_frame_equal(describe_genres(y, split), table)
    some = describe_genres(y, {"head": [0, 1, 2]})  # rows may be left out
    assert some["head_count"].tolist() == [2, 1] and some["count"].tolist() == [10, 10]


@pytest.mark.parametrize(
    ("labels", "split", "message"),
    [
        (["Jazz", None], None, "Y contains NaN: the first is in row 1, 1 in all"),
        ([], None, "0 rows"),
        (np.zeros((2, 2, 2)), None, "1-D or an indicator matrix"),
        ([[0, 3], [1, 0]], None, "got 3 in row 0, column 1"),
        ([["Jazz"], ["Jazz", "Pop"]], None, "MultiLabelBinarizer"),
        (Y, ["train"], "split has 1 rows, Y has 4"),
        (Y, ["train", None, "train", "test"], "split is missing in row 1"),
        (Y, ["train", "all", "train", "test"], "named 'all'"),
        (Y, {"train": [0, 1], "test": [1, 2]}, "Row 1 is in the part 'train' and again in 'test'"),
        (Y, {"train": [0, 4]}, "'train' of the split has positions outside 0 to 3"),
        (Y, {"train": [-1]}, "positions outside"),
        (Y, {"train": []}, "at least one"),
        (Y, {"train": [True, False, True, True]}, "must be positions of rows"),
    ],
)
def test_what_is_refused(labels, split, message):
    with pytest.raises(ValueError, match=message):
        describe_genres(labels, split)
