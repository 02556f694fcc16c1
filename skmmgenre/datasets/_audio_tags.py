"""The tags of a sound file, of whichever format, under the same names."""

import base64
import os
import re

from ..utils import BadItem, import_from_extra

_ID_NAMES = ("Artist Id", "Album Id", "Release Group Id", "Track Id")
IDS = tuple(f"musicbrainz_{name.lower().replace(' ', '')}" for name in _ID_NAMES)

# Where ID3, Vorbis comments and MP4 keep what; of several keys the first that is there counts.
_FIELDS = {
    "title": (("TIT2",), ("title",), ("\xa9nam",)),
    "artist": (("TPE1",), ("artist",), ("\xa9ART",)),
    "albumartist": (("TPE2", "TXXX:ALBUMARTIST"), ("albumartist", "album artist"), ("aART",)),
    "album": (("TALB",), ("album",), ("\xa9alb",)),
    "date": (("TDRC", "TDRL", "TDOR"), ("date", "year", "originaldate"), ("\xa9day",)),
    "track": (("TRCK",), ("tracknumber", "track"), ("trkn",)),
    "disc": (("TPOS",), ("discnumber", "disc"), ("disk",)),
    "genre": (("TCON",), ("genre",), ("\xa9gen", "gnre")),
    "comment": ((), ("description", "comment", "comments"), ("ldes", "desc", "\xa9cmt")),
    **{
        key: ((f"TXXX:MusicBrainz {n}",), (key,), (f"----:com.apple.iTunes:MusicBrainz {n}",))
        for key, n in zip(IDS, _ID_NAMES, strict=True)
    },
}
_ID3, _VORBIS, _MP4 = ({name: keys[i] for name, keys in _FIELDS.items()} for i in range(3))
_RIFF_INFO = {"tracknumber": "track"}  # libsndfile's names, where they are others
# Comments by which programs talk to themselves.
_PROGRAMS = re.compile(r"^(?:iTun|Songs-DB|MusicMatch|ID3v1|c0$|cc$)")
_FRONT = 3  # the number of a front cover among kinds of pictures

_SUFFIXES = {
    "MP3": (".mp3",),
    "FLAC": (".flac",),
    "Ogg": (".ogg", ".oga", ".opus"),
    "WAV": (".wav", ".wave"),
    "MP4": (".m4a", ".mp4", ".m4b", ".aac", ".alac"),
    "AIFF": (".aif", ".aiff"),
}
_NOT_READ = {
    b"0&\xb2u": "Windows Media",
    b"MAC ": "Monkey's Audio",
    b"wvPk": "WavPack",
    b"MPCK": "Musepack",
    b"MP+": "Musepack",
}
_CONVERT = "Convert it (ffmpeg -i INPUT out.flac)."


def audio_kind(path):
    """Tell the format of a sound file by its first bytes.

    Parameters
    ----------
    path : str

    Returns
    -------
    kind : str or None
        "MP3", "FLAC", "Ogg", "WAV", "MP4", "AIFF"; None where the bytes do not tell, which
        leaves a bare mp3.

    Raises
    ------
    BadItem
        If the file cannot be opened, is empty, or of a format that is not read.
    """
    try:
        with open(path, "rb") as file:
            head = file.read(12)
            if head[:3] == b"ID3" and len(head) >= 10:  # may stand before FLAC, too
                size = head[6:10]
                file.seek(10 + (size[0] << 21 | size[1] << 14 | size[2] << 7 | size[3]))
                return "FLAC" if file.read(4) == b"fLaC" else "MP3"
    except FileNotFoundError:
        if os.path.islink(path):
            raise BadItem("a link leads nowhere", "Remove the link.") from None
        raise BadItem("there is no such file", "Check its name.") from None
    except PermissionError:
        raise BadItem("it may not be read", "Check the rights of the file.") from None
    except OSError as error:
        raise BadItem(f"it cannot be read ({os.strerror(error.errno)})", "") from error
    if not head:
        raise BadItem("the file is empty (0 bytes)", "Get the file again.")
    for start, name in _NOT_READ.items():
        if head.startswith(start):
            raise BadItem(f"the format {name} is not read", _CONVERT)
    if head[:4] == b"fLaC":
        return "FLAC"
    if head[:4] == b"OggS":
        return "Ogg"
    if head[:4] in (b"RIFF", b"RF64") and head[8:12] == b"WAVE":
        return "WAV"
    if head[:4] == b"FORM" and head[8:12] in (b"AIFF", b"AIFC"):
        return "AIFF"
    if head[4:8] == b"ftyp":
        return "MP4"
    return None


def open_audio(path):
    """Open a sound file for its tags, by its content and not by its name as mutagen does.

    Parameters
    ----------
    path : str

    Returns
    -------
    file : mutagen.FileType
        ``file.tags`` is None if there are none.
    kind : str
        As `audio_kind`.

    Raises
    ------
    BadItem
        If it is no sound file that can be read.
    """
    kind = audio_kind(path)
    if kind is None:
        if os.path.splitext(path)[1].lower() not in _SUFFIXES["MP3"]:
            raise BadItem(
                "it is no sound file of a known format",
                "Read are MP3, FLAC, Ogg, WAV, AIFF and MP4, told by their content.",
            )
        kind = "MP3"
    mutagen = import_from_extra("mutagen", "Reading tags", extra="data")
    from mutagen import aiff, flac, mp3, mp4, oggflac, oggopus, oggvorbis, wave

    openers = {"MP3": mp3.MP3, "FLAC": flac.FLAC, "WAV": wave.WAVE, "MP4": mp4.MP4}
    openers["AIFF"] = aiff.AIFF
    ogg = [oggvorbis.OggVorbis, oggopus.OggOpus, oggflac.OggFLAC]
    try:
        file = mutagen.File(path, options=ogg) if kind == "Ogg" else openers[kind](path)
    except mutagen.MutagenError as error:
        reason = " ".join(str(error).split()) or type(error).__name__
        raise BadItem(f"it is no {kind} file, or broken ({reason})", "Get it again.") from error
    if file is None:
        raise BadItem("Ogg without Vorbis, Opus or FLAC in it", _CONVERT)
    return file, kind


def read_audio_tags(path):
    """Read the tags of a sound file.

    Parameters
    ----------
    path : str

    Returns
    -------
    tags : dict
        title, artist, albumartist, album, date and the ids of `IDS` (str or None), track and disc
        (int or None), genre and comment (list of str), pictures (list of bytes, the front cover
        first), duration in seconds, format (str), and notes (list of str) of what is odd.

    Raises
    ------
    BadItem
        If it is no sound file that can be read.
    """
    file, kind = open_audio(path)
    suffix = os.path.splitext(path)[1].lower()
    notes = []
    if suffix not in _SUFFIXES[kind]:
        notes.append(f"the name ends in {suffix!r}, but the file holds {kind}")
    read = {"MP3": _read_id3, "AIFF": _read_id3, "WAV": _read_id3, "MP4": _read_mp4}
    tags, pictures = read.get(kind, _read_vorbis)(file, notes)
    if kind == "WAV":  # which may have both; the other is what most programs write
        tags = _read_riff_info(path) | {name: texts for name, texts in tags.items() if texts}
    one = {key: _first(tags.get(key)) for key in _FIELDS}
    pictures = [data for _, data in sorted(pictures, key=lambda picture: picture[0] != _FRONT)]
    return {
        **one,
        "artist": "; ".join(_texts(tags.get("artist"))) or None,
        "track": _number(one["track"]),
        "disc": _number(one["disc"]),
        "genre": _texts(tags.get("genre")),
        "comment": _texts(tags.get("comment")),
        "pictures": pictures,
        "duration": float(file.info.length),
        "format": kind,
        "notes": notes,
    }


def read_genres(values, separators):
    """Return the names in the values of a genre tag.

    Parameters
    ----------
    values : list of str
        "(17)", "17" and "(17)Hard Rock" are numbers of ID3; 255 and other unknown ones are none.
    separators : str
        Letters that stand between names.

    Returns
    -------
    genres : list of str
        Each once, in order.
    n_unknown : int
        Numbers that stand for no genre.
    """
    id3 = import_from_extra("mutagen.id3", "Reading tags", extra="data")
    named = id3.TCON(encoding=3, text=values).genres if values else []
    known = [name for name in named if name != "Unknown"]
    split = re.compile("[" + re.escape(separators + "\x00") + "]")
    parts = (" ".join(part.split()) for name in known for part in split.split(name))
    genres = {}
    for part in filter(None, parts):
        genres.setdefault(part.casefold(), part)
    return list(genres.values()), len(named) - len(known)


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
    if not file.tags:  # there is none, or one without a frame
        return tags, []
    tags["comment"] = [
        str(text)
        for frame in frames.getall("COMM")
        if not _PROGRAMS.match(frame.desc)
        for text in frame.text
    ]
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


def _mp4_text(value):
    if isinstance(value, tuple):  # a number of how many
        return str(value[0])
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def _read_riff_info(path):
    """Read what many programs write into WAV files, which mutagen does not read."""
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            info = file.copy_metadata()
    except soundfile.LibsndfileError:
        return {}
    return {_RIFF_INFO.get(name, name): [text] for name, text in info.items()}


def _texts(values):
    texts = (str(value).strip("\x00 \t\r\n") for value in values or ())
    return [text for text in texts if text]


def _first(values):
    return next(iter(_texts(values)), None)


def _number(text):
    match = re.match(r"\s*(\d{1,6})", text or "")
    return int(match[1]) if match else None
