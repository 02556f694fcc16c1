"""Entities that ELVIS found before, and kept in files."""

import os

from sklearn.utils._param_validation import StrOptions

from ..utils import BadItem
from ._elvis_file import confidence_of, reference_of, settle
from ._elvis_folder import find_file, letters, read_folder
from ._linker import CATEGORIES_FROM, Linker, make_mention, read_confidence


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

    __module__ = "skmmgenre.text"

    _parameter_constraints: dict = {
        "folder": [str, os.PathLike],
        "on_mismatch": [StrOptions({"raise", "skip"})],
        "categories_from": CATEGORIES_FROM,
    }

    def __init__(self, folder, *, on_mismatch="raise", categories_from=None):
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
                mentions.append(
                    make_mention(
                        text,
                        places[first],
                        places[last] + 1,
                        reference_of(entity),
                        confidence,
                        entity.get("categories") or [],
                        self._categories_source(),
                    )
                )
            n_before += len(letters(sentence))
        return mentions
