"""Tables to learn from."""

from ._albums import make_albums

__all__ = ["make_albums"]
