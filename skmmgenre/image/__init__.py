"""Album covers to vectors: colour statistics, the network of section 3.2, pretrained encoders."""

from ._color_statistics import ColorStatistics
from ._image_embedder import ImageEmbedder
from ._resnet_embedder import ResNetEmbedder

__all__ = ["ColorStatistics", "ImageEmbedder", "ResNetEmbedder"]

for _name in __all__:  # pickles and model files refer to public names, so that modules can move
    globals()[_name].__module__ = __name__
