"""Reading of the tags of audio files, with the same names for all formats."""

import base64
import os
import re
import struct
import unicodedata

from ..audio._decode import View, container_of, length_of_id3, signature_of
from ..utils import BadItem, import_from_extra

_ID_NAMES = ("Artist Id", "Album Id", "Release Group Id", "Track Id")
IDS = tuple(f"musicbrainz_{name.lower().replace(' ', '')}" for name in _ID_NAMES)

# Keys of each field in ID3, Vorbis comments (and APEv2), MP4 and WMA; the first key that exists is
# used.
_FIELDS = {
    "title": (("TIT2",), ("title",), ("\xa9nam",), ("Title",)),
    "artist": (("TPE1",), ("artist",), ("\xa9ART",), ("Author",)),
    "albumartist": (
        ("TPE2", "TXXX:ALBUMARTIST"),
        ("albumartist", "album artist"),
        ("aART",),
        ("WM/AlbumArtist",),
    ),
    "album": (("TALB",), ("album",), ("\xa9alb",), ("WM/AlbumTitle",)),
    "date": (
        ("TDRC", "TDRL", "TDOR"),
        ("date", "year", "originaldate"),
        ("\xa9day",),
        ("WM/Year", "WM/OriginalReleaseYear"),
    ),
    "track": (("TRCK",), ("tracknumber", "track"), ("trkn",), ("WM/TrackNumber",)),
    "disc": (("TPOS",), ("discnumber", "disc"), ("disk",), ("WM/PartOfSet",)),
    "genre": (("TCON",), ("genre",), ("\xa9gen", "gnre"), ("WM/Genre",)),
    "comment": (
        (),
        ("description", "comment", "comments"),
        ("ldes", "desc", "\xa9cmt"),
        ("Description",),
    ),
    **{
        key: (
            (f"TXXX:MusicBrainz {name}",),
            (key,),
            (f"----:com.apple.iTunes:MusicBrainz {name}",),
            (f"MusicBrainz/{name}",),
        )
        for key, name in zip(IDS, _ID_NAMES, strict=True)
    },
}
_ID3, _VORBIS, _MP4, _WMA = ({name: keys[i] for name, keys in _FIELDS.items()} for i in range(4))
_RIFF_INFO = {
    b"INAM": "title",
    b"IART": "artist",
    b"IPRD": "album",
    b"ICRD": "date",
    b"ITRK": "track",
    b"IGNR": "genre",
    b"ICMT": "comment",
}
_MAX_INFO = 1 << 20  # bytes
_MAX_CHUNKS = 1_000  # a broken file may declare millions of empty chunks
# Comments that programs write for their own use.
_PROGRAMS = re.compile(r"^(?:iTun|Songs-DB|MusicMatch|ID3v1|c0$|cc$)")
_FRONT = 3  # picture type of a front cover

_SUFFIXES = {
    "MP3": (".mp3",),
    "FLAC": (".flac",),
    "Ogg": (".ogg", ".oga", ".opus"),
    "WAV": (".wav", ".wave"),
    "MP4": (".m4a", ".mp4", ".m4b", ".m4p", ".m4r", ".aac", ".alac", ".3gp", ".mov"),
    "AIFF": (".aif", ".aiff", ".aifc"),
    "AAC": (".aac", ".adts"),
    "WMA": (".wma", ".asf"),
    "APE": (".ape",),
}
_READ_ALONE = frozenset({"AAC", "WMA", "APE"})
TAGGED = frozenset(_SUFFIXES) - _READ_ALONE  # formats whose tags are read and written
# Formats that PyAV decodes, by the names of ffmpeg's demuxers.
_DECODED_BY_PYAV = {
    "mov": "MP4",
    "aac": "AAC",
    "asf": "WMA",
    "matroska": "Matroska",
    "ape": "APE",
    "flac": "FLAC",
}
_NOT_READ = {
    b"wvPk": "WavPack",
    b"MPCK": "Musepack",
    b"MP+": "Musepack",
    b"DSD ": "DSD",
    b"FRM8": "DSD",
    b"TTA1": "True Audio",
    b"TTA2": "True Audio",
    b"tBaK": "TAK",
    b"OFR ": "OptimFROG",
    b"ajkg": "Shorten",
    b"#!AMR": "AMR",
    b".RMF": "RealMedia",
    b"\x0bw": "AC-3",
    b"MThd": "MIDI",
}
# Errors other than its own that mutagen raises for broken files.
_OF_BROKEN_FILES = (
    ArithmeticError,
    AssertionError,
    EOFError,
    LookupError,
    ValueError,
    struct.error,
)
SUPPORTED = "MP3, FLAC, Ogg, WAV, AIFF, MP4, AAC, WMA, APE and Matroska"
_CONVERT = "Convert it (ffmpeg -i INPUT out.flac)."


def audio_kind(path):
    """Detect the format of an audio file from its first bytes.

    Parameters
    ----------
    path : str

    Returns
    -------
    kind : str or None
        "MP3", "FLAC", "Ogg", "WAV", "MP4" or "AIFF", whose tags are read and written; "AAC",
        "WMA" or "APE", whose tags are only read; "Matroska" or libsndfile's name of a format
        ("CAF", "AU"), whose tags are not read; None if it is none of these. A file named .mp3 that
        begins with other data is None too, and may still be an MP3.

    Raises
    ------
    BadItem
        If the file cannot be opened, is empty, or has an unsupported format.
    """
    try:
        with open(path, "rb") as file:
            is_empty = not file.read(1)
            has_id3 = length_of_id3(file) > 0  # ID3 tags may precede any format
            head = signature_of(file)
    except FileNotFoundError:
        if os.path.islink(path):
            raise BadItem("a broken link, or a link to itself", "Remove the link.") from None
        raise BadItem("there is no such file", "Check its name.") from None
    except PermissionError:
        raise BadItem("permission denied", "Check the permissions of the file.") from None
    except OSError as error:
        raise BadItem(f"it cannot be read ({os.strerror(error.errno)})", "") from error
    if is_empty:
        raise BadItem("the file is empty (0 bytes)", "Replace the file.")
    for start, name in _NOT_READ.items():
        if head.startswith(start):
            raise BadItem(f"the format {name} is not supported", _CONVERT)
    if (container := container_of(head)) is not None:
        return _DECODED_BY_PYAV[container.demuxer]
    if head[:4] == b"fLaC":
        return "FLAC"
    if head[:4] == b"OggS":
        return "Ogg"
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "WAV"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    if head[:4] == b"RIFF" and head[8:12] == b"AVI ":
        raise BadItem("the format AVI is not supported", _CONVERT)
    # Formats with a signature were recognized above, also after an ID3 tag.
    if has_id3:
        return "MP3"
    if _has_suffix(path, "MP3"):
        return None
    # An MP3 frame begins with this byte; mutagen checks that more frames follow.
    if head[0] == 0xFF:
        return "MP3" if _is_bare_mp3(path) else None
    with open(path, "rb") as file:
        info = _ask_libsndfile(file)
    return None if info is None else info.format


def _has_suffix(path, kind):
    return os.path.splitext(path)[1].lower() in _SUFFIXES[kind]


def _is_bare_mp3(path):
    """Return whether a file without an ID3 tag begins with several MP3 frames."""
    mutagen = import_from_extra("mutagen", "Reading tags", extra="data")
    from mutagen import mp3

    try:
        return not mp3.MP3(path).info.sketchy
    except mutagen.MutagenError:
        return False


def _ask_libsndfile(file):
    """Return libsndfile's information on the format and length of a file, or None."""
    import soundfile

    try:
        return soundfile.info(file)
    except soundfile.LibsndfileError:
        return None


def open_audio(path, **of_id3):
    """Open an audio file of a kind in `TAGGED`, detected from its content and not from its name.

    Parameters
    ----------
    path : str
    **of_id3
        Options of mutagen for reading ID3 tags, in formats that have them.

    Returns
    -------
    file : mutagen.FileType
        ``file.tags`` is None if there are no tags.
    kind : str
        As returned by `audio_kind`.

    Raises
    ------
    BadItem
        If it is not a readable audio file.
    """
    kind = audio_kind(path)
    if kind is None:
        if not _has_suffix(path, "MP3"):
            raise BadItem(
                "it is not an audio file of a known format", f"Supported formats: {SUPPORTED}."
            )
        kind = "MP3"
    if kind not in TAGGED:
        raise BadItem(f"tags of {kind} files are not written", _CONVERT)
    mutagen = import_from_extra("mutagen", "Reading tags", extra="data")
    from mutagen import aiff, flac, mp3, mp4, oggflac, oggopus, oggvorbis, wave

    openers = {"MP3": mp3.MP3, "FLAC": flac.FLAC, "WAV": wave.WAVE, "MP4": mp4.MP4}
    openers["AIFF"] = aiff.AIFF
    ogg = [oggvorbis.OggVorbis, oggopus.OggOpus, oggflac.OggFLAC]
    options = of_id3 if kind in ("MP3", "WAV", "AIFF") else {}
    try:
        with open(path, "rb") as opened:
            # mutagen reads the ID3 tag of an MP3, but expects most other formats to start the file.
            source = opened if kind == "MP3" else _behind_id3(opened)
            file = (
                mutagen.File(source, options=ogg)
                if kind == "Ogg"
                else openers[kind](source, **options)
            )
    except (mutagen.MutagenError, *_OF_BROKEN_FILES) as error:
        raise _broken(kind, error) from error
    if file is None:
        raise BadItem("an Ogg file without Vorbis, Opus or FLAC", _CONVERT)
    return file, kind


def _broken(kind, error):
    # Errors of mutagen are often empty, or are Python's own errors raised inside it.
    reason = " ".join(str(error).split())
    if " " not in reason or not type(error).__module__.startswith("mutagen"):
        reason = "it is truncated, or its sizes are wrong"
    return BadItem(f"it is not a valid {kind} file ({reason})", "Replace the file.")


def _behind_id3(file):
    """Return a view of a file that starts after the ID3 tags before its audio."""
    start = length_of_id3(file)
    file.seek(0)
    return View(file, start) if start else file


def read_audio_tags(path):
    """Read the tags of an audio file.

    Parameters
    ----------
    path : str

    Returns
    -------
    tags : dict
        title, artist, albumartist, album, date and the ids of `IDS` (str or None), track and disc
        (int or None), genre and comment (list of str), pictures (list of bytes, the front cover
        first), duration in seconds, format (str), and notes (list of str) on problems.

    Raises
    ------
    BadItem
        If it is not a readable audio file.
    """
    kind = audio_kind(path)
    if kind is not None and kind not in TAGGED | _READ_ALONE:
        return _untagged(path, kind)
    notes = []
    file, kind = (_open_to_read(path, kind), kind) if kind in _READ_ALONE else open_audio(path)
    if not _has_suffix(path, kind):
        suffix = os.path.splitext(path)[1].lower()
        notes.append(f"the name ends in {suffix!r}, but the file contains {kind}")
    read = {kind: _read_id3 for kind in ("MP3", "AIFF", "WAV", "AAC")}
    read |= {"MP4": _read_mp4, "WMA": _read_wma, "APE": _read_ape}
    tags, pictures = read.get(kind, _read_vorbis)(file, notes)
    if kind == "WAV":  # may have both kinds of tags; most programs write RIFF INFO
        tags = _read_riff_info(path) | {name: texts for name, texts in tags.items() if texts}
    tags = {key: _texts(tags.get(key)) for key in _FIELDS}
    if any("\ufffd" in text for texts in tags.values() for text in texts):
        notes.append("a tag has an invalid encoding")
    one = {key: next(iter(texts), None) for key, texts in tags.items()}
    pictures = [data for _, data in sorted(pictures, key=lambda picture: picture[0] != _FRONT)]
    return {
        **one,
        "artist": "; ".join(tags["artist"]) or None,
        "track": _number(one["track"]),
        "disc": _number(one["disc"]),
        "genre": tags["genre"],
        "comment": tags["comment"],
        "pictures": pictures,
        "duration": float(file.info.length),
        "format": kind,
        "notes": notes,
    }


def _open_to_read(path, kind):
    """Open a file of a kind in `_READ_ALONE`, as `open_audio` opens the other kinds."""
    mutagen = import_from_extra("mutagen", "Reading tags", extra="data")
    from mutagen import aac, asf, id3, monkeysaudio

    openers = {"AAC": aac.AAC, "WMA": asf.ASF, "APE": monkeysaudio.MonkeysAudio}
    try:
        with open(path, "rb") as opened:
            file = openers[kind](_behind_id3(opened))
            # mutagen does not read the tags of AAC.
            if kind == "AAC" and length_of_id3(opened):
                opened.seek(0)
                file.tags = id3.ID3(opened)
    except (mutagen.MutagenError, *_OF_BROKEN_FILES) as error:
        raise _broken(kind, error) from error
    return file


def _untagged(path, kind):
    """Return the result of `read_audio_tags` for a format whose tags are not supported."""
    with open(path, "rb") as file:
        info = _ask_libsndfile(file)
    return {
        **dict.fromkeys(_FIELDS),
        "genre": [],
        "comment": [],
        "pictures": [],
        "duration": float("nan") if info is None else float(info.duration),
        "format": kind,
        "notes": [f"tags of {kind} files are not supported"],
    }


def name_genres(texts):
    """Replace ID3 genre numbers in the texts of a genre tag by the names of the genres.

    Parameters
    ----------
    texts : list of str
        "(17)", "17" and "(17)Hard Rock" contain ID3 numbers; 255 and other unknown numbers have no
        genre.

    Returns
    -------
    texts : list of str
    n_unknown : int
        Number of ID3 numbers without a genre.
    """
    id3 = import_from_extra("mutagen.id3", "Reading tags", extra="data")
    named = id3.TCON(encoding=3, text=texts).genres if texts else []
    known = [name for name in named if name != "Unknown"]
    return known, len(named) - len(known)


def _read_id3(file, notes):
    frames = file.tags or {}
    tags = {}
    for name, keys in _ID3.items():
        frame = next((frames[key] for key in keys if key in frames), None)
        tags[name] = [] if frame is None else [str(text) for text in frame.text]
    if "UFID:http://musicbrainz.org" in frames:
        tags["musicbrainz_trackid"] = [
            frames["UFID:http://musicbrainz.org"].data.decode("ascii", "replace")
        ]
    if not file.tags:  # there is no tag, or a tag without frames
        return tags, []
    tags["comment"] = [
        str(text)
        for frame in frames.getall("COMM")
        if not _PROGRAMS.match(frame.desc)
        for text in frame.text
    ]
    # "-->" marks the address of a picture in place of its data.
    pictures = [(p.type, p.data) for p in frames.getall("APIC") if p.mime != "-->"]
    return tags, pictures


def _read_vorbis(file, notes):
    comments = file.tags or {}
    tags = {
        name: next((comments[key] for key in keys if key in comments), [])
        for name, keys in _VORBIS.items()
    }
    from mutagen import flac

    pictures = [(p.type, p.data) for p in getattr(file, "pictures", ())]
    if not pictures and "metadata_block_picture" in comments:
        for text in comments["metadata_block_picture"]:
            try:
                picture = flac.Picture(base64.b64decode(text))
            except (flac.error, ValueError):
                notes.append("an embedded cover is broken")
            else:
                pictures.append((picture.type, picture.data))
    return tags, pictures


def _read_mp4(file, notes):
    atoms = file.tags or {}
    tags = {
        name: [_mp4_text(value) for value in next((atoms[k] for k in keys if k in atoms), [])]
        for name, keys in _MP4.items()
    }
    return tags, [(_FRONT, bytes(data)) for data in atoms.get("covr", [])]


def _read_wma(file, notes):
    tags = {
        name: [str(value) for value in next((file.tags[k] for k in keys if k in file.tags), [])]
        for name, keys in _WMA.items()
    }
    return tags, []


def _read_ape(file, notes):
    from mutagen import apev2

    items = {
        key.lower(): list(value)
        for key, value in (file.tags or {}).items()
        if value.kind == apev2.TEXT
    }
    return {
        name: next((items[key] for key in keys if key in items), [])
        for name, keys in _VORBIS.items()
    }, []


def _mp4_text(value):
    if isinstance(value, tuple):  # (number, total)
        return str(value[0])
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _read_riff_info(path):
    """Read the RIFF INFO tags of a WAV file, which mutagen does not read."""
    tags = {}
    with open(path, "rb") as file:
        file.seek(length_of_id3(file) + 12)
        for _ in range(_MAX_CHUNKS):
            head = file.read(8)
            if len(head) < 8:
                break
            name, size = struct.unpack("<4sI", head)
            # Chunks of odd size are followed by a pad byte.
            end = file.tell() + size + size % 2
            if name == b"LIST" and file.read(4) == b"INFO":
                for key, text in _riff_texts(file.read(min(max(size - 4, 0), _MAX_INFO))):
                    tags.setdefault(key, [text])
            file.seek(end)
    return tags


def _riff_texts(body):
    """Iterate over the fields of an INFO chunk; Windows programs write them as Windows-1252."""
    place = 0
    while place + 8 <= len(body):
        name, size = struct.unpack_from("<4sI", body, place)
        data = body[place + 8 : place + 8 + size].partition(b"\0")[0]
        place += 8 + size + size % 2
        if name in _RIFF_INFO:
            yield _RIFF_INFO[name], decode_text(data)


def decode_text(data):
    """Decode UTF-8, with or without a byte order mark, and anything else as Windows-1252."""
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError:
        return data.decode("cp1252", "replace")


def _texts(values):
    """Return the texts that are not empty, in NFC: an accent may be encoded in two ways."""
    texts = (unicodedata.normalize("NFC", str(value)) for value in values or ())
    return [text for text in (text.strip("\x00 \t\r\n") for text in texts) if text]


def _number(text):
    match = re.match(r"\s*(\d{1,6})", text or "")
    return int(match[1]) if match else None
