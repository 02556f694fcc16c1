"""Small sound files of every format, and the same with damage or false claims in their headers."""

import io
import struct

import numpy as np
import soundfile
from m4a import write_m4a
from made_sounds import make_chirp

# Format and encoding of libsndfile, and the sampling rate.
_SNDFILE = {
    "pcm.wav": ("WAV", "PCM_16", 22050),
    "float.wav": ("WAV", "FLOAT", 22050),
    "adpcm.wav": ("WAV", "IMA_ADPCM", 22050),
    "extensible.wav": ("WAVEX", "PCM_24", 22050),
    "a.aiff": ("AIFF", "PCM_16", 22050),
    "a.au": ("AU", "PCM_16", 22050),
    "a.w64": ("W64", "PCM_16", 22050),
    "a.rf64": ("RF64", "PCM_16", 22050),
    "pcm.caf": ("CAF", "PCM_16", 22050),
    "lossless.caf": ("CAF", "ALAC_16", 22050),
    "a.flac": ("FLAC", "PCM_16", 22050),
    "vorbis.ogg": ("OGG", "VORBIS", 22050),
    "opus.ogg": ("OGG", "OPUS", 24000),
    "a.mp3": ("MP3", "MPEG_LAYER_III", 22050),
}
_PYAV = {
    "aac.m4a": ("aac", "ipod", {}),
    "parts.mp4": ("aac", "mp4", {"movflags": "frag_keyframe+empty_moov"}),
    "a.aac": ("aac", "adts", {}),
    "a.wma": ("wmav2", "asf", {}),
    "a.mka": ("flac", "matroska", {}),
    "a.mp2": ("mp2", "mp2", {}),
}
_EXTREMES = (0, 1, 0x7F, 0x80, 0xFF)


def make_sounds(folder, seconds=2.0):
    """Write a file of each format that can be written here.

    Parameters
    ----------
    folder : Path
    seconds : float

    Returns
    -------
    contents : dict of str to bytes
        Content by name.
    """
    names = [*_SNDFILE, "lossless.m4a"]
    for name, (kind, encoding, sr) in _SNDFILE.items():
        with open(folder / name, "wb") as file:  # not by its name, which has to mean nothing
            soundfile.write(file, make_chirp(seconds, sr), sr, format=kind, subtype=encoding)
    write_m4a(folder / "lossless.m4a", make_chirp(seconds), 22050)
    try:
        from av_sound import write_av
    except ImportError:
        pass
    else:
        names += _PYAV
        for name, (codec, container, options) in _PYAV.items():
            write_av(folder / name, make_chirp(seconds), 22050, codec, container, **options)
    return {name: (folder / name).read_bytes() for name in names}


def mutate(content, other, rng):
    """Damage a file at random.

    Parameters
    ----------
    content, other : bytes
        The file, and another whose bytes may be mixed with it.
    rng : Generator

    Returns
    -------
    content : bytes
    """
    content = bytearray(content)
    n_header = min(len(content), int(rng.choice((64, 256, 1024, len(content)))))
    kind = rng.integers(6)
    if kind == 0:  # bits
        for at in rng.integers(n_header, size=rng.integers(1, 9)):
            content[at] ^= 1 << rng.integers(8)
    elif kind == 1:  # a field, of one to eight bytes, to an extreme
        at, size = rng.integers(n_header), rng.choice((1, 2, 4, 8))
        content[at : at + size] = bytes([rng.choice(_EXTREMES)]) * size
    elif kind == 2:  # a field to any number
        at, size = rng.integers(n_header), rng.choice((2, 4))
        content[at : at + size] = rng.bytes(size)
    elif kind == 3:
        del content[rng.integers(len(content)) :]
    elif kind == 4:  # bytes that are missing, or that are too many
        at, size = rng.integers(n_header), rng.integers(1, 2000)
        content[at : at + size * rng.integers(2)] = rng.bytes(size * rng.integers(2))
    else:  # the start of one file and the end of another
        content[rng.integers(len(content)) :] = other[rng.integers(len(other)) :]
    return bytes(content)


def with_ogg_position(content, position, page=-1):
    """Let a page of an Ogg file declare another position, with its checksum.

    Parameters
    ----------
    content : bytes
    position : int
        Frames up to the end of the page.
    page : int, default=-1
        Which page.

    Returns
    -------
    content : bytes
    """
    pages = ogg_pages(content)
    changed = bytearray(pages[page])
    changed[6:14] = struct.pack("<Q", position)
    changed[22:26] = bytes(4)
    changed[22:26] = struct.pack("<I", _ogg_crc(changed))
    pages[page] = bytes(changed)
    return b"".join(pages)


def ogg_pages(content):
    """Split an Ogg file into its pages.

    Parameters
    ----------
    content : bytes

    Returns
    -------
    pages : list of bytes
    """
    pages, file = [], io.BytesIO(content)
    while header := file.read(27):
        sizes = file.read(header[26])
        pages.append(header + sizes + file.read(sum(sizes)))
    return pages


def _ogg_crc(page):
    crc = np.uint32(0)
    for byte in page:
        crc = (crc << np.uint32(8)) ^ _OGG_CRC[int(crc >> np.uint32(24)) ^ byte]
    return int(crc)


def _ogg_crc_table():
    table = np.arange(256, dtype=np.uint32) << np.uint32(24)
    for _ in range(8):
        high = table >> np.uint32(31)
        table = (table << np.uint32(1)) ^ high * np.uint32(0x04C11DB7)
    return table


_OGG_CRC = _ogg_crc_table()
