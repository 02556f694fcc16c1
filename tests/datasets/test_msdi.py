"""MSD-I: the published file, a third party's reduction, files and vectors beside it."""

import numpy as np
import pandas as pd
import pytest
from published_layout import write_msdi

from skmmgenre.compose import make_genre_classifier
from skmmgenre.datasets import describe_genres, fetch_msdi, get_data_home, load_msdi
from skmmgenre.fusion import FusionClassifier


def touch(folder, *names):
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(b"")


# Of the reduction: tracks, genres, artists, tracks of each part, and how many have a genre.
REDUCTION = {
    "made": (1200, 4, 1200, {"train": 1000, "val": 100, "test": 100}, ("Rap", 300)),
    "real": (16753, 15, 8858, {"train": 11629, "val": 2567, "test": 2557}, ("Rock", 3890)),
}


@pytest.mark.parametrize("source", REDUCTION)
def test_the_reduction(source, request, tmp_path):
    if source == "made":
        write_msdi(tmp_path, 1200, genre_column="genre_label", separator=",", held_out=100)
        path = tmp_path
    else:
        path = request.getfixturevalue("shared_data") / "msdi" / "msdi_per_album.csv"
    data = load_msdi(path)
    n_tracks, n_genres, n_artists, parts, (genre, count) = REDUCTION[source]
    assert data.table.shape == (n_tracks, 9)
    assert len(np.unique(data.y)) == n_genres
    assert len(np.unique(data.groups)) == n_artists
    assert pd.Series(data.split).groupby(data.groups).nunique().max() == 1
    assert {part: len(rows) for part, rows in data.parts.items()} == parts
    assert data.validation.sum() == parts["val"] and data.validation.dtype == bool
    assert data.problems == []
    assert "third party" in data.DESCR and f"{n_tracks:,} tracks" in data.DESCR
    table = describe_genres(data.y, data.parts)
    assert table.loc[genre, "count"] == count


def test_the_published_file(tmp_path):
    rows = write_msdi(tmp_path)
    data = load_msdi(tmp_path)
    expected = pd.DataFrame(rows).rename(columns={"set": "split"})
    pd.testing.assert_frame_equal(data.table[expected.columns], expected, check_dtype=False)
    assert data.table["artist"].tolist() == data.groups.tolist()
    assert data.table[["audio", "cover"]].isna().all(axis=None)
    assert data.y.tolist() == expected["genre"].tolist()
    assert data.split.tolist() == ["train"] * 10 + ["val", "test"]
    assert np.flatnonzero(data.validation).tolist() == data.parts["val"].tolist() == [10]
    assert "as published" in data.DESCR
    by_file = load_msdi(tmp_path / "msdi-data" / "splits" / "MSD-I_dataset.tsv")
    pd.testing.assert_frame_equal(by_file.table, data.table)


def test_it_is_read_as_written(tmp_path):
    """A track called NA and a genre called null are names."""
    path = tmp_path / "own.csv"
    path.write_text(
        "set,msd_track_id,genre,album_index,msd_artist_id,image_url,more\n"
        "train,NA,null,7,nan,,x\n"
        'val,"T,2",Rock,8,A,http://x.invalid/a.b.jpg,y\n'
    )
    data = load_msdi(path)
    assert data.table["msd_track_id"].tolist() == ["NA", "T,2"]
    assert data.y.tolist() == ["null", "Rock"]
    assert data.groups.tolist() == ["nan", "A"]


def test_files_of_the_user(tmp_path):
    write_msdi(tmp_path)
    touch(tmp_path / "audio", "T/R/TR0000.mp3", "TR0001.FLAC", "a/TR0002.ogg", "b/TR0002.mp3")
    touch(tmp_path / "audio", "TR0003.txt", "TR0003.jpg")
    touch(tmp_path / "covers", "TR0000.jpg", "0001_200.png")
    with pytest.warns(UserWarning, match=r"audio: 9 of 12 .*TR0003, TR0004, TR0005, \.\.\."):
        data = load_msdi(
            tmp_path, audio_directory=tmp_path / "audio", image_directory=str(tmp_path / "covers")
        )
    audio = data.table["audio"].tolist()
    assert audio[0] == str(tmp_path / "audio" / "T" / "R" / "TR0000.mp3")
    assert audio[1].endswith("TR0001.FLAC") and audio[2].endswith("a/TR0002.ogg")
    assert audio[3:] == [None] * 9
    covers = data.table["cover"].tolist()
    assert covers[0].endswith("TR0000.jpg") and covers[1].endswith("0001_200.png")
    assert len(data.problems) == 2 and "cover: 10 of 12" in data.problems[1]
    touch(tmp_path / "h5", *(f"TR{i:04}.h5" for i in range(12)))
    data = load_msdi(tmp_path, timbre_directory=tmp_path / "h5")
    assert data.table["timbre"].notna().all() and data.problems == []


def test_folders_that_are_not_it(tmp_path):
    write_msdi(tmp_path)
    touch(tmp_path / "audio", "song.mp3")
    with pytest.raises(ValueError, match=r"None of the 12 .*1 such files.*'song.mp3'.*TR0000"):
        load_msdi(tmp_path, audio_directory=tmp_path / "audio")
    with pytest.raises(ValueError, match="contains no such file"):
        load_msdi(tmp_path, image_directory=tmp_path / "audio")
    with pytest.raises(FileNotFoundError, match="There is no folder .*nowhere"):
        load_msdi(tmp_path, audio_directory=tmp_path / "nowhere")


def test_what_is_missing_is_said(tmp_path, monkeypatch):
    monkeypatch.setenv("SKMMGENRE_DATA", str(tmp_path))
    assert get_data_home() == tmp_path
    with pytest.raises(FileNotFoundError, match=r"MSD-I was not found: there is no .*fetch_msdi"):
        load_msdi()
    with pytest.raises(FileNotFoundError, match="zenodo.1240485"):
        fetch_msdi(download_if_missing=False)
    (tmp_path / "msdi").mkdir()
    with pytest.raises(
        FileNotFoundError, match="does not contain a table with the columns of MSD-I"
    ):
        load_msdi()
    write_msdi(tmp_path / "msdi")
    assert len(load_msdi().table) == len(fetch_msdi(verbose=0).table) == 12
    touch(tmp_path / "msdi", "copy.csv")
    (tmp_path / "msdi" / "copy.csv").write_text("msd_track_id,set,genre_label\n")
    with pytest.raises(ValueError, match="several tables of MSD-I"):
        load_msdi()
    with pytest.raises(ValueError, match=r"copy.csv' lacks the columns \['msd_artist_id'"):
        load_msdi(tmp_path / "msdi" / "copy.csv")


@pytest.mark.parametrize("encoder", ["musicnn", "musicnn-mtt"])
def test_an_encoder_that_knows_the_songs(tmp_path, made_musicnn_weights, encoder, recwarn):
    """The warning comes with rows that were chosen and columns that were added, too."""
    write_msdi(tmp_path, n=24)
    data = load_msdi(tmp_path)
    assert data.table.attrs["source"] == "MSD-I"
    rng = np.random.default_rng(0)
    table = data.table.assign(audio=list(rng.normal(size=(24, 48_000)).astype(np.float32)))
    weights = {"audio__weights": made_musicnn_weights, "audio__n_patches": 1}
    small = {"preset": "paper", "fusion__max_epochs": 1, "validation_fraction": 0}
    model = make_genre_classifier(text=None, image=None, audio_model=encoder, **weights, **small)
    fit = data.split != "test"
    model.fit(table[fit], data.y[fit], groups=data.groups[fit])
    warned = [w for w in recwarn if "Scores on MSD-I will be too optimistic" in str(w.message)]
    assert [w.filename for w in warned] == [__file__] * (encoder == "musicnn")
    assert all('model="musicnn-mtt"' in str(w.message) for w in warned)
    model.fit(pd.DataFrame({"audio": table["audio"]}), data.y)  # rows of unknown origin
    assert len([w for w in recwarn if "too optimistic" in str(w.message)]) == len(warned)


def test_broken_rows_are_named(tmp_path):
    write_msdi(tmp_path)
    path = tmp_path / "msdi-data" / "splits" / "MSD-I_dataset.tsv"
    whole = path.read_text()
    path.write_text(whole.replace("\tval\t", "\tdev\t"))
    with pytest.raises(ValueError, match=r"has 'dev' as 'set' in row 10 .*train or val or test"):
        load_msdi(path)
    path.write_text(whole.replace("\tRap\t", "\t\t"))
    with pytest.raises(ValueError, match=r"'' as 'genre' in row 2 \(3 rows .* expected a genre\."):
        load_msdi(path)
    path.write_text(whole.replace("AR11", "AR0").replace("TR0001", "TR0000"))
    with pytest.warns(UserWarning) as caught:
        data = load_msdi(path)
    assert data.problems == [
        "1 tracks occur twice (TR0000)",
        "1 artists are in more than one part (AR0)",
    ]
    assert caught[0].filename == __file__


def test_the_papers_protocol_runs_on_published_vectors(tmp_path):
    """The fusion rows of Table 2: fit on train and val, stop early on val, score on test."""
    write_msdi(tmp_path, n=40, widths={"audio": 8, "visual": 6})
    data = load_msdi(tmp_path, vectors=["audio", "visual"])
    fit = data.split != "test"
    model = FusionClassifier(preset="paper", max_epochs=3, random_state=0)
    model.fit(data.vectors[fit], data.y[fit], validation=data.validation[fit])
    assert len(model.history_) == 3
    assert set(model.predict(data.vectors[~fit])) <= set(data.y)


def test_the_table_is_that_of_the_road(tmp_path):
    """The columns are those that make_genre_classifier takes by default."""
    write_msdi(tmp_path)
    table = load_msdi(tmp_path).table
    pipeline = make_genre_classifier(text=None)
    used = [columns for *_, columns in pipeline.named_steps["modalities"].transformers]
    assert set(used) <= set(table.columns)
