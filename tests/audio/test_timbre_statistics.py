import math
import pickle
import sys

import h5py
import numpy as np
import pandas as pd
import pytest
from made_songs import write_songs
from sklearn.base import clone
from sklearn.compose import ColumnTransformer
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils import get_tags

from skmmgenre.audio import TimbreStatistics
from skmmgenre.compose import MeanOverTracks
from skmmgenre.fusion import FusionClassifier
from skmmgenre.utils import BadItem


def segments(seed, n=20):
    return np.random.default_rng(seed).normal(size=(n, 12)) * 40 + np.arange(12)


def write(path, timbre, n_songs=1):
    """A file in the form of the Million Song Dataset."""
    with h5py.File(path, "w") as file:
        file["analysis/segments_timbre"] = timbre
        file["analysis/songs"] = np.zeros(n_songs, dtype=[("duration", "f8")])
    return str(path)


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    folder = tmp_path_factory.mktemp("songs")
    return [write(folder / f"{seed}.h5", segments(seed)) for seed in range(5)]


def test_by_hand():
    timbre = np.zeros((4, 12))
    timbre[:, 0] = [1, 2, 3, 6]
    timbre[:, 11] = -5
    (row,) = TimbreStatistics().fit_transform([timbre])
    expected = {
        "mean_0": 3, "max_0": 6, "variance_0": 3.5, "l2_norm_0": math.sqrt(50),
        "mean_5": 0, "max_5": 0, "variance_5": 0, "l2_norm_5": 0,
        "mean_11": -5, "max_11": -5, "variance_11": 0, "l2_norm_11": 10,
    }  # fmt: skip
    names = TimbreStatistics().get_feature_names_out().tolist()
    assert len(names) == len(set(names)) == 48
    for name, value in expected.items():
        assert row[names.index(name)] == pytest.approx(value), name
    assert [names[k].rpartition("_")[0] for k in (0, 12, 24, 36)] == [
        "mean", "max", "variance", "l2_norm",
    ]  # fmt: skip


def test_files_arrays_and_missing_cells(files):
    column = [files[0], None, segments(1), "", np.nan, segments(2).astype(np.float32)]
    X = TimbreStatistics().transform(column)
    assert X.shape == (6, 48) and X.dtype == np.float64
    assert np.isnan(X).all(axis=1).tolist() == [False, True, False, True, True, False]
    for row, seed in [(0, 0), (2, 1), (5, 2)]:
        timbre = segments(seed)
        expected = [
            f(timbre, axis=0)
            for f in (np.mean, np.max, np.var, lambda x, axis: (x**2).sum(0) ** 0.5)
        ]
        np.testing.assert_allclose(X[row], np.concatenate(expected), rtol=1e-6)
    stacked = np.stack([segments(1), segments(2)])
    np.testing.assert_array_equal(TimbreStatistics().transform(stacked)[0], X[2])
    assert np.isfinite(TimbreStatistics().transform([np.ones((1, 12), dtype=int)])).all()


def test_same_bits_for_any_order_subset_and_n_jobs(files):
    timbre = TimbreStatistics()
    X = timbre.transform(files)
    for order in ([4, 2, 0, 1, 3], [3], [1, 4]):
        np.testing.assert_array_equal(timbre.transform([files[k] for k in order]), X[order])
    np.testing.assert_array_equal(clone(timbre).set_params(n_jobs=2).transform(files), X)
    arrays = [np.asfortranarray(segments(seed)) for seed in range(5)]
    np.testing.assert_array_equal(timbre.transform(arrays), X)


def test_output_in_pandas(files):
    column = pd.Series([files[0], None], index=["a", "b"])
    timbre = TimbreStatistics().set_output(transform="pandas")
    X = timbre.fit_transform(column)
    assert X.columns.tolist() == timbre.get_feature_names_out().tolist()
    assert X.index.tolist() == ["a", "b"]
    table = pd.DataFrame({"song": column})
    columns = ColumnTransformer([("timbre", timbre, "song")]).set_output(transform="pandas")
    assert columns.fit_transform(table).columns[[0, 47]].tolist() == [
        "timbre__mean_0", "timbre__l2_norm_11",
    ]  # fmt: skip


def test_needs_no_fit(files):
    tags = get_tags(TimbreStatistics())
    assert not tags.requires_fit and not tags.input_tags.two_d_array
    timbre = pickle.loads(pickle.dumps(TimbreStatistics()))
    assert timbre.transform(files).shape == (5, 48)


@pytest.fixture(scope="module")
def bad_files(tmp_path_factory, files):
    folder = tmp_path_factory.mktemp("bad")
    with_nan = segments(0)
    with_nan[[7, 9], 3] = np.nan
    (folder / "empty.h5").write_bytes(b"")
    (folder / "text.h5").write_text("No song at all.\n" * 50)
    with open(files[0], "rb") as file:
        (folder / "cut.h5").write_bytes(file.read()[:-500])
    h5py.File(folder / "hollow.h5", "w").close()
    write(folder / "no_segments.h5", np.zeros((0, 12)))
    write(folder / "flat.h5", np.zeros(12))
    write(folder / "narrow.h5", np.zeros((9, 11)))
    write(folder / "words.h5", np.array([[b"a"] * 12]))
    write(folder / "nan.h5", with_nan)
    write(folder / "three.h5", segments(0), n_songs=3)
    return folder


BAD = [
    ("gone.h5", "no such file"),
    ("empty.h5", "0 bytes"),
    ("text.h5", "not an HDF5 file"),
    ("cut.h5", "broken.*truncated"),
    ("hollow.h5", "does not contain analysis/segments_timbre"),
    ("no_segments.h5", "0 segments"),
    ("flat.h5", r"shape \(12,\)"),
    ("narrow.h5", r"shape \(9, 11\)"),
    ("words.h5", "not numbers"),
    ("nan.h5", "2 of 20 segments contain NaN.*segment 7"),
    ("three.h5", "3 songs"),
    ("", "folder"),
]


@pytest.mark.parametrize(("name", "reason"), BAD)
def test_an_error_names_file_row_reason_and_way_out(bad_files, files, name, reason):
    path = bad_files / name
    with pytest.raises(BadItem, match=f"Row 1: cannot use track .*{path.name}.*{reason}") as told:
        TimbreStatistics().transform([files[0], path])
    assert "on_error='missing'" in str(told.value)


def test_bad_files_are_missing_and_listed(bad_files, files):
    timbre = TimbreStatistics(on_error="missing")
    X = timbre.fit_transform([files[0], *(bad_files / name for name, _ in BAD), None])
    assert np.isnan(X).all(axis=1).tolist() == [False] + [True] * (len(BAD) + 1)
    assert timbre.errors_["row"].tolist() == list(range(1, len(BAD) + 1))
    assert timbre.errors_["reason"].str.len().all() and timbre.errors_["remedy"].str.len().all()
    assert "_errors" not in timbre.__getstate__()
    timbre.transform(files)
    assert timbre.errors_.empty


@pytest.mark.parametrize(
    ("cell", "reason"),
    [
        (np.zeros((0, 12)), "0 segments"),
        (np.zeros(12), r"shape \(12,\).*put the array of a single track in a list"),
        (np.zeros((12, 900)), r"shape \(12, 900\)"),
        (np.full((3, 12), np.inf), "3 of 3 segments contain NaN or infinite.*segment 0"),
        (np.zeros((3, 12), dtype=complex), "not numbers"),
        (["a.h5", "b.h5"], "got list.*MeanOverTracks"),
        (7, "got int"),
    ],
)
def test_bad_cells(cell, reason):
    with pytest.raises(BadItem, match=f"Row 0: .*{reason}"):
        TimbreStatistics().transform([cell])


def test_one_track_without_a_list_is_refused():
    with pytest.raises(BadItem, match="put the array of a single track in a list"):
        TimbreStatistics().transform(segments(0))


def test_without_h5py_the_error_says_what_to_install(files, monkeypatch):
    monkeypatch.setitem(sys.modules, "h5py", None)
    for on_error in ("raise", "missing"):  # it is not the fault of the file
        with pytest.raises(ImportError, match=r'pip install "skmmgenre\[data\]"'):
            TimbreStatistics(on_error=on_error).transform(files)
    assert np.isfinite(TimbreStatistics().transform([segments(0)])).all()


@pytest.mark.parametrize("params", [{"on_error": "skip"}, {"n_jobs": "two"}, {"verbose": -1}])
def test_parameters_are_checked(params):
    for method in ("fit", "transform"):
        with pytest.raises(ValueError, match=next(iter(params))):
            getattr(TimbreStatistics(**params), method)([segments(0)])


def timbre_mlp(**params):
    """TIMBRE-MLP of the paper."""
    return make_pipeline(
        TimbreStatistics(), StandardScaler(), FusionClassifier(normalize=False, **params)
    )


def test_timbre_mlp_has_the_size_of_the_paper():
    Y = np.eye(250, dtype=int)[np.arange(500) % 250]
    tracks = [segments(row, n=3) for row in range(500)]
    model = timbre_mlp(max_epochs=1, validation_fraction=0, random_state=0).fit(tracks, Y)
    assert model[-1].n_parameters_ == 12_250


def test_timbre_mlp_learns():
    """Genres that differ in the mean of one coefficient and in the spread of another."""
    tracks, Y = [], np.zeros((120, 2), dtype=int)
    for row in range(120):
        Y[row] = row % 2, row // 2 % 2
        timbre = segments(row)
        timbre[:, 4] += 80 * Y[row, 0]
        timbre[:, 8] *= 1 + 2 * Y[row, 1]
        tracks.append(timbre)
    tracks[7] = None
    model = timbre_mlp(lr=0.05, validation_fraction=0, max_epochs=30, random_state=0)
    model.fit(tracks[:80], Y[:80])
    assert model.score(tracks[80:], Y[80:]) > 0.95
    np.testing.assert_allclose(model.predict_proba([None]), [Y[:80].mean(axis=0)], atol=0.02)


def test_albums_of_several_tracks(files):
    albums = pd.Series([files[:2], files[2], [], None])
    X = MeanOverTracks(TimbreStatistics()).fit_transform(albums)
    tracks = TimbreStatistics().transform(files[:3])
    np.testing.assert_allclose(X[:2], [tracks[:2].mean(axis=0), tracks[2]], rtol=1e-6)
    assert np.isnan(X[2:]).all()


@pytest.mark.parametrize("source", ["made", "real"])
def test_files_of_the_million_song_dataset(source, request, tmp_path):
    if source == "made":
        folder = write_songs(tmp_path)
    else:
        folder = request.getfixturevalue("shared_data") / "msd"
    songs = sorted(folder.glob("TR*.h5"))
    (broken,) = folder.glob("BROKEN*.h5")
    assert len(songs) == 12
    X = TimbreStatistics().transform(songs)
    assert X.shape == (12, 48) and np.isfinite(X).all()
    mean, maximum, variance, norm = np.split(X, 4, axis=1)
    assert (mean <= maximum).all() and (mean[:, 0] > 20).all()  # coefficient 0 is loudness
    with h5py.File(songs[3]) as file:
        n_segments = len(file["analysis/segments_timbre"])
    np.testing.assert_allclose(norm[3] ** 2, n_segments * (variance[3] + mean[3] ** 2))
    with pytest.raises(
        BadItem, match=f"Row 12: .*{broken.name}.*not contain analysis/segments_timbre"
    ):
        TimbreStatistics().transform([*songs, broken])
    timbre = TimbreStatistics(on_error="missing")
    assert np.isnan(timbre.transform([*songs, broken])[12]).all()
    assert timbre.errors_["row"].tolist() == [12] and broken.name in timbre.errors_["item"][0]
