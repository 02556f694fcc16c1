"""Covers to vectors: reading image files, and the residual network of section 3.2."""

from ._resnet_embedder import ResNetEmbedder

__all__ = ["ResNetEmbedder"]
