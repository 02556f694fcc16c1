"""Choose how long to train on all rows from trials on some of them.

A trial is a network that was trained on some rows (``learned``, a mask), with the ``history`` of
its training, whose validation losses are those of rows that it was not trained on.

The budget is counted in steps (weight updates), not in epochs: an epoch on all rows has more steps
than an epoch on the training rows of a trial, so that the same number of epochs would train longer
than what was best in the trials.
"""

import numpy as np


def n_batches(n_rows, batch_size):
    """Return the number of steps in an epoch."""
    return -(-n_rows // batch_size)


def mean_losses(trials):
    """Return the mean validation loss after each epoch that all trials have run."""
    n_common = min((len(trial.history) for trial in trials), default=0)
    losses = [[epoch["valid_loss"] for epoch in trial.history[:n_common]] for trial in trials]
    return np.mean(losses, axis=0) if trials else np.empty(0)


def n_epochs(trials, n_rows, batch_size):
    """Return the number of epochs on all rows that has as many steps as was best in the trials.

    Parameters
    ----------
    trials : list of trial
    n_rows, batch_size : int
        Number of rows and batch size of the training on all rows.

    Returns
    -------
    n_epochs : int or None
        At least 1. None without trials: the caller runs `max_epochs`.
    """
    if not trials:
        return None
    best = 1 + int(np.argmin(mean_losses(trials)))
    n_steps = best * np.mean([n_batches(trial.learned.sum(), batch_size) for trial in trials])
    return max(1, round(n_steps / n_batches(n_rows, batch_size)))


def add_losses_of_folds(history, trials, n_rows, batch_size):
    """Add to each epoch on all rows the trials' validation scores after as many steps.

    Training on all rows has no validation rows of its own; without this, `history_` would have no
    learning curve.

    Parameters
    ----------
    history : list of dict
        History of the training on all rows; changed in place.
    trials : list of trial
        The mean over them is added.
    n_rows, batch_size : int
        Number of rows and batch size of the training on all rows.
    """
    for epoch in history:
        n_steps = epoch["epoch"] * n_batches(n_rows, batch_size)
        alike = []
        for trial in trials:
            # Epochs of different lengths are matched by their number of steps. A trial that stopped
            # early has no epoch for the later ones, and is left out of their mean.
            number = round(n_steps / n_batches(trial.learned.sum(), batch_size))
            if 1 <= number <= len(trial.history):
                alike.append(trial.history[number - 1])
        for name in alike[0] if alike else ():
            if name not in ("epoch", "train_loss", "duration"):
                epoch[name] = float(np.mean([other[name] for other in alike]))
