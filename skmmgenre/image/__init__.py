"""Covers to vectors: files, colours, the network of section 3.2, encoders of others."""

from ._color_statistics import ColorStatistics
from ._image_embedder import ImageEmbedder
from ._resnet_embedder import ResNetEmbedder

__all__ = ["ColorStatistics", "ImageEmbedder", "ResNetEmbedder"]

for _name in __all__:  # model files and pickles name what is public, so that files can move
    globals()[_name].__module__ = __name__
