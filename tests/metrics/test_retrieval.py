"""Purity and retrieval metrics: known answers, chance, and what is refused."""

import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from sklearn.metrics import average_precision_score
from sklearn.metrics.pairwise import cosine_similarity

from skmmgenre.metrics import neighbor_purity, retrieval_scores


@pytest.fixture(scope="module")
def clusters():
    """Three genres of 20 items each, far apart in direction."""
    rng = np.random.default_rng(0)
    genres = np.repeat(["Dub", "Jazz", "Pop"], 20)
    return 9 * np.eye(3)[np.repeat([0, 1, 2], 20)] + rng.normal(size=(60, 3)), genres


@pytest.fixture(scope="module")
def noise():
    """Vectors and genres that have nothing to do with each other, and artists of 1 to 4."""
    rng = np.random.default_rng(1)
    X, y = rng.normal(size=(400, 5)), rng.choice(["Dub", "Jazz", "Pop"], 400, p=[0.6, 0.3, 0.1])
    return X, y, rng.integers(0, 160, 400)


def test_purity_of_separated_clusters_is_1(clusters):
    X, genres = clusters
    assert neighbor_purity(X, genres) == (1.0, pytest.approx(19 / 59))


def test_purity_of_shuffled_labels_is_chance(clusters):
    X, genres = clusters
    rng = np.random.default_rng(2)
    found = [neighbor_purity(X, rng.permutation(genres)) for _ in range(50)]
    purity, chance = np.mean(found, axis=0)
    assert purity == pytest.approx(chance, abs=0.01)
    assert chance == pytest.approx(19 / 59)


def test_purity_by_hand():
    # The two nearest: 0: 1, 2.  1: 0, 2.  2: 1, 3.  3: 2, 4.  4: 3, 2.
    angles = np.radians([0, 10, 21, 33, 46])
    X = np.c_[np.cos(angles), np.sin(angles)] * [[1], [5], [1], [2], [1]]
    genres = ["Dub", "Dub", "Jazz", "Jazz", "Dub"]
    purity, chance = neighbor_purity(X, genres, n_neighbors=1)
    assert (purity, chance) == (pytest.approx(3 / 5), pytest.approx((3 * 2 / 4 + 2 * 1 / 4) / 5))
    purity, _ = neighbor_purity(X, genres, n_neighbors=2)
    assert purity == pytest.approx((1 + 1 + 1 + 1 + 0) / 2 / 5)
    # Without their own artist, items 0 and 1 both find 2 and 3.
    purity, chance = neighbor_purity(X, genres, n_neighbors=2, groups=["A", "A", "B", "C", "D"])
    assert purity == pytest.approx((0 + 0 + 1 + 1 + 0) / 2 / 5)
    assert chance == pytest.approx((1 / 3 + 1 / 3 + 1 / 4 + 1 / 4 + 2 / 4) / 5)


def test_copies_of_an_item_are_its_neighbours_and_it_is_not():
    X = np.repeat(np.eye(2), 3, axis=0)
    assert neighbor_purity(X, [0, 0, 0, 1, 1, 1], n_neighbors=2)[0] == 1
    assert neighbor_purity(X, [0, 1, 2, 3, 4, 5], n_neighbors=2)[0] == 0


def test_purity_is_precision(noise):
    X, y, artists = noise
    for groups in (None, artists):
        purity, chance = neighbor_purity(X, y, n_neighbors=7, groups=groups)
        scores = retrieval_scores(X, y, ks=(7,), groups=groups)
        assert scores.attrs["n_skipped"] == 0
        expected = scores["precision@7"]
        assert (purity, chance) == pytest.approx((expected["vectors"], expected["chance"]))


@pytest.mark.parametrize("by_artist", [pytest.param(False, marks=pytest.mark.slow), True])
def test_mean_average_precision_is_that_of_scikit_learn(noise, by_artist):
    X, y, artists = noise
    groups = artists if by_artist else np.arange(len(y))
    found = retrieval_scores(X, y, groups=artists if by_artist else None)
    similarity = cosine_similarity(X)
    by_query = []
    for row in range(len(y)):
        allowed = groups != groups[row]
        truth = y[allowed] == y[row]
        by_query.append(average_precision_score(truth, similarity[row, allowed]))
    assert found.loc["vectors", "map"] == pytest.approx(np.mean(by_query), abs=1e-9)


def test_metrics_at_k_by_hand():
    angles = np.radians([0, 10, 21, 33, 46])
    X = np.c_[np.cos(angles), np.sin(angles)]
    Y = pd.DataFrame({"Dub": [1, 1, 0, 0, 1], "Jazz": [0, 0, 1, 1, 1]})
    # Relevant: 0: 1, 4.  1: 0, 4.  2: 3, 4.  3: 2, 4.  4: all.
    # Two nearest: 0: 1, 2.  1: 0, 2.  2: 1, 3.  3: 2, 4.  4: 3, 2.
    found = retrieval_scores(X, Y, ks=(2,)).loc["vectors"]
    assert found["precision@2"] == pytest.approx((1 / 2 + 1 / 2 + 1 / 2 + 1 + 1) / 5)
    assert found["recall@2"] == pytest.approx((1 / 2 + 1 / 2 + 1 / 2 + 1 + 2 / 4) / 5)
    assert found["hit@2"] == 1


def test_random_orders_reach_chance(noise):
    _, y, artists = noise
    rng = np.random.default_rng(3)
    tables = [retrieval_scores(rng.normal(size=(400, 30)), y, groups=artists) for _ in range(20)]
    mean = sum(tables) / len(tables)
    np.testing.assert_allclose(mean.loc["vectors"], mean.loc["chance"], atol=0.01)


def test_separated_clusters_are_found(clusters):
    X, genres = clusters
    rng = np.random.default_rng(4)
    found = retrieval_scores({"clusters": X, "noise": rng.normal(size=X.shape)}, genres)
    assert found.index.tolist() == ["clusters", "noise", "chance"]
    names = ["map", "precision@1", "recall@1", "hit@1", "precision@10", "recall@10", "hit@10"]
    assert found.columns.tolist() == names
    one = found.loc["clusters"]
    assert one[["map", "precision@1", "precision@10", "hit@1", "hit@10"]].tolist() == [1] * 5
    assert one[["recall@1", "recall@10"]].tolist() == pytest.approx([1 / 19, 10 / 19])
    assert (found.loc["noise"] < one).sum() >= 6


def test_items_without_a_relevant_one_are_left_out():
    X = np.random.default_rng(5).normal(size=(5, 3))
    found = retrieval_scores(X, ["Dub", "Dub", "Jazz", "Jazz", "Pop"], ks=(1,))
    assert found.attrs["n_skipped"] == 1
    assert found.loc["chance", "precision@1"] == pytest.approx(1 / 4)
    with pytest.raises(ValueError, match="No item shares a genre"):
        retrieval_scores(X, list("abcde"), ks=(1,))


@pytest.mark.parametrize("container", [sparse.csr_matrix, sparse.csr_array, pd.DataFrame])
def test_containers(clusters, container):
    X, genres = clusters
    pd.testing.assert_frame_equal(
        retrieval_scores(container(X), genres), retrieval_scores(X, genres)
    )
    assert neighbor_purity(container(X), genres) == neighbor_purity(X, genres)


@pytest.mark.parametrize("function", [neighbor_purity, retrieval_scores])
def test_what_is_refused(clusters, function):
    X, genres = clusters
    broken = X.copy()
    broken[3] = np.nan
    with pytest.raises(ValueError, match="X contains NaN.*Items without this modality"):
        function(broken, genres)
    with pytest.raises(ValueError, match="inconsistent numbers"):
        function(X, genres[1:])
    with pytest.raises(ValueError, match="from 1 to 9, because some items have only 9 other items"):
        function(X[15:25], genres[15:25])
    with pytest.raises(ValueError, match="only 2 items of other artists"):
        function(X[:12], genres[:12], groups=["A"] * 10 + ["B", "C"])


def test_several_genres_have_no_purity(clusters):
    X, genres = clusters
    with pytest.raises(ValueError, match="y is multilabel.*retrieval_scores"):
        neighbor_purity(X, pd.get_dummies(genres, dtype=int))
    with pytest.raises(ValueError, match="X is empty"):
        retrieval_scores({}, genres)
