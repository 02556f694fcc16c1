"""From sound to vectors."""

from ._constant_q import constant_q
from ._cqt_extractor import CQTExtractor

__all__ = ["CQTExtractor", "constant_q"]
