"""Pretrained models: list them with their licences, and fetch their weights."""

from ._catalogue import list_models
from ._fetch import fetch

__all__ = ["fetch", "list_models"]

for _name in __all__:  # pickles refer to the public path, so that files can move
    globals()[_name].__module__ = __name__
