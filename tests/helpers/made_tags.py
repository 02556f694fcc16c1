"""Small sound files of every format with every kind of tag, made byte by byte.

mutagen reads these tags and writes only a few of their kinds, so none of them is made by it.
"""

import base64
import functools
import io
import struct
import tempfile
import zlib
from pathlib import Path

import numpy as np
import soundfile
from av_sound import open_av, write_av
from m4a import write_m4a

SR = 24000
PICTURE = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 8  # with bytes that need unsynchronisation
# Frames of ID3v2.3 that mutagen drops when it writes a tag: without an end, of an unknown
# encoding, without a zero, compressed, encrypted, grouped, and of a name that no one knows.
FAULTY = [
    (b"SYLT", b"\0eng\2\1\0la la la without end", 0),
    (b"TCOM", b"\7Composer Name", 0),
    (b"WXXX", b"\1\xff\xfe", 0),
    (b"TXXX", b"\0justdesc", 0),
    (b"TPUB", struct.pack(">I", 12) + zlib.compress(b"\0Some Records"), 0x80),
    (b"TENC", b"\x81\x13\x37\x42", 0x40),
    (b"TCOP", b"\x05\0grouped", 0x20),
    (b"QQQQ", b"what is this", 0),
    (b"TCON", b"\x09no encoding", 0),
]


def id3(frames, version=3, flags=0, padding=0, extended=b"", footer=False):
    """Return a tag; a frame is a name, data and its flags."""
    body = b"".join(_frame(version, *frame) for frame in frames)
    if flags & 0x80 and version < 4:
        body = body.replace(b"\xff", b"\xff\0")
    body = extended + body + bytes(padding)
    flags |= 0x40 if extended else 0x10 if footer else 0
    head = bytes([version, 0, flags]) + synchsafe(len(body))
    return b"ID3" + head + body + (b"3DI" + head if footer else b"")


def synchsafe(number):
    return bytes(number >> shift & 0x7F for shift in (21, 14, 7, 0))


def _frame(version, name, data, flags=0):
    if version == 2:
        return name + len(data).to_bytes(3, "big") + data
    size = synchsafe(len(data)) if version == 4 else struct.pack(">I", len(data))
    return name + size + struct.pack(">H", flags) + data


def usual(version, genre="Jazz"):
    """Return the frames of a usual tag."""
    names = (b"TT2", b"TCO", b"PIC") if version == 2 else (b"TIT2", b"TCON", b"APIC")
    mime = b"JPG" if version == 2 else b"image/jpeg\0"
    frames = [(names[0], b"\1" + "Tïtle".encode("utf-16"))]
    frames += [(names[1], b"\0" + genre.encode())] if genre else []
    return [*frames, (names[2], b"\0" + mime + b"\3\0" + PICTURE)]


def id3v1(genre=8):
    return b"TAG" + b"Old Title".ljust(94, b"\0") + b"comment".ljust(30, b"\0") + bytes([genre])


def apev2():
    items = b"".join(
        struct.pack("<II", len(text), 0) + key + b"\0" + text
        for key, text in ((b"Genre", b"Polka"), (b"MP3GAIN_MINMAX", b"089,179"))
    )
    parts = struct.pack("<IIII", 2000, len(items) + 32, 2, 0) + bytes(8)
    head = struct.pack("<IIII", 2000, len(items) + 32, 2, 0xA0000000) + bytes(8)
    return b"APETAGEX" + head + items + b"APETAGEX" + parts[:12] + b"\0\0\0\x80" + parts[16:]


def comments(*texts, vendor=b"made by hand"):
    parts = [struct.pack("<I", len(text)) + text for text in (vendor, *texts)]
    return parts[0] + struct.pack("<I", len(texts)) + b"".join(parts[1:])


def picture_block():
    parts = (b"image/jpeg", "Cövér".encode())
    block = struct.pack(">I", 3) + b"".join(struct.pack(">I", len(p)) + p for p in parts)
    return block + struct.pack(">IIIII", 1, 1, 24, 0, len(PICTURE)) + PICTURE


COMMENTS = {
    "none": (),
    "repeated": (b"TITLE=a", b"Genre=Jazz", b"ARTIST=b", b"GENRE=Bop", b"artist=c", b"genre="),
    "no_genre": (b"title=a", b"no equals sign", b"k\xe9y=odd", b"TITLE=\xff not UTF-8"),
    "latin1": (b"genre=Chans\xf3n", b"title=a"),
    "picture": (
        b"METADATA_BLOCK_PICTURE=" + base64.b64encode(picture_block() * 20),
        b"genre=Jazz",
        b"R128_TRACK_GAIN=-123",
    ),
    "long": (b"genre=Jazz", b"description=" + b"words " * 12_000),
}


@functools.cache
def sounds():
    """Return half a second of sound in each format, without a tag where that can be."""
    rng = np.random.default_rng(0)
    y = 0.3 * np.sin(np.arange(SR // 2) / 9) + 0.01 * rng.standard_normal(SR // 2)
    made = {}
    for suffix, kind, subtype in (
        ("mp3", "MP3", None),
        ("flac", "FLAC", None),
        ("ogg", "OGG", "VORBIS"),
        ("opus", "OGG", "OPUS"),
        ("wav", "WAV", "PCM_16"),
        ("aiff", "AIFF", "PCM_16"),
        ("aifc", "AIFF", "FLOAT"),
    ):
        buffer = io.BytesIO()
        soundfile.write(buffer, y, SR, format=kind, subtype=subtype)
        made[suffix] = buffer.getvalue()
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "a"
        write_m4a(path, y, SR)
        made["m4a"] = path.read_bytes()
        for name, codec, container, options in (
            ("oga", "flac", "ogg", {}),
            ("aac", "aac", "ipod", {"movflags": "faststart"}),
            ("mp4", "aac", "mp4", {"movflags": "frag_keyframe+empty_moov+default_base_moof"}),
        ):
            write_av(path, y.astype(np.float32), SR, codec, container, **options)
            made[name] = path.read_bytes()
    return made


def tagged_files():
    """Return the content of files by their names."""
    s, made = sounds(), {}
    made |= {f"{name}.mp3": tag + s["mp3"] for name, tag in _id3_tags().items()}
    end = {"v1": id3v1(), "v1_255": id3v1(255), "ape": apev2(), "ape_v1": apev2() + id3v1()}
    made |= {f"{name}.mp3": s["mp3"] + tag for name, tag in end.items()}
    made |= {f"v3_{name}.mp3": id3(usual(3)) + s["mp3"] + tag for name, tag in end.items()}
    made["none.mp3"] = s["mp3"]
    for name, tag in {"empty_chunk": b"", **_id3_tags()}.items():
        made[f"lower_{name}.wav"] = with_chunk(s["wav"], b"id3 ", tag)
        made[f"upper_{name}.wav"] = with_chunk(s["wav"], b"ID3 ", tag)
        made[f"{name}.aiff"] = with_chunk(s["aiff"], b"ID3 ", tag)
    info = b"INFOIGNR\x05\0\0\0Jazz\0\0INAM\x02\0\0\0a\0"
    for name in ("wav", "aiff", "aifc"):
        made[f"none.{name}"] = s[name]
    made["info.wav"] = with_chunk(s["wav"], b"LIST", info)
    made["info_id3.wav"] = with_chunk(made["info.wav"], b"id3 ", id3(usual(3)))
    made["id3_first.wav"] = with_chunk(s["wav"], b"id3 ", id3(usual(3)), first=True)
    made["id3_first.aiff"] = with_chunk(s["aiff"], b"ID3 ", id3(usual(4)), first=True)
    made["odd.wav"] = with_chunk(s["wav"], b"abcd", b"odd")
    for name, texts in COMMENTS.items():
        made |= {
            f"{name}.flac": flac_with(s["flac"], texts, 1000),
            f"{name}_full.flac": flac_with(s["flac"], texts, None),
            f"{name}.ogg": ogg_with(s["ogg"], b"\x03vorbis", texts, b"\x01"),
            f"{name}.opus": ogg_with(s["opus"], b"OpusTags", texts, b"\0binary"),
            f"{name}.oga": ogg_with(s["oga"], b"\x04", texts),
            f"{name}_small.ogg": ogg_with(s["ogg"], b"\x03vorbis", texts, b"\x01", n_lengths=16),
        }
    made["no_comments.flac"] = flac_with(s["flac"], None, None)
    made["id3_before.flac"] = id3(usual(3)) + made["repeated.flac"]
    for name in ("m4a", "aac", "mp4"):
        suffix = "mp4" if name == "mp4" else "m4a"
        for kind, atoms in MP4_LISTS.items():
            made[f"{name}_{kind}.{suffix}"] = mp4_with(s[name], atoms, 0)
            made[f"{name}_{kind}_free.{suffix}"] = mp4_with(s[name], atoms, 400)
        made[f"{name}_no_udta.{suffix}"] = mp4_with(s[name], None)
    return made


def _id3_tags():
    crowd = [*usual(3), *FAULTY]
    v3, v4 = usual(3), usual(4)
    tags = {
        "v2": id3(usual(2), 2),
        "v2_faulty": id3([*usual(2), (b"ULT", b"\7"), (b"QQQ", b"?")], 2),
        "v2_unsync": id3(usual(2), 2, 0x80),
        "v3": id3(v3),
        "v3_padded": id3(v3, padding=500),
        "v3_little_padding": id3(v3, padding=5),
        "v3_no_genre": id3(usual(3, None), padding=500),
        "v3_faulty": id3(crowd),
        "v3_faulty_padded": id3(crowd, padding=300),
        "v3_faulty_unsync": id3(crowd, 3, 0x80, padding=300),
        "v3_two_genres": id3([*v3, (b"TCON", b"\0(17)"), *FAULTY]),
        "v3_unsync": id3(v3, 3, 0x80),
        "v3_extended": id3(v3, extended=struct.pack(">IHI", 6, 0, 300), padding=300),
        "v3_overrun": id3([*v3, FAULTY[0]])[:-3] + b"",
        "v3_junk_in_padding": id3(v3)[:6] + synchsafe(len(id3(v3)) - 10 + 64) + id3(v3)[10:]
        + bytes(20) + b"junk".ljust(44, b"\1"),
        "v3_empty": id3([]),
        "v3_only_padding": id3([], padding=200),
        "v4": id3(v4, 4),
        "v4_padded": id3(v4, 4, padding=500),
        "v4_unsync": id3([v4[0], (b"TCON", b"\3Jazz\0Bop"), v4[2]], 4, 0x80),
        "v4_extended": id3(v4, 4, extended=synchsafe(6) + b"\1\0", padding=30),
        "v4_footer": id3(v4, 4, footer=True),
        "v4_empty": id3([], 4),
        "v4_plain_sizes": id3([(*f, 0) for f in v3]).replace(b"ID3\3", b"ID3\4"),
    }  # fmt: skip
    # A last frame that says it is longer than the tag.
    body = tags["v3_overrun"][10:]
    tags["v3_overrun"] = b"ID3\3\0\0" + synchsafe(len(body)) + body
    return tags


def with_chunk(content, name, data, first=False):
    """Return a file of chunks with another one, as the first or the last."""
    order = "<" if content[:4] == b"RIFF" else ">"
    chunk = name + struct.pack(order + "I", len(data)) + data + bytes(len(data) % 2)
    body = content[12:]
    body = chunk + body if first else body + bytes(len(body) % 2) + chunk
    return content[:4] + struct.pack(order + "I", len(body) + 4) + content[8:12] + body


def flac_with(content, texts, padding):
    """Return FLAC with comments, a picture, a block of no known kind, and padding or none."""
    place, last = 4, False
    while not last:
        last = bool(content[place] & 0x80)
        place += 4 + int.from_bytes(content[place + 1 : place + 4], "big")
    blocks = [(0, content[8:42])]
    blocks += [] if texts is None else [(4, comments(*texts))]
    blocks += [(6, picture_block()), (77, b"of the future")]
    blocks += [] if padding is None else [(1, bytes(padding))]
    made = b"fLaC"
    for number, (kind, data) in enumerate(blocks):
        end = 0x80 if number == len(blocks) - 1 else 0
        made += bytes([kind | end]) + len(data).to_bytes(3, "big") + data
    return made + content[place:]


def ogg_with(content, begin, texts, end=b"", n_lengths=255):
    """Return Ogg with other comments, on pages of so many lengths at most."""
    pages, place = [], 0
    while place < len(content):
        lengths = content[place + 27 : place + 27 + content[place + 26]]
        stop = place + 27 + len(lengths) + sum(lengths)
        pages.append((content[place : place + 27], lengths, content[stop - sum(lengths) : stop]))
        place = stop
    n_old = 1
    while pages[n_old][1][-1] == 255:
        n_old += 1
    lengths = b"".join(page[1] for page in pages[1 : n_old + 1])
    data = b"".join(page[2] for page in pages[1 : n_old + 1])
    n_first = next(i for i, length in enumerate(lengths) if length < 255) + 1
    rest = data[sum(lengths[:n_first]) :]
    packet = comments(*texts)
    if begin == b"\x04":
        begin = bytes([data[0]]) + len(packet).to_bytes(3, "big")
    packet = begin + packet + end
    lacing = b"\xff" * (len(packet) // 255) + bytes([len(packet) % 255]) + lengths[n_first:]
    body, serial, made = packet + rest, pages[0][0][14:18], _ogg_page(*pages[0], 0)
    number, continued = 1, 0
    while lacing:
        part, lacing = lacing[:n_lengths], lacing[n_lengths:]
        ends = any(length < 255 for length in part)
        head = b"OggS\0" + bytes([continued]) + (bytes(8) if ends else b"\xff" * 8) + serial
        made += _ogg_page(head, part, body[: sum(part)], number)
        body, number, continued = body[sum(part) :], number + 1, int(part[-1] == 255)
    for page in pages[n_old + 1 :]:
        made, number = made + _ogg_page(*page, number), number + 1
    return made


def _ogg_page(head, lengths, data, number):
    page = head[:18] + struct.pack("<II", number, 0) + bytes([len(lengths)]) + lengths + data
    checksum = 0
    for byte in page:
        checksum = (checksum << 8 & 0xFFFFFFFF) ^ _CHECKSUMS[checksum >> 24 ^ byte]
    return page[:22] + struct.pack("<I", checksum) + page[26:]


def _checksum_of(byte):
    value = byte << 24
    for _ in range(8):
        value = (value << 1 & 0xFFFFFFFF) ^ (0x04C11DB7 if value >> 31 else 0)
    return value


_CHECKSUMS = [_checksum_of(byte) for byte in range(256)]


def _atom(name, data):
    return struct.pack(">I", len(data) + 8) + name + data


def _text(name, *texts, kind=1):
    return _atom(name, b"".join(_atom(b"data", struct.pack(">II", kind, 0) + t) for t in texts))


_FREEFORM = _atom(
    b"----",
    _atom(b"mean", bytes(4) + b"com.apple.iTunes")
    + _atom(b"name", bytes(4) + b"MOOD")
    + _atom(b"data", struct.pack(">II", 1, 0) + b"of its own"),
)
MP4_LISTS = {
    "no_genre": [_text(b"\xa9nam", "Tïtle".encode()), _FREEFORM],
    "text": [_text(b"\xa9nam", b"a"), _text(b"\xa9gen", b"Jazz", b"Bop"), _FREEFORM],
    "number": [_text(b"gnre", b"\0\x09", kind=0), _text(b"covr", PICTURE, kind=13)],
    "odd": [_text(b"\xa9gen", b"sort", kind=4), _text(b"QQQQ", b"\1\2", kind=99), _FREEFORM],
    "empty": [],
}


def mp4_with(content, atoms, n_free=0):
    """Return MP4 with a list of tags, and a free atom behind it; None leaves all of it out."""
    top = list(_split(content))
    old = b"".join(data for name, data in top if name == b"moov")
    parts = [(name, data) for name, data in _split(old[8:]) if name != b"udta"]
    moov = b"".join(data for _, data in parts)
    if atoms is not None:
        free = _atom(b"free", bytes(n_free)) if n_free else b""
        hdlr = _atom(b"hdlr", bytes(8) + b"mdirappl" + bytes(9))
        meta = _atom(b"meta", bytes(4) + hdlr + _atom(b"ilst", b"".join(atoms)) + free)
        moov += _atom(b"udta", meta)
    moov = _atom(b"moov", moov)
    shift = len(moov) - len(old)
    before = content.index(b"moov") < content.index(b"mdat")
    if before and b"stco" in moov:
        place = moov.index(b"stco") + 8
        (count,) = struct.unpack_from(">I", moov, place)
        offsets = struct.unpack_from(f">{count}I", moov, place + 4)
        new = struct.pack(f">{count}I", *(offset + shift for offset in offsets))
        moov = moov[: place + 4] + new + moov[place + 4 + len(new) :]
    # The index of fragments would have other places, and no reader needs it.
    return b"".join(moov if name == b"moov" else data for name, data in top if name != b"mfra")


def _split(content):
    place = 0
    while place < len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        yield content[place + 4 : place + 8], content[place : place + size]
        place += size


def sound_by_av(path):
    """What another reader than mutagen finds: the packets, the samples, and the tags."""
    with open_av(path) as file:
        stream = file.streams.audio[0]
        packets, samples = [], []
        for packet in file.demux(stream):
            packets.append(bytes(packet))
            samples += [frame.to_ndarray().tobytes() for frame in packet.decode()]
        return packets, samples, {**file.metadata, **stream.metadata}
