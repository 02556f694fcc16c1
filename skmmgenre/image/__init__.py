"""Covers to vectors: reading image files, colours, and the residual network of section 3.2."""

from ._color_statistics import ColorStatistics
from ._resnet_embedder import ResNetEmbedder

__all__ = ["ColorStatistics", "ResNetEmbedder"]

for _name in __all__:  # model files and pickles name what is public, so that files can move
    globals()[_name].__module__ = __name__
