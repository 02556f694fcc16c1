"""MuMu, on small sets in the published layout."""

import csv
import gzip
import json

import numpy as np
import pandas as pd
import pytest
from published_layout import MUMU_COLUMNS, mumu_albums, write_mumu

from skmmgenre.compose import make_genre_classifier
from skmmgenre.datasets import describe_genres, fetch_mumu, load_mumu
from skmmgenre.fusion import FusionClassifier
from skmmgenre.metrics import macro_auc_score


@pytest.fixture(scope="module")
def published(tmp_path_factory):
    folder = tmp_path_factory.mktemp("mumu")
    write_mumu(folder, widths={"model_audio": 4, "model_text": 5, "model_visual": 3})
    return folder


def load(folder, **options):
    """Load the set that `write_mumu` wrote: its last album has no review."""
    with pytest.warns(UserWarning, match=r"text: 1 of 12 rows have no review \(B0011\)"):
        data = load_mumu(folder, **options)
    assert len(data.problems) == 1
    return data


def test_every_column_of_the_published_tables(published):
    albums, table = mumu_albums(), load(published).table
    assert set(MUMU_COLUMNS) <= set(table.columns)
    for name in ("amazon_id", "album_mbid", "artist_mbid", "genre"):
        assert table[name].tolist() == [album[name] for album in albums]
    tracks = [[list(ids) for ids in zip(*album["tracks"], strict=True)] for album in albums]
    assert table["MSD_track_id"].tolist() == [ids[0] for ids in tracks]
    assert table["recording_mbid"].tolist() == [ids[1] for ids in tracks]
    assert table["genres"].tolist() == [album["genres"].split(",") for album in albums]
    assert table["artist"].tolist() == table["artist_mbid"].tolist()


def test_metadata_reviews_and_labels(published):
    albums, data = mumu_albums(), load(published)
    assert data.table["title"].tolist() == [f"Title {i}" for i in range(12)]
    assert data.table["artist_name"][3] == "Artist 3"
    assert data.table["image_url"][3] == "http://covers.invalid/3.jpg"
    reviews = data.table["text"][4]
    assert [review[:8] for review in reviews] == ["Review 0", "Review 1", "Review 2"]
    assert reviews[0].endswith("“good” [as ever], {braces}.")
    assert data.table["text"][11] is None
    labels = ["Jazz", "Metal", "Oldies", "Pop", "Traditional Pop", "Vocal Jazz", "Vocal Pop"]
    assert data.Y.columns.tolist() == labels and set(data.Y.dtypes) == {np.dtype("int8")}
    for row, album in enumerate(albums):
        assert sorted(data.Y.columns[data.Y.iloc[row] == 1]) == sorted(album["genres"].split(","))
    assert data.y.tolist() == [album["genre"] for album in albums]
    assert data.groups.tolist() == [album["artist_mbid"] for album in albums]
    assert "12 albums, 7 labels, 2.67 each, 12 artists; train 10, val 1, test 1" in data.DESCR
    assert describe_genres(data.Y, data.parts).loc["Pop", "train_count"] == 7


def test_split(published):
    data = load(published)
    assert data.split.tolist() == ["train"] * 10 + ["val", "test"] == data.table["split"].tolist()
    assert np.flatnonzero(data.validation).tolist() == [10]
    assert data.parts["train"].tolist() == list(range(10))


def test_tracks(published):
    tracks = [(album, *ids) for album in mumu_albums() for ids in album["tracks"]]
    with pytest.warns(UserWarning, match=r"text: 3 of 24 rows"):
        data = load_mumu(published, unit="track")
    assert data.table["MSD_track_id"].tolist() == [track for _, track, _ in tracks]
    assert data.table["recording_mbid"].tolist() == [recording for *_, recording in tracks]
    assert data.split.tolist() == [album["part"] for album, *_ in tracks]
    assert data.y.tolist() == [album["genre"] for album, *_ in tracks]
    assert data.table["text"][1] == data.table["text"][2]
    assert len(data.Y) == 24


def test_files_of_the_user(published, tmp_path):
    for name in ("a/TR00010.mp3", "TR00011.flac", "TR00000.mp3"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    (tmp_path / "B0001.jpg").touch()
    (tmp_path / "album-2.png").touch()
    with pytest.warns(UserWarning) as caught:
        data = load_mumu(published, audio_directory=tmp_path, image_directory=tmp_path)
    assert caught[0].filename == __file__
    assert data.table["audio"][0] == [str(tmp_path / "TR00000.mp3")]
    second = [str(tmp_path / "a" / "TR00010.mp3"), str(tmp_path / "TR00011.flac")]
    assert data.table["audio"][1] == second
    assert data.table["audio"][2] is None
    assert data.table["cover"][1:3].tolist() == [
        str(tmp_path / "B0001.jpg"),
        str(tmp_path / "album-2.png"),
    ]
    assert data.problems[0].startswith("audio: 21 of 24 files")
    with pytest.warns(UserWarning):
        tracks = load_mumu(published, unit="track", audio_directory=tmp_path).table
    assert tracks["audio"].tolist()[:3] == [str(tmp_path / "TR00000.mp3"), *second]


@pytest.mark.parametrize("source", ["made", "real"])
def test_the_head_of_the_single_label_file(source, request, tmp_path):
    if source == "made":
        folder = tmp_path
        with open(folder / "MuMu_dataset_single-label.head.csv", "w", newline="") as file:
            writer = csv.writer(file)
            writer.writerow(MUMU_COLUMNS)
            for i, (genre, n) in enumerate([("Dance & Electronic", 2), ("Alternative Rock", 3)]):
                for j in range(n):
                    writer.writerow((f"B{i}", f"album-{i}", f"TR{i}{j}", f"rec-{i}{j}", "x", genre))
    else:
        folder = request.getfixturevalue("shared_data") / "mumu"
    with pytest.warns(UserWarning, match="no amazon_metadata_MuMu.json") as caught:
        data = load_mumu(folder, reviews=False)
    assert len(caught) == 1 and "published split" in data.problems[1]
    assert data.y.tolist() == ["Dance & Electronic", "Alternative Rock"]
    assert data.Y is None and data.split.tolist() == ["", ""]
    assert [len(tracks) for tracks in data.table["MSD_track_id"]] == [2, 3]


def test_labels_without_their_list(tmp_path):
    """Those of at least `min_items` albums, tracks not counted."""
    write_mumu(tmp_path)
    for file in tmp_path.rglob("*.tsv"):
        file.unlink()
    with pytest.warns(UserWarning, match="published split"):
        data = load_mumu(tmp_path, min_items=5)
    assert data.Y.columns.tolist() == ["Pop"]
    with pytest.warns(UserWarning):
        tracks = load_mumu(tmp_path, unit="track", min_items=5)
    assert tracks.Y.columns.tolist() == ["Pop"]


def test_labels_that_differ_from_the_published_matrix_are_said(tmp_path):
    write_mumu(tmp_path)
    (file,) = tmp_path.rglob("y_train_class_7_MuMu-albums.npy")
    matrix = np.load(file)
    matrix[3, 0] = 1 - matrix[3, 0]
    np.save(file, matrix)
    with pytest.warns(UserWarning, match=r"labels of 1 of 10 rows .* y_train.*\(rows 3\)"):
        load_mumu(tmp_path)


def test_rows_in_no_part_are_said(tmp_path):
    write_mumu(tmp_path)
    for file in tmp_path.rglob("items_index_train_*.tsv"):
        file.write_text("".join(file.read_text().splitlines(keepends=True)[:-1]))
    with pytest.warns(UserWarning, match=r"split: 1 of 12 rows are in no part .*\(rows 9\)"):
        data = load_mumu(tmp_path)
    assert data.split[9] == "" and not data.validation[9]


@pytest.mark.parametrize("lines", [False, True])
@pytest.mark.parametrize("compressed", [False, True])
def test_forms_of_the_reviews(published, tmp_path, lines, compressed):
    write_mumu(tmp_path, lines=lines)
    if compressed:
        (file,) = tmp_path.rglob("amazon_reviews_MuMu.json")
        file.with_suffix(".json.gz").write_bytes(gzip.compress(file.read_bytes()))
        file.unlink()
    assert load(tmp_path).table["text"].tolist() == load(published).table["text"].tolist()


def test_reviews_inside_their_album(tmp_path):
    write_mumu(tmp_path)
    (file,) = tmp_path.rglob("amazon_reviews_MuMu.json")
    nested = [{"amazon-id": "B0000", "reviews": [{"text": "b", "time": 2}, {"text": "a"}]}]
    file.write_text(json.dumps(nested))
    with pytest.warns(UserWarning, match="11 of 12 rows have no review"):
        assert load_mumu(tmp_path).table["text"][0] == ["a", "b"]


def test_files_that_are_not_there(tmp_path, monkeypatch):
    monkeypatch.setenv("SKMMGENRE_DATA", str(tmp_path))
    with pytest.raises(FileNotFoundError, match="no MuMu_dataset_multi-label.csv in .*831189"):
        load_mumu()
    with pytest.raises(FileNotFoundError, match="fetch_mumu"):
        fetch_mumu(download_if_missing=False)
    write_mumu(tmp_path / "mumu")
    with pytest.warns(UserWarning):
        assert len(fetch_mumu(verbose=0).table) == 12
    (table,) = tmp_path.rglob("*multi-label.csv")
    pd.read_csv(table).drop(columns="artist_mbid").to_csv(table, index=False)
    with pytest.raises(ValueError, match=r"lacks the columns \['artist_mbid'\]"):
        load_mumu()
    (tmp_path / "mumu" / "old multi-label.csv").touch()
    with pytest.raises(ValueError, match="Several files .*multi-label"):
        load_mumu()


def test_the_papers_protocol_runs_on_published_vectors(published):
    """The fusion rows of Table 6."""
    data = load(published, vectors=["model_audio", "model_text", "model_visual"])
    sizes = data.vectors.columns.str.partition("__").get_level_values(0).value_counts()
    assert sizes.to_dict() == {"text": 5, "audio": 4, "image": 3}
    np.testing.assert_allclose(data.vectors["text__4"], np.arange(12) + 0.04, rtol=1e-6)
    fit, test = np.isin(data.split, ["train", "val"]), data.split == "test"
    model = FusionClassifier(target="logistic", preset="paper", max_epochs=3, random_state=0)
    model.fit(data.vectors[fit], data.Y[fit], validation=data.validation[fit])
    assert model.predict_proba(data.vectors[test]).shape == (1, 7)
    assert macro_auc_score(data.Y[fit], model.predict_proba(data.vectors[fit])) > 0


def test_the_papers_protocol_runs_on_sound_reviews_and_covers(albums, small_model, tmp_path):
    """Albums of several tracks, several genres, stopped early on the published validation rows."""
    published = write_mumu(tmp_path / "mumu", n=20)
    sounds = [path for cell in albums.table["audio"] for path in cell]
    for album, cover in zip(published, albums.table["cover"], strict=False):
        (tmp_path / f"{album['amazon_id']}.png").symlink_to(cover)
        for track, _ in album["tracks"]:
            (tmp_path / f"{track}.wav").symlink_to(sounds.pop())
    with pytest.warns(UserWarning, match="text: 1 of 20"):
        data = load_mumu(tmp_path / "mumu", audio_directory=tmp_path, image_directory=tmp_path)
    fit = data.split != "test"
    model = small_model(target="logistic", preset="paper", n_jobs=1).fit(
        data.table[fit], data.Y[fit], groups=data.groups[fit], validation=data.validation[fit]
    )
    assert "valid_loss" in model.named_steps["fusion"].history_[0]
    assert model.predict_proba(data.table[~fit]).shape == (1, data.Y.shape[1])


def test_an_encoder_that_knows_the_songs(tmp_path, made_musicnn_weights):
    write_mumu(tmp_path, n=20)
    data = load_mumu(tmp_path, reviews=False)
    rng = np.random.default_rng(0)
    table = data.table.assign(audio=list(rng.normal(size=(20, 48_000)).astype(np.float32)))
    model = make_genre_classifier(
        text=None,
        image=None,
        audio_model="musicnn",
        audio__weights=made_musicnn_weights,
        audio__n_patches=1,
        preset="paper",
        fusion__max_epochs=1,
        validation_fraction=0,
    )
    with pytest.warns(UserWarning, match="Scores on MuMu will be too optimistic: musicnn was"):
        model.fit(table.iloc[:16], data.Y.iloc[:16])


def test_the_table_is_that_of_the_road(published):
    table = load(published).table
    steps = make_genre_classifier().named_steps["modalities"].transformers
    assert {columns for *_, columns in steps} <= set(table.columns)
