"""Type aliases used in signatures, few and short so that signatures stay readable.

They are for type checkers and editors. Arguments are validated at run time by
`_parameter_constraints` and by the readers in `utils`, whose messages are more specific.
"""

import os
from collections.abc import Callable
from typing import Any, Literal, Protocol, TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt

# ---- arguments: tables, columns, labels ---------------------------------------------------


class HasToNumpy(Protocol):
    """A table or column of pandas or polars."""

    def to_numpy(self) -> Any: ...


class SparseMatrix(Protocol):
    """A sparse matrix or array of scipy."""

    def tocsr(self) -> Any: ...


# One value per row: a cell, an artist, a label, a weight. A bare str is not a column.
Column: TypeAlias = list[Any] | tuple[Any, ...] | range | np.ndarray | HasToNumpy
# Rows of numbers, in any container.
Matrix: TypeAlias = Column | SparseMatrix
# One genre per row, or a multilabel indicator.
Genres: TypeAlias = Column | SparseMatrix
# A table whose columns have names.
Table: TypeAlias = HasToNumpy | list[Any]
FilePath: TypeAlias = str | os.PathLike[str]

# ---- return values ------------------------------------------------------------------------

Float32Array: TypeAlias = npt.NDArray[np.float32]
Float64Array: TypeAlias = npt.NDArray[np.float64]
IntArray: TypeAlias = npt.NDArray[np.int64]
BoolArray: TypeAlias = npt.NDArray[np.bool_]
ObjectArray: TypeAlias = npt.NDArray[np.object_]

# ---- parameters shared by classes ---------------------------------------------------------

Auto: TypeAlias = Literal["auto"]
Preset: TypeAlias = Literal["auto", "paper"]
Target: TypeAlias = Literal["auto", "softmax", "logistic", "cosine"]
Decision: TypeAlias = Literal["auto", "tuned", "top1"] | float
Precision: TypeAlias = Literal["auto", "float32", "bfloat16"]
OnError: TypeAlias = Literal["raise", "missing"]
ClassWeight: TypeAlias = Literal["balanced"] | dict[Any, float] | None
Blocks: TypeAlias = Literal["auto"] | dict[str, int]
RandomState: TypeAlias = int | np.random.RandomState | None


class Transformer(Protocol):
    """An estimator with `fit` and `transform`."""

    def fit(self, *args: Any, **kwargs: Any) -> Any: ...
    def transform(self, *args: Any, **kwargs: Any) -> Any: ...


class LabelFactorizer(Transformer, Protocol):
    """An estimator such as `PPMILabelFactorizer`."""

    def score_labels(self, F: Any) -> Any: ...


class EntityLinker(Protocol):
    """An object that finds the entities of a text."""

    def link(self, text: str) -> Any: ...


class HasCategories(Protocol):
    """An object that knows the categories of an entity, such as `KnowledgeBase`."""

    def categories(self, entity: str) -> Any: ...


# A function or method whose signature a decorator preserves.
Function = TypeVar("Function", bound=Callable[..., Any])
