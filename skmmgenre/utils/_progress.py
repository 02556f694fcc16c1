"""Long work: its progress bar, and Ctrl-C."""

import random
import sys
import warnings
from contextlib import contextmanager
from contextvars import ContextVar

_hidden = ContextVar("progress_hidden", default=False)


@contextmanager
def python_random_kept():
    """Give Python's global random state back: rich draws from it while it is imported."""
    if "rich" in sys.modules:
        yield
        return
    state = random.getstate()
    try:
        yield
    finally:
        random.setstate(state)


@contextmanager
def progress_bar(total, description, *, verbose=1):
    """Show progress towards `total` on standard error.

    Yields ``advance(steps=1, note=None, total=None)``; it does nothing if `verbose` is 0 or there
    is nothing to do. `note` replaces the text behind the bar; `total` is for work that turns out
    to have fewer steps.
    """
    if not verbose or not total or _hidden.get():
        yield lambda steps=1, note=None, total=None: None
        return
    with python_random_kept():
        from rich import progress as rich
        from rich.console import Console

    with rich.Progress(
        rich.TextColumn("{task.description}"),
        rich.BarColumn(bar_width=24),
        rich.MofNCompleteColumn(),
        rich.TimeRemainingColumn(elapsed_when_finished=True),
        rich.TextColumn("{task.fields[note]}"),
        console=Console(stderr=True),
    ) as progress:
        task = progress.add_task(description, total=total, note="")

        def advance(steps=1, note=None, total=None):
            changes = {} if note is None else {"note": note}
            progress.update(task, advance=steps, total=total, **changes)

        yield advance


@contextmanager
def progress_hidden():
    """Show no progress bar inside, in this thread only: one bar stands for many."""
    token = _hidden.set(True)
    try:
        yield
    finally:
        _hidden.reset(token)


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
