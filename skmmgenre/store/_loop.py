"""Apply a function to every cell that is not missing: in parallel, in rounds, with a store.

Cells are computed in rounds. After each round its values are stored, so that a run that is
interrupted loses at most one round, and the progress bar moves. Without a store `map_cells` is a
parallel map; with one, each round is settled in these steps (see `_settle`):

1. Look up the keys of the cells. Cells of the same content have the same key.
2. Take from the store what has been computed before.
3. Claim the rest. What another process has claimed is left to it, and looked up again when all
   other rows are done; if that process was killed, its claims expire and are taken over.
4. Compute what was claimed, store it, and release the claims of cells that cannot be computed.
"""

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
    is_of_function,
    logger,
    progress_bar,
    workers,
)
from ._feature_store import FeatureStore

# Cells per task of a worker: enough to hide joblib's overhead, few enough for the progress bar to
# move and for an error to be reported soon.
_CHUNK = 8
# Workers are idle between rounds, but the results of a round are stored. So rounds of several
# workers grow until one takes a second, to at most this many times the first round.
_ROUND_SECONDS = 1.0
_ROUND_GROWTH = 4
_MOST_ROWS = 1024  # per round, unless there are very many workers: its values are in memory
# Errors that damaged or hostile data cause in a reader that does not check them. Any other error,
# such as a TypeError, is a bug in the program. Treating it as a bad cell would skip every cell.
_FAULTS_OF_DATA = (OSError, ValueError, ArithmeticError, EOFError, MemoryError, RecursionError)
_SHARE_OF_TYPES = 0.1  # warn if at least this share of the cells has a type that cannot be used
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
        Takes a cell and returns its value. It reports a bad cell by raising `BadItem`, which has
        a remedy, or an error that bad data cause (OSError, ValueError, ArithmeticError, EOFError,
        MemoryError, RecursionError). It must be picklable if `n_jobs` is not 1.
    cells : list
        The cells; missing ones are skipped.
    noun : str
        Name of a cell's content in messages, such as "audio file".
    on_error : {"raise", "missing"}
        "raise" raises for a bad cell; "missing" treats it as missing and lists it in `errors`.
    n_jobs : int or None
        Number of joblib workers.
    verbose : int
        1 shows a progress bar.
    description : str
        Label of the progress bar.
    store : FeatureStore or None
        Store in which values are looked up before they are computed, and saved after each round.
        Values that another process is computing are waited for.
    values : list or ndarray of the length of `cells`, default=None
        Receives the values; its entry is unchanged if a cell is missing or bad. It avoids having
        large values in memory twice. None creates a list.
    fault_of_nan : tuple of two str or None, default=None
        Reason and remedy for a cell whose value is all NaN: it is treated as missing and listed
        in `errors`, whatever `on_error` is. None treats such a value like any other.
    warn : bool, default=True
        Whether to warn if all cells (two or more) are skipped, or a tenth of them because of an
        unsupported type: the cause is then rarely in the data.
    finish : callable, default=None
        Takes the list of what `function` returned for some cells, and returns the list of their
        values. It runs in this process, for example for a network that predicts in batches.

    Returns
    -------
    values : list or ndarray
        One value per cell. In a list that was created here, None if the cell is missing or bad.
    errors : list of dict
        Row, item, reason and remedy of each bad cell, and whether its type is unsupported, in
        order of rows.

    Raises
    ------
    BadItem
        For the first bad cell in order of rows, if `on_error="raise"`.
    Exception
        Any other error of `function`, or any error within `calling_function`, whatever `on_error`
        is: it is a bug. A note on the error names the cell.
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
                settled.clear()  # frees large values before the next round
        told = [] if store is None else [f"{len(computed)} computed"]
        told += [f"{len(errors)} skipped"] if errors else []
        advance(0, note=", ".join(told) or None)
    # Rows that another process was computing are settled last.
    errors.sort(key=lambda error: error["row"])
    if warn and not _caller_warns.get():
        warn_of_skipped_cells(errors, len(rows), noun)
    return values, errors


@contextmanager
def no_warning_of_skipped_cells() -> Iterator[None]:
    """Silence the warning of `map_cells` about skipped cells, for a caller that warns itself."""
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
        Errors that `map_cells` returned, optionally with the position of a ``track``.
    n_cells : int
        Number of cells that are not missing.
    noun : str
        Name of a cell's content, such as "audio file".
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
    """Yield the outcomes of all rows in rounds; with a store each content is computed once.

    Results are stored before they are yielded. Close the generator if you stop early, so that
    its claims in the store are released at once.

    Parameters
    ----------
    compute : callable
        Takes a list of rows and returns the outcome of each: (value, None), or (None, fault) if
        the cell is bad.
    cells : list
        The whole column, for the keys in the store.
    rows : list of int
        Positions of the cells to compute.
    per_round : tuple of two int
        Number of rows in the first round, and the largest number that rounds may grow to.
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
            # Rows that other processes have claimed. They are left to them and looked up again in
            # the next pass, where they are in the store, or free to claim if that process died.
            elsewhere = []
            for some in pace.rounds(rows):
                settled = _settle(some, compute, cells, pace, store)
                elsewhere += [row for row in some if row not in settled]
                yield settled
            if len(elsewhere) == len(rows):  # no progress in this pass: do not busy-wait
                store.wait()
            rows = elsewhere


def _settle(rows, compute, cells, pace, store):
    """Return the outcomes of one round, except of rows that another process is computing."""
    if store is None:
        with pace.measure(len(rows)):
            return dict(zip(rows, compute(rows), strict=True))

    # Cells of the same content share a key, and the first is computed for all of them. A cell
    # without a key (an unreadable file, an array of objects) is identified by its row instead, and
    # its value is not stored.
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
            store.give_up()  # so that other processes do not wait for cells that failed here
        # The values as the store returns them from now on; its codec may have rounded them.
        outcomes |= {key: (value, None) for key, value in kept.items()}
        # The file of the first row was replaced while it was read. Its value may be of the new
        # content; files that were equal to it before are computed again, in the next pass.
        for key in refused:
            del rows_of[key][1:]

    # No two entries have the same row, so keys, which are bytes or int, are never compared.
    row_keys = sorted((row, key) for key in outcomes for row in rows_of[key])
    return {row: outcomes[key] for row, key in row_keys}


class _Pace:
    """The number of rows per round, adapted such that a round takes about a second."""

    def __init__(self, fewest, most):
        self.n_rows, self.fewest, self.most = fewest, fewest, most

    def rounds(self, rows):
        """Yield `rows` in parts of the current size, which `measure` changes meanwhile."""
        start = 0
        while start < len(rows):
            some = rows[start : start + self.n_rows]
            start += len(some)
            yield some

    @contextmanager
    def measure(self, n_rows):
        """Set the number of rows per round from the time that the body takes for `n_rows`."""
        began = time.perf_counter()
        yield
        in_time = int(_ROUND_SECONDS * n_rows / (time.perf_counter() - began))
        self.n_rows = min(max(self.fewest, in_time), self.most)


def _compute(parallel, function, cells, rows):
    """Return the values and faults of some rows, computed by the workers.

    The results are a list: joblib's ray backend does not support a generator of results.
    """
    chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
    outcomes = parallel(
        joblib.delayed(_run_chunk)(function, [cells[row] for row in chunk]) for chunk in chunks
    )
    return [outcome for chunk in outcomes for outcome in chunk]


def _finished(finish, outcomes):
    """Return the outcomes with `finish` applied to the values; faults are unchanged."""
    values = [value for value, fault in outcomes if fault is None]
    finished = iter(finish(values) if values else ())
    return [(next(finished) if fault is None else None, fault) for _, fault in outcomes]


def _run_chunk(function, cells):
    """Return the values and faults of some cells.

    A fault is a tuple of reason, remedy, and whether the type is unsupported. It is plain text
    rather than an exception, since not all exceptions can be pickled by a worker.
    """
    outcome = []
    for cell in cells:
        try:
            outcome.append((function(cell), None))
        # BadItem and MemoryError are faults of data, too, so they are caught first.
        except BadItem as error:
            fault = error.reason, error.remedy, isinstance(error, BadType)
            outcome.append((None, fault))
        except MemoryError as error:
            reason = f"it needs more memory than is available ({error})".replace(" ()", "")
            outcome.append((None, (reason, "Make it smaller, or reduce n_jobs.", False)))
        except (ImportError, SetupError):  # not the fault of a cell: no note that names one
            raise
        except Exception as error:
            if isinstance(error, _FAULTS_OF_DATA) and not is_of_function(error):
                outcome.append((None, (f"{type(error).__name__}: {error}", "", False)))
                continue
            error.add_note(f"This error was raised for {describe_cell(cell)}.")
            raise
    return outcome


def bad_cell(
    cell: Any, row: int, fault: tuple[str, str], noun: str, on_error: OnError
) -> dict[str, Any]:
    """Raise for a cell that cannot be used, or return its entry of `errors_`.

    Parameters
    ----------
    cell : object
        The cell; the message describes it.
    row : int
        Position of the cell in the column, counted from 0.
    fault : tuple of two str
        Reason and remedy.
    noun : str
        Name of a cell's content, such as "audio file".
    on_error : {"raise", "missing"}
        "raise" raises; "missing" logs the cell and returns its entry.

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
            f"{remedy} Or pass on_error='missing' to treat it as missing and list it in "
            "errors_.".lstrip(),
            row,
        )
    logger.warning("Skipped %s %s: %s", noun, item, reason)
    return {"row": row, "item": item, "reason": reason, "remedy": remedy}


class CellTransformer(ErrorsMixin, TransformerMixin, BaseEstimator):
    """Base class of stateless transformers that map each cell of one column.

    A subclass has the parameters `on_error`, `n_jobs` and `verbose`.
    """

    _noun = "item"  # name of a cell's content in messages

    _parameter_constraints: dict = {
        "on_error": [StrOptions({"raise", "missing"})],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def fit(self, X: Column, y: Any = None) -> Self:
        """Check the parameters and that `X` is one column; there is nothing to fit.

        Parameters
        ----------
        X : column of cells as `transform` takes them, length n
            The cells; no file is opened.
        y : None
            Ignored.

        Returns
        -------
        self : estimator
            The transformer.
        """
        self._validate_params()
        as_cells(X, noun=self._noun)
        return self

    if TYPE_CHECKING:

        def transform(self, X: Column) -> np.ndarray: ...  # of a subclass
        def fit_transform(self, X: Column, y: Any = None) -> np.ndarray: ...  # scikit-learn's

    def _map_to_rows(self, function, X, **options):
        """Return the vectors of the cells of `X`, one per row; NaN if a cell is missing or bad."""
        cells = as_cells(X, noun=self._noun)
        rows = np.full((len(cells), len(self.get_feature_names_out())), np.nan)
        return self._map(function, cells, values=rows, **options)

    def _map(self, function, X, **options):
        """Return the values of the cells of `X`, see `map_cells`; set the errors of `errors_`."""
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
