"""Report on a model as a self-contained HTML file."""

from ._report import report

__all__ = ["report"]
