"""Entities that ELVIS found before, and kept in files.

The JSON files of ELVIS hold the sentences of a text, with the entities in each; the file of a
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

_TOOLS = 3  # that ELVIS asks; a confidence of 2 or 3 is the number of those that agree


def read_sentences(path):
    """The sentences of a file: their text and their list of entities.

    Raises OSError or ValueError, with the reason, if it is no such file.
    """
    content = json.loads(path.read_bytes())
    if not isinstance(content, list):
        raise ValueError("it holds no list of sentences")
    sentences = []
    for number, sentence in enumerate(content):
        if not isinstance(sentence, dict) or not (
            isinstance(sentence.get("text"), str) and isinstance(sentence.get("entities"), list)
        ):
            raise ValueError(f"sentence {number} has no text and list of entities")
        sentences.append((sentence["text"], sentence["entities"]))
    return sentences


def settle(sentence, entity):
    """The place of an entity in its sentence, the end exclusive.

    Files differ in where a mention ends (its last character, or behind it, or one further), and
    count characters beyond U+FFFF as one or two; the label tells which it is.

    Raises ValueError if the label is not there.
    """
    label, start, end = (entity.get(name) for name in ("label", "startChar", "endChar"))
    if not isinstance(label, str) or not label.strip():
        raise ValueError("a mention without a label")
    if type(start) is not int or type(end) is not int or start < 0:
        raise ValueError(f"the mention {label!r} without a place")
    for first, last in _readings(sentence, start, end):
        stop = first + len(label)
        if sentence.startswith(label, first) and stop - 1 <= last <= stop + 1:
            return first, stop
    raise ValueError(
        f"the mention {label!r} is not at {start}:{end}, where {sentence[start:end]!r} is"
    )


def _readings(sentence, start, end):
    yield start, end
    encoded = sentence.encode("utf-16-le", errors="surrogatepass")
    if len(encoded) > 2 * len(sentence):
        yield tuple(
            len(encoded[: 2 * unit].decode("utf-16-le", errors="ignore")) for unit in (start, end)
        )


def reference_of(entity):
    """The address or title of an entity, or the id of its BabelNet synset; "" if it has none."""
    return entity.get("uri") or entity.get("babelSynsetID") or ""


def confidence_of(entity):
    """The confidence, of agreement as a share of the tools. Raises ValueError if it has none."""
    try:
        confidence = float(entity.get("confidence"))
    except TypeError as error:
        raise ValueError(f"the mention {entity.get('label')!r} without a confidence") from error
    return confidence / _TOOLS if confidence in range(2, _TOOLS + 1) else confidence


_HEAD = 64  # letters by which the files that may hold a text are found
_UNREADABLE = (OSError, ValueError, RecursionError)


def letters(text):
    """The text without white space."""
    return "".join(text.split())


def read_folder(folder):
    """The index of the files of a folder.

    Raises SetupError if the folder cannot be read, or holds none.
    """
    return _index(os.path.abspath(folder), _changed(folder))


def find_file(folder, text):
    """The name and the sentences of the file that holds a text, whole or as its beginning.

    Raises BadItem if there is none, or files that go on differently.
    """
    index = read_folder(folder)
    wanted = letters(text)
    longer = {}
    for path in index.begin_with(wanted[:_HEAD]):
        try:
            sentences = read_sentences(path)
        except _UNREADABLE as error:
            raise BadItem(f"file {path.name!r} cannot be read: {error}", "Get it again.") from error
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
            f"{len(longer)} files of {os.fspath(folder)!r} begin like this text and go on "
            f"differently ({names}), so it is not told which is meant",
            "Give the whole text, or a longer beginning of it.",
        )
    if any(_is_whole(path) for path, _ in index.broken):  # now: it was mended
        _index.cache_clear()
        return find_file(folder, text)
    broken = "".join(f"; {path.name} cannot be read: {why}" for path, why in index.broken[:3])
    raise BadItem(
        f"none of the {len(index.paths)} files of {os.fspath(folder)!r} holds the sentences of "
        f"{describe_cell(text, max_chars=80)}{broken}",
        "Let ELVIS link this text as well, or pass the folder that holds it.",
    )


def _is_whole(path):
    try:
        read_sentences(path)
    except _UNREADABLE:
        return False
    return True


def _changed(folder):
    try:
        return os.stat(folder).st_mtime_ns
    except OSError as error:
        raise SetupError(
            f"The folder {os.fspath(folder)!r} cannot be read ({error.strerror}). Pass the folder "
            "of ELVIS's JSON files."
        ) from error


class _Index:
    """The files of a folder by how their texts begin."""

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


# Kept for the process, not by a linker: joblib's workers get a new linker with each task.
@functools.lru_cache(maxsize=4)
def _index(folder, changed):
    index = _Index(folder)
    if not index.paths and not index.broken:
        remedy = "Pass the folder of ELVIS's JSON files."
        below = sorted(path.parent.relative_to(folder) for path in Path(folder).glob("*/*.json"))
        if below:
            remedy = f"Pass a folder below it, such as {str(below[0])!r}."
        raise SetupError(f"The folder {Path(folder).name!r} holds no JSON file. {remedy}")
    return index


class PrecomputedLinker(Linker):
    """Link texts by the JSON files that ELVIS wrote of them.

    ELVIS (Oramas et al. 2016) asks Babelfy, TagMe and DBpedia Spotlight, and keeps a file of
    JSON for each text: its sentences with the entities in each. The file of a text is found by
    its sentences, whatever its name. Files as the services answered, the homogenised ones and
    those of the agreement may lie side by side: what a mention holds tells how to read it.

    Parameters
    ----------
    folder : str or path-like
        Where the files (``*.json``) of one linker are, for example ``entities/babelfy/example``.
    on_mismatch : {"raise", "skip"}, default="raise"
        Whether a mention whose label is not at its place raises an error, or is left out.
    categories_from : object with a method categories, str or path-like, default=None
        ``categories(entity)`` answers the categories of an entity by its name ("Miles_Davis"),
        as a `KnowledgeBase` does; or the path of a knowledge base's file. None takes those
        of the files; the raw ones of Babelfy and Spotlight hold none.

    See Also
    --------
    VotingLinker : Keeps what several linkers agree on, as ELVIS does.

    Notes
    -----
    Places in the files are those in the sentence; here they are those in the text, the end
    exclusive. In the files an end may be the last character, the one behind it, or one further:
    the label settles it. White space is not compared, so a text may be joined or wrapped
    otherwise, and a text that was cut (by `ReviewTruncator`) has the mentions before the cut.

    Confidences are those of the files; in files of the agreement, where it is the number of
    tools that agree, a third of it. A word that Babelfy gave no page of Wikipedia has the id of
    its BabelNet synset as entity; what has neither is left out.

    All files are read once, at the first text, to find out which texts there are.

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
        places = [place for place, letter in enumerate(text) if not letter.isspace()]
        if not places:
            return []
        name, sentences = find_file(self.folder, text)
        mentions = []
        n_before = 0  # letters in the sentences before
        for number, (sentence, entities) in enumerate(sentences):
            for entity in entities:
                try:
                    start, end = settle(sentence, entity)
                    confidence = read_confidence(confidence_of(entity))
                except (ValueError, AttributeError) as error:
                    if self.on_mismatch == "skip":
                        continue
                    raise BadItem(
                        f"file {name!r} does not fit, sentence {number}: {error}",
                        "Correct the file, or pass on_mismatch='skip' to leave such mentions out.",
                    ) from error
                first = n_before + len(letters(sentence[:start]))
                last = n_before + len(letters(sentence[:end])) - 1
                if last >= len(places) or not reference_of(entity):  # behind the cut, or no entity
                    continue
                start, end, reference = places[first], places[last] + 1, reference_of(entity)
                categories = entity.get("categories") or []
                mentions.append(self._mention(text, start, end, reference, confidence, categories))
            n_before += len(letters(sentence))
        return mentions
