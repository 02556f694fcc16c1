"""Apply a function to every cell that is there."""

import time
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, nullcontext
from contextvars import ContextVar
from itertools import compress
from numbers import Integral
from typing import TYPE_CHECKING, Any, Self

import joblib
import numpy as np
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import StrOptions

from .._typing import Column, OnError
from ..utils import (
    BadItem,
    BadType,
    ErrorsMixin,
    SetupError,
    as_cells,
    describe_cell,
    is_missing,
    logger,
    progress_bar,
    workers,
)
from ._feature_store import FeatureStore

# Cells one worker takes at a time: long enough to hide joblib's cost, short enough
# for the progress bar to move and for an error to be told soon.
_CHUNK = 8
# Between rounds workers stand idle, but what a round computed is kept: rounds of several workers
# grow until one takes a second, to at most so many times the first.
_ROUND_SECONDS = 1.0
_ROUND_GROWTH = 4
_MOST_ROWS = 1024  # unless the workers are so many; their values are held in memory
# What damaged or hostile data make of a reader that does not check them. Any other kind, such as a
# TypeError, is a fault of the program, and would set aside every cell if it were taken for one.
_FAULTS_OF_DATA = (OSError, ValueError, ArithmeticError, EOFError, MemoryError, RecursionError)
_SHARE_OF_TYPES = 0.1  # of the cells, from which on a type that cannot be used is warned of
_caller_warns = ContextVar("caller_warns", default=False)


def map_cells(
    function: Callable[[Any], Any],
    cells: list[Any],
    *,
    noun: str = "item",
    on_error: OnError = "raise",
    n_jobs: int | None = None,
    verbose: int = 0,
    description: str = "",
    store: FeatureStore | None = None,
    values: Any = None,
    fault_of_nan: tuple[str, str] | None = None,
    warn: bool = True,
    finish: Callable[[list[Any]], list[Any]] | None = None,
) -> tuple[Any, list[dict[str, Any]]]:
    """Apply `function` to every cell that is not missing.

    Parameters
    ----------
    function : callable
        Takes a cell, returns its value or raises what is wrong with the cell: `BadItem` to name a
        remedy, or an error that bad data cause (OSError, ValueError, ArithmeticError, EOFError,
        MemoryError, RecursionError). Must be picklable when `n_jobs` is not 1.
    cells : list
        Missing cells are passed over.
    noun : str
        What a cell holds, for the error.
    on_error : {"raise", "missing"}
        Whether a bad cell ends the loop, or is treated as missing and listed.
    n_jobs : int or None
        Number of joblib workers.
    verbose : int
        1 shows a progress bar.
    description : str
        What the progress bar says.
    store : FeatureStore or None
        Where values are looked up before they are computed, and kept as soon as they are.
        What another process is computing meanwhile is waited for.
    values : list or ndarray of the length of `cells`, default=None
        Is written into, and keeps what it holds where a cell is missing or bad. Spares holding
        large values twice. None for a new list.
    fault_of_nan : tuple of two str or None, default=None
        Reason and remedy of a cell whose value is NaN throughout: it counts as missing and is
        listed whatever `on_error` is. None if such a value is one like any other.
    warn : bool, default=True
        Whether to warn if all cells are skipped (of at least two), or a tenth of them for a type
        that cannot be used: then the data are rarely to blame.
    finish : callable, default=None
        Takes a list of what `function` returned for some cells, returns the list of their values.
        Runs in this process: for a network that takes many at once.

    Returns
    -------
    values : list or ndarray
        One value a cell; None in a new list where it is missing or bad.
    errors : list of dict
        Row, item, reason, remedy of each bad cell, and whether its type is at fault, in order of
        rows.

    Raises
    ------
    BadItem
        The first bad cell in order of rows, if `on_error="raise"`.
    Exception
        Any other error of `function`, whatever `on_error` is: it is the fault of the program. A
        note on it names the cell.
    """
    values = [None] * len(cells) if values is None else values
    errors = []
    rows = [row for row, cell in enumerate(cells) if not is_missing(cell)]
    with (
        progress_bar(len(rows), description, verbose=verbose) as advance,
        workers(n_jobs) as (parallel, n_workers),
    ):
        fewest = 4 * n_workers * _CHUNK
        most = fewest if n_workers == 1 else max(fewest, min(_ROUND_GROWTH * fewest, _MOST_ROWS))
        computed = []

        def compute(some):
            computed.extend(some)
            outcomes = _compute(parallel, function, cells, some)
            return outcomes if finish is None else _finished(finish, outcomes)

        with closing(settle_in_rounds(compute, cells, rows, (fewest, most), store)) as rounds:
            for settled in rounds:
                for row, (value, fault) in settled.items():
                    if fault is None:
                        values[row] = value
                        if fault_of_nan is not None and np.isnan(value).all():
                            error = bad_cell(cells[row], row, fault_of_nan, noun, "missing")
                            errors.append({**error, "is_type": False})
                    else:
                        reason, remedy, is_type = fault
                        error = bad_cell(cells[row], row, (reason, remedy), noun, on_error)
                        errors.append({**error, "is_type": is_type})
                advance(len(settled))
                settled.clear()  # large values are not held while the next are computed
        told = [] if store is None else [f"{len(computed)} computed"]
        told += [f"{len(errors)} skipped"] if errors else []
        advance(0, note=", ".join(told) or None)
    errors.sort(key=lambda error: error["row"])
    if warn and not _caller_warns.get():
        warn_of_skipped_cells(errors, len(rows), noun)
    return values, errors


@contextmanager
def no_warning_of_skipped_cells() -> Iterator[None]:
    """Keep `map_cells` from warning of skipped cells, where its caller warns once for all parts."""
    token = _caller_warns.set(True)
    try:
        yield
    finally:
        _caller_warns.reset(token)


def warn_of_skipped_cells(errors: list[dict[str, Any]], n_cells: int, noun: str) -> None:
    """Warn if all cells were skipped, or many because of their type.

    Parameters
    ----------
    errors : list of dict
        As `map_cells` returns them, maybe with the place of a track.
    n_cells : int
        How many cells are not missing.
    noun : str
        What a cell holds.
    """
    types = Counter(error["reason"] for error in errors if error.get("is_type"))
    reason, n_errors = max(types.items(), key=lambda item: item[1], default=("", 0))
    if n_errors >= max(2, _SHARE_OF_TYPES * n_cells):
        first = next(error for error in errors if error["reason"] == reason)
    elif len(errors) == n_cells >= 2:
        first, n_errors = errors[0], n_cells
    else:
        return
    track = f", track {first['track']}" if "track" in first else ""
    warnings.warn(
        f"{n_errors:,} of {n_cells:,} {noun}s that are not empty cannot be used and count as "
        f"missing; the first is row {first['row']}{track}, {first['item']}: {first['reason']}. "
        f"{first['remedy']}".rstrip(),
        stacklevel=4,
    )


def settle_in_rounds(
    compute: Callable[[list[int]], list[Any]],
    cells: list[Any],
    rows: list[int],
    per_round: tuple[int, int],
    store: FeatureStore | None = None,
) -> Iterator[dict[int, Any]]:
    """Yield the outcomes of all rows, some at a time; with a store each content is computed once.

    What was computed is in the store before it is yielded. To be closed when left early, so that
    the claims in the store end at once.

    Parameters
    ----------
    compute : callable
        Takes a list of rows, returns the outcome of each: a value and None, or None and what
        is wrong with the cell.
    cells : list
        The whole column, for their keys in the store.
    rows : list of int
        Positions of the cells to compute.
    per_round : tuple of two int
        How many rows to take at first, and at most if they are soon computed.
    store : FeatureStore or None
        See `map_cells`.

    Yields
    ------
    settled : dict
        Outcome of each row that is settled, in order of rows.
    """
    pace = _Pace(*per_round)
    with nullcontext() if store is None else store.working():
        while rows:
            elsewhere = []  # what other processes have begun: theirs to finish, ours if they died
            for some in pace.rounds(rows):
                settled = _settle(some, compute, cells, pace, store)
                elsewhere += [row for row in some if row not in settled]
                yield settled
            if len(elsewhere) == len(rows):
                store.wait()
            rows = elsewhere


def _settle(rows, compute, cells, pace, store):
    """Outcomes of one round; those that must wait for another process are not among them."""
    if store is None:
        with pace.measure(len(rows)):
            return dict(zip(rows, compute(rows), strict=True))

    # Cells of one content share a key, and the first is computed for all of them. A cell without
    # (a file that cannot be read, an array of objects) goes by its row and is not kept.
    rows_of = {}
    for row, key in zip(rows, store.keys([cells[row] for row in rows]), strict=True):
        rows_of.setdefault(row if key is None else key, []).append(row)

    keys = [key for key in rows_of if isinstance(key, bytes)]
    found = dict(zip(keys, store.get(keys), strict=True))
    outcomes = {key: (value, None) for key, value in found.items() if value is not None}

    absent = [key for key in keys if key not in outcomes]
    ours = {*compress(absent, store.claim(absent))}
    todo = [key for key in rows_of if key in ours or not isinstance(key, bytes)]
    if todo:
        with pace.measure(len(todo)):
            computed = compute([rows_of[key][0] for key in todo])
        outcomes |= zip(todo, computed, strict=True)

        good = {key: outcomes[key][0] for key in ours if outcomes[key][1] is None}
        kept, refused = store.put(good)
        if len(good) < len(ours):
            store.give_up()  # to others, what was claimed and cannot be computed
        outcomes |= {key: (value, None) for key, value in kept.items()}
        for key in refused:  # the first file was replaced meanwhile; those equal to it were not
            del rows_of[key][1:]

    row_keys = sorted((row, key) for key in outcomes for row in rows_of[key])
    return {row: outcomes[key] for row, key in row_keys}


class _Pace:
    """How many rows to take at a time: what is computed in about a second."""

    def __init__(self, fewest, most):
        self.n_rows, self.fewest, self.most = fewest, fewest, most

    def rounds(self, rows):
        """Yield some rows at a time."""
        start = 0
        while start < len(rows):
            some = rows[start : start + self.n_rows]
            start += len(some)
            yield some

    @contextmanager
    def measure(self, n_rows):
        """Learn how many rows to take from the time that some take here."""
        began = time.perf_counter()
        yield
        in_time = int(_ROUND_SECONDS * n_rows / (time.perf_counter() - began))
        self.n_rows = min(max(self.fewest, in_time), self.most)


def _compute(parallel, function, cells, rows):
    """Values and faults of some rows by the workers.

    They return all at once: the ray backend refuses a generator of results.
    """
    chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
    outcomes = parallel(
        joblib.delayed(_run_chunk)(function, [cells[row] for row in chunk]) for chunk in chunks
    )
    return [outcome for chunk in outcomes for outcome in chunk]


def _finished(finish, outcomes):
    """Outcomes with what `finish` makes of the values; faults stay."""
    values = [value for value, fault in outcomes if fault is None]
    finished = iter(finish(values) if values else ())
    return [(next(finished) if fault is None else None, fault) for _, fault in outcomes]


def _run_chunk(function, cells):
    """Values and faults of some cells; a fault is plain text, so it crosses processes.

    It is the reason, the remedy, and whether the cell's type is at fault.
    """
    outcome = []
    for cell in cells:
        try:
            outcome.append((function(cell), None))
        except BadItem as error:
            fault = error.reason, error.remedy, isinstance(error, BadType)
            outcome.append((None, fault))
        except MemoryError as error:
            reason = f"it takes more memory than there is ({error})".replace(" ()", "")
            outcome.append((None, (reason, "Make it smaller, or use fewer workers.", False)))
        except _FAULTS_OF_DATA as error:
            outcome.append((None, (f"{type(error).__name__}: {error}", "", False)))
        except (ImportError, SetupError):  # no cell is to blame
            raise
        except Exception as error:
            error.add_note(f"It happened at {describe_cell(cell)}.")
            raise
    return outcome


def bad_cell(
    cell: Any, row: int, fault: tuple[str, str], noun: str, on_error: OnError
) -> dict[str, Any]:
    """Raise for a cell that cannot be used, or return its line of `errors_`.

    Parameters
    ----------
    cell : object
        What cannot be used; the message describes it.
    row : int
        Its position in the column, from 0.
    fault : tuple of two str
        Reason and remedy.
    noun : str
        What a cell holds, such as "audio file".
    on_error : {"raise", "missing"}
        "raise" raises; "missing" logs the cell and returns its line.

    Returns
    -------
    error : dict
        ``row``, ``item``, ``reason`` and ``remedy``.
    """
    reason, remedy = fault
    item = describe_cell(cell)
    if on_error == "raise":
        raise BadItem(
            f"cannot use {noun} {item}: {reason}",
            f"{remedy} Or pass on_error='missing' to treat it as missing and find it in "
            "errors_.".lstrip(),
            row,
        )
    logger.warning("Skipped %s %s: %s", noun, item, reason)
    return {"row": row, "item": item, "reason": reason, "remedy": remedy}


class CellTransformer(ErrorsMixin, TransformerMixin, BaseEstimator):
    """Base class of transformers that learn nothing and answer each cell of one column.

    A subclass has the parameters `on_error`, `n_jobs` and `verbose`.
    """

    _noun = "item"  # what a cell holds, for errors

    _parameter_constraints: dict = {
        "on_error": [StrOptions({"raise", "missing"})],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def fit(self, X: Column, y: Any = None) -> Self:
        """Check the parameters and that `X` is one column; nothing is learned.

        Parameters
        ----------
        X : column of what `transform` takes, length n
            No file is opened.
        y : None
            Ignored.

        Returns
        -------
        self : estimator
            The transformer, checked and ready to use.
        """
        self._validate_params()
        as_cells(X, noun=self._noun)
        return self

    if TYPE_CHECKING:

        def transform(self, X: Column) -> np.ndarray: ...  # of a subclass
        def fit_transform(self, X: Column, y: Any = None) -> np.ndarray: ...  # scikit-learn's

    def _map_to_rows(self, function, X, **options):
        """Return the vectors of the cells of `X`, one a row; NaN where a cell is missing or bad."""
        cells = as_cells(X, noun=self._noun)
        rows = np.full((len(cells), len(self.get_feature_names_out())), np.nan)
        return self._map(function, cells, values=rows, **options)

    def _map(self, function, X, **options):
        """Return the values of the cells of `X`, see `map_cells`; keep what `errors_` lists."""
        self._errors = []
        values, self._errors = map_cells(
            function,
            as_cells(X, noun=self._noun),
            noun=self._noun,
            on_error=self.on_error,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            **options,
        )
        return values

    def __sklearn_is_fitted__(self):
        return True

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.requires_fit = False
        tags.input_tags.one_d_array = True
        tags.input_tags.two_d_array = False
        tags.input_tags.string = True
        tags.input_tags.allow_nan = True
        tags.transformer_tags.preserves_dtype = []
        return tags
