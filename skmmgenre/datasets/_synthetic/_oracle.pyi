# The types of _oracle.py, in a stub because stored results record a hash of that file's code.
from collections.abc import Sequence
from typing import Any

import numpy as np
import pandas as pd

from ..._typing import BoolArray, Float64Array

class AlbumOracle:
    classes: np.ndarray
    prior: Float64Array
    confusion: dict[str, Float64Array]
    complementarity: float
    perceived: pd.DataFrame
    present: pd.DataFrame
    y: np.ndarray
    labels: np.ndarray
    label_probability: Float64Array
    cover_boxes: pd.DataFrame | None
    def __init__(
        self,
        *,
        classes: np.ndarray,
        prior: Float64Array,
        confusion: dict[str, Float64Array],
        complementarity: float,
        perceived: np.ndarray,
        present: BoolArray,
        y: np.ndarray,
        Y: pd.DataFrame,
        label_probability: Float64Array,
        index: pd.Index,
        cover_size: int = 128,
        boxes: np.ndarray | None = None,
    ) -> None: ...
    def posterior(
        self, modalities: str | Sequence[str] = ("audio", "text", "cover"), rows: Any = None
    ) -> Float64Array: ...
    def label_posterior(
        self, modalities: str | Sequence[str] = ("audio", "text", "cover"), rows: Any = None
    ) -> Float64Array: ...
    def predict(
        self, modalities: str | Sequence[str] = ("audio", "text", "cover"), rows: Any = None
    ) -> np.ndarray: ...
    def ceiling(
        self,
        modalities: str | Sequence[str] = ("audio", "text", "cover"),
        rows: Any = None,
        metric: str = "accuracy",
    ) -> float: ...
    def label_metrics(
        self,
        modalities: str | Sequence[str] = ("audio", "text", "cover"),
        rows: Any = None,
        ks: Sequence[int] = (1, 3, 5),
    ) -> pd.Series: ...
    def cover_masks(self, rows: Any = None) -> BoolArray: ...
