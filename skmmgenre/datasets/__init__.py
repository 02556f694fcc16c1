"""Data sets: loaders, synthetic music, and tools to describe and match tables."""

from ..utils import get_data_home
from ._describe_genres import describe_genres
from ._match_records import match_records
from ._msdi import fetch_msdi, load_msdi
from ._mumu import fetch_mumu, load_mumu
from ._music_folder import load_music_folder
from ._synthetic._albums import make_albums
from ._synthetic._catalogues import make_catalogues
from ._synthetic._oracle import AlbumOracle

__all__ = [
    "AlbumOracle",
    "describe_genres",
    "fetch_msdi",
    "fetch_mumu",
    "get_data_home",
    "load_msdi",
    "load_mumu",
    "load_music_folder",
    "make_albums",
    "make_catalogues",
    "match_records",
]

for _name in __all__:  # model files and pickles store public paths, so private files can move
    globals()[_name].__module__ = __name__
