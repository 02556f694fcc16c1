"""Synthetic music: albums with genres known by construction, and catalogues of records."""

from ._albums import make_albums
from ._catalogues import make_catalogues
from ._oracle import AlbumOracle
