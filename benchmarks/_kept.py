"""Finished parts of an evaluation, kept in a folder, so that its command goes on where it ended."""

import time

import joblib
from _results import hash_of_code


class Kept:
    """What the parts of an evaluation gave, until any code of the package has changed.

    Parameters
    ----------
    folder : Path or None
        Where the parts are kept; None keeps nothing.
    name : str
        Of the evaluation: its files begin with it.
    settings : str
        All that was chosen, and a hash of data from elsewhere.

    Attributes
    ----------
    seconds : float
        What all parts took, those from the folder as well.

    Examples
    --------
    >>> from _kept import Kept
    >>> kept = Kept(None, "sums", "two numbers")
    >>> kept("first", lambda: 1 + 1)
    2
    """

    def __init__(self, folder, name, settings):
        self.folder, self.name = folder, name
        self.seconds = 0.0
        self._code = "" if folder is None else hash_of_code(["skmmgenre", "benchmarks"], settings)

    def __call__(self, part, make):
        """Return what `make` returns, from the folder if this part is there."""
        path = None
        if self.folder is not None:
            key = joblib.hash((self._code, part))
            path = self.folder / f"{self.name}_{key}.joblib"
            if path.exists():
                found, seconds = joblib.load(path)
                self.seconds += seconds
                return found
        began = time.perf_counter()
        found = make()
        seconds = time.perf_counter() - began
        self.seconds += seconds
        if path is not None:
            self.folder.mkdir(parents=True, exist_ok=True)
            unfinished = path.with_suffix(".unfinished")
            joblib.dump((found, seconds), unfinished)
            unfinished.replace(path)
        return found
