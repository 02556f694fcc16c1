"""Apply a function to every cell that is there."""

import time
from numbers import Integral

import joblib
from sklearn.base import BaseEstimator, TransformerMixin
from sklearn.utils._param_validation import StrOptions

from ..utils import (
    BadItem,
    ErrorsMixin,
    SetupError,
    as_cells,
    describe_cell,
    is_missing,
    progress_bar,
    workers,
)

# Cells one worker takes at a time: long enough to hide joblib's cost, short enough
# for the progress bar to move and for an error to be told soon.
_CHUNK = 8
# Between rounds workers stand idle, but what a round computed is kept: rounds of several workers
# grow until one takes a second, to at most so many times the first.
_ROUND_SECONDS = 1.0
_ROUND_GROWTH = 4
_MOST_ROWS = 1024  # unless the workers are so many; their values are held in memory


def map_cells(
    function,
    cells,
    *,
    noun="item",
    on_error="raise",
    n_jobs=None,
    verbose=0,
    description="",
    store=None,
    values=None,
):
    """Apply `function` to every cell that is not missing.

    Parameters
    ----------
    function : callable
        Takes a cell, returns its value or raises (`BadItem` to name a remedy). Must be
        picklable when `n_jobs` is not 1.
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

    Returns
    -------
    values : list or ndarray
        One value a cell; None in a new list where it is missing or bad.
    errors : list of dict
        Row, item, reason and remedy of each bad cell, in order of rows.

    Raises
    ------
    BadItem
        The first bad cell in order of rows, if `on_error="raise"`.
    SetupError, ImportError, MemoryError
        Of `function`, whatever `on_error` is: they are not the fault of a cell.
    """
    values = [None] * len(cells) if values is None else values
    errors = []
    rows = [row for row, cell in enumerate(cells) if not is_missing(cell)]

    def settle(some, outcomes):
        """Put values where they belong; tell, or list, what went wrong."""
        for row, (value, fault) in zip(some, outcomes, strict=True):
            if fault is None:
                values[row] = value
            else:
                errors.append(bad_cell(cells[row], row, fault, noun, on_error))
        advance(len(some))

    with (
        progress_bar(len(rows), description, verbose=verbose) as advance,
        workers(n_jobs) as (parallel, n_workers),
    ):

        def compute(some):
            chunks = [some[start : start + _CHUNK] for start in range(0, len(some), _CHUNK)]
            outcomes = parallel(
                joblib.delayed(_run_chunk)(function, [cells[row] for row in chunk])
                for chunk in chunks
            )
            return [outcome for chunk in outcomes for outcome in chunk]

        # Rounds, not a generator of results: the ray backend refuses generators.
        fewest = 4 * n_workers * _CHUNK
        most = fewest if n_workers == 1 else max(fewest, min(_ROUND_GROWTH * fewest, _MOST_ROWS))
        settle_in_rounds(compute, settle, cells, rows, (fewest, most), store)
    return values, sorted(errors, key=lambda error: error["row"])


def settle_in_rounds(compute, settle, cells, rows, per_round, store=None):
    """Settle all rows, some at a time; of cells that a store is given, each content once.

    Parameters
    ----------
    compute : callable
        Takes a list of rows, returns the outcome of each: a value and None, or None and what
        is wrong with the cell.
    settle : callable
        Takes a list of rows and their outcomes.
    cells : list
    rows : list of int
    per_round : tuple of two int
        How many rows `compute` is given at first, and at most if they are soon computed. What
        it returned is kept before it is given the next.
    store : FeatureStore or None
        See `map_cells`.
    """
    compute = _Paced(compute, *per_round)
    if store is None:
        for some in compute.rounds(rows):
            settle(some, compute(some))
        return
    with store.working():
        elsewhere = []
        for some in compute.rounds(rows):
            elsewhere += _settle_from(store, compute, settle, cells, some)
        while elsewhere:  # what others have begun; theirs to finish, ours if they died
            some, elsewhere = elsewhere[: per_round[0]], elsewhere[per_round[0] :]
            left = _settle_from(store, compute, settle, cells, some)
            if len(left) == len(some):
                store.wait()
            elsewhere = left + elsewhere


class _Paced:
    """`compute`, and how many rows to give it at a time: what it does in about a second."""

    def __init__(self, compute, fewest, most):
        self.compute, self.fewest, self.most = compute, fewest, most
        self.n_rows = fewest

    def __call__(self, rows):
        began = time.perf_counter()
        outcomes = self.compute(rows)
        pace = len(rows) / (time.perf_counter() - began)
        self.n_rows = min(max(self.fewest, int(_ROUND_SECONDS * pace)), self.most)
        return outcomes

    def rounds(self, rows):
        """Yield some rows at a time."""
        start = 0
        while start < len(rows):
            some = rows[start : start + self.n_rows]
            start += len(some)
            yield some


def _settle_from(store, compute, settle, cells, rows):
    """Settle what the store has and what nobody is computing; return the other rows."""
    keys = store.keys([cells[row] for row in rows])
    rows_of = {}  # cells of one content are computed once
    for row, key in zip(rows, keys, strict=True):
        rows_of.setdefault(row if key is None else key, []).append(row)
    known = [key for key in rows_of if isinstance(key, bytes)]
    found = dict(zip(known, store.find(known), strict=True))
    absent = [key for key in known if found[key] is None]
    claimed = dict(zip(absent, store.claim(absent), strict=True)) if absent else {}
    ours = [key for key in rows_of if claimed.get(key, not isinstance(key, bytes))]
    computed = compute([rows_of[key][0] for key in ours]) if ours else []
    outcomes = dict(zip(ours, computed, strict=True))
    made = {
        key: value
        for key, (value, fault) in outcomes.items()
        if fault is None and isinstance(key, bytes)
    }
    again = []
    if made:
        kept, refused = store.keep(made)
        outcomes |= {key: (value, None) for key, value in kept.items()}
        for key in refused:  # of a file that was replaced meanwhile, unlike those that were equal
            again += rows_of[key][1:]
            del rows_of[key][1:]
    if len(made) < len(ours):
        store.give_up()
    outcomes |= {key: (value, None) for key, value in found.items() if value is not None}
    ready = sorted((row, key) for key in outcomes for row in rows_of[key])
    settle([row for row, _ in ready], [outcomes[key] for _, key in ready])
    return again + [row for key in rows_of if key not in outcomes for row in rows_of[key]]


def bad_cell(cell, row, fault, noun, on_error):
    """Raise for a cell that cannot be used, or return its line of `errors_`.

    Parameters
    ----------
    cell : object
    row : int
    fault : tuple of two str
        Reason and remedy.
    noun : str
    on_error : {"raise", "missing"}

    Returns
    -------
    error : dict
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
    return {"row": row, "item": item, "reason": reason, "remedy": remedy}


def _run_chunk(function, cells):
    """Values and faults of some cells; a fault is plain text, so it crosses processes."""
    outcome = []
    for cell in cells:
        try:
            outcome.append((function(cell), None))
        except BadItem as error:
            outcome.append((None, (error.reason, error.remedy)))
        except (ImportError, MemoryError, SetupError):  # not the fault of the item
            raise
        except Exception as error:  # whatever a decoder throws must name the item
            outcome.append((None, (f"{type(error).__name__}: {error}", "")))
    return outcome


class CellTransformer(ErrorsMixin, TransformerMixin, BaseEstimator):
    """Base class of transformers that learn nothing and answer each cell of one column.

    A subclass has the parameters `on_error`, `n_jobs` and `verbose`.
    """

    __module__ = "skmmgenre.store"

    _parameter_constraints: dict = {
        "on_error": [StrOptions({"raise", "missing"})],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    }

    def _map(self, function, X, *, noun, description, store=None, values=None):
        """Values of the cells of `X`, see `map_cells`; keeps what `errors_` tells."""
        self._errors = []
        values, self._errors = map_cells(
            function,
            as_cells(X, noun=noun),
            noun=noun,
            on_error=self.on_error,
            n_jobs=self.n_jobs,
            verbose=self.verbose,
            description=description,
            store=store,
            values=values,
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
