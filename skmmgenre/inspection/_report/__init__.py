"""A report on a model that one can send: one HTML file without anything from a network."""

from ._report import report

__all__ = ["report"]
