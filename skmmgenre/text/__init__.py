"""Words to vectors."""

from ._entity_enricher import EntityEnricher
from ._gazetteer_linker import GazetteerLinker
from ._knowledge_base import KnowledgeBase
from ._mention import Mention
from ._text_mlp import TextMLP
from ._truncator import ReviewTruncator
from ._vectorizer import ReviewVectorizer

__all__ = [
    "EntityEnricher",
    "GazetteerLinker",
    "KnowledgeBase",
    "Mention",
    "ReviewTruncator",
    "ReviewVectorizer",
    "TextMLP",
]
