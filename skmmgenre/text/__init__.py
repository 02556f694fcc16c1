"""Words to vectors."""

from ._babelfy_linker import BabelfyLinker
from ._entity_enricher import EntityEnricher
from ._gazetteer_linker import GazetteerLinker
from ._knowledge_base import KnowledgeBase
from ._mention import Mention
from ._precomputed_linker import PrecomputedLinker
from ._spotlight_linker import SpotlightLinker
from ._tagme_linker import TagMeLinker
from ._text_mlp import TextMLP
from ._truncator import ReviewTruncator
from ._vectorizer import ReviewVectorizer
from ._voting_linker import VotingLinker

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
    "TextMLP",
    "VotingLinker",
]
