"""Read the entities that ELVIS has found from its files.

A JSON file of ELVIS contains the sentences of a text, with the entities in each; the file of a
text is found by its first sentences.
"""

import bisect
import functools
import json
import os
from pathlib import Path
from typing import Literal

from sklearn.utils._param_validation import StrOptions

from ..._typing import FilePath, HasCategories
from ...utils import BadItem, SetupError, describe_cell
from ._linker import CATEGORIES_FROM, Linker, read_confidence

_TOOLS = 3  # that ELVIS uses; a confidence of 2 or 3 is the number of tools that agree


def read_sentences(path):
    """Return the sentences of a file, with their text and their list of entities.

    Raises OSError or ValueError, with the reason, if it is not a file of ELVIS.
    """
    content = json.loads(path.read_bytes())
    if not isinstance(content, list):
        raise ValueError("it does not contain a list of sentences")
    sentences = []
    for number, sentence in enumerate(content):
        if not isinstance(sentence, dict) or not (
            isinstance(sentence.get("text"), str) and isinstance(sentence.get("entities"), list)
        ):
            raise ValueError(f"sentence {number} lacks a text or a list of entities")
        sentences.append((sentence["text"], sentence["entities"]))
    return sentences


def settle(sentence, entity):
    """Return the position of an entity in its sentence, with the end exclusive.

    Files differ in the end of a mention (its last character, the one after it, or one further)
    and count characters beyond U+FFFF as one or two; the label determines which of these applies.

    Raises ValueError if the label is not at the position.
    """
    label, start, end = (entity.get(name) for name in ("label", "startChar", "endChar"))
    if not isinstance(label, str) or not label.strip():
        raise ValueError("a mention has no label")
    if type(start) is not int or type(end) is not int or start < 0:
        raise ValueError(f"the mention {label!r} has no position")
    for first, last in _readings(sentence, start, end):
        stop = first + len(label)
        if sentence.startswith(label, first) and stop - 1 <= last <= stop + 1:
            return first, stop
    raise ValueError(
        f"expected the mention {label!r} at characters {start} to {end}, found "
        f"{sentence[start:end]!r}"
    )


def _readings(sentence, start, end):
    yield start, end
    # In UTF-16, characters beyond U+FFFF count as two.
    encoded = sentence.encode("utf-16-le", errors="surrogatepass")
    if len(encoded) > 2 * len(sentence):
        yield tuple(
            len(encoded[: 2 * unit].decode("utf-16-le", errors="ignore")) for unit in (start, end)
        )


def reference_of(entity):
    """Return the URL or title of an entity, or the id of its BabelNet synset; "" if it has none."""
    return entity.get("uri") or entity.get("babelSynsetID") or ""


def confidence_of(entity):
    """Return the confidence; a number of tools that agree is divided by the number of tools.

    Raises ValueError if there is no confidence.
    """
    try:
        confidence = float(entity.get("confidence"))
    except TypeError as error:
        raise ValueError(f"the mention {entity.get('label')!r} has no confidence") from error
    return confidence / _TOOLS if confidence in range(2, _TOOLS + 1) else confidence


_HEAD = 64  # number of leading letters by which the candidate files of a text are found
_UNREADABLE = (OSError, ValueError, RecursionError)


def letters(text):
    """Return the text without white space."""
    return "".join(text.split())


def read_folder(folder):
    """Return the index of the files of a folder.

    Raises SetupError if the folder cannot be read or contains no files.
    """
    return _index(os.path.abspath(folder), _changed(folder))


def find_file(folder, text):
    """Return the name and the sentences of the file whose text equals or starts with a text.

    Raises BadItem if there is no such file, or several that continue differently.
    """
    index = read_folder(folder)
    wanted = letters(text)
    longer = {}
    for path in index.begin_with(wanted[:_HEAD]):
        try:
            sentences = read_sentences(path)
        except _UNREADABLE as error:
            raise BadItem(
                f"file {path.name!r} cannot be read: {error}", "Replace it with an intact copy."
            ) from error
        found = letters("".join(sentence for sentence, _ in sentences))
        if found == wanted:
            return path.name, sentences
        if found.startswith(wanted):
            longer.setdefault(found, (path.name, sentences))
    if len(longer) == 1:
        return longer.popitem()[1]
    if longer:
        names = ", ".join(sorted(name for name, _ in longer.values())[:3])
        raise BadItem(
            f"{len(longer)} files in {os.fspath(folder)!r} begin with this text and continue "
            f"differently ({names}), so the text is ambiguous",
            "Pass the whole text, or a longer part of it.",
        )
    if any(_is_whole(path) for path, _ in index.broken):  # fixed since the index was built
        _index.cache_clear()
        return find_file(folder, text)
    broken = "".join(f"; {path.name} cannot be read: {why}" for path, why in index.broken[:3])
    raise BadItem(
        f"none of the {len(index.paths)} files in {os.fspath(folder)!r} contains the sentences of "
        f"{describe_cell(text, max_chars=80)}{broken}",
        "Link this text with ELVIS too, or pass the folder that contains it.",
    )


def _is_whole(path):
    try:
        read_sentences(path)
    except _UNREADABLE:
        return False
    return True


def _changed(folder):
    try:
        # It changes when a file is added or removed, not when one is rewritten.
        return os.stat(folder).st_mtime_ns
    except OSError as error:
        raise SetupError(
            f"The folder {os.fspath(folder)!r} cannot be read ({error.strerror}). Pass the folder "
            "of ELVIS's JSON files."
        ) from error


class _Index:
    """Files of a folder, sorted by the beginnings of their texts."""

    def __init__(self, folder):
        heads, self.broken = [], []
        for path in sorted(Path(folder).glob("*.json")):
            try:
                sentences = read_sentences(path)
            except _UNREADABLE as error:
                self.broken.append((path, str(error)))
            else:
                heads.append((_head(sentences), path))
        heads.sort()
        self.heads = [head for head, _ in heads]
        self.paths = [path for _, path in heads]

    def begin_with(self, head):
        start = bisect.bisect_left(self.heads, head)
        for place in range(start, len(self.heads)):
            if not self.heads[place].startswith(head):
                break
            yield self.paths[place]


def _head(sentences):
    head = ""
    for sentence, _ in sentences:
        head += letters(sentence)
        if len(head) >= _HEAD:
            break
    return head[:_HEAD]


# Cached per process, not in the linker: joblib workers get a new linker with each task.
@functools.lru_cache(maxsize=4)
def _index(folder, changed):
    index = _Index(folder)
    if not index.paths and not index.broken:
        remedy = "Pass the folder of ELVIS's JSON files."
        below = sorted(path.parent.relative_to(folder) for path in Path(folder).glob("*/*.json"))
        if below:
            remedy = f"Pass one of its subfolders, such as {str(below[0])!r}."
        raise SetupError(f"The folder {Path(folder).name!r} contains no JSON files. {remedy}")
    return index


class PrecomputedLinker(Linker):
    """Link texts with the JSON files that ELVIS wrote for them.

    ELVIS (Oramas et al. 2016) calls Babelfy, TagMe and DBpedia Spotlight and writes a JSON file
    for each text: its sentences with the entities in each. The file of a text is found by its
    sentences, regardless of its name. Raw responses of the services, homogenised files and files
    of the agreement may be in the same folder; the format is detected for each mention.

    Parameters
    ----------
    folder : str or path-like
        Folder of the files (``*.json``) of one linker, for example ``entities/babelfy/example``.
    on_mismatch : {"raise", "skip"}, default="raise"
        What to do with a mention whose label is not at its position: raise an error, or skip the
        mention.
    categories_from : object with a method categories, str or path-like, default=None
        Source of the categories: an object whose ``categories(entity)`` returns the categories of
        an entity by its name ("Miles_Davis"), such as a `KnowledgeBase`, or the path of the file
        of a knowledge base. None uses the categories in the files; the raw files of Babelfy and
        Spotlight contain none.

    See Also
    --------
    VotingLinker : Keep the mentions that several linkers agree on, as ELVIS does.

    Notes
    -----
    Offsets in the files refer to the sentence; offsets of the mentions refer to the text, with the
    end exclusive. In the files the end may be the last character, the one after it, or one
    further; the label determines which. White space is ignored when texts are compared, so
    a text may be joined or wrapped differently, and a truncated text (by `ReviewTruncator`) has
    the mentions before the cut.

    Confidences are those of the files; in files of the agreement, the confidence is the number of
    tools that agree divided by three. A word for which Babelfy found no Wikipedia page has the id
    of its BabelNet synset as entity; mentions with neither are skipped.

    All files are read once, when the first text is linked, to index their texts.

    Examples
    --------
    >>> import json, pathlib, tempfile
    >>> from skmmgenre.text import PrecomputedLinker
    >>> entity = {"startChar": 11, "endChar": 21, "label": "Miles Davis", "confidence": 0.9,
    ...           "uri": "http://dbpedia.org/resource/Miles_Davis"}
    >>> sentences = [{"index": 0, "text": "So What by Miles Davis", "entities": [entity]}]
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     written = pathlib.Path(folder, "1.json").write_text(json.dumps(sentences))
    ...     PrecomputedLinker(folder).link("So What by Miles Davis")
    [Mention(start=11, end=22, label='Miles Davis', entity='Miles_Davis', confidence=0.9, \
categories=())]
    """

    _left_out = {"folder": "local paths"}
    _parameter_constraints: dict = {
        "folder": [str, os.PathLike],
        "on_mismatch": [StrOptions({"raise", "skip"})],
        "categories_from": CATEGORIES_FROM,
    }

    def __init__(
        self,
        folder: FilePath,
        *,
        on_mismatch: Literal["raise", "skip"] = "raise",
        categories_from: HasCategories | FilePath | None = None,
    ):
        self.folder = folder
        self.on_mismatch = on_mismatch
        self.categories_from = categories_from

    def check_setup(self):
        super().check_setup()
        read_folder(self.folder)

    def _find(self, text):
        # Texts are compared without white space, so positions are converted by counting letters.
        places = [place for place, letter in enumerate(text) if not letter.isspace()]
        if not places:
            return []
        name, sentences = find_file(self.folder, text)
        mentions = []
        n_before = 0  # number of letters in the preceding sentences
        for number, (sentence, entities) in enumerate(sentences):
            for entity in entities:
                try:
                    start, end = settle(sentence, entity)
                    confidence = read_confidence(confidence_of(entity))
                except (ValueError, AttributeError) as error:
                    if self.on_mismatch == "skip":
                        continue
                    raise BadItem(
                        f"file {name!r} is inconsistent in sentence {number}: {error}",
                        "Fix the file, or pass on_mismatch='skip' to skip such mentions.",
                    ) from error
                first = n_before + len(letters(sentence[:start]))
                last = n_before + len(letters(sentence[:end])) - 1
                if last >= len(places) or not reference_of(entity):  # after the cut, or no entity
                    continue
                start, end, reference = places[first], places[last] + 1, reference_of(entity)
                categories = entity.get("categories") or []
                mentions.append(self._mention(text, start, end, reference, confidence, categories))
            n_before += len(letters(sentence))
        return mentions
