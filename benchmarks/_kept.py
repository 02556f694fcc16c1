"""Cache of finished parts of an evaluation, so that an interrupted command can resume."""

import time

import joblib
from _results import hash_of_code


class Kept:
    """Cache of results of the parts of an evaluation, valid until code of the package changes.

    Parameters
    ----------
    folder : Path or None
        Folder of the cache; None disables it.
    name : str
        Name of the evaluation, the prefix of its files.
    settings : str
        All settings, and a hash of external data.

    Attributes
    ----------
    seconds : float
        Time of all parts, including cached ones.

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
        """Return the result of `make`, from the cache if this part is finished."""
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
