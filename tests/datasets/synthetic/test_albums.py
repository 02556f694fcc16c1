"""Synthetic albums: the table, labels and files, by seed and number of workers."""

import hashlib
from pathlib import Path

import numpy as np
import pytest
from simulated_albums import SHORT

from skmmgenre.datasets import make_albums


def digests(directory):
    return {
        path.relative_to(directory).as_posix(): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(Path(directory).rglob("*.*"))
    }


def test_same_seed_same_bytes_whatever_n_jobs(tmp_path):
    made = [
        make_albums(
            20,
            tracks_per_album=(1, 3),
            random_state=3,
            directory=tmp_path / name,
            audio_format="mixed",
            n_jobs=n_jobs,
            **SHORT,
        )
        for name, n_jobs in [("one", 1), ("two", 2)]
    ]
    assert digests(tmp_path / "one") == digests(tmp_path / "two")
    assert made[0].table.text.tolist() == made[1].table.text.tolist()
    assert made[0].Y.equals(made[1].Y)
    assert (made[0].y == made[1].y).all()
    suffixes = {Path(path).suffix for cell in made[0].table.audio for path in cell}
    assert suffixes == {".ogg", ".flac", ".wav", ".mp3"}


def test_other_seed_other_bytes(tmp_path):
    for seed in (0, 1):
        make_albums(2, random_state=seed, directory=tmp_path / str(seed), **SHORT)
    zero, one = digests(tmp_path / "0"), digests(tmp_path / "1")
    assert zero.pop("catalogue.kb") == one.pop("catalogue.kb")
    assert zero.keys() == one.keys()
    assert not set(zero.values()) & set(one.values())


def test_table_and_labels(albums):
    table, Y = albums.table, albums.Y
    assert list(table) == ["album", "artist", "title", "audio", "text", "cover"]
    assert table.album[17] == "album_00017"
    assert all(type(path) is str for path in table.audio)
    assert albums.y.dtype == albums.groups.dtype == object
    assert all(type(genre) is str for genre in albums.y)
    assert (albums.groups == table.artist.to_numpy()).all()
    assert Y.index.equals(table.index)
    assert set(np.unique(Y)) == {0, 1}
    assert Y.shape[1] == 12
    # the main genre is a label, and so is the parent of every label
    for row, genre in enumerate(albums.y):
        assert Y[genre][row] == 1
    children = {}
    for branch in albums.taxonomy:
        parent, leaf = branch.split("/")
        children.setdefault(parent, []).append(leaf)
    for parent, leaves in children.items():
        assert (Y[parent] == Y[leaves].max(axis=1)).all()
    assert set(children).isdisjoint(sum(children.values(), []))
    assert albums.taxonomy.labels == sorted(Y.columns)
    assert albums.taxonomy.make_consistent(Y).equals(Y)
    main_genre = albums.taxonomy.label_matrix(albums.y)
    assert (main_genre <= Y[main_genre.columns]).all(axis=None)


@pytest.mark.parametrize("n_genres", [2, 8, 40, 96])
def test_tree_has_two_levels(tmp_path, n_genres):
    data = make_albums(3, n_genres, random_state=0, directory=tmp_path, **SHORT)
    branches = [branch.split("/") for branch in data.taxonomy]
    leaves = [leaf for _, leaf in branches]
    parents = {parent for parent, _ in branches}
    assert len(branches) == len(set(leaves)) == n_genres
    assert data.oracle.classes.tolist() == leaves == sorted(leaves)
    assert data.Y.columns.tolist() == leaves + sorted(parents)
    assert len(parents) == min(-(-n_genres // 3), 16)


def test_missing_cells(tmp_path):
    shares = {"audio": 0.25, "text": 0.5}
    data = make_albums(40, missing=shares, random_state=0, directory=tmp_path, **SHORT)
    empty = data.table[["audio", "text", "cover"]].map(lambda cell: cell is None)
    assert empty.sum().tolist() == [10, 20, 0]
    assert (data.oracle.present.to_numpy() == ~empty.to_numpy()).all()
    files = digests(tmp_path)
    assert sum(name.startswith("audio/") for name in files) == 30
    # what is emptied changes nothing else
    full = make_albums(40, missing=0.0, random_state=0, directory=tmp_path / "full", **SHORT)
    assert (full.oracle.perceived == data.oracle.perceived).all(axis=None)
    there = data.oracle.present.text.to_numpy()
    assert full.table.text[there].tolist() == data.table.text[there].tolist()


def test_paths_begin_with_the_directory_as_given(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    data = make_albums(2, random_state=0, directory="here", **SHORT)
    assert data.directory == "here"
    assert Path(data.table.audio[0]).parts == ("here", "audio", "album_00000_01.flac")
    assert Path(data.table.cover[1]).parts == ("here", "cover", "album_00001.png")


def test_temporary_directory_by_default(tmp_path, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    data = make_albums(1, random_state=0, **SHORT)
    assert Path(data.table.audio[0]).is_file()
    assert Path(data.directory).parent == tmp_path
    assert data.table.audio[0].startswith(data.directory)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_albums": 0}, "n_albums"),
        ({"n_genres": 97}, "n_genres"),
        ({"tracks_per_album": (3, 1)}, "tracks_per_album"),
        ({"tracks_per_album": (1, 2, 3)}, "tracks_per_album"),
        ({"missing": 1.5}, "missing"),
        ({"missing": {"image": 0.5}}, "missing has no 'image'"),
        ({"missing": {"audio": -0.1}}, "audio"),
        ({"accuracy": {"sound": 0.5}}, "accuracy has no 'sound'"),
        ({"complementarity": -0.1}, "complementarity"),
        ({"duration": 0}, "duration"),
        ({"audio_format": "aiff"}, "audio_format"),
    ],
)
def test_bad_arguments(tmp_path, arguments, message):
    with pytest.raises(ValueError, match=message):
        make_albums(**{"n_albums": 2, "directory": tmp_path / "none", **arguments})
    assert not (tmp_path / "none").exists()


def test_labels_are_drawn_as_the_oracle_says(tmp_path):
    """Of albums that have no cell, so that there is nothing to render."""
    data = make_albums(
        50_000, missing=1.0, label_correlation=1.0, random_state=0, directory=tmp_path
    )
    assert data.oracle.labels.tolist() == data.Y.columns.tolist()
    for genre, probability in zip(data.oracle.classes, data.oracle.label_probability, strict=True):
        share = data.Y[data.y == genre].mean().to_numpy()
        np.testing.assert_allclose(share, probability, atol=0.04)
