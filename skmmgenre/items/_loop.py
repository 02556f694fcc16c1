"""Apply a function to every cell that is there."""

import joblib

from ._cells import describe_cell, is_missing
from ._errors import BadItem
from ._progress import progress_bar

# Cells one worker takes at a time: long enough to hide joblib's cost, short enough
# for the progress bar to move and for an error to be told soon.
_CHUNK = 8


def map_cells(
    function, cells, *, noun="item", on_error="raise", n_jobs=None, verbose=0, description=""
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

    Returns
    -------
    values : list
        One value a cell; None where it is missing or bad.
    errors : list of dict
        Row, item, reason and remedy of each bad cell, in order of rows.

    Raises
    ------
    BadItem
        The first bad cell in order of rows, if `on_error="raise"`.
    """
    values, errors = [None] * len(cells), []
    rows = [row for row, cell in enumerate(cells) if not is_missing(cell)]
    chunks = [rows[start : start + _CHUNK] for start in range(0, len(rows), _CHUNK)]
    n_workers = joblib.effective_n_jobs(n_jobs)
    with (
        progress_bar(len(rows), description, verbose=verbose) as advance,
        joblib.Parallel(n_jobs=n_jobs) as parallel,
    ):
        # Rounds, not a generator of results: the ray backend refuses generators.
        per_round = 4 * n_workers
        for start in range(0, len(chunks), per_round):
            chunks_now = chunks[start : start + per_round]
            outcomes = parallel(
                joblib.delayed(_run_chunk)(function, [cells[row] for row in chunk])
                for chunk in chunks_now
            )
            for chunk, outcome in zip(chunks_now, outcomes, strict=True):
                for row, (value, fault) in zip(chunk, outcome, strict=True):
                    values[row] = value
                    if fault is not None:
                        errors.append(bad_cell(cells[row], row, fault, noun, on_error))
                advance(len(chunk))
    return values, errors


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
        except (ImportError, MemoryError):  # not the fault of the item
            raise
        except Exception as error:  # whatever a decoder throws must name the item
            outcome.append((None, (f"{type(error).__name__}: {error}", "")))
    return outcome
