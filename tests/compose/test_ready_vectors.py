"""Columns of ready vectors: what a cell may hold, and which errors name its row."""

import numpy as np
import pandas as pd
import pytest
from sklearn.compose import ColumnTransformer

import skmmgenre
from skmmgenre.compose import GenrePipeline, ReadyVectors
from skmmgenre.fusion import FusionClassifier
from skmmgenre.utils.estimator_checks import check_branch

VECTORS = np.random.default_rng(0).normal(size=(40, 5)).astype(np.float32)


def column(vectors=VECTORS, *, missing=()):
    cells = [None if row in missing else vector for row, vector in enumerate(vectors)]
    return pd.Series(cells, dtype=object)


@pytest.mark.parametrize("bad", ["[0.1, 0.2]", [1.0]], ids=repr)
def test_it_is_a_sound_branch(bad):
    results = check_branch(ReadyVectors(), list(VECTORS[:8]), bad_cell=bad)
    assert {result["status"] for result in results} <= {"passed", "skipped"}


@pytest.mark.parametrize(
    "cells",
    [
        VECTORS,
        VECTORS.tolist(),
        [tuple(vector) for vector in VECTORS.tolist()],
        column(),
        column().to_frame(),
        list(VECTORS.astype(object)),
        list(VECTORS.astype(np.float64)),
    ],
    ids=["2-D array", "lists", "tuples", "Series", "DataFrame", "objects", "float64"],
)
def test_numbers_stay_as_they_are(cells):
    found = ReadyVectors().fit_transform(cells)
    assert found.dtype == np.float32
    np.testing.assert_array_equal(found, VECTORS)


@pytest.mark.parametrize("library", ["pandas", "pyarrow", "polars", "arrow dtype"])
def test_from_parquet(tmp_path, library):
    pytest.importorskip("pyarrow")
    path = tmp_path / "v.parquet"
    pd.DataFrame({"id": range(40), "audio": column(missing=[3])}).to_parquet(path)
    if library == "pandas":
        table = pd.read_parquet(path)
    elif library == "pyarrow":
        table = __import__("pyarrow.parquet").parquet.read_table(path)
    elif library == "polars":
        table = pytest.importorskip("polars").read_parquet(path)
    else:
        table = pd.read_parquet(path, dtype_backend="pyarrow")
    found = ReadyVectors().fit_transform(table["audio"])
    there = np.arange(40) != 3
    np.testing.assert_array_equal(found[there], VECTORS[there])
    assert np.isnan(found[3]).all()


def test_from_npy(tmp_path):
    vectors = VECTORS.copy()
    vectors[7] = np.nan
    np.save(tmp_path / "v.npy", vectors)
    found = ReadyVectors().fit_transform(np.load(tmp_path / "v.npy"))
    np.testing.assert_array_equal(found, vectors)
    table = pd.DataFrame({"audio": list(np.load(tmp_path / "v.npy", mmap_mode="r"))})
    np.testing.assert_array_equal(ReadyVectors().fit_transform(table["audio"]), vectors)


@pytest.mark.parametrize("missing", [None, np.nan, "", [], np.array([]), [np.nan] * 5, [None] * 5])
def test_what_is_missing(missing):
    cells = [*VECTORS[:4], missing, VECTORS[5]]
    vectors = ReadyVectors()
    found = vectors.fit_transform(cells)
    assert np.isnan(found).all(axis=1).tolist() == [False] * 4 + [True, False]
    assert vectors.errors_.empty


BAD = {
    "text": ("0.1 0.2", "it is text, not numbers. .* Parquet"),
    "path": ("v.npy", "pass the result of numpy.load"),
    "number": (3.0, "not a list or an array"),
    "words": (["a"] * 5, "contains values that are not numbers"),
    "ragged": ([1, [2, 3], 4, 5, 6], "contains values that are not numbers"),
    "short": ([1.0, 2.0], "it has 2 numbers, and the others have 5"),
    "matrix": (np.zeros((1, 5)), r"it has the shape \(1, 5\)"),
    "NaN": ([1, 2, np.nan, 4, 5], "1 of its 5 numbers are NaN or infinite"),
    "infinite": (np.array([np.inf, 0, 0, 0, -np.inf]), "2 of its 5 numbers are NaN or infinite"),
    "too large": ([1e39, 0, 0, 0, 0], "infinite in float32"),
}


@pytest.mark.parametrize("kind", BAD)
@pytest.mark.parametrize("method", ["fit", "transform"])
def test_an_error_names_the_row(kind, method):
    cell, message = BAD[kind]
    cells = [*VECTORS[:4], cell, VECTORS[5]]
    vectors = ReadyVectors().fit(VECTORS)
    with pytest.raises(ValueError, match=f"Row 4: cannot use vector .*{message}"):
        getattr(vectors, method)(cells)
    vectors = ReadyVectors(on_error="missing").fit(VECTORS)
    getattr(vectors, method)(cells)
    assert vectors.errors_["row"].tolist() == [4]
    found = vectors.transform(cells)
    assert np.isnan(found).all(axis=1).tolist() == [False] * 4 + [True, False]


def test_the_length_is_that_of_most():
    """So that the row that differs is named, even if it is the first."""
    with pytest.raises(ValueError, match="Row 0: .* it has 2 numbers, and the others have 5"):
        ReadyVectors().fit([[1.0, 2.0], *VECTORS])
    vectors = ReadyVectors(on_error="missing").fit([[1.0, 2.0], *VECTORS])
    assert vectors.n_features_out_ == 5
    assert vectors.get_feature_names_out().tolist() == ["v0", "v1", "v2", "v3", "v4"]


def test_nothing_to_learn_from():
    with pytest.raises(ValueError, match="None of the 3 cells contains a vector"):
        ReadyVectors().fit([None, "", [np.nan]])


def test_in_a_pipeline_that_is_saved(tmp_path):
    y = np.array(["Jazz", "Rock"] * 20)
    vectors = VECTORS + 3 * (y == "Rock")[:, None]
    table = pd.DataFrame({"sound": column(vectors, missing=[0, 5]), "lyrics": list(-vectors)})
    branches = [("audio", ReadyVectors(), "sound"), ("text", ReadyVectors(), "lyrics")]
    modalities = ColumnTransformer(branches).set_output(transform="pandas")
    model = GenrePipeline([("modalities", modalities), ("fusion", FusionClassifier(C=1.0))])
    model.fit(table, y, groups=np.arange(40) // 2)
    assert model.score(table, y) > 0.9
    names = model["modalities"].get_feature_names_out()
    assert names[0] == "audio__v0" and names[-1] == "text__v4"
    skmmgenre.save(model, tmp_path / "m.skmmgenre")
    again = skmmgenre.load(tmp_path / "m.skmmgenre")
    np.testing.assert_array_equal(again.predict_proba(table), model.predict_proba(table))
