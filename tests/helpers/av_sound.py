"""Writes and opens sound files by PyAV."""

from fractions import Fraction

import av
import numpy as np


def open_av(path):
    """Open a file to read; its tags may be in any encoding, as from PyAV 19 on without asking."""
    is_old = int(av.__version__.partition(".")[0]) < 19
    return av.open(str(path), **({"metadata_errors": "replace"} if is_old else {}))


def write_av(path, y, sr, codec, container, *, bit_rate=128_000, **options):
    """Write a file.

    Parameters
    ----------
    path : Path
    y : ndarray of float, shape (n,) or (n, 2)
        In [-1, 1].
    sr : int
        Rate in Hz.
    codec, container : str
        ffmpeg's names: "aac" and "alac" in "ipod" (m4a), "aac" in "adts", "wmav2" in "asf".
    bit_rate : int
    **options : str
        Options of the encoder or of the container.
    """
    layout = "mono" if y.ndim == 1 else "stereo"
    samples = np.ascontiguousarray(np.atleast_2d(y.T), dtype=np.float32)
    frame = av.AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
    frame.sample_rate, frame.time_base, frame.pts = sr, Fraction(1, sr), 0
    encoder = {name: options.pop(name) for name in ("aac_pns",) if name in options}
    with av.open(str(path), "w", format=container, options=options) as file:
        stream = file.add_stream(codec, rate=sr, layout=layout, options=encoder)
        if not codec.startswith("alac"):
            stream.bit_rate = bit_rate
        for packet in (*stream.encode(frame), *stream.encode(None)):
            file.mux(packet)
