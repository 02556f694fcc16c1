"""Read, write and restore the genre tags of a sound file."""

from ..audio._decode import View, length_of_id3
from ..datasets._audio_tags import TAGGED, audio_kind, name_genres, open_audio, read_audio_tags
from ..labels._genre_lists import NOT_GENRES, read_genre_lists
from ..utils import BadItem
from ._tags import (
    MAX_GENRES,
    MAX_TEXT,
    edits_of,
    id3_edits,
    is_genre,
    mp4_edits,
    read_comments,
    refuse_many_frames,
    same_content,
    undo_of,
    vorbis_edits,
    with_edits,
)

_ID3 = ("MP3", "WAV", "AIFF")
_ATOM = "\xa9gen"


def read_state(path):
    """Return the genre tags of a file.

    Parameters
    ----------
    path : str

    Returns
    -------
    state : dict
        Plain values. "genres" contains the raw texts of the tags, or is None if there is no tag.

    Raises
    ------
    BadItem
        If the file is not a readable sound file, or its genres do not fit into a backup.
    """
    state = _state(path)
    _refuse_many_genres(state["genres"] or ())
    return state


def _state(path):
    kind = _kind(path)
    # Before mutagen reads the tag, which takes long if there are very many frames.
    if kind in _ID3:
        with open(path, "rb") as opened:
            refuse_many_frames(_behind_id3(opened, kind)[0], kind)
    # Frames of older ID3 versions are not translated; ID3v1 is read only if it is the only tag.
    file, _ = open_audio(path, translate=False, load_v1=False)
    if kind in _ID3:
        tags, where = file.tags, "v2"
        if tags is None and kind == "MP3":
            tags, where = open_audio(path, translate=False)[0].tags, "v1"
        frame = None if tags is None else tags.get("TCON")
        return {
            "tags": None if tags is None else where,
            "genres": None if frame is None else [str(text) for text in frame.text],
            "encoding": None if frame is None else int(frame.encoding),
        }
    if kind == "MP4":
        genres = None if file.tags is None else file.tags.get(_ATOM)
        return {"tags": file.tags is not None, "genres": None if genres is None else list(genres)}
    with open(path, "rb") as opened:
        comments = read_comments(_behind_id3(opened, kind)[0], kind)
    found = [place for place, comment in enumerate(comments or ()) if is_genre(comment)]
    pairs = [comments[place].partition(b"=") for place in found]
    return {
        "tags": comments is not None,
        "genres": [text.decode("utf-8", "replace") for _, _, text in pairs] or None,
        "places": found,
        "keys": [key.decode() for key, _, _ in pairs],
    }


def genres_in(path, not_genres=None, separators=None):
    """Return the genres in the tags of a file, and texts that are not genres, such as "Other"."""
    texts, _ = name_genres(read_audio_tags(path)["genre"])
    not_genres = NOT_GENRES if not_genres is None else not_genres
    (genres,), readings = read_genre_lists([texts], separators, not_genres=not_genres)
    return genres, [reading.text for reading in readings if not reading.genres]


def why_untaggable(path):
    """Return why genres cannot be written to a sound file, or None."""
    try:
        kind = audio_kind(path)
    except BadItem as fault:
        return fault.reason
    return None if kind is None or kind in TAGGED else f"tags of {kind} files are not written"


def write_genres(path, copy, genres):
    """Write a copy of a file with other genres.

    Parameters
    ----------
    path : str
    copy : str
        Path of the copy.
    genres : list of str

    Returns
    -------
    undo : list
        Plain values from which `undo_write` restores the file bit for bit.

    Raises
    ------
    BadItem
        If the tags cannot be changed without loss, or the genres do not fit into a backup.
    """
    _refuse_many_genres(genres)
    kind = _kind(path)
    with open(path, "rb") as file:
        edits = _edits(file, kind, genres)
        _make(copy, file, edits)
        undo = undo_of(file, edits)
    # Read back with mutagen before the copy replaces the file.
    _check(copy, genres)
    return undo


def undo_write(path, copy, record):
    """Write a copy of a file as it was before a change, if it was not modified since.

    The record is not trusted: the restored copy is accepted only if writing the genres to it again
    gives the current file.

    Parameters
    ----------
    path : str
    copy : str
        Path of the copy.
    record : dict
        From `TagBackup.read`.

    Returns
    -------
    done : bool
        False if the file was modified since the change.
    """
    if record["undo"] is None:
        return False
    with open(path, "rb") as file:
        edits = edits_of(record["undo"], file)
        if edits is None:
            return False
        _make(copy, file, edits)
    try:
        kind = _kind(copy)
        with open(copy, "rb") as old:
            is_same = same_content(with_edits(old, _edits(old, kind, record["after"])), path)
        return is_same and read_state(copy) == record["before"]
    except BadItem:
        return False


def is_as_before(path, record):
    """Return whether writing the genres of a record again would give the same undo information.

    This is so if the file is as it was before the change. It is also so if damage hides a genre
    written into the padding of an ID3 tag, or the whole tag of a file that had none.
    """
    try:
        with open(path, "rb") as file:
            edits = _edits(file, _kind(path), record["after"])
            return undo_of(file, edits) == record["undo"]
    except BadItem:
        return False


def restore_state(path, copy, state):
    """Write a copy of a file with its old genre tags; other changes to the file are kept.

    Parameters
    ----------
    path : str
    copy : str
        Path of the copy.
    state : dict
        From `read_state`.
    """
    kind, genres = _kind(path), restored_genres(state)
    names = set(state) - {"tags", "genres"}
    expected = {"MP4": set(), "FLAC": {"places", "keys"}, "Ogg": {"places", "keys"}}
    if names != expected.get(kind, {"encoding"}):
        raise BadItem(f"it is now a file of another format ({kind})", "")
    # Bytes that are not UTF-8 were read as U+FFFD: only a bit-for-bit undo can restore them.
    if any("\ufffd" in genre for genre in genres or ()):
        raise BadItem("its old genre is not valid UTF-8, and the file was changed since", "")
    more = {name: state[name] for name in names} if genres else {}
    with open(path, "rb") as file:
        _make(copy, file, _edits(file, kind, genres, **more))
    _check(copy, genres)


def restored_genres(state):
    """Return the genres that are written to restore a state; ID3v1 tags were never changed."""
    return None if state["tags"] == "v1" else state["genres"]


def _edits(file, kind, genres, **more):
    source, start = _behind_id3(file, kind)
    if kind in _ID3:
        edits = id3_edits(source, kind, genres, **more)
    elif kind == "MP4":
        edits = mp4_edits(source, genres)
    else:
        edits = vorbis_edits(source, kind, genres, **more)
    return [edit.shifted(start) for edit in edits]


def _behind_id3(file, kind):
    """Return a view of a file after a leading ID3 tag, which any format may have, and its start."""
    start = 0 if kind == "MP3" else length_of_id3(file)
    return (View(file, start), start) if start else (file, 0)


def _refuse_many_genres(genres):
    """Raise BadItem if genres do not fit into a line of a backup."""
    if len(genres) > MAX_GENRES:
        n_genres = f"{len(genres):,} genres"
        raise BadItem(f"{n_genres}: --undo can restore at most {MAX_GENRES:,}", "")
    size = max(map(len, genres), default=0)
    if size > MAX_TEXT:
        genre = f"a genre of {size:,} characters"
        raise BadItem(f"{genre}: --undo can restore at most {MAX_TEXT:,}", "")


def _make(copy, file, edits):
    with open(copy, "wb") as out:
        out.writelines(with_edits(file, edits))


def _kind(path):
    # A file named .mp3 may begin with other data. `open_audio` refuses all others without a kind.
    return audio_kind(path) or "MP3"


def _check(copy, genres):
    found = read_state(copy)["genres"]
    if found != genres:
        raise ValueError(f"wrote {genres}, but the tag reads {found}; the file was not changed")
