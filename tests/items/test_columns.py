"""Names of columns."""

import numpy as np
import pandas as pd
import pytest

from skmmgenre.items import refuse_repeated_columns


def test_repeated_names_are_told():
    table = pd.DataFrame(np.eye(3), columns=["a", "b", "a"])
    with pytest.raises(ValueError, match=r"The table has duplicate columns: \['a'\]. Rename"):
        refuse_repeated_columns(table, "The table")


@pytest.mark.parametrize("X", [np.eye(2), [[1]], pd.DataFrame(np.eye(2))])
def test_others_are_let_through(X):
    refuse_repeated_columns(X)
