"""Find the names of a knowledge base in a text and disambiguate them.

The entity that a name refers to is chosen by how well known it is and by what else the text
mentions; a name made of common words needs more evidence.
"""

import functools
import gzip
import json
import math
import os
from importlib.resources import files
from numbers import Integral, Real
from typing import NamedTuple

from sklearn.utils._param_validation import Interval

from ..._typing import FilePath
from ._form_key import HARD, START, split_words
from ._kb_file import LISTED, SHARED
from ._knowledge_base import KnowledgeBase
from ._linker import Linker, Mention
from ._name_spans import find_spans
from ._titles import as_title, split_qualifier

# Beyond the first 10,000 the lists contain more names than common words; the first 200 are mostly
# function words.
_MOST_COMMON, _MOST_FREQUENT = 10_000, 200


class CommonWords(NamedTuple):
    """Keys of the common words of a language, and of the most frequent ones (function words)."""

    common: frozenset
    frequent: frozenset


@functools.cache
def common_words_of(language):
    """Return the common words of a language, by the frequency lists of pyspellchecker."""
    folder = files("spellchecker") / "resources"
    file = folder / f"{language}.json.gz"
    if not file.is_file():
        known = sorted(path.name.partition(".")[0] for path in folder.iterdir())
        raise ValueError(
            f"No list of common words is available for common_words={language!r}. Pass one of "
            f"{known}, a list of words, or None."
        )
    counts = json.loads(gzip.decompress(file.read_bytes()))
    words = sorted(counts, key=counts.get, reverse=True)
    return CommonWords(keys_of(words[:_MOST_COMMON]), keys_of(words[:_MOST_FREQUENT]))


def keys_of(words):
    """Return the keys of words as they occur in texts; "don't" gives the keys of both parts."""
    return frozenset(key for word in words for key in split_words(word).keys)


# The prior of a candidate is multiplied by up to this factor if the text describes it with the
# words of its qualifier: "the band Yes" for Yes (band).
_CALLED = 10.0
# Doubt about a name that entities have only with a qualifier. It decreases with the fame of the
# entity, from this value for an unknown one to 0 for the most linked one.
_SHARED = 1.8
# Factor on this doubt if a noun precedes the name: "the singer Prince", not "in London".
_APPOSED = 0.7
_WORDS_BEFORE = 5
_MOST_KEPT = 20_000


class Disambiguation:
    """Disambiguate the names of texts, one text at a time.

    Parameters
    ----------
    content : KnowledgeBaseFile
    common, frequent : frozenset of bytes
        Keys of common words, and of function words.
    max_candidates : int
    coherence : float
    """

    def __init__(self, content, common, frequent, max_candidates, coherence):
        self.content = content
        self.common = common
        self.frequent = frequent
        self.max_candidates = max_candidates
        self.coherence = coherence
        self.log_n_entities = math.log(len(content.entities) + 1)
        self.log_most_linked = math.log1p(max(content.manifest["most_linked"], 1))
        self._kept_categories = {}
        self._kept_category_names = {}
        self._kept_qualifiers = {}
        self._kept_words = {"": ()}

    def settle(self, text, words, spans):
        """Return entity and confidence of each span, or None if it is more likely not a name."""
        by_form = {}
        for span in spans:
            by_form.setdefault(span.form, []).append(span)
        values = {form: self.content.form_entity(form) for form in by_form}
        # A value below LISTED is the only entity of a name. If the name occurs without doubt at
        # least once, this entity is certain, and part of the context by which the others are
        # judged.
        certain = {
            value
            for form, value in values.items()
            if value < LISTED and any(span.doubt == 0 for span in by_form[form])
        }
        context = self._context(certain)
        present = set(words.keys)
        settled = {}
        for form, value in values.items():
            if value in certain:
                settled[form] = [(1.0, value)], 0.0
            else:
                called = [_called(text, words, span) for span in by_form[form]]
                settled[form] = self._weigh(value, called, present, context)
        # All occurrences of a name refer to the same entity; only the doubt about each differs.
        answers = []
        for span in spans:
            weights, doubt = settled[span.form]
            doubt += span.doubt
            weight, entity = max(weights, key=lambda pair: pair[0])
            total = sum(weight for weight, _ in weights)
            answers.append((entity, weight / (total + doubt)) if weight > doubt else None)
        return answers

    def _weigh(self, value, called, present, context):
        """Return weight and number of each candidate, and the doubt that it is any of them."""
        candidates = self.content.candidates_of(value, self.max_candidates)
        # A name that entities have only with a qualifier has other meanings as well, which are
        # more likely the less well known the entity is.
        doubt = _SHARED * (1 - self._fame(candidates[0][1])) if value & SHARED else 0.0
        # One is added to each count, so that an entity without links has a small prior, not 0.
        total = sum(count + 1 for _, count in candidates)
        # The word just before the name is not a function word, so it may describe the name.
        if any(some and some[0] not in self.frequent for some in called):
            doubt *= _APPOSED
        named = {word for some in called for word in some if word not in self.frequent}
        weights = []
        for entity, count in candidates:
            weight = (count + 1) / total
            weight *= 1 + self.coherence * self._coherence(entity, context)
            weight *= 1 + (_CALLED - 1) * self._fit(entity, named, present)
            weights.append((weight, entity))
        return weights, doubt

    def _fame(self, count):
        """Return the log-scaled number of links: 0 for no link, 1 for the most linked entity."""
        return math.log1p(count) / self.log_most_linked

    def _fit(self, entity, named, present):
        """Return the share of the qualifier's words that occur in the text.

        It is 0 unless the last of these words is among `named`, the words before the name.
        """
        qualifier = self._qualifier(entity) if named else ()
        if not qualifier or qualifier[-1] not in named:
            return 0.0
        absent = [word for word in qualifier if word not in present]
        if any(word not in self.common for word in absent):
            return 0.0  # "(Tupac Shakur album)" in a text that does not mention Tupac
        return 1 - len(absent) / len(qualifier)

    def _context(self, entities):
        """Return the context that some entities provide.

        The context consists of their categories, a dict from each entity that gives one of these
        categories its name to the rarity of that category, and the entities themselves.
        """
        categories, named = set(), {}
        for entity in entities:
            for category in self._categories(entity):
                categories.add(category)
                # 1 + the entity that the category is named after, or 0.
                after = self.content.category_entities[category]
                if after:
                    named[after - 1] = max(named.get(after - 1, 0.0), self._rarity(category))
        return categories, named, entities

    def _coherence(self, entity, context):
        """Return the summed rarity of the categories that connect an entity with the context."""
        categories, named, entities = context
        if not entities:
            return 0.0
        found = named.get(entity, 0.0)
        for category in self._categories(entity):
            after = self.content.category_entities[category]
            if category in categories or after and after - 1 in entities:
                found += self._rarity(category)
        return found

    def _rarity(self, category):
        """Return the rarity of a category: 1 if one entity has it, about 0 if all have it."""
        return 1 - math.log(self.content.category_sizes[category]) / self.log_n_entities

    def category_names(self, entity):
        """Return the names of the categories of an entity."""
        names, name = self._kept_category_names, self.content.category_name
        return tuple(_kept(names, category, name) for category in self._categories(entity))

    def _categories(self, entity):
        return _kept(self._kept_categories, entity, self.content.categories_of)

    def _qualifier(self, entity):
        return _kept(self._kept_qualifiers, entity, self._read_qualifier)

    def _read_qualifier(self, entity):
        qualifier = split_qualifier(as_title(self.content.entity_name(entity)))[1]
        return _kept(self._kept_words, qualifier, _words_of)


def _called(text, words, span):
    """Return the words before a name, nearest first, back to another name or a stop."""
    found = []
    for word in range(span.first - 1, max(span.first - 1 - _WORDS_BEFORE, -1), -1):
        if words.gaps[word + 1] & (HARD | START) or text[words.starts[word]].isupper():
            break
        found.append(words.keys[word])
    return found


def _words_of(qualifier):
    return tuple(split_words(qualifier).keys)


def _kept(kept, key, read):
    value = kept.get(key)
    if value is None:
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        value = kept[key] = read(key)
    return value


class GazetteerLinker(Linker):
    """Find the entities of a knowledge base in a text, offline.

    The text is scanned from left to right for the longest names in the knowledge base, ignoring
    case, diacritics and most punctuation. Such a name is not always a mention: "Yes" is more often
    a word than a band. So the entities of a name compete with each other and with the doubt that
    the name is a mention at all.

    The doubt depends on how the name is written and on the knowledge base. It is higher if all
    words of the name are common, if it has no capital letters, if it is part of a longer name or
    of a quoted title, or if only entities with few links have it, and only with a qualifier ("Yes
    (band)"). A name made of common words is rejected unless it has a capital letter other than
    at the start of a sentence.

    The weight of an entity is its prior, increased by the categories that it shares with the
    unambiguous mentions of the text, and by a description that fits ("the band Yes"). The entity
    with the highest weight is returned if its weight exceeds the doubt.

    Parameters
    ----------
    kb : KnowledgeBase, str or path-like
        Knowledge base, or the path of its file.
    common_words : str, list of str or None, default="en"
        Words that count as common: a language ("en", "de", "es", "fr", ...), for the 10,000 most
        frequent words in the list of pyspellchecker, or the words themselves. With None, only
        single letters, numbers and single Chinese characters count as common.
    max_candidates : int, default=16
        Maximum number of entities considered per name; those with the most links are kept.
    coherence : float, default=1.0
        Influence of the categories of the other mentions; with 0 they are ignored.

    See Also
    --------
    KnowledgeBase : Knowledge base built from DBpedia or Wikipedia dumps.
    EntityEnricher : Append the categories of the mentioned entities to a text.

    Notes
    -----
    `confidence` is the weight of the entity divided by the sum of the weights of all entities of
    that name and the doubt. It is 1 if there is only one entity and no doubt. It is not a
    calibrated probability.

    In a script without spaces between words (Chinese, Japanese, Thai), a name may begin and end
    at any character.

    All mentions of a name within a text refer to the same entity.

    A pickle contains the path of the knowledge base as it was passed, and none of its content.

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

    _left_out = {"kb": "local paths"}
    _parameter_constraints: dict = {
        "kb": [KnowledgeBase, str, os.PathLike],
        "common_words": [str, list, tuple, set, frozenset, None],
        "max_candidates": [Interval(Integral, 1, None, closed="left")],
        "coherence": [Interval(Real, 0, None, closed="left")],
    }

    def __init__(
        self,
        kb: KnowledgeBase | FilePath,
        *,
        common_words: str | list[str] | tuple[str, ...] | set[str] | frozenset[str] | None = "en",
        max_candidates: int = 16,
        coherence: float = 1.0,
    ):
        self.kb = kb
        self.common_words = common_words
        self.max_candidates = max_candidates
        self.coherence = coherence

    def check_setup(self):
        super().check_setup()
        self._prepared()

    def _find(self, text):
        disambiguation = self._prepared()
        content, words = disambiguation.content, split_words(text)
        most_words = content.manifest["most_words"]
        spans = find_spans(text, words, content.forms, most_words, disambiguation.common)
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
        """Return the state of `link`, rebuilt if a parameter or the knowledge base has changed."""
        params = self.kb, self.common_words, self.max_candidates, self.coherence
        prepared = getattr(self, "_prepared_for", None)
        if prepared is None or prepared[0] != params:
            kb = self.kb if isinstance(self.kb, KnowledgeBase) else KnowledgeBase(self.kb)
            prepared = self._prepared_for = params, kb, None
        _, kb, disambiguation = prepared
        # Another object if the file was changed in place; what was kept of the old one is then
        # dropped.
        content = kb.content
        if disambiguation is None or disambiguation.content is not content:
            words = self.common_words
            if isinstance(words, str):
                common = common_words_of(words)
            else:
                common = CommonWords(keys_of(words or ()), keys_of(words or ()))
            disambiguation = Disambiguation(content, *common, self.max_candidates, self.coherence)
            self._prepared_for = params, kb, disambiguation
        return disambiguation
