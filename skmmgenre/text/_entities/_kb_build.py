"""Build the file of a knowledge base from dumps, as a stream.

The dumps are read once and written to disk as lines. Then marisa tries number the names, and
everything else is computed on arrays of these numbers: the memory needed is that of a trie and a
few arrays, not of millions of Python objects."""

import os
import re
from array import array
from collections import Counter
from contextlib import ExitStack

import marisa_trie
import numpy as np

from ... import __version__
from ...utils import first_few, progress_bar
from ._dumps import read_dump
from ._form_key import count_words, form_keys
from ._kb_file import LISTED, NUMBER, SHARED, writing
from ._titles import as_name, as_title, category_title, split_qualifier

ROLES = ("labels", "redirects", "categories", "links")
_MOST_WORDS = 32
_MOST_SEEN = 500_000
_MOST_LINKS = np.iinfo(np.uint32).max
_MB = 1_000_000
_STEP = 1000  # lines per step of the progress bar
# Predicates of titles and other names in common vocabularies (rdfs, foaf, skos, schema.org).
_LABEL_PREDICATES = frozenset({"label", "name", "title", "alias", "prefLabel", "altLabel"})


class KnowledgeBaseBuild:
    """Build of one file; see `KnowledgeBase.build` for the parameters."""

    def __init__(self, *, predicates, label_predicates, language, left_out_qualifiers, verbose):
        self.predicates = predicates
        self.label_predicates = (
            _LABEL_PREDICATES if label_predicates is None else frozenset(label_predicates)
        )
        self.language = language
        self.left_out_qualifiers = frozenset(left_out_qualifiers)
        self.verbose = verbose
        self.left_out = {}  # reason -> number of excluded statements
        self.met = {role: Counter() for role in ROLES}  # counts of the predicates in the dumps

    def write(self, path, dumps, records):
        """Read the dumps and records and write the file."""
        with writing(path) as (self.folder, write):
            lines = self._spill(dumps, records)
            steps = {role: n // _STEP for role, n in lines.items()}
            once = sum(steps.values())
            # Every file of lines is read once, and redirects twice more. The names of entities are
            # read from the labels or, without labels, from all other files.
            total = once + 2 * steps["redirects"] + (steps["labels"] if lines["labels"] else once)
            with progress_bar(total, "numbering", verbose=self.verbose) as self._advance:
                self._number_entities(has_labels=lines["labels"] > 0)
                counts = self._count_links()
                forms = self._number_forms(counts)
                categories = self._number_categories()
            sources = [
                {"role": role, "name": os.path.basename(dump)}
                for role in ROLES
                for dump in dumps[role]
            ]
            write(
                {
                    "version": __version__,
                    "entities": len(self.entities),
                    **forms,
                    **categories,
                    "links": int(counts.sum()),
                    "most_linked": int(counts.max(initial=0)),
                    "sources": sources,
                    "left_out": self.left_out,
                }
            )

    # ---- lines on disk ------------------------------------------------------------------

    def _spill(self, dumps, records):
        """Write the dumps and records to disk as lines `name TAB what`; return the line counts."""
        lines = dict.fromkeys(ROLES, 0)
        total = sum(os.path.getsize(dump) // _MB for role in ROLES for dump in dumps[role])
        with ExitStack() as stack:
            files = {role: stack.enter_context(open(self._lines(role), "wb")) for role in ROLES}
            advance = stack.enter_context(progress_bar(total, "reading", verbose=self.verbose))

            def put(role, name, what):
                try:
                    files[role].write(f"{name}\t{what}\n".encode())
                except UnicodeEncodeError as error:
                    raise ValueError(
                        f"{name!r} or {what!r} cannot be encoded as UTF-8 ({error.reason}). Decode "
                        "the names with the correct encoding."
                    ) from None
                lines[role] += 1

            for role in ROLES:
                for dump in dumps[role]:
                    read = 0  # MB

                    def report(position, role=role):
                        nonlocal read
                        advance(position // _MB - read, note=role)
                        read = position // _MB

                    for name, what in getattr(self, f"_read_{role}")(read_dump(dump, report)):
                        put(role, name, what)
                    report(os.path.getsize(dump))
            self._check_predicates(lines)
            for number, record in enumerate(records):
                entity, forms, categories, prior = _checked(record, number)
                for form in forms or [as_title(entity)]:
                    put("labels", entity, form)
                for category in categories:
                    put("categories", entity, category)
                put("links", entity, round(prior))
        return lines

    def _check_predicates(self, lines):
        """Raise if a requested predicate does not occur, before the long part of the build."""
        met = self.met["labels"]
        if met and not lines["labels"]:
            raise ValueError(
                f"The dumps of labels contain no text with any of the predicates "
                f"{sorted(self.label_predicates)}; they contain {_most_common(met)}. Pass the "
                "predicates of names as label_predicates."
            )
        met = self.met["categories"] + self.met["links"]
        matched = {name for predicate in met for name in (predicate, _short(predicate))}
        unknown = sorted(set(self.predicates or ()) - matched)
        if unknown:
            found = _most_common(met) if met else "no predicates"
            raise ValueError(
                f"The predicates {unknown} do not occur in the dumps of categories and links, "
                f"which contain {found}. Correct or remove these names."
            )

    def _read_labels(self, statements):
        for subject, predicate, label, is_resource, language in statements:
            if predicate is not None:
                self.met["labels"][predicate] += 1
                if is_resource or not self.label_predicates & {predicate, _short(predicate)}:
                    self._leave_out("labels with other predicates, or that are resources")
                    continue
            if self.language is not None and language not in ("", self.language):
                self._leave_out("labels in another language")
                continue
            label = as_title(label) if is_resource else " ".join(label.split())
            yield subject, label

    def _read_redirects(self, statements):
        for subject, _, target, is_resource, _ in statements:
            if is_resource is False:
                self._leave_out("redirects whose target is not a resource")
                continue
            yield subject, as_name(target)

    def _read_categories(self, statements):
        for subject, predicate, category, _, _ in statements:
            role = self._role(predicate, "categories")
            if role is None:
                self._leave_out("categories with other predicates")
                continue
            title = category_title(category)
            yield subject, f"{role}: {title}" if role else title

    def _read_links(self, statements):
        for _, predicate, target, is_resource, _ in statements:
            if self._role(predicate, "links") is None or is_resource is False:
                self._leave_out("links with other predicates, or whose target is not a resource")
                continue
            yield as_name(target), 1

    def _role(self, predicate, dump):
        """Return the prefix for the objects of a predicate; None if they are not to be read."""
        if self.predicates is None or predicate is None:
            return ""
        self.met[dump][predicate] += 1
        role = self.predicates.get(predicate)
        return self.predicates.get(_short(predicate)) if role is None else role

    def _leave_out(self, reason):
        self.left_out[reason] = self.left_out.get(reason, 0) + 1

    def _lines(self, role):
        return self.folder / f"{role}.lines"

    def _pairs(self, role):
        """Yield the lines of a role from disk, both cells as bytes."""
        with open(self._lines(role), "rb") as file:
            for number, line in enumerate(file):
                if number % _STEP == _STEP - 1:
                    self._advance(1, note=role)
                name, _, what = line[:-1].partition(b"\t")
                yield name, what

    # ---- numbers ------------------------------------------------------------------------

    def _number_entities(self, has_labels):
        """Number the redirected names and the entities, and resolve the redirects."""
        self.redirects = marisa_trie.BinaryTrie(name for name, _ in self._pairs("redirects"))
        names = filter(self._is_entity, self._entity_names(has_labels))
        self.entities = marisa_trie.BinaryTrie(names)
        if not self.entities:
            raise ValueError(
                f"No entities were found; excluded statements: {self.left_out or 'none'}. Pass "
                "dumps of labels, categories or links, and predicates that occur in them."
            )
        if len(self.entities) > NUMBER:
            raise ValueError(
                f"{len(self.entities)} entities exceed the maximum of {NUMBER} per file. Build "
                "several knowledge bases with fewer entities."
            )
        self.entities.save(str(self.folder / "entities"))
        n = len(self.redirects)
        leads_to = np.full(n, -1)  # target: a redirect if < n, n + entity, or -1 if unknown
        for name, target in self._pairs("redirects"):
            entity = self.entities.get(target)
            to = self.redirects.get(target, -1) if entity is None else n + entity
            leads_to[self.redirects[name]] = to
        open_ones = (leads_to >= 0) & (leads_to < n)
        for _ in range(8):  # the distance doubles each time: up to 256 redirects in a row
            leads_to[open_ones] = leads_to[leads_to[open_ones]]
            open_ones = (leads_to >= 0) & (leads_to < n)
        # Redirects that are still open lead in a circle (or through more than 256 others) and count
        # as unknown.
        self.redirected = array("q", np.where(leads_to >= n, leads_to - n, -1).tobytes())

    def _entity_names(self, has_labels):
        """Yield the names of entities, and of redirects; see `KnowledgeBase.build`."""
        if has_labels:
            yield from (name for name, _ in self._pairs("labels"))
            return
        for role in ("categories", "links"):
            yield from (name for name, _ in self._pairs(role))
        yield from (target for _, target in self._pairs("redirects"))

    def _is_entity(self, name):
        if self.redirects.get(name) is not None:
            return False
        if not name.endswith(b")"):
            return True
        return split_qualifier(as_title(name.decode()))[1] not in self.left_out_qualifiers

    def _entity(self, name):
        """Return the number of an entity by its name or a redirect to it; None if unknown."""
        entity = self.entities.get(name)
        if entity is None:
            redirect = self.redirects.get(name)
            if redirect is not None and self.redirected[redirect] >= 0:
                entity = self.redirected[redirect]
        return entity

    def _lines_of_entities(self, role, otherwise):
        """Yield entity, name and value of each line; count lines of others under `otherwise`."""
        for name, what in self._pairs(role):
            entity = self._entity(name)
            if entity is None:
                self._leave_out(otherwise)
            else:
                yield entity, name, what

    def _count_links(self):
        """Count the links to each entity."""
        counts = np.zeros(len(self.entities), dtype=np.int64)
        entities, numbers = array("I"), array("Q")
        for entity, _, number in self._lines_of_entities(
            "links", "links to names that are not entities"
        ):
            entities.append(entity)
            numbers.append(int(number))
            if len(entities) >= _MOST_SEEN:
                _add(counts, entities, numbers)
                entities, numbers = array("I"), array("Q")
        _add(counts, entities, numbers)
        return counts

    def _number_forms(self, counts):
        """Number the forms and write the entities that each may refer to."""
        entities, most = array("I"), 0

        def keys(file):
            nonlocal most
            for entity, form, is_shared in self._forms():
                form_in_keys = form_keys(form)
                if not form_in_keys:
                    self._leave_out("forms without letters or digits")
                for key in form_in_keys:
                    n_words = count_words(key)
                    if n_words > _MOST_WORDS:
                        self._leave_out(f"forms of more than {_MOST_WORDS} words")
                        continue
                    most = max(most, n_words)
                    # In the order of the lines in the file, so that `numbers` belongs to the same
                    # pairs.
                    entities.append(entity | SHARED if is_shared else entity)
                    file.write(key + b"\n")
                    yield key

        forms, numbers = self._number(keys, "forms")
        entities = np.frombuffer(entities, dtype=np.uint32)
        shared = entities >> 31
        form_entities, candidates = _candidates(numbers, entities & NUMBER, shared, counts)
        form_entities.tofile(self.folder / "form_entities")
        candidates.tofile(self.folder / "candidates")
        return {"forms": len(forms), "most_words": most}

    def _forms(self):
        """Yield entity, form, and whether the form is a title without its qualifier."""
        labelled = np.zeros(len(self.entities), dtype=bool)
        otherwise = "labels of excluded names, or of redirects to unknown entities"
        for entity, _, label in self._lines_of_entities("labels", otherwise):
            labelled[entity] = True
            yield from ((entity, *form) for form in _variants(label.decode()))
        for entity, name, _ in self._lines_of_entities(
            "redirects", "redirects to unknown entities"
        ):
            yield from ((entity, *form) for form in _variants(as_title(name.decode())))
        for entity in np.flatnonzero(~labelled).tolist():
            title = as_title(self.entities.restore_key(entity).decode())
            yield from ((entity, *form) for form in _variants(title))

    def _number_categories(self):
        """Number the categories and write the categories of each entity."""
        entities = array("I")

        def names(file):
            seen = set()
            otherwise = "categories of names that are not entities"
            for entity, _, category in self._lines_of_entities("categories", otherwise):
                entities.append(entity)
                file.write(category + b"\n")
                if category not in seen:  # while it is built, the trie keeps all repetitions
                    if len(seen) >= _MOST_SEEN:
                        seen.clear()
                    seen.add(category)
                    yield category

        categories, numbers = self._number(names, "categories")
        starts, of_entity = _rows(
            np.frombuffer(entities, dtype=np.uint32), numbers, len(self.entities)
        )
        sizes = np.bincount(of_entity, minlength=len(categories)).astype(np.uint32)
        starts.tofile(self.folder / "entity_category_starts")
        of_entity.tofile(self.folder / "entity_categories")
        sizes.tofile(self.folder / "category_sizes")
        self._named_after(categories).tofile(self.folder / "category_entities")
        return {"categories": len(categories), "category_links": len(of_entity)}

    def _named_after(self, categories):
        """Return for each category 1 + the entity it is named after (ignoring its role), or 0."""
        found = np.zeros(len(categories), dtype=np.uint32)
        for category in range(len(categories)):
            name = categories.restore_key(category).decode()
            role, _, rest = name.partition(": ")
            entity = self._entity(as_name(name).encode())
            if entity is None and rest and self.predicates and role in self.predicates.values():
                entity = self._entity(as_name(rest).encode())
            if entity is not None:
                found[category] = entity + 1
        return found

    def _number(self, make_keys, member):
        """Return a trie of the keys yielded by ``make_keys(file)``, and the numbers of its lines.

        `make_keys` yields keys for the trie and writes to the file the keys to look up.
        """
        path = self.folder / f"{member}.keys"
        with open(path, "wb") as file:
            # The large cache (1 MB) makes look-ups about 10 % faster.
            trie = marisa_trie.BinaryTrie(make_keys(file), cache_size=marisa_trie.HUGE_CACHE)
        trie.save(str(self.folder / member))
        with open(path, "rb") as file:
            numbers = array("I", (trie[line[:-1]] for line in file))
        path.unlink()
        return trie, np.frombuffer(numbers, dtype=np.uint32)


def _short(predicate):
    """Return the part of a predicate after the last slash or "#"."""
    return re.split("[/#]", predicate)[-1]


def _most_common(predicates, n=10):
    ordered = [predicate for predicate, _ in predicates.most_common()]
    return first_few(ordered, n, count=True, name=lambda predicate: repr(_short(predicate)))


def _checked(record, number):
    if isinstance(record, str) or not hasattr(record, "__len__") or len(record) != 4:
        raise ValueError(
            f"Record {number} is {record!r}. Expected (entity, forms, categories, prior): a name, "
            "two lists of str and a count."
        )
    entity, forms, categories, prior = record
    entity = as_name(entity)
    if isinstance(forms, str) or isinstance(categories, str):
        raise ValueError(
            f"The record of {entity!r} has a str as forms or categories. Pass a list of str."
        )
    if not 0 <= prior <= _MOST_LINKS:
        raise ValueError(
            f"The record of {entity!r} has the prior {prior!r}. Pass a count from 0 to "
            f"{_MOST_LINKS}."
        )
    forms = [" ".join(form.split()) for form in forms]
    return entity, forms, [category_title(category) for category in categories], prior


def _variants(title):
    """Return the forms of a title, and for each whether its qualifier was removed."""
    bare, qualifier = split_qualifier(title)
    if not qualifier:
        return [(title, False)]
    # A qualifier describes the entity, as in "(UK band)". If its last word is capitalized, it may
    # be part of the title: "(Sugar Pie, Honey Bunch)".
    if qualifier.split()[-1][0].isupper():
        return [(title, False), (bare, True)]
    return [(bare, True)]


def _add(counts, entities, numbers):
    np.add.at(counts, np.frombuffer(entities, dtype=np.uint32), np.frombuffer(numbers, np.uint64))


def _rows(entities, categories, n_entities):
    """Return the starts of the categories of each entity, and the categories without repetitions.

    `entities` and `categories` contain one element per pair of entity and category.
    """
    # The entity is the upper half of a pair, so one sort groups pairs by entity and makes equal
    # ones adjacent.
    pairs = entities.astype(np.uint64)
    pairs <<= np.uint64(32)
    pairs |= categories
    pairs.sort()
    # The first pair is compared with another number, so that it is kept.
    pairs = pairs[np.diff(pairs, prepend=pairs[:1] - np.uint64(1)) != 0]
    per_entity = np.bincount((pairs >> np.uint64(32)).astype(np.int64), minlength=n_entities)
    starts = np.concatenate([[0], np.cumsum(per_entity)]).astype(np.uint32)
    # The conversion keeps the lower half of each pair, the category.
    return starts, pairs.astype(np.uint32)


def _candidates(forms, entities, shared, counts):
    """Return the arrays form_entities and candidates from one row per pair of form and entity."""
    # By form, and the most linked entities first. A pair that is shared in one row and not in
    # another comes with the latter first, which is the one that is kept.
    order = np.lexsort((shared, entities, -counts[entities], forms))
    forms, entities, shared = forms[order], entities[order], shared[order]
    del order
    first = np.ones(len(forms), dtype=bool)  # first row of each pair of form and entity
    first[1:] = (forms[1:] != forms[:-1]) | (entities[1:] != entities[:-1])
    forms, entities, shared = forms[first], entities[first], shared[first]
    sizes = np.bincount(forms)
    begins = np.cumsum(sizes) - sizes
    form_entities = entities[begins].astype(np.uint32)
    # A form is shared only if it is not the whole title of any of its entities.
    is_shared = np.minimum.reduceat(shared, begins) > 0 if len(forms) else shared > 0
    # A single candidate is listed too if its count is needed to judge whether it is meant at all.
    listed = is_shared | (sizes > 1)
    # A list is the number of candidates, then the entity and the number of links of each.
    lengths = 1 + 2 * sizes[listed]
    places = np.concatenate([[0], np.cumsum(lengths)])
    if places[-1] > NUMBER:
        raise ValueError(
            f"The ambiguous names have {len(entities):,} candidate entities in total, more than a "
            "file can contain. Build several knowledge bases with fewer entities."
        )
    candidates = np.zeros(places[-1], dtype=np.uint32)
    candidates[places[:-1]] = sizes[listed]
    rows = np.repeat(listed, sizes)
    rank = np.arange(len(forms)) - begins[forms]
    place = np.repeat(places[:-1], sizes[listed]) + 1 + 2 * rank[rows]
    candidates[place] = entities[rows]
    candidates[place + 1] = np.minimum(counts[entities[rows]], _MOST_LINKS)
    form_entities[listed] = places[:-1] | LISTED
    form_entities[is_shared] |= np.uint32(SHARED)
    return form_entities, candidates
