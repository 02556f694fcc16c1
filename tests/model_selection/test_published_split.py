"""How a column of a published split names its parts."""

import numpy as np
import pandas as pd
import pytest

from skmmgenre.model_selection import read_split


@pytest.mark.parametrize(
    ("names", "part"),
    [
        (["train", "Train", " TRAINING "], "train"),
        (["val", "VALID", "validation", "dev\n"], "val"),
        (["test", "Test", "testing"], "test"),
        ([None, np.nan, pd.NA, "", "  ", "tests", "fold 1", 0, True], ""),
    ],
)
@pytest.mark.parametrize("kind", [list, tuple, pd.Series, lambda c: np.array(c, dtype=object)])
def test_names_of_parts(names, part, kind):
    parts = read_split(kind(names))
    assert parts.dtype == object and parts.tolist() == [part] * len(names)
    assert not len(read_split(kind([])))
