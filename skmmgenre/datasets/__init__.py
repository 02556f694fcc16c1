"""Tables to learn from."""

from ._albums import make_albums
from ._oracle import AlbumOracle

__all__ = ["AlbumOracle", "make_albums"]
