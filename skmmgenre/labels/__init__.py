"""Genre labels: reading genres, taxonomies and label factors."""

from ._genre_lists import (
    describe_reading,  # noqa: F401
    read_genres,
)
from ._genre_taxonomy import GenreTaxonomy
from ._ppmi_label_factorizer import PPMILabelFactorizer

__all__ = ["GenreTaxonomy", "PPMILabelFactorizer", "read_genres"]

for _name in __all__:  # pickles refer to the public module, so that private files can move
    globals()[_name].__module__ = __name__
