"""Which file of a folder holds a text."""

import bisect
import functools
import os
from pathlib import Path

from ..utils import BadItem, SetupError, describe_cell
from ._elvis_file import read_sentences

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
