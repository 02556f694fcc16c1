"""The genre tags of a sound file, and the backup of those that were changed in a folder."""

import json
import os

from ..datasets._audio_tags import name_genres, open_audio, read_audio_tags
from ..datasets._genre_lists import NOT_GENRES, read_genre_lists
from ..utils import changing, sync

_ID3 = ("MP3", "WAV", "AIFF")
_ATOM = "\xa9gen"
_V1_SIZE = 128  # bytes at the end of an MP3


def read_state(path):
    """Return all that is needed to put the genre tags of a file back.

    Parameters
    ----------
    path : str

    Returns
    -------
    state : dict
        Plain values; "genres" are the texts of the tags as they are, None if there is no tag.

    Raises
    ------
    BadItem
        If it is no sound file that can be read.
    """
    file, kind = _open(path)
    tags = file.tags
    if kind in _ID3:
        frame = None if tags is None else tags.get("TCON")
        return {
            "tags": None if tags is None else "v1" if tags.version[0] == 1 else "v2",
            "genres": None if frame is None else [str(text) for text in frame.text],
            "encoding": None if frame is None else int(frame.encoding),
        }
    if kind == "MP4":
        genres = None if tags is None else tags.get(_ATOM)
        return {"tags": tags is not None, "genres": None if genres is None else list(genres)}
    found = [] if tags is None else list(enumerate(_comments(tags)))
    found = [(place, key, text) for place, (key, text) in found if key.lower() == "genre"]
    return {
        "tags": tags is not None,
        "genres": [text for _, _, text in found] or None,
        "places": [place for place, _, _ in found],
        "keys": [key for _, key, _ in found],
    }


def genres_in(path, not_genres=NOT_GENRES):
    """Return the genres in the tags of a file, and what else stands there, such as "Other"."""
    texts, _ = name_genres(read_audio_tags(path)["genre"])
    (genres,), readings = read_genre_lists([texts], not_genres=not_genres)
    return genres, [reading.text for reading in readings if not reading.genres]


def write_genres(path, genres):
    """Write genres into a file in place of those it has.

    Parameters
    ----------
    path : str
        Better a copy: it is written in place.
    genres : list of str
    """
    file, kind = _open(path)
    if file.tags is None:
        file.add_tags()
    if kind in _ID3:
        from mutagen import id3

        file.tags.setall("TCON", [id3.TCON(encoding=3, text=genres)])
        _save_id3(file, kind, path)
    else:
        file[_ATOM if kind == "MP4" else "genre"] = genres
        file.save()


def restore_state(path, state):
    """Put the genre tags of a file back, whatever else was changed in the meantime.

    Parameters
    ----------
    path : str
        Better a copy: it is written in place.
    state : dict
        As `read_state` told it.
    """
    file, kind = _open(path)
    if kind in _ID3:
        _restore_id3(file, kind, path, state)
        return
    if file.tags is None:
        file.add_tags()
    if kind == "MP4":
        if state["genres"] is None:
            file.tags.pop(_ATOM, None)
        else:
            file[_ATOM] = state["genres"]
    else:
        entries = [pair for pair in _comments(file.tags) if pair[0].lower() != "genre"]
        texts = state["genres"] or []
        for place, key, text in zip(state["places"], state["keys"], texts, strict=True):
            entries.insert(place, (key, text))
        file.tags[:] = entries
    if not state["tags"] and not len(file.tags):
        file.delete()
    else:
        file.save()


def _restore_id3(file, kind, path, state):
    from mutagen import id3

    if file.tags is None:
        file.add_tags()
    if state["genres"] is None:
        file.tags.delall("TCON")
    else:
        frame = id3.TCON(encoding=id3.Encoding(state["encoding"]), text=state["genres"])
        file.tags.setall("TCON", [frame])
    if state["tags"] == "v1":
        id3.delete(path, delete_v1=False, delete_v2=True)
    elif state["tags"] is None and not len(file.tags):
        file.delete()
    else:
        _save_id3(file, kind, path)


def _save_id3(file, kind, path):
    """Save in the version that the file has, and leave an ID3v1 tag as it is."""
    version = file.tags.version[1] if file.tags.version[0] == 2 else 4
    old = _read_v1(path) if kind == "MP3" else None
    file.save(v1=1, v2_version=3 if version in (2, 3) else 4, v23_sep=None)
    if old is not None:
        with open(path, "r+b") as out:
            out.seek(-_V1_SIZE, 2)
            out.write(old)


def _read_v1(path):
    with open(path, "rb") as file:
        file.seek(0, 2)
        if file.tell() < _V1_SIZE:
            return None
        file.seek(-_V1_SIZE, 2)
        end = file.read()
    return end if end[:3] == b"TAG" else None


def _open(path):
    file, kind = open_audio(path)
    # Frames of older versions of ID3 are to stay as they are.
    return (type(file)(path, translate=False) if kind in _ID3 else file), kind


def _comments(tags):
    """Pairs of name and text in their order, of which the mapping tells only the names."""
    return list(list.__iter__(tags))


NAME = ".skmmgenre_tags.jsonl"


class TagBackup:
    """A file of one line a change, written before the change is made.

    Parameters
    ----------
    folder : str
        The folder that is tagged; the file lies in it, and paths are relative to it.
    """

    def __init__(self, folder):
        self.folder = folder
        self.path = os.path.join(folder, NAME)

    def add(self, path, before, after):
        """Note a change, and wait until the note is on the disk.

        Parameters
        ----------
        path : str
        before : dict
            Of `read_state`.
        after : list of str
            Genres.
        """
        name = os.path.relpath(path, self.folder)
        line = json.dumps({"file": name, "before": before, "after": after})
        # What a killed process left unfinished belongs to a change that was not made.
        whole = self._size_of_whole_lines()
        is_new = whole is None
        with open(self.path, "ab") as file:
            if not is_new:
                file.truncate(whole)
            file.write(line.encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        if is_new:
            sync(self.folder)

    def read(self):
        """Return the changes of each file.

        Returns
        -------
        changes : dict of str to (dict, list of list of str)
            By path: the tags before the first change, and the genres after each.

        Raises
        ------
        FileNotFoundError
            If nothing was changed.
        ValueError
            If the file is no backup.
        """
        try:
            with open(self.path, "rb") as file:
                content = file.read()
        except FileNotFoundError:
            raise FileNotFoundError(
                f"there is no backup {self.path!r}: nothing in this folder was tagged, or all of "
                "it was undone"
            ) from None
        changes = {}
        for number, line in enumerate(content.split(b"\n")[:-1], 1):
            try:
                held = json.loads(line)
                path = os.path.join(self.folder, held["file"])
                _, after = changes.setdefault(path, (held["before"], []))
                after.append(held["after"])
            except (ValueError, KeyError, TypeError) as error:
                raise ValueError(
                    f"line {number} of {self.path!r} is damaged; remove it to undo the others"
                ) from error
        return changes

    def keep(self, changes):
        """Leave only some changes, of `read`, in the backup; without any it is removed."""
        if not changes:
            os.unlink(self.path)
            sync(self.folder)
            return
        with changing(self.path) as copy, open(copy, "wb") as file:
            for path, (before, after) in changes.items():
                name = os.path.relpath(path, self.folder)
                for genres in after:
                    line = json.dumps({"file": name, "before": before, "after": genres})
                    file.write(line.encode() + b"\n")

    def _size_of_whole_lines(self):
        try:
            with open(self.path, "rb") as file:
                size = file.seek(0, 2)
                tail = min(size, 1 << 20)
                file.seek(size - tail)
                end = file.read()
        except FileNotFoundError:
            return None
        return size - len(end) + end.rfind(b"\n") + 1
