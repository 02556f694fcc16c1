"""Which entity a name means, by how known it is and by what else the text mentions."""

import math

from ._form_key import HARD, START, split_words
from ._kb_file import LISTED, SHARED
from ._titles import as_title, split_qualifier

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
