"""Entity linking: linkers and the knowledge bases that they use."""

from ._gazetteer_linker import GazetteerLinker
from ._knowledge_base import KnowledgeBase
from ._linker import Mention
from ._precomputed_linker import PrecomputedLinker
from ._voting_linker import VotingLinker
from ._web_linkers import BabelfyLinker, SpotlightLinker, TagMeLinker
