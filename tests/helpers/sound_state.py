"""What a sound file holds: its sound, and all its tags."""

import io

import mutagen
import soundfile
from mutagen import mp3


def open_audio(path):
    """The file as mutagen opens it, by its content and not by its name; and its kind."""
    file = mutagen.File(io.BytesIO(path.read_bytes()))
    file = mp3.MP3(path) if file is None else file  # a bare one, which bytes alone do not tell
    return file, type(file).__name__


def sound_of(path):
    """The samples; of what libsndfile does not decode, the bytes that hold them."""
    file, kind = open_audio(path)
    if kind not in ("MP4", "FLAC"):
        with open(path, "rb") as file:  # libsndfile takes no name that is not UTF-8
            return soundfile.read(file, dtype="int32")[0].tobytes()
    content = path.read_bytes()
    if kind == "MP4":
        start = content.index(b"mdat")
        return content[start : start + int.from_bytes(content[start - 4 : start]) - 4]
    place = content.index(b"fLaC") + 4
    while True:
        last, size = content[place] & 0x80, int.from_bytes(content[place + 1 : place + 4])
        place += 4 + size
        if last:
            return content[place:]


def tags_of(path):
    """All tags as mutagen reads them, in their order where they have one."""
    file, kind = open_audio(path)
    if not file.tags:
        return None
    if kind in ("MP3", "WAVE", "AIFF"):
        # translated tags have another version, so the frames of the file are asked for, too
        return sorted(map(repr, file.tags.values())), file.tags.version
    if kind == "MP4":
        return sorted(map(repr, file.tags.items()))
    return list(list.__iter__(file.tags)), getattr(file, "pictures", None) and [
        picture.write() for picture in file.pictures
    ]


def state_of(files):
    return {path: (sound_of(path), tags_of(path), path.stat().st_mode) for path in files}
