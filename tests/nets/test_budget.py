"""How many epochs of all rows follow from trials on some of them."""

from dataclasses import dataclass

import numpy as np
import pytest

from skmmgenre.nets._budget import add_losses_of_folds, mean_losses, n_epochs


@dataclass
class Trial:
    learned: np.ndarray
    history: list


def trial(n_learned, losses):
    history = [
        {"epoch": i, "train_loss": 0.0, "valid_loss": loss, "valid_f1": loss / 2, "duration": 1.0}
        for i, loss in enumerate(losses, start=1)
    ]
    return Trial(np.arange(100) < n_learned, history)


def test_losses_are_the_means_of_epochs_that_all_have_run():
    trials = [trial(60, [3, 2, 1, 5]), trial(60, [5, 2, 3])]
    np.testing.assert_array_equal(mean_losses(trials), [4, 2, 2])
    assert not len(mean_losses([]))


@pytest.mark.parametrize(
    ("n_rows", "batch_size", "expected"),
    [
        (60, 20, 4),  # as many rows as in a trial
        (120, 20, 2),  # twice as many: as many steps
        (90, 20, 2),  # 12 steps, of 5 an epoch
        (2000, 20, 1),  # never none
    ],
)
def test_as_many_steps_as_were_best(n_rows, batch_size, expected):
    trials = [trial(60, [4, 3, 2, 1, 9]), trial(60, [4, 3, 2, 1, 2])]
    assert n_epochs(trials, n_rows, batch_size) == expected


def test_without_trials_nothing_is_known():
    assert n_epochs([], 60, 20) is None


def test_the_history_of_all_rows_shows_what_folds_measured_after_as_many_steps():
    trials = [trial(40, [4.0, 3.0, 2.0, 1.0]), trial(40, [6.0, 5.0, 4.0])]
    history = [{"epoch": epoch, "train_loss": 0.5, "duration": 9.0} for epoch in (1, 2, 3)]
    add_losses_of_folds(history, trials, n_rows=80, batch_size=20)  # 4 steps an epoch, 2 a fold
    assert history == [
        {"epoch": 1, "train_loss": 0.5, "duration": 9.0, "valid_loss": 4.0, "valid_f1": 2.0},
        {"epoch": 2, "train_loss": 0.5, "duration": 9.0, "valid_loss": 1.0, "valid_f1": 0.5},
        {"epoch": 3, "train_loss": 0.5, "duration": 9.0},
    ]
