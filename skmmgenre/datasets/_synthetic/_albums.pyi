# The types of _albums.py, in a stub because stored results record a hash of that file's code.
from typing import Any, Literal, type_check_only

import numpy as np
import pandas as pd
from sklearn.utils import Bunch

from ..._typing import FilePath, RandomState
from ...labels import GenreTaxonomy
from ._oracle import AlbumOracle

@type_check_only
class _Albums(Bunch):
    table: pd.DataFrame
    y: np.ndarray
    Y: pd.DataFrame
    groups: np.ndarray
    taxonomy: GenreTaxonomy
    oracle: AlbumOracle
    catalogue: pd.DataFrame
    knowledge_base: str
    directory: str
    DESCR: str

def make_albums(
    n_albums: int = 200,
    n_genres: int = 9,
    tracks_per_album: int | tuple[int, int] | list[int] = 1,
    missing: float | dict[str, float] = 0.0,
    directory: FilePath | None = None,
    random_state: RandomState = None,
    *,
    complementarity: float = 0.8,
    genre_strength: float = 1.0,
    artist_strength: float = 0.5,
    artist_fidelity: float = 0.8,
    label_correlation: float = 0.7,
    extra_labels: float = 1.0,
    entity_signal: float = 0.5,
    accuracy: float | dict[str, float] | None = None,
    duration: float = 16.0,
    audio_format: Literal["flac", "wav", "ogg", "mp3", "mixed"] = "flac",
    cover_size: int = 128,
    cover_cue: Literal["whole", "patch"] = "whole",
    n_jobs: int | None = None,
    verbose: int = 0,
) -> _Albums: ...
def seed_of(random_state: RandomState) -> Any: ...
