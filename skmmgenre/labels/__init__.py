"""The space of genres."""

from ._genre_taxonomy import GenreTaxonomy
from ._ppmi_label_factorizer import PPMILabelFactorizer

__all__ = ["GenreTaxonomy", "PPMILabelFactorizer"]
