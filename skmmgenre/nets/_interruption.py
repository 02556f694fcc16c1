"""Ctrl-C during training."""

import warnings
from contextlib import contextmanager


class TrainingInterrupted(UserWarning):
    """A network was stopped by Ctrl-C and keeps the best weights it had."""


@contextmanager
def interruption_ends_all():
    """Let Ctrl-C end work of several networks, not only the one in training."""
    with warnings.catch_warnings():
        warnings.simplefilter("error", TrainingInterrupted)
        try:
            yield
        except TrainingInterrupted:
            raise KeyboardInterrupt from None
