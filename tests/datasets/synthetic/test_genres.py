"""The tree of genres, and the draws of the generative model."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from simulated_albums import ACCURACY

from skmmgenre.datasets._synthetic._genres import (
    FAMILIES,
    MAX_GENRES,
    confusion_matrices,
    draw_artists,
    draw_genres,
    genre_prior,
    genre_tree,
    label_probabilities,
    weaken,
)


@settings(max_examples=60, deadline=None)
@given(
    n_genres=st.integers(1, MAX_GENRES),
    accuracy=st.fixed_dictionaries({kind: st.floats(0, 1) for kind in ACCURACY}),
    genre_strength=st.floats(0, 1),
)
def test_confusion_rows_are_distributions(n_genres, accuracy, genre_strength):
    tree = genre_tree(n_genres)
    prior = genre_prior(n_genres)
    matrices = confusion_matrices([genre.parent for genre in tree], accuracy)
    for kind, matrix in matrices.items():
        if n_genres > 1:
            np.testing.assert_allclose(np.diag(matrix), accuracy[kind])
        for any_matrix in (matrix, weaken(matrix, prior, genre_strength)):
            assert (any_matrix >= 0).all()
            np.testing.assert_allclose(any_matrix.sum(axis=1), 1.0)


def test_modalities_confuse_different_pairs():
    tree = genre_tree(9)
    matrices = confusion_matrices([genre.parent for genre in tree], ACCURACY)
    for genre in range(9):
        wrong = [set(np.argsort(-matrix[genre])[1:3]) for matrix in matrices.values()]
        assert all(not one & other for one, other in combinations(wrong, 2))
        siblings = {i for i, other in enumerate(tree) if other.parent == tree[genre].parent}
        assert set(np.argsort(-matrices["audio"][genre])[:3]) == siblings


@pytest.mark.parametrize(("n_genres", "first", "last"), [(9, 0.27, 0.05), (40, 0.165, 0.007)])
def test_prior_has_a_long_tail(n_genres, first, last):
    prior = genre_prior(n_genres)
    assert prior.sum() == pytest.approx(1.0)
    assert (np.diff(prior) < 0).all()
    assert prior[0] == pytest.approx(first, rel=0.1)
    assert prior[-1] == pytest.approx(last, rel=0.1)


def test_genres_of_albums_have_the_prior_and_artists_have_a_home():
    rng = np.random.default_rng(0)
    prior = genre_prior(9)
    artists = draw_artists(100_000, rng)
    main = draw_genres(artists, prior, 0.8, rng)
    np.testing.assert_allclose(np.bincount(main) / len(main), prior, atol=0.01)
    sizes = np.bincount(artists)
    assert sizes.min() >= 1 and sizes.max() == 12
    assert len(artists) / len(sizes) == pytest.approx(3.87, abs=0.1)
    assert np.mean(sizes == 1) > 2.5 * np.mean(sizes == 4)
    order = np.argsort(artists, kind="stable")
    one, other = order[:-1], order[1:]
    same_artist = artists[one] == artists[other]
    agree = np.mean(main[one][same_artist] == main[other][same_artist])
    chance = (prior**2).sum()
    assert agree == pytest.approx(0.64 + 0.36 * chance, abs=0.01)


def test_names_of_genres_are_unique_and_fit_a_branch():
    leaves = [leaf for genres, _, _ in FAMILIES.values() for leaf in genres]
    assert len({*leaves, *FAMILIES}) == len(leaves) + len(FAMILIES)
    assert not any("/" in name for name in [*leaves, *FAMILIES])
    for place in (1, 2):
        words = [word for family in FAMILIES.values() for word in family[place]]
        assert len(words) == 4 * len(FAMILIES) == len(set(words))


def test_labels_follow_the_main_genre_by_label_correlation():
    genres = genre_tree(9)
    prior = genre_prior(9)
    parents = [genre.parent for genre in genres]
    independent = label_probabilities(parents, prior, 0.0, 1.0)
    correlated = label_probabilities(parents, prior, 1.0, 1.0)
    off = ~np.eye(9, dtype=bool)
    np.testing.assert_allclose(independent[off], np.broadcast_to(prior, (9, 9))[off])
    siblings = np.array([[one == other for one in parents] for other in parents])
    assert (correlated[siblings] >= 0.35 - 1e-9).all()
    np.testing.assert_allclose(correlated.sum(axis=1), 2.0)
