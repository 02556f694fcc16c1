"""Progress bars, log messages and Ctrl-C of long computations."""

import logging
import random
import sys
import time
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from contextvars import ContextVar

from ._parallel import in_a_worker

# Silent until a program configures logging. Workers do not log: the process that started them logs
# their work once.
logger = logging.getLogger("skmmgenre")
logger.addHandler(logging.NullHandler())
logger.addFilter(lambda record: not in_a_worker())

_hidden = ContextVar("progress_hidden", default=False)


@contextmanager
def python_random_kept():
    """Restore Python's global random state, from which rich draws when it is imported."""
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
    """Show a progress bar on standard error, and log the start and the end of the work.

    Yields ``advance(steps=1, note=None, total=None)``; it does nothing if `total` is 0.
    `note` replaces the text after the bar, and the last note is logged at the end; `total` is for
    work that turns out to have fewer steps. The log does not depend on `verbose`.

    Parameters
    ----------
    total : int
        Number of steps; 0 shows nothing.
    description : str
        Text before the bar and in the log.
    verbose : int, default=1
        0 hides the bar.

    Yields
    ------
    advance : callable
        ``advance(steps=1, note=None, total=None)``.
    """
    if not total:
        yield lambda steps=1, note=None, total=None: None
        return
    is_shown = verbose and not _hidden.get()
    log = _WorkLog(total, description or "Work")
    with log, _bar(total, description) if is_shown else nullcontext() as move:

        def advance(steps=1, note=None, total=None):
            log.advance(steps, note, total)
            if move is not None:
                move(steps, note, total)

        yield advance


class _WorkLog:
    """Log messages about one piece of work; of level DEBUG if it is part of other work."""

    def __init__(self, total, description):
        self.total, self.description = total, description
        self.done, self.note = 0, None
        self.level = logging.DEBUG if _hidden.get() else logging.INFO

    def __enter__(self):
        self.began = time.perf_counter()
        logger.log(self.level, "%s: started, %d steps", self.description, self.total)
        return self

    def advance(self, steps, note, total):
        self.done += steps
        self.note = self.note if note is None else note
        self.total = self.total if total is None else total
        if note is not None:
            logger.debug("%s: step %d of %d, %s", self.description, self.done, self.total, note)

    def __exit__(self, kind, error, traceback):
        logger.log(
            self.level,
            "%s: %s, %d of %d steps in %.1f s%s",
            self.description,
            "done" if kind is None else f"stopped by {kind.__name__}",
            self.done,
            self.total,
            time.perf_counter() - self.began,
            f" ({self.note})" if self.note else "",
        )


@contextmanager
def _bar(total, description):
    """Show the bar; yield the function that moves it."""
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

        def move(steps, note, total):
            changes = {} if note is None else {"note": note}
            progress.update(task, advance=steps, total=total, **changes)

        yield move


@contextmanager
def progress_hidden():
    """Hide progress bars in the body, in this thread only, because an outer bar covers them."""
    token = _hidden.set(True)
    try:
        yield
    finally:
        _hidden.reset(token)


class TrainingInterrupted(UserWarning):
    """Warning that training was stopped by Ctrl-C; the network keeps its best weights so far."""


@contextmanager
def interruption_ends_all() -> Iterator[None]:
    """Let Ctrl-C end the training of several networks, not only of the current one."""
    with warnings.catch_warnings():
        # As an error, the warning of the interrupted network also ends the loop over networks.
        warnings.simplefilter("error", TrainingInterrupted)
        try:
            yield
        except TrainingInterrupted:
            raise KeyboardInterrupt from None
