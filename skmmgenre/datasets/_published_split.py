"""The split that a data set was published with, and warnings where it is not as published."""

import warnings

import numpy as np
import pandas as pd

PARTS = ("train", "val", "test")


def split_entries(split):
    """Return what a data set's Bunch says of its published split.

    Parameters
    ----------
    split : list of str, shape (n,)
        "train", "val", "test", or "" for a row in none of them.

    Returns
    -------
    entries : dict
        split : ndarray of str; validation : ndarray of bool; parts : dict of positions.
    """
    split = np.array(split, dtype=object)
    return {
        "split": split,
        "validation": split == "val",
        "parts": {part: np.flatnonzero(split == part) for part in PARTS},
    }


def artists_in_two_parts(groups, split):
    """Return the artists, sorted, that are in more than one part; there should be none."""
    pairs = pd.DataFrame({"artist": groups, "part": split})
    pairs = pairs[pairs["artist"].notna() & (pairs["part"] != "")].drop_duplicates()
    n_parts = pairs["artist"].value_counts()
    return sorted(n_parts.index[n_parts > 1])


def warn_of_problems(problems, name, *, stacklevel=3):
    """Warn of all problems of a data set at once, as the caller of the loader."""
    if problems:
        lines = "".join(f"\n- {problem}" for problem in problems)
        message = f"{name} is not whole, see `problems`:{lines}"
        warnings.warn(message, UserWarning, stacklevel=stacklevel)
