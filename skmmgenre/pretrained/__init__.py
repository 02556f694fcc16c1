"""Models of others: what there is, under which licence, and how their weights are fetched."""

from ._catalogue import list_models
from ._fetch import fetch

__all__ = ["fetch", "list_models"]

for _name in __all__:  # pickles name what is public, so that files can move
    globals()[_name].__module__ = __name__
