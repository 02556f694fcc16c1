"""Classify music genres from audio, reviews and covers, with scikit-learn estimators.

Importing the package imports nothing else; subpackages are imported when they are first used:

>>> import skmmgenre
>>> skmmgenre.metrics.macro_auc_score([[0, 1], [1, 0]], [[0.1, 0.9], [0.8, 0.3]])
1.0
"""

from importlib import import_module

TYPE_CHECKING = False  # `typing` takes time to import; type checkers know the name
if TYPE_CHECKING:
    from . import (
        audio,
        cli,
        compose,
        datasets,
        fusion,
        image,
        inspection,
        items,
        labels,
        metrics,
        model_selection,
        nets,
        pretrained,
        store,
        text,
        utils,
    )
    from ._model_file import load, save
    from ._model_summary import model_info

__version__ = "0.1.0.dev0"

__all__ = [
    "audio",
    "cli",
    "compose",
    "datasets",
    "fusion",
    "image",
    "inspection",
    "items",
    "labels",
    "load",
    "metrics",
    "model_info",
    "model_selection",
    "nets",
    "pretrained",
    "save",
    "store",
    "text",
    "utils",
]


def __getattr__(name):
    if name in ("load", "save"):
        return getattr(import_module(f"{__name__}._model_file"), name)
    if name == "model_info":
        return import_module(f"{__name__}._model_summary").model_info
    if name in __all__:
        return import_module(f"{__name__}.{name}")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__():
    return sorted([*globals(), *__all__])
