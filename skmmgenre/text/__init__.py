"""Text features: truncation, entity linking, word weights, networks and embeddings."""

from ._entities import (
    BabelfyLinker,
    GazetteerLinker,
    KnowledgeBase,
    Mention,
    PrecomputedLinker,
    SpotlightLinker,
    TagMeLinker,
    VotingLinker,
)
from ._entity_enricher import EntityEnricher
from ._text_embedder import TextEmbedder
from ._text_mlp import TextMLP
from ._truncator import ReviewTruncator
from ._vectorizer import ReviewVectorizer

__all__ = [
    "BabelfyLinker",
    "EntityEnricher",
    "GazetteerLinker",
    "KnowledgeBase",
    "Mention",
    "PrecomputedLinker",
    "ReviewTruncator",
    "ReviewVectorizer",
    "SpotlightLinker",
    "TagMeLinker",
    "TextEmbedder",
    "TextMLP",
    "VotingLinker",
]

for _name in __all__:  # pickles refer to the public module, so that private files can move
    globals()[_name].__module__ = __name__
