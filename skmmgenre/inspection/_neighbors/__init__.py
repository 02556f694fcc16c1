"""Albums as points in a space: a map of it, and a search for the nearest."""

from ._embedding_map_display import EmbeddingMapDisplay
from ._nearest_albums import NearestAlbums

__all__ = ["EmbeddingMapDisplay", "NearestAlbums"]
