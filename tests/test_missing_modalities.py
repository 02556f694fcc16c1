"""Any modality, or two of three, may be missing: at predict, and in half of the training rows."""

from itertools import combinations

import numpy as np
import pytest

COLUMNS = {"audio": "audio", "text": "text", "image": "cover"}
ABSENT = [names for size in (1, 2) for names in combinations(COLUMNS, size)]
NOTHING = {"None": None, "NaN": np.nan, "empty": "", "list": []}


def without(table, names, rows=None, nothing=None):
    """A copy with the cells of some modalities emptied."""
    table = table.copy()
    for name in names:
        cells = list(table[COLUMNS[name]])
        for row in range(len(cells)) if rows is None else np.flatnonzero(rows):
            cells[row] = nothing
        table[COLUMNS[name]] = np.array([*cells, "object"], dtype=object)[:-1]
    return table


@pytest.mark.parametrize("names", ABSENT, ids="+".join)
def test_missing_at_predict(albums, fitted, probabilities, names):
    table = without(albums.table, names)
    found = fitted.predict_proba(table)
    assert np.isfinite(found).all()
    np.testing.assert_allclose(found.sum(axis=1), 1)
    assert not np.array_equal(found, probabilities)
    assert set(fitted.predict(table)) <= set(fitted.classes_)
    vectors = fitted[:-1].transform(table)
    for name in COLUMNS:
        block = vectors[[c for c in vectors.columns if c.startswith(name)]]
        assert block.isna().all(axis=None) == (name in names)


@pytest.mark.parametrize("nothing", NOTHING.values(), ids=NOTHING)
def test_ways_to_be_missing(albums, fitted, nothing):
    rows = np.arange(40) % 3 == 0
    expected = fitted.predict_proba(without(albums.table, ("audio", "image"), rows))
    found = fitted.predict_proba(without(albums.table, ("audio", "image"), rows, nothing))
    np.testing.assert_array_equal(found, expected)


def test_a_column_of_floats(albums, fitted):
    """What pandas makes of a column in which nothing is."""
    table = albums.table.assign(cover=np.nan, audio=np.nan)
    assert table["cover"].dtype == float
    expected = fitted.predict_proba(without(albums.table, ("audio", "image")))
    np.testing.assert_array_equal(fitted.predict_proba(table), expected)


def test_with_nothing_it_is_the_class_prior(albums, fitted):
    found = fitted.predict_proba(without(albums.table, COLUMNS))
    prior = [np.mean(albums.y == genre) for genre in fitted.classes_]
    np.testing.assert_allclose(found, np.tile(prior, (40, 1)), rtol=1e-5)


def test_rows_with_nothing_leave_the_others_alone(albums, fitted, probabilities):
    rows = np.arange(40) < 7
    found = fitted.predict_proba(without(albums.table, COLUMNS, rows))
    np.testing.assert_array_equal(found[~rows], probabilities[~rows])
    assert (found[rows] == found[0]).all()


@pytest.mark.parametrize("joint_space", [pytest.param(False, marks=pytest.mark.slow), True])
def test_missing_in_half_of_the_training_rows(albums, small_model, joint_space):
    """Each modality in a half of its own; some rows have nothing."""
    table, rng = albums.table, np.random.default_rng(2)
    gone = {name: rng.permutation(40) < 20 for name in COLUMNS}
    for name, rows in gone.items():
        table = without(table, [name], rows)
    nothing = np.logical_and.reduce(list(gone.values()))
    assert nothing.any()
    model = small_model(joint_space=joint_space).fit(table, albums.y, groups=albums.groups)
    assert list(model.classes_) == list(np.unique(albums.y))
    for names in [(), *ABSENT]:
        found = model.predict_proba(without(albums.table, names))
        assert np.isfinite(found).all()
    found = model.predict_proba(table)[nothing]
    prior = [np.mean(albums.y == genre) for genre in model.classes_]
    np.testing.assert_allclose(found, np.tile(prior, (nothing.sum(), 1)), rtol=1e-5)


@pytest.mark.parametrize("names", [("audio", "text"), ("image",)], ids="+".join)
def test_missing_together_in_half_of_the_training_rows(albums, paper_model, names):
    rows = np.random.default_rng(3).permutation(40) < 20
    table = without(albums.table, names, rows)
    model = paper_model().fit(table, albums.y, groups=albums.groups)
    assert np.isfinite(model.predict_proba(albums.table)).all()


def test_missing_in_all_training_rows_is_told(albums, small_model):
    model = small_model(image=None)
    with pytest.raises(ValueError, match="None of the 40 albums has a track"):
        model.fit(without(albums.table, ["audio"]), albums.y, groups=albums.groups)
