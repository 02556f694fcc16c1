"""The space of genres."""

from ._genre_taxonomy import GenreTaxonomy
from ._indicator import plain_labels, read_indicator  # noqa: F401  (for the other rooms)
from ._ppmi_label_factorizer import PPMILabelFactorizer

__all__ = ["GenreTaxonomy", "PPMILabelFactorizer"]
