"""Tables to learn from."""

from ._albums import make_albums
from ._describe_genres import describe_genres
from ._oracle import AlbumOracle

__all__ = ["AlbumOracle", "describe_genres", "make_albums"]
