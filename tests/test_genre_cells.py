"""One reader of genre cells: the commands, the scripts and GenreTaxonomy read a column alike."""

import runpy
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from skmmgenre.cli._music import open_music
from skmmgenre.labels import GenreTaxonomy, read_genres

EXAMPLES = Path(__file__).resolve().parents[1] / "examples"
CELLS = {
    "Pop/Rock": ["Pop/Rock"],
    "Pop/Rock; R&B": ["Pop/Rock", "R&B"],
    "R&B|Hip-Hop/Rap|": ["R&B", "Hip-Hop/Rap"],
    " Stage & Screen ;; Pop/Rock ;": ["Stage & Screen", "Pop/Rock"],
    "Jazz; jazz; JAZZ": ["Jazz"],
    "jazz": ["jazz"],
    "Free  Jazz": ["Free Jazz"],
    "Jazz, Blues": ["Jazz", "Blues"],
    "Blues, Pop/Rock; Jazz": ["Blues", "Pop/Rock", "Jazz"],
    "Folk, World, & Country": ["Folk, World, & Country"],
    "Sea, Sun": ["Sea, Sun"],
    "['Jazz', 'Pop/Rock']": ["Jazz", "Pop/Rock"],
    '["R&B", "Jazz; Blues"]': ["R&B", "Jazz", "Blues"],
    "['Jazz' 'Blues']": ["Jazz", "Blues"],
    "[Live]": ["[Live]"],
    "1999": ["1999"],
    "3.5; true": ["3.5", "true"],
    "Unknown; Blues": ["Blues"],
    "": [],
    "  ": [],
    " ; |": [],
    "[]": [],
    "Other": [],
}
GENRES = sorted({genre for genres in CELLS.values() for genre in genres})


@pytest.fixture
def table(tmp_path):
    columns = {"audio": "a.ogg", "cover": "a.png", "genres": list(CELLS), "artist": "Nina"}
    table = pd.DataFrame(columns)
    table.to_csv(tmp_path / "music.csv", index=False)
    return table


def read_by_train(path):
    with open_music(str(path), verbose=0) as music:
        return music.genres


def read_by_multi_label(path, *words):
    script = runpy.run_path(str(EXAMPLES / "reproduce_multi_label.py"))
    words = [str(path), "--min-items", "1", "--skip-unlabelled", *words]
    options = script["read_options"](words)
    items = script["read_items"](pd.read_csv(path, keep_default_na=False)["genres"], options)
    _, Y = script["label_matrix"](items, options)
    return labels_of(Y)


def read_by_single_label(path, *words):
    script = runpy.run_path(str(EXAMPLES / "reproduce_single_label.py"))
    words = [str(path), "--genre", "genres", "--skip-unlabelled", *words]
    return script["read_table"](script["read_options"](words))[1].tolist()


def labels_of(Y):
    return [sorted(Y.columns[row]) for row in Y.to_numpy(dtype=bool)]


def test_all_read_a_column_alike(table, tmp_path):
    path = tmp_path / "music.csv"
    expected = list(CELLS.values())
    assert read_by_train(path) == expected
    assert read_by_single_label(path) == [genres[0] for genres in expected if genres]
    assert read_by_multi_label(path) == list(map(sorted, expected))
    with pytest.warns(UserWarning, match="'Jazz, Blues' read as 'Jazz', 'Blues'; .* and 1 more"):
        taxonomy = GenreTaxonomy.from_items(table["genres"])
    assert taxonomy.labels == GENRES
    with pytest.warns(UserWarning, match="'Jazz, Blues' read as 'Jazz', 'Blues'; .* and 1 more"):
        assert labels_of(taxonomy.label_matrix(table["genres"])) == list(map(sorted, expected))


def test_names_with_slashes_that_no_catalogue_has(tmp_path):
    """Branches where these are asked for, and by default in the script of Table 6."""
    path = tmp_path / "music.csv"
    cells = ["Pop/Rock; Folk/Acoustic", "Jazz", "Soul|Dub", "Ska"]
    table = pd.DataFrame({"audio": "a", "cover": "b", "genres": cells, "artist": "c"})
    table.to_csv(path, index=False)
    whole = [["Folk/Acoustic", "Pop/Rock"], ["Jazz"], ["Dub", "Soul"], ["Ska"]]
    assert list(map(sorted, read_by_train(path))) == whole
    assert read_by_single_label(path) == ["Pop/Rock", "Jazz", "Soul", "Ska"]
    assert read_by_multi_label(path, "--branch-separator", "") == whole
    taxonomy = GenreTaxonomy.from_items(cells, separator=None)
    assert labels_of(taxonomy.label_matrix(cells)) == whole
    branches = [["Acoustic", "Folk", "Pop/Rock"], *whole[1:]]
    assert read_by_multi_label(path) == branches
    taxonomy = GenreTaxonomy.from_items(cells)
    assert labels_of(taxonomy.label_matrix(cells)) == branches


@pytest.mark.parametrize("separators", [";", "; "])
def test_separators_that_are_given(tmp_path, separators):
    path = tmp_path / "music.csv"
    cells = ["Hip Hop; Jazz, Blues", "Soul|Dub", "Ska", "Rock", "Pop"]
    table = pd.DataFrame({"audio": "a", "cover": "b", "genres": cells, "artist": "c"})
    table.to_csv(path, index=False)
    expected = [["Hip Hop", "Jazz, Blues"], ["Soul|Dub"], ["Ska"], ["Rock"], ["Pop"]]
    with open_music(str(path), separators=separators, verbose=0) as music:
        assert music.genres == expected
    words = ["--separators", separators]
    assert read_by_single_label(path, *words) == [genres[0] for genres in expected]
    assert read_by_multi_label(path, *words) == expected


def test_lists_in_cells(tmp_path):
    pytest.importorskip("pyarrow")
    cells = [["Pop/Rock", "R&B"], np.array(["Jazz"]), [], None]
    table = pd.DataFrame({"text": "a", "genres": pd.Series(cells, dtype=object)})
    table.to_parquet(tmp_path / "music.parquet")
    expected = [["Pop/Rock", "R&B"], ["Jazz"], [], []]
    assert read_by_train(tmp_path / "music.parquet") == expected
    assert read_genres(table["genres"]) == (expected, [])
    taxonomy = GenreTaxonomy.from_items(table["genres"])
    assert taxonomy.expand(table["genres"]) == expected


@pytest.mark.parametrize("cell", ["['Jazz', Blues]", "['Jazz' ... 'Blues']"])
def test_a_cell_that_cannot_be_read_is_named_by_all(tmp_path, cell):
    path = tmp_path / "music.csv"
    cells = ["Jazz", cell]
    pd.DataFrame({"audio": "a", "cover": "b", "genres": cells, "artist": "c"}).to_csv(path)
    for read in (
        read_by_train,
        read_by_single_label,
        read_by_multi_label,
        lambda path: GenreTaxonomy.from_items(cells),
        lambda path: read_genres(cells),
    ):
        with pytest.raises(ValueError, match="of row 1 .* list"):
            read(path)
