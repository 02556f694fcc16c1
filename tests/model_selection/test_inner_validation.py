import warnings
from hashlib import blake2b

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import sparse

from skmmgenre.model_selection import inner_validation_mask

LEAK = "without regard to artists"
NONE = "No inner validation rows"


def quiet_mask(*args, **kwargs):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)
        return inner_validation_mask(*args, **kwargs)


def table(seed=0, n=600, n_artists=200, n_labels=5):
    rng = np.random.default_rng(seed)
    artists = np.array([f"artist {code}" for code in rng.integers(0, n_artists, n)], dtype=object)
    return rng.integers(0, n_labels, n), artists


def test_marked_rows_are_taken_as_they_are():
    y, artists = table()
    marks = np.arange(600) % 7 == 0
    for form in (marks, list(marks), pd.Series(marks), pd.array(marks, dtype="boolean")):
        mask = inner_validation_mask(y, groups=artists, validation=form, validation_fraction=0)
        np.testing.assert_array_equal(mask, marks)


@pytest.mark.parametrize(
    "validation, message",
    [
        ([True, False], "3 rows"),
        ([1, 0, 0], "got 1 in row 0"),
        ([True, None, False], "got None in row 1"),
        ([True] * 3, "marks all 3 rows"),
    ],
)
def test_bad_marks(validation, message):
    with pytest.raises(ValueError, match=message):
        inner_validation_mask(["a", "b", "b"], validation=validation)


def test_no_mark():
    with pytest.warns(UserWarning, match=NONE):
        assert not inner_validation_mask(["a", "b"], validation=[False, False]).any()


def test_artists_stay_whole_and_their_share_is_near():
    y, artists = table(n=6000, n_artists=3000)
    mask = inner_validation_mask(y, groups=artists, validation_fraction=0.2)
    assert not set(artists[mask]) & set(artists[~mask])
    assert abs(mask.mean() - 0.2) < 0.03


def test_an_artist_is_held_out_whatever_the_other_rows_are():
    y, artists = table()
    mask = inner_validation_mask(y, groups=artists, random_state=7)
    rows = np.random.default_rng(1).permutation(600)[:450]
    np.testing.assert_array_equal(
        inner_validation_mask(y[rows], groups=artists[rows], random_state=7), mask[rows]
    )


def test_the_key_is_an_int_else_zero():
    y, artists = table()
    masks = [
        inner_validation_mask(y, groups=artists, random_state=seed)
        for seed in (None, 0, np.random.RandomState(3), np.int64(0), 1)
    ]
    assert all((mask == masks[0]).all() for mask in masks[1:4])
    assert (masks[4] != masks[0]).any()


def test_missing_artists_are_groups_of_one():
    y, artists = table(n=3000)
    artists[:2000] = None
    mask = inner_validation_mask(y, groups=artists, validation_fraction=0.3)
    assert abs(mask[:2000].mean() - 0.3) < 0.05


def hashed(artist, key):
    """53 bits of blake2b as a number in [0, 1)."""
    digest = blake2b(str(artist).encode(), digest_size=8, key=str(key).encode()).digest()
    return (int.from_bytes(digest, "big") >> 11) / 2**53


def by_the_rule(Y, artists, u, fraction):
    """Rule (b), line by line."""
    labels_of = {a: set(np.flatnonzero(Y[artists == a].any(axis=0))) for a in u}
    held_out = {a for a in u if u[a] < fraction}
    back = set()
    for label in range(Y.shape[1]):
        having = {a for a in u if label in labels_of[a]}
        if having and having <= held_out:
            back.add(max(having, key=u.get))
    held_out -= back
    if not held_out:
        may = [
            a
            for a in u
            if len(u) > 1 and all(any(k in labels_of[b] for b in u if b != a) for k in labels_of[a])
        ]
        held_out = {min(may, key=u.get)} if may else set()
    return np.isin(artists, list(held_out))


@settings(max_examples=150, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 25), st.integers(1, 9), st.floats(0.01, 0.95))
def test_rule_b(seed, n, n_artists, fraction):
    rng = np.random.default_rng(seed)
    artists = rng.integers(0, n_artists, n)
    Y = (rng.random((n, 4)) < 0.35).astype(int)
    u = {artist: hashed(artist, key=5) for artist in set(artists)}
    expected = by_the_rule(Y, artists, u, fraction)
    mask = quiet_mask(Y, groups=artists, validation_fraction=fraction, random_state=5)
    np.testing.assert_array_equal(mask, expected)
    for form in (pd.DataFrame(Y), sparse.csr_array(Y), Y.astype(bool)):
        again = quiet_mask(form, groups=artists, validation_fraction=fraction, random_state=5)
        np.testing.assert_array_equal(again, mask)


@pytest.mark.parametrize("y", [["x"] * 10 + ["y"] * 10, ["x", "y"]], ids=["leak", "no rows"])
def test_what_several_networks_meet_is_told_once(y):
    with warnings.catch_warnings(record=True) as told:
        warnings.simplefilter("default")  # Python's own: once for each place that warns
        inner_validation_mask(y)
        inner_validation_mask(y)
    assert len(told) == 1


def test_if_no_artist_is_drawn_the_nearest_one_is():
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        mask = inner_validation_mask(
            ["x", "x", "y", "y"], groups=["a", "b", "c", "d"], validation_fraction=1e-9
        )
    assert mask.sum() == 1


def test_no_artist_can_be_held_out():
    with pytest.warns(UserWarning, match=NONE):
        mask = inner_validation_mask(["x", "x", "y"], groups=["a", "a", "b"])
    assert not mask.any()


def test_stratified_rows_of_one_label():
    y = np.repeat(["a", "b", "c"], [100, 300, 3])
    with pytest.warns(UserWarning, match=LEAK):
        mask = inner_validation_mask(y, validation_fraction=0.1, random_state=1)
    assert mask.sum() == 40
    assert (y[mask] == "a").sum() == pytest.approx(10, abs=1)
    assert (y[mask] == "b").sum() == pytest.approx(30, abs=1)
    assert (y[~mask] == "c").any()
    np.testing.assert_array_equal(quiet_mask(y, random_state=1), mask)
    assert (quiet_mask(y, random_state=2) != mask).any()


def test_stratified_rows_of_several_labels():
    Y = (np.random.default_rng(0).random((1000, 6)) < [0.5, 0.3, 0.2, 0.1, 0.05, 0.02]).astype(int)
    with pytest.warns(UserWarning, match=LEAK):
        mask = inner_validation_mask(Y, validation_fraction=0.2)
    share = Y[mask].sum(axis=0) / Y.sum(axis=0)
    np.testing.assert_allclose(share, 0.2, atol=0.06)


@settings(max_examples=60, deadline=None)
@given(st.integers(1, 12), st.integers(0, 99), st.floats(0, 0.99), st.booleans(), st.booleans())
def test_small_tables_keep_every_label_in_training(n, seed, fraction, several, with_artists):
    rng = np.random.default_rng(seed)
    Y = rng.integers(0, 2, (n, 3)) if several else np.eye(3, dtype=int)[rng.integers(0, 3, n)]
    y = Y if several else Y.argmax(axis=1)
    artists = rng.integers(0, 5, n) if with_artists else None
    mask = quiet_mask(y, groups=artists, validation_fraction=fraction)
    assert mask.shape == (n,) and mask.dtype == bool
    assert (Y[~mask].any(axis=0) == Y.any(axis=0)).all()


def test_none_is_asked_for():
    y, artists = table()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert not inner_validation_mask(y, validation_fraction=0).any()
        assert not inner_validation_mask(y, groups=artists, validation_fraction=0).any()


def test_too_few_rows():
    with pytest.warns(UserWarning, match="2 rows are too few"):
        assert not inner_validation_mask(["a", "b"]).any()


def test_bad_input():
    with pytest.raises(ValueError, match="groups has 2 rows, X has 3"):
        inner_validation_mask([0, 1, 1], groups=["a", "b"])
    with pytest.raises(ValueError, match="validation_fraction"):
        inner_validation_mask([0, 1, 1], validation_fraction=1.0)
    with pytest.raises(ValueError, match="shape"):
        inner_validation_mask(np.zeros((2, 2, 2)))
