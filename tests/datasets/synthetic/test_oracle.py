"""The exact posterior of the synthetic albums against simulated ones."""

from itertools import combinations

import numpy as np
import pytest
from simulated_albums import simulate
from sklearn.metrics import average_precision_score, roc_auc_score

from skmmgenre.metrics import ranking_scores

MODALITIES = ("audio", "text", "cover")
SUBSETS = [subset for size in range(4) for subset in combinations(MODALITIES, size)]


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


def test_label_metrics_are_those_of_the_label_posterior():
    oracle, _, _ = simulate(3000, n_genres=9, missing=0.2)
    rows = np.arange(0, 3000, 3)
    truth, scores = oracle._Y[rows], oracle.label_posterior("text", rows)
    metrics = oracle.label_metrics("text", rows, ks=(1, 3))
    assert metrics["macro_auc"] == pytest.approx(roc_auc_score(truth, scores))
    assert metrics["macro_average_precision"] == pytest.approx(
        average_precision_score(truth, scores)
    )
    best = np.argsort(scores, axis=1)[:, :-4:-1]
    assert metrics["precision@3"] == pytest.approx(np.take_along_axis(truth, best, 1).mean())
    assert metrics["diversity@3"] == len(np.unique(best)) / 9
    for name, value in metrics.items():
        assert oracle.ceiling("text", rows, metric=name) == value
    assert "ndcg@5" in oracle.label_metrics()


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
        ceilings = oracle.label_metrics(subset, judged)
        for scores in (learned[cell[judged]], rng.random((n_cells, 5))[cell[judged]]):
            reached = ranking_scores(oracle._Y[judged], scores, references=False).loc["scores"]
            for name in ("macro_auc", "macro_average_precision", "precision@1", "precision@3"):
                assert reached[name] <= ceilings[name] + 0.005
