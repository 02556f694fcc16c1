"""Names of a knowledge base found in a text.

Which entity a name means is settled by how well known it is and by what else the text mentions; a
name of common words needs more evidence.
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

# Beyond these the lists hold more names than common words; the first are those of grammar.
_MOST_COMMON, _MOST_FREQUENT = 10_000, 200


class CommonWords(NamedTuple):
    """Keys of the common words of a language, and of the most frequent, its grammar."""

    common: frozenset
    frequent: frozenset


@functools.cache
def common_words_of(language):
    """The common words of a language, by the frequencies that pyspellchecker brings."""
    folder = files("spellchecker") / "resources"
    file = folder / f"{language}.json.gz"
    if not file.is_file():
        known = sorted(path.name.partition(".")[0] for path in folder.iterdir())
        raise ValueError(
            f"There is no list of common words for common_words={language!r}. Pass one of {known}, "
            "a list of words, or None."
        )
    counts = json.loads(gzip.decompress(file.read_bytes()))
    words = sorted(counts, key=counts.get, reverse=True)
    return CommonWords(keys_of(words[:_MOST_COMMON]), keys_of(words[:_MOST_FREQUENT]))


def keys_of(words):
    """Keys of words as they are in texts; of "don't" both parts."""
    return frozenset(key for word in words for key in split_words(word).keys)


# The weight of a candidate is its prior, times up to this if the text calls it what its qualifier
# does: "the band Yes" for Yes (band).
_CALLED = 10.0
# The doubt about a name that is only borne with a qualifier, from unknown to the best known.
_SHARED = 1.8
# What is left of it if a noun stands before the name: "the singer Prince", not "in London".
_APPOSED = 0.7
_WORDS_BEFORE = 5
_MOST_KEPT = 20_000


class Disambiguation:
    """Settles the names of texts, one text at a time.

    Parameters
    ----------
    content : KnowledgeBaseFile
    common, frequent : frozenset of bytes
        Keys of common words, and of those of grammar.
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
        """Entity and confidence of each span, None where it is more likely no entity."""
        by_form = {}
        for span in spans:
            by_form.setdefault(span.form, []).append(span)
        values = {form: self.content.form_entity(form) for form in by_form}
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
        answers = []
        for span in spans:
            weights, doubt = settled[span.form]
            doubt += span.doubt
            weight, entity = max(weights, key=lambda pair: pair[0])
            total = sum(weight for weight, _ in weights)
            answers.append((entity, weight / (total + doubt)) if weight > doubt else None)
        return answers

    def _weigh(self, value, called, present, context):
        """Weight and number of each candidate, and the doubt that it is any of them."""
        candidates = self.content.candidates_of(value, self.max_candidates)
        # A name that is only borne with a qualifier means other things as well, and these the
        # likelier the less known its bearer is.
        doubt = _SHARED * (1 - self._fame(candidates[0][1])) if value & SHARED else 0.0
        total = sum(count + 1 for _, count in candidates)
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
        """0 for no link, 1 for the most linked of all, by their logarithms."""
        return math.log1p(count) / self.log_most_linked

    def _fit(self, entity, named, present):
        """Share of the words of its qualifier that the text has, if it is called the last."""
        qualifier = self._qualifier(entity) if named else ()
        if not qualifier or qualifier[-1] not in named:
            return 0.0
        absent = [word for word in qualifier if word not in present]
        if any(word not in self.common for word in absent):
            return 0.0  # "(Tupac Shakur album)" where no Tupac is named
        return 1 - len(absent) / len(qualifier)

    def _context(self, entities):
        """The categories of some entities, and how telling it is to be named by one of them."""
        categories, named = set(), {}
        for entity in entities:
            for category in self._categories(entity):
                categories.add(category)
                after = self.content.category_entities[category]
                if after:
                    named[after - 1] = max(named.get(after - 1, 0.0), self._rarity(category))
        return categories, named, entities

    def _coherence(self, entity, context):
        """How telling the categories are that an entity has in common with what is certain."""
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
        """1 for a category of one entity, 0 for one of all."""
        return 1 - math.log(self.content.category_sizes[category]) / self.log_n_entities

    def category_names(self, entity):
        """Names of the categories of an entity."""
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
    """Words before a name, from the nearest back to another name or a stop."""
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
        """What `link` works with, made anew when a parameter or the knowledge base has changed."""
        params = self.kb, self.common_words, self.max_candidates, self.coherence
        prepared = getattr(self, "_prepared_for", None)
        if prepared is None or prepared[0] != params:
            kb = self.kb if isinstance(self.kb, KnowledgeBase) else KnowledgeBase(self.kb)
            prepared = self._prepared_for = params, kb, None
        _, kb, disambiguation = prepared
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
