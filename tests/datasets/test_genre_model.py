"""The generative model against its own exact figures."""

from itertools import combinations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import average_precision_score, roc_auc_score

from skmmgenre.datasets._synthetic._albums import _draw_labels
from skmmgenre.datasets._synthetic._genres import (
    FAMILIES,
    MAX_GENRES,
    MODALITIES,
    confusion_matrices,
    draw_artists,
    draw_genres,
    draw_perceived,
    genre_prior,
    genre_tree,
    label_probabilities,
    weaken,
)
from skmmgenre.datasets._synthetic._oracle import AlbumOracle
from skmmgenre.metrics import ranking_scores

ACCURACY = {"shared": 0.65, "audio": 0.65, "text": 0.7, "cover": 0.45}
SUBSETS = [subset for size in range(4) for subset in combinations(MODALITIES, size)]


def simulate(n_albums, *, n_genres=3, c=0.5, genre_strength=1.0, missing=0.0, seed=0):
    """An oracle without files; albums are independent (every artist has one)."""
    rng = np.random.default_rng(seed)
    parents = [genre.parent for genre in genre_tree(n_genres)]
    prior = genre_prior(n_genres)
    confusion = {
        kind: weaken(matrix, prior, genre_strength)
        for kind, matrix in confusion_matrices(parents, ACCURACY).items()
    }
    main = draw_genres(np.arange(n_albums), prior, 0.8, rng)
    perceived = draw_perceived(main, confusion, c, rng)
    classes = np.array([f"g{i:02d}" for i in range(n_genres)], dtype=object)
    probability = label_probabilities(parents, prior, 0.7, 1.0)
    Y = (rng.random((n_albums, n_genres)) < probability[main]).astype(int)
    oracle = AlbumOracle(
        classes=classes,
        prior=prior,
        confusion=confusion,
        complementarity=c,
        perceived=perceived,
        present=rng.random(perceived.shape) >= missing,
        y=classes[main],
        Y=pd.DataFrame(Y, columns=classes),
        label_probability=probability,
        index=pd.RangeIndex(n_albums),
    )
    return oracle, main, perceived


@pytest.mark.parametrize("c", [0.0, 0.4, 1.0])
@pytest.mark.parametrize("subset", SUBSETS)
def test_posterior_is_that_of_the_simulated_albums(c, subset):
    oracle, main, perceived = simulate(60_000, c=c)
    posterior = oracle.posterior(subset)
    np.testing.assert_allclose(posterior.sum(axis=1), 1.0)
    columns = [MODALITIES.index(modality) for modality in subset]
    seen, cell = np.unique(perceived[:, columns], axis=0, return_inverse=True)
    cell = cell.ravel()
    n_checked = 0
    for number in range(len(seen)):
        rows = cell == number
        if rows.sum() < 300:
            continue
        shares = np.bincount(main[rows], minlength=3) / rows.sum()
        exact = posterior[rows][0]
        error = np.sqrt(exact * (1 - exact) / rows.sum())
        assert (np.abs(shares - exact) <= 5 * error + 1e-12).all()
        n_checked += 1
    assert n_checked >= 1


def test_posterior_by_enumeration():
    oracle, _, perceived = simulate(50, n_genres=4, c=0.3, seed=2)
    confusion, prior, c = oracle.confusion, oracle.prior, 0.3
    for row in range(50):
        joint = np.zeros(4)
        for y in range(4):
            for s in range(4):
                p = prior[y] * confusion["shared"][y, s]
                for column, modality in enumerate(MODALITIES):
                    g = perceived[row, column]
                    p *= (1 - c) * (g == s) + c * confusion[modality][y, g]
                joint[y] += p
        np.testing.assert_allclose(oracle.posterior(rows=[row])[0], joint / joint.sum())


def test_posterior_uses_only_what_is_there():
    oracle, _, _ = simulate(40, missing=0.5)
    full, _, _ = simulate(40, missing=0.0)
    for row, there in enumerate(oracle.present.to_numpy()):
        subset = tuple(m for m, is_there in zip(MODALITIES, there, strict=True) if is_there)
        expected = full.posterior(subset, rows=[row])
        np.testing.assert_array_equal(oracle.posterior(rows=[row]), expected)
        if not subset:
            np.testing.assert_allclose(expected[0], oracle.prior)


def test_without_complementarity_fusion_gains_nothing():
    oracle, _, perceived = simulate(2000, n_genres=9, c=0.0)
    assert (perceived == perceived[:, :1]).all()
    alone = oracle.posterior("cover")
    for subset in SUBSETS[1:]:
        np.testing.assert_allclose(oracle.posterior(subset), alone)
        for metric in (
            *("accuracy", "expected_accuracy", "macro_f1", "log_loss"),
            *("macro_auc", "macro_average_precision", "precision@2", "diversity@1"),
        ):
            assert oracle.ceiling(subset, metric=metric) == pytest.approx(
                oracle.ceiling("cover", metric=metric)
            )


def test_with_complementarity_every_modality_adds():
    oracle, _, _ = simulate(20_000, n_genres=9, c=1.0)
    for subset in SUBSETS[:-1]:
        for more in set(MODALITIES) - set(subset):
            gain = oracle.ceiling((*subset, more), metric="expected_accuracy")
            assert gain > oracle.ceiling(subset, metric="expected_accuracy") + 0.01


@pytest.mark.parametrize("c", [0.0, 0.5, 1.0])
def test_without_genre_strength_the_posterior_is_the_prior(c):
    oracle, main, perceived = simulate(20_000, n_genres=5, c=c, genre_strength=0.0)
    for subset in SUBSETS:
        np.testing.assert_allclose(
            oracle.posterior(subset), np.broadcast_to(oracle.prior, (20_000, 5))
        )
    for column in range(3):
        chance = (oracle.prior**2).sum()
        assert np.mean(main == perceived[:, column]) == pytest.approx(chance, abs=0.02)


def test_ceilings_agree_with_each_other():
    oracle, main, _ = simulate(40_000, n_genres=9)
    assert oracle.ceiling() == pytest.approx(oracle.ceiling(metric="expected_accuracy"), abs=0.01)
    assert oracle.ceiling(()) == pytest.approx(np.mean(main == 0))
    assert oracle.ceiling((), metric="macro_auc") == 0.5
    rows = np.arange(40_000) % 2 == 0
    assert oracle.ceiling(rows=rows) == oracle.ceiling(rows=np.flatnonzero(rows))


def test_oracle_refuses_what_it_does_not_know():
    oracle, _, _ = simulate(5)
    with pytest.raises(ValueError, match="'image'"):
        oracle.posterior("image")
    for metric in ("f1", "precision", "precision@", "precision@one", "coverage@1"):
        with pytest.raises(ValueError, match=f"'{metric}'.*'precision@1'"):
            oracle.ceiling("audio", metric=metric)
    with pytest.raises(ValueError, match="k must be"):
        oracle.ceiling("audio", metric="precision@4")


def test_label_figures_are_those_of_the_label_posterior():
    oracle, _, _ = simulate(3000, n_genres=9, missing=0.2)
    rows = np.arange(0, 3000, 3)
    truth, scores = oracle._Y[rows], oracle.label_posterior("text", rows)
    figures = oracle.label_figures("text", rows, ks=(1, 3))
    assert figures["macro_auc"] == pytest.approx(roc_auc_score(truth, scores))
    assert figures["macro_average_precision"] == pytest.approx(
        average_precision_score(truth, scores)
    )
    best = np.argsort(scores, axis=1)[:, :-4:-1]
    assert figures["precision@3"] == pytest.approx(np.take_along_axis(truth, best, 1).mean())
    assert figures["diversity@3"] == len(np.unique(best)) / 9
    for name, value in figures.items():
        assert oracle.ceiling("text", rows, metric=name) == value
    assert "ndcg@5" in oracle.label_figures()


def test_no_scores_of_the_same_cells_pass_the_label_ceilings():
    oracle, _, perceived = simulate(40_000, n_genres=5, c=1.0)
    learning, judged = np.arange(20_000), np.arange(20_000, 40_000)
    rng = np.random.default_rng(0)
    for subset in SUBSETS[1:]:
        cell = perceived[:, [MODALITIES.index(modality) for modality in subset]]
        cell = np.unique(cell, axis=0, return_inverse=True)[1].ravel()
        n_cells = cell.max() + 1
        there = np.bincount(cell[learning], minlength=n_cells)
        learned = (
            np.stack(
                [np.bincount(cell[learning], truth, n_cells) for truth in oracle._Y[learning].T],
                axis=1,
            )
            / np.maximum(there, 1)[:, None]
        )
        ceilings = oracle.label_figures(subset, judged)
        for scores in (learned[cell[judged]], rng.random((n_cells, 5))[cell[judged]]):
            reached = ranking_scores(oracle._Y[judged], scores, references=False).loc["scores"]
            for name in ("macro_auc", "macro_average_precision", "precision@1", "precision@3"):
                assert reached[name] <= ceilings[name] + 0.005


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

    rng = np.random.default_rng(0)
    main = rng.choice(9, size=50_000, p=prior)
    Y, probability = _draw_labels(main, genres, correlated, rng)
    for genre in range(9):
        np.testing.assert_allclose(
            Y[main == genre].mean().to_numpy(), probability[genre], atol=0.04
        )


def test_names_of_genres_are_unique_and_fit_a_branch():
    leaves = [leaf for genres, _, _ in FAMILIES.values() for leaf in genres]
    assert len({*leaves, *FAMILIES}) == len(leaves) + len(FAMILIES)
    assert not any("/" in name for name in [*leaves, *FAMILIES])
    for place in (1, 2):
        words = [word for family in FAMILIES.values() for word in family[place]]
        assert len(words) == 4 * len(FAMILIES) == len(set(words))
