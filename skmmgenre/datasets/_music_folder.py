"""Loader of a folder of music as a table."""

import os
import re
import tempfile
from collections import Counter
from functools import partial
from numbers import Integral
from typing import Literal

import numpy as np
import pandas as pd
from sklearn.preprocessing import MultiLabelBinarizer
from sklearn.utils import Bunch
from sklearn.utils._param_validation import StrOptions, validate_params

from .._typing import FilePath
from ..labels._genre_lists import (
    NOT_GENRES,
    describe_reading,
    drop_too_long,
    genre_key,
    read_genre_lists,
)
from ..store import map_cells
from ..utils import BadItem, first_few
from ._audio_tags import IDS, SUPPORTED, audio_kind, name_genres, read_audio_tags
from ._folder_files import (
    AUDIO_SUFFIXES,
    IMAGE_SUFFIXES,
    check_cover,
    choose_album_text,
    choose_cover,
    fold_name,
    list_around,
    place_of,
    read_text,
    spell_path,
    walk_folder,
    write_cover,
)

_TRACK = "artist albumartist album title track disc date genres genre duration format".split()
_ALBUM = "artist title track_titles date genres genre duration".split()
_CELLS = ["audio", "text", "cover"]
_VARIOUS = frozenset({"various artists", "various", "va", "v.a.", "v/a"})
_MIN_WORDS = 5  # of a comment
_DISC = re.compile(r"(?:cd|disc|disk)\s*[-_#.]?\s*\d{1,2}\b.*", re.IGNORECASE)
_NO_SOUND = IMAGE_SUFFIXES | frozenset(
    ".txt .nfo .log .cue .m3u .m3u8 .pls .xspf .md .pdf .html .htm .xml .json .csv .ini .db".split()
)


@validate_params(
    {
        "path": [str, os.PathLike, list],
        "by": [StrOptions({"track", "album"})],
        "covers": ["boolean"],
        "cover_directory": [str, os.PathLike, None],
        "text": [StrOptions({"both", "file", "tag"}), None],
        "genre_separators": [str, None],
        "not_genres": [list, tuple],
        "n_jobs": [Integral, None],
        "verbose": ["verbose"],
    },
    prefer_skip_nested_validation=True,
)
def load_music_folder(
    path: FilePath | list[str],
    *,
    by: Literal["track", "album"] = "track",
    covers: bool = True,
    cover_directory: FilePath | None = None,
    text: Literal["both", "file", "tag"] | None = "both",
    genre_separators: str | None = None,
    not_genres: list[str] | tuple[str, ...] = NOT_GENRES,
    n_jobs: int | None = None,
    verbose: int = 0,
) -> Bunch:
    """Load a folder of tagged audio files, covers and texts.

    Parameters
    ----------
    path : str or path, or list of str
        The folder; files may be at any depth. Paths in the table begin with `path` as given, but
        without a trailing slash, doubled slashes and "./", and with "~" expanded. A list gives
        audio files: only these are loaded, with the covers and texts next to them.
    by : {"track", "album"}, default="track"
        Unit of a row. An album is the files of one folder with the same album tag and the same
        album artist or MusicBrainz id (folders ``CD 1`` and ``CD 2`` count as part of the folder
        above); files without an album tag are grouped by artist and folder.
    covers : bool, default=True
        Whether to search for covers, in audio files and next to them. Each cover is decoded, so
        False saves time if no model uses covers.
    cover_directory : str or path, default=None
        Folder where embedded covers are written, each once, under a name derived from its content;
        a new temporary folder by default.
    text : {"both", "file", "tag"} or None, default="both"
        Source of texts: files (``TRACK.txt``, or a file in the folder of the album, such as
        ``review.txt``), comment and description tags of at least five words, or both, with the
        file first.
    genre_separators : str, default=None
        Characters that always separate genres within a tag. By default, these are semicolon, bar
        and slash, except for a slash in known names of catalogues, such as "Pop/Rock" and
        "R&B/Soul"; commas and backslashes also separate genres if each part is a known genre or
        the only genre of some file. With ``";"`` every "A/B" is one genre, with ``";/|"`` none is.
    not_genres : list or tuple of str
        Names in genre tags that are not genres. The default contains the names that programs write
        if there is no genre ("Other", which is also number 12 of ID3, "Unknown", "Misc" and so on;
        the signature lists all of them) and "Podcast". Case is ignored; () keeps all names.
    n_jobs : int, default=None
        Number of joblib workers; None is one.
    verbose : int, default=0
        1 shows a progress bar.

    Returns
    -------
    data : :class:`~sklearn.utils.Bunch`
        table : DataFrame, one row per track (or album), in order of folders and of tracks in them
            audio (path; for an album, a list in order of tracks), text (list of str), cover (path
            of an image); artist, albumartist, album, title, track and disc (numbers), date,
            genres (list of str, empty if there is none), genre (the first, or for an album the
            most frequent), duration in seconds, format; and
            musicbrainz_artistid, _albumid, _releasegroupid, _trackid. For an album, title is the
            title of the album, and track_titles is a list. Missing values are None.
        y : ndarray of str or None, shape (n,)
            The column genre.
        Y : DataFrame of int8, shape (n, n_genres)
            Indicator matrix of the genres of each row; columns are sorted. Spellings that differ
            only in case are replaced by the most frequent one.
        groups : ndarray of str or None, shape (n,)
            Artists. For a track, the column albumartist, or artist if albumartist is missing or
            "Various Artists"; for an album, the column artist, or None for various artists.
        genre_readings : DataFrame
            Genre tags that were split at a slash, comma or backslash, or dropped because they are
            not a genre: text, genres (the genres it was read as), n_files; the most frequent
            first.
        errors : DataFrame
            Problems: item (path), row (in the table, None if there is none), reason and remedy.
            Every file that may be an audio file has a row or is listed here; none of these
            problems raises an error.
        DESCR : str
            Summary of the loaded data.

    Raises
    ------
    FileNotFoundError, NotADirectoryError
        If there is no such folder.
    ValueError
        If there is no readable audio file in it.

    See Also
    --------
    skmmgenre.compose.MeanOverTracks : Transformer for the lists of paths of albums.

    Notes
    -----
    The format of a file is detected from its content; a file with the wrong extension is read, and
    listed in ``errors``. Tags are read from MP3, FLAC, Ogg (Vorbis, Opus, FLAC), WAV, AIFF, MP4,
    AAC, WMA and APE files (for the last three, without covers). Files in Matroska and in other
    formats that libsndfile reads, such as CAF and AU, get a row without tags, and are listed too.
    Audio is not decoded here, so damaged audio is only found later: see ``on_error`` of
    `CQTExtractor`.

    Numbers of the ID3 list of genres are replaced by their names; 255 means no genre. The cover is
    the embedded front cover, else the first embedded image, else an image in the folder that is
    named cover, folder or front, or the only image there; for an album, the image in the folder
    comes first. Images that cannot be decoded are listed, and the next candidate is used. Files
    and folders whose names begin with a dot are ignored.

    Requires mutagen: ``pip install "skmmgenre[data]"``.

    Examples
    --------
    >>> from skmmgenre.datasets import load_music_folder, make_albums
    >>> folder = make_albums(3, tracks_per_album=2, duration=1.0, random_state=0).directory
    >>> music = load_music_folder(folder)
    >>> music.table[["audio", "title", "format"]].shape
    (6, 3)
    >>> music.y
    array([None, None, None, None, None, None], dtype=object)
    """
    if isinstance(path, list):
        files, errors = _each_place_once(path)
        found = list_around(files)
        named = f"{len(files):,} file{'s' if len(files) > 1 else ''}"
    else:
        path = spell_path(path)
        found = walk_folder(path)
        errors = [(item, None, reason, remedy) for item, reason, remedy in found.faults]
        files = _sound_files(found, errors)
        named = f"the folder {os.path.basename(os.path.abspath(path))!r}"
    makes_folder = covers and cover_directory is None
    temporary = tempfile.mkdtemp(prefix="covers_") if makes_folder else None
    place = (temporary or spell_path(cover_directory) or ".") if covers else None
    records, faults = map_cells(
        partial(_read_track, cover_directory=place, separators=genre_separators),
        files,
        noun="sound file",
        on_error="missing",
        n_jobs=n_jobs,
        verbose=verbose,
        description="files",
        warn=False,  # everything is listed in errors, and reported if no file is readable
    )
    if temporary is not None and not os.listdir(temporary):
        os.rmdir(temporary)
    errors += [(files[fault["row"]], None, fault["reason"], fault["remedy"]) for fault in faults]
    tracks = [record for record in records if record is not None]
    if not tracks:
        raise ValueError(_nothing_found(path, errors))
    tracks.sort(key=_place_in_order)
    readings = _read_genres(tracks, genre_separators, not_genres)
    # Once per folder, because covers are decoded to check them.
    beside = {
        folder: _Beside(folder, found, text, covers, errors)
        for folder in {_folder(t) for t in tracks}
    }
    if by == "album":
        groups = {}
        for track in tracks:
            groups.setdefault(_album_of(track), []).append(track)
        rows = [_album_row(album, beside, text) for album in groups.values()]
    else:
        rows = [_track_row(track, beside[_folder(track)], text) for track in tracks]
    for row, entry in enumerate(rows):
        errors += [(item, row, reason, remedy) for item, reason, remedy in entry.pop("notes")]
    columns = [*_CELLS, *(_TRACK if by == "track" else _ALBUM), *IDS]
    table = pd.DataFrame(
        {name: pd.Series([row[name] for row in rows], dtype=object) for name in columns}
    )
    binarizer = MultiLabelBinarizer()
    matrix = binarizer.fit_transform(table["genres"])
    return Bunch(
        table=table,
        y=table["genre"].to_numpy(dtype=object),
        Y=pd.DataFrame(matrix.astype(np.int8), columns=pd.Index(binarizer.classes_, dtype=object)),
        groups=np.array([_group(row) for row in rows], dtype=object),
        genre_readings=pd.DataFrame(
            [(reading.text, reading.genres, reading.n_items) for reading in readings],
            columns=["text", "genres", "n_files"],
            dtype=object,
        ),
        errors=_error_table(errors),
        DESCR=(
            f"{len(table):,} {by}s in {named}: "
            f"{table['genre'].notna().sum():,} with genres, {table['text'].notna().sum():,} with "
            f"texts, {table['cover'].notna().sum():,} with a cover." + _describe(readings)
        ),
    )


def _describe(readings):
    if not readings:
        return ""
    described = [describe_reading(reading, "file") for reading in readings]
    first = first_few(described, 5, count=True, separator="; ")
    return f" Genre tags that were split or dropped: {first}; see genre_readings."


def _each_place_once(paths):
    """Return the files of a list, each in its first spelling, and errors for repeated files."""
    files, errors = {}, []
    for path in map(spell_path, paths):
        known = files.setdefault(place_of(path), path)
        if known != path:
            errors.append((path, None, f"the same file as {known!r}", "It is loaded once."))
    return list(files.values()), errors


def _group(row):
    """Return the artist of a row, so that a split by artist does not divide an artist's music."""
    for name in (row.get("albumartist"), row["artist"]):
        if name is not None and name.casefold() not in _VARIOUS:
            return name
    return None


def _error_table(errors):
    errors = sorted(errors, key=lambda error: error[0])
    return pd.DataFrame(errors, columns=["item", "row", "reason", "remedy"], dtype=object)


def _sound_files(found, errors):
    """Return the paths that may be audio files; a file with two names is returned once."""
    files, met = [], {}
    paths = [os.path.join(folder, name) for folder, name in found.places()]
    for path in sorted(paths, key=os.path.islink):  # a file's own name takes precedence over links
        suffix = os.path.splitext(path)[1].lower()
        if suffix not in AUDIO_SUFFIXES and (suffix in _NO_SOUND or not _may_hold_sound(path)):
            continue
        try:
            status = os.stat(path)
        except OSError as error:  # deleted since it was listed
            errors.append((path, None, f"it cannot be read ({os.strerror(error.errno)})", ""))
            continue
        known = met.setdefault((status.st_dev, status.st_ino), path)
        if known == path:
            files.append(path)
        else:
            errors.append((path, None, f"the same file as {known!r}", "It is loaded once."))
    return files


def _may_hold_sound(path):
    try:
        return audio_kind(path) is not None
    except BadItem:  # not supported or not permitted; this is reported when the file is read
        return not os.path.exists(path) or os.path.getsize(path) > 0


def _read_track(path, *, cover_directory, separators):
    """Read the tags of an audio file, and write its embedded cover to a file if requested."""
    tags = read_audio_tags(path)
    notes = [(path, note, "It is loaded; rename it or fix its tags.") for note in tags.pop("notes")]
    texts, too_long = drop_too_long(tags["genre"], separators)
    if too_long:
        named = first_few(too_long, 1, count=True, name=repr)
        reason = f"genre tags that are too long, or more than 64: {named}"
        notes.append((path, reason, "They are ignored; fix the tags."))
    tags["genre"], n_unknown = name_genres(texts)
    if n_unknown:
        notes.append((path, "a genre number without a genre, such as 255", "Fix the tags."))
    cover, pictures = None, tags.pop("pictures")
    for picture in pictures if cover_directory is not None else ():
        try:
            cover = write_cover(picture, cover_directory)
            break
        except BadItem as fault:
            notes.append((path, fault.reason, fault.remedy))
    return {**tags, "audio": path, "cover": cover, "notes": notes}


def _folder(track):
    return os.path.dirname(track["audio"])


def _album_folder(folder):
    """Return the folder of an album; for the folder of a disc, that is the folder above."""
    above, name = os.path.split(folder)
    return above if _DISC.fullmatch(name) else folder


def _place_in_order(track):
    folder, name = os.path.split(track["audio"])
    disc = track["disc"] or 0
    number = track["track"]
    # By disc, which may have a folder of its own; tracks without a number come last.
    in_folder = (disc, _natural(folder), number is None, number or 0, _natural(name))
    return (_natural(_album_folder(folder)), *in_folder)


def _natural(name):
    """Split a name so that 2 comes before 10."""
    # Pairs, because int and str at the same position could not be compared.
    parts = re.split(r"(\d+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def _read_genres(tracks, separators, not_genres):
    """Add the genres of all tracks, in their most frequent spelling; return changed readings."""
    found, readings = read_genre_lists(
        [track["genre"] for track in tracks], separators, not_genres=not_genres
    )
    counts = Counter(genre for genres in found for genre in genres)
    spelling = {}
    for genre, _ in counts.most_common():
        spelling.setdefault(genre_key(genre), genre)
    for track, genres in zip(tracks, found, strict=True):
        track["genres"] = [spelling[genre_key(genre)] for genre in genres]
    return readings


class _Beside:
    """The cover and the texts next to the audio files of a folder."""

    def __init__(self, folder, found, text, covers, errors):
        names = found.folders.get(folder, [])
        above = _album_folder(folder)
        places = [(folder, names)]
        if above != folder:
            places.append((above, found.folders.get(above, [])))
        self.cover = None
        if covers:
            whole = (_whole_cover(place, files, errors) for place, files in places)
            self.cover = next(filter(None, whole), None)
        self.text, self.of_track = None, {}
        if text not in ("both", "file"):
            return
        split = [os.path.splitext(name) for name in names]
        tracks = {stem for stem, suffix in split if suffix.lower() in AUDIO_SUFFIXES}
        texts = {}  # names are compared without case, but an exact match comes first
        for stem, suffix in split:
            if suffix.lower() == ".txt":
                texts.setdefault(fold_name(stem), stem + suffix)
        texts |= {stem: stem + suffix for stem, suffix in split if suffix == ".txt"}
        for stem in sorted(tracks):
            if name := texts.get(stem) or texts.get(fold_name(stem)):
                self.of_track[stem] = _read(os.path.join(folder, name), errors)
        tracks = set(map(fold_name, tracks))
        for place, files in places:
            name = choose_album_text(files, tracks, os.path.basename(place))
            if name is not None and self.text is None:
                self.text = _read(os.path.join(place, name), errors)


def _whole_cover(folder, names, errors):
    """Return the path of the best cover in a folder that can be decoded, or None."""
    while name := choose_cover(names):
        path = os.path.join(folder, name)
        try:
            check_cover(path)
        except BadItem as fault:
            if path not in {item for item, *_ in errors}:  # may be the folder above several discs
                errors.append((path, None, fault.reason, fault.remedy))
            names = [other for other in names if other != name]
        else:
            return path
    return None


def _read(path, errors):
    try:
        return read_text(path)
    except BadItem as fault:
        errors.append((path, None, fault.reason, fault.remedy))
        return None


def _texts(candidates):
    """Return the texts that are not empty, each once, or None."""
    return list(dict.fromkeys(text for text in candidates if text)) or None


def _comments(track, text):
    """Return the comments of a track, without the short ones that programs write."""
    if text not in ("both", "tag"):
        return []
    return [comment for comment in track["comment"] if len(comment.split()) >= _MIN_WORDS]


def _track_row(track, beside, text):
    stem = os.path.splitext(os.path.basename(track["audio"]))[0]
    own = beside.of_track.get(stem) or beside.text
    return {
        **track,
        "text": _texts([own, *_comments(track, text)]),
        "cover": track["cover"] or beside.cover,
        "genre": next(iter(track["genres"]), None),
    }


def _album_of(track):
    """Return the key that the tracks of an album share."""
    folder = _album_folder(_folder(track))
    artist = (track["albumartist"] or "").casefold()
    # The id or the artist separates albums with the same title in one folder.
    if track["album"] is not None:
        return folder, track["album"].casefold(), track["musicbrainz_albumid"] or artist
    return folder, track["musicbrainz_albumid"], artist or (track["artist"] or "").casefold()


def _album_row(tracks, beside, text):
    places = list(dict.fromkeys(beside[_folder(track)] for track in tracks))
    covers = [place.cover for place in places] + [track["cover"] for track in tracks]
    texts = [place.text for place in places]
    texts += [text for place in places for text in place.of_track.values()]
    texts += [comment for track in tracks for comment in _comments(track, text)]
    genres = Counter(genre for track in tracks for genre in track["genres"])
    genres = [genre for genre, _ in genres.most_common()]
    artists = {track["artist"] for track in tracks}
    artist = _most_frequent(tracks, "albumartist")
    if artist is None:
        artist = artists.pop() if len(artists) == 1 else "Various Artists"
    return {
        "audio": [track["audio"] for track in tracks],
        "text": _texts(texts),
        "cover": next((cover for cover in covers if cover), None),
        "artist": artist,
        "title": _most_frequent(tracks, "album"),
        "track_titles": [track["title"] for track in tracks],
        "date": _most_frequent(tracks, "date"),
        "genres": genres,
        "genre": next(iter(genres), None),
        "duration": sum(track["duration"] for track in tracks),
        **{name: _most_frequent(tracks, name) for name in IDS},
        "notes": [note for track in tracks for note in track["notes"]],
    }


def _most_frequent(tracks, name):
    counts = Counter(track[name] for track in tracks if track[name] is not None)
    return counts.most_common(1)[0][0] if counts else None


def _nothing_found(path, errors):
    if isinstance(path, list):
        message = "None of the files is a readable audio file."
    else:
        message = f"There is no readable audio file in {path!r}."
    if errors:
        item, _, reason, _ = errors[0]
        if len(errors) > 1:
            message += f" {len(errors):,} files were skipped, the first is"
        message += f" {item!r}: {reason}."
    return f"{message} Supported formats: {SUPPORTED}."
