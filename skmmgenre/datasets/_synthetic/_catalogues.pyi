# The types of _catalogues.py, in a stub because stored results record a hash of that file's code.
from typing import type_check_only

import pandas as pd
from sklearn.utils import Bunch

from ..._typing import RandomState
from ...labels import GenreTaxonomy

@type_check_only
class _Catalogues(Bunch):
    left: pd.DataFrame
    right: pd.DataFrame
    pairs: pd.DataFrame
    taxonomy: GenreTaxonomy
    DESCR: str

def make_catalogues(
    n_albums: int = 1000,
    n_genres: int = 24,
    *,
    overlap: float = 0.6,
    typos: float = 0.15,
    decorations: float = 0.2,
    random_state: RandomState = None,
) -> _Catalogues: ...
