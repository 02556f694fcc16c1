"""What a sound file declares of its length, and the error of one that was cut short.

The decoders find it out: `SndfileDecoder._inspect` when a file is opened (MP3, WAV, FLAC, Ogg,
AIFF) and `PyAVDecoder._measure` (M4A and others), and both where too little is read.
"""

import math
import os

from ...utils import BadItem
from ._containers import length_of_id3

_OGG_PAGE = 27 + 255 + 255 * 255  # bytes at most
GET_AGAIN = "Get the file again, or re-encode what is left of it (ffmpeg -i INPUT out.flac)."


def truncated(n_decoded, n_frames, sample_rate, detail=None):
    """Return the error that says how much of a file could be decoded.

    Parameters
    ----------
    n_decoded : int
    n_frames : int or None
        As many as the file should hold, if it tells.
    sample_rate : int
        In Hz.
    detail : str, default=None
        What the decoder says.

    Returns
    -------
    error : BadItem
    """
    reason = f"truncated: {n_decoded / sample_rate:.1f} s"
    if n_frames is not None:
        reason += f" of {n_frames / sample_rate:.1f} s"
    reason += " could be decoded"
    if detail:
        reason += f" ({detail.rstrip('.')})"
    return BadItem(reason, GET_AGAIN)


def xing_header(path):
    """Number of frames and of bytes that an mp3 declares, None where it does not."""
    with open(path, "rb") as file:
        file.seek(length_of_id3(file))
        start = file.read(4096)
    at = max(start.find(b"Xing"), start.find(b"Info"))
    if at < 0 or len(start) < at + 16:
        return None, 0
    fields = start[at + 4 : at + 16]
    flags = int.from_bytes(fields[:4], "big")
    n_frames = int.from_bytes(fields[4:8], "big") if flags & 1 else None
    n_bytes = int.from_bytes(fields[8:12], "big") if flags & 3 == 3 else 0
    return n_frames, n_bytes


def last_ogg_page(path):
    """Number of frames on the last page of an Ogg file, infinite if it cannot be told.

    libsndfile (1.2.2) answers a seek into the last page with samples of another place.
    """
    with open(path, "rb") as file:
        file.seek(max(0, os.path.getsize(path) - 2 * _OGG_PAGE))
        end = file.read()
    last = end.rfind(b"OggS")
    before = end.rfind(b"OggS", 0, max(0, last))
    if before < 0 or end[before + 14 : before + 18] != end[last + 14 : last + 18]:
        return math.inf  # another stream's page
    # Every page declares the number of frames up to its end.
    begin, stop = (int.from_bytes(end[at + 6 : at + 14], "little") for at in (before, last))
    return stop - begin if begin < stop else math.inf
