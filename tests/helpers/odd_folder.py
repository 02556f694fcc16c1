"""Writes a folder of music with every oddity that such folders have.

    from odd_folder import write_odd_folder
    folder = write_odd_folder(tmp_path)            # 300 sound files in five formats
    folder = write_odd_folder(tmp_path, n_files=60, big_cover=100_000)

The sound of a file tells its genre (a chord of its own), so that something can be learned; titles
and texts do, too. What is odd is named in `folder.odd`.
"""

import base64
import io
import os
import shutil
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import soundfile
from m4a import write_m4a
from mutagen import File, flac, id3, mp4
from PIL import Image

SR = 22050
FORMATS = ("mp3", "flac", "ogg", "m4a", "wav")
GENRES = ("Blues", "Jazz", "Metal", "Reggae", "Techno")
_MUSICBRAINZ = {"artistid": "Artist Id", "albumid": "Album Id", "trackid": "Track Id"}
_WORDS = (
    "slow and blue",
    "swinging and free",
    "heavy and fast",
    "off the beat",
    "made of machines",
)


@dataclass
class OddFolder:
    """What was written.

    Parameters
    ----------
    path : Path
    files : list of Path
        The sound files that can be read, odd ones among them, each once.
    genres : dict of Path to list of str
        What is meant to be read from the tags of each of `files`.
    odd : dict of str to Path
        Each oddity by its name.
    """

    path: Path
    files: list = field(default_factory=list)
    genres: dict = field(default_factory=dict)
    odd: dict = field(default_factory=dict)


def write_odd_folder(path, n_files=300, *, duration=2.4, big_cover=50_000_000, tracks_per_album=5):
    """Write the folder; it must be empty or not exist.

    Parameters
    ----------
    path : Path
    n_files : int, default=300
        Sound files that can be read, odd ones among them; 60 at least.
    duration : float, default=2.4
        Seconds of a file.
    big_cover : int, default=50_000_000
        Bytes of the cover that is too big.
    tracks_per_album : int, default=5

    Returns
    -------
    folder : OddFolder
    """
    folder = OddFolder(Path(path))
    folder.path.mkdir(parents=True, exist_ok=True)
    _write_odd(folder, duration, big_cover)
    album = 0
    while len(folder.files) < n_files:
        n_tracks = min(tracks_per_album, n_files - len(folder.files))
        _write_album(folder, album, n_tracks, duration)
        album += 1
    return folder


def write_sound(path, genre, seed, duration=2.4, file_format=None):
    """Write a chord that is the genre's own, in noise; the format is that of the name's end."""
    rng = np.random.default_rng(seed)
    time = np.arange(int(duration * SR)) / SR
    root = 110.0 * 2 ** (GENRES.index(genre) / 2) * rng.uniform(0.97, 1.03)
    chord = sum(np.sin(2 * np.pi * root * k * time + rng.uniform(0, 6)) for k in (1, 1.5, 2.5))
    y = 0.15 * chord + 0.03 * rng.standard_normal(len(time))
    file_format = file_format or path.suffix[1:]
    path.parent.mkdir(parents=True, exist_ok=True)
    if file_format == "m4a":
        write_m4a(path, y, SR)
    else:
        with open(path, "wb") as file:  # libsndfile takes no name that is not UTF-8
            soundfile.write(file, y, SR, format=file_format.upper())


def write_tags(path, **tags):
    """Write tags by the names of Vorbis comments, as each format has them; lists are several."""
    file = File(path)
    if isinstance(file, flac.FLAC) or path.suffix in (".ogg", ".opus"):
        for key, value in tags.items():
            file[key] = value
        return file.save()
    if isinstance(file, mp4.MP4):
        _tag_mp4(file, tags)
    else:
        if file.tags is None:
            file.add_tags()
        _tag_id3(file.tags, tags)
    return file.save()


def tagged(path, **tags):
    """Write a short sound with tags; return its path."""
    write_sound(path, "Jazz", 0, duration=1.0)
    write_tags(path, **tags)
    return path


def image_bytes(size=64, color="teal", file_format="JPEG"):
    """A small image as a file in memory."""
    buffer = io.BytesIO()
    Image.new("RGB", (size, size), color).save(buffer, file_format)
    return buffer.getvalue()


def embed(path, *pictures):
    """Put pictures into a file: pairs of the kind (3 front, 4 back) and bytes."""
    file = File(path)
    if isinstance(file, mp4.MP4):
        kinds = {b"\x89": mp4.MP4Cover.FORMAT_PNG}
        file["covr"] = [
            mp4.MP4Cover(data, kinds.get(data[:1], mp4.MP4Cover.FORMAT_JPEG))
            for _, data in pictures
        ]
    elif isinstance(file, flac.FLAC) or path.suffix == ".ogg":
        blocks = []
        for kind, data in pictures:
            block = flac.Picture()
            block.type, block.data, block.mime = kind, data, "image/jpeg"
            blocks.append(block)
        if isinstance(file, flac.FLAC):
            for block in blocks:
                file.add_picture(block)
        else:
            texts = [base64.b64encode(block.write()).decode() for block in blocks]
            file["metadata_block_picture"] = texts
    else:
        if file.tags is None:
            file.add_tags()
        for kind, data in pictures:
            file.tags.add(id3.APIC(3, "image/jpeg", kind, f"picture {kind}", data))
    file.save()


def _tag_id3(tags, values):
    frames = {"title": "TIT2", "artist": "TPE1", "albumartist": "TPE2", "album": "TALB"}
    frames |= {"genre": "TCON", "tracknumber": "TRCK", "discnumber": "TPOS", "date": "TDRC"}
    for key, value in values.items():
        texts = value if isinstance(value, list) else [str(value)]
        if key in frames:
            tags.add(getattr(id3, frames[key])(encoding=3, text=texts))
        elif key == "comment":
            tags.add(id3.COMM(encoding=3, lang="eng", desc="", text=texts))
        elif key == "musicbrainz_trackid":
            tags.add(id3.UFID(owner="http://musicbrainz.org", data=texts[0].encode()))
        else:
            name = {"artistid": "Artist Id", "albumid": "Album Id"}[
                key.removeprefix("musicbrainz_")
            ]
            tags.add(id3.TXXX(encoding=3, desc=f"MusicBrainz {name}", text=texts))


def _tag_mp4(file, values):
    atoms = {"title": "\xa9nam", "artist": "\xa9ART", "albumartist": "aART", "album": "\xa9alb"}
    atoms |= {"genre": "\xa9gen", "date": "\xa9day", "comment": "\xa9cmt"}
    for key, value in values.items():
        texts = value if isinstance(value, list) else [str(value)]
        if key in atoms:
            file[atoms[key]] = texts
        elif key in ("tracknumber", "discnumber"):
            number, _, total = texts[0].partition("/")
            file["trkn" if key == "tracknumber" else "disk"] = [(int(number), int(total or 0))]
        else:
            name = _MUSICBRAINZ[key.removeprefix("musicbrainz_")]
            file[f"----:com.apple.iTunes:MusicBrainz {name}"] = [t.encode() for t in texts]


def _write_album(folder, number, n_tracks, duration):
    """An album as it should be: tags, a cover in the folder or in the files, a text."""
    genre = GENRES[number % len(GENRES)]
    suffix = FORMATS[(number // len(GENRES) + number) % len(FORMATS)]
    artist, album = f"Artist {number // 2}", f"Album {number}"
    where = folder.path / artist / album
    for track in range(1, n_tracks + 1):
        path = where / f"{track:02} Song.{suffix}"
        write_sound(path, genre, [number, track], duration)
        write_tags(
            path,
            title=f"Song {track}",
            artist=artist,
            albumartist=artist,
            album=album,
            genre=genre,
            tracknumber=f"{track}/{n_tracks}",
            date="1999",
            musicbrainz_albumid=f"00000000-0000-4000-8000-{number:012}",
        )
        if number % 3 == 0:
            embed(path, (3, image_bytes(color=(number * 7 % 256, 80, 120))))
        _add(folder, path, [genre])
    if number % 3 == 1:
        (where / "cover.jpg").write_bytes(image_bytes(color="maroon"))
    text = f"{album} by {artist} is {_WORDS[number % len(GENRES)]} from the first song to the last."
    (where / "review.txt").write_text(text, encoding="utf-8")


def _add(folder, path, genres, name=None):
    folder.files.append(path)
    folder.genres[path] = genres
    if name is not None:
        folder.odd[name] = path


def _write_odd(folder, duration, big_cover):
    odd = folder.path / "odd"
    seed = 0

    def sound(name, suffix="mp3", genres=("Jazz",), odd_name=None, file_format=None, **tags):
        nonlocal seed
        seed += 1
        path = odd / f"{name}.{suffix}" if suffix else odd / name
        path.parent.mkdir(parents=True, exist_ok=True)
        plain = odd / f"plain.{file_format or suffix}"  # mutagen goes by the names of files, too
        write_sound(plain, "Jazz", [9, seed], duration)
        if tags:
            write_tags(plain, **tags)
        os.replace(plain, path)
        _add(folder, path, list(genres), odd_name or name)
        return path

    for suffix in FORMATS:
        sound(f"no tags {suffix}", suffix, (), odd_name=f"no_tags_{suffix}")
        sound(f"two genres {suffix}", suffix, ("Jazz", "Blues"), f"two_genres_{suffix}",
              genre=["Jazz", "Blues"])  # fmt: skip
        sound(f"semicolons {suffix}", suffix, ("Jazz", "Blues"), f"semicolons_{suffix}",
              genre="Jazz; Blues ;jazz")  # fmt: skip
        path = sound(f"two covers {suffix}", suffix, odd_name=f"two_covers_{suffix}", genre="Jazz")
        if suffix != "m4a":  # which knows no kinds of pictures
            embed(path, (4, image_bytes(color="black")), (3, image_bytes(color="white")))
        else:
            embed(path, (3, image_bytes(color="white")), (4, image_bytes(color="black")))
    sound("slash", genres=("Pop/Rock",), genre="Pop/Rock")
    sound("slash_between", genres=("Jazz", "Techno"), genre="Jazz/Techno")
    sound("other", genres=(), genre="Other")
    sound("number", genres=("Rock",), genre="(17)")
    sound("number_and_name", "flac", ("Reggae", "Roots"), genre=["16", "Roots"])
    sound("genre_255", genres=(), genre="(255)")
    sound("spelling", "flac", ("Jazz",), genre="JAZZ")

    path = sound("id3v1")
    _append_id3v1(path, genre=8)  # Jazz
    path = sound("id3v1_255", genres=())
    _append_id3v1(path, genre=255)

    sound("flac_named", "mp3", odd_name="wrong_extension", file_format="flac", genre="Jazz")
    sound("mp3_named", "flac", odd_name="wrong_extension_mp3", file_format="mp3", genre="Jazz")
    sound("no_extension", "", file_format="flac", genre="Jazz")
    sound("unknown.extension", "", odd_name="unknown_extension", file_format="wav", genre="Jazz")
    sound("日本語の名前", "m4a", odd_name="japanese", genre="Jazz", title="歌", artist="椎名林檎")
    sound("two\nlines", "ogg", odd_name="newline", genre="Jazz", title="a\nb")
    sound("x" * 240, "mp3", odd_name="long_name", genre="Jazz")
    sound(os.fsdecode(b"latin \xe9"), "mp3", odd_name="not_utf8", genre="Jazz")
    read_only = sound("read_only", "flac", genre="Jazz")
    os.chmod(read_only, 0o444)
    path = sound("big_cover", genre="Jazz")
    embed(path, (3, image_bytes() + bytes(big_cover)))
    path = sound("cover_is_no_image", genre="Jazz")
    embed(path, (3, b"<html>no image</html>"))
    path = sound("truncated", "flac", genre="Jazz")
    os.truncate(path, path.stat().st_size // 2)
    sound("commented", "ogg", genre="Jazz", comment="A quiet record for the late hours of a day.")
    path = sound("sidecar", "wav", genre="Jazz")
    path.with_suffix(".txt").write_text("Un café à côté.", encoding="cp1252")
    path = sound("sidecar_utf16", "mp3", genre="Jazz")
    path.with_suffix(".txt").write_text("Schöne Töne.", encoding="utf-16")
    path = sound("sidecar_binary", "mp3", genre="Jazz")
    path.with_suffix(".txt").write_bytes(b"\x00\x01" * 50)
    folder.odd["binary_text"] = path.with_suffix(".txt")
    sound("folder.mp3/inside", "mp3", odd_name="inside_folder_named_mp3", genre="Jazz")
    for disc in (1, 2):
        path = folder.path / "Box" / f"CD {disc}" / "01.flac"
        write_sound(path, "Techno", [8, disc], duration)
        write_tags(path, album="Box", artist=f"Guest {disc}", genre="Techno", title=f"Disc {disc}")
        _add(folder, path, ["Techno"], f"disc_{disc}")
    (folder.path / "Box" / "folder.png").write_bytes(image_bytes(file_format="PNG"))
    (folder.path / "Box" / "front.jpg").write_bytes(image_bytes())

    # From here on nothing that can be read, or nothing new.
    def broken(name, content, odd_name):
        (odd / name).write_bytes(content)
        folder.odd[odd_name] = odd / name

    broken("empty.mp3", b"", "empty")
    broken("text.mp3", b"This is no sound at all.\n" * 40, "text_named_mp3")
    broken("noise.flac", np.random.default_rng(0).bytes(5000), "noise_named_flac")
    broken("windows.wma", b"0&\xb2u\x8ef\xcf\x11" + bytes(100), "wma")
    broken("picture.mp3", image_bytes(), "picture_named_mp3")
    broken("._hidden.mp3", b"\x00\x05\x16\x07", "hidden")
    broken("Thumbs.db", bytes(600), "no_sound")
    unreadable = odd / "unreadable.mp3"
    shutil.copy(folder.odd["slash"], unreadable)
    os.chmod(unreadable, 0)  # the superuser reads it all the same
    folder.odd["unreadable"] = unreadable
    if os.access(unreadable, os.R_OK):
        _add(folder, unreadable, ["Pop/Rock"])
    links = {
        "loop": ("up", folder.path),
        "loop_itself": ("itself.mp3", "itself.mp3"),
        "dangling": ("dangling.mp3", "nowhere.mp3"),
        "linked": ("linked.mp3", folder.odd["slash"]),
    }
    for odd_name, (name, target) in links.items():
        os.symlink(target, odd / name)
        folder.odd[odd_name] = odd / name
    os.mkfifo(odd / "pipe.mp3")
    folder.odd["pipe"] = odd / "pipe.mp3"


def _append_id3v1(path, genre):
    tag = b"TAG" + b"Old Title".ljust(30, b"\0") + b"Old Artist".ljust(30, b"\0")
    tag += b"Old Album".ljust(30, b"\0") + b"1973" + bytes(30) + bytes([genre])
    with open(path, "ab") as file:
        file.write(tag)
