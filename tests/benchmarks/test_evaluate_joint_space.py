"""What the posterior allows a joint space to find, and how what is found is counted."""

import evaluate_joint_space as evaluation
import numpy as np
import pandas as pd
import pytest

from skmmgenre.datasets import make_albums


def oracle(folder, **params):
    small = {"duration": 0.05, "cover_size": 8, "audio_format": "wav", "random_state": 0}
    return make_albums(30, 3, directory=folder, **small, **params).oracle


def test_sound_and_cover_that_know_nothing_of_each_other(tmp_path):
    known = oracle(tmp_path, genre_strength=0.0, complementarity=1.0)
    np.testing.assert_allclose(evaluation.likelihood_ratios(known, np.arange(30)), 1)


def test_sound_and_cover_that_show_the_same(tmp_path):
    known = oracle(tmp_path, complementarity=0.0)
    rows = np.array([3, 11, 20, 5])
    shown = known.perceived["audio"].to_numpy()[rows]
    share = known.prior @ known.confusion["shared"]
    expected = np.where(
        shown[:, np.newaxis] == shown, 1 / share[np.searchsorted(known.classes, shown)], 0
    )
    np.testing.assert_allclose(evaluation.likelihood_ratios(known, rows), expected)


def test_hits_share_places_among_equal_scores():
    assert evaluation.hits(np.ones((40, 40))).tolist() == [0.25] * 40  # 10 of 40
    np.testing.assert_array_equal(evaluation.hits(np.eye(40)), 1)
    last = np.where(np.eye(40) > 0, -1.0, 0.0)
    np.testing.assert_array_equal(evaluation.hits(last), 0)
    assert evaluation.median_rank(np.eye(40)) == 1 and evaluation.median_rank(last) == 40


@pytest.mark.parametrize("shift", [0.0, 0.2])
def test_the_table_knows_chance_from_more(shift):
    rng = np.random.default_rng(0)
    runs = [
        {
            "seed": seed,
            "pairs": 70,
            "artists": np.arange(200) // 2,
            "found": (rng.random(200) < 0.05 + shift).astype(float),
            "allowed": np.full(200, 0.45),
            "median_rank": 50.0,
            "epochs": 3,
            "valid_loss": 0.4 + 0.1 * seed,
            "one_less_margin": 0.5,
        }
        for seed in range(4)
    ]
    (line,) = evaluation.tabulate_retrieval(pd.DataFrame(runs)).to_dict("records")
    assert line["chance"] == 0.05 and line["least_apart"] < 1e-9
    assert line["share_above_chance"] == pytest.approx(shift / 0.4, abs=0.05)
    assert (line["verdict"] == "better") == (shift > 0)


def test_covers_change_places_within_a_genre():
    covers, y = np.arange(60).reshape(60, 1), np.arange(60) % 3
    assert evaluation.covers_of("own", covers, y, 0) is covers
    anywhere = evaluation.covers_of("shuffled", covers, y, 0)[:, 0]
    within = evaluation.covers_of("shuffled within genre", covers, y, 0)[:, 0]
    for moved in (anywhere, within):
        assert sorted(moved) == list(range(60)) and (moved == np.arange(60)).mean() < 0.2
    assert (within % 3 == y).all() and not (anywhere % 3 == y).all()
