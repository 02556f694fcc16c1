# The types of _ready_model.py, in a stub because stored results record a hash of that file's code.
from typing import Any, Self

import numpy as np
import pandas as pd
from sklearn.base import BaseEstimator, ClassifierMixin

from .._typing import Float64Array, IntArray, Matrix
from ._genre_pipeline import GenrePipeline

class TagClassifier(ClassifierMixin, BaseEstimator):
    genres_: dict[str, list[str]]
    classes_: np.ndarray
    thresholds_: Float64Array
    def __init__(
        self,
        *,
        genres: dict[str, list[str]] | None = None,
        thresholds: float | dict[str, float] | None = None,
    ) -> None: ...
    def fit(self, X: pd.DataFrame, y: Any = None) -> Self: ...
    def predict_proba(self, X: Matrix) -> Float64Array: ...
    def predict(self, X: Matrix) -> IntArray: ...
    def score(self, X: Matrix, y: Matrix) -> float: ...

def load_ready_model(
    name: str = "musicnn",
    *,
    genres: dict[str, list[str]] | None = None,
    thresholds: float | dict[str, float] | None = None,
    column: str = "audio",
    **params: Any,
) -> GenrePipeline: ...
