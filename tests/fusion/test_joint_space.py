"""The space that two modalities share."""

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from other_tables import EVERY_KIND
from scipy import sparse

from skmmgenre.fusion import JointSpaceProjector
from skmmgenre.fusion._joint_space import PairFeed, _Negatives, _vector_codes

NAMES = ["audio__0", "audio__1", "audio__2", "text__0", "image__0", "image__1"]


def joint(**params):
    defaults = {"n_components": 4, "hidden_units": 8, "max_epochs": 3, "random_state": 0}
    return JointSpaceProjector(**{"validation_fraction": 0, **defaults, **params})


@pytest.fixture
def table():
    X = np.random.default_rng(0).normal(size=(30, 6))
    X[::5, 4:] = np.nan  # no cover
    X[1::5, :3] = np.nan  # no sound
    return pd.DataFrame(X, columns=NAMES, index=[f"album {i}" for i in range(30)])


def test_duplicate_columns(table):
    table.columns = [*NAMES[:5], NAMES[4]]
    with pytest.raises(ValueError, match=r"duplicate columns: \['image__0'\]. Rename or drop"):
        joint().fit(table)


@given(
    codes=arrays(np.int64, st.integers(1, 30), elements=st.integers(0, 4)), seed=st.integers(0, 99)
)
def test_a_negative_is_never_the_items_own_vector(codes, seed):
    rng = np.random.default_rng(seed)
    pool = np.flatnonzero(rng.random(len(codes)) < 0.7)
    negatives = _Negatives(codes, pool)
    assert negatives.enough == (len(set(codes[pool])) > 1)
    drawn = negatives.pick(pool, rng.random(len(pool)))
    if negatives.enough:
        assert np.isin(drawn, pool).all()
        assert (codes[drawn] != codes[pool]).all()


def test_every_other_vector_may_be_a_negative():
    codes = np.array([0, 0, 1, 2, 2, 2])
    negatives = _Negatives(codes, np.arange(6))
    drawn = negatives.pick(np.full(6000, 2), np.random.default_rng(0).random(6000))
    rows, counts = np.unique(drawn, return_counts=True)
    assert rows.tolist() == [0, 1, 3, 4, 5]
    np.testing.assert_allclose(counts, 1200, rtol=0.15)


def test_equal_vectors_have_the_same_code():
    assert _vector_codes(np.array([[1, 2], [0, 1], [1, 2]], dtype=np.float32)).tolist() == [0, 1, 0]


def test_negatives_change_with_the_epoch_and_stay_on_their_side():
    rng = np.random.default_rng(0)
    vectors = [rng.normal(size=(40, 2)).astype(np.float32) for _ in range(2)]
    feed = PairFeed(
        vectors, missing=np.zeros(40, bool), train_pool=np.arange(30),
        valid_pool=np.arange(30, 40), seed=0,
    )  # fmt: skip
    rows = np.arange(10)

    def negatives(rows, epoch):
        drawn = feed.batch(rows, epoch)[:, 4:6]
        return [int(np.flatnonzero((vectors[0] == row).all(axis=1))[0]) for row in drawn]

    first, second = negatives(rows, 0), negatives(rows, 1)
    assert first != second and first == negatives(rows, 0)
    assert max(first + second) < 30
    held_out = negatives(np.arange(30, 40), None)
    assert min(held_out) >= 30 and held_out == negatives(np.arange(30, 40), None)
    np.testing.assert_array_equal(feed.batch(rows, 0)[:, :4], np.hstack(vectors)[rows])
    some = rows[1::2]  # as one of two processes has them
    assert negatives(some, 0) == first[1::2]


def test_training_brings_the_views_of_an_item_together():
    rng = np.random.default_rng(0)
    shared = rng.normal(size=(120, 3))
    X = np.hstack([shared @ rng.normal(size=(3, 8)), shared @ rng.normal(size=(3, 6))])
    blocks = {"audio": 8, "image": 6}
    Z = joint(blocks=blocks, max_epochs=40, hidden_units=32).fit(X[:100]).transform(X[100:])
    Z = [part / np.linalg.norm(part, axis=1, keepdims=True) for part in (Z[:, :4], Z[:, 4:])]
    similarity = Z[0] @ Z[1].T
    own = similarity.diagonal().mean()
    other = (similarity.sum() - similarity.trace()) / (20 * 19)
    assert own > 0.7 and own > other + 0.5


def test_columns_and_names(table):
    model = joint().fit(table)
    mm = [f"mm_{view}__{i}" for view in ("audio", "image") for i in range(4)]
    Z = model.transform(table)
    assert isinstance(Z, pd.DataFrame) and Z.index.equals(table.index)
    assert Z.columns.tolist() == model.get_feature_names_out().tolist() == ["text__0", *mm]
    np.testing.assert_allclose(Z["text__0"], table["text__0"], rtol=1e-6)
    whole = joint(passthrough=True).fit(table)
    Z_whole = whole.transform(table)
    assert Z_whole.columns.tolist() == [*NAMES[:3], "text__0", *NAMES[4:], *mm]
    np.testing.assert_array_equal(Z_whole[mm], Z[mm])
    np.testing.assert_allclose(Z_whole[NAMES], table, rtol=1e-6)


def test_missing_views_are_nan(table):
    Z = joint().fit_transform(table)
    no_cover, no_sound = table["image__0"].isna(), table["audio__0"].isna()
    assert Z.filter(like="mm_image").isna().all(axis=1).equals(no_cover)
    assert Z.filter(like="mm_audio").isna().all(axis=1).equals(no_sound)
    assert Z.filter(like="mm_image")[~no_cover].notna().all(axis=None)


def test_views_of_zeros_are_missing(table):
    zeros = table.copy()
    zeros.iloc[:5, zeros.columns.str.startswith("audio__")] = 0
    gone = table.copy()
    gone.iloc[:5, gone.columns.str.startswith("audio__")] = np.nan
    found, expected = joint().fit(zeros), joint().fit(gone)
    np.testing.assert_array_equal(found.transform(zeros), expected.transform(gone))
    assert found.transform(zeros).filter(like="mm_audio")[:5].isna().all(axis=None)


def test_mm_audio_needs_no_cover(table):
    model = joint().fit(table)
    mm_audio = model.transform(table).filter(like="mm_audio")
    blind = table.copy()
    blind[["image__0", "image__1"]] = np.nan
    np.testing.assert_array_equal(model.transform(blind).filter(like="mm_audio"), mm_audio)


def test_only_rows_with_both_views_are_learned_from(table):
    other = table.copy()
    other.loc[table["image__0"].isna(), ["audio__0", "audio__1", "audio__2"]] *= -3
    first, second = (joint().fit(X) for X in (table, other))
    assert first.history_[-1]["train_loss"] == second.history_[-1]["train_loss"]


def test_no_row_has_both_views(table):
    table.loc[table["audio__0"].notna(), ["image__0", "image__1"]] = np.nan
    with pytest.raises(ValueError, match="no row to learn from: of 30 rows 30 are missing"):
        joint().fit(table)


def test_set_output(table):
    model = joint().set_output(transform="pandas").fit(table)
    assert isinstance(model.transform(table), pd.DataFrame)
    X = table.to_numpy()
    blocks = {"audio": 3, "text": 1, "image": 2}
    bare = joint(blocks=blocks).set_output(transform="pandas").fit(X)
    Z = bare.transform(X)
    assert Z.columns[:2].tolist() == ["text__x3", "mm_audio__0"]
    plain = joint(blocks=blocks).fit(X).transform(X)
    assert type(plain) is np.ndarray and plain.dtype == np.float32
    np.testing.assert_array_equal(plain, Z)


def test_a_bare_array_is_two_halves():
    X = np.random.default_rng(0).normal(size=(12, 7))
    model = joint().fit(X)
    assert model.blocks_ == {"audio": [0, 1, 2, 3], "image": [4, 5, 6]}
    assert model.transform(X).shape == (12, 8)
    assert model.n_parameters_ == (4 * 8 + 8 + 8 * 4 + 4) + (3 * 8 + 8 + 8 * 4 + 4)


def test_other_views(table):
    X = table.dropna().rename(columns=lambda name: name.replace("image", "video"))
    model = joint(views=("video", "text")).fit(X)
    assert model.get_feature_names_out()[3:5].tolist() == ["mm_video__0", "mm_video__1"]


@pytest.mark.parametrize(
    ("params", "message"),
    [
        ({"views": ("audio", "lyrics")}, r"no block 'lyrics'; its blocks are \['audio'"),
        ({"views": ("audio", "audio")}, "must name two blocks"),
        ({"views": ("audio",)}, "must name two blocks"),
        ({"margin": 2}, "'margin' parameter"),
    ],
)
def test_bad_parameters(table, params, message):
    with pytest.raises(ValueError, match=message):
        joint(**params).fit(table)


def test_partly_nan_is_an_error(table):
    for column in ("audio__1", "image__1"):
        bad = table.copy()
        bad.iloc[2, table.columns.get_loc(column)] = np.nan
        with pytest.raises(ValueError, match="first in row 2"):
            joint().fit(bad)


def test_early_stopping_with_artists(table):
    artists = [f"artist {i // 3}" for i in range(30)]
    model = joint(validation_fraction=0.3, max_epochs=50, patience=2, lr=0.05)
    model.fit(table, groups=artists)
    losses = [epoch["valid_loss"] for epoch in model.history_]
    assert model.best_iter_ == 1 + int(np.argmin(losses))


def test_views_that_are_all_alike_have_no_negatives():
    """One cover for all items: only the pull is left of its terms."""
    X = np.hstack([np.random.default_rng(0).normal(size=(20, 3)), np.ones((20, 2))])
    model = joint(blocks={"audio": 3, "image": 2}, max_epochs=50).fit(X)
    assert np.isfinite(model.history_[-1]["train_loss"])


@pytest.mark.parametrize("convert", EVERY_KIND)
def test_tables_of_every_kind(table, convert):
    expected, model = joint().fit(table), joint().fit(convert(table))
    assert model.get_feature_names_out().tolist() == expected.get_feature_names_out().tolist()
    np.testing.assert_array_equal(model.transform(convert(table)), expected.transform(table))


@pytest.mark.parametrize("form", ["csr", "csc", "coo"])
@pytest.mark.parametrize("passthrough", [True, False])
def test_sparse_tables(table, form, passthrough):
    X = table.to_numpy(copy=True)
    X[:, :4] = np.where(np.abs(X[:, :4]) < 0.5, 0, X[:, :4])
    stored = getattr(sparse, f"{form}_array")(X)
    params = {"passthrough": passthrough, "views": ("audio", "image")}
    dense = joint(**params, blocks={"audio": 3, "text": 1, "image": 2}).fit(X)
    ours = joint(**params).fit(stored, feature_names=NAMES)
    assert ours.blocks_ == dense.blocks_
    for name, weights in dense.weights_.items():
        np.testing.assert_array_equal(ours.weights_[name], weights)
    answer = ours.transform(stored)
    assert sparse.issparse(answer) and answer.format == "csr" and answer.dtype == np.float32
    np.testing.assert_array_equal(answer.toarray(), dense.transform(X))
    assert len(ours.get_feature_names_out(NAMES)) == answer.shape[1]
    np.testing.assert_array_equal(ours.transform(X), dense.transform(X))


def test_equal_sparse_vectors_have_the_same_code():
    rows = np.array([[1, 0, 2], [0, 1, 2], [1, 0, 2], [1, 2, 0], [0, 0, 0]], dtype=np.float32)
    assert _vector_codes(sparse.csr_array(rows)).tolist() == _vector_codes(rows).tolist()
