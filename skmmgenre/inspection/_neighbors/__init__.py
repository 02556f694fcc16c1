"""Albums as points in a vector space: search for nearest albums, and maps."""

from ._embedding_map_display import EmbeddingMapDisplay
from ._nearest_albums import NearestAlbums

__all__ = ["EmbeddingMapDisplay", "NearestAlbums"]
