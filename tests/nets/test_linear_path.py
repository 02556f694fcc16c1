import numpy as np
import pytest
from scipy import sparse

from skmmgenre.nets._linear_path import (
    choose_share,
    learn_vectors,
    make_vectors,
    mean_and_scale,
    mixed,
    scaled,
)
from skmmgenre.nets.targets import make_target

RNG = np.random.default_rng(0)


def test_rows_are_of_length_1_or_so():
    summary = RNG.normal(size=(200, 30)) * RNG.uniform(0.1, 100, 30) + 7
    summary[:, 4] = 3  # which tells nothing
    learned = np.arange(150)
    found = scaled(summary, *mean_and_scale(summary, learned))
    assert found.dtype == np.float32 and np.isfinite(found).all()
    np.testing.assert_allclose(found[learned].mean(axis=0), 0, atol=1e-6)
    np.testing.assert_allclose(np.square(found[learned]).sum(axis=1).mean(), 1, rtol=1e-3)
    assert not found[:, 4].any()


def test_columns_that_differ_more_from_row_to_row_count_for_more():
    summary = RNG.normal(size=(200, 2)) * [1, 16]
    deviation = scaled(summary, *mean_and_scale(summary, np.arange(200))).std(axis=0)
    assert 3 < deviation[1] / deviation[0] < 5  # not 1, as standard scores; not 16


@pytest.mark.parametrize(("better", "expected"), [("deep", 1.0), ("linear", 0.0)])
def test_the_share_is_that_of_the_better_model(better, expected):
    truth = np.arange(90) % 3
    target = make_target("softmax", None).fit(truth)
    right, wrong = 3 * np.eye(3)[truth], 3 * np.eye(3)[(truth + 1) % 3]
    outputs = {"deep": wrong, "linear": wrong, better: right}
    share = choose_share(target, truth, np.ones(90), outputs["linear"], outputs["deep"])
    assert share == expected


def test_two_models_that_err_apart_are_mixed():
    truth = RNG.integers(0, 3, 600)
    target = make_target("softmax", None).fit(truth)
    one, other = (2 * np.eye(3)[truth] + RNG.normal(size=(2, 600, 3)) * 2).astype(np.float32)
    assert 0.3 <= choose_share(target, truth, np.ones(600), one, other) <= 0.7


def test_directions_are_mixed_whatever_their_length():
    target = make_target("cosine", np.array(["a", "b"]))
    linear, deep = np.array([[100.0, 0.0]]), np.array([[0.0, 0.01]])
    np.testing.assert_allclose(mixed(target, linear, deep, 0.5), [[0.5, 0.5]])


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("n_summary", [5, 50])
@pytest.mark.parametrize("n_hidden", [1, 2, 8, 40])
@pytest.mark.parametrize("share", [0.0, 0.3, 1.0])
def test_vectors_are_equally_long(n_hidden, n_summary, share, container):
    summary = container(RNG.normal(size=(30, n_summary)).astype(np.float32))
    hidden = RNG.normal(size=(30, n_hidden)).astype(np.float32)
    recipe = learn_vectors(summary, hidden, share)
    vectors = make_vectors(recipe, summary, hidden)
    assert vectors.shape == hidden.shape and vectors.dtype == np.float32
    if n_hidden > 1:
        lengths = np.linalg.norm(vectors.astype(float), axis=1)
        np.testing.assert_allclose(lengths, lengths[0], rtol=1e-5)
    assert np.isfinite(vectors).all()


def test_what_is_in_a_vector():
    """Hidden units and the summary, as long as the shares of the two models."""
    summary = RNG.normal(size=(100, 5)).astype(np.float32)
    hidden = np.maximum(RNG.normal(size=(100, 20)), 0).astype(np.float32)
    vectors = make_vectors(learn_vectors(summary, hidden, 0.25), summary, hidden)
    of_hidden, of_summary, last = np.split(vectors, [14, 19], axis=1)
    for part, expected, length in ((of_hidden, hidden[:, :14], 0.25), (of_summary, summary, 0.75)):
        np.testing.assert_allclose(np.corrcoef(part.ravel(), expected.ravel())[0, 1], 1, atol=1e-6)
        mean = np.sqrt(np.square(part).sum(axis=1).mean())
        np.testing.assert_allclose(mean, length, rtol=1e-4)
    assert last.min() >= 0


@pytest.mark.parametrize("container", [np.asarray, sparse.csr_array])
def test_a_linear_model_without_a_share_takes_no_room(container):
    """Of few hidden units, the first may be dead: the vector was zeros."""
    summary = container(RNG.normal(size=(30, 40)).astype(np.float32))
    hidden = np.abs(RNG.normal(size=(30, 4))).astype(np.float32)
    hidden[:, 0] = 0
    vectors = make_vectors(learn_vectors(summary, hidden, 1.0), summary, hidden)
    scale = vectors[0, 1] / hidden[0, 1]
    np.testing.assert_allclose(vectors[:, :3], scale * hidden[:, :3], rtol=1e-5)
    assert scale > 0


def test_vectors_of_dead_units_are_not_missing():
    summary, hidden = RNG.normal(size=(30, 40)).astype(np.float32), np.zeros((30, 4), np.float32)
    vectors = make_vectors(learn_vectors(summary, hidden, 1.0), summary, hidden)
    np.testing.assert_array_equal(vectors, np.tile([0, 0, 0, 1], (30, 1)))


def test_a_wide_summary_is_kept_by_its_main_directions():
    """Of fewer rows than there is room for, all: their products stay as they are."""
    summary = sparse.random_array((15, 300), density=0.1, rng=0, dtype=np.float32).tocsr()
    hidden = RNG.normal(size=(15, 64)).astype(np.float32)
    recipe = learn_vectors(summary, hidden, 0.5)
    coordinates = make_vectors(recipe, summary, hidden)[:, 64 - 1 - len(recipe["axes"]) : -1]
    products = coordinates @ coordinates.T / recipe["factors"][1] ** 2
    np.testing.assert_allclose(products, (summary @ summary.T).toarray(), atol=1e-4)


def test_a_row_has_the_same_vector_alone():
    summary = RNG.normal(size=(40, 100)).astype(np.float32)
    hidden = RNG.normal(size=(40, 30)).astype(np.float32)
    recipe = learn_vectors(summary, hidden, 0.4)
    whole = make_vectors(recipe, summary, hidden)
    for rows in ([3], [5, 1, 39], list(range(40))[::-1]):
        found = make_vectors(recipe, summary[rows], hidden[rows])
        np.testing.assert_array_equal(found, whole[rows])
