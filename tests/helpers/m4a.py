"""Writes an m4a file: Apple Lossless without compression, in a plain MP4 container.

libsndfile writes no m4a, and a test need not install ffmpeg for it. The frames use the escape
code of the format, which says that the samples follow as they are.
"""

import struct

import numpy as np

_FRAME = 4096  # samples


def write_m4a(path, samples, sr):
    """Write one channel.

    Parameters
    ----------
    path : str or path
    samples : ndarray of float, shape (n,)
        In [-1, 1]; written with 16 bits.
    sr : int
        Rate in Hz.
    """
    pcm = np.clip(np.rint(np.asarray(samples) * 32767), -32768, 32767).astype(np.int64)
    frames = [_frame(pcm[start : start + _FRAME]) for start in range(0, len(pcm), _FRAME)]
    lengths = [min(_FRAME, len(pcm) - start) for start in range(0, len(pcm), _FRAME)]
    cookie = struct.pack(
        ">IBBBBBBHIII", _FRAME, 0, 16, 40, 10, 14, 1, 255, max(map(len, frames)), 0, sr
    )
    entry = bytes(6) + struct.pack(">H", 1) + bytes(8)
    entry += struct.pack(">HHHHI", 1, 16, 0, 0, sr << 16) + _full(b"alac", cookie)
    times = _runs(lengths)
    ftyp = _box(b"ftyp", b"M4A " + bytes(4) + b"M4A mp42isom")

    def moov(offset):
        tables = (
            _full(b"stsd", struct.pack(">I", 1) + _box(b"alac", entry)),
            _full(b"stts", struct.pack(">I", len(times)) + b"".join(times)),
            _full(b"stsc", struct.pack(">IIII", 1, 1, len(frames), 1)),
            _full(b"stsz", struct.pack(f">II{len(frames)}I", 0, len(frames), *map(len, frames))),
            _full(b"stco", struct.pack(">II", 1, offset)),
        )
        data = _box(b"dinf", _full(b"dref", struct.pack(">I", 1) + _full(b"url ", b"", flags=1)))
        minf = _box(b"minf", _full(b"smhd", bytes(4)) + data + _box(b"stbl", b"".join(tables)))
        hdlr = _full(b"hdlr", bytes(4) + b"soun" + bytes(12) + b"sound\0")
        mdhd = _full(b"mdhd", struct.pack(">IIIIHH", 0, 0, sr, len(pcm), 0x55C4, 0))
        matrix = struct.pack(">9I", 1 << 16, 0, 0, 0, 1 << 16, 0, 0, 0, 1 << 30)
        tkhd = struct.pack(">IIIII", 0, 0, 1, 0, len(pcm)) + bytes(8)
        tkhd = _full(
            b"tkhd", tkhd + struct.pack(">HHHH", 0, 0, 256, 0) + matrix + bytes(8), flags=7
        )
        mvhd = struct.pack(">IIIIIH", 0, 0, sr, len(pcm), 1 << 16, 256) + bytes(10)
        mvhd = _full(b"mvhd", mvhd + matrix + bytes(24) + struct.pack(">I", 2))
        return _box(b"moov", mvhd + _box(b"trak", tkhd + _box(b"mdia", mdhd + hdlr + minf)))

    offset = len(ftyp) + len(moov(0)) + 8
    with open(path, "wb") as file:
        file.write(ftyp + moov(offset) + _box(b"mdat", b"".join(frames)))


def _frame(pcm):
    """One channel element: a size that is not the usual, the escape code, samples, end."""
    bits = "000" + "0000" + "0" * 12 + "1" + "00" + "1" + f"{len(pcm):032b}"
    bits += "".join(f"{sample & 0xFFFF:016b}" for sample in pcm.tolist()) + "111"
    bits += "0" * (-len(bits) % 8)
    return int(bits, 2).to_bytes(len(bits) // 8, "big")


def _runs(lengths):
    runs = []
    for length in lengths:
        if runs and runs[-1][1] == length:
            runs[-1][0] += 1
        else:
            runs.append([1, length])
    return [struct.pack(">II", *run) for run in runs]


def _box(kind, content):
    return struct.pack(">I", 8 + len(content)) + kind + content


def _full(kind, content, flags=0):
    return _box(kind, struct.pack(">I", flags) + content)
