"""Feeds of pairs and their negatives."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy import sparse

from skmmgenre.fusion._pairs import FeedOfNegatives, _Negatives, vector_codes


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
    assert vector_codes(np.array([[1, 2], [0, 1], [1, 2]], dtype=np.float32)).tolist() == [0, 1, 0]


def test_equal_sparse_vectors_have_the_same_code():
    rows = np.array([[1, 0, 2], [0, 1, 2], [1, 0, 2], [1, 2, 0], [0, 0, 0]], dtype=np.float32)
    assert vector_codes(sparse.csr_array(rows)).tolist() == vector_codes(rows).tolist()


def test_negatives_change_with_the_epoch_and_stay_on_their_side():
    rng = np.random.default_rng(0)
    vectors = [rng.normal(size=(40, 2)).astype(np.float32) for _ in range(2)]
    feed = FeedOfNegatives(
        vectors, np.tile(np.arange(40)[:, None], 2), missing=np.zeros(40, bool),
        train_pool=np.arange(30), valid_pool=np.arange(30, 40), seed=0,
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
