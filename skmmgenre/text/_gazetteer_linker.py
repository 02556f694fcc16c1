"""Names of a knowledge base found in a text."""

import os
from numbers import Integral, Real
from typing import NamedTuple

from sklearn.utils._param_validation import Interval

from ._common_words import CommonWords, common_words_of, keys_of
from ._disambiguation import Disambiguation
from ._form_key import split_words
from ._kb_file import KnowledgeBaseFile
from ._knowledge_base import KnowledgeBase
from ._linker import Linker
from ._mention import Mention
from ._name_spans import find_spans


class GazetteerLinker(Linker):
    """Find the entities of a knowledge base in a text, offline.

    From left to right the longest name that the knowledge base has is taken, without regard to
    case, diacritics and most punctuation. It need not be a mention: "Yes" is more often a word
    than a band. So a name competes with the doubt that it is none, and its entities compete with
    each other.

    Doubt comes from the way it is written and from the knowledge base: all its words are
    common, it is without capitals, it is a part of a longer name or of a quoted title, or it is
    borne only with a qualifier ("Yes (band)") by something that is little linked to. A name
    of common words is refused outright without a capital that no sentence asks for.

    The weight of an entity is its prior, raised by the categories that it shares with the
    entities about which there is no doubt or choice, and by being called what it is ("the band
    Yes"). It is mentioned if it has the most weight, and more than the doubt.

    Parameters
    ----------
    kb : KnowledgeBase, str or path-like
        The knowledge base, or the path of its file.
    common_words : str, list of str or None, default="en"
        Language whose 10,000 most common words are common, by the lists that pyspellchecker
        brings ("de", "es", "fr", ...), or the words themselves. With None no word but a
        single letter, a number or a single Chinese character is.
    max_candidates : int, default=16
        Of a name that more entities bear only the most linked are weighed.
    coherence : float, default=1.0
        How much the categories of the other mentions count; with 0 they do not.

    See Also
    --------
    KnowledgeBase : Is built from DBpedia or Wikipedia dumps.
    EntityEnricher : Appends the categories of what is mentioned to a text.

    Notes
    -----
    `confidence` is the weight of the entity over the weights of all entities of that name and
    the doubt: 1 where there is neither choice nor doubt. It is no calibrated probability.

    In a script without spaces between words (Chinese, Japanese, Thai) a name may begin and
    end with any character.

    All mentions of one name in a text are of the same entity.

    A pickle holds the path of the knowledge base as it was given, nothing of its content.

    Examples
    --------
    >>> import tempfile
    >>> from skmmgenre.text import GazetteerLinker, KnowledgeBase
    >>> folder = tempfile.TemporaryDirectory()
    >>> records = [
    ...     ("Yes_(band)", ["Yes (band)"], ["English rock bands"], 90),
    ...     ("Steve_Howe", ["Steve Howe"], ["English guitarists"], 20),
    ... ]
    >>> kb = KnowledgeBase.build(f"{folder.name}/small.kb", records=records)
    >>> linker = GazetteerLinker(kb)
    >>> text = "Yes, I bought it: STEVE HOWE joins the band Yes."
    >>> for mention in linker.link(text):
    ...     print(mention.start, mention.label, mention.entity, mention.categories)
    18 STEVE HOWE Steve_Howe ('English guitarists',)
    44 Yes Yes_(band) ('English rock bands',)
    >>> del kb, linker
    >>> folder.cleanup()
    """

    __module__ = "skmmgenre.text"

    _parameter_constraints: dict = {
        "kb": [KnowledgeBase, str, os.PathLike],
        "common_words": [str, list, tuple, set, frozenset, None],
        "max_candidates": [Interval(Integral, 1, None, closed="left")],
        "coherence": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(self, kb, *, common_words="en", max_candidates=16, coherence=1.0):
        self.kb = kb
        self.common_words = common_words
        self.max_candidates = max_candidates
        self.coherence = coherence

    def check_setup(self):
        super().check_setup()
        self._prepared()

    def _find(self, text):
        content, (common, _), disambiguation = self._prepared()
        words = split_words(text)
        spans = find_spans(text, words, content.forms, content.manifest["most_words"], common)
        mentions = []
        for span, answer in zip(spans, disambiguation.settle(text, words, spans), strict=True):
            if answer is not None:
                entity, confidence = answer
                start, end = words.starts[span.first], words.ends[span.last - 1]
                categories = disambiguation.category_names(entity)
                name = content.entity_name(entity)
                mentions.append(Mention(start, end, text[start:end], name, confidence, categories))
        return mentions

    def _prepared(self):
        """What `link` works with, made anew when a parameter was changed."""
        params = self.kb, self.common_words, self.max_candidates, self.coherence
        prepared = getattr(self, "_prepared_for", None)
        if prepared is None or prepared[0] != params:
            kb = self.kb if isinstance(self.kb, KnowledgeBase) else KnowledgeBase.open(self.kb)
            words = self.common_words
            if isinstance(words, str):
                common = common_words_of(words)
            else:
                common = CommonWords(keys_of(words or ()), keys_of(words or ()))
            disambiguation = Disambiguation(
                kb.content, *common, self.max_candidates, self.coherence
            )
            prepared = self._prepared_for = params, _Prepared(kb.content, common, disambiguation)
        return prepared[1]


class _Prepared(NamedTuple):
    content: KnowledgeBaseFile
    common: CommonWords
    disambiguation: Disambiguation
